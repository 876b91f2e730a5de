/* Shards: exact conversion of bytes, and augmentation against a naive reference. */
#include "support/fixture.h"

#include "advgrid/data.h"

enum { H = 7, W = 6, C = 3, STRIDE = 8, COUNT = 40, FLOATS = H * W * STRIDE };
enum { FRAME = AG_CROP_PADDING, NUMBERS = 3 * COUNT };
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

typedef struct fixture {
  uint8_t *pixels, *labels;
  ag_images images; /* of those */
} fixture;

/* Bytes that tell places apart, above zero so that the frame is seen. */
static fixture start(ag_shape of)
{
  const size_t bytes = NUMBERS * of.height * of.width * of.channels;
  fixture f = {.pixels = test_bytes(bytes), .labels = test_bytes(NUMBERS)};
  for (size_t i = 0; i < bytes; ++i)
    f.pixels[i] = (uint8_t)(1 + (i * 37 + i / 255) % 255);
  for (size_t i = 0; i < NUMBERS; ++i)
    f.labels[i] = (uint8_t)(i % 251);
  f.images = (ag_images){NUMBERS, f.pixels, f.labels};
  return f;
}

static void stop(fixture f)
{
  free(f.pixels);
  free(f.labels);
}

static const uint32_t *order_of(void)
{
  static uint32_t order[COUNT];
  for (uint32_t i = 0; i < COUNT; ++i)
    order[i] = (7 * i + 5) % NUMBERS;
  return order;
}

/* The image in a frame of zeros, written out, then cut. */
static void reference(ag_shape of, const float *image, bool flip, size_t top, size_t left,
                      float *out)
{
  const size_t point = ag_channels_padded(of.channels);
  const size_t wide = of.width + (size_t)2 * FRAME;
  float *padded = test_floats((of.height + (size_t)2 * FRAME) * wide * point);
  for (size_t i = 0; i < of.height; ++i) {
    for (size_t j = 0; j < of.width; ++j) {
      const size_t from = flip ? of.width - 1 - j : j;
      memcpy(padded + ((i + FRAME) * wide + j + FRAME) * point,
             image + (i * of.width + from) * point, point * sizeof *out);
    }
  }
  for (size_t i = 0; i < of.height; ++i) {
    memcpy(out + i * of.width * point, padded + ((i + top) * wide + left) * point,
           of.width * point * sizeof *out);
  }
  free(padded);
}

/* All of a shard, for one kind of change; returns how many images were flipped. */
static size_t check_changes(ag_shape of, unsigned changes)
{
  const size_t floats = ag_shape_floats(of);
  const uint32_t *order = order_of();
  const fixture f = start(of);
  const ag_augmentation augmentation = {changes, 42, 6};
  float *plain = test_floats(COUNT * floats);
  float *pixels = test_floats(COUNT * floats);
  float *want = test_floats(floats);
  uint8_t labels[COUNT];
  size_t flips = 0;
  ag_shard_fill(&f.images, of, order, 0, COUNT, plain, labels);
  memset(pixels, 0xff, COUNT * floats * sizeof *pixels);
  memset(labels, 0xff, sizeof labels);
  ag_shard_fill_augmented(&f.images, of, &augmentation, order, COUNT, pixels, labels);
  for (size_t i = 0; i < COUNT; ++i) {
    /* The draws and their order are part of what stored results depend on. */
    ag_random random = ag_random_stream(42, AG_PURPOSE_AUGMENTATION, order[i], 6);
    bool flip = ag_random_below(&random, 2) == 1;
    size_t top = ag_random_below(&random, 9);
    size_t left = ag_random_below(&random, 9);
    flips += flip;
    if ((changes & AG_AUGMENT_FLIP) == 0) flip = false;
    if ((changes & AG_AUGMENT_CROP) == 0) top = left = 4;
    reference(of, plain + i * floats, flip, top, left, want);
    assert_same_bits(pixels + i * floats, want, floats);
    assert_int_equal(labels[i], f.labels[order[i]]);
  }
  free(plain);
  free(pixels);
  free(want);
  stop(f);
  return flips;
}

/* Also for images that the frame is wider than, and with one, whole and more vectors a pixel. */
static void augment_equals_the_reference(void **state)
{
  (void)state;
  static const ag_shape shapes[] = {{H, W, C}, {9, 5, 1}, {3, 4, 3}, {5, 3, 8}, {2, 1, 9}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i) {
    for (unsigned changes = 0; changes < 4; ++changes) {
      const size_t flips = check_changes(shapes[i], changes);
      assert_true(flips > COUNT / 4 && flips < COUNT * 3 / 4); /* both cases were met */
    }
  }
}

static void augment_follows_sample_and_epoch_not_place(void **state)
{
  (void)state;
  static float whole[COUNT * FLOATS], other[COUNT * FLOATS];
  uint8_t labels[COUNT];
  const uint32_t *order = order_of();
  const fixture f = start(shape);
  ag_augmentation augmentation = {AG_AUGMENT_FLIP | AG_AUGMENT_CROP, 1, 0};
  ag_shard_fill_augmented(&f.images, shape, &augmentation, order, COUNT, whole, labels);
  /* The same images one at a time, from the last. */
  for (size_t i = COUNT; i-- > 0;) {
    ag_shard_fill_augmented(&f.images, shape, &augmentation, order + i, 1, other + i * FLOATS,
                            labels);
  }
  assert_memory_equal(whole, other, sizeof whole);
  augmentation.epoch = 1;
  ag_shard_fill_augmented(&f.images, shape, &augmentation, order, COUNT, other, labels);
  assert_memory_not_equal(whole, other, sizeof whole);
  augmentation = (ag_augmentation){augmentation.changes, 2, 0};
  ag_shard_fill_augmented(&f.images, shape, &augmentation, order, COUNT, other, labels);
  assert_memory_not_equal(whole, other, sizeof whole);
  stop(f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fill_divides_by_255_and_pads),
      cmocka_unit_test(augment_equals_the_reference),
      cmocka_unit_test(augment_follows_sample_and_epoch_not_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
