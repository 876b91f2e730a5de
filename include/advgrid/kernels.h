/* advgrid/kernels.h: pure functions on plain pointers.
 * Activations are NHWC: [count, height, width, stride of channels], where the channel
 * stride is the channel count rounded up to AG_CHANNEL_BLOCK and the padding channels
 * are zero and stay zero. No kernel allocates, holds state, prints, or starts a thread;
 * each says whether it overwrites or accumulates. All pointers are borrowed, none may
 * overlap unless said, and no call is collective. */
#ifndef ADVGRID_KERNELS_H
#define ADVGRID_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "advgrid/base.h"

/* Floats in an AVX2 vector: the granularity of channels in memory. */
enum { AG_CHANNEL_BLOCK = 8 };

static inline size_t ag_channels_padded(size_t channels)
{
  return ag_round_up(channels, AG_CHANNEL_BLOCK);
}

/* ---- matrix product -------------------------------------------------------- */

/** c[m,n] = op(a) op(b) (+ c where accumulate), row-major; op(a) is [m,k], op(b) [k,n];
 *  a transposed operand is stored [k,m] or [n,k]. lda, ldb, ldc: floats from row to row.
 *  Single-threaded; may be called from several threads at once. */
void ag_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const float *a,
             size_t lda, const float *b, size_t ldb, bool accumulate, float *c, size_t ldc);

/** Holds the BLAS library to one thread a call and checks that its build may be called
 *  from several threads at once; fails with AG_INVALID_ARGUMENT and the package to
 *  install where threads > 1 and the build is wrong for that. Call once, before any thread. */
ag_status ag_gemm_prepare(size_t threads);
/** The library's own description of its version, build and kernel. Static text. */
const char *ag_gemm_library(void);

/* ---- convolution ------------------------------------------------------------- */

/* Cross-correlation, as the field calls convolution:
 *   y[i,j,o] = b[o] + sum_{p,q,c} w[p,q,c,o] x[i*stride + p - padding, j*stride + q - padding, c]
 * with x zero outside. Channels are counts padded to AG_CHANNEL_BLOCK. The weights are
 * [kernel, kernel, in_channels, out_channels]. */
typedef struct ag_convolution_shape {
  size_t in_height, in_width, in_channels;
  size_t out_height, out_width, out_channels;
  size_t kernel, stride, padding;
} ag_convolution_shape;

/** Fills in out_height and out_width from the rest; AG_INVALID_ARGUMENT where the
 *  kernel does not fit or a size is zero. */
ag_status ag_convolution_shape_complete(ag_convolution_shape *shape);

/* One way to compute a convolution: a row of the table that a layer chooses from. */
typedef struct ag_convolution_kernel {
  const char *name;
  bool (*supports)(const ag_convolution_shape *shape);
  /* Floats of scratch that any of the three calls needs for `count` images. */
  size_t (*scratch_floats)(const ag_convolution_shape *shape, size_t count);
  /* y: overwritten. bias: [out_channels]. */
  void (*forward)(const ag_convolution_shape *shape, size_t count, const float *x,
                  const float *weights, const float *bias, float *y, float *scratch);
  /* dx = adjoint of x -> y applied to dy: overwritten. */
  void (*input_gradient)(const ag_convolution_shape *shape, size_t count, const float *dy,
                         const float *weights, float *dx, float *scratch);
  /* dw += sum over images of the gradient with respect to the weights: accumulated. */
  void (*weight_gradient)(const ag_convolution_shape *shape, size_t count, const float *x,
                          const float *dy, float *dw, float *scratch);
} ag_convolution_kernel;

/** The first row of the table that supports the shape (the last one takes any). Static. */
const ag_convolution_kernel *ag_convolution_choose(const ag_convolution_shape *shape);

/* ---- pooling ------------------------------------------------------------------- */

/* Windows of kernel x kernel every `stride` pixels, none hanging over the edge:
 * out = (in - kernel) / stride + 1. channels: padded count. */
typedef struct ag_pooling_shape {
  size_t in_height, in_width, channels;
  size_t out_height, out_width;
  size_t kernel, stride;
} ag_pooling_shape;

ag_status ag_pooling_shape_complete(ag_pooling_shape *shape);

/** y, chosen: overwritten; chosen[count, out_height, out_width, channels] is the window's
 *  position (p * kernel + q) of the first largest value. kernel <= 16. */
void ag_max_pooling_forward(const ag_pooling_shape *shape, size_t count, const float *x, float *y,
                            uint8_t *chosen);
/** dx: overwritten. */
void ag_max_pooling_backward(const ag_pooling_shape *shape, size_t count, const float *dy,
                             const uint8_t *chosen, float *dx);
/** y: overwritten. */
void ag_average_pooling_forward(const ag_pooling_shape *shape, size_t count, const float *x,
                                float *y);
/** dx: overwritten. */
void ag_average_pooling_backward(const ag_pooling_shape *shape, size_t count, const float *dy,
                                 float *dx);

/* ---- dense ----------------------------------------------------------------------- */

/** y[count, outputs] = x[count, inputs] w[inputs, outputs] + b: overwritten.
 *  inputs and outputs are padded counts. */
void ag_dense_forward(size_t count, size_t inputs, size_t outputs, const float *x,
                      const float *weights, const float *bias, float *y);
/** dx = dy w': overwritten. */
void ag_dense_input_gradient(size_t count, size_t inputs, size_t outputs, const float *dy,
                             const float *weights, float *dx);
/** dw += x' dy: accumulated. */
void ag_dense_weight_gradient(size_t count, size_t inputs, size_t outputs, const float *x,
                              const float *dy, float *dw);

/* ---- elementwise ------------------------------------------------------------------- */

/** db[channels] += sum over rows of dy[rows, channels]: accumulated. */
void ag_bias_gradient(size_t rows, size_t channels, const float *dy, float *db);
/** y = max(x, 0): overwritten; y may be x. */
void ag_relu_forward(size_t floats, const float *x, float *y);
/** dx = dy where y > 0, else 0: overwritten; dx may be dy. */
void ag_relu_backward(size_t floats, const float *y, const float *dy, float *dx);
/** y = (x - mean) / deviation per channel: overwritten. rows x channels (padded), where
 *  padding channels have mean 0 and deviation 1. */
void ag_normalize_forward(size_t rows, size_t channels, const float *mean, const float *deviation,
                          const float *x, float *y);
/** dx = dy / deviation: overwritten. */
void ag_normalize_backward(size_t rows, size_t channels, const float *deviation, const float *dy,
                           float *dx);
/** Inverted dropout (Srivastava et al. 2014): y = x / (1 - probability) where kept, else 0;
 *  keep[floats] receives 1 or 0, drawn from *random in order. One image's values; y may be x. */
void ag_dropout_forward(size_t floats, float probability, ag_random *random, const float *x,
                        float *y, uint8_t *keep);
/** dx = dy / (1 - probability) where keep, else 0: overwritten; dx may be dy. */
void ag_dropout_backward(size_t floats, float probability, const uint8_t *keep, const float *dy,
                         float *dx);
/** y = x + deviation * N(0, 1) on the first `channels` of each `stride` floats, the rest copied;
 *  y may be x. */
void ag_gaussian_noise(size_t rows, size_t channels, size_t stride, float deviation,
                       ag_random *random, const float *x, float *y);

/* ---- softmax and cross-entropy --------------------------------------------------------- */

/** p = softmax of each row of logits[count, stride], over its first `classes`: overwritten,
 *  [count, stride], zero behind; p may be logits. */
void ag_softmax(size_t count, size_t classes, size_t stride, const float *logits, float *p);
/** losses[count] = -log softmax(logits)[label] (may be NULL); gradient[count, stride] =
 *  scale * (softmax(logits) - onehot(label)), zero behind the classes (may be NULL). Both
 * overwritten. */
void ag_cross_entropy(size_t count, size_t classes, size_t stride, const float *logits,
                      const uint8_t *labels, float scale, float *losses, float *gradient);
/** The same towards smoothed labels (Szegedy et al. 2016, arXiv:1512.00567, section 7)
 *  q = (1 - smoothing) onehot(label) + smoothing / classes, smoothing in [0, 1]:
 *  losses = -sum of q log softmax(logits); gradient = scale * (softmax(logits) - q). With
 *  smoothing 0 the same bits. */
void ag_cross_entropy_smoothed(size_t count, size_t classes, size_t stride, const float *logits,
                               const uint8_t *labels, float smoothing, float scale, float *losses,
                               float *gradient);

#endif
