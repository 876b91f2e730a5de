/* Checkpoints with known contents: what their tests share. */
#ifndef ADVGRID_TEST_CHECKPOINTS_H
#define ADVGRID_TEST_CHECKPOINTS_H

#include "support/folder.h"
#include "support/log.h"

#include "advgrid/store.h"

enum { FLOATS = 1500, TEXT_SIZE = 4096 };

static inline ag_digest key_of(const char *text)
{
  ag_digest key;
  assert_int_equal(ag_digest_compute(text, strlen(text), &key), AG_OK);
  return key;
}

/* Vectors of any bits, NaN and all: each number has its own, and an odd one the best parameters
 * too. Freed by finish_checkpoint. */
static inline ag_checkpoint make_checkpoint(uint32_t number, bool averaged)
{
  float *values = test_floats((size_t)4 * FLOATS);
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, number, 3);
  for (size_t i = 0; i < (size_t)4 * FLOATS; ++i) {
    const uint32_t bits = ag_random_bits(&random);
    memcpy(&values[i], &bits, sizeof bits);
  }
  return (ag_checkpoint){.key = key_of("model"),
                         .state = {.position = {.steps = ((uint64_t)1 << 60) + number,
                                                .images = number,
                                                .loss = 0.1 * number,
                                                .correct = 1.0 / 3 + number,
                                                .seconds = 1e-300,
                                                .best_epoch = number,
                                                .best_accuracy = 0.7 / (number + 1)},
                                   .floats = FLOATS,
                                   .parameters = values,
                                   .velocity = values + FLOATS,
                                   .average = averaged ? values + (size_t)2 * FLOATS : NULL,
                                   .best = number % 2 == 1 ? values + (size_t)3 * FLOATS : NULL}};
}

static inline void finish_checkpoint(ag_checkpoint *checkpoint)
{
  free((void *)(uintptr_t)checkpoint->state.parameters);
}

static inline void assert_same(const ag_checkpoint *got, const ag_checkpoint *want)
{
  const ag_training_state *one = &got->state;
  const ag_training_state *other = &want->state;
  assert_memory_equal(&got->key, &want->key, sizeof got->key);
  assert_memory_equal(&one->position, &other->position, sizeof one->position);
  assert_true(one->floats == other->floats);
  assert_same_bits(one->parameters, other->parameters, FLOATS);
  assert_same_bits(one->velocity, other->velocity, FLOATS);
  assert_int_equal(one->average == NULL, other->average == NULL);
  if (other->average != NULL) assert_same_bits(one->average, other->average, FLOATS);
  assert_int_equal(one->best == NULL, other->best == NULL);
  if (other->best != NULL) assert_same_bits(one->best, other->best, FLOATS);
}

static inline ag_status save(const char *folder, const char *name, uint32_t number)
{
  ag_checkpoint checkpoint = make_checkpoint(number, true);
  const ag_status status = ag_checkpoint_save(folder, name, &checkpoint);
  finish_checkpoint(&checkpoint);
  return status;
}

/* The checkpoint that is loaded is that one; 0: there is none. */
static inline void expect(const char *folder, const char *name, uint32_t number)
{
  const ag_digest key = key_of("model");
  ag_checkpoint loaded;
  bool found = true;
  if (ag_checkpoint_load(folder, name, &key, FLOATS, &found, &loaded) != AG_OK) {
    fail_msg("%s", ag_message());
  }
  assert_int_equal(found, number > 0);
  if (found) {
    ag_checkpoint want = make_checkpoint(number, true);
    assert_same(&loaded, &want);
    finish_checkpoint(&want);
  }
  ag_checkpoint_clear(&loaded);
  assert_null(loaded.state.parameters);
}

static inline void path_of(const char *folder, const char *file, char path[AG_PATH_SIZE])
{
  assert_int_equal(ag_path_join(path, AG_PATH_SIZE, "%s/checkpoints/%s", folder, file), AG_OK);
}

static inline bool is_there(const char *folder, const char *file)
{
  char path[AG_PATH_SIZE];
  path_of(folder, file, path);
  return ag_file_exists(path);
}

/* Without the care of ag_file_write, which would take its time. */
static inline void overwrite(const char *path, const char *bytes, size_t size)
{
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

static inline void finish(char *folder)
{
  folder_remove(folder);
  assert_int_equal(ag_live_blocks(), 0);
  assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
}

#endif
