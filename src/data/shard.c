/* Shards of a dataset: bytes to padded floats, and random changes to training images that
 * depend on the image's number and the epoch alone, wherever the image is trained on. */
#include "advgrid/data.h"

#include <string.h>

/* What is drawn for one image. All of it is drawn whatever a job asks for, so that the crops of
 * an experiment stay the same where flips are added to it. */
typedef struct change {
  bool flip;
  size_t top, left; /* of the cut, in the padded image */
} change;

static change draw_change(const ag_augmentation *augmentation, uint32_t sample)
{
  ag_random random =
      ag_random_stream(augmentation->seed, AG_PURPOSE_AUGMENTATION, sample, augmentation->epoch);
  change drawn;
  drawn.flip = ag_random_below(&random, 2) == 1;
  drawn.top = ag_random_below(&random, 2 * AG_CROP_PADDING + 1);
  drawn.left = ag_random_below(&random, 2 * AG_CROP_PADDING + 1);
  if ((augmentation->changes & AG_AUGMENT_FLIP) == 0) drawn.flip = false;
  if ((augmentation->changes & AG_AUGMENT_CROP) == 0) drawn.top = drawn.left = AG_CROP_PADDING;
  return drawn;
}

/* Every byte as a pixel: 256 divisions for a shard instead of one for each value. */
enum { BYTES = 256 };

static void fill_table(float table[BYTES])
{
  for (int32_t byte = 0; byte < BYTES; ++byte)
    table[byte] = (float)byte / 255.0F;
}

/* `count` points to the right, each from `step` bytes further. Inline, so that for a known number
 * of channels a point is as many stores as it has vectors. */
static inline void fill_points(const float table[BYTES], const uint8_t *from, ptrdiff_t step,
                               size_t count, size_t channels, float *restrict to)
{
  const size_t stride = ag_channels_padded(channels);
  for (size_t i = 0; i < count; ++i, to += stride) {
    const uint8_t *point = from + (ptrdiff_t)i * step;
    for (size_t c = 0; c < stride; ++c)
      to[c] = c < channels ? table[point[c]] : 0;
  }
}

/* to[i, j] = padded[i + top, j + left], where padded is the image, flipped if so, in its frame of
 * zeros. from: [height, width, channels]; to: [height, width, stride]. */
static void cut_image(const float table[BYTES], ag_shape shape, const change *drawn,
                      const uint8_t *from, float *to)
{
  const size_t stride = ag_channels_padded(shape.channels);
  /* Of each row, points of the frame on the left, or on the right, and between them the image
   * from its column number `right` on, counted from its right edge where it is flipped. */
  const size_t frame = AG_CROP_PADDING;
  const size_t left = ag_minimum(frame - ag_minimum(drawn->left, frame), shape.width);
  const size_t right = drawn->left > frame ? ag_minimum(drawn->left - frame, shape.width) : 0;
  const size_t inside = shape.width - left - right;
  const ptrdiff_t step = drawn->flip ? -(ptrdiff_t)shape.channels : (ptrdiff_t)shape.channels;
  for (size_t i = 0; i < shape.height; ++i, to += shape.width * stride) {
    const size_t y = i + drawn->top;
    if (y < frame || y >= shape.height + frame || inside == 0) {
      memset(to, 0, shape.width * stride * sizeof *to);
      continue;
    }
    const size_t column = drawn->flip ? shape.width - 1 - right : right;
    const uint8_t *first = from + ((y - frame) * shape.width + column) * shape.channels;
    memset(to, 0, left * stride * sizeof *to);
    if (shape.channels == 3) {
      fill_points(table, first, step, inside, 3, to + left * stride);
    } else {
      fill_points(table, first, step, inside, shape.channels, to + left * stride);
    }
    memset(to + (left + inside) * stride, 0, right * stride * sizeof *to);
  }
}

/* With `augmentation` or, where it is NULL, as the images are. */
static void fill(const ag_images *images, ag_shape shape, const ag_augmentation *augmentation,
                 const uint32_t *order, size_t first, size_t count, float *to, uint8_t *labels)
{
  const size_t bytes = shape.height * shape.width * shape.channels;
  float table[BYTES];
  fill_table(table);
  for (size_t i = 0; i < count; ++i) {
    const size_t number = order != NULL ? order[i] : first + i;
    change drawn = {.top = AG_CROP_PADDING, .left = AG_CROP_PADDING};
    if (augmentation != NULL) drawn = draw_change(augmentation, (uint32_t)number);
    cut_image(table, shape, &drawn, images->pixels + number * bytes,
              to + i * ag_shape_floats(shape));
    labels[i] = images->labels[number];
  }
}

void ag_shard_fill(const ag_images *images, ag_shape shape, const uint32_t *order, size_t first,
                   size_t count, float *pixels, uint8_t *labels)
{
  fill(images, shape, NULL, order, first, count, pixels, labels);
}

void ag_shard_fill_augmented(const ag_images *images, ag_shape shape,
                             const ag_augmentation *augmentation, const uint32_t *order,
                             size_t count, float *pixels, uint8_t *labels)
{
  fill(images, shape, augmentation, order, 0, count, pixels, labels);
}
