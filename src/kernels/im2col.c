/* Convolution of any shape as a matrix product: the windows of one image become the rows of a
 * matrix ("im2col"), [out_height * out_width, kernel * kernel * in_used].
 * One image at a time: the rows of OpenBLAS's products are not all computed alike, so an image
 * that shared its product with others could change with their number. */
#include "kernels/convolution.h"

#include <string.h>

static size_t in_floats(const ag_convolution_shape *shape)
{
  return shape->in_height * shape->in_width * shape->in_channels;
}

static size_t out_pixels(const ag_convolution_shape *shape)
{
  return shape->out_height * shape->out_width;
}

static size_t result_floats(const ag_convolution_shape *shape)
{
  return ag_convolution_result_height(shape) * ag_convolution_result_width(shape) *
         shape->out_channels;
}

/* Floats of one window, which is one row of the matrix: padding channels are left out. */
static size_t window_floats(const ag_convolution_shape *shape)
{
  return shape->kernel * shape->kernel * shape->in_used;
}

/* ---- windows ---- */

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

/* One image to its matrix. */
static void gather_windows(const ag_convolution_shape *shape, const float *x, float *matrix)
{
  const size_t used = shape->in_used;
  for (size_t i = 0; i < shape->out_height; ++i) {
    const overlap rows = overlap_of(shape, i, shape->in_height);
    for (size_t j = 0; j < shape->out_width; ++j, matrix += window_floats(shape)) {
      const overlap columns = overlap_of(shape, j, shape->in_width);
      const size_t run = columns.last - columns.first;
      if (run < shape->kernel || rows.last - rows.first < shape->kernel) {
        memset(matrix, 0, window_floats(shape) * sizeof *matrix);
      }
      for (size_t p = rows.first; p < rows.last; ++p) {
        const size_t row = rows.pixel + (p - rows.first);
        const float *from = x + (row * shape->in_width + columns.pixel) * shape->in_channels;
        float *to = matrix + (p * shape->kernel + columns.first) * used;
        for (size_t q = 0; q < run; ++q, from += shape->in_channels, to += used) {
          for (size_t c = 0; c < used; ++c)
            to[c] = from[c];
        }
      }
    }
  }
}

/* The adjoint of gather_windows. dx: overwritten. */
static void scatter_windows(const ag_convolution_shape *shape, const float *matrix, float *dx)
{
  const size_t used = shape->in_used;
  memset(dx, 0, in_floats(shape) * sizeof *dx);
  for (size_t i = 0; i < shape->out_height; ++i) {
    const overlap rows = overlap_of(shape, i, shape->in_height);
    for (size_t j = 0; j < shape->out_width; ++j, matrix += window_floats(shape)) {
      const overlap columns = overlap_of(shape, j, shape->in_width);
      for (size_t p = rows.first; p < rows.last; ++p) {
        const size_t row = rows.pixel + (p - rows.first);
        const float *from = matrix + (p * shape->kernel + columns.first) * used;
        float *to = dx + (row * shape->in_width + columns.pixel) * shape->in_channels;
        for (size_t q = columns.first; q < columns.last; ++q) {
          for (size_t c = 0; c < used; ++c)
            to[c] += from[c];
          from += used;
          to += shape->in_channels;
        }
      }
    }
  }
}

/* ---- what follows the convolution, for one image ---- */

/* The first largest of the 2x2 values at z, a NaN being larger than all. */
static uint8_t largest_of_four(const ag_convolution_shape *shape, const float *z)
{
  const size_t channels = shape->out_channels;
  uint8_t best = 0;
  float largest = z[0];
  for (uint8_t q = 1; q < 4; ++q) {
    const float value = z[(q / 2 * shape->out_width + q % 2) * channels];
    if (value <= largest || largest != largest) continue;
    best = q;
    largest = value;
  }
  return best;
}

/* z of one image becomes y, which may be z where nothing is pooled. */
static void make_results(const ag_convolution_shape *shape, const float *z, float *y,
                         uint8_t *chosen)
{
  const size_t channels = shape->out_channels;
  if (!shape->pooled) {
    if (shape->relu) ag_relu_forward(out_pixels(shape) * channels, z, y);
    return;
  }
  for (size_t i = 0; i < ag_convolution_result_height(shape); ++i) {
    for (size_t j = 0; j < ag_convolution_result_width(shape); ++j) {
      const float *window = z + (2 * i * shape->out_width + 2 * j) * channels;
      for (size_t c = 0; c < channels; ++c, ++y, ++chosen) {
        const uint8_t q = largest_of_four(shape, window + c);
        const float value = window[(q / 2 * shape->out_width + q % 2) * channels + c];
        *y = shape->relu && value < 0 ? 0 : value;
        *chosen = shape->relu && !(value > 0) ? AG_CHOSEN_NONE : q;
      }
    }
  }
}

/* dz of one image from dy, and y or chosen: the image's own. */
static void make_gradients(const ag_convolution_shape *shape, const float *y, const uint8_t *chosen,
                           const float *dy, float *dz)
{
  const size_t channels = shape->out_channels;
  if (!shape->pooled) {
    ag_relu_backward(out_pixels(shape) * channels, y, dy, dz);
    return;
  }
  memset(dz, 0, out_pixels(shape) * channels * sizeof *dz);
  for (size_t i = 0; i < ag_convolution_result_height(shape); ++i) {
    for (size_t j = 0; j < ag_convolution_result_width(shape); ++j) {
      float *window = dz + (2 * i * shape->out_width + 2 * j) * channels;
      for (size_t c = 0; c < channels; ++c, ++dy, ++chosen) {
        const size_t q = *chosen;
        if (q != AG_CHOSEN_NONE) window[(q / 2 * shape->out_width + q % 2) * channels + c] = *dy;
      }
    }
  }
}

/* ---- the row of the table ---- */

static bool supports(const ag_convolution_shape *shape)
{
  (void)shape;
  return true;
}

static size_t prepared_floats(const ag_convolution_shape *shape)
{
  return window_floats(shape) * shape->out_channels;
}

/* Leaves out the rows of the padding channels. */
static void prepare(const ag_convolution_shape *shape, size_t part, size_t parts,
                    const float *weights, float *prepared)
{
  const size_t positions = shape->kernel * shape->kernel;
  const size_t used = shape->in_used * shape->out_channels;
  for (size_t p = positions * part / parts; p < positions * (part + 1) / parts; ++p) {
    memcpy(prepared + p * used, weights + p * shape->in_channels * shape->out_channels,
           used * sizeof *prepared);
  }
}

/* The matrix, one image's z or dz, and the gradient of the weights. */
static size_t scratch_floats(const ag_convolution_shape *shape, size_t count)
{
  (void)count;
  return out_pixels(shape) * (window_floats(shape) + shape->out_channels) + prepared_floats(shape);
}

static void forward(const ag_convolution_shape *shape, size_t count, const float *x,
                    const float *prepared, const float *bias, float *y, uint8_t *chosen,
                    float *scratch)
{
  const size_t pixels = out_pixels(shape);
  const size_t outputs = shape->out_channels;
  const size_t window = window_floats(shape);
  for (size_t image = 0; image < count; ++image) {
    float *result = y + image * result_floats(shape);
    float *z = shape->pooled ? scratch + pixels * window : result;
    gather_windows(shape, x + image * in_floats(shape), scratch);
    for (size_t pixel = 0; pixel < pixels; ++pixel)
      memcpy(z + pixel * outputs, bias, outputs * sizeof *z);
    ag_gemm(false, false, pixels, outputs, window, scratch, window, prepared, outputs, true, z,
            outputs);
    make_results(shape, z, result, shape->pooled ? chosen + image * result_floats(shape) : NULL);
  }
}

/* dw += the gradient without the rows of the padding channels. */
static void add_weight_gradient(const ag_convolution_shape *shape, const float *compact, float *dw)
{
  const size_t outputs = shape->out_channels;
  for (size_t p = 0; p < shape->kernel * shape->kernel; ++p, dw += shape->in_channels * outputs) {
    for (size_t i = 0; i < shape->in_used * outputs; ++i)
      dw[i] += *compact++;
  }
}

static void backward(const ag_convolution_shape *shape, size_t count,
                     const ag_convolution_backward *of)
{
  const size_t pixels = out_pixels(shape);
  const size_t outputs = shape->out_channels;
  const size_t window = window_floats(shape);
  float *matrix = of->scratch;
  float *own = matrix + pixels * window;
  float *dw = own + pixels * outputs;
  for (size_t image = 0; image < count; ++image) {
    const size_t at = image * result_floats(shape);
    const float *dz = of->dy + at;
    if (shape->relu || shape->pooled) {
      make_gradients(shape, shape->pooled ? NULL : of->y + at,
                     shape->pooled ? of->chosen + at : NULL, dz, own);
      dz = own;
    }
    if (of->dw != NULL) {
      gather_windows(shape, of->x + image * in_floats(shape), matrix);
      ag_gemm(true, false, window, outputs, pixels, matrix, window, dz, outputs, image > 0, dw,
              outputs);
      ag_bias_gradient(pixels, outputs, dz, of->db);
    }
    if (of->dx != NULL) {
      ag_gemm(false, true, pixels, window, outputs, dz, outputs, of->prepared, outputs, false,
              matrix, window);
      scatter_windows(shape, matrix, of->dx + image * in_floats(shape));
    }
  }
  if (of->dw != NULL) add_weight_gradient(shape, dw, of->dw);
}

const ag_convolution_kernel ag_convolution_im2col = {
    .name = "im2col",
    .supports = supports,
    .prepared_floats = prepared_floats,
    .prepare = prepare,
    .scratch_floats = scratch_floats,
    .forward = forward,
    .backward = backward,
};
