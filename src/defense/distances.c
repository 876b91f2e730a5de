/* Losses and decisions by distances in a latent space. Sums run in a fixed order in double, so that
 * they depend on the points alone. */
#include "defense/distances.h"

#include <math.h>
#include <string.h>

double ag_latent_squared_distance(size_t floats, const float *a, const float *b)
{
  double sum = 0;
  for (size_t k = 0; k < floats; ++k) {
    const double difference = (double)a[k] - (double)b[k];
    sum += difference * difference;
  }
  return sum;
}

/* a_gradient += factor (a - b), b_gradient -= factor (a - b). */
static void pull(size_t floats, double factor, const float *a, const float *b, float *a_gradient,
                 float *b_gradient)
{
  for (size_t k = 0; k < floats; ++k) {
    const float step = (float)(factor * ((double)a[k] - (double)b[k]));
    a_gradient[k] += step;
    b_gradient[k] -= step;
  }
}

/* ---- contrastive loss ---- */

double ag_latent_contrastive(size_t count, size_t floats, const float *points,
                             const uint8_t *labels, double margin, double scale, float *gradient)
{
  double loss = 0;
  const double share = count > 1 ? 2 / ((double)count - 1) : 0; /* a pair counts for both */
  memset(gradient, 0, count * floats * sizeof *gradient);
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = i + 1; j < count; ++j) {
      const float *a = points + i * floats;
      const float *b = points + j * floats;
      const double squared = ag_latent_squared_distance(floats, a, b);
      const double distance = sqrt(squared);
      double factor = 2 * scale * share;
      if (labels[i] == labels[j]) {
        loss += share * squared;
      } else {
        const double lacking = fmax(0, margin - distance);
        loss += share * lacking * lacking;
        factor *= distance > 0 ? -lacking / distance : 0;
      }
      if (factor != 0) pull(floats, factor, a, b, gradient + i * floats, gradient + j * floats);
    }
  }
  return loss;
}

/* ---- triplet loss ---- */

/* The nearest point of another label; `count` where there is none. */
static size_t nearest_other(size_t count, size_t floats, const float *points, const uint8_t *labels,
                            size_t i, double *distance)
{
  size_t nearest = count;
  for (size_t j = 0; j < count; ++j) {
    if (labels[j] == labels[i]) continue;
    const double squared =
        ag_latent_squared_distance(floats, points + i * floats, points + j * floats);
    if (nearest < count && squared >= *distance) continue;
    *distance = squared;
    nearest = j;
  }
  *distance = nearest < count ? sqrt(*distance) : 0;
  return nearest;
}

double ag_latent_triplet(size_t count, size_t floats, const float *points, const float *attacked,
                         const uint8_t *labels, double margin, double scale, float *gradient,
                         float *attacked_gradient)
{
  double loss = 0;
  memset(gradient, 0, count * floats * sizeof *gradient);
  memset(attacked_gradient, 0, count * floats * sizeof *attacked_gradient);
  for (size_t i = 0; i < count; ++i) {
    const size_t at = i * floats;
    double negative = 0;
    const size_t other = nearest_other(count, floats, points, labels, i, &negative);
    const double positive = sqrt(ag_latent_squared_distance(floats, points + at, attacked + at));
    const double lacking = positive - negative + margin;
    if (other == count || lacking <= 0) continue;
    loss += lacking;
    if (positive > 0) {
      pull(floats, scale / positive, points + at, attacked + at, gradient + at,
           attacked_gradient + at);
    }
    if (negative > 0) {
      pull(floats, -scale / negative, points + at, points + other * floats, gradient + at,
           gradient + other * floats);
    }
  }
  return loss;
}

/* ---- nearest references ---- */

static const float *reference(const ag_references *references, size_t class, size_t index)
{
  return references->points + (class * references->each + index) * references->floats;
}

void ag_latent_logits(const ag_references *references, size_t count, size_t stride,
                      const float *points, float *logits, uint32_t *nearest)
{
  memset(logits, 0, count * stride * sizeof *logits);
  for (size_t i = 0; i < count; ++i) {
    for (size_t class = 0; class < references->classes; ++class) {
      double least = INFINITY;
      uint32_t which = 0;
      for (size_t r = 0; r < references->each; ++r) {
        const double squared = ag_latent_squared_distance(
            references->floats, points + i * references->floats, reference(references, class, r));
        if (squared >= least) continue;
        least = squared;
        which = (uint32_t)r;
      }
      logits[i * stride + class] = -(float)least;
      nearest[i * references->classes + class] = which;
    }
  }
}

void ag_latent_logits_back(const ag_references *references, size_t count, size_t stride,
                           const float *points, const uint32_t *nearest, const float *dlogits,
                           float *gradient)
{
  const size_t floats = references->floats;
  memset(gradient, 0, count * floats * sizeof *gradient);
  for (size_t i = 0; i < count; ++i) {
    for (size_t class = 0; class < references->classes; ++class) {
      const float *to = reference(references, class, nearest[i * references->classes + class]);
      const double factor = -2 * (double)dlogits[i * stride + class];
      const float *point = points + i * floats;
      float *own = gradient + i * floats;
      for (size_t k = 0; k < floats; ++k)
        own[k] += (float)(factor * ((double)point[k] - (double)to[k]));
    }
  }
}
