/* Batch normalisation over the rows of one shard, and its folding into a convolution.
 * Plain loops over channels. Sums are taken in floats over blocks of rows and the blocks added up
 * in double, in the order written here: nothing depends on the width of a vector. Pointers that may
 * be equal are not `restrict`. */
#include "kernels/vector/vector.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum {
  CHUNK = 256, /* channels whose sums are kept on the stack: more are taken in several turns */
  BLOCK = 64   /* rows whose sum is held in a float */
};

/* ---- statistics ------------------------------------------------------------------ */

/* What is known of a chunk of channels after some rows. */
typedef struct moments {
  double mean[CHUNK], squares[CHUNK]; /* squares: the sum of (z - mean)^2 */
  float shift[CHUNK];                 /* the mean, rounded */
} moments;

/* Of z - shift over the rows of a block: the sum and the sum of squares, overwritten.
 * Four rows at a time: fewer passes over the sums, and less rounding on their way up. */
static void sum_block(size_t rows, size_t stride, size_t width, const float *restrict z,
                      const float *restrict shift, float *restrict sum, float *restrict square)
{
  memset(sum, 0, width * sizeof *sum);
  memset(square, 0, width * sizeof *square);
  size_t row = 0;
  for (; row + 4 <= rows; row += 4, z += 4 * stride) {
    const float *restrict second = z + stride;
    const float *restrict third = second + stride;
    const float *restrict fourth = third + stride;
    for (size_t c = 0; c < width; ++c) {
      const float a = z[c] - shift[c];
      const float b = second[c] - shift[c];
      const float d = third[c] - shift[c];
      const float e = fourth[c] - shift[c];
      sum[c] += (a + b) + (d + e);
      square[c] += (a * a + b * b) + (d * d + e * e);
    }
  }
  for (; row < rows; ++row, z += stride) {
    for (size_t c = 0; c < width; ++c) {
      const float a = z[c] - shift[c];
      sum[c] += a;
      square[c] += a * a;
    }
  }
}

/* Adds a block of `count` rows, after which there are `total`. The block was measured from the
 * shift; `away` takes it to the exact mean of the rows before, m, where for all rows
 *   mean = m + sum / total    squares = squares before + square - sum^2 / total
 * What that difference loses stays small, since the rows before are at least as many. */
static void add_block(size_t width, size_t count, size_t total, const float *restrict sum,
                      const float *restrict square, moments *restrict known)
{
  const double rows = (double)count;
  const double share = 1.0 / (double)total;
  for (size_t c = 0; c < width; ++c) {
    const double away = known->mean[c] - (double)known->shift[c];
    const double first = (double)sum[c] - rows * away;
    const double second = (double)square[c] - away * (2.0 * (double)sum[c] - rows * away);
    const double mean = known->mean[c] + first * share;
    known->squares[c] += second - first * first * share;
    known->mean[c] = mean;
    known->shift[c] = (float)mean;
  }
}

static void chunk_statistics(size_t rows, size_t stride, size_t width, const float *z,
                             float *restrict mean, float *restrict variance)
{
  moments known;
  float sum[CHUNK];
  float square[CHUNK];
  const size_t head = ag_minimum(rows, BLOCK);
  /* The first block is measured from its own mean, each later one from that of all before. */
  memset(known.shift, 0, width * sizeof *known.shift);
  memset(known.squares, 0, width * sizeof *known.squares);
  sum_block(head, stride, width, z, known.shift, sum, square);
  for (size_t c = 0; c < width; ++c) {
    known.shift[c] = sum[c] / (float)head;
    known.mean[c] = (double)known.shift[c];
  }
  for (size_t row = 0; row < rows; row += BLOCK) {
    const size_t count = ag_minimum(rows - row, BLOCK);
    sum_block(count, stride, width, z + row * stride, known.shift, sum, square);
    add_block(width, count, row + count, sum, square, &known);
  }
  for (size_t c = 0; c < width; ++c) {
    const double squares = known.squares[c]; /* rounding may leave less than 0; a NaN stays */
    mean[c] = (float)known.mean[c];
    variance[c] = (float)((squares < 0.0 ? 0.0 : squares) / (double)rows);
  }
}

static void statistics(size_t rows, size_t channels, const float *z, float *mean, float *variance)
{
  assert(rows > 0);
  for (size_t c = 0; c < channels; c += CHUNK)
    chunk_statistics(rows, channels, ag_minimum(channels - c, CHUNK), z + c, mean + c,
                     variance + c);
}

static void invert_deviation(size_t channels, const float *variance, float epsilon,
                             float *inverse_deviation)
{
  assert(epsilon > 0.0F);
  for (size_t c = 0; c < channels; ++c)
    inverse_deviation[c] = 1.0F / sqrtf(variance[c] + epsilon);
}

/* ---- forward --------------------------------------------------------------------- */

/* One expression for both directions, so that they agree on where the ReLU is open. The mean is
 * taken off first, so that a row at the mean gives exactly beta. */
static inline float normalized(float z, float mean, float scale, float beta)
{
  return (z - mean) * scale + beta;
}

static inline float rectified(float value, bool relu)
{
  return relu && value < 0.0F ? 0.0F : value; /* in this order a NaN stays one */
}

static void multiply(size_t width, const float *a, const float *restrict b, float *product)
{
  for (size_t c = 0; c < width; ++c)
    product[c] = a[c] * b[c];
}

static inline void chunk_forward(size_t rows, size_t stride, size_t width, const float *z,
                                 const float *restrict mean, const float *restrict scale,
                                 const float *restrict beta, bool relu, float *y)
{
  for (size_t row = 0; row < rows; ++row, z += stride, y += stride) {
    for (size_t c = 0; c < width; ++c)
      y[c] = rectified(normalized(z[c], mean[c], scale[c], beta[c]), relu);
  }
}

static void forward(size_t rows, size_t channels, const float *z, const float *mean,
                    const float *inverse_deviation, const float *gamma, const float *beta,
                    bool relu, float *y)
{
  float scale[CHUNK];
  for (size_t c = 0; c < channels; c += CHUNK) {
    const size_t width = ag_minimum(channels - c, CHUNK);
    multiply(width, gamma + c, inverse_deviation + c, scale);
    if (relu) {
      chunk_forward(rows, channels, width, z + c, mean + c, scale, beta + c, true, y + c);
    } else {
      chunk_forward(rows, channels, width, z + c, mean + c, scale, beta + c, false, y + c);
    }
  }
}

/* ---- backward -------------------------------------------------------------------- */

/* What the gradient needs to know of a chunk of channels. */
typedef struct gradient_chunk {
  size_t rows, stride, width;
  const float *z, *mean, *beta;
  float scale[CHUNK];
  float shared[CHUNK], slope[CHUNK]; /* dz = scale * (dy - shared - slope * (z - mean)) */
} gradient_chunk;

/* dy where the ReLU is open, else 0. */
static inline float passed(float value, float dy, bool relu)
{
  return !relu || value > 0.0F ? dy : 0.0F;
}

/* Of the gradient behind the ReLU, g: the sums of g and of g (z - mean) over a block's rows. */
static inline void sum_gradient_block(const gradient_chunk *chunk, size_t from, size_t rows,
                                      const float *restrict dy, bool relu, float *restrict sum,
                                      float *restrict product)
{
  const size_t stride = chunk->stride;
  const size_t width = chunk->width;
  const float *restrict z = chunk->z + from * stride;
  const float *restrict mean = chunk->mean;
  const float *restrict beta = chunk->beta;
  const float *restrict scale = chunk->scale;
  memset(sum, 0, width * sizeof *sum);
  memset(product, 0, width * sizeof *product);
  size_t row = 0;
  for (; row + 2 <= rows; row += 2, z += 2 * stride, dy += 2 * stride) {
    const float *restrict second_z = z + stride;
    const float *restrict second_dy = dy + stride;
    for (size_t c = 0; c < width; ++c) {
      const float a = passed(normalized(z[c], mean[c], scale[c], beta[c]), dy[c], relu);
      const float b =
          passed(normalized(second_z[c], mean[c], scale[c], beta[c]), second_dy[c], relu);
      sum[c] += a + b;
      product[c] += a * (z[c] - mean[c]) + b * (second_z[c] - mean[c]);
    }
  }
  if (row < rows) {
    for (size_t c = 0; c < width; ++c) {
      const float a = passed(normalized(z[c], mean[c], scale[c], beta[c]), dy[c], relu);
      sum[c] += a;
      product[c] += a * (z[c] - mean[c]);
    }
  }
}

/* The first pass: adds to dgamma and dbeta, and leaves shared and slope in the chunk. */
static inline void sum_gradient(gradient_chunk *chunk, const float *restrict inverse_deviation,
                                const float *restrict dy, bool relu, float *restrict dgamma,
                                float *restrict dbeta)
{
  const size_t width = chunk->width;
  const double share = 1.0 / (double)chunk->rows;
  double sums[CHUNK] = {0};
  double products[CHUNK] = {0};
  float sum[CHUNK];
  float product[CHUNK];
  for (size_t row = 0; row < chunk->rows; row += BLOCK) {
    sum_gradient_block(chunk, row, ag_minimum(chunk->rows - row, BLOCK), dy + row * chunk->stride,
                       relu, sum, product);
    for (size_t c = 0; c < width; ++c) {
      sums[c] += (double)sum[c];
      products[c] += (double)product[c];
    }
  }
  for (size_t c = 0; c < width; ++c) {
    const double inverse = (double)inverse_deviation[c];
    const double along = products[c] * inverse; /* the sum of g times the normalised z */
    dbeta[c] += (float)sums[c];
    dgamma[c] += (float)along;
    chunk->shared[c] = (float)(sums[c] * share);
    chunk->slope[c] = (float)(along * inverse * share);
  }
}

/* The second pass. */
static inline void spread_gradient(const gradient_chunk *chunk, const float *dy, bool relu,
                                   float *dz)
{
  const size_t width = chunk->width;
  const float *restrict z = chunk->z;
  const float *restrict mean = chunk->mean;
  const float *restrict beta = chunk->beta;
  const float *restrict scale = chunk->scale;
  const float *restrict shared = chunk->shared;
  const float *restrict slope = chunk->slope;
  for (size_t row = 0; row < chunk->rows; ++row) {
    for (size_t c = 0; c < width; ++c) {
      const float gradient = passed(normalized(z[c], mean[c], scale[c], beta[c]), dy[c], relu) -
                             shared[c];
      dz[c] = scale[c] * (gradient - (z[c] - mean[c]) * slope[c]);
    }
    z += chunk->stride;
    dy += chunk->stride;
    dz += chunk->stride;
  }
}

static void backward(size_t rows, size_t channels, const float *z, const float *mean,
                     const float *inverse_deviation, const float *gamma, const float *beta,
                     bool relu, const float *dy, float *dgamma, float *dbeta, float *dz)
{
  assert(rows > 0);
  gradient_chunk chunk;
  for (size_t c = 0; c < channels; c += CHUNK) {
    chunk.rows = rows;
    chunk.stride = channels;
    chunk.width = ag_minimum(channels - c, CHUNK);
    chunk.z = z + c;
    chunk.mean = mean + c;
    chunk.beta = beta + c;
    multiply(chunk.width, gamma + c, inverse_deviation + c, chunk.scale);
    if (dgamma == NULL) {
      memset(chunk.shared, 0, sizeof chunk.shared);
      memset(chunk.slope, 0, sizeof chunk.slope);
    } else {
      sum_gradient(&chunk, inverse_deviation + c, dy + c, relu, dgamma + c, dbeta + c);
    }
    if (dz == NULL) continue;
    if (relu) {
      spread_gradient(&chunk, dy + c, true, dz + c);
    } else {
      spread_gradient(&chunk, dy + c, false, dz + c);
    }
  }
}

/* ---- folding --------------------------------------------------------------------- */

static void fold(size_t rows, size_t channels, const float *weights, const float *bias,
                 const float *gamma, const float *beta, const float *mean, const float *variance,
                 float epsilon, float *folded_weights, float *folded_bias)
{
  float scale[CHUNK];
  for (size_t c = 0; c < channels; c += CHUNK) {
    const size_t width = ag_minimum(channels - c, CHUNK);
    invert_deviation(width, variance + c, epsilon, scale);
    for (size_t i = 0; i < width; ++i) {
      scale[i] *= gamma[c + i];
      folded_bias[c + i] = (bias[c + i] - mean[c + i]) * scale[i] + beta[c + i];
    }
    for (size_t row = 0; row < rows; ++row)
      multiply(width, weights + row * channels + c, scale, folded_weights + row * channels + c);
  }
}

const ag_batch_norm_kernel AG_VECTOR(batch_norm) = {
    .statistics = statistics,
    .inverse_deviation = invert_deviation,
    .forward = forward,
    .backward = backward,
    .fold = fold,
};
