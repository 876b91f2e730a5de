/* The dense layer: y = x w + b, one row per image of a shard.
 * A shard's images share one product, so that the weights are read once for all of them. */
#include "advgrid/kernels.h"

#include <string.h>

void ag_dense_forward(size_t count, size_t inputs, size_t outputs, const float *x,
                      const float *weights, const float *bias, float *y)
{
  for (size_t row = 0; row < count; ++row)
    memcpy(y + row * outputs, bias, outputs * sizeof *y);
  ag_gemm(false, false, count, outputs, inputs, x, inputs, weights, outputs, true, y, outputs);
}

void ag_dense_input_gradient(size_t count, size_t inputs, size_t outputs, const float *dy,
                             const float *weights, float *dx)
{
  ag_gemm(false, true, count, inputs, outputs, dy, outputs, weights, outputs, false, dx, inputs);
}

void ag_dense_weight_gradient(size_t count, size_t inputs, size_t outputs, const float *x,
                              const float *dy, float *dw)
{
  ag_gemm(true, false, inputs, outputs, count, x, inputs, dy, outputs, true, dw, outputs);
}
