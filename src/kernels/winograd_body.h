/* Winograd's F(4x4, 3x3), Lavin & Gray 2016 (arXiv:1509.09308), once for each instruction set: the
 * including file defines ROW (the table's row), ROW_NAME, RUNS_HERE and WIDE (floats of a vector in
 * the products), and is compiled with that set's flags.
 *
 * A tile is 4x4 outputs, from 6x6 inputs that overlap by 2. With d a tile of inputs, g a kernel:
 *   V = B'dB    U = GgG'    M_p = V_p U_p (36 products over channels)    y = A'MA
 * The input gradient is the same with the kernel turned round and its channels swapped; the weight
 * gradient is the adjoint  dU_p = V_p' (A dy A')_p,  dg = G'dU G. */
#include "advgrid/kernels.h"

#include <assert.h>
#include <string.h>

enum {
  POINTS = 36,       /* values of a tile in the transformed domain */
  OUTPUTS = 4,       /* of a tile, along an axis */
  INPUTS = 6,        /* of a tile, along an axis */
  LANES = 8,         /* AG_CHANNEL_BLOCK: channels that a transform takes at once */
  ROWS = 8,          /* of a product that are held in registers */
  PLANE_PADDING = 16 /* planes at a power of two apart would collide in the cache */
};

typedef float lanes __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef float wide __attribute__((vector_size(WIDE * 4), aligned(4), may_alias));

/* ---- products ------------------------------------------------------------------ */

/* c[ROWS, columns of `parts` vectors] (+)= a b over `depth`; element (i, p) of a lies at
 * i * row_stride + p * step. Every element is one sum in the order of p, whatever its row. */
#define DEFINE_BLOCK(name, vector, parts)                                                    \
  static inline void name(size_t depth, const float *a, size_t row_stride, size_t step,      \
                          const float *b, size_t ldb, bool accumulate, float *c, size_t ldc) \
  {                                                                                          \
    enum { FLOATS = sizeof(vector) / sizeof(float) };                                        \
    vector sums[ROWS][parts];                                                                \
    for (size_t i = 0; i < ROWS; ++i) {                                                      \
      for (size_t v = 0; v < (parts); ++v) {                                                 \
        const vector *from = (const vector *)(const void *)(c + i * ldc + v * FLOATS);       \
        sums[i][v] = accumulate ? *from : (vector){0};                                       \
      }                                                                                      \
    }                                                                                        \
    for (size_t p = 0; p < depth; ++p) {                                                     \
      vector row[parts];                                                                     \
      for (size_t v = 0; v < (parts); ++v)                                                   \
        row[v] = *(const vector *)(const void *)(b + p * ldb + v * FLOATS);                  \
      for (size_t i = 0; i < ROWS; ++i) {                                                    \
        const float value = a[i * row_stride + p * step];                                    \
        for (size_t v = 0; v < (parts); ++v)                                                 \
          sums[i][v] += value * row[v];                                                      \
      }                                                                                      \
    }                                                                                        \
    for (size_t i = 0; i < ROWS; ++i) {                                                      \
      for (size_t v = 0; v < (parts); ++v)                                                   \
        *(vector *)(void *)(c + i * ldc + v * FLOATS) = sums[i][v];                          \
    }                                                                                        \
  }

DEFINE_BLOCK(block_of_two, wide, 2)
DEFINE_BLOCK(block_of_one, wide, 1)
DEFINE_BLOCK(block_of_lanes, lanes, 1)

/* c[m, n] (+)= a b; m a multiple of ROWS, n of LANES. */
static void multiply(size_t m, size_t n, size_t depth, const float *a, size_t row_stride,
                     size_t step, const float *b, bool accumulate, float *c)
{
  const size_t two = 2 * (size_t)WIDE;
  size_t j = 0;
  for (; j + two <= n; j += two) {
    for (size_t i = 0; i < m; i += ROWS)
      block_of_two(depth, a + i * row_stride, row_stride, step, b + j, n, accumulate, c + i * n + j,
                   n);
  }
  for (; j + WIDE <= n; j += WIDE) {
    for (size_t i = 0; i < m; i += ROWS)
      block_of_one(depth, a + i * row_stride, row_stride, step, b + j, n, accumulate, c + i * n + j,
                   n);
  }
  for (; j < n; j += LANES) {
    for (size_t i = 0; i < m; i += ROWS)
      block_of_lanes(depth, a + i * row_stride, row_stride, step, b + j, n, accumulate,
                     c + i * n + j, n);
  }
}

#include "kernels/winograd_transforms.h"

/* ---- weights ---------------------------------------------------------------------- */

/* Weights as a pass sees them: [in, out] channels of its own. `turned` is the input gradient's
 * view, whose kernel is turned round and whose channels are swapped. */
static void transform_weights(size_t in, size_t out, bool turned, const float *weights, float *u)
{
  const size_t plane = in * out + PLANE_PADDING;
  for (size_t i = 0; i < in; ++i) {
    for (size_t o = 0; o < out; o += LANES) {
      lanes tile[INPUTS * INPUTS];
      for (size_t p = 0; p < 9; ++p) {
        lanes *to = &tile[p / 3 * INPUTS + p % 3];
        if (turned) {
          for (size_t lane = 0; lane < LANES; ++lane)
            (*to)[lane] = weights[((8 - p) * out + o + lane) * in + i];
        } else {
          *to = *(const lanes *)(const void *)(weights + (p * in + i) * out + o);
        }
      }
      for (size_t column = 0; column < 3; ++column)
        transform_kernel(tile + column, tile + column, INPUTS);
      for (size_t row = 0; row < INPUTS; ++row)
        transform_kernel(tile + row * INPUTS, tile + row * INPUTS, 1);
      for (size_t p = 0; p < POINTS; ++p)
        *(lanes *)(void *)(u + p * plane + i * out + o) = tile[p];
    }
  }
}

/* dw += G' du G for every pair of channels. */
static void add_weight_gradient(size_t in, size_t out, const float *du, float *dw)
{
  const size_t plane = in * out + PLANE_PADDING;
  for (size_t at = 0; at < in * out; at += LANES) {
    lanes tile[INPUTS * INPUTS];
    for (size_t p = 0; p < POINTS; ++p)
      tile[p] = *(const lanes *)(const void *)(du + p * plane + at);
    for (size_t column = 0; column < INPUTS; ++column)
      transform_kernel_gradient(tile + column, tile + column, INPUTS);
    for (size_t row = 0; row < 3; ++row)
      transform_kernel_gradient(tile + row * INPUTS, tile + row * INPUTS, 1);
    for (size_t p = 0; p < 9; ++p)
      *(lanes *)(void *)(dw + p * in * out + at) += tile[p / 3 * INPUTS + p % 3];
  }
}

/* ---- tiles ---------------------------------------------------------------------------- */

/* Images of which tiles are cut: inputs from `padding` outside, or outputs from the corner. */
typedef struct picture {
  size_t height, width, channels, padding;
  size_t down, across; /* tiles along each axis */
} picture;

/* A tile's place: its image's first pixel, and its corner there, padding included. */
typedef struct corner {
  size_t image;
  ptrdiff_t row, column;
} corner;

static corner corner_of(const picture *of, size_t tile)
{
  const size_t in_image = tile % (of->down * of->across);
  return (corner){
      .image = tile / (of->down * of->across),
      .row = (ptrdiff_t)(in_image / of->across * OUTPUTS) - (ptrdiff_t)of->padding,
      .column = (ptrdiff_t)(in_image % of->across * OUTPUTS) - (ptrdiff_t)of->padding,
  };
}

/* The pixel of a tile, or NULL where it lies outside of the image. */
static inline const float *pixel_of(const picture *of, const float *pixels, const corner *at,
                                    size_t row, size_t column)
{
  const size_t y = (size_t)(at->row + (ptrdiff_t)row);
  const size_t x = (size_t)(at->column + (ptrdiff_t)column);
  if (y >= of->height || x >= of->width) return NULL; /* what is negative wraps far beyond */
  return pixels + ((at->image * of->height + y) * of->width + x) * of->channels;
}

static inline lanes load(const float *pixel, size_t channel)
{
  return pixel == NULL ? (lanes){0} : *(const lanes *)(const void *)(pixel + channel);
}

/* v[POINTS][rows, channels] of `count` tiles from `first` on: B'dB of inputs, or A y A' of output
 * gradients; rows behind them, up to a whole block of the products, are zero. */
static void transform_tiles(const picture *of, const float *pixels, size_t first, size_t count,
                            size_t plane, bool gradient, float *v)
{
  const size_t side = gradient ? OUTPUTS : INPUTS;
  for (size_t t = 0; t < ag_round_up(count, ROWS); ++t) {
    const corner at = corner_of(of, first + t);
    const float *from[INPUTS * INPUTS] = {NULL};
    for (size_t p = 0; t < count && p < side * side; ++p)
      from[p / side * INPUTS + p % side] = pixel_of(of, pixels, &at, p / side, p % side);
    for (size_t c = 0; c < of->channels; c += LANES) {
      lanes tile[INPUTS * INPUTS];
      for (size_t p = 0; p < POINTS; ++p)
        tile[p] = load(from[p], c);
      for (size_t column = 0; column < side; ++column) {
        if (gradient) {
          transform_gradient(tile + column, tile + column, INPUTS);
        } else {
          transform_input(tile + column, tile + column, INPUTS);
        }
      }
      for (size_t row = 0; row < INPUTS; ++row) {
        if (gradient) {
          transform_gradient(tile + row * INPUTS, tile + row * INPUTS, 1);
        } else {
          transform_input(tile + row * INPUTS, tile + row * INPUTS, 1);
        }
      }
      for (size_t p = 0; p < POINTS; ++p)
        *(lanes *)(void *)(v + p * plane + t * of->channels + c) = tile[p];
    }
  }
}

/* y of `count` tiles from `first` on: A'MA + bias where the outputs are inside. */
static void transform_outputs(const picture *of, const float *m, size_t plane, size_t first,
                              size_t count, const float *bias, float *y)
{
  for (size_t t = 0; t < count; ++t) {
    const corner at = corner_of(of, first + t);
    for (size_t c = 0; c < of->channels; c += LANES) {
      lanes tile[INPUTS * INPUTS];
      const lanes add = load(bias, c);
      for (size_t p = 0; p < POINTS; ++p)
        tile[p] = *(const lanes *)(const void *)(m + p * plane + t * of->channels + c);
      for (size_t column = 0; column < INPUTS; ++column)
        transform_output(tile + column, tile + column, INPUTS);
      for (size_t row = 0; row < OUTPUTS; ++row) {
        transform_output(tile + row * INPUTS, tile + row * INPUTS, 1);
        for (size_t column = 0; column < OUTPUTS; ++column) {
          const float *pixel = pixel_of(of, y, &at, row, column);
          if (pixel != NULL)
            *(lanes *)(void *)(y + (pixel - y) + c) = tile[row * INPUTS + column] + add;
        }
      }
    }
  }
}

/* Tiles that are taken through all steps together: their planes stay in the second cache, and
 * enough rows share each read of the weights. */
static size_t tiles_at_once(size_t in, size_t out)
{
  const size_t tiles = 262144 / (POINTS * (in + out));
  return tiles < 32 ? 32 : tiles > 256 ? 256 : tiles / ROWS * ROWS;
}

/* ---- the passes --------------------------------------------------------------------------- */

/* One direction of a convolution: outputs of `to` from inputs of `from`, which share their tiles.
 */
static void convolve(const picture *from, const picture *to, size_t count, const float *x,
                     const float *u, const float *bias, float *y, float *scratch)
{
  const size_t in = from->channels;
  const size_t out = to->channels;
  const size_t block = tiles_at_once(in, out);
  const size_t v_plane = block * in + PLANE_PADDING;
  const size_t m_plane = block * out + PLANE_PADDING;
  const size_t u_plane = in * out + PLANE_PADDING;
  const size_t tiles = count * from->down * from->across;
  float *v = scratch;
  float *m = v + POINTS * v_plane;
  for (size_t first = 0; first < tiles; first += block) {
    const size_t some = tiles - first < block ? tiles - first : block;
    transform_tiles(from, x, first, some, v_plane, false, v);
    for (size_t p = 0; p < POINTS; ++p) {
      multiply(ag_round_up(some, ROWS), out, in, v + p * v_plane, in, 1, u + p * u_plane, false,
               m + p * m_plane);
    }
    transform_outputs(to, m, m_plane, first, some, bias, y);
  }
}

/* Pictures whose tiles cover height x width outputs. */
static picture picture_of(size_t height, size_t width, size_t channels, size_t padding,
                          size_t out_height, size_t out_width)
{
  return (picture){.height = height,
                   .width = width,
                   .channels = channels,
                   .padding = padding,
                   .down = (out_height + OUTPUTS - 1) / OUTPUTS,
                   .across = (out_width + OUTPUTS - 1) / OUTPUTS};
}

static picture inputs_of(const ag_convolution_shape *shape)
{
  return picture_of(shape->in_height, shape->in_width, shape->in_channels, shape->padding,
                    shape->out_height, shape->out_width);
}

static picture outputs_of(const ag_convolution_shape *shape)
{
  return picture_of(shape->out_height, shape->out_width, shape->out_channels, 0, shape->out_height,
                    shape->out_width);
}

static size_t weight_floats(const ag_convolution_shape *shape)
{
  return POINTS * (shape->in_channels * shape->out_channels + PLANE_PADDING);
}

static size_t scratch_floats(const ag_convolution_shape *shape, size_t count)
{
  const size_t channels = shape->in_channels + shape->out_channels;
  const size_t block = tiles_at_once(shape->in_channels, shape->out_channels);
  (void)count;
  return weight_floats(shape) + POINTS * (block * channels + 2 * (size_t)PLANE_PADDING);
}

/* Not thin layers: they gain little, and where a gradient is zero im2col's is exactly zero, while
 * the cancelling sums here leave a rounding, whose sign an attack would follow. */
static bool supports(const ag_convolution_shape *shape)
{
  enum { THINNEST = 2 * LANES };
  return RUNS_HERE && shape->kernel == 3 && shape->stride == 1 && shape->padding <= 2 &&
         shape->in_channels >= THINNEST && shape->out_channels >= THINNEST;
}

static void forward(const ag_convolution_shape *shape, size_t count, const float *x,
                    const float *weights, const float *bias, float *y, float *scratch)
{
  const picture from = inputs_of(shape);
  const picture to = outputs_of(shape);
  transform_weights(shape->in_channels, shape->out_channels, false, weights, scratch);
  convolve(&from, &to, count, x, scratch, bias, y, scratch + weight_floats(shape));
}

static void input_gradient(const ag_convolution_shape *shape, size_t count, const float *dy,
                           const float *weights, float *dx, float *scratch)
{
  const picture from = picture_of(shape->out_height, shape->out_width, shape->out_channels,
                                  2 - shape->padding, shape->in_height, shape->in_width);
  const picture to = picture_of(shape->in_height, shape->in_width, shape->in_channels, 0,
                                shape->in_height, shape->in_width);
  transform_weights(shape->out_channels, shape->in_channels, true, weights, scratch);
  convolve(&from, &to, count, dy, scratch, NULL, dx, scratch + weight_floats(shape));
}

static void weight_gradient(const ag_convolution_shape *shape, size_t count, const float *x,
                            const float *dy, float *dw, float *scratch)
{
  const size_t in = shape->in_channels;
  const size_t out = shape->out_channels;
  const picture inputs = inputs_of(shape);
  const picture outputs = outputs_of(shape);
  const size_t block = tiles_at_once(in, out);
  const size_t v_plane = block * in + PLANE_PADDING;
  const size_t m_plane = block * out + PLANE_PADDING;
  const size_t u_plane = in * out + PLANE_PADDING;
  const size_t tiles = count * inputs.down * inputs.across;
  float *du = scratch;
  float *v = du + weight_floats(shape);
  float *m = v + POINTS * v_plane;
  for (size_t first = 0; first < tiles; first += block) {
    const size_t some = tiles - first < block ? tiles - first : block;
    transform_tiles(&inputs, x, first, some, v_plane, false, v);
    transform_tiles(&outputs, dy, first, some, m_plane, true, m);
    for (size_t p = 0; p < POINTS; ++p) {
      multiply(in, out, some, v + p * v_plane, 1, in, m + p * m_plane, first > 0, du + p * u_plane);
    }
  }
  add_weight_gradient(in, out, du, dw);
}

const ag_convolution_kernel ROW = {
    .name = ROW_NAME,
    .supports = supports,
    .scratch_floats = scratch_floats,
    .forward = forward,
    .input_gradient = input_gradient,
    .weight_gradient = weight_gradient,
};
