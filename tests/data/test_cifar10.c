/* CIFAR-10's files: what is refused, in a temporary folder of sparse files; and the statistics
 * of the real ones where they are there. */
#include "advgrid/data.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { RECORD = 3073, FILE_BYTES = 30730000 };

typedef struct files {
  char folder[32];
  char *environment; /* ADVGRID_CIFAR10 as it was, or NULL */
} files;

static void path_of(const files *f, const char *name, char path[AG_PATH_SIZE])
{
  assert_int_equal(ag_path_join(path, AG_PATH_SIZE, "%s/%s", f->folder, name), AG_OK);
}

/* A file of zeros, which are records of class 0, with some bytes of our own in it. */
static void write_file(const files *f, const char *name, long size, long offset, const void *bytes,
                       size_t count)
{
  char path[AG_PATH_SIZE];
  path_of(f, name, path);
  FILE *file = fopen(path, "wbe");
  assert_non_null(file);
  assert_int_equal(ftruncate(fileno(file), size), 0);
  if (count > 0) {
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, count, 1, file), 1);
  }
  assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
  files *f = calloc(1, sizeof *f);
  if (f == NULL) return -1;
  snprintf(f->folder, sizeof f->folder, "cifar10-test-XXXXXX");
  const char *environment = getenv("ADVGRID_CIFAR10");
  if (environment != NULL) f->environment = strdup(environment);
  unsetenv("ADVGRID_CIFAR10");
  *state = f;
  return mkdtemp(f->folder) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
  files *f = *state;
  static const char *const names[] = {"data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"};
  for (size_t i = 0; i < 3; ++i) {
    char path[AG_PATH_SIZE];
    path_of(f, names[i], path);
    unlink(path);
  }
  rmdir(f->folder);
  if (f->environment != NULL) setenv("ADVGRID_CIFAR10", f->environment, 1);
  free(f->environment);
  free(f);
  return 0;
}

static ag_entry entry_of(const char *training, const char *validation, const char *test)
{
  ag_entry entry;
  ag_entry_start(&entry, ag_kind_find(ag_dataset_table, "cifar10"));
  assert_int_equal(ag_settings_set(&entry.settings, "training_images", training), AG_OK);
  assert_int_equal(ag_settings_set(&entry.settings, "validation_images", validation), AG_OK);
  assert_int_equal(ag_settings_set(&entry.settings, "test_images", test), AG_OK);
  return entry;
}

/* Describes and loads; the block is the caller's to release. */
static ag_status load(const ag_entry *entry, const char *folder, ag_dataset *dataset,
                      uint8_t **block)
{
  size_t bytes = 0;
  assert_int_equal(ag_dataset_describe(entry, dataset, &bytes), AG_OK);
  assert_int_equal(ag_allocate(bytes, 1, block), AG_OK);
  ag_dataset_attach(dataset, *block);
  return ag_dataset_load(entry, folder, *block);
}

static void assert_refused(const files *f, const char *training, const char *text)
{
  const ag_entry entry = entry_of(training, "1", "3");
  ag_dataset dataset;
  uint8_t *block = NULL;
  assert_int_equal(load(&entry, f->folder, &dataset, &block), AG_BAD_DATA);
  if (strstr(ag_message(), text) == NULL) fail_msg("'%s' is not in: %s", text, ag_message());
  assert_non_null(strstr(ag_message(), f->folder));
  ag_release(&block);
}

static void missing_file_says_how_to_give_the_folder(void **state)
{
  const files *f = *state;
  assert_false(ag_cifar10_is_in(f->folder));
  assert_refused(f, "10", "/data_batch_1.bin");
  assert_refused(f, "10", "expected 30730000 bytes");
  assert_refused(f, "10", "-d DIR");
  assert_refused(f, "10", "ADVGRID_CIFAR10");
  write_file(f, "data_batch_1.bin", FILE_BYTES, 0, NULL, 0);
  assert_true(ag_cifar10_is_in(f->folder));
  assert_refused(f, "10001", "/data_batch_2.bin");
  assert_refused(f, "10000", "/test_batch.bin");
}

static void no_folder_is_a_bad_job(void **state)
{
  (void)state;
  const ag_entry entry = entry_of("10", "1", "3");
  ag_dataset dataset;
  uint8_t *block = NULL;
  assert_int_equal(load(&entry, NULL, &dataset, &block), AG_BAD_JOB);
  assert_non_null(strstr(ag_message(), "no folder was given"));
  assert_non_null(strstr(ag_message(), "ADVGRID_CIFAR10"));
  ag_release(&block);
}

static void file_of_another_size_is_refused(void **state)
{
  const files *f = *state;
  write_file(f, "data_batch_1.bin", FILE_BYTES - 1, 0, NULL, 0);
  assert_refused(f, "10", "data_batch_1.bin has 30729999 bytes; expected 30730000");
  write_file(f, "data_batch_1.bin", FILE_BYTES + RECORD, 0, NULL, 0);
  assert_refused(f, "10", "data_batch_1.bin has 30733073 bytes; expected 30730000");
  write_file(f, "data_batch_1.bin", FILE_BYTES, 0, NULL, 0);
  write_file(f, "test_batch.bin", 0, 0, NULL, 0);
  assert_refused(f, "10", "test_batch.bin has 0 bytes; expected 30730000");
}

static void label_over_nine_is_refused(void **state)
{
  const files *f = *state;
  write_file(f, "test_batch.bin", FILE_BYTES, 0, NULL, 0);
  write_file(f, "data_batch_1.bin", FILE_BYTES, 7L * RECORD, "\x0a", 1);
  assert_refused(f, "8", "data_batch_1.bin: record 7 has the label 10; expected 0 to 9");
  const ag_entry entry = entry_of("7", "1", "3");
  ag_dataset dataset;
  uint8_t *block = NULL;
  assert_int_equal(load(&entry, f->folder, &dataset, &block), AG_OK);
  ag_release(&block);
}

/* Two training files and no more are read for 10,001 images; planes become pixels. */
static void records_land_where_they_belong(void **state)
{
  const files *f = *state;
  uint8_t record[RECORD];
  for (size_t i = 0; i < RECORD; ++i)
    record[i] = (uint8_t)(i * 7 + i / 1024);
  record[0] = 4;
  write_file(f, "data_batch_1.bin", FILE_BYTES, 9999L * RECORD, "\x05", 1);
  write_file(f, "data_batch_2.bin", FILE_BYTES, 0, record, RECORD);
  record[0] = 9;
  write_file(f, "test_batch.bin", FILE_BYTES, 2L * RECORD, record, RECORD);
  const ag_entry entry = entry_of("10001", "2", "3");
  ag_dataset dataset;
  uint8_t *block = NULL;
  assert_int_equal(load(&entry, f->folder, &dataset, &block), AG_OK);
  assert_int_equal(dataset.training.count, 9999);
  assert_int_equal(dataset.validation.labels[0], 5);
  assert_int_equal(dataset.validation.labels[1], 4);
  assert_int_equal(dataset.test.labels[1], 0);
  assert_int_equal(dataset.test.labels[2], 9);
  for (size_t p = 0; p < 1024; ++p) {
    for (size_t c = 0; c < 3; ++c) {
      const uint8_t expected = record[1 + c * 1024 + p];
      assert_int_equal(dataset.validation.pixels[3072 + p * 3 + c], expected);
      assert_int_equal(dataset.test.pixels[(size_t)2 * 3072 + p * 3 + c], expected);
    }
  }
  ag_release(&block);
}

/* The argument wins over the entry's path, and that over the environment. */
static void folder_is_looked_for_in_order(void **state)
{
  const files *f = *state;
  write_file(f, "data_batch_1.bin", FILE_BYTES, 0, NULL, 0);
  write_file(f, "test_batch.bin", FILE_BYTES, 0, NULL, 0);
  ag_entry entry = entry_of("10", "1", "3");
  ag_dataset dataset;
  uint8_t *block = NULL;
  assert_int_equal(setenv("ADVGRID_CIFAR10", f->folder, 1), 0);
  assert_int_equal(load(&entry, NULL, &dataset, &block), AG_OK);
  ag_release(&block);
  assert_int_equal(ag_settings_set(&entry.settings, "path", "by-path"), AG_OK);
  assert_int_equal(load(&entry, NULL, &dataset, &block), AG_BAD_DATA);
  assert_non_null(strstr(ag_message(), "by-path/data_batch_1.bin"));
  ag_release(&block);
  assert_int_equal(load(&entry, f->folder, &dataset, &block), AG_OK);
  ag_release(&block);
  unsetenv("ADVGRID_CIFAR10");
}

static void real_files_have_the_known_statistics(void **state)
{
  (void)state;
  const char *folder = getenv("ADVGRID_CIFAR10");
  if (folder == NULL) folder = TEST_SOURCE "/../shared/data/cifar-10-batches-bin";
  if (!ag_cifar10_is_in(folder)) {
    print_message("CIFAR-10 is not here; give its folder by ADVGRID_CIFAR10\n");
    skip();
  }
  static const double means[] = {0.49140, 0.48216, 0.44653};
  static const double deviations[] = {0.24703, 0.24349, 0.26159};
  const ag_entry entry = entry_of("50000", "0", "10000");
  ag_dataset dataset;
  uint8_t *block = NULL;
  float mean[3];
  float deviation[3];
  size_t labels[2][10] = {{0}};
  assert_int_equal(load(&entry, folder, &dataset, &block), AG_OK);
  ag_dataset_statistics(&dataset, mean, deviation);
  for (size_t c = 0; c < 3; ++c) {
    assert_true(fabs((double)mean[c] - means[c]) <= 0.5e-5 + 1e-7);
    assert_true(fabs((double)deviation[c] - deviations[c]) <= 0.5e-5 + 1e-7);
  }
  for (size_t i = 0; i < 50000; ++i)
    ++labels[0][dataset.training.labels[i]];
  for (size_t i = 0; i < 10000; ++i)
    ++labels[1][dataset.test.labels[i]];
  for (size_t k = 0; k < 10; ++k) {
    assert_int_equal(labels[0][k], 5000);
    assert_int_equal(labels[1][k], 1000);
  }
  ag_release(&block);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(missing_file_says_how_to_give_the_folder, set_up, tear_down),
      cmocka_unit_test_setup_teardown(no_folder_is_a_bad_job, set_up, tear_down),
      cmocka_unit_test_setup_teardown(file_of_another_size_is_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(label_over_nine_is_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(records_land_where_they_belong, set_up, tear_down),
      cmocka_unit_test_setup_teardown(folder_is_looked_for_in_order, set_up, tear_down),
      cmocka_unit_test(real_files_have_the_known_statistics),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
