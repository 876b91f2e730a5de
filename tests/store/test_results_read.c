/* results.h5 read back: what the ledger held, what is missing, and files that are none of ours. */
#include "store/small_plan.h"

#include "store/results_read.h"

static const char job_text[] = "name: by-hand\n";

static void path_of(const char *folder, char path[AG_PATH_SIZE])
{
  assert_int_equal(ag_path_join(path, AG_PATH_SIZE, "%s/results.h5", folder), AG_OK);
}

/* Not in the order in which they are read. */
static void take_spans(ag_ledger *ledger)
{
  const ag_span attacks[] = {{.rank = 1, .first = 3, .images = 2, .start = 5, .seconds = 1.5},
                             {.rank = 0, .first = 0, .images = 3, .start = 4, .seconds = 2},
                             {.rank = 0, .first = 0, .images = 5, .start = 6, .seconds = 3}};
  const ag_digest keys[] = {small_key("unit", 23), small_key("unit", 22), small_key("gone", 0)};
  const ag_span training = {.rank = 0, .epoch = 1, .start = 0.25, .seconds = 3.5};
  for (size_t i = 0; i < 3; ++i) {
    assert_int_equal(take(ledger, AG_RECORD_SPAN, keys[i], &attacks[i], sizeof *attacks), AG_OK);
  }
  assert_int_equal(take(ledger, AG_RECORD_SPAN, small_key("model", 3), &training, sizeof training),
                   AG_OK);
}

/* Points 0 (none, fgsm, 8/255, seed 1) and 11 (bruit, pgd-20, 0.1, seed 1) are done; a unit of
 * point 1 failed; a model has three epochs. */
static void write_some(const char *folder)
{
  small_plan *small = small_plan_create();
  ag_ledger *ledger = NULL;
  ag_provenance run;
  const size_t done[] = {0, 1, 22, 23};
  memset(&run, 0, sizeof run);
  snprintf(run.hosts, sizeof run.hosts, "alpha,beta");
  run.threads = 3;
  assert_int_equal(ag_ledger_create(&small->plan, &ledger), AG_OK);
  assert_int_equal(take(ledger, AG_RECORD_RUN, (ag_digest){0}, &run, sizeof run), AG_OK);
  for (uint32_t i = 1; i <= 3; ++i) {
    const ag_epoch epoch = {.epoch = i, .loss = 1.0 / i, .robust_validation_accuracy = NAN};
    assert_int_equal(take(ledger, AG_RECORD_EPOCH, small_key("model", 3), &epoch, sizeof epoch),
                     AG_OK);
  }
  assert_int_equal(take(ledger, AG_RECORD_FAILURE, small_key("unit", 3), "bound", 5), AG_OK);
  for (size_t i = 0; i < sizeof done / sizeof *done; ++i)
    take_unit_done(ledger, done[i]);
  take_spans(ledger);
  assert_int_equal(ag_results_write(folder, ledger, job_text), AG_OK);
  ag_ledger_destroy(&ledger);
  free(small);
}

static void check_points(const ag_results *results)
{
  assert_int_equal(results->point_count, PLAN_POINTS);
  for (size_t i = 0; i < results->point_count; ++i) {
    const ag_read_point *point = &results->points[i];
    const bool first = point->defense == 0 && point->attack == 0 && point->seed == 0;
    const bool done =
        (first && point->epsilon == 0) ||
        (point->defense == 1 && point->attack == 1 && point->epsilon == 1 && point->seed == 0);
    const bool failed = first && point->epsilon == 1;
    assert_ptr_equal(point, ag_results_point(results, point->defense, point->attack, point->epsilon,
                                             point->seed));
    assert_int_equal(point->progress, done     ? AG_PROGRESS_DONE
                                      : failed ? AG_PROGRESS_FAILED
                                               : AG_PROGRESS_MISSING);
    assert_int_equal(strlen(point->key), done ? AG_DIGEST_TEXT_SIZE - 1 : 0);
    if (!done) assert_true(isnan(point->robust_accuracy) && isnan(point->seconds));
    if (done) {
      assert_true(point->images == 5 && point->clean_correct == 4 && point->robust_correct == 2);
      assert_true(point->robust_accuracy == 0.4 && point->clean_accuracy == 0.8);
      assert_true(point->ci_low < 0.4 && point->ci_high > 0.4 && point->seconds == 1);
      assert_true(point->gradients == 20 && point->forwards == 40);
    }
  }
}

static void check_timeline(const ag_results *results)
{
  static const ag_read_span expected[] = {{1, 0, 0.25, 3.5, true, 1, AG_NO_SIDE, 1},
                                          {1, 0, 4, 2, false, 1, 1, 0},
                                          {1, 0, 6, 3, false, AG_NO_SIDE, AG_NO_SIDE, AG_NO_SIDE},
                                          {1, 1, 5, 1.5, false, 1, 1, 0}};
  assert_int_equal(results->span_count, sizeof expected / sizeof *expected);
  for (size_t i = 0; i < results->span_count; ++i) {
    const ag_read_span *span = &results->spans[i];
    const ag_read_span *other = &expected[i];
    assert_true(span->run == other->run && span->rank == other->rank);
    assert_true(span->start == other->start && span->seconds == other->seconds);
    assert_int_equal(span->trains, other->trains);
    assert_int_equal(span->defense, other->defense);
    assert_int_equal(span->attack, other->attack);
    assert_int_equal(span->seed, other->seed);
  }
}

/* Rows that say no time or no rank are no spans. */
static void times_that_are_none(void **state)
{
  (void)state;
  static const struct {
    double run, rank, start, seconds;
  } rows[] = {{1, 0, 2, 3},  {1, -1, 2, 3},          {1, 0.5, 2, 3},         {1, 1e7, 2, 3},
              {1, 0, -2, 3}, {1, 0, 2, (double)NAN}, {(double)NAN, 0, 2, 3}, {1, 0, HUGE_VAL, 3}};
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  ag_results results;
  static const char *const columns[] = {"run", "rank", "start", "seconds"};
  const hsize_t count = sizeof rows / sizeof *rows;
  path_of(folder, path);
  write_some(folder);
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t type = H5Tcreate(H5T_COMPOUND, sizeof *rows);
  for (size_t i = 0; i < 4; ++i)
    assert_true(H5Tinsert(type, columns[i], i * sizeof(double), H5T_NATIVE_DOUBLE) >= 0);
  assert_true(H5Ldelete(file, "timeline", H5P_DEFAULT) >= 0);
  assert_true(H5LTmake_dataset(file, "timeline", 1, &count, type, rows) >= 0);
  assert_true(H5Tclose(type) >= 0 && H5Fclose(file) >= 0);
  assert_int_equal(ag_results_read(path, &results), AG_OK);
  assert_int_equal(results.span_count, 1);
  assert_false(results.spans[0].trains);
  assert_int_equal(results.spans[0].defense, AG_NO_SIDE);
  ag_results_clear(&results);
  folder_remove(folder);
}

static void written_and_read(void **state)
{
  (void)state;
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  ag_results results;
  path_of(folder, path);
  write_some(folder);
  assert_int_equal(ag_results_read(path, &results), AG_OK);
  assert_string_equal(results.defenses[1], "bruit-\xc3\xa9lev\xc3\xa9");
  assert_string_equal(results.attacks[1], "pgd-20");
  assert_true(results.epsilons[0] == 8.0 / 255.0 && results.seeds[1] == 7);
  check_points(&results);
  assert_string_equal(ag_results_attribute(&results, "hosts"), "alpha,beta");
  assert_string_equal(ag_results_attribute(&results, "threads"), "3");
  assert_string_equal(ag_results_attribute(&results, "job"), job_text);
  assert_string_equal(ag_results_attribute(&results, "no such"), "");
  assert_int_equal(results.training_count, 1);
  assert_true(results.trainings[0].defense == 1 && results.trainings[0].seed == 1);
  assert_int_equal(results.trainings[0].epoch_count, 3);
  assert_true(results.trainings[0].epochs[2].loss == 1.0 / 3);
  assert_true(isnan(results.trainings[0].epochs[2].robust_validation_accuracy));
  assert_int_equal(results.failure_count, 1);
  assert_string_equal(results.failures[0].reason, "bound");
  assert_int_equal(results.gate_count, AG_GATES);
  assert_string_equal(results.gates[0].verdict, "not applicable");
  assert_int_equal(results.rank_count, 0);
  check_timeline(&results);
  ag_results_clear(&results);
  folder_remove(folder);
}

/* Details of a point that has none, and of keys that are none. */
static void what_is_not_there_is_missing(void **state)
{
  (void)state;
  static const char *const names[] = {"mean"};
  static const char *const keys[] = {"", "a/b", "00", "..",
                                     "012345678901234567890123456789012345678901234567890123456789"
                                     "0123456789"};
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  ag_results results;
  path_of(folder, path);
  write_some(folder);
  assert_int_equal(ag_results_read(path, &results), AG_OK);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; ++i) {
    ag_read_examples examples;
    ag_read_latent latent;
    double number = 0;
    assert_int_equal(ag_results_examples(&results, keys[i], &examples), AG_OK);
    assert_int_equal(ag_results_latent(&results, keys[i], &latent), AG_OK);
    assert_int_equal(ag_results_numbers(&results, "draws", keys[i], names, 1, &number), AG_OK);
    assert_true(examples.count == 0 && latent.count == 0 && isnan(number));
    assert_false(ag_results_has(&results, "samples", keys[i]));
    ag_read_examples_clear(&examples);
    ag_read_latent_clear(&latent);
  }
  assert_true(ag_results_has(&results, "samples", results.points[0].key));
  ag_results_clear(&results);
  folder_remove(folder);
}

/* Columns of another kind are missing ones; a file without a grid is none of ours. */
static void other_files(void **state)
{
  (void)state;
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  ag_hdf5_printing printing;
  ag_results results;
  path_of(folder, path);
  ag_hdf5_printing_stop(&printing);
  assert_int_equal(ag_results_read(path, &results), AG_IO_ERROR);
  ag_results_clear(&results);
  assert_int_equal(ag_file_write(path, "no HDF5", 7), AG_OK);
  assert_int_equal(ag_results_read(path, &results), AG_BAD_STORE);
  ag_results_clear(&results);
  const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(H5LTset_attribute_string(file, "/", "job", "a\x80z") >= 0);
  assert_true(H5Fclose(file) >= 0);
  assert_int_equal(ag_results_read(path, &results), AG_BAD_STORE);
  assert_non_null(strstr(ag_message(), path));
  assert_string_equal(ag_results_attribute(&results, "job"), "a\xef\xbf\xbdz");
  ag_results_clear(&results);
  write_some(folder);
  const hid_t changed = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  const hsize_t four[] = {1, 1, 1, 1};
  const int state_of_one = 2;
  assert_true(H5Ldelete(changed, "results", H5P_DEFAULT) >= 0);
  assert_true(H5LTmake_dataset_int(changed, "results", 4, four, &state_of_one) >= 0);
  assert_true(H5Ldelete(changed, "grid/status", H5P_DEFAULT) >= 0);
  assert_true(H5LTmake_dataset_int(changed, "grid/status", 4, four, &state_of_one) >= 0);
  assert_true(H5Fclose(changed) >= 0);
  assert_int_equal(ag_results_read(path, &results), AG_OK);
  for (size_t i = 0; i < results.point_count; ++i)
    assert_int_equal(results.points[i].progress, AG_PROGRESS_MISSING);
  ag_results_clear(&results);
  ag_hdf5_printing_resume(&printing);
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
      cmocka_unit_test(times_that_are_none),
      cmocka_unit_test(what_is_not_there_is_missing),
      cmocka_unit_test(other_files),
  };
  return cmocka_run_group_tests(tests, NULL, leaks_nothing);
}
