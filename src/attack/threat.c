/* The threat model, and the losses and margins that attacks go by. */
#include "advgrid/attack.h"

#include <math.h>
#include <string.h>

/* By comparisons alone, which the compiler turns into vectors; fminf and fmaxf are calls. A NaN in
 * x stays one. */
static float project(float x, float x0, float epsilon)
{
  const float below = x0 - epsilon;
  const float above = x0 + epsilon;
  const float low = below > 0 ? below : 0;
  const float high = above < 1 ? above : 1;
  const float raised = x < low ? low : x;
  return raised > high ? high : raised;
}

void ag_threat_project(const ag_threat *threat, size_t floats, const float *restrict x0,
                       float *restrict x)
{
  const float epsilon = threat->epsilon;
  for (size_t i = 0; i < floats; ++i)
    x[i] = project(x[i], x0[i], epsilon);
}

void ag_threat_start(const ag_threat *threat, ag_shape shape, ag_random *random,
                     const float *restrict x0, float *restrict drawn, float *restrict x)
{
  const size_t points = shape.height * shape.width;
  const size_t stride = ag_channels_padded(shape.channels);
  ag_random_fill_uniform(random, points * shape.channels, drawn);
  memcpy(x, x0, points * stride * sizeof *x);
  for (size_t point = 0; point < points; ++point) {
    for (size_t c = 0; c < shape.channels; ++c)
      x[point * stride + c] += threat->epsilon * (2 * drawn[point * shape.channels + c] - 1);
  }
  ag_threat_project(threat, points * stride, x0, x);
}

void ag_threat_step(const ag_threat *threat, size_t floats, float step, const float *restrict x0,
                    const float *restrict gradient, float *restrict x)
{
  const float epsilon = threat->epsilon;
  for (size_t i = 0; i < floats; ++i) {
    const float sign = (float)(gradient[i] > 0) - (float)(gradient[i] < 0);
    x[i] = project(x[i] + step * sign, x0[i], epsilon);
  }
}

ag_status ag_threat_measure(const ag_threat *threat, size_t floats, const float *x0, const float *x,
                            float *linf, float *l2)
{
  /* Half a unit in the last place of a sum under 1, twice for safety. */
  const double rounding = 0x1p-24;
  double largest = 0;
  double squares = 0;
  for (size_t i = 0; i < floats; ++i) {
    const double distance = fabs((double)x[i] - (double)x0[i]);
    /* Written so that a NaN fails. */
    if (!(x[i] >= 0 && x[i] <= 1 && distance <= (double)threat->epsilon + rounding)) {
      return ag_fail(AG_BOUND_BROKEN,
                     "value %zu went from %.9g to %.9g, out of epsilon %.9g or of [0,1]", i,
                     (double)x0[i], (double)x[i], (double)threat->epsilon);
    }
    largest = fmax(largest, distance);
    squares += distance * distance;
  }
  *linf = (float)largest;
  *l2 = (float)sqrt(squares);
  return AG_OK;
}

void ag_loss_cross_entropy(size_t count, size_t classes, size_t stride, const float *logits,
                           const uint8_t *labels, float *gradient)
{
  ag_cross_entropy(count, classes, stride, logits, labels, 1, NULL, gradient);
}

float ag_margin(const float *logits, size_t classes, uint8_t label, uint8_t *prediction)
{
  size_t best = 0;
  float other = -INFINITY;
  for (size_t i = 0; i < classes; ++i) {
    if (logits[i] > logits[best]) best = i;
    if (i != label && logits[i] > other) other = logits[i];
  }
  if (prediction != NULL) *prediction = (uint8_t)best;
  return logits[label] - other;
}
