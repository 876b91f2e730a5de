/* Shapes of convolutions, and the choice of the way to compute one. */
#include "kernels/variant.h"

#include <stdint.h>
#include <string.h>

ag_status ag_convolution_shape_complete(ag_convolution_shape *shape)
{
  if (shape->in_height == 0 || shape->in_width == 0 || shape->in_channels == 0 ||
      shape->out_channels == 0 || shape->kernel == 0 || shape->stride == 0) {
    return ag_fail(AG_INVALID_ARGUMENT,
                   "convolution of %zu x %zu pixels, %zu to %zu channels, kernel %zu, stride %zu: "
                   "none of them may be 0",
                   shape->in_height, shape->in_width, shape->in_channels, shape->out_channels,
                   shape->kernel, shape->stride);
  }
  size_t height = 0;
  size_t width = 0;
  if (shape->padding > SIZE_MAX / 2 ||
      __builtin_add_overflow(shape->in_height, 2 * shape->padding, &height) ||
      __builtin_add_overflow(shape->in_width, 2 * shape->padding, &width) ||
      shape->kernel > height || shape->kernel > width) {
    return ag_fail(AG_INVALID_ARGUMENT,
                   "convolution: a kernel of %zu does not fit %zu x %zu pixels with padding %zu",
                   shape->kernel, shape->in_height, shape->in_width, shape->padding);
  }
  shape->out_height = (height - shape->kernel) / shape->stride + 1;
  shape->out_width = (width - shape->kernel) / shape->stride + 1;
  if (shape->in_used == 0) shape->in_used = shape->in_channels;
  if (shape->pooled && (shape->out_height < 2 || shape->out_width < 2)) {
    return ag_fail(AG_INVALID_ARGUMENT, "pooling: a kernel of 2 does not fit %zu x %zu pixels",
                   shape->out_height, shape->out_width);
  }
  return AG_OK;
}

const ag_convolution_kernel *ag_convolution_choose(const ag_variant *variant, const char *name,
                                                   const ag_convolution_shape *shape)
{
  enum { ROWS = 2 };
  const ag_convolution_kernel *const rows[ROWS] = {variant->winograd, variant->im2col};
  const ag_convolution_kernel *fastest = NULL;
  for (size_t i = ROWS; i-- > 0;) {
    if (!rows[i]->supports(shape)) continue;
    fastest = rows[i];
    if (strcmp(name, rows[i]->name) == 0) break;
  }
  return fastest;
}
