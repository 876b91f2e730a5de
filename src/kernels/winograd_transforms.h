/* The one-dimensional transforms of F(4x4, 3x3), Lavin & Gray 2016 (arXiv:1509.09308), with the
 * interpolation points 0, 1, -1, 2, -2 and infinity, on vectors of channels. Each goes in steps of
 * s through a 6x6 array, and out may be the source. No include guard: part of winograd_body.h. */

/* B'd: 6 from 6. */
static inline void transform_input(const lanes *d, lanes *out, size_t s)
{
  const lanes a = d[4 * s] - 4 * d[2 * s];
  const lanes b = d[3 * s] - 4 * d[s];
  const lanes c = d[4 * s] - d[2 * s];
  const lanes e = 2 * (d[3 * s] - d[s]);
  const lanes last = 4 * d[s] - 5 * d[3 * s] + d[5 * s]; /* before its places are written */
  out[0] = 4 * d[0] - 5 * d[2 * s] + d[4 * s];
  out[s] = a + b;
  out[2 * s] = a - b;
  out[3 * s] = c + e;
  out[4 * s] = c - e;
  out[5 * s] = last;
}

/* A'm: 4 from 6. */
static inline void transform_output(const lanes *m, lanes *out, size_t s)
{
  const lanes a = m[s] + m[2 * s];
  const lanes b = m[s] - m[2 * s];
  const lanes c = m[3 * s] + m[4 * s];
  const lanes d = m[3 * s] - m[4 * s];
  out[0] = m[0] + a + c;
  out[s] = b + 2 * d;
  out[2 * s] = a + 4 * c;
  out[3 * s] = b + 8 * d + m[5 * s];
}

/* A y: 6 from 4, the adjoint of transform_output. */
static inline void transform_gradient(const lanes *y, lanes *out, size_t s)
{
  const lanes even = y[0] + y[2 * s];
  const lanes odd = y[s] + y[3 * s];
  const lanes far_even = y[0] + 4 * y[2 * s];
  const lanes far_odd = 2 * y[s] + 8 * y[3 * s];
  const lanes last = y[3 * s];
  out[0] = y[0];
  out[s] = even + odd;
  out[2 * s] = even - odd;
  out[3 * s] = far_even + far_odd;
  out[4 * s] = far_even - far_odd;
  out[5 * s] = last;
}

/* G g: 6 from 3. */
static inline void transform_kernel(const lanes *g, lanes *out, size_t s)
{
  const lanes ends = g[0] + g[2 * s];
  const lanes far_ends = g[0] + 4 * g[2 * s];
  const lanes middle = g[s];
  const lanes last = g[2 * s];
  out[0] = g[0] / 4;
  out[s] = (ends + middle) / -6;
  out[2 * s] = (ends - middle) / -6;
  out[3 * s] = (far_ends + 2 * middle) / 24;
  out[4 * s] = (far_ends - 2 * middle) / 24;
  out[5 * s] = last;
}

/* G'u: 3 from 6, the adjoint of transform_kernel. */
static inline void transform_kernel_gradient(const lanes *u, lanes *out, size_t s)
{
  const lanes a = (u[s] + u[2 * s]) / -6;
  const lanes b = (u[s] - u[2 * s]) / -6;
  const lanes c = (u[3 * s] + u[4 * s]) / 24;
  const lanes d = (u[3 * s] - u[4 * s]) / 24;
  out[0] = u[0] / 4 + a + c;
  out[s] = b + 2 * d;
  out[2 * s] = a + 4 * c + u[5 * s];
}
