/* CIFAR-10 (Krizhevsky 2009) from the files of its binary version: records of one label byte
 * and the red, green and blue planes of a 32 x 32 image, 10,000 to a file. */
#include "data/dataset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
  SIDE = 32,
  CHANNELS = 3,
  CLASSES = 10,
  PIXELS = SIDE * SIDE,
  IMAGE_BYTES = PIXELS * CHANNELS,
  RECORD_BYTES = 1 + IMAGE_BYTES,
  FILE_RECORDS = 10000,
  FILE_BYTES = FILE_RECORDS * RECORD_BYTES
};

#define HOW_TO_GIVE \
  "give the folder of CIFAR-10's binary files by -d DIR, the dataset's 'path' or ADVGRID_CIFAR10"

static ag_status check_file(const char *path)
{
  struct stat information;
  if (stat(path, &information) != 0) {
    const ag_status status = errno == ENOENT || errno == ENOTDIR ? AG_BAD_DATA : AG_IO_ERROR;
    return ag_fail(status, "cannot open %s: %s; expected %d bytes of CIFAR-10 records: %s", path,
                   strerror(errno), FILE_BYTES, HOW_TO_GIVE);
  }
  if (!S_ISREG(information.st_mode)) {
    return ag_fail(AG_BAD_DATA, "%s is not a regular file; expected %d bytes of CIFAR-10 records",
                   path, FILE_BYTES);
  }
  if (information.st_size != FILE_BYTES) {
    return ag_fail(AG_BAD_DATA, "%s has %lld bytes; expected %d: %d records of %d", path,
                   (long long)information.st_size, FILE_BYTES, FILE_RECORDS, RECORD_BYTES);
  }
  return AG_OK;
}

/* Planes of colour to pixels of three channels. */
static void interleave(const uint8_t *planes, uint8_t *pixels)
{
  for (size_t i = 0; i < PIXELS; ++i) {
    for (size_t c = 0; c < CHANNELS; ++c)
      pixels[i * CHANNELS + c] = planes[c * PIXELS + i];
  }
}

/* Reads the first `count` records of a file. */
static ag_status read_records(const char *path, size_t count, uint8_t *pixels, uint8_t *labels)
{
  ag_status status = check_file(path);
  if (status != AG_OK) return status;
  FILE *file = fopen(path, "rbe");
  if (file == NULL) return ag_fail(AG_IO_ERROR, "cannot open %s: %s", path, strerror(errno));
  for (size_t i = 0; i < count; ++i) {
    uint8_t record[RECORD_BYTES];
    if (fread(record, sizeof record, 1, file) != 1) {
      status = ag_fail(AG_IO_ERROR, "cannot read record %zu of %s: %s", i, path,
                       ferror(file) ? strerror(errno) : "the file became shorter");
      goto cleanup;
    }
    if (record[0] >= CLASSES) {
      status = ag_fail(AG_BAD_DATA, "%s: record %zu has the label %u; expected 0 to %d", path, i,
                       (unsigned)record[0], CLASSES - 1);
      goto cleanup;
    }
    labels[i] = record[0];
    interleave(record + 1, pixels + i * IMAGE_BYTES);
  }
cleanup:
  fclose(file);
  return status;
}

static ag_status load(const ag_settings *settings, const char *folder,
                      const ag_dataset_part *training, const ag_dataset_part *test)
{
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  if (folder == NULL && ag_settings_has(settings, "path")) {
    folder = ag_settings_word(settings, "path");
  }
  if (folder == NULL) folder = getenv("ADVGRID_CIFAR10");
  if (folder == NULL || folder[0] == '\0') {
    return ag_fail(AG_BAD_JOB, "dataset cifar10: no folder was given; %s", HOW_TO_GIVE);
  }
  for (size_t first = 0; first < training->count; first += FILE_RECORDS) {
    const size_t left = training->count - first;
    AG_TRY(
        ag_path_join(path, sizeof path, "%s/data_batch_%zu.bin", folder, first / FILE_RECORDS + 1));
    AG_TRY(read_records(path, left < FILE_RECORDS ? left : FILE_RECORDS,
                        training->pixels + first * IMAGE_BYTES, training->labels + first));
  }
  AG_TRY(ag_path_join(path, sizeof path, "%s/test_batch.bin", folder));
  AG_TRY(read_records(path, test->count, test->pixels, test->labels));
cleanup:
  return status;
}

bool ag_cifar10_is_in(const char *folder)
{
  char path[AG_PATH_SIZE];
  return ag_path_join(path, sizeof path, "%s/data_batch_1.bin", folder) == AG_OK &&
         ag_file_exists(path);
}

static const ag_option options[] = {
    {.name = "path", .type = AG_OPTION_TEXT, .initial = "", .help = "folder of the binary files"},
    {.name = "training_images",
     .type = AG_OPTION_COUNT,
     .initial = "50000",
     .minimum = 1,
     .maximum = 50000,
     .help = "images of the five training files, from the first"},
    {.name = "validation_images",
     .type = AG_OPTION_COUNT,
     .initial = "1000",
     .minimum = 0,
     .maximum = 49999,
     .help = "the last training images, held out of training"},
    {.name = "test_images",
     .type = AG_OPTION_COUNT,
     .initial = "10000",
     .minimum = 1,
     .maximum = 10000,
     .help = "images of the test file"},
    {0},
};

const ag_dataset_kind ag_dataset_cifar10 = {
    .kind = {"cifar10", "60,000 colour photographs of 10 kinds of things, 32 x 32", options},
    .shape = {SIDE, SIDE, CHANNELS},
    .classes = CLASSES,
    .load = load,
};
