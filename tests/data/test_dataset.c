/* What all datasets share: the table, what an entry comes to, the layout of the block, and the
 * statistics of the training images. */
#include "advgrid/data.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static ag_entry entry_of(const char *kind, const char *training, const char *validation,
                         const char *test)
{
  ag_entry entry;
  ag_entry_start(&entry, ag_kind_find(ag_dataset_table, kind));
  assert_int_equal(ag_settings_set(&entry.settings, "training_images", training), AG_OK);
  assert_int_equal(ag_settings_set(&entry.settings, "validation_images", validation), AG_OK);
  assert_int_equal(ag_settings_set(&entry.settings, "test_images", test), AG_OK);
  return entry;
}

static void table_has_its_rows_and_ends(void **state)
{
  (void)state;
  assert_non_null(ag_kind_find(ag_dataset_table, "synthetic"));
  assert_non_null(ag_kind_find(ag_dataset_table, "cifar10"));
  assert_null(ag_kind_find(ag_dataset_table, "cifar100"));
  assert_null(ag_dataset_table(1000));
}

static void defaults_describe_each_dataset(void **state)
{
  (void)state;
  static const struct {
    const char *kind;
    size_t training, validation, test;
  } expected[] = {{"cifar10", 49000, 1000, 10000}, {"synthetic", 9000, 1000, 2000}};
  for (size_t i = 0; i < 2; ++i) {
    ag_entry entry;
    ag_dataset dataset;
    size_t bytes = 0;
    ag_entry_start(&entry, ag_kind_find(ag_dataset_table, expected[i].kind));
    assert_int_equal(ag_settings_check(&entry.settings), AG_OK);
    assert_int_equal(ag_dataset_describe(&entry, &dataset, &bytes), AG_OK);
    assert_int_equal(dataset.training.count, expected[i].training);
    assert_int_equal(dataset.validation.count, expected[i].validation);
    assert_int_equal(dataset.test.count, expected[i].test);
    assert_int_equal(dataset.classes, 10);
    assert_int_equal(dataset.shape.height, 32);
    assert_int_equal(dataset.shape.width, 32);
    assert_int_equal(dataset.shape.channels, 3);
    assert_int_equal(bytes, (expected[i].training + 1000 + expected[i].test) * 3073);
  }
}

static void refuses_more_images_than_there_are(void **state)
{
  (void)state;
  ag_entry entry;
  ag_entry_start(&entry, ag_kind_find(ag_dataset_table, "cifar10"));
  assert_int_equal(ag_settings_set(&entry.settings, "training_images", "50001"), AG_BAD_JOB);
  assert_int_equal(ag_settings_set(&entry.settings, "test_images", "10001"), AG_BAD_JOB);
  assert_int_equal(ag_settings_set(&entry.settings, "training_images", "0"), AG_BAD_JOB);
  assert_int_equal(ag_settings_set(&entry.settings, "test_images", "0"), AG_BAD_JOB);
}

static void refuses_to_leave_no_training_images(void **state)
{
  (void)state;
  ag_dataset dataset;
  size_t bytes = 1;
  ag_entry entry = entry_of("synthetic", "30", "30", "5");
  assert_int_equal(ag_dataset_describe(&entry, &dataset, &bytes), AG_BAD_JOB);
  assert_non_null(strstr(ag_message(), "'validation_images' is 30"));
  assert_non_null(strstr(ag_message(), "'training_images' 30"));
  assert_int_equal(ag_dataset_load(&entry, NULL, NULL), AG_BAD_JOB);
  entry = entry_of("cifar10", "1000", "1001", "5");
  assert_int_equal(ag_dataset_describe(&entry, &dataset, &bytes), AG_BAD_JOB);
  entry = entry_of("synthetic", "30", "29", "5");
  assert_int_equal(ag_dataset_describe(&entry, &dataset, &bytes), AG_OK);
  entry = entry_of("synthetic", "1", "0", "1");
  assert_int_equal(ag_dataset_describe(&entry, &dataset, &bytes), AG_OK);
}

static void attaches_parts_one_behind_the_other(void **state)
{
  (void)state;
  const ag_entry entry = entry_of("synthetic", "30", "8", "5");
  ag_dataset dataset;
  size_t bytes = 0;
  uint8_t *block = NULL;
  assert_int_equal(ag_dataset_describe(&entry, &dataset, &bytes), AG_OK);
  assert_int_equal(bytes, 35 * 3073);
  assert_int_equal(ag_allocate(bytes, 1, &block), AG_OK);
  ag_dataset_attach(&dataset, block);
  assert_ptr_equal(dataset.training.pixels, block);
  assert_ptr_equal(dataset.validation.pixels, block + (size_t)22 * 3072);
  assert_ptr_equal(dataset.training.labels, block + (size_t)30 * 3072);
  assert_ptr_equal(dataset.validation.labels, dataset.training.labels + 22);
  assert_ptr_equal(dataset.test.pixels, block + (size_t)30 * 3073);
  assert_ptr_equal(dataset.test.labels + 5, block + bytes);
  ag_release(&block);
}

/* Three channels of two images: one constant, one of two values, one that counts. */
static void statistics_are_those_of_the_training_images(void **state)
{
  (void)state;
  static uint8_t pixels[3 * 4 * 3];
  for (size_t i = 0; i < 8; ++i) {
    pixels[3 * i] = 77;
    pixels[3 * i + 1] = i % 2 == 0 ? 0 : 255;
    pixels[3 * i + 2] = (uint8_t)(200 + i);
  }
  memset(pixels + 24, 9, 12); /* the third image is for validation and must not count */
  const ag_dataset dataset = {
      .shape = {2, 2, 3},
      .classes = 2,
      .training = {.count = 2, .pixels = pixels},
      .validation = {.count = 1, .pixels = pixels + 24},
  };
  float mean[3];
  float deviation[3];
  ag_dataset_statistics(&dataset, mean, deviation);
  assert_true(mean[0] == (float)(77.0 / 255));
  assert_true(deviation[0] == 1);
  assert_true(mean[1] == 0.5F);
  assert_true(deviation[1] == 0.5F);
  assert_true(fabs((double)mean[2] - 203.5 / 255) < 1e-7);
  assert_true(fabs((double)deviation[2] - sqrt(5.25) / 255) < 1e-8);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(table_has_its_rows_and_ends),
      cmocka_unit_test(defaults_describe_each_dataset),
      cmocka_unit_test(refuses_more_images_than_there_are),
      cmocka_unit_test(refuses_to_leave_no_training_images),
      cmocka_unit_test(attaches_parts_one_behind_the_other),
      cmocka_unit_test(statistics_are_those_of_the_training_images),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
