/* The result file: what the ledger holds comes back from HDF5, by its C interface and by
 * h5py and pandas, whole or not at all. */
#include "store/small_plan.h"

#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const char job_text[] = "name: by-hand # \xc3\xa9\ndefenses: [...]\n";

/* Runs tests/store/read_results.py; returns its exit code, 77 where it cannot run. */
static int read_with_python(const char *path, size_t rows)
{
  char script[] = TEST_SOURCE "/tests/store/read_results.py";
  char python[] = "/usr/bin/python3"; /* Debian's, which has Debian's h5py and pandas */
  char file[AG_PATH_SIZE];
  char count[32];
  char *const arguments[] = {python, script, file, count, NULL};
  pid_t child = 0;
  int result = 0;
  snprintf(file, sizeof file, "%s", path);
  snprintf(count, sizeof count, "%zu", rows);
  if (posix_spawn(&child, python, NULL, NULL, arguments, environ) != 0) return 77;
  assert_int_equal(waitpid(child, &result, 0), child);
  return WIFEXITED(result) ? WEXITSTATUS(result) : 1;
}

static void path_of(const char *folder, char path[AG_PATH_SIZE])
{
  assert_int_equal(ag_path_join(path, AG_PATH_SIZE, "%s/results.h5", folder), AG_OK);
}

/* A run, a model with epochs, a failed model, a failed unit, and three points done. */
static void fill(ag_ledger *ledger)
{
  ag_provenance run;
  memset(&run, 0, sizeof run);
  ag_provenance_collect(&run);
  snprintf(run.mpi, sizeof run.mpi, "Open MPI");
  snprintf(run.hosts, sizeof run.hosts, "node1,node2");
  snprintf(run.dataset_sha256, sizeof run.dataset_sha256, "sha256:00");
  snprintf(run.kernels, sizeof run.kernels, "baseline; conv1 im2col");
  run.ranks = 2;
  run.threads = 3;
  for (int i = 0; i < 2; ++i)
    assert_int_equal(take(ledger, AG_RECORD_RUN, (ag_digest){0}, &run, sizeof run), AG_OK);
  for (uint32_t i = 1; i <= 3; ++i) {
    const ag_epoch epoch = {.epoch = i, .loss = 1.0 / i, .validation_accuracy = 0.25 * i};
    assert_int_equal(take(ledger, AG_RECORD_EPOCH, small_key("model", 0), &epoch, sizeof epoch),
                     AG_OK);
  }
  const char reason[] = "the loss of epoch 2, step 7 is not finite";
  assert_int_equal(take(ledger, AG_RECORD_FAILURE, small_key("model", 3), reason, strlen(reason)),
                   AG_OK);
  assert_int_equal(take(ledger, AG_RECORD_FAILURE, small_key("unit", 3), "bound", 5), AG_OK);
  const size_t done[] = {0, 1, 2, 8, 9, 22, 23}; /* points 0, 4 and 11; half of point 1 */
  for (size_t i = 0; i < sizeof done / sizeof *done; ++i)
    take_unit_done(ledger, done[i]);
}

static int read_integer(hid_t file, const char *name)
{
  int value = -1;
  assert_true(H5LTget_attribute_int(file, "/", name, &value) >= 0);
  return value;
}

static void assert_text(hid_t file, const char *name, const char *expected)
{
  char *text = NULL;
  const hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
  const hid_t type = H5Aget_type(attribute);
  assert_true(H5Tis_variable_str(type) > 0);
  assert_int_equal(H5Tget_cset(type), H5T_CSET_UTF8);
  assert_true(H5Aread(attribute, type, &text) >= 0);
  assert_string_equal(text, expected);
  assert_true(H5free_memory(text) >= 0);
  assert_true(H5Tclose(type) >= 0 && H5Aclose(attribute) >= 0);
}

static void check_root(hid_t file)
{
  assert_int_equal(read_integer(file, "schema_version"), 1);
  assert_int_equal(read_integer(file, "complete"), 0);
  assert_int_equal(read_integer(file, "ranks"), 2);
  assert_int_equal(read_integer(file, "threads"), 3);
  assert_int_equal(read_integer(file, "restarts"), 1);
  assert_text(file, "job", job_text);
  assert_text(file, "kernels", "baseline; conv1 im2col");
}

static void check_grid(hid_t file)
{
  double accuracy[PLAN_POINTS];
  signed char status[PLAN_POINTS];
  /* [defense, attack, epsilon, seed]; points go by defense, seed, attack, epsilon. */
  assert_true(H5LTread_dataset_double(file, "grid/robust_accuracy", accuracy) >= 0);
  assert_true(H5LTread_dataset_char(file, "grid/status", (char *)status) >= 0);
  for (size_t point = 0; point < PLAN_POINTS; ++point) {
    const size_t defense = point / 8;
    const size_t seed = point / 4 % 2;
    const size_t place = 8 * defense + 4 * (point / 2 % 2) + 2 * (point % 2) + seed;
    const bool done = point == 0 || point == 4 || point == 11;
    const bool failed = point == 1 || point / 4 == 3;
    assert_int_equal(status[place], done ? 1 : failed ? 2 : 0);
    if (done) assert_true(accuracy[place] == 0.4); /* images 0 and 2 of 5 */
    if (!done) assert_true(isnan(accuracy[place]));
  }
}

static void check_samples(hid_t file)
{
  char name[128];
  char key[AG_DIGEST_TEXT_SIZE];
  float l2[PLAN_IMAGES];
  int labels[PLAN_IMAGES];
  const ag_digest digest = small_key("point", 11);
  ag_digest_text(&digest, key);
  snprintf(name, sizeof name, "samples/%s/l2", key);
  assert_true(H5LTread_dataset_float(file, name, l2) >= 0);
  snprintf(name, sizeof name, "samples/%s/label", key);
  assert_true(H5LTread_dataset_int(file, name, labels) >= 0);
  for (int i = 0; i < PLAN_IMAGES; ++i)
    assert_true(l2[i] == (float)i && labels[i] == i);
}

static void check_tables(hid_t file)
{
  hsize_t fields = 0;
  hsize_t records = 0;
  struct {
    uint32_t epoch;
    double loss;
  } epochs[3];
  const size_t offsets[] = {offsetof(__typeof__(*epochs), epoch),
                            offsetof(__typeof__(*epochs), loss)};
  const size_t sizes[] = {sizeof(uint32_t), sizeof(double)};
  assert_true(H5TBget_table_info(file, "results", &fields, &records) >= 0);
  assert_int_equal(fields, 19);
  assert_int_equal(records, 3);
  assert_true(H5TBread_fields_name(file, "training/none-seed1", "epoch,loss", 0, 3, sizeof *epochs,
                                   offsets, sizes, epochs) >= 0);
  assert_true(epochs[2].epoch == 3 && epochs[2].loss == 1.0 / 3);
  assert_true(H5TBget_table_info(file, "failures", &fields, &records) >= 0);
  assert_int_equal(records, 2);
}

static void written_and_read(void **state)
{
  (void)state;
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  ag_ledger *ledger = NULL;
  small_plan *small = small_plan_create();
  path_of(folder, path);
  assert_int_equal(ag_ledger_create(&small->plan, &ledger), AG_OK);
  fill(ledger);
  const size_t blocks = ag_live_blocks();
  assert_int_equal(ag_results_write(folder, ledger, job_text), AG_OK);
  assert_int_equal(ag_results_write(folder, ledger, job_text), AG_OK);
  assert_int_equal(ag_live_blocks(), blocks);
  assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  assert_true(file >= 0);
  check_root(file);
  check_grid(file);
  check_samples(file);
  check_tables(file);
  assert_true(H5Fclose(file) >= 0);
  const int python = read_with_python(path, 3);
  ag_ledger_destroy(&ledger);
  free(small);
  folder_remove(folder);
  if (python == 77) print_message("h5py or pandas is missing: they did not read the file\n");
  assert_true(python == 0 || python == 77);
}

/* Nothing done, and everything done, with a key that two points share. */
static void empty_and_complete(void **state)
{
  (void)state;
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  ag_ledger *ledger = NULL;
  small_plan *small = small_plan_create();
  path_of(folder, path);
  small->points[6].key = small->points[2].key;
  assert_int_equal(ag_ledger_create(&small->plan, &ledger), AG_OK);
  assert_int_equal(ag_results_write(folder, ledger, job_text), AG_OK);
  int python = read_with_python(path, 0);
  assert_true(python == 0 || python == 77);
  for (size_t i = 0; i < PLAN_UNITS; ++i)
    take_unit_done(ledger, i);
  assert_int_equal(ag_results_write(folder, ledger, job_text), AG_OK);
  python = read_with_python(path, PLAN_POINTS);
  assert_true(python == 0 || python == 77);
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  assert_true(file >= 0);
  assert_int_equal(read_integer(file, "complete"), 1);
  assert_int_equal(read_integer(file, "restarts"), 0);
  assert_true(H5Fclose(file) >= 0);
  ag_ledger_destroy(&ledger);
  free(small);
  folder_remove(folder);
}

/* One unit of many images: its samples are cut into chunks and compressed. */
static void many_images(void **state)
{
  (void)state;
  enum { IMAGES = 200000 };
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  char name[128];
  char key[AG_DIGEST_TEXT_SIZE];
  ag_ledger *ledger = NULL;
  hsize_t chunk = 0;
  small_plan *small = small_plan_create();
  path_of(folder, path);
  small->units[1].count = IMAGES;
  const size_t size = sizeof(ag_unit_record) + IMAGES * sizeof(ag_outcome);
  char *payload = (char *)test_bytes(size);
  ag_unit_record *head = (ag_unit_record *)(void *)payload;
  ag_outcome *outcomes = (ag_outcome *)(void *)(head + 1);
  head->outcomes = IMAGES;
  for (uint32_t i = 0; i < IMAGES; ++i)
    outcomes[i].index = i + 3;
  assert_int_equal(ag_ledger_create(&small->plan, &ledger), AG_OK);
  take_unit_done(ledger, 0);
  assert_int_equal(take(ledger, AG_RECORD_UNIT, small->units[1].key, payload, size), AG_OK);
  assert_int_equal(ag_results_write(folder, ledger, job_text), AG_OK);
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  ag_digest_text(&small->points[0].key, key);
  snprintf(name, sizeof name, "samples/%s/index", key);
  const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
  const hid_t properties = H5Dget_create_plist(dataset);
  assert_int_equal(H5Pget_nfilters(properties), 2);
  assert_int_equal(H5Pget_chunk(properties, 1, &chunk), 1);
  assert_in_range(chunk * sizeof(uint32_t), 10 << 10, 1 << 20);
  assert_true(H5Pclose(properties) >= 0 && H5Dclose(dataset) >= 0 && H5Fclose(file) >= 0);
  const int python = read_with_python(path, 1);
  assert_true(python == 0 || python == 77);
  ag_ledger_destroy(&ledger);
  free(payload);
  free(small);
  folder_remove(folder);
}

static void unwritable(void **state)
{
  (void)state;
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  ag_ledger *ledger = NULL;
  small_plan *small = small_plan_create();
  assert_int_equal(ag_path_join(path, sizeof path, "%s/nowhere", folder), AG_OK);
  assert_int_equal(ag_ledger_create(&small->plan, &ledger), AG_OK);
  fill(ledger);
  const size_t blocks = ag_live_blocks();
  assert_int_equal(ag_results_write(path, ledger, job_text), AG_IO_ERROR);
  assert_non_null(strstr(ag_message(), "nowhere/results.h5"));
  assert_int_equal(ag_live_blocks(), blocks);
  assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
  ag_ledger_destroy(&ledger);
  free(small);
  folder_remove(folder);
}

/* In a child that may not write enough: the old file stays, and nothing lies beside it. */
static int write_with_little_room(const char *folder, const ag_ledger *ledger)
{
  const struct rlimit limit = {.rlim_cur = 4096, .rlim_max = 4096};
  signal(SIGXFSZ, SIG_IGN);
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
  return ag_results_write(folder, ledger, job_text) == AG_IO_ERROR ? 0 : 3;
}

static void no_room(void **state)
{
  (void)state;
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  char *before = NULL;
  char *after = NULL;
  size_t size_before = 0;
  size_t size_after = 0;
  int result = 0;
  ag_ledger *ledger = NULL;
  small_plan *small = small_plan_create();
  path_of(folder, path);
  assert_int_equal(ag_ledger_create(&small->plan, &ledger), AG_OK);
  assert_int_equal(ag_results_write(folder, ledger, job_text), AG_OK);
  assert_int_equal(ag_file_read(path, &before, &size_before), AG_OK);
  fill(ledger);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) _exit(write_with_little_room(folder, ledger));
  assert_int_equal(waitpid(child, &result, 0), child);
  assert_true(WIFEXITED(result) && WEXITSTATUS(result) == 0);
  assert_int_equal(ag_file_read(path, &after, &size_after), AG_OK);
  assert_int_equal(size_after, size_before);
  assert_memory_equal(after, before, size_before);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(rmdir(folder), 0); /* empty */
  free(folder);
  ag_release(&before);
  ag_release(&after);
  ag_ledger_destroy(&ledger);
  free(small);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(written_and_read), cmocka_unit_test(empty_and_complete),
      cmocka_unit_test(many_images),      cmocka_unit_test(unwritable),
      cmocka_unit_test(no_room),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
