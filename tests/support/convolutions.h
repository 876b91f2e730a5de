/* A convolution's tensors, the kernel under test applied to them, and what it should say, by loops
 * in double. */
#ifndef ADVGRID_TEST_CONVOLUTIONS_H
#define ADVGRID_TEST_CONVOLUTIONS_H

#include "support/fixture.h"

/* What is under test: the tests run once for each that the machine has. */
static const ag_variant *convolution_variant;
static const char *convolution_name;

typedef struct convolution {
  ag_convolution_shape shape;
  const ag_convolution_kernel *kernel;
  size_t count, in, out;         /* in, out: unpadded channels */
  size_t x_rows, z_rows, y_rows; /* pixels of all images */
  size_t x_floats, z_floats, y_floats, w_floats, scratch_floats;
  float *x, *weights, *bias, *dy, *prepared, *scratch;
  uint8_t *chosen;
} convolution;

/* Whatever an earlier call left must not matter. */
static inline void convolution_spoil(float *values, size_t floats)
{
  for (size_t i = 0; i < floats; ++i)
    values[i] = NAN;
}

/** sizes: images, height, width, channels in and out (unpadded), kernel, stride, padding. False
 *  where the kernel under test does not take that shape. The tensors x .. dy are left to the
 * caller.
 */
static inline bool convolution_measure(const size_t sizes[8], bool relu, bool pooled,
                                       convolution *d)
{
  *d = (convolution){.count = sizes[0],
                     .in = sizes[3],
                     .out = sizes[4],
                     .shape = {.in_height = sizes[1],
                               .in_width = sizes[2],
                               .in_channels = ag_channels_padded(sizes[3]),
                               .in_used = sizes[3],
                               .out_channels = ag_channels_padded(sizes[4]),
                               .kernel = sizes[5],
                               .stride = sizes[6],
                               .padding = sizes[7],
                               .relu = relu,
                               .pooled = pooled}};
  const ag_convolution_shape *s = &d->shape;
  assert_int_equal(ag_convolution_shape_complete(&d->shape), AG_OK);
  d->kernel = ag_convolution_choose(convolution_variant, convolution_name, s);
  if (strcmp(d->kernel->name, convolution_name) != 0) return false;
  d->x_rows = d->count * s->in_height * s->in_width;
  d->z_rows = d->count * s->out_height * s->out_width;
  d->y_rows = d->count * ag_convolution_result_height(s) * ag_convolution_result_width(s);
  d->x_floats = d->x_rows * s->in_channels;
  d->z_floats = d->z_rows * s->out_channels;
  d->y_floats = d->y_rows * s->out_channels;
  d->w_floats = s->kernel * s->kernel * s->in_channels * s->out_channels;
  d->scratch_floats = d->kernel->scratch_floats(s, d->count);
  d->scratch = test_floats(d->scratch_floats);
  d->prepared = test_floats(d->kernel->prepared_floats(s));
  d->chosen = pooled ? (uint8_t *)test_bytes(d->y_floats) : NULL;
  convolution_spoil(d->scratch, d->scratch_floats);
  convolution_spoil(d->prepared, d->kernel->prepared_floats(s));
  return true;
}

/** To be called again where weights change. */
static inline void convolution_prepare(const convolution *d)
{
  d->kernel->prepare(&d->shape, 0, 1, d->weights, d->prepared);
}

static inline bool convolution_start(const size_t sizes[8], bool relu, bool pooled, convolution *d)
{
  if (!convolution_measure(sizes, relu, pooled, d)) return false;
  d->x = test_activations(d->x_rows, d->in, 1);
  d->weights = test_weights(d->shape.kernel, d->in, d->out, 2);
  d->bias = test_activations(1, d->out, 3);
  d->dy = test_activations(d->y_rows, d->out, 4);
  convolution_prepare(d);
  return true;
}

static inline void convolution_stop(convolution *d)
{
  float *const all[] = {d->x, d->weights, d->bias, d->dy, d->prepared, d->scratch};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
    free(all[i]);
  free(d->chosen);
}

static inline void convolution_forward(const convolution *d, float *y)
{
  d->kernel->forward(&d->shape, d->count, d->x, d->prepared, d->bias, y, d->chosen, d->scratch);
}

/** y: of the forward pass; may be NULL where it is not read. */
static inline void convolution_backward(const convolution *d, const float *y, float *dw, float *db,
                                        float *dx)
{
  const ag_convolution_backward call = {.x = d->x,
                                        .prepared = d->prepared,
                                        .y = y,
                                        .chosen = d->chosen,
                                        .dy = d->dy,
                                        .dw = dw,
                                        .db = db,
                                        .dx = dx,
                                        .scratch = d->scratch};
  d->kernel->backward(&d->shape, d->count, &call);
}

/* ---- in double ------------------------------------------------------------------- */

/* Where position (p, q) of the window at z's pixel `row` lies in x; x_rows where it lies outside.
 */
static inline size_t convolution_pixel(const convolution *d, size_t row, size_t p, size_t q)
{
  const ag_convolution_shape *s = &d->shape;
  const size_t image = row / (s->out_height * s->out_width);
  const size_t i = row / s->out_width % s->out_height * s->stride + p;
  const size_t j = row % s->out_width * s->stride + q;
  if (i < s->padding || i - s->padding >= s->in_height) return d->x_rows;
  if (j < s->padding || j - s->padding >= s->in_width) return d->x_rows;
  return (image * s->in_height + i - s->padding) * s->in_width + j - s->padding;
}

/** The header's equation: z, overwritten. */
static inline void convolution_reference(const convolution *d, double *z)
{
  const ag_convolution_shape *s = &d->shape;
  for (size_t row = 0; row < d->z_rows; ++row, z += s->out_channels) {
    for (size_t o = 0; o < s->out_channels; ++o)
      z[o] = (double)d->bias[o];
    for (size_t at = 0; at < s->kernel * s->kernel; ++at) {
      const size_t pixel = convolution_pixel(d, row, at / s->kernel, at % s->kernel);
      if (pixel == d->x_rows) continue;
      for (size_t c = 0; c < d->in; ++c) {
        const double x = (double)d->x[pixel * s->in_channels + c];
        const float *w = d->weights + (at * s->in_channels + c) * s->out_channels;
        for (size_t o = 0; o < d->out; ++o)
          z[o] += x * (double)w[o];
      }
    }
  }
}

/** Its gradients, accumulated, from that of z. */
static inline void convolution_reference_gradients(const convolution *d, const double *dz,
                                                   double *dw, double *db, double *dx)
{
  const ag_convolution_shape *s = &d->shape;
  for (size_t row = 0; row < d->z_rows; ++row, dz += s->out_channels) {
    for (size_t o = 0; o < s->out_channels; ++o)
      db[o] += dz[o];
    for (size_t at = 0; at < s->kernel * s->kernel; ++at) {
      const size_t pixel = convolution_pixel(d, row, at / s->kernel, at % s->kernel);
      if (pixel == d->x_rows) continue;
      for (size_t c = 0; c < d->in; ++c) {
        const double x = (double)d->x[pixel * s->in_channels + c];
        const float *w = d->weights + (at * s->in_channels + c) * s->out_channels;
        double *to = dw + (at * s->in_channels + c) * s->out_channels;
        double sum = 0.0;
        for (size_t o = 0; o < d->out; ++o) {
          sum += dz[o] * (double)w[o];
          to[o] += x * dz[o];
        }
        dx[pixel * s->in_channels + c] += sum;
      }
    }
  }
}

/* Of count doubles, as floats: owned by the caller. */
static inline float *convolution_rounded(const double *values, size_t count)
{
  float *rounded = test_floats(count);
  for (size_t i = 0; i < count; ++i)
    rounded[i] = (float)values[i];
  return rounded;
}

/* Winograd's sums cancel: its error goes with the largest values. It is held to 1e-5 of them;
 * its norm, in test_convolution_error, to half of that. */
static inline double convolution_allowed(const float *want, size_t floats)
{
  double largest = 0;
  for (size_t i = 0; i < floats; ++i)
    largest = fmax(largest, fabs((double)want[i]));
  return fmax(2e-5, 1e-5 * largest);
}

/* Runs the tests with every kernel of every instruction set that this processor has. */
static inline int convolution_run(const struct CMUnitTest *tests, size_t count)
{
  static const char *const variants[] = {"avx512", "avx2", "baseline"};
  static const char *const names[] = {"winograd", "im2col"};
  int failed = 0;
  for (size_t i = 0; i < 6; ++i) {
    char title[64];
    convolution_variant = ag_variant_find(variants[i / 2]);
    convolution_name = names[i % 2];
    if (convolution_variant == NULL) continue;
    snprintf(title, sizeof title, "%s %s", variants[i / 2], names[i % 2]);
    failed += _cmocka_run_group_tests(title, tests, count, NULL, NULL);
  }
  return failed;
}

#endif
