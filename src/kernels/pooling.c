/* Max and average pooling over square windows.
 * The innermost loop runs over the channels of one pixel, which lie side by side; the
 * windows' positions are taken one after the other around it. */
#include "advgrid/kernels.h"

#include <assert.h>
#include <string.h>

ag_status ag_pooling_shape_complete(ag_pooling_shape *shape)
{
  if (shape->in_height == 0 || shape->in_width == 0 || shape->channels == 0 || shape->kernel == 0 ||
      shape->stride == 0) {
    return ag_fail(AG_INVALID_ARGUMENT,
                   "pooling of %zu x %zu pixels, %zu channels, kernel %zu, stride %zu: none of "
                   "them may be 0",
                   shape->in_height, shape->in_width, shape->channels, shape->kernel,
                   shape->stride);
  }
  if (shape->kernel > 16) {
    return ag_fail(AG_INVALID_ARGUMENT, "pooling: the kernel is %zu, at most 16 is possible",
                   shape->kernel);
  }
  if (shape->kernel > shape->in_height || shape->kernel > shape->in_width) {
    return ag_fail(AG_INVALID_ARGUMENT, "pooling: a kernel of %zu does not fit %zu x %zu pixels",
                   shape->kernel, shape->in_height, shape->in_width);
  }
  shape->out_height = (shape->in_height - shape->kernel) / shape->stride + 1;
  shape->out_width = (shape->in_width - shape->kernel) / shape->stride + 1;
  return AG_OK;
}

/* Floats from the image's start to the first channel of a window's first pixel. */
static size_t window_start(const ag_pooling_shape *shape, size_t i, size_t j)
{
  return (i * shape->stride * shape->in_width + j * shape->stride) * shape->channels;
}

static size_t image_floats(const ag_pooling_shape *shape)
{
  return shape->in_height * shape->in_width * shape->channels;
}

/* Takes x where it is larger; a NaN is larger than all and stays. */
static void take_larger(size_t channels, int32_t position, const float *restrict x,
                        float *restrict y, uint8_t *restrict chosen)
{
  for (size_t c = 0; c < channels; ++c) {
    const float value = x[c];
    const float best = y[c];
    const int32_t before = chosen[c]; /* as wide as a float, for the vectors' sake */
    const bool larger = !(value <= best) & (best == best);
    y[c] = larger ? value : best;
    chosen[c] = (uint8_t)(larger ? position : before);
  }
}

/* x: the window's first pixel. */
static void max_of_window(const ag_pooling_shape *shape, const float *restrict x, float *restrict y,
                          uint8_t *restrict chosen)
{
  const size_t channels = shape->channels;
  memcpy(y, x, channels * sizeof *y);
  memset(chosen, 0, channels);
  for (size_t p = 0; p < shape->kernel; ++p, x += shape->in_width * channels) {
    for (size_t q = p == 0 ? 1 : 0; q < shape->kernel; ++q)
      take_larger(channels, (int32_t)(p * shape->kernel + q), x + q * channels, y, chosen);
  }
}

void ag_max_pooling_forward(const ag_pooling_shape *shape, size_t count, const float *x, float *y,
                            uint8_t *chosen)
{
  assert(shape->kernel <= 16);
  for (size_t image = 0; image < count; ++image, x += image_floats(shape)) {
    for (size_t i = 0; i < shape->out_height; ++i) {
      for (size_t j = 0; j < shape->out_width; ++j) {
        max_of_window(shape, x + window_start(shape, i, j), y, chosen);
        y += shape->channels;
        chosen += shape->channels;
      }
    }
  }
}

/* dx: the window's first pixel. */
static void give_to_chosen(const ag_pooling_shape *shape, const float *restrict dy,
                           const uint8_t *restrict chosen, float *restrict dx)
{
  const size_t channels = shape->channels;
  for (size_t p = 0; p < shape->kernel; ++p, dx += shape->in_width * channels) {
    for (size_t q = 0; q < shape->kernel; ++q) {
      const int32_t position = (int32_t)(p * shape->kernel + q);
      float *restrict pixel = dx + q * channels;
      for (size_t c = 0; c < channels; ++c) {
        const float gradient = dy[c];
        const int32_t taken = chosen[c];
        pixel[c] += taken == position ? gradient : 0.0F;
      }
    }
  }
}

void ag_max_pooling_backward(const ag_pooling_shape *shape, size_t count, const float *dy,
                             const uint8_t *chosen, float *dx)
{
  memset(dx, 0, count * image_floats(shape) * sizeof *dx);
  for (size_t image = 0; image < count; ++image, dx += image_floats(shape)) {
    for (size_t i = 0; i < shape->out_height; ++i) {
      for (size_t j = 0; j < shape->out_width; ++j) {
        give_to_chosen(shape, dy, chosen, dx + window_start(shape, i, j));
        dy += shape->channels;
        chosen += shape->channels;
      }
    }
  }
}

/* x: the window's first pixel. */
static void average_of_window(const ag_pooling_shape *shape, float scale, const float *restrict x,
                              float *restrict y)
{
  const size_t channels = shape->channels;
  memset(y, 0, channels * sizeof *y);
  for (size_t p = 0; p < shape->kernel; ++p, x += shape->in_width * channels) {
    for (size_t q = 0; q < shape->kernel; ++q) {
      for (size_t c = 0; c < channels; ++c)
        y[c] += scale * x[q * channels + c];
    }
  }
}

/* The reciprocal of a window's pixels. */
static float window_scale(const ag_pooling_shape *shape)
{
  return 1.0F / (float)(shape->kernel * shape->kernel);
}

void ag_average_pooling_forward(const ag_pooling_shape *shape, size_t count, const float *x,
                                float *y)
{
  const float scale = window_scale(shape);
  for (size_t image = 0; image < count; ++image, x += image_floats(shape)) {
    for (size_t i = 0; i < shape->out_height; ++i) {
      for (size_t j = 0; j < shape->out_width; ++j) {
        average_of_window(shape, scale, x + window_start(shape, i, j), y);
        y += shape->channels;
      }
    }
  }
}

/* dx: the window's first pixel. */
static void spread_over_window(const ag_pooling_shape *shape, float scale, const float *restrict dy,
                               float *restrict dx)
{
  const size_t channels = shape->channels;
  for (size_t p = 0; p < shape->kernel; ++p, dx += shape->in_width * channels) {
    for (size_t q = 0; q < shape->kernel; ++q) {
      for (size_t c = 0; c < channels; ++c)
        dx[q * channels + c] += scale * dy[c];
    }
  }
}

void ag_average_pooling_backward(const ag_pooling_shape *shape, size_t count, const float *dy,
                                 float *dx)
{
  const float scale = window_scale(shape);
  memset(dx, 0, count * image_floats(shape) * sizeof *dx);
  for (size_t image = 0; image < count; ++image, dx += image_floats(shape)) {
    for (size_t i = 0; i < shape->out_height; ++i) {
      for (size_t j = 0; j < shape->out_width; ++j) {
        spread_over_window(shape, scale, dy, dx + window_start(shape, i, j));
        dy += shape->channels;
      }
    }
  }
}
