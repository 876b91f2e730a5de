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

/* ---- OpenBLAS's matrix product: what advgrid's own is held against ------------- */

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

/* ---- eigenvectors, by the LAPACK that OpenBLAS holds ------------------------------ */

/** The largest eigenvalues of a symmetric matrix[n, n], which is overwritten: values[count] from
 *  the largest down, vectors[count, n] of length one, up to their sign. scratch: ag_eigen_scratch
 *  doubles, overwritten. 0 < count <= n; all finite. False where they are not found. From one
 *  thread at a time. */
bool ag_eigen_largest(size_t n, double *matrix, size_t count, double *values, double *vectors,
                      double *scratch);
size_t ag_eigen_scratch(size_t n);

/* ---- instruction sets --------------------------------------------------------- */

/* The kernels that are compiled once for each instruction set, at its full width. */
typedef struct ag_variant ag_variant;

/** The variant of that name ("avx512", "avx2", "baseline"), or for "auto" the widest that this
 *  processor runs; NULL where it does not run it or there is none of that name. Static. */
const ag_variant *ag_variant_find(const char *name);
const char *ag_variant_name(const ag_variant *variant);

/* ---- convolution ------------------------------------------------------------- */

/* Cross-correlation, as the field calls convolution:
 *   z[i,j,o] = b[o] + sum_{p,q,c} w[p,q,c,o] x[i*stride + p - padding, j*stride + q - padding, c]
 * with x zero outside, and what follows it in the same pass over memory: with `relu` max(z, 0),
 * with `pooled` then the largest of each 2x2, two apart. The result is y. Channels are counts
 * padded to AG_CHANNEL_BLOCK. The weights are [kernel, kernel, in_channels, out_channels]. */
typedef struct ag_convolution_shape {
  size_t in_height, in_width, in_channels;
  size_t out_height, out_width, out_channels; /* of z */
  size_t kernel, stride, padding;
  size_t in_used; /* channels of x that are no padding; 0 is taken as all */
  bool relu, pooled;
} ag_convolution_shape;

/** Fills in out_height, out_width and in_used from the rest; AG_INVALID_ARGUMENT where the
 *  kernel or the pooling does not fit or a size is zero. */
ag_status ag_convolution_shape_complete(ag_convolution_shape *shape);

/* The size of y. */
static inline size_t ag_convolution_result_height(const ag_convolution_shape *shape)
{
  return shape->pooled ? shape->out_height / 2 : shape->out_height;
}
static inline size_t ag_convolution_result_width(const ag_convolution_shape *shape)
{
  return shape->pooled ? shape->out_width / 2 : shape->out_width;
}

/* What `chosen` holds where no value of a window passes its gradient on, since ReLU cut it off;
 * else p * 2 + q of the first largest. */
enum { AG_CHOSEN_NONE = 4 };

/* The backward pass of one shard. */
typedef struct ag_convolution_backward {
  const float *x;        /* of the forward pass; read for dw */
  const float *prepared; /* the weights */
  const float *y;        /* of the forward pass; its sign is read for a relu that is not pooled */
  const uint8_t *chosen; /* of the forward pass, where pooled */
  const float *dy;       /* of y's size */
  float *dw, *db;        /* += the gradients of weights and bias, each complete before it is added;
                            both NULL: not wanted */
  float *dx;             /* = the gradient of x; NULL: not wanted */
  float *scratch;
} ag_convolution_backward;

/* One way to compute a convolution: a row of the table that a layer chooses from. */
typedef struct ag_convolution_kernel {
  const char *name;
  bool (*supports)(const ag_convolution_shape *shape);
  /* The weights as the passes read them: made once a step, for all shards. `prepare` makes part
   * `part` of `parts`, so that threads may share it. */
  size_t (*prepared_floats)(const ag_convolution_shape *shape);
  void (*prepare)(const ag_convolution_shape *shape, size_t part, size_t parts,
                  const float *weights, float *prepared);
  /* Floats of scratch that a pass over `count` images needs. */
  size_t (*scratch_floats)(const ag_convolution_shape *shape, size_t count);
  /* y, and chosen [of y's size] where pooled: overwritten. bias: [out_channels]. */
  void (*forward)(const ag_convolution_shape *shape, size_t count, const float *x,
                  const float *prepared, const float *bias, float *y, uint8_t *chosen,
                  float *scratch);
  void (*backward)(const ag_convolution_shape *shape, size_t count,
                   const ag_convolution_backward *call);
} ag_convolution_kernel;

/** The way to compute a shape: `name` where it supports it, else, as with "auto" or an empty name,
 *  the fastest that does; im2col takes any. Static. */
enum { AG_WINOGRAD_CHANNELS = 16 }; /* on either side: fewer go to im2col */
const ag_convolution_kernel *ag_convolution_choose(const ag_variant *variant, const char *name,
                                                   const ag_convolution_shape *shape);

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

/* y[count, outputs] = x[count, inputs] w[inputs, outputs] + b. inputs and outputs are padded
 * counts. A row of y, or of dx, depends on its own row of x alone, to the bit. */
typedef struct ag_dense_kernel {
  size_t (*scratch_floats)(size_t count, size_t inputs, size_t outputs);
  /* y: overwritten. */
  void (*forward)(size_t count, size_t inputs, size_t outputs, const float *x, const float *weights,
                  const float *bias, float *y);
  /* dx = dy w': overwritten. */
  void (*input_gradient)(size_t count, size_t inputs, size_t outputs, const float *dy,
                         const float *weights, float *dx, float *scratch);
  /* dw[rows, outputs] += rows `first` and on of x' dy, complete before they are added. */
  void (*weight_gradient)(size_t count, size_t inputs, size_t outputs, size_t first, size_t rows,
                          const float *x, const float *dy, float *dw, float *scratch);
} ag_dense_kernel;

const ag_dense_kernel *ag_variant_dense(const ag_variant *variant);

/* ---- elementwise ------------------------------------------------------------------- */

/** db[channels] += sum over rows of dy[rows, channels], which is complete before it is added. */
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

/* ---- batch normalisation ------------------------------------------------------------------ */

/* Ioffe & Szegedy 2015 (arXiv:1502.03167), algorithm 1, with the statistics of one shard (Hoffer
 * et al. 2017, arXiv:1705.08741, algorithm 1, "ghost"): for each channel of z[rows, channels],
 * rows = images * height * width > 0,
 *   y = gamma * n + beta,  n = (z - mean) * inverse_deviation,
 *   inverse_deviation = 1 / sqrt(variance + epsilon),
 * and where `relu` max(y, 0). All per-channel arrays are [channels], a padded count. Padding
 * channels have gamma = beta = 0, so that y and dz are 0 there. A shard of one row has variance 0:
 * y = beta whatever z, so dz = 0. A NaN in a channel makes all of the channel NaN. */

typedef struct ag_batch_norm_kernel {
  /* mean and variance (biased: over rows, not rows - 1) of each channel: overwritten. Exact to the
   * rounding of a float: that of the mean, 6e-8 of it, is all that is lost where it is far larger
   * than the deviation. */
  void (*statistics)(size_t rows, size_t channels, const float *z, float *mean, float *variance);
  /* inverse_deviation = 1 / sqrt(variance + epsilon): overwritten; may be variance. epsilon > 0. */
  void (*inverse_deviation)(size_t channels, const float *variance, float epsilon,
                            float *inverse_deviation);
  /* y, as above: overwritten. mean and inverse_deviation are the shard's in training, the running
   * ones in evaluation. y may be z only where no backward pass follows: that one needs z. */
  void (*forward)(size_t rows, size_t channels, const float *z, const float *mean,
                  const float *inverse_deviation, const float *gamma, const float *beta, bool relu,
                  float *y);
  /* The gradient through the shard's own statistics. With g = dy where y > 0 or not relu, else 0
   * (worked out from z again: y need not be kept):
   *   dbeta += sum g,  dgamma += sum g n: accumulated;
   *   dz = gamma * inverse_deviation * (g - (sum g + n * sum g n) / rows): overwritten;
   * dz may be dy, or NULL: not wanted. z and the rest as they were in forward. dgamma and dbeta
   * NULL: mean and deviation are constants, as in evaluation, and dz = gamma * inverse_deviation *
   * g. */
  void (*backward)(size_t rows, size_t channels, const float *z, const float *mean,
                   const float *inverse_deviation, const float *gamma, const float *beta, bool relu,
                   const float *dy, float *dgamma, float *dbeta, float *dz);
  /* The convolution (or dense layer) that does the same as itself and the normalisation behind it
   * in evaluation, Jacob et al. 2018 (arXiv:1712.05877), section 3.2:
   *   folded_weights = weights * s,  folded_bias = (bias - mean) * s + beta,
   *   s = gamma / sqrt(variance + epsilon), of the running mean and variance: overwritten.
   * weights: [rows, channels], rows = kernel * kernel * in_channels; bias: [channels]. The folded
   * may be the same arrays. epsilon > 0. */
  void (*fold)(size_t rows, size_t channels, const float *weights, const float *bias,
               const float *gamma, const float *beta, const float *mean, const float *variance,
               float epsilon, float *folded_weights, float *folded_bias);
} ag_batch_norm_kernel;

const ag_batch_norm_kernel *ag_variant_batch_norm(const ag_variant *variant);

#endif
