/* Merged folders: the union of what they have, each thing once, and nothing where they disagree. */
#include "store/merged_parts.h"

/* ---- the union --------------------------------------------------------------------------------
 */

/* Points of folder/merged that are done; *points: all. */
static size_t points_done(const char *folder, size_t *points)
{
  char path[AG_PATH_SIZE];
  ag_folder merged;
  size_t done = 0;
  join_path(path, folder, "merged");
  if (ag_folder_read(path, &merged) != AG_OK) fail_msg("%s", ag_message());
  *points = merged.plan->point_count;
  for (size_t i = 0; i < *points; ++i)
    done += ag_ledger_point(merged.ledger, i) == AG_PROGRESS_DONE;
  ag_folder_clear(&merged);
  return done;
}

static void expect_points(const char *folder, size_t done, size_t all)
{
  size_t points = 0;
  assert_int_equal(points_done(folder, &points), done);
  assert_int_equal(points, all);
}

static bool is_there(const char *folder, const char *name)
{
  char path[AG_PATH_SIZE];
  join_path(path, folder, name);
  return ag_file_exists(path);
}

/* Two models of 12 points, of 3 units each, a seed. */
static void seeds_are_joined(void **state)
{
  (void)state;
  char *folder = folder_create();
  make_part(folder, "a", &(parts){.seeds = "seed: 2"}, &(making){0});
  make_part(folder, "b", &(parts){.seeds = "seed: 1"}, &(making){0});
  expect_merged(folder, "a b");
  expect_points(folder, 24, 24);
  expect_records(folder, AG_RECORD_RUN, 1);
  expect_records(folder, AG_RECORD_MODEL, 4);
  expect_records(folder, AG_RECORD_EPOCH, (size_t)4 * EPOCHS);
  expect_records(folder, AG_RECORD_UNIT, (size_t)24 * POINT_UNITS);
  expect_records(folder, AG_RECORD_SPAN, 0); /* on clocks of several runs */
  assert_true(is_there(folder, "merged/models/none-seed1.h5"));
  assert_true(is_there(folder, "merged/models/noise-seed2.h5"));
  assert_true(is_there(folder, "merged/results.h5"));
  assert_false(is_there(folder, "merged/lock"));
  assert_false(is_there(folder, "a/lock"));
  assert_int_equal(count_entries(folder), 3);
  folder_remove(folder);
  assert_int_equal(ag_live_blocks(), 0);
}

/* What several have is taken once, whoever did it, when, and in what time, and whether or not it
 * was noted what the gradients were. */
static void common_work_is_taken_once(void **state)
{
  (void)state;
  char *folder = folder_create();
  make_part(folder, "a", &(parts){.seeds = "seeds: [1, 2]"}, &(making){.seconds = 5, .ranks = 3});
  make_part(folder, "b", &(parts){.seeds = "seeds: [2, 3]"}, &(making){.seconds = 7, .left = 40});
  make_part(folder, "c", &(parts){.seeds = "seeds: [1, 2]"},
            &(making){.seconds = 9, .gradient = AG_GRADIENT_SOME});
  expect_merged(folder, "b a c");
  expect_records(folder, AG_RECORD_MODEL, 6);
  expect_records(folder, AG_RECORD_EPOCH, (size_t)6 * EPOCHS);
  /* b does not have the last 40 units, of which those with seed 2 are in a too. */
  expect_records(folder, AG_RECORD_UNIT, (size_t)36 * POINT_UNITS - 22);
  folder_remove(folder);
  assert_int_equal(ag_live_blocks(), 0);
}

/* Two attacks in two folders: a model is in both, a corner of the grid is in neither. */
static void corners_stay_missing(void **state)
{
  (void)state;
  char *folder = folder_create();
  make_part(folder, "a", &(parts){.attacks = "[{kind: fgsm}]", .seeds = "seed: 1"}, &(making){0});
  make_part(folder, "b", &(parts){.attacks = "[{kind: pgd}]", .seeds = "seeds: [1, 2]"},
            &(making){0});
  expect_merged(folder, "a b");
  expect_points(folder, 18, 24);
  expect_records(folder, AG_RECORD_MODEL, 4);
  folder_remove(folder);
  assert_int_equal(ag_live_blocks(), 0);
}

/* Work of an earlier job that this one asks for again is taken; a record of no plan is left. */
static void dropped_work_is_found(void **state)
{
  (void)state;
  char *folder = folder_create();
  const char *const one = "[{kind: fgsm}]";
  make_part(folder, "a", &(parts){.defenses = "[{kind: none}]"}, &(making){0});
  make_part(folder, "a", &(parts){.defenses = "[{kind: none}]", .attacks = one}, &(making){0});
  make_part(folder, "b", &(parts){.defenses = "[{kind: none}]", .epsilons = "[0, 0.7]"},
            &(making){0});
  expect_merged(folder, "a b");
  /* Of {fgsm, pgd} x {0, 8/255, 0.1, 0.7} all but none. */
  expect_points(folder, 8, 8);
  folder_remove(folder);
  assert_int_equal(ag_live_blocks(), 0);
}

/* Two defenses with one file are one model under two names: one record for both. */
static void one_file_under_two_names(void **state)
{
  (void)state;
  char defenses[3 * AG_PATH_SIZE];
  char *folder = folder_create();
  make_part(folder, "a", &(parts){.defenses = "[{kind: none}]"}, &(making){0});
  snprintf(defenses, sizeof defenses,
           "[{kind: none, name: one, file: %s/a/models/none.h5},"
           " {kind: none, name: two, file: %s/a/./models/none.h5}]",
           folder, folder);
  make_part(folder, "b", &(parts){.defenses = defenses}, &(making){0});
  expect_merged(folder, "b");
  expect_points(folder, 12, 12);
  expect_records(folder, AG_RECORD_UNIT, (size_t)6 * POINT_UNITS);
  assert_false(is_there(folder, "merged/models/one.h5"));
  folder_remove(folder);
  assert_int_equal(ag_live_blocks(), 0);
}

static void keep_run(ag_provenance *run, const char *folder)
{
  char path[AG_PATH_SIZE];
  ag_folder merged;
  join_path(path, folder, "merged");
  assert_int_equal(ag_folder_read(path, &merged), AG_OK);
  assert_int_equal(merged.ledger->runs, 1);
  *run = merged.ledger->provenance;
  ag_folder_clear(&merged);
}

static void provenance_is_joined(void **state)
{
  (void)state;
  ag_provenance run;
  char *folder = folder_create();
  const making first = {
      .host = "n1,n2", .kernels = "avx2; conv1 im2col", .ranks = 4, .task = "0", .restarts = 2};
  make_part(folder, "a", &(parts){.seeds = "seed: 1"}, &first);
  make_part(folder, "b", &(parts){.seeds = "seed: 2"},
            &(making){.host = "n2,n10", .ranks = 2, .task = "1", .restarts = 1});
  make_part(folder, "c", &(parts){.seeds = "seed: 3"}, &(making){.host = "n1"});
  expect_merged(folder, "a b c");
  keep_run(&run, folder);
  assert_string_equal(run.hosts, "n1,n2,n10");
  assert_string_equal(run.kernels, "avx2; conv1 im2col + avx2");
  assert_int_equal(run.ranks, 4);
  assert_string_equal(run.slurm_array_job_id, "12");
  assert_string_equal(run.slurm_array_task_id, "0 + 1");
  assert_int_equal(run.slurm_restart_count, 3);
  folder_remove(folder);
  /* More than the field holds. */
  char names[1020];
  folder = folder_create();
  memset(names, 'x', sizeof names - 1);
  names[sizeof names - 1] = '\0';
  make_part(folder, "a", &(parts){.seeds = "seed: 1"}, &(making){.host = names});
  make_part(folder, "b", &(parts){.seeds = "seed: 2"}, &(making){.host = "n1,n2,n3"});
  expect_merged(folder, "a b");
  keep_run(&run, folder);
  assert_string_equal(run.hosts + 1010, "xxxxxxxxx,...");
  folder_remove(folder);
  assert_int_equal(ag_live_blocks(), 0);
}

/* ---- failures and trainings on the way ------------------------------------------------------- */

/* The plan of a job in which no defense names a file. */
static ag_plan *plan_of(const parts *of)
{
  ag_plan *plan = NULL;
  const ag_inputs inputs = {.dataset.bytes = {1}, .models = (ag_digest[2]){{{0}}}};
  assert_int_equal(ag_plan_create(make_job(of), &inputs, &plan), AG_OK);
  return plan;
}

static void forget(ag_plan *plan)
{
  ag_job *job = (ag_job *)(uintptr_t)plan->job;
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

static void put_failure(const char *folder, const char *name, const ag_digest *key)
{
  char path[AG_PATH_SIZE];
  ag_journal *journal = NULL;
  join_path(path, folder, name);
  assert_int_equal(ag_journal_open(path, &journal), AG_OK);
  put(journal, AG_RECORD_FAILURE, key, "it would not", strlen("it would not"));
  ag_journal_close(&journal);
}

/* What failed in one folder stays failed, unless another has done it. */
static void failures_give_way(void **state)
{
  (void)state;
  ag_plan *plan = plan_of(&(parts){0});
  const ag_digest key = plan->units[plan->unit_count - 1].key;
  forget(plan);
  for (int done = 0; done < 2; ++done) {
    char *folder = folder_create();
    make_part(folder, "a", &(parts){0}, &(making){.left = 1});
    make_part(folder, "b", &(parts){0}, &(making){.left = done == 1 ? 0 : 2});
    put_failure(folder, "a", &key);
    expect_merged(folder, "a b");
    expect_records(folder, AG_RECORD_FAILURE, done == 1 ? 0 : 1);
    expect_points(folder, done == 1 ? 12 : 11, 12);
    folder_remove(folder);
  }
  assert_int_equal(ag_live_blocks(), 0);
}

static size_t floats_of(const ag_plan *plan)
{
  ag_network *network = NULL;
  assert_int_equal(ag_plan_network(plan, &plan->models[0].layers, &network), AG_OK);
  const size_t floats = ag_network_floats(network);
  ag_network_destroy(&network);
  return floats;
}

/* A checkpoint so many steps into the training of the first model of a job. */
static void make_checkpoint(const char *folder, const char *name, const parts *of, uint64_t steps)
{
  char path[AG_PATH_SIZE];
  ag_plan *plan = plan_of(of);
  const size_t floats = floats_of(plan);
  float *values = test_floats(floats);
  const ag_checkpoint checkpoint = {
      .key = plan->models[0].key,
      .state = {
          .position.steps = steps, .floats = floats, .parameters = values, .velocity = values}};
  join_path(path, folder, name);
  assert_int_equal(ag_checkpoint_save(path, plan->models[0].name, &checkpoint), AG_OK);
  free(values);
  forget(plan);
}

static void expect_checkpoint(const char *folder, const parts *of, const char *model,
                              uint64_t steps)
{
  char path[AG_PATH_SIZE];
  bool found = false;
  ag_checkpoint checkpoint;
  ag_plan *plan = plan_of(of);
  join_path(path, folder, "merged");
  assert_int_equal(
      ag_checkpoint_load(path, model, &plan->models[0].key, floats_of(plan), &found, &checkpoint),
      AG_OK);
  assert_true(found);
  assert_int_equal(checkpoint.state.position.steps, steps);
  ag_checkpoint_clear(&checkpoint);
  forget(plan);
}

/* A training that no folder has finished goes on from where one of them has come furthest. */
static void checkpoints_go_along(void **state)
{
  (void)state;
  char *folder = folder_create();
  const parts one = {.seeds = "seed: 1", .defenses = "[{kind: none}]"};
  const parts two = {.seeds = "seeds: [1, 2]", .defenses = "[{kind: none}]"};
  make_part(folder, "a", &one, &(making){.untrained = true});
  make_part(folder, "b", &two, &(making){.untrained = true});
  make_checkpoint(folder, "a", &one, 9);
  make_checkpoint(folder, "b", &two, 7);
  expect_merged(folder, "a b");
  expect_checkpoint(folder, &one, "none-seed1", 9);
  expect_records(folder, AG_RECORD_EPOCH, 2);
  expect_records(folder, AG_RECORD_MODEL, 0);
  char merged[AG_PATH_SIZE];
  join_path(merged, folder, "merged");
  assert_int_equal(ag_folder_remove(merged), AG_OK);
  /* Where one has finished it, none is needed. */
  make_part(folder, "c", &one, &(making){0});
  expect_merged(folder, "a b c");
  assert_false(is_there(folder, "merged/checkpoints"));
  expect_records(folder, AG_RECORD_MODEL, 1);
  expect_records(folder, AG_RECORD_EPOCH, EPOCHS + 1);
  folder_remove(folder);
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(seeds_are_joined),         cmocka_unit_test(common_work_is_taken_once),
      cmocka_unit_test(corners_stay_missing),     cmocka_unit_test(dropped_work_is_found),
      cmocka_unit_test(one_file_under_two_names), cmocka_unit_test(provenance_is_joined),
      cmocka_unit_test(failures_give_way),        cmocka_unit_test(checkpoints_go_along),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
