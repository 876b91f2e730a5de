/* One shard's input to batch normalisation, the kernels applied to it, and what they should say,
 * in double. */
#ifndef ADVGRID_TEST_BATCH_H
#define ADVGRID_TEST_BATCH_H

#include "support/fixture.h"

/* batch_epsilon: PyTorch's default. */
static const float batch_epsilon = 1e-5F;

/* The kernels of the instruction set under test. */
static const ag_batch_norm_kernel *batch_kernel;

/* Rows and unpadded channels: around a block of rows, and more channels than go at once. */
static const size_t batch_cases[][2] = {{1, 8},   {2, 24},   {3, 60},   {7, 8},    {64, 24},
                                        {64, 64}, {65, 19},  {130, 64}, {1000, 5}, {1000, 64},
                                        {1, 64},  {70, 264}, {5, 515},  {2, 8},    {3, 3}};
enum { BATCH_CASES = sizeof batch_cases / sizeof batch_cases[0] };

typedef struct batch {
  size_t rows, channels, stride, floats; /* channels: unpadded */
  bool relu;
  float *z, *dy, *gamma, *beta, *mean, *variance, *inverse;
} batch;

static inline void batch_measure(batch *b)
{
  batch_kernel->statistics(b->rows, b->stride, b->z, b->mean, b->variance);
  batch_kernel->inverse_deviation(b->stride, b->variance, batch_epsilon, b->inverse);
}

static inline batch batch_start(size_t rows, size_t channels, bool relu)
{
  const size_t stride = ag_channels_padded(channels);
  batch b = {.rows = rows,
             .channels = channels,
             .stride = stride,
             .floats = rows * stride,
             .relu = relu,
             .z = test_activations(rows, channels, 1),
             .dy = test_activations(rows, channels, 2),
             .gamma = test_activations(1, channels, 3),
             .beta = test_activations(1, channels, 4),
             .mean = test_floats(stride),
             .variance = test_floats(stride),
             .inverse = test_floats(stride)};
  batch_measure(&b);
  return b;
}

static inline void batch_stop(batch *b)
{
  float *const all[] = {b->z, b->dy, b->gamma, b->beta, b->mean, b->variance, b->inverse};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
    free(all[i]);
}

static inline void batch_forward(const batch *b, float *y)
{
  batch_kernel->forward(b->rows, b->stride, b->z, b->mean, b->inverse, b->gamma, b->beta, b->relu,
                        y);
}

static inline void batch_backward(const batch *b, float *dgamma, float *dbeta, float *dz)
{
  batch_kernel->backward(b->rows, b->stride, b->z, b->mean, b->inverse, b->gamma, b->beta, b->relu,
                         b->dy, dgamma, dbeta, dz);
}

/* ---- in double ------------------------------------------------------------------- */

typedef struct channel {
  double mean, variance, inverse, gamma, beta;
} channel;

/* Two passes over one channel of z. */
static inline channel batch_channel(const batch *b, size_t c)
{
  channel k = {.gamma = (double)b->gamma[c], .beta = (double)b->beta[c]};
  for (size_t i = c; i < b->floats; i += b->stride)
    k.mean += (double)b->z[i] / (double)b->rows;
  for (size_t i = c; i < b->floats; i += b->stride)
    k.variance += pow((double)b->z[i] - k.mean, 2.0) / (double)b->rows;
  k.inverse = 1.0 / sqrt(k.variance + (double)batch_epsilon);
  return k;
}

static inline double batch_normal(const batch *b, const channel *k, size_t i)
{
  return ((double)b->z[i] - k->mean) * k->inverse;
}

/* Before the ReLU. */
static inline double batch_output(const batch *b, const channel *k, size_t i)
{
  return k->gamma * batch_normal(b, k, i) + k->beta;
}

static inline double batch_gradient(const batch *b, const channel *k, size_t i)
{
  return b->relu && batch_output(b, k, i) <= 0.0 ? 0.0 : (double)b->dy[i];
}

/* Runs the tests with the kernels of every instruction set that this processor has. */
static inline int batch_run(const struct CMUnitTest *tests, size_t count)
{
  static const char *const variants[] = {"avx512", "avx2", "baseline"};
  int failed = 0;
  for (size_t i = 0; i < sizeof variants / sizeof *variants; ++i) {
    const ag_variant *variant = ag_variant_find(variants[i]);
    if (variant == NULL) continue;
    batch_kernel = ag_variant_batch_norm(variant);
    failed += _cmocka_run_group_tests(variants[i], tests, count, NULL, NULL);
  }
  return failed;
}

#endif
