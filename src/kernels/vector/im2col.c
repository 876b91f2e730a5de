/* Convolution of any shape as a matrix product: the windows of one image, while they are in the
 * cache, are the rows of a matrix ("im2col"), [out_height * out_width, kernel * kernel * in_used].
 */
#include "kernels/vector/vector.h"

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

/* Floats from row to row: the gradient of the inputs is a product with whole vectors of them. */
static size_t row_floats(const ag_convolution_shape *shape)
{
  return ag_round_up(window_floats(shape), AG_CHANNEL_BLOCK);
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
    for (size_t j = 0; j < shape->out_width; ++j, matrix += row_floats(shape)) {
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
    for (size_t j = 0; j < shape->out_width; ++j, matrix += row_floats(shape)) {
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

/* A block of channels: they come in whole blocks, on every instruction set. */
typedef float block __attribute__((vector_size(AG_CHANNEL_BLOCK * 4), aligned(4), may_alias));
typedef int32_t block_mask __attribute__((vector_size(AG_CHANNEL_BLOCK * 4), may_alias));
typedef uint8_t block_bytes __attribute__((vector_size(AG_CHANNEL_BLOCK), aligned(1), may_alias));

/* Floats from the first value of a 2x2 window of z to its q-th. */
static size_t window_place(const ag_convolution_shape *shape, size_t q)
{
  return (q / 2 * shape->out_width + q % 2) * shape->out_channels;
}

/* The result of one window of z, for all channels: the first largest with its bias, a NaN being
 * larger than all. The bias comes first: it may round values to equals. */
static void pool_window(const ag_convolution_shape *shape, const float *bias, const float *z,
                        float *y, uint8_t *chosen)
{
  for (size_t c = 0; c < shape->out_channels; c += AG_CHANNEL_BLOCK) {
    const block add = *(const block *)(const void *)(bias + c);
    block largest = *(const block *)(const void *)(z + c) + add;
    block_mask which = {0};
    for (int32_t q = 1; q < 4; ++q) {
      const float *from = z + window_place(shape, (size_t)q) + c;
      const block value = *(const block *)(const void *)from + add;
      const block same = largest; /* differs from itself where it is a NaN */
      const block_mask larger = ~(value <= largest) & (largest == same);
      largest = (block)((larger & (block_mask)value) | (~larger & (block_mask)largest));
      which = (larger & q) | (~larger & which);
    }
    if (shape->relu) {
      which = ((largest > 0) & which) | (~(largest > 0) & AG_CHOSEN_NONE);
      largest = (block)(~(largest < 0) & (block_mask)largest);
    }
    *(block *)(void *)(y + c) = largest;
    *(block_bytes *)(void *)(chosen + c) = __builtin_convertvector(which, block_bytes);
  }
}

/* z of one image, to which the bias is still to be added, becomes y. */
static void make_results(const ag_convolution_shape *shape, const float *bias, const float *z,
                         float *y, uint8_t *chosen)
{
  const size_t channels = shape->out_channels;
  const bool relu = shape->relu;
  if (!shape->pooled) {
    for (size_t pixel = 0; pixel < out_pixels(shape); ++pixel, z += channels, y += channels) {
      for (size_t c = 0; c < channels; ++c) {
        const float value = z[c] + bias[c];
        y[c] = relu && value < 0 ? 0 : value;
      }
    }
    return;
  }
  for (size_t i = 0; i < ag_convolution_result_height(shape); ++i) {
    for (size_t j = 0; j < ag_convolution_result_width(shape); ++j) {
      pool_window(shape, bias, z + (2 * i * shape->out_width + 2 * j) * channels, y, chosen);
      y += channels;
      chosen += channels;
    }
  }
}

/* dz of one image from dy, and y or chosen: the image's own. */
static void make_gradients(const ag_convolution_shape *shape, const float *y, const uint8_t *chosen,
                           const float *dy, float *restrict dz)
{
  const size_t channels = shape->out_channels;
  const size_t floats = out_pixels(shape) * channels;
  if (!shape->pooled) {
    for (size_t i = 0; i < floats; ++i) {
      const float gradient = dy[i]; /* read in any case: the compiler may not decide that */
      dz[i] = y[i] > 0 ? gradient : 0;
    }
    return;
  }
  memset(dz, 0, floats * sizeof *dz);
  for (size_t i = 0; i < ag_convolution_result_height(shape); ++i) {
    for (size_t j = 0; j < ag_convolution_result_width(shape); ++j) {
      float *window = dz + (2 * i * shape->out_width + 2 * j) * channels;
      for (size_t c = 0; c < channels; ++c, ++dy, ++chosen) {
        const size_t q = *chosen;
        if (q != AG_CHOSEN_NONE) window[window_place(shape, q) + c] = *dy;
      }
    }
  }
}

static void add_bias_gradient(const ag_convolution_shape *shape, const float *restrict dz,
                              float *restrict db)
{
  const size_t channels = shape->out_channels;
  for (size_t pixel = 0; pixel < out_pixels(shape); ++pixel, dz += channels) {
    for (size_t c = 0; c < channels; ++c)
      db[c] += dz[c];
  }
}

/* ---- the row of the table ---- */

static bool supports(const ag_convolution_shape *shape)
{
  (void)shape;
  return true;
}

/* The weights without the rows of padding channels, and their transpose in rows like the matrix's.
 */
static size_t prepared_floats(const ag_convolution_shape *shape)
{
  return (window_floats(shape) + row_floats(shape)) * shape->out_channels;
}

static void prepare(const ag_convolution_shape *shape, size_t part, size_t parts,
                    const float *weights, float *prepared)
{
  const size_t window = window_floats(shape);
  const size_t row = row_floats(shape);
  const size_t outputs = shape->out_channels;
  float *turned = prepared + window * outputs;
  for (size_t i = row * part / parts; i < row * (part + 1) / parts; ++i) {
    if (i >= window) {
      for (size_t o = 0; o < outputs; ++o)
        turned[o * row + i] = 0;
      continue;
    }
    const float *from = weights +
                        (i / shape->in_used * shape->in_channels + i % shape->in_used) * outputs;
    memcpy(prepared + i * outputs, from, outputs * sizeof *prepared);
    for (size_t o = 0; o < outputs; ++o)
      turned[o * row + i] = from[o];
  }
}

/* The matrix, one image's z or dz, and the gradients of weights and bias. */
static size_t scratch_floats(const ag_convolution_shape *shape, size_t count)
{
  (void)count;
  return out_pixels(shape) * (row_floats(shape) + shape->out_channels) +
         (window_floats(shape) + 1) * shape->out_channels;
}

static void forward(const ag_convolution_shape *shape, size_t count, const float *x,
                    const float *prepared, const float *bias, float *y, uint8_t *chosen,
                    float *scratch)
{
  const size_t pixels = out_pixels(shape);
  const size_t outputs = shape->out_channels;
  float *z = scratch + pixels * row_floats(shape);
  for (size_t image = 0; image < count; ++image) {
    const size_t at = image * result_floats(shape);
    gather_windows(shape, x + image * in_floats(shape), scratch);
    ag_multiply(pixels, outputs, window_floats(shape), scratch, row_floats(shape), 1, prepared,
                outputs, false, z, outputs);
    make_results(shape, bias, z, y + at, shape->pooled ? chosen + at : NULL);
  }
}

/* dw += the gradient without the rows of the padding channels, db += the one behind it. */
static void add_gradients(const ag_convolution_shape *shape, const float *compact, float *dw,
                          float *db)
{
  const size_t outputs = shape->out_channels;
  for (size_t p = 0; p < shape->kernel * shape->kernel; ++p, dw += shape->in_channels * outputs) {
    for (size_t i = 0; i < shape->in_used * outputs; ++i)
      dw[i] += *compact++;
  }
  for (size_t c = 0; c < outputs; ++c)
    db[c] += compact[c];
}

static void backward(const ag_convolution_shape *shape, size_t count,
                     const ag_convolution_backward *of)
{
  const size_t pixels = out_pixels(shape);
  const size_t outputs = shape->out_channels;
  const size_t window = window_floats(shape);
  const size_t row = row_floats(shape);
  const float *turned = of->prepared + window * outputs;
  float *matrix = of->scratch;
  float *own = matrix + pixels * row;
  float *dw = own + pixels * outputs;
  float *db = dw + window * outputs;
  memset(db, 0, outputs * sizeof *db);
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
      ag_multiply(window, outputs, pixels, matrix, 1, row, dz, outputs, image > 0, dw, outputs);
      add_bias_gradient(shape, dz, db);
    }
    if (of->dx != NULL) {
      ag_multiply(pixels, row, outputs, dz, outputs, 1, turned, row, false, matrix, row);
      scatter_windows(shape, matrix, of->dx + image * in_floats(shape));
    }
  }
  if (of->dw != NULL) add_gradients(shape, dw, of->dw, of->db);
}

const ag_convolution_kernel AG_VECTOR(im2col) = {
    .name = "im2col",
    .supports = supports,
    .prepared_floats = prepared_floats,
    .prepare = prepare,
    .scratch_floats = scratch_floats,
    .forward = forward,
    .backward = backward,
};
