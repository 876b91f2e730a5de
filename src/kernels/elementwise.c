/* What happens to each value by itself: ReLU, normalisation, dropout, noise, and sums of rows.
 * Plain loops that the compiler turns into vectors. Pointers that may be equal are not
 * `restrict`; the compiler then checks for overlap before the loop, where it is cheap. */
#include "advgrid/kernels.h"

#include <assert.h>
#include <string.h>

/* sums[width] = sum over rows. Four rows at a time: less rounding on the way up. */
static void sum_rows(size_t rows, size_t channels, size_t width, const float *restrict dy,
                     float *restrict sums)
{
  size_t row = 0;
  memset(sums, 0, width * sizeof *sums);
  for (; row + 4 <= rows; row += 4, dy += 4 * channels) {
    const float *restrict second = dy + channels;
    const float *restrict third = second + channels;
    const float *restrict fourth = third + channels;
    for (size_t c = 0; c < width; ++c)
      sums[c] += (dy[c] + second[c]) + (third[c] + fourth[c]);
  }
  for (; row < rows; ++row, dy += channels) {
    for (size_t c = 0; c < width; ++c)
      sums[c] += dy[c];
  }
}

void ag_bias_gradient(size_t rows, size_t channels, const float *dy, float *db)
{
  enum { CHUNK = 64 };
  float sums[CHUNK];
  for (size_t first = 0; first < channels; first += CHUNK) {
    const size_t width = ag_minimum(channels - first, CHUNK);
    sum_rows(rows, channels, width, dy + first, sums);
    for (size_t c = 0; c < width; ++c)
      db[first + c] += sums[c];
  }
}

void ag_relu_forward(size_t floats, const float *x, float *y)
{
  /* In this order a NaN stays one. */
  for (size_t i = 0; i < floats; ++i) {
    const float value = x[i];
    y[i] = value < 0.0F ? 0.0F : value;
  }
}

void ag_relu_backward(size_t floats, const float *y, const float *dy, float *dx)
{
  for (size_t i = 0; i < floats; ++i) {
    const float gradient = dy[i]; /* read in any case: the compiler may not decide that */
    dx[i] = y[i] > 0.0F ? gradient : 0.0F;
  }
}

void ag_normalize_forward(size_t rows, size_t channels, const float *restrict mean,
                          const float *restrict deviation, const float *restrict x,
                          float *restrict y)
{
  for (size_t row = 0; row < rows; ++row, x += channels, y += channels) {
    for (size_t c = 0; c < channels; ++c)
      y[c] = (x[c] - mean[c]) / deviation[c];
  }
}

void ag_normalize_backward(size_t rows, size_t channels, const float *restrict deviation,
                           const float *restrict dy, float *restrict dx)
{
  for (size_t row = 0; row < rows; ++row, dy += channels, dx += channels) {
    for (size_t c = 0; c < channels; ++c)
      dx[c] = dy[c] / deviation[c];
  }
}

/* y = x * scale where kept, else x * 0: a choice of factors makes a loop without branches. */
static void apply_mask(size_t floats, float scale, const uint8_t *restrict keep, const float *x,
                       float *y)
{
  for (size_t i = 0; i < floats; ++i) {
    const int32_t kept = keep[i]; /* as wide as a float, for the vectors' sake */
    y[i] = x[i] * (kept != 0 ? scale : 0.0F);
  }
}

/* As many as are drawn at once: small enough for the nearest cache. */
enum { DRAWS = 1024 };

void ag_dropout_forward(size_t floats, float probability, ag_random *random, const float *x,
                        float *y, uint8_t *keep)
{
  assert(probability >= 0.0F && probability < 1.0F);
  float drawn[DRAWS];
  for (size_t first = 0; first < floats; first += DRAWS) {
    const size_t count = ag_minimum(DRAWS, floats - first);
    ag_random_fill_uniform(random, count, drawn);
    for (size_t i = 0; i < count; ++i)
      keep[first + i] = drawn[i] >= probability;
  }
  apply_mask(floats, 1.0F / (1.0F - probability), keep, x, y);
}

void ag_dropout_backward(size_t floats, float probability, const uint8_t *keep, const float *dy,
                         float *dx)
{
  apply_mask(floats, 1.0F / (1.0F - probability), keep, dy, dx);
}

void ag_gaussian_noise(size_t rows, size_t channels, size_t stride, float deviation,
                       ag_random *random, const float *x, float *y)
{
  assert(channels <= stride);
  float drawn[DRAWS];
  size_t left = rows * channels; /* to draw */
  size_t used = 0, have = 0;     /* of those drawn */
  for (size_t row = 0; row < rows; ++row, x += stride, y += stride) {
    for (size_t c = 0; c < channels;) {
      if (used == have) {
        have = ag_minimum(DRAWS, left);
        ag_random_fill_normal(random, have, drawn);
        left -= have;
        used = 0;
      }
      const size_t end = ag_minimum(channels, c + have - used);
      for (; c < end; ++c)
        y[c] = x[c] + deviation * drawn[used++];
    }
    if (y != x) memcpy(y + channels, x + channels, (stride - channels) * sizeof *y);
  }
}
