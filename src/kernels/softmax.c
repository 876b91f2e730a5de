/* Softmax and cross-entropy of a few classes.
 * The largest logit is taken out of each sum, so that nothing overflows, and a confident
 * prediction keeps its digits: attacks follow gradients of images whose loss is near zero. */
#include "advgrid/kernels.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static size_t largest(size_t classes, const float *logits)
{
  size_t best = 0;
  for (size_t j = 1; j < classes; ++j)
    if (logits[j] > logits[best]) best = j;
  return best;
}

/* The sum of exp(logit - largest) over all classes but the largest one, whose term is 1.
 * terms[classes]: receives each term, and may be logits; may be NULL. */
static float exponentials(size_t classes, size_t best, const float *logits, float *terms)
{
  const float highest = logits[best];
  float rest = 0.0F;
  for (size_t j = 0; j < classes; ++j) {
    const float term = expf(logits[j] - highest);
    if (j != best) rest += term;
    if (terms != NULL) terms[j] = term;
  }
  return rest;
}

void ag_softmax(size_t count, size_t classes, size_t stride, const float *logits, float *p)
{
  assert(classes > 0 && classes <= stride);
  for (size_t row = 0; row < count; ++row, logits += stride, p += stride) {
    const float rest = exponentials(classes, largest(classes, logits), logits, p);
    for (size_t j = 0; j < classes; ++j)
      p[j] /= 1.0F + rest;
    memset(p + classes, 0, (stride - classes) * sizeof *p);
  }
}

/* -sum of q log p for q = (1 - smoothing) onehot(label) + smoothing / classes. With the largest
 * logit taken out it is a sum of what is not negative, in which no digits are lost. */
static float loss_of(size_t classes, const float *logits, size_t best, float rest, size_t label,
                     float smoothing)
{
  const float distance = logits[best] - logits[label];
  if (smoothing == 0) return distance + log1pf(rest);
  float sum = 0;
  for (size_t j = 0; j < classes; ++j)
    sum += logits[best] - logits[j];
  return (1 - smoothing) * distance + smoothing * (sum / (float)classes) + log1pf(rest);
}

void ag_cross_entropy_smoothed(size_t count, size_t classes, size_t stride, const float *logits,
                               const uint8_t *labels, float smoothing, float scale, float *losses,
                               float *gradient)
{
  assert(classes > 0 && classes <= stride && smoothing >= 0 && smoothing <= 1);
  const float share = smoothing / (float)classes;
  for (size_t row = 0; row < count; ++row, logits += stride) {
    const size_t label = labels[row];
    assert(label < classes);
    const size_t best = largest(classes, logits);
    const float rest = exponentials(classes, best, logits, gradient);
    const float total = 1.0F + rest;
    if (losses != NULL) {
      losses[row] = loss_of(classes, logits, best, rest, label, smoothing);
    }
    if (gradient == NULL) continue;
    /* p - 1 loses the digits of a p near 1: there it is minus what the others have. */
    const float own = label == best ? -rest : gradient[label] - total;
    gradient[label] = own;
    for (size_t j = 0; j < classes; ++j)
      gradient[j] = scale * (gradient[j] / total - (j == label ? share - smoothing : share));
    memset(gradient + classes, 0, (stride - classes) * sizeof *gradient);
    gradient += stride;
  }
}

void ag_cross_entropy(size_t count, size_t classes, size_t stride, const float *logits,
                      const uint8_t *labels, float scale, float *losses, float *gradient)
{
  ag_cross_entropy_smoothed(count, classes, stride, logits, labels, 0, scale, losses, gradient);
}
