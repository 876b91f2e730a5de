/* Convolution as a matrix product: the windows of one image become the rows of a matrix
 * ("im2col"), [out_height * out_width, kernel * kernel * in_channels].
 * One image at a time: the rows of a product are not all computed alike, so an image that
 * shared its product with others could change with their number. */
#include "kernels/convolution.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

ag_status ag_convolution_shape_complete(ag_convolution_shape *shape)
{
  if (shape->in_height == 0 || shape->in_width == 0 || shape->in_channels == 0 ||
      shape->out_channels == 0 || shape->kernel == 0 || shape->stride == 0) {
    return ag_fail(AG_INVALID_ARGUMENT,
                   "convolution of %zu x %zu pixels, %zu to %zu channels, kernel %zu, stride %zu: "
                   "none of them may be 0",
                   shape->in_height, shape->in_width, shape->in_channels, shape->out_channels,
                   shape->kernel, shape->stride);
  }
  size_t height = 0;
  size_t width = 0;
  if (shape->padding > SIZE_MAX / 2 ||
      __builtin_add_overflow(shape->in_height, 2 * shape->padding, &height) ||
      __builtin_add_overflow(shape->in_width, 2 * shape->padding, &width) ||
      shape->kernel > height || shape->kernel > width) {
    return ag_fail(AG_INVALID_ARGUMENT,
                   "convolution: a kernel of %zu does not fit %zu x %zu pixels with padding %zu",
                   shape->kernel, shape->in_height, shape->in_width, shape->padding);
  }
  shape->out_height = (height - shape->kernel) / shape->stride + 1;
  shape->out_width = (width - shape->kernel) / shape->stride + 1;
  return AG_OK;
}

static size_t in_floats(const ag_convolution_shape *shape)
{
  return shape->in_height * shape->in_width * shape->in_channels;
}

static size_t out_pixels(const ag_convolution_shape *shape)
{
  return shape->out_height * shape->out_width;
}

/* Floats of one window, which is one row of the matrix. */
static size_t window_floats(const ag_convolution_shape *shape)
{
  return shape->kernel * shape->kernel * shape->in_channels;
}

/* Where windows meet the image along one axis: of the window's positions first .. last - 1
 * are inside, and the first of those is pixel `pixel`. */
typedef struct overlap {
  size_t first, last, pixel;
} overlap;

static overlap overlap_of(const ag_convolution_shape *shape, size_t out, size_t in_size)
{
  const size_t start = out * shape->stride; /* counted from the padding's edge */
  const size_t edge = in_size + shape->padding;
  overlap inside = {0, 0, 0};
  if (start < shape->padding) inside.first = shape->padding - start;
  if (start < edge) inside.last = edge - start;
  if (inside.last > shape->kernel) inside.last = shape->kernel;
  if (inside.first >= inside.last) return (overlap){0, 0, 0};
  inside.pixel = start + inside.first - shape->padding;
  return inside;
}

/* One image to its matrix. A window's line of pixels is one run in both. */
static void gather_windows(const ag_convolution_shape *shape, const float *x, float *matrix)
{
  const size_t channels = shape->in_channels;
  const size_t line = shape->kernel * channels;
  for (size_t i = 0; i < shape->out_height; ++i) {
    const overlap rows = overlap_of(shape, i, shape->in_height);
    for (size_t j = 0; j < shape->out_width; ++j, matrix += window_floats(shape)) {
      const overlap columns = overlap_of(shape, j, shape->in_width);
      const size_t run = (columns.last - columns.first) * channels;
      if (run < line || rows.last - rows.first < shape->kernel) {
        memset(matrix, 0, window_floats(shape) * sizeof *matrix);
      }
      for (size_t p = rows.first; p < rows.last; ++p) {
        const size_t row = rows.pixel + (p - rows.first);
        memcpy(matrix + p * line + columns.first * channels,
               x + (row * shape->in_width + columns.pixel) * channels, run * sizeof *x);
      }
    }
  }
}

static void add_run(size_t floats, const float *restrict source, float *restrict target)
{
  for (size_t i = 0; i < floats; ++i)
    target[i] += source[i];
}

/* The adjoint of gather_windows. dx: overwritten. */
static void scatter_windows(const ag_convolution_shape *shape, const float *matrix, float *dx)
{
  const size_t channels = shape->in_channels;
  const size_t line = shape->kernel * channels;
  memset(dx, 0, in_floats(shape) * sizeof *dx);
  for (size_t i = 0; i < shape->out_height; ++i) {
    const overlap rows = overlap_of(shape, i, shape->in_height);
    for (size_t j = 0; j < shape->out_width; ++j, matrix += window_floats(shape)) {
      const overlap columns = overlap_of(shape, j, shape->in_width);
      const size_t run = (columns.last - columns.first) * channels;
      for (size_t p = rows.first; p < rows.last; ++p) {
        const size_t row = rows.pixel + (p - rows.first);
        add_run(run, matrix + p * line + columns.first * channels,
                dx + (row * shape->in_width + columns.pixel) * channels);
      }
    }
  }
}

static bool im2col_supports(const ag_convolution_shape *shape)
{
  (void)shape;
  return true;
}

static size_t im2col_scratch_floats(const ag_convolution_shape *shape, size_t count)
{
  (void)count;
  return out_pixels(shape) * window_floats(shape);
}

static void im2col_forward(const ag_convolution_shape *shape, size_t count, const float *x,
                           const float *weights, const float *bias, float *y, float *scratch)
{
  const size_t pixels = out_pixels(shape);
  const size_t outputs = shape->out_channels;
  const size_t window = window_floats(shape);
  for (size_t image = 0; image < count; ++image, x += in_floats(shape), y += pixels * outputs) {
    gather_windows(shape, x, scratch);
    for (size_t pixel = 0; pixel < pixels; ++pixel)
      memcpy(y + pixel * outputs, bias, outputs * sizeof *y);
    ag_gemm(false, false, pixels, outputs, window, scratch, window, weights, outputs, true, y,
            outputs);
  }
}

static void im2col_input_gradient(const ag_convolution_shape *shape, size_t count, const float *dy,
                                  const float *weights, float *dx, float *scratch)
{
  const size_t pixels = out_pixels(shape);
  const size_t outputs = shape->out_channels;
  const size_t window = window_floats(shape);
  for (size_t image = 0; image < count; ++image, dx += in_floats(shape), dy += pixels * outputs) {
    ag_gemm(false, true, pixels, window, outputs, dy, outputs, weights, outputs, false, scratch,
            window);
    scatter_windows(shape, scratch, dx);
  }
}

static void im2col_weight_gradient(const ag_convolution_shape *shape, size_t count, const float *x,
                                   const float *dy, float *dw, float *scratch)
{
  const size_t pixels = out_pixels(shape);
  const size_t outputs = shape->out_channels;
  const size_t window = window_floats(shape);
  for (size_t image = 0; image < count; ++image, x += in_floats(shape), dy += pixels * outputs) {
    gather_windows(shape, x, scratch);
    ag_gemm(true, false, window, outputs, pixels, scratch, window, dy, outputs, true, dw, outputs);
  }
}

static const ag_convolution_kernel im2col = {
    .name = "im2col",
    .supports = im2col_supports,
    .scratch_floats = im2col_scratch_floats,
    .forward = im2col_forward,
    .input_gradient = im2col_input_gradient,
    .weight_gradient = im2col_weight_gradient,
};

static const ag_convolution_kernel *const rows[] = {
#ifdef __x86_64__
    &ag_convolution_winograd_avx512,
    &ag_convolution_winograd_avx2,
#endif
    &im2col,
};
enum { ROWS = sizeof rows / sizeof rows[0] };

const ag_convolution_kernel *ag_convolution_row(size_t index)
{
  return index < ROWS ? rows[index] : NULL;
}

const ag_convolution_kernel *ag_convolution_choose(const ag_convolution_shape *shape)
{
  size_t row = 0;
  while (row < ROWS - 1 && !rows[row]->supports(shape))
    ++row;
  return rows[row];
}
