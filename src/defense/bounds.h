/* What the Lipschitz bounds of layers need of a network. */
#ifndef ADVGRID_DEFENSE_BOUNDS_H
#define ADVGRID_DEFENSE_BOUNDS_H

#include "advgrid/defense.h"
#include "defense/toeplitz.h"

/** A convolution's kernel. */
static inline ag_toeplitz ag_toeplitz_of(const ag_parameter *weight, size_t samples)
{
  return (ag_toeplitz){
      .size = weight->height, .in = weight->in, .out = weight->out, .samples = samples};
}

/** max |gamma| / sqrt(variance + epsilon) of a batch normalisation; *largest: at that channel, the
 *  first of equals. */
double ag_norm_bound(const ag_parameter *weight, const ag_parameter *variance, const float *block,
                     size_t *largest);

/** |(W' W)^(2^t)|_F^(1 / 2^(t + 1)) of a matrix W[rows, columns], `stride` floats from row to row:
 *  not under its largest singular value, and at most one percent above it. Fails with
 *  AG_OUT_OF_MEMORY. */
ag_status ag_matrix_bound(size_t rows, size_t columns, size_t stride, const float *matrix,
                          double *bound);

#endif
