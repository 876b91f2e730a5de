/* A training on one rank for the tests: synthetic images, a small network, and what was reported.
 */
#ifndef ADVGRID_TEST_TRAIN_H
#define ADVGRID_TEST_TRAIN_H

#include "support/networks.h"
#include "support/ranks.h"

#include "training/team.h"

enum { TRAINING = 240, VALIDATION = 40 };
static const ag_shape shape = {32, 32, 3};

typedef struct fixture {
  ag_dataset dataset;
  void *block;
  ag_training training;
  ag_network *network;
  ag_team team;
  ag_epoch epochs[16];
  size_t epoch_count, images, steps;
} fixture;

static inline void set(ag_settings *settings, const char *name, const char *value)
{
  assert_int_equal(ag_settings_set(settings, name, value), AG_OK);
}

static inline void load_dataset(fixture *f)
{
  ag_entry entry;
  size_t bytes = 0;
  ag_entry_start(&entry, ag_kind_find(ag_dataset_table, "synthetic"));
  set(&entry.settings, "training_images", "280");
  set(&entry.settings, "validation_images", "40");
  set(&entry.settings, "test_images", "10");
  assert_int_equal(ag_dataset_describe(&entry, &f->dataset, &bytes), AG_OK);
  f->block = test_bytes(bytes);
  assert_int_equal(ag_dataset_load(&entry, NULL, f->block), AG_OK);
  ag_dataset_attach(&f->dataset, f->block);
  assert_int_equal(f->dataset.training.count, TRAINING);
}

static inline fixture *start(const char *epochs, const char *batch, const char *shard,
                             const char *peak)
{
  fixture *f = (fixture *)test_bytes(sizeof *f);
  f->team = ag_team_of(MPI_COMM_SELF);
  load_dataset(f);
  ag_settings_start(&f->training.settings, ag_training_options);
  ag_entry_start(&f->training.optimizer, ag_kind_find(ag_optimizer_table, "sgd"));
  ag_entry_start(&f->training.schedule, ag_kind_find(ag_schedule_table, "constant"));
  set(&f->training.settings, "epochs", epochs);
  set(&f->training.settings, "batch", batch);
  set(&f->training.settings, "shard", shard);
  set(&f->training.schedule.settings, "peak", peak);
  f->network = network_by_hand(
      (network_wish){.shape = shape, .classes = 10, .mean = 0.5F, .deviation = 0.2F});
  return f;
}

static inline void stop(fixture *f)
{
  ag_network_destroy(&f->network);
  free(f->block);
  free(f);
}

static inline void count_step(void *context, size_t images)
{
  fixture *f = (fixture *)context;
  f->images += images;
  ++f->steps;
}

static inline ag_status keep_epoch(void *context, const ag_epoch *epoch)
{
  fixture *f = (fixture *)context;
  assert_true(f->epoch_count < 16);
  f->epochs[f->epoch_count++] = *epoch;
  return AG_OK;
}

static inline ag_status train(fixture *f, size_t threads)
{
  ag_pool *pool = NULL;
  const ag_training_events events = {.context = f, .step = count_step, .epoch = keep_epoch};
  assert_int_equal(ag_gemm_prepare(threads), AG_OK);
  assert_int_equal(ag_pool_create(threads, &pool), AG_OK);
  const ag_status status =
      ag_train(&f->training, 1, &f->dataset, pool, &f->team, &events, f->network);
  ag_pool_destroy(&pool);
  return status;
}

/* |a - b| over the trained parameters, as a share of how far training moved them. */
static inline double difference(const fixture *one, const fixture *other, const float *before)
{
  double apart = 0;
  double moved = 0;
  const float *a = ag_network_block(one->network);
  const float *b = ag_network_block(other->network);
  for (size_t i = 0; i < ag_network_floats(one->network); ++i) {
    apart += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    moved += ((double)a[i] - (double)before[i]) * ((double)a[i] - (double)before[i]);
  }
  assert_true(moved > 0);
  return sqrt(apart / moved);
}

/* Of the network as it is, by a pass of its own in evaluation. */
static inline double accuracy_on(const fixture *f, const ag_images *images)
{
  float *pixels = test_floats(images->count * ag_shape_floats(shape));
  uint8_t labels[TRAINING];
  uint8_t predictions[TRAINING];
  uint32_t samples[TRAINING] = {0};
  double right = 0;
  assert_true(images->count <= TRAINING);
  ag_shard_fill(images, shape, NULL, 0, images->count, pixels, labels);
  network_predict(f->network, pixels, images->count, samples, predictions);
  for (size_t i = 0; i < images->count; ++i)
    right += predictions[i] == labels[i];
  free(pixels);
  return right / (double)images->count;
}

/* The same parameters and the same rows, seconds aside. */
static inline void assert_same_training(const fixture *got, const fixture *want)
{
  assert_same_bits(ag_network_values(got->network), ag_network_values(want->network),
                   ag_network_floats(want->network));
  assert_int_equal(got->epoch_count, want->epoch_count);
  for (size_t i = 0; i < want->epoch_count; ++i) {
    assert_true(got->epochs[i].loss == want->epochs[i].loss);
    assert_true(got->epochs[i].learning_rate == want->epochs[i].learning_rate);
    assert_true(got->epochs[i].train_accuracy == want->epochs[i].train_accuracy);
    assert_true(got->epochs[i].validation_accuracy == want->epochs[i].validation_accuracy);
    assert_memory_equal(&got->epochs[i].robust_validation_accuracy,
                        &want->epochs[i].robust_validation_accuracy, sizeof(double)); /* or NaN */
  }
}

#endif
