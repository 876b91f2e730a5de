/* The probe of a machine: without MPI, and of numbers that a prediction can use; and the file in
 * which it is kept. */
#include "support/folder.h"

#include "advgrid/run.h"

static ag_job *read_job(const char *kernels)
{
  char text[512];
  ag_job *job = NULL;
  snprintf(text, sizeof text,
           "name: probed\nmodel: {kind: small}\nattacks: [{kind: fgsm}]\nepsilons: [0]\n%s",
           kernels);
  if (ag_job_read(text, strlen(text), "job.yaml", &job) != AG_OK) fail_msg("%s", ag_message());
  return job;
}

static void it_needs_no_mpi(void **state)
{
  (void)state;
  ag_job *job = read_job("");
  ag_cluster cluster = {.threads = 0};
  double share = 0;
  int started = 1;
  assert_int_equal(ag_probe(job, &cluster, &share), AG_OK);
  MPI_Initialized(&started);
  assert_false(started);
  assert_string_equal(cluster.model, "small");
  assert_true(strlen(cluster.cpu) > 0);
  assert_true(cluster.threads >= 1 && cluster.threads <= ag_machine_cores());
  assert_true(cluster.seconds.forward > 0 && cluster.seconds.forward < 1);
  assert_true(cluster.seconds.gradient > 0 && cluster.seconds.gradient < 1);
  assert_true(cluster.seconds.training > 0 && cluster.seconds.training < 1);
  assert_number_close(cluster.seconds.adversarial,
                      cluster.seconds.training + 7 * cluster.seconds.gradient, 0, 1e-12);
  assert_true(cluster.flops.forward > 0 && cluster.flops.weight_gradient > 0);
  assert_true(cluster.latency == ag_cluster_guess().latency);
  assert_true(share > 0 && share <= 1);
  ag_job_destroy(&job);
}

static void a_model_that_cannot_be_made_is_told(void **state)
{
  (void)state;
  ag_job *job = read_job("");
  ag_cluster cluster;
  double share = 0;
  job->model.kind = ag_kind_find(ag_architecture_table, "base");
  ag_settings_start(&job->model.settings, job->model.kind->options);
  snprintf(job->kernels.texts[0], AG_VALUE_SIZE, "none-such"); /* no instructions of that name */
  assert_int_equal(ag_probe(job, &cluster, &share), AG_INVALID_ARGUMENT);
  ag_job_destroy(&job);
}

/* ---- the file ---- */

static void it_is_kept_in_the_cache(void **state)
{
  (void)state;
  ag_job *any = read_job("");
  ag_job *plain = read_job("kernels: {instructions: baseline}\n");
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  char expected[AG_PATH_SIZE];
  ag_cluster written = ag_cluster_guess();
  ag_cluster read;
  assert_int_equal(setenv("XDG_CACHE_HOME", folder, 1), 0);
  assert_int_equal(ag_machine_path(plain, path), AG_OK);
  snprintf(expected, sizeof expected, "%s/advgrid/machine-", folder);
  assert_memory_equal(path, expected, strlen(expected));
  assert_string_equal(path + strlen(path) - strlen("-baseline.yaml"), "-baseline.yaml");
  /* Whatever the processor is called. */
  assert_int_equal(strspn(path + strlen(folder) + strlen("/advgrid/"),
                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."),
                   strlen(path) - strlen(folder) - strlen("/advgrid/"));

  assert_int_equal(ag_machine_read(path, &read), AG_INVALID_ARGUMENT);
  assert_non_null(strstr(ag_message(), path));
  assert_int_equal(ag_machine_keep(path, &written), AG_OK);
  assert_int_equal(ag_machine_read(path, &read), AG_OK);
  assert_number_close(read.seconds.training, written.seconds.training, 0, 1e-9);
  written.threads = 7;
  assert_int_equal(ag_machine_keep(path, &written), AG_OK); /* again */
  assert_int_equal(ag_machine_read(path, &read), AG_OK);
  assert_int_equal(read.threads, 7);

  /* A relative one is passed over, as the standard has it. */
  assert_int_equal(setenv("XDG_CACHE_HOME", "cache", 1), 0);
  assert_int_equal(setenv("HOME", folder, 1), 0);
  assert_int_equal(ag_machine_path(any, path), AG_OK);
  snprintf(expected, sizeof expected, "%s/.cache/advgrid/machine-", folder);
  assert_memory_equal(path, expected, strlen(expected));
  assert_int_equal(unsetenv("HOME"), 0);
  assert_int_equal(ag_machine_path(any, path), AG_INVALID_ARGUMENT);
  folder_remove(folder);
  ag_job_destroy(&plain);
  ag_job_destroy(&any);
}

static void a_file_in_the_way_is_told(void **state)
{
  (void)state;
  const ag_cluster cluster = ag_cluster_guess();
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  assert_int_equal(ag_path_join(path, sizeof path, "%s/file", folder), AG_OK);
  assert_int_equal(ag_file_write(path, "text", 4), AG_OK);
  assert_int_equal(ag_path_join(path, sizeof path, "%s/file/machine.yaml", folder), AG_OK);
  assert_int_equal(ag_machine_keep(path, &cluster), AG_IO_ERROR);
  folder_remove(folder);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_needs_no_mpi),
      cmocka_unit_test(a_model_that_cannot_be_made_is_told),
      cmocka_unit_test(it_is_kept_in_the_cache),
      cmocka_unit_test(a_file_in_the_way_is_told),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  return failed != 0 || ag_live_blocks() != 0;
}
