/* Shards: exact conversion of bytes, and augmentation against a naive reference. */
#include "advgrid/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { H = 7, W = 6, C = 3, STRIDE = 8, COUNT = 40, FLOATS = H * W * STRIDE };
static const ag_shape shape = {H, W, C};

static void fill_divides_by_255_and_pads(void **state)
{
  (void)state;
  static uint8_t bytes[6 * H * W * C];
  static const uint8_t classes[6] = {3, 1, 4, 1, 5, 9};
  static const uint32_t order[3] = {5, 0, 4};
  static float pixels[3 * FLOATS];
  uint8_t labels[3];
  for (size_t i = 0; i < sizeof bytes; ++i)
    bytes[i] = (uint8_t)(i * 37 + i / 256); /* takes every value */
  const ag_images images = {6, bytes, classes};
  for (int ordered = 0; ordered < 2; ++ordered) {
    memset(pixels, 0xff, sizeof pixels);
    ag_shard_fill(&images, shape, ordered ? order : NULL, 2, 3, pixels, labels);
    for (size_t i = 0; i < 3; ++i) {
      const size_t number = ordered ? order[i] : 2 + i;
      assert_int_equal(labels[i], classes[number]);
      for (size_t p = 0; p < (size_t)H * W; ++p) {
        for (size_t c = 0; c < STRIDE; ++c) {
          const float value = pixels[(i * H * W + p) * STRIDE + c];
          assert_true(value == (c < C ? (float)bytes[(number * H * W + p) * C + c] / 255.0F : 0));
        }
      }
    }
  }
}

/* Pixels that name their place, above zero so that the frame is seen. */
static void make_images(float *pixels)
{
  for (size_t i = 0; i < COUNT; ++i) {
    for (size_t p = 0; p < (size_t)H * W; ++p) {
      for (size_t c = 0; c < STRIDE; ++c) {
        const size_t value = (i * H * W + p) * C + c + 1;
        pixels[(i * H * W + p) * STRIDE + c] = c < C ? (float)value / (COUNT * H * W * C) : 0;
      }
    }
  }
}

static const uint32_t *sample_numbers(void)
{
  static uint32_t samples[COUNT];
  for (uint32_t i = 0; i < COUNT; ++i)
    samples[i] = 100 + 3 * i;
  return samples;
}

/* The image in a frame of zeros, written out, then cut. */
static void reference(const float *image, bool flip, size_t top, size_t left, float *out)
{
  static float padded[H + 8][W + 8][STRIDE];
  memset(padded, 0, sizeof padded);
  for (size_t i = 0; i < H; ++i) {
    for (size_t j = 0; j < W; ++j) {
      const size_t from = flip ? W - 1 - j : j;
      memcpy(padded[i + 4][j + 4], image + (i * W + from) * STRIDE, sizeof padded[0][0]);
    }
  }
  for (size_t i = 0; i < H; ++i) {
    for (size_t j = 0; j < W; ++j)
      memcpy(out + (i * W + j) * STRIDE, padded[i + top][j + left], sizeof padded[0][0]);
  }
}

static void augment_equals_the_reference(void **state)
{
  (void)state;
  static float original[COUNT * FLOATS], pixels[COUNT * FLOATS], scratch[FLOATS], expected[FLOATS];
  const uint32_t *samples = sample_numbers();
  size_t flips = 0;
  for (unsigned changes = 0; changes < 4; ++changes) {
    make_images(original);
    make_images(pixels);
    ag_shard_augment(shape, changes, 42, 6, samples, COUNT, pixels, scratch);
    for (size_t i = 0; i < COUNT; ++i) {
      /* The draws and their order are part of what stored results depend on. */
      ag_random random = ag_random_stream(42, AG_PURPOSE_AUGMENTATION, samples[i], 6);
      bool flip = ag_random_below(&random, 2) == 1;
      size_t top = ag_random_below(&random, 9);
      size_t left = ag_random_below(&random, 9);
      flips += flip;
      if ((changes & AG_AUGMENT_FLIP) == 0) flip = false;
      if ((changes & AG_AUGMENT_CROP) == 0) top = left = 4;
      reference(original + i * FLOATS, flip, top, left, expected);
      assert_memory_equal(pixels + i * FLOATS, expected, sizeof expected);
    }
  }
  assert_true(flips > COUNT && flips < (size_t)3 * COUNT); /* of 4 COUNT: both cases were met */
}

static void augment_follows_sample_and_epoch_not_place(void **state)
{
  (void)state;
  static float whole[COUNT * FLOATS], other[COUNT * FLOATS], scratch[FLOATS];
  const uint32_t *samples = sample_numbers();
  make_images(whole);
  make_images(other);
  ag_shard_augment(shape, AG_AUGMENT_FLIP | AG_AUGMENT_CROP, 1, 0, samples, COUNT, whole, scratch);
  /* The same images one at a time, from the last. */
  for (size_t i = COUNT; i-- > 0;) {
    ag_shard_augment(shape, AG_AUGMENT_FLIP | AG_AUGMENT_CROP, 1, 0, samples + i, 1,
                     other + i * FLOATS, scratch);
  }
  assert_memory_equal(whole, other, sizeof whole);
  make_images(other);
  ag_shard_augment(shape, AG_AUGMENT_FLIP | AG_AUGMENT_CROP, 1, 1, samples, COUNT, other, scratch);
  assert_memory_not_equal(whole, other, sizeof whole);
  make_images(other);
  ag_shard_augment(shape, AG_AUGMENT_FLIP | AG_AUGMENT_CROP, 2, 0, samples, COUNT, other, scratch);
  assert_memory_not_equal(whole, other, sizeof whole);
}

static void flip_twice_is_identity(void **state)
{
  (void)state;
  static float original[COUNT * FLOATS], pixels[COUNT * FLOATS], scratch[FLOATS];
  const uint32_t *samples = sample_numbers();
  make_images(original);
  make_images(pixels);
  ag_shard_augment(shape, AG_AUGMENT_FLIP, 9, 3, samples, COUNT, pixels, scratch);
  assert_memory_not_equal(pixels, original, sizeof pixels);
  ag_shard_augment(shape, AG_AUGMENT_FLIP, 9, 3, samples, COUNT, pixels, scratch);
  assert_memory_equal(pixels, original, sizeof pixels);
}

static void padding_channels_stay_zero(void **state)
{
  (void)state;
  static float pixels[COUNT * FLOATS], scratch[FLOATS];
  make_images(pixels);
  ag_shard_augment(shape, AG_AUGMENT_FLIP | AG_AUGMENT_CROP, 5, 2, sample_numbers(), COUNT, pixels,
                   scratch);
  for (size_t i = 0; i < (size_t)COUNT * H * W; ++i) {
    for (size_t c = C; c < STRIDE; ++c)
      assert_true(pixels[i * STRIDE + c] == 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fill_divides_by_255_and_pads),
      cmocka_unit_test(augment_equals_the_reference),
      cmocka_unit_test(augment_follows_sample_and_epoch_not_place),
      cmocka_unit_test(flip_twice_is_identity),
      cmocka_unit_test(padding_channels_stay_zero),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
