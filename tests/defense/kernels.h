/* Convolutions as matrices from images to images, in double, for tests of their bounds. */
#ifndef ADVGRID_TEST_KERNELS_H
#define ADVGRID_TEST_KERNELS_H

#include "support/fixture.h"

typedef struct kernel_case {
  size_t size, in, out;
} kernel_case;

/** A tap of a kernel as it lies in memory. */
static inline double kernel_tap(const kernel_case *k, const float *weight, size_t row,
                                size_t column, size_t in, size_t out)
{
  const size_t tap = row * k->size + column;
  return (double)weight[(tap * ag_channels_padded(k->in) + in) * ag_channels_padded(k->out) + out];
}

/* What one pass of the convolution over an image of n x n pixels takes. */
typedef struct kernel_pass {
  kernel_case kernel;
  const float *weight;
  size_t n, padding, stride;
  double *x, *y; /* [n, n, in], [m, m, out] */
} kernel_pass;

static inline size_t kernel_results(const kernel_pass *p)
{
  return (p->n + 2 * p->padding - p->kernel.size) / p->stride + 1;
}

/* y = M x, or x = M' y where it goes back. */
static inline void kernel_apply(const kernel_pass *p, bool back)
{
  const kernel_case *k = &p->kernel;
  const size_t m = kernel_results(p);
  memset(back ? p->x : p->y, 0, (back ? p->n * p->n * k->in : m * m * k->out) * sizeof(double));
  for (size_t at = 0; at < m * m * k->size * k->size; ++at) {
    const size_t row = at % k->size;
    const size_t column = at / k->size % k->size;
    const size_t pixel = at / k->size / k->size;
    const size_t py = pixel / m * p->stride + row - p->padding; /* wraps around outside */
    const size_t px = pixel % m * p->stride + column - p->padding;
    if (py >= p->n || px >= p->n) continue;
    for (size_t i = 0; i < k->in; ++i) {
      for (size_t o = 0; o < k->out; ++o) {
        const double tap = kernel_tap(k, p->weight, row, column, i, o);
        double *x = &p->x[(py * p->n + px) * k->in + i];
        double *y = &p->y[pixel * k->out + o];
        if (back) {
          *x += tap * *y;
        } else {
          *y += tap * *x;
        }
      }
    }
  }
}

/** The largest singular value of the convolution's matrix, from below, by power iteration. */
static inline double kernel_singular_value(const kernel_case *k, const float *weight, size_t n,
                                           size_t padding, size_t stride)
{
  enum { ROUNDS = 300 };
  kernel_pass p = {.kernel = *k, .weight = weight, .n = n, .padding = padding, .stride = stride};
  const size_t m = kernel_results(&p);
  const size_t count = n * n * k->in;
  double value = 0;
  p.x = (double *)test_bytes(count * sizeof(double));
  p.y = (double *)test_bytes(m * m * k->out * sizeof(double));
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, 77, 0);
  for (size_t i = 0; i < count; ++i)
    p.x[i] = (double)ag_random_uniform(&random) - 0.5;
  for (size_t round = 0; round < ROUNDS; ++round) {
    double squares = 0;
    for (size_t i = 0; i < count; ++i)
      squares += p.x[i] * p.x[i];
    for (size_t i = 0; i < count; ++i)
      p.x[i] /= sqrt(squares);
    kernel_apply(&p, false);
    squares = 0;
    for (size_t i = 0; i < m * m * k->out; ++i)
      squares += p.y[i] * p.y[i];
    value = sqrt(squares);
    kernel_apply(&p, true);
  }
  free(p.x);
  free(p.y);
  return value;
}

#endif
