/* Stochastic gradient descent with momentum, and the clipping of its gradient. */
#include "advgrid/training.h"

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

double ag_gradient_squares(size_t floats, const float *gradients)
{
  enum { PARTS = 8 }; /* side by side, so that they fill vectors; their order is fixed */
  double parts[PARTS] = {0};
  size_t i = 0;
  for (; i + PARTS <= floats; i += PARTS) {
    for (size_t k = 0; k < PARTS; ++k)
      parts[k] += (double)gradients[i + k] * (double)gradients[i + k];
  }
  for (size_t k = 0; i + k < floats; ++k)
    parts[k] += (double)gradients[i + k] * (double)gradients[i + k];
  double sum = 0;
  for (size_t k = 0; k < PARTS; ++k)
    sum += parts[k];
  return sum;
}

float ag_gradient_clip(double norm, double limit)
{
  return limit > 0 && norm > limit ? (float)(limit / norm) : 1;
}

void ag_optimizer_step(const ag_entry *optimizer, double rate, float factor, bool decayed,
                       size_t floats, const float *gradients, float *weights, float *velocity)
{
  const ag_settings *settings = &optimizer->settings;
  const float momentum = (float)ag_settings_number(settings, "momentum");
  const float decay = decayed ? (float)ag_settings_number(settings, "weight_decay") : 0;
  const bool nesterov = ag_settings_flag(settings, "nesterov");
  const float length = (float)rate;
  const float *restrict gradient = gradients;
  float *restrict w = weights;
  float *restrict v = velocity;
  for (size_t i = 0; i < floats; ++i) {
    const float g = factor * gradient[i] + decay * w[i];
    v[i] = momentum * v[i] + g;
    w[i] -= length * (nesterov ? g + momentum * v[i] : v[i]);
  }
}

void ag_statistics_step(size_t images, size_t floats, const float *restrict sums,
                        float *restrict values)
{
  for (size_t i = 0; i < floats; ++i)
    values[i] += 0.1F * (sums[i] / (float)images - values[i]);
}
