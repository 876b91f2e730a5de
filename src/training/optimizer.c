/* Stochastic gradient descent with momentum, and the clipping of its gradient. */
#include "advgrid/training.h"

#include <math.h>

static const ag_option sgd_options[] = {
    {.name = "momentum",
     .type = AG_OPTION_NUMBER,
     .initial = "0.9",
     .minimum = 0,
     .maximum = 0.9999,
     .help = "share of the velocity that a step keeps"},
    {.name = "nesterov",
     .type = AG_OPTION_FLAG,
     .initial = "true",
     .help = "step from where the velocity leads (Nesterov 1983)"},
    {.name = "weight_decay",
     .type = AG_OPTION_NUMBER,
     .initial = "5e-4",
     .minimum = 0,
     .maximum = 1,
     .help = "pull of weights, not of biases, towards zero"},
    {0},
};

static const ag_kind sgd = {"sgd", "gradient descent with momentum", sgd_options};

const ag_kind *ag_optimizer_table(size_t index)
{
  return index == 0 ? &sgd : NULL;
}

void ag_optimizer_step(const ag_entry *optimizer, ag_network *network, double rate,
                       float *gradients, float *velocity)
{
  const float momentum = (float)ag_settings_number(&optimizer->settings, "momentum");
  const bool nesterov = ag_settings_flag(&optimizer->settings, "nesterov");
  const float weight_decay = (float)ag_settings_number(&optimizer->settings, "weight_decay");
  const float length = (float)rate;
  for (size_t p = 0; p < ag_network_parameter_count(network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(network, p);
    if (!parameter->trained) continue;
    const float decay = parameter->decayed ? weight_decay : 0;
    float *restrict w = ag_network_block(network) + parameter->offset;
    float *restrict g = gradients + parameter->offset;
    float *restrict v = velocity + parameter->offset;
    for (size_t i = 0; i < parameter->floats; ++i) {
      g[i] += decay * w[i];
      v[i] = momentum * v[i] + g[i];
      w[i] -= length * (nesterov ? g[i] + momentum * v[i] : v[i]);
    }
  }
}

double ag_gradient_clip(const ag_network *network, double limit, float *gradients)
{
  double squares = 0;
  for (size_t p = 0; p < ag_network_parameter_count(network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(network, p);
    if (!parameter->trained) continue;
    const float *g = gradients + parameter->offset;
    for (size_t i = 0; i < parameter->floats; ++i)
      squares += (double)g[i] * (double)g[i];
  }
  const double norm = sqrt(squares);
  if (limit > 0 && norm > limit) {
    const float factor = (float)(limit / norm);
    for (size_t i = 0; i < ag_network_floats(network); ++i)
      gradients[i] *= factor;
  }
  return norm;
}
