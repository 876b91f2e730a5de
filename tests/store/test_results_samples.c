/* /samples/KEY read back: what the ledger held, and groups that are no images in order. */
#include "store/small_plan.h"

#include "store/results_read.h"

static const char job_text[] = "name: by-hand\n";

/* Point 0 is done. */
static void write_one(const char *folder, char path[AG_PATH_SIZE])
{
  small_plan *small = small_plan_create();
  ag_ledger *ledger = NULL;
  assert_int_equal(ag_path_join(path, AG_PATH_SIZE, "%s/results.h5", folder), AG_OK);
  assert_int_equal(ag_ledger_create(&small->plan, &ledger), AG_OK);
  take_unit_done(ledger, 0);
  take_unit_done(ledger, 1);
  assert_int_equal(ag_results_write(folder, ledger, job_text), AG_OK);
  ag_ledger_destroy(&ledger);
  free(small);
}

static void written_and_read(void **state)
{
  (void)state;
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  small_plan *small = small_plan_create();
  const small_unit halves[] = {small_unit_outcomes(&small->units[0]),
                               small_unit_outcomes(&small->units[1])};
  ag_results results;
  ag_outcome *outcomes = NULL;
  size_t count = 0;
  write_one(folder, path);
  assert_int_equal(ag_results_read(path, &results), AG_OK);
  assert_int_equal(ag_results_samples(&results, results.points[0].key, &outcomes, &count), AG_OK);
  assert_int_equal(count, PLAN_IMAGES);
  for (size_t i = 0; i < count; ++i) {
    const ag_outcome *want = &halves[i / 3].outcomes[i % 3];
    assert_int_equal(outcomes[i].index, want->index);
    assert_int_equal(outcomes[i].label, want->label);
    assert_int_equal(outcomes[i].clean_prediction, want->clean_prediction);
    assert_int_equal(outcomes[i].prediction, want->prediction);
  }
  ag_release(&outcomes);
  assert_int_equal(ag_results_samples(&results, results.points[1].key, &outcomes, &count), AG_OK);
  assert_true(outcomes == NULL && count == 0);
  assert_int_equal(ag_results_samples(&results, "no key", &outcomes, &count), AG_OK);
  assert_true(outcomes == NULL && count == 0);
  ag_results_clear(&results);
  folder_remove(folder);
  free(small);
}

/* Replaces a column of the one point by other values. */
static void replace(const char *path, const char *key, const char *column, size_t count,
                    const double *values)
{
  char name[AG_PATH_SIZE];
  const hsize_t sides[] = {count};
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  assert_int_equal(ag_path_join(name, sizeof name, "samples/%s/%s", key, column), AG_OK);
  assert_true(H5Ldelete(file, name, H5P_DEFAULT) >= 0);
  if (count > 0) assert_true(H5LTmake_dataset_double(file, name, 1, sides, values) >= 0);
  assert_true(H5Fclose(file) >= 0);
}

static void what_makes_no_sense_is_not_there(void **state)
{
  (void)state;
  static const struct {
    const char *column;
    size_t count;
    double values[6];
  } changes[] = {{"index", 5, {0, 1, 1, 2, 3}},
                 {"index", 5, {4, 3, 2, 1, 0}},
                 {"index", 5, {0, 1, 2, 3, 1e12}},
                 {"index", 5, {-1, 1, 2, 3, 4}},
                 {"label", 5, {0, 1, 2, 3, 256}},
                 {"label", 5, {0, 1, 2, 3, 0.5}},
                 {"label", 4, {0, 1, 2, 3}},
                 {"prediction", 5, {0, 1, 2, 3, NAN}},
                 {"clean_prediction", 6, {0, 1, 2, 3, 4, 5}},
                 {"clean_prediction", 0, {0}}};
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  for (size_t i = 0; i < sizeof changes / sizeof *changes; ++i) {
    ag_results results;
    ag_outcome *outcomes = NULL;
    size_t count = 0;
    char key[AG_DIGEST_TEXT_SIZE];
    write_one(folder, path);
    assert_int_equal(ag_results_read(path, &results), AG_OK);
    snprintf(key, sizeof key, "%s", results.points[0].key);
    ag_results_clear(&results);
    replace(path, key, changes[i].column, changes[i].count, changes[i].values);
    assert_int_equal(ag_results_read(path, &results), AG_OK);
    assert_int_equal(ag_results_samples(&results, key, &outcomes, &count), AG_OK);
    assert_true(outcomes == NULL && count == 0);
    ag_results_clear(&results);
  }
  folder_remove(folder);
}

static int leaks_nothing(void **state)
{
  (void)state;
  return ag_live_blocks() == 0 && H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0 ? 0 : -1;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(written_and_read),
      cmocka_unit_test(what_makes_no_sense_is_not_there),
  };
  return cmocka_run_group_tests(tests, NULL, leaks_nothing);
}
