/* The dense layer: y = x w + b, one row per image of a shard.
 * Sums are kept per image in the order of the inputs, so that an image's result does not depend on
 * the company it comes in. The weights are read once for all images of a shard. */
#include "kernels/vector/vector.h"

/* Rows of the weights' gradient that are made at once. */
enum { ROWS = 64 };

/* Images become columns in the input gradient: whole vectors of them. */
static size_t columns_of(size_t count)
{
  return ag_round_up(count, AG_CHANNEL_BLOCK);
}

static size_t scratch_floats(size_t count, size_t inputs, size_t outputs)
{
  return columns_of(count) * (inputs + outputs);
}

static void forward(size_t count, size_t inputs, size_t outputs, const float *x,
                    const float *weights, const float *bias, float *y)
{
  /* A few inputs at a time: the weights are read from memory in their order. */
  enum { DEPTH = 64 };
  for (size_t row = 0; row < count; ++row)
    memcpy(y + row * outputs, bias, outputs * sizeof *y);
  for (size_t p = 0; p < inputs; p += DEPTH) {
    const size_t depth = ag_minimum(inputs - p, DEPTH);
    ag_multiply(count, outputs, depth, x + p, inputs, 1, weights + p * outputs, outputs, true, y,
                outputs);
  }
}

/* to[columns, rows] = from[rows, columns]; strides: floats from row to row. */
static void transpose(const float *from, size_t from_stride, size_t rows, size_t columns, float *to,
                      size_t to_stride)
{
  enum { TILE = 16 };
  for (size_t top = 0; top < rows; top += TILE) {
    for (size_t left = 0; left < columns; left += TILE) {
      for (size_t i = top; i < rows && i < top + TILE; ++i) {
        for (size_t j = left; j < columns && j < left + TILE; ++j)
          to[j * to_stride + i] = from[i * from_stride + j];
      }
    }
  }
}

/* (dx)' = w (dy)': so that the weights are read along their rows. */
static void input_gradient(size_t count, size_t inputs, size_t outputs, const float *dy,
                           const float *weights, float *dx, float *scratch)
{
  const size_t width = columns_of(count);
  float *turned = scratch;
  float *gradient = scratch + width * outputs;
  memset(turned, 0, width * outputs * sizeof *turned);
  transpose(dy, outputs, count, outputs, turned, width);
  ag_multiply(inputs, width, outputs, weights, outputs, 1, turned, width, false, gradient, width);
  transpose(gradient, width, inputs, count, dx, inputs);
}

static void weight_gradient(size_t count, size_t inputs, size_t outputs, size_t first, size_t rows,
                            const float *x, const float *dy, float *dw, float *scratch)
{
  /* A few rows of dw at a time: they are read and written from memory once, in order. What of x
   * they need comes together first, out of rows that lie far apart. */
  for (size_t row = 0; row < rows; row += ROWS) {
    const size_t some = ag_minimum(rows - row, ROWS);
    for (size_t image = 0; image < count; ++image)
      memcpy(scratch + image * some, x + image * inputs + first + row, some * sizeof *x);
    ag_multiply(some, outputs, count, scratch, 1, some, dy, outputs, true, dw + row * outputs,
                outputs);
  }
}

const ag_dense_kernel AG_VECTOR(dense) = {
    .scratch_floats = scratch_floats,
    .forward = forward,
    .input_gradient = input_gradient,
    .weight_gradient = weight_gradient,
};
