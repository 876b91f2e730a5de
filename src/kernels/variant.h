/* The kernels that are compiled once for each instruction set. */
#ifndef ADVGRID_KERNELS_VARIANT_H
#define ADVGRID_KERNELS_VARIANT_H

#include "advgrid/kernels.h"

struct ag_variant {
  const char *name; /* "avx512", "avx2", "baseline" */
  size_t lanes;     /* floats of a vector */
  const ag_convolution_kernel *winograd, *im2col;
  const ag_dense_kernel *dense;
  const ag_batch_norm_kernel *batch_norm;
  /* See kernels/vector/vector.h. */
  void (*multiply)(size_t m, size_t n, size_t depth, const float *a, size_t row_stride, size_t step,
                   const float *b, size_t ldb, bool accumulate, float *c, size_t ldc);
  /* The set's peak: twelve chains of vectors x = x * 0.875 + 0.125, chain i from 0.125 i on, for so
   * many rounds. Returns the operations, a multiply-add counted as two; sum: of all lanes of all
   * chains, so that none can be left out. */
  double (*fma_chains)(size_t rounds, float *sum);
};

extern const ag_variant ag_avx512_variant, ag_avx2_variant, ag_baseline_variant;

#endif
