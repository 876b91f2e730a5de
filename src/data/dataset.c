/* The table of datasets, and what all datasets share: their parts, the layout of the block
 * (training pixels, training labels, test pixels, test labels), their statistics. */
#include "data/dataset.h"

#include <assert.h>
#include <math.h>
#include <string.h>

const ag_kind *ag_dataset_table(size_t index)
{
  static const ag_dataset_kind *const rows[] = {&ag_dataset_synthetic, &ag_dataset_cifar10};
  return index < sizeof rows / sizeof rows[0] ? &rows[index]->kind : NULL;
}

/* Where the parts of a block begin, in bytes; the training pixels begin it. */
typedef struct block_layout {
  size_t training_labels, test_pixels, test_labels, end;
} block_layout;

static size_t image_bytes(ag_shape shape)
{
  return shape.height * shape.width * shape.channels;
}

static size_t training_count(const ag_dataset *dataset)
{
  return dataset->training.count + dataset->validation.count;
}

/* False where the block is larger than memory can be. */
static bool lay_out(const ag_dataset *dataset, block_layout *layout)
{
  *layout = (block_layout){0};
  size_t test_bytes = 0;
  const size_t image = image_bytes(dataset->shape);
  return !__builtin_mul_overflow(training_count(dataset), image, &layout->training_labels) &&
         !__builtin_mul_overflow(dataset->test.count, image, &test_bytes) &&
         !__builtin_add_overflow(layout->training_labels, training_count(dataset),
                                 &layout->test_pixels) &&
         !__builtin_add_overflow(layout->test_pixels, test_bytes, &layout->test_labels) &&
         !__builtin_add_overflow(layout->test_labels, dataset->test.count, &layout->end);
}

static const ag_dataset_kind *row_of(const ag_entry *entry)
{
  return (const ag_dataset_kind *)entry->kind;
}

ag_status ag_dataset_describe(const ag_entry *entry, ag_dataset *dataset, size_t *bytes)
{
  const ag_settings *settings = &entry->settings;
  const size_t asked = ag_settings_count(settings, "training_images");
  const size_t validation = ag_settings_count(settings, "validation_images");
  memset(dataset, 0, sizeof *dataset);
  *bytes = 0;
  if (validation >= asked) {
    return ag_fail(AG_BAD_JOB,
                   "dataset %s: 'validation_images' is %zu and 'training_images' %zu, of which "
                   "they are the last; expected fewer, so that some are left to train on",
                   entry->name, validation, asked);
  }
  dataset->shape = row_of(entry)->shape;
  dataset->classes = row_of(entry)->classes;
  dataset->training.count = asked - validation;
  dataset->validation.count = validation;
  dataset->test.count = ag_settings_count(settings, "test_images");
  block_layout layout;
  if (!lay_out(dataset, &layout)) {
    return ag_fail(AG_BAD_JOB, "dataset %s: %zu and %zu images are more than memory can address",
                   entry->name, asked, dataset->test.count);
  }
  *bytes = layout.end;
  return AG_OK;
}

ag_status ag_dataset_load(const ag_entry *entry, const char *folder, void *block)
{
  ag_dataset dataset;
  size_t bytes = 0;
  const ag_status status = ag_dataset_describe(entry, &dataset, &bytes);
  if (status != AG_OK) return status;
  block_layout layout;
  (void)lay_out(&dataset, &layout); /* held above */
  uint8_t *start = block;
  const ag_dataset_part training = {training_count(&dataset), start,
                                    start + layout.training_labels};
  const ag_dataset_part test = {dataset.test.count, start + layout.test_pixels,
                                start + layout.test_labels};
  return row_of(entry)->load(&entry->settings, folder, &training, &test);
}

void ag_dataset_attach(ag_dataset *dataset, const void *block)
{
  block_layout layout;
  const bool fits = lay_out(dataset, &layout);
  assert(fits && "a dataset that was not described");
  (void)fits;
  const uint8_t *start = block;
  const size_t first = dataset->training.count;
  dataset->training.pixels = start;
  dataset->training.labels = start + layout.training_labels;
  dataset->validation.pixels = dataset->training.pixels + first * image_bytes(dataset->shape);
  dataset->validation.labels = dataset->training.labels + first;
  dataset->test.pixels = start + layout.test_pixels;
  dataset->test.labels = start + layout.test_labels;
}

void ag_dataset_statistics(const ag_dataset *dataset, float *mean, float *deviation)
{
  const size_t channels = dataset->shape.channels;
  const size_t pixels = dataset->training.count * dataset->shape.height * dataset->shape.width;
  assert(pixels > 0);
  for (size_t c = 0; c < channels; ++c) {
    uint64_t sum = 0;
    uint64_t squares = 0;
    for (size_t i = 0; i < pixels; ++i) {
      const uint64_t value = dataset->training.pixels[i * channels + c];
      sum += value;
      squares += value * value;
    }
    const double average = (double)sum / (double)pixels;
    const double variance = (double)squares / (double)pixels - average * average;
    mean[c] = (float)(average / 255);
    deviation[c] = variance > 0 ? (float)(sqrt(variance) / 255) : 1;
  }
}
