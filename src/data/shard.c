/* Shards of a dataset: bytes to padded floats, and random changes to training images that
 * depend on the image's number and the epoch alone, wherever the image is trained on. */
#include "advgrid/data.h"

#include <string.h>

void ag_shard_fill(const ag_images *images, ag_shape shape, const uint32_t *order, size_t first,
                   size_t count, float *pixels, uint8_t *labels)
{
  const size_t points = shape.height * shape.width;
  const size_t stride = ag_channels_padded(shape.channels);
  for (size_t i = 0; i < count; ++i) {
    const size_t number = order != NULL ? order[i] : first + i;
    const uint8_t *from = images->pixels + number * points * shape.channels;
    float *to = pixels + i * points * stride;
    labels[i] = images->labels[number];
    for (size_t p = 0; p < points; ++p, from += shape.channels, to += stride) {
      size_t c = 0;
      for (; c < shape.channels; ++c)
        to[c] = (float)from[c] / 255.0F;
      for (; c < stride; ++c)
        to[c] = 0;
    }
  }
}

/* What is drawn for one image. All of it is drawn whatever a job asks for, so that the crops of
 * an experiment stay the same where flips are added to it. */
typedef struct change {
  bool flip;
  size_t top, left; /* of the cut, in the padded image */
} change;

static change draw_change(uint64_t seed, uint32_t sample, uint32_t epoch, unsigned changes)
{
  ag_random random = ag_random_stream(seed, AG_PURPOSE_AUGMENTATION, sample, epoch);
  change drawn;
  drawn.flip = ag_random_below(&random, 2) == 1;
  drawn.top = ag_random_below(&random, 2 * AG_CROP_PADDING + 1);
  drawn.left = ag_random_below(&random, 2 * AG_CROP_PADDING + 1);
  if ((changes & AG_AUGMENT_FLIP) == 0) drawn.flip = false;
  if ((changes & AG_AUGMENT_CROP) == 0) drawn.top = drawn.left = AG_CROP_PADDING;
  return drawn;
}

/* to[i, j] = padded[i + top, j + left], where padded is the image, flipped if so, in its frame of
 * zeros. Both: [height, width, stride]. */
static void cut_image(ag_shape shape, const change *drawn, const float *from, float *to)
{
  const size_t stride = ag_channels_padded(shape.channels);
  const size_t row = shape.width * stride;
  for (size_t i = 0; i < shape.height; ++i) {
    const size_t y = i + drawn->top;
    float *out = to + i * row;
    if (y < AG_CROP_PADDING || y >= shape.height + AG_CROP_PADDING) {
      memset(out, 0, row * sizeof *out);
      continue;
    }
    const float *in = from + (y - AG_CROP_PADDING) * row;
    for (size_t j = 0; j < shape.width; ++j) {
      const size_t x = j + drawn->left;
      if (x < AG_CROP_PADDING || x >= shape.width + AG_CROP_PADDING) {
        memset(out + j * stride, 0, stride * sizeof *out);
        continue;
      }
      const size_t column = x - AG_CROP_PADDING;
      const size_t source = drawn->flip ? shape.width - 1 - column : column;
      memcpy(out + j * stride, in + source * stride, stride * sizeof *out);
    }
  }
}

void ag_shard_augment(ag_shape shape, unsigned changes, uint64_t seed, uint32_t epoch,
                      const uint32_t *samples, size_t count, float *pixels, float *scratch)
{
  const size_t floats = ag_shape_floats(shape);
  for (size_t i = 0; i < count; ++i) {
    const change drawn = draw_change(seed, samples[i], epoch, changes);
    if (!drawn.flip && drawn.top == AG_CROP_PADDING && drawn.left == AG_CROP_PADDING) continue;
    float *image = pixels + i * floats;
    memcpy(scratch, image, floats * sizeof *scratch);
    cut_image(shape, &drawn, scratch, image);
  }
}
