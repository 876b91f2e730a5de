/* The threat model, and the losses and margins that attacks go by. */
#include "attack/attack.h"

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

static double norm_of(size_t floats, const float *values)
{
  double squares = 0;
  for (size_t i = 0; i < floats; ++i)
    squares += (double)values[i] * (double)values[i];
  return sqrt(squares);
}

double ag_squared_distance(size_t floats, const float *restrict x0, const float *restrict x)
{
  double squares = 0;
  for (size_t i = 0; i < floats; ++i) {
    const double moved = (double)x[i] - (double)x0[i];
    squares += moved * moved;
  }
  return squares;
}

/* Clipping brings no value further from x0, so that the image stays in the ball. */
static void project_l2(size_t floats, double epsilon, const float *restrict x0, float *restrict x)
{
  const double distance = sqrt(ag_squared_distance(floats, x0, x));
  if (distance > epsilon) {
    const double scale = epsilon / distance;
    for (size_t i = 0; i < floats; ++i)
      x[i] = (float)((double)x0[i] + scale * ((double)x[i] - (double)x0[i]));
  }
  for (size_t i = 0; i < floats; ++i) {
    const float raised = x[i] < 0 ? 0 : x[i];
    x[i] = raised > 1 ? 1 : raised;
  }
}

void ag_threat_project(const ag_threat *threat, size_t count, size_t floats,
                       const float *restrict x0, float *restrict x)
{
  const float epsilon = threat->epsilon;
  if (threat->norm == AG_NORM_L2) {
    for (size_t i = 0; i < count; ++i)
      project_l2(floats, (double)epsilon, x0 + i * floats, x + i * floats);
    return;
  }
  for (size_t i = 0; i < count * floats; ++i)
    x[i] = project(x[i], x0[i], epsilon);
}

/* Turns draws of N(0, 1), which have no preferred direction, into a point of the ball. */
static void fill_ball(double epsilon, size_t dimensions, ag_random *random, float *drawn)
{
  ag_random_fill_normal(random, dimensions, drawn);
  const double uniform = (double)ag_random_uniform(random);
  const double length = norm_of(dimensions, drawn);
  const double radius = epsilon * pow(uniform, 1 / (double)dimensions);
  const double scale = length > 0 ? radius / length : 0;
  for (size_t i = 0; i < dimensions; ++i)
    drawn[i] = (float)(scale * (double)drawn[i]);
}

static void fill_cube(float epsilon, size_t dimensions, ag_random *random, float *drawn)
{
  ag_random_fill_uniform(random, dimensions, drawn);
  for (size_t i = 0; i < dimensions; ++i)
    drawn[i] = epsilon * (2 * drawn[i] - 1);
}

void ag_threat_start(const ag_threat *threat, ag_shape shape, ag_random *random,
                     const float *restrict x0, float *restrict drawn, float *restrict x)
{
  const size_t points = shape.height * shape.width;
  const size_t stride = ag_channels_padded(shape.channels);
  const size_t dimensions = points * shape.channels;
  if (threat->norm == AG_NORM_L2) {
    fill_ball((double)threat->epsilon, dimensions, random, drawn);
  } else {
    fill_cube(threat->epsilon, dimensions, random, drawn);
  }
  memcpy(x, x0, points * stride * sizeof *x);
  for (size_t point = 0; point < points; ++point) {
    for (size_t c = 0; c < shape.channels; ++c)
      x[point * stride + c] += drawn[point * shape.channels + c];
  }
  ag_threat_project(threat, 1, points * stride, x0, x);
}

static void step_l2(size_t floats, double step, const float *restrict gradient, float *restrict x)
{
  const double length = norm_of(floats, gradient);
  if (!isfinite(length) || length == 0) return;
  const double scale = step / length;
  for (size_t i = 0; i < floats; ++i)
    x[i] = (float)((double)x[i] + scale * (double)gradient[i]);
}

void ag_threat_step(const ag_threat *threat, size_t count, size_t floats, float step,
                    const float *restrict x0, const float *restrict gradient, float *restrict x)
{
  const float epsilon = threat->epsilon;
  if (threat->norm == AG_NORM_L2) {
    for (size_t i = 0; i < count; ++i)
      step_l2(floats, (double)step, gradient + i * floats, x + i * floats);
    ag_threat_project(threat, count, floats, x0, x);
    return;
  }
  for (size_t i = 0; i < count * floats; ++i) {
    const float sign = (float)(gradient[i] > 0) - (float)(gradient[i] < 0);
    x[i] = project(x[i] + step * sign, x0[i], epsilon);
  }
}

static ag_status check_values(const ag_threat *threat, size_t floats, const float *x0,
                              const float *x, double rounding)
{
  const double bound = threat->norm == AG_NORM_LINF ? (double)threat->epsilon + rounding : 1;
  for (size_t i = 0; i < floats; ++i) {
    /* Written so that a NaN fails. */
    if (x[i] >= 0 && x[i] <= 1 && fabs((double)x[i] - (double)x0[i]) <= bound) continue;
    return ag_fail(AG_BOUND_BROKEN,
                   "value %zu went from %.9g to %.9g, out of epsilon %.9g or of [0,1]", i,
                   (double)x0[i], (double)x[i], (double)threat->epsilon);
  }
  return AG_OK;
}

ag_status ag_threat_measure(const ag_threat *threat, size_t floats, const float *x0, const float *x,
                            float *linf, float *l2)
{
  /* Of a value: half a unit in the last place of a sum under 1, twice for safety. */
  const double rounding = 0x1p-24;
  const double epsilon = (double)threat->epsilon;
  const ag_status status = check_values(threat, floats, x0, x, rounding);
  if (status != AG_OK) return status;
  double largest = 0;
  for (size_t i = 0; i < floats; ++i)
    largest = fmax(largest, fabs((double)x[i] - (double)x0[i]));
  const double distance = sqrt(ag_squared_distance(floats, x0, x));
  if (threat->norm == AG_NORM_L2 && distance > epsilon + sqrt((double)floats) * rounding) {
    return ag_fail(AG_BOUND_BROKEN, "the image went %.9g far in L2, out of epsilon %.9g", distance,
                   epsilon);
  }
  *linf = (float)largest;
  *l2 = (float)distance;
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

bool ag_logits_are_finite(const float *logits, size_t classes)
{
  size_t i = 0;
  while (i < classes && isfinite(logits[i]))
    ++i;
  return i == classes;
}
