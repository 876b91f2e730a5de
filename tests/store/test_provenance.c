/* What a run records about itself: the kernels that its networks choose, and records of runs before
 * kernels or Slurm's job were recorded. */
#include "store/small_plan.h"

#include "store/provenance.h"

static ag_plan *make_plan(const char *defenses, const char *kernels, ag_job **job)
{
  char text[4096];
  ag_plan *plan = NULL;
  snprintf(text, sizeof text,
           "seeds: [1, 2]\nmodel: {kind: base}\ndefenses: [%s]\n"
           "attacks: [{kind: fgsm}]\nepsilons: [0]\nkernels: {%s}\n",
           defenses, kernels);
  if (ag_job_read(text, strlen(text), "job.yaml", job) != AG_OK) fail_msg("%s", ag_message());
  if (ag_plan_create(*job, NULL, &plan) != AG_OK) fail_msg("%s", ag_message());
  return plan;
}

static void assert_kernels(const ag_plan *plan, const char *expected)
{
  ag_provenance run;
  memset(&run, 'x', sizeof run);
  assert_int_equal(ag_provenance_kernels(plan, &run), AG_OK);
  assert_string_equal(run.kernels, expected);
  for (size_t i = strlen(expected); i < sizeof run.kernels; ++i)
    assert_int_equal(run.kernels[i], 0); /* the journal's bytes are defined */
}

#define WINOGRAD                                                                 \
  "conv1 im2col, conv2 winograd, conv3 winograd, conv4 winograd, conv5 winograd" \
  ", conv6 winograd"
#define IM2COL "conv1 im2col, conv2 im2col, conv3 im2col, conv4 im2col, conv5 im2col, conv6 im2col"

static void kernels_are_those_of_the_networks(void **state)
{
  (void)state;
  static const char defenses[] = "{kind: none}, {kind: gaussian-noise, name: noise, after: conv1}";
  ag_job *job = NULL;
  ag_plan *plan = make_plan(defenses, "instructions: baseline", &job);
  assert_kernels(plan, "baseline; " WINOGRAD);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
  plan = make_plan(defenses, "instructions: baseline, convolution: im2col", &job);
  assert_kernels(plan, "baseline; " IM2COL);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
  char expected[256];
  snprintf(expected, sizeof expected, "%s; " WINOGRAD, ag_variant_name(ag_variant_find("auto")));
  plan = make_plan(defenses, "instructions: auto", &job);
  assert_kernels(plan, expected);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

static void models_that_differ_are_named(void **state)
{
  (void)state;
  ag_job *job = NULL;
  ag_plan *plan = make_plan("{kind: none}, {kind: none, name: taken, file: a.h5}",
                            "instructions: baseline", &job);
  assert_int_equal(plan->model_count, 4);
  snprintf(plan->models[2].layers.kernels.convolution, 16, "im2col");
  assert_kernels(plan, "none: baseline; " WINOGRAD " | taken: baseline; " IM2COL);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

static void what_does_not_fit_ends_in_dots(void **state)
{
  (void)state;
  enum { DEFENSES = 10 };
  char defenses[2048] = "{kind: none}";
  ag_provenance run;
  ag_job *job = NULL;
  for (size_t i = 1; i < DEFENSES; ++i) {
    const size_t used = strlen(defenses);
    snprintf(defenses + used, sizeof defenses - used, ", {kind: none, name: a%zu, file: a%zu.h5}",
             i, i);
  }
  ag_plan *plan = make_plan(defenses, "instructions: baseline", &job);
  snprintf(plan->models[2].layers.kernels.convolution, 16, "im2col");
  assert_int_equal(ag_provenance_kernels(plan, &run), AG_OK);
  assert_int_equal(strlen(run.kernels), sizeof run.kernels - 1);
  assert_string_equal(run.kernels + sizeof run.kernels - 4, "...");
  assert_int_equal(strncmp(run.kernels, "none: baseline; conv1 im2col", 28), 0);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

/* A record as it was written before `kernels`: 1956 bytes, of which the last is the end of the
 * digest. */
static void older_records_are_read(void **state)
{
  (void)state;
  enum { OLDER = 1956 };
  ag_provenance run;
  ag_provenance read;
  char older[OLDER];
  memset(&run, 0, sizeof run);
  memset(&read, 'x', sizeof read);
  snprintf(run.hosts, sizeof run.hosts, "alpha,beta");
  memset(run.dataset_sha256, 'd', sizeof run.dataset_sha256 - 1);
  run.threads = 7;
  memcpy(older, &run, sizeof older);
  ag_record record = {.kind = AG_RECORD_RUN, .payload = older, .size = sizeof older};
  assert_int_equal(ag_provenance_read(&record, &read), AG_OK);
  assert_string_equal(read.hosts, "alpha,beta");
  assert_string_equal(read.dataset_sha256, run.dataset_sha256);
  assert_int_equal(read.threads, 7);
  assert_string_equal(read.kernels, "");
  record.size = OLDER - 4;
  assert_int_equal(ag_provenance_read(&record, &read), AG_BAD_STORE);
  assert_non_null(strstr(ag_message(), "the record of a run has 1952 bytes; expected 4072"));
}

/* A record as it was written before Slurm's array, restarts and nodes: 2980 bytes. */
static void records_before_slurm_are_read(void **state)
{
  (void)state;
  enum { OLDER = 2980 };
  ag_provenance run;
  ag_provenance read;
  memset(&run, 0, sizeof run);
  memset(&read, 'x', sizeof read);
  memset(run.kernels, 'k', sizeof run.kernels - 1);
  snprintf(run.slurm_job_id, sizeof run.slurm_job_id, "12");
  run.slurm_restart_count = 3; /* beyond the record */
  char *older = test_bytes(OLDER);
  memcpy(older, &run, OLDER);
  const ag_record record = {.kind = AG_RECORD_RUN, .payload = older, .size = OLDER};
  assert_int_equal(ag_provenance_read(&record, &read), AG_OK);
  assert_string_equal(read.kernels, run.kernels);
  assert_string_equal(read.slurm_job_id, "12");
  assert_string_equal(read.slurm_array_job_id, "");
  assert_string_equal(read.slurm_nodes, "");
  assert_int_equal(read.slurm_restart_count, 0);
  free(older);
}

static void slurms_job_is_found(void **state)
{
  (void)state;
  static const char *const names[] = {"SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID",
                                      "SLURM_JOB_NODELIST", "SLURM_RESTART_COUNT"};
  static const char *const values[] = {"17", "15", "2", "n[1-4]", "6"};
  ag_provenance run;
  memset(&run, 'x', sizeof run);
  for (size_t i = 0; i < 5; ++i)
    assert_int_equal(setenv(names[i], values[i], 1), 0);
  ag_provenance_collect(&run);
  assert_string_equal(run.slurm_job_id, "17");
  assert_string_equal(run.slurm_array_job_id, "15");
  assert_string_equal(run.slurm_array_task_id, "2");
  assert_string_equal(run.slurm_nodes, "n[1-4]");
  assert_int_equal(run.slurm_restart_count, 6);
  for (size_t i = 0; i < 5; ++i)
    assert_int_equal(unsetenv(names[i]), 0);
  ag_provenance_collect(&run);
  assert_string_equal(run.slurm_job_id, "");
  assert_string_equal(run.slurm_array_task_id, "");
  assert_string_equal(run.slurm_nodes, "");
  assert_int_equal(run.slurm_nodes[sizeof run.slurm_nodes - 1], 0); /* its bytes are defined */
  assert_int_equal(run.slurm_restart_count, 0);
}

static void texts_end_whoever_wrote_them(void **state)
{
  (void)state;
  ag_provenance run;
  ag_provenance read;
  memset(&run, 'x', sizeof run);
  const ag_record record = {.kind = AG_RECORD_RUN, .payload = &run, .size = sizeof run};
  assert_int_equal(ag_provenance_read(&record, &read), AG_OK);
  assert_int_equal(strlen(read.kernels), sizeof read.kernels - 1);
  assert_int_equal(strlen(read.slurm_nodes), sizeof read.slurm_nodes - 1);
  assert_int_equal(strlen(read.slurm_array_task_id), sizeof read.slurm_array_task_id - 1);
  assert_int_equal(strlen(read.version), sizeof read.version - 1);
  assert_int_equal(strlen(read.dataset_sha256), sizeof read.dataset_sha256 - 1);
}

/* A folder whose journal is older: its last run names the dataset that the keys depend on. */
static void older_folders_are_read(void **state)
{
  (void)state;
  enum { OLDER = 1956 };
  static const char job[] = "model: {kind: linear}\nattacks: [{kind: fgsm}]\nepsilons: [0]\n";
  char *path = folder_create();
  char file[AG_PATH_SIZE];
  ag_journal *journal = NULL;
  ag_folder folder;
  ag_provenance run;
  ag_digest none = {{0}};
  memset(&run, 0, sizeof run);
  run.ranks = 5;
  ag_digest_text(&none, run.dataset_sha256);
  assert_int_equal(ag_path_join(file, sizeof file, "%s/job.yaml", path), AG_OK);
  assert_int_equal(ag_file_write(file, job, strlen(job)), AG_OK);
  assert_int_equal(ag_journal_open(path, &journal), AG_OK);
  assert_int_equal(
      ag_journal_append(journal,
                        &(ag_record){.kind = AG_RECORD_RUN, .payload = &run, .size = OLDER}),
      AG_OK);
  ag_journal_close(&journal);
  assert_int_equal(ag_folder_read(path, &folder), AG_OK);
  assert_int_equal(folder.ledger->runs, 1);
  assert_int_equal(folder.ledger->provenance.ranks, 5);
  const ag_inputs inputs = {.dataset = none, .models = &none};
  ag_plan *plan = NULL;
  assert_int_equal(ag_plan_create(folder.job, &inputs, &plan), AG_OK);
  assert_memory_equal(&folder.plan->models[0].key, &plan->models[0].key, AG_DIGEST_SIZE);
  ag_plan_destroy(&plan);
  ag_folder_clear(&folder);
  folder_remove(path);
}

static void leaves_no_memory(void **state)
{
  (void)state;
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kernels_are_those_of_the_networks),
      cmocka_unit_test(models_that_differ_are_named),
      cmocka_unit_test(what_does_not_fit_ends_in_dots),
      cmocka_unit_test(older_records_are_read),
      cmocka_unit_test(records_before_slurm_are_read),
      cmocka_unit_test(slurms_job_is_found),
      cmocka_unit_test(texts_end_whoever_wrote_them),
      cmocka_unit_test(older_folders_are_read),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
