/* Checkpoints: what is saved comes back bit for bit, the two newest are kept, and none of another
 * training or another name is taken. */
#include "store/checkpoints.h"

static void round_trip(void **state)
{
  (void)state;
  char *folder = folder_create();
  expect(folder, "none", 0);
  assert_int_equal(ag_checkpoint_remove(folder, "none"), AG_OK);
  for (int averaged = 0; averaged < 2; ++averaged) {
    ag_checkpoint loaded;
    bool found = false;
    ag_checkpoint saved = make_checkpoint(5, averaged == 1);
    assert_int_equal(ag_checkpoint_save(folder, "none", &saved), AG_OK);
    assert_int_equal(ag_checkpoint_load(folder, "none", &saved.key, FLOATS, &found, &loaded),
                     AG_OK);
    assert_true(found);
    assert_same(&loaded, &saved);
    ag_checkpoint_clear(&loaded);
    finish_checkpoint(&saved);
  }
  finish(folder);
}

/* Other programs read it as HDF5, the seal behind it or not. */
static void is_hdf5(void **state)
{
  (void)state;
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  float *values = test_floats(FLOATS);
  ag_checkpoint want = make_checkpoint(1, true);
  assert_int_equal(save(folder, "none", 1), AG_OK);
  path_of(folder, "none-1.h5", path);
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  assert_true(file >= 0);
  assert_true(H5LTread_dataset_float(file, "velocity", values) >= 0);
  assert_same_bits(values, want.state.velocity, FLOATS);
  assert_true(H5Fclose(file) >= 0);
  finish_checkpoint(&want);
  free(values);
  finish(folder);
}

static void two_are_kept(void **state)
{
  (void)state;
  char *folder = folder_create();
  for (uint32_t i = 1; i <= 12; ++i) {
    assert_int_equal(save(folder, "none", i), AG_OK);
    expect(folder, "none", i);
  }
  assert_true(is_there(folder, "none-12.h5") && is_there(folder, "none-11.h5"));
  for (int i = 1; i <= 10; ++i) {
    char file[32];
    snprintf(file, sizeof file, "none-%d.h5", i);
    assert_false(is_there(folder, file));
  }
  finish(folder);
}

/* A run that was killed while it wrote, and one that left many. */
static void what_was_left_behind(void **state)
{
  (void)state;
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  assert_int_equal(save(folder, "none", 1), AG_OK);
  for (int i = 2; i <= 40; ++i) {
    char file[32];
    snprintf(file, sizeof file, "none-%d.h5%s", i, i % 2 == 0 ? "" : ".tmp");
    path_of(folder, file, path);
    overwrite(path, "", 0);
  }
  char said[TEXT_SIZE];
  test_log log = log_start();
  expect(folder, "none", 0); /* looks at the newest only */
  assert_int_equal(save(folder, "none", 2), AG_OK);
  expect(folder, "none", 2);
  log_end(&log, said, sizeof said);
  assert_non_null(strstr(said, "none-40.h5 is passed over: it is cut off or damaged"));
  assert_true(is_there(folder, "none-41.h5") && is_there(folder, "none-40.h5"));
  assert_false(is_there(folder, "none-38.h5") || is_there(folder, "none-39.h5.tmp"));
  assert_int_equal(ag_checkpoint_remove(folder, "none"), AG_OK);
  path_of(folder, "", path);
  assert_int_equal(rmdir(path), 0);
  finish(folder);
}

/* Names of which one begins like the other. */
static void names(void **state)
{
  (void)state;
  static const char *const all[] = {"at", "at-1", "at-1-1", "at-x"};
  char *folder = folder_create();
  for (uint32_t i = 0; i < 4; ++i)
    assert_int_equal(save(folder, all[i], i + 1), AG_OK);
  for (uint32_t i = 0; i < 4; ++i)
    expect(folder, all[i], i + 1);
  for (uint32_t gone = 0; gone < 4; ++gone) {
    assert_int_equal(ag_checkpoint_remove(folder, all[gone]), AG_OK);
    for (uint32_t i = 0; i < 4; ++i)
      expect(folder, all[i], i <= gone ? 0 : i + 1);
  }
  finish(folder);
}

/* One of another training, or another network, is passed over and named. */
static void of_another_training(void **state)
{
  (void)state;
  char *folder = folder_create();
  char said[TEXT_SIZE];
  const ag_digest other = key_of("another model");
  ag_checkpoint loaded;
  bool found = true;
  assert_int_equal(save(folder, "none", 1), AG_OK);
  ag_checkpoint saved = make_checkpoint(2, false);
  saved.key = other;
  assert_int_equal(ag_checkpoint_save(folder, "none", &saved), AG_OK);
  test_log log = log_start();
  expect(folder, "none", 1);
  assert_int_equal(ag_checkpoint_load(folder, "none", &saved.key, FLOATS + 1, &found, &loaded),
                   AG_OK);
  assert_false(found);
  log_end(&log, said, sizeof said);
  assert_non_null(strstr(said, "none-2.h5 is passed over: it is of another training"));
  assert_non_null(strstr(said, "parameters has 1500 values; expected 1501"));
  finish_checkpoint(&saved);
  finish(folder);
}

/* As a program wrote it that did not know of a most robust epoch: none was judged. */
static void from_before_epochs_were_judged(void **state)
{
  (void)state;
  enum { SEAL = 8 + AG_DIGEST_SIZE };
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  char *bytes = NULL;
  size_t size = 0;
  ag_checkpoint want = make_checkpoint(2, true);
  assert_int_equal(save(folder, "none", 2), AG_OK);
  path_of(folder, "none-1.h5", path);
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  assert_true(H5Adelete(file, "best_epoch") >= 0 && H5Adelete(file, "best_accuracy") >= 0);
  assert_true(H5Fclose(file) >= 0);
  /* Where HDF5 cut the seal off, and where it left it. */
  assert_int_equal(ag_file_read(path, &bytes, &size), AG_OK);
  if (memcmp(bytes + size - SEAL, "advgridC", 8) == 0) size -= SEAL;
  char *sealed = test_bytes(size + SEAL);
  ag_digest digest;
  memcpy(sealed, bytes, size);
  memcpy(sealed + size, "advgridC", 8);
  assert_int_equal(ag_digest_compute(sealed, size + 8, &digest), AG_OK);
  memcpy(sealed + size + 8, digest.bytes, sizeof digest.bytes);
  overwrite(path, sealed, size + SEAL);
  ag_checkpoint got;
  bool found = false;
  assert_int_equal(ag_checkpoint_load(folder, "none", &want.key, FLOATS, &found, &got), AG_OK);
  assert_true(found);
  want.state.position.best_epoch = 0;
  want.state.position.best_accuracy = 0;
  assert_same(&got, &want);
  ag_checkpoint_clear(&got);
  finish_checkpoint(&want);
  ag_release(&bytes);
  free(sealed);
  finish(folder);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_trip),
      cmocka_unit_test(is_hdf5),
      cmocka_unit_test(two_are_kept),
      cmocka_unit_test(what_was_left_behind),
      cmocka_unit_test(names),
      cmocka_unit_test(of_another_training),
      cmocka_unit_test(from_before_epochs_were_judged),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
