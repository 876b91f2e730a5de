/* What is said of ranks that stand in each other's way, for given masks; limits of control groups;
 * and builds of OpenBLAS that serialize threads. */
#include "support/folder.h"
#include "support/log.h"

#include "run/placement.h"

/* ---- masks ---- */

static cpu_set_t processors(size_t first, size_t count)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  for (size_t i = first; i < first + count; ++i)
    CPU_SET(i, &set);
  return set;
}

/* A rank on a node of `all` processors, each a core, bound to some of them. */
static ag_placement place(int rank, size_t threads, size_t first, size_t count, size_t all)
{
  return (ag_placement){.rank = rank,
                        .threads = threads,
                        .bound = processors(first, count),
                        .bound_cores = processors(first, count),
                        .usable = processors(0, all),
                        .usable_cores = processors(0, all)};
}

static ag_placement_findings judge(const ag_placement *ranks, size_t count)
{
  ag_placement_findings findings;
  memset(&findings, 'x', sizeof findings);
  ag_placement_judge("n1", ranks, count, &findings);
  return findings;
}

static void is_fine(const ag_placement *ranks, size_t count)
{
  const ag_placement_findings findings = judge(ranks, count);
  assert_string_equal(findings.crowded, "");
  assert_string_equal(findings.bound, "");
}

static void starts_with(const char *text, const char *start)
{
  if (strncmp(text, start, strlen(start)) != 0)
    fail_msg("'%s' does not start with '%s'", text, start);
}

static void says_nothing_where_all_have_room(void **state)
{
  (void)state;
  is_fine((ag_placement[]){place(0, 8, 0, 8, 8)}, 1);
  is_fine((ag_placement[]){place(0, 4, 0, 8, 8), place(1, 4, 0, 8, 8)}, 2); /* bound to nothing */
  is_fine((ag_placement[]){place(0, 1, 0, 1, 8), place(1, 1, 1, 1, 8)}, 2); /* a core each */
  is_fine((ag_placement[]){place(0, 2, 0, 4, 8), place(1, 2, 0, 4, 8), place(2, 4, 4, 4, 8)}, 3);
}

static void says_where_threads_are_too_many(void **state)
{
  (void)state;
  ag_placement ranks[] = {place(4, 2, 0, 4, 4), place(5, 3, 0, 4, 4)};
  ag_placement_findings findings = judge(ranks, 2);
  starts_with(findings.crowded, "n1: 2 ranks with 5 threads in all on 4 cores: ");
  assert_string_equal(findings.bound, "");
  ranks[1].threads = 2;
  is_fine(ranks, 2);
  ag_placement one[] = {place(0, 2, 0, 1, 1)};
  starts_with(judge(one, 1).crowded, "n1: 1 rank with 2 threads in all on 1 core: ");
}

static void says_where_the_time_is_too_little(void **state)
{
  (void)state;
  ag_placement ranks[] = {place(0, 4, 0, 8, 8), place(1, 4, 0, 8, 8)};
  ranks[0].quota = 8;
  is_fine(ranks, 2);
  ranks[1].quota = 2.5;
  starts_with(judge(ranks, 2).crowded,
              "n1: 2 ranks with 8 threads in all, and the control group allows 2.5 cores' time");
}

/* Each by itself is fine, and so is the node: but that all are on one core. */
static void says_where_ranks_share_a_core(void **state)
{
  (void)state;
  ag_placement ranks[] = {place(0, 1, 4, 4, 8), place(1, 1, 0, 1, 8), place(2, 1, 0, 1, 8)};
  ag_placement_findings findings = judge(ranks, 3);
  starts_with(findings.bound, "n1: ranks 1 and 2 are bound to one core: 2 ranks to 1 of 8 cores. ");
  assert_string_equal(findings.crowded, ""); /* said once */
  ranks[2] = place(2, 1, 1, 1, 8);
  is_fine(ranks, 3);
}

/* Three in two cores; the fourth is bound to more and could move. */
static void says_where_ranks_share_some_cores(void **state)
{
  (void)state;
  ag_placement ranks[] = {place(0, 1, 0, 2, 8), place(1, 1, 1, 1, 8), place(2, 1, 0, 1, 8),
                          place(3, 1, 0, 8, 8)};
  starts_with(judge(ranks, 4).bound, "n1: ranks 0 and 1 are bound to one core: 3 ranks to 2 of 8");
  ranks[1] = place(1, 1, 1, 3, 8);
  is_fine(ranks, 4);
}

/* Two processors of one core are not two cores, with one each or both for both. */
static void knows_processors_of_one_core(void **state)
{
  (void)state;
  ag_placement ranks[] = {place(0, 1, 0, 1, 8), place(1, 1, 1, 1, 8)};
  for (size_t i = 0; i < 2; ++i) {
    ranks[i].usable_cores = processors(0, 4);
    ranks[i].bound_cores = processors(0, 1);
  }
  starts_with(judge(ranks, 2).bound, "n1: ranks 0 and 1 are bound to one core: 2 ranks to 1 of 4");
  ranks[0].bound = ranks[1].bound = processors(0, 2);
  starts_with(judge(ranks, 2).bound, "n1: ranks 0 and 1 are bound to one core: 2 ranks to 1 of 4");
}

/* No core is free for them: that is too many ranks, not a wrong binding. */
static void blames_no_binding_where_cores_are_few(void **state)
{
  (void)state;
  ag_placement ranks[] = {place(0, 1, 0, 1, 1), place(1, 1, 0, 1, 1)};
  const ag_placement_findings findings = judge(ranks, 2);
  assert_string_equal(findings.bound, "");
  starts_with(findings.crowded, "n1: 2 ranks with 2 threads in all on 1 core: ");
}

static void says_where_a_rank_is_bound_to_too_few(void **state)
{
  (void)state;
  ag_placement ranks[] = {place(0, 1, 0, 1, 8), place(1, 4, 1, 2, 8)};
  const ag_placement_findings findings = judge(ranks, 2);
  starts_with(findings.crowded,
              "n1: rank 1 is bound to 2 cores, on which 4 threads would run, of 8");
  assert_non_null(strstr(findings.crowded, "--cpus-per-task=4"));
  ranks[1].threads = 2;
  ranks[1].bound_cores = processors(1, 1); /* two processors of one core have room for two */
  is_fine(ranks, 2);
}

/* ---- control groups ---- */

static void write_limit(const char *folder, const char *group, const char *text)
{
  char path[AG_PATH_SIZE];
  assert_int_equal(ag_path_join(path, sizeof path, "%s%s", folder, group), AG_OK);
  assert_int_equal(ag_folder_create(path), AG_OK);
  assert_int_equal(ag_path_join(path, sizeof path, "%s%s/cpu.max", folder, group), AG_OK);
  assert_int_equal(ag_file_write(path, text, strlen(text)), AG_OK);
}

static void finds_the_least_limit(void **state)
{
  (void)state;
  char *root = folder_create();
  assert_true(ag_placement_quota(root, "/") == 0);
  write_limit(root, "/job", "400000 100000\n");
  write_limit(root, "/job/step/task", "max 100000\n");
  assert_true(ag_placement_quota(root, "/job/step/task") == 4);
  write_limit(root, "/job/step", "250000 100000\n");
  assert_true(ag_placement_quota(root, "/job/step/task") == 2.5);
  assert_true(ag_placement_quota(root, "/job") == 4);
  assert_true(ag_placement_quota(root, "/job-of-others") == 0);
  write_limit(root, "", "100000 100000\n"); /* a container's own */
  assert_true(ag_placement_quota(root, "/") == 1);
  assert_true(ag_placement_quota(root, "/job/step") == 1);
  folder_remove(root);
}

/* ---- OpenBLAS: 0 sequential, 1 pthread, 2 OpenMP; its own answer is replaced ---- */

static int reported_build = 1;

int openblas_get_parallel(void);
int openblas_get_parallel(void)
{
  return reported_build;
}

static void says_where_openblas_serializes_threads(void **state)
{
  (void)state;
  char said[1024];
  for (reported_build = 0; reported_build < 3; ++reported_build) {
    test_log log = log_start();
    ag_placement_warn_of_blas(1);
    log_end(&log, said, sizeof said);
    assert_string_equal(said, "");
    log = log_start();
    ag_placement_warn_of_blas(2);
    log_end(&log, said, sizeof said);
    if (reported_build == 1) {
      assert_string_equal(said, "");
    } else {
      starts_with(said, "advgrid: OpenBLAS: 2 threads a rank need OpenBLAS in its pthread build");
      assert_non_null(
          strstr(said, reported_build == 2 ? "uses OpenMP and serializes them" : "is sequential"));
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(says_nothing_where_all_have_room),
      cmocka_unit_test(says_where_threads_are_too_many),
      cmocka_unit_test(says_where_the_time_is_too_little),
      cmocka_unit_test(says_where_ranks_share_a_core),
      cmocka_unit_test(says_where_ranks_share_some_cores),
      cmocka_unit_test(knows_processors_of_one_core),
      cmocka_unit_test(blames_no_binding_where_cores_are_few),
      cmocka_unit_test(says_where_a_rank_is_bound_to_too_few),
      cmocka_unit_test(finds_the_least_limit),
      cmocka_unit_test(says_where_openblas_serializes_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
