/* The one-dimensional transforms of F(4x4, 3x3), Lavin & Gray 2016 (arXiv:1509.09308), with the
 * interpolation points 0, 1, -1, 2, -2 and infinity, on vectors of channels. Each goes in steps of
 * s through a 6x6 array, and out may be the source. */
#ifndef ADVGRID_KERNELS_VECTOR_WINOGRAD_TRANSFORMS_H
#define ADVGRID_KERNELS_VECTOR_WINOGRAD_TRANSFORMS_H

#include "kernels/vector/vector.h"

/* B'd: 6 from 6. */
static inline void transform_input(const wide *d, wide *out, size_t s)
{
  const wide a = d[4 * s] - 4 * d[2 * s];
  const wide b = d[3 * s] - 4 * d[s];
  const wide c = d[4 * s] - d[2 * s];
  const wide e = 2 * (d[3 * s] - d[s]);
  const wide last = 4 * d[s] - 5 * d[3 * s] + d[5 * s]; /* before its places are written */
  out[0] = 4 * d[0] - 5 * d[2 * s] + d[4 * s];
  out[s] = a + b;
  out[2 * s] = a - b;
  out[3 * s] = c + e;
  out[4 * s] = c - e;
  out[5 * s] = last;
}

/* B v: 6 from 6, the adjoint of transform_input. */
static inline void transform_input_gradient(const wide *v, wide *out, size_t s)
{
  const wide even = v[s] + v[2 * s];
  const wide odd = v[s] - v[2 * s];
  const wide far_even = v[3 * s] + v[4 * s];
  const wide far_odd = v[3 * s] - v[4 * s];
  const wide first = v[0];
  const wide last = v[5 * s];
  out[0] = 4 * first;
  out[s] = 4 * (last - odd) - 2 * far_odd;
  out[2 * s] = -5 * first - 4 * even - far_even;
  out[3 * s] = odd + 2 * far_odd - 5 * last;
  out[4 * s] = first + even + far_even;
  out[5 * s] = last;
}

/* A'm: 4 from 6. */
static inline void transform_output(const wide *m, wide *out, size_t s)
{
  const wide a = m[s] + m[2 * s];
  const wide b = m[s] - m[2 * s];
  const wide c = m[3 * s] + m[4 * s];
  const wide d = m[3 * s] - m[4 * s];
  out[0] = m[0] + a + c;
  out[s] = b + 2 * d;
  out[2 * s] = a + 4 * c;
  out[3 * s] = b + 8 * d + m[5 * s];
}

/* A y: 6 from 4, the adjoint of transform_output. */
static inline void transform_output_gradient(const wide *y, wide *out, size_t s)
{
  const wide even = y[0] + y[2 * s];
  const wide odd = y[s] + y[3 * s];
  const wide far_even = y[0] + 4 * y[2 * s];
  const wide far_odd = 2 * y[s] + 8 * y[3 * s];
  const wide last = y[3 * s];
  out[0] = y[0];
  out[s] = even + odd;
  out[2 * s] = even - odd;
  out[3 * s] = far_even + far_odd;
  out[4 * s] = far_even - far_odd;
  out[5 * s] = last;
}

static const float sixth = 1.0F / 6;
static const float twenty_fourth = 1.0F / 24;

/* G g: 6 from 3. */
static inline void transform_kernel(const wide *g, wide *out, size_t s)
{
  const wide ends = g[0] + g[2 * s];
  const wide far_ends = g[0] + 4 * g[2 * s];
  const wide middle = g[s];
  const wide last = g[2 * s];
  out[0] = 0.25F * g[0];
  out[s] = -sixth * (ends + middle);
  out[2 * s] = -sixth * (ends - middle);
  out[3 * s] = twenty_fourth * (far_ends + 2 * middle);
  out[4 * s] = twenty_fourth * (far_ends - 2 * middle);
  out[5 * s] = last;
}

/* G'u: 3 from 6, the adjoint of transform_kernel. */
static inline void transform_kernel_gradient(const wide *u, wide *out, size_t s)
{
  const wide a = -sixth * (u[s] + u[2 * s]);
  const wide b = -sixth * (u[s] - u[2 * s]);
  const wide c = twenty_fourth * (u[3 * s] + u[4 * s]);
  const wide d = twenty_fourth * (u[3 * s] - u[4 * s]);
  out[0] = 0.25F * u[0] + a + c;
  out[s] = b + 2 * d;
  out[2 * s] = a + 4 * c + u[5 * s];
}

/* A transform along both axes of a 6x6 array: first `columns` columns, then `rows` rows. */
static inline __attribute__((always_inline)) void
transform_both(void (*transform)(const wide *, wide *, size_t), size_t columns, size_t rows,
               wide *tile)
{
  enum { SIDE = 6 };
#pragma GCC unroll 6
  for (size_t column = 0; column < columns; ++column)
    transform(tile + column, tile + column, SIDE);
#pragma GCC unroll 6
  for (size_t row = 0; row < rows; ++row)
    transform(tile + row * SIDE, tile + row * SIDE, 1);
}

#endif
