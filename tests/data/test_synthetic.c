/* The drawn dataset: the same bytes whenever and however many are asked for, balanced labels, and
 * nothing for a classifier that looks at colours or mean images. */
#include "advgrid/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { IMAGE = 3072, CLASSES = 10 };

static uint8_t *draw(const char *seed, const char *training, const char *validation,
                     const char *test, ag_dataset *dataset)
{
  ag_entry entry;
  size_t bytes = 0;
  uint8_t *block = NULL;
  ag_entry_start(&entry, ag_kind_find(ag_dataset_table, "synthetic"));
  assert_int_equal(ag_settings_set(&entry.settings, "seed", seed), AG_OK);
  assert_int_equal(ag_settings_set(&entry.settings, "training_images", training), AG_OK);
  assert_int_equal(ag_settings_set(&entry.settings, "validation_images", validation), AG_OK);
  assert_int_equal(ag_settings_set(&entry.settings, "test_images", test), AG_OK);
  assert_int_equal(ag_dataset_describe(&entry, dataset, &bytes), AG_OK);
  assert_int_equal(ag_allocate(bytes, 1, &block), AG_OK);
  assert_int_equal(ag_dataset_load(&entry, "a folder that is not looked at", block), AG_OK);
  ag_dataset_attach(dataset, block);
  return block;
}

static void same_bytes_for_any_number_of_images(void **state)
{
  (void)state;
  ag_dataset few;
  ag_dataset many;
  uint8_t *a = draw("1", "57", "7", "11", &few);
  uint8_t *b = draw("1", "200", "20", "40", &many);
  assert_memory_equal(few.training.pixels, many.training.pixels, (size_t)57 * IMAGE);
  assert_memory_equal(few.training.labels, many.training.labels, 57);
  assert_memory_equal(few.test.pixels, many.test.pixels, (size_t)11 * IMAGE);
  assert_memory_equal(few.test.labels, many.test.labels, 11);
  ag_release(&a);
  ag_release(&b);
}

static void images_differ_by_seed_part_and_number(void **state)
{
  (void)state;
  ag_dataset one;
  ag_dataset two;
  uint8_t *a = draw("1", "60", "0", "60", &one);
  uint8_t *b = draw("2", "60", "0", "60", &two);
  for (size_t i = 0; i < 60; ++i) {
    const uint8_t *image = one.training.pixels + i * IMAGE;
    assert_memory_not_equal(image, two.training.pixels + i * IMAGE, IMAGE);
    for (size_t j = 0; j < 60; ++j) {
      assert_memory_not_equal(image, one.test.pixels + j * IMAGE, IMAGE);
      if (j != i) assert_memory_not_equal(image, one.training.pixels + j * IMAGE, IMAGE);
    }
  }
  ag_release(&a);
  ag_release(&b);
}

static void labels_are_balanced(void **state)
{
  (void)state;
  ag_dataset dataset;
  uint8_t *block = draw("3", "500", "100", "70", &dataset);
  const ag_images parts[] = {dataset.training, dataset.validation, dataset.test};
  for (size_t part = 0; part < 3; ++part) {
    size_t counts[CLASSES] = {0};
    for (size_t i = 0; i < parts[part].count; ++i) {
      assert_true(parts[part].labels[i] < CLASSES);
      ++counts[parts[part].labels[i]];
    }
    for (size_t k = 0; k < CLASSES; ++k)
      assert_int_equal(counts[k], parts[part].count / CLASSES);
  }
  ag_release(&block);
}

static double squared_distance(const uint8_t *image, const double *mean)
{
  double sum = 0;
  for (size_t i = 0; i < IMAGE; ++i) {
    const double difference = image[i] - mean[i];
    sum += difference * difference;
  }
  return sum;
}

/* Chance is 10 %; a dataset that colour or the mean image gives away would be far above. */
static void nearest_class_mean_stays_weak(void **state)
{
  (void)state;
  ag_dataset dataset;
  uint8_t *block = draw("1", "3000", "0", "500", &dataset);
  double(*means)[IMAGE] = calloc(CLASSES, sizeof *means);
  assert_non_null(means);
  for (size_t i = 0; i < 3000; ++i) {
    for (size_t p = 0; p < IMAGE; ++p)
      means[dataset.training.labels[i]][p] += dataset.training.pixels[i * IMAGE + p] / 300.0;
  }
  size_t right = 0;
  for (size_t i = 0; i < 500; ++i) {
    size_t best = 0;
    for (size_t k = 1; k < CLASSES; ++k) {
      const uint8_t *image = dataset.test.pixels + i * IMAGE;
      if (squared_distance(image, means[k]) < squared_distance(image, means[best])) best = k;
    }
    right += best == dataset.test.labels[i];
  }
  assert_true(right < 300);
  free(means);
  ag_release(&block);
}

/* The signature of the first images: a change of the generator is a new dataset, and every
 * stored result on it is then of another one. Change this number knowingly. */
static void first_images_are_the_known_ones(void **state)
{
  (void)state;
  ag_dataset dataset;
  ag_digest digest;
  char text[AG_DIGEST_TEXT_SIZE];
  uint8_t *block = draw("1", "100", "0", "20", &dataset);
  assert_int_equal(ag_digest_compute(block, (size_t)120 * (IMAGE + 1), &digest), AG_OK);
  ag_digest_text(&digest, text);
  assert_string_equal(text, "111977365ae708d29790ca04fd890d7c381da67e4258cf95a3b01a1c262836f7");
  ag_release(&block);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_bytes_for_any_number_of_images),
      cmocka_unit_test(images_differ_by_seed_part_and_number),
      cmocka_unit_test(labels_are_balanced),
      cmocka_unit_test(nearest_class_mean_stays_weak),
      cmocka_unit_test(first_images_are_the_known_ones),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
