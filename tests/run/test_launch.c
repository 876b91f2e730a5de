/* Whether MPI knows all processes that were started: what launchers say is compared with its size.
 */
#include "support/fixture.h"

#include "run/launch.h"

static void refuses(const ag_launch *launch, size_t size, size_t ranks, const char *const *parts)
{
  assert_int_equal(ag_launch_check(launch, size, ranks), AG_INVALID_ARGUMENT);
  for (size_t i = 0; parts[i] != NULL; ++i) {
    if (strstr(ag_message(), parts[i]) == NULL) fail_msg("no '%s' in: %s", parts[i], ag_message());
  }
}

static void takes_what_was_started(void **state)
{
  (void)state;
  const struct {
    ag_launch launch;
    size_t size, ranks;
  } cases[] = {
      {{0}, 1, 0},                                /* by hand */
      {{.mpirun = 3}, 3, 0},                      /* mpirun, no Slurm */
      {{.job = 1}, 1, 0},                         /* a batch script of one task */
      {{.job = 4, .step = 4}, 4, 0},              /* srun */
      {{.job = 2, .step = 2}, 2, 0},              /* srun -n 2 in a larger job */
      {{.job = 4, .step = 2}, 2, 0},              /* the same, where a site keeps the job's */
      {{.mpirun = 4, .job = 4}, 4, 0},            /* mpirun in a job */
      {{.mpirun = 4, .job = 2, .step = 2}, 4, 0}, /* by daemons on the job's two nodes */
      {{.mpirun = 4, .job = 4, .step = 1}, 4, 0}, /* in an interactive step */
      {{.mpirun = 2, .job = 4}, 2, 2},            /* fewer, as the user says */
      {{.job = 4}, 1, 1},
      {{.mpirun = 1, .job = 1}, 1, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    if (ag_launch_check(&cases[i].launch, cases[i].size, cases[i].ranks) != AG_OK) {
      fail_msg("case %zu: %s", i, ag_message());
    }
  }
}

static void refuses_ranks_that_are_alone(void **state)
{
  (void)state;
  const ag_launch step = {.job = 4, .step = 4};
  refuses(&step, 1, 0,
          (const char *const[]){"MPI has 1 rank", "srun started 4 tasks (SLURM_STEP_NUM_TASKS)",
                                "--mpi=pmix", NULL});
  refuses(&step, 1, 1, (const char *const[]){"srun started 4 tasks", NULL}); /* --ranks 1 or not */
  const ag_launch mpirun = {.mpirun = 2, .job = 2};
  refuses(&mpirun, 1, 1, (const char *const[]){"mpirun started 2", "another MPI", NULL});
  assert_int_equal(ag_launch_check_alone(&step, 1), AG_INVALID_ARGUMENT);
  assert_int_equal(ag_launch_check_alone(&step, 2), AG_OK); /* which is no matter of a benchmark */
  assert_int_equal(ag_launch_check_alone(&(ag_launch){.job = 4}, 1), AG_OK);
}

/* Each is the first of its own world: one of them speaks. */
static void one_of_them_speaks(void **state)
{
  (void)state;
  const ag_launch second = {.job = 4, .step = 4, .number = 1};
  assert_int_equal(ag_launch_check(&second, 1, 0), AG_ELSEWHERE);
}

static void refuses_other_than_slurm_has(void **state)
{
  (void)state;
  refuses(&(ag_launch){.mpirun = 2, .job = 4}, 2, 0,
          (const char *const[]){"MPI has 2 ranks", "4 tasks (SLURM_NTASKS)", "mpirun without -n",
                                "Where 2 are meant, say so by --ranks 2", NULL});
  refuses(&(ag_launch){.job = 4}, 1, 0,
          (const char *const[]){"MPI has 1 rank,", "4 tasks (SLURM_NTASKS)",
                                "start it by srun --mpi=pmix or by mpirun",
                                "Where 1 is meant, say so by --ranks 1", NULL});
  refuses(&(ag_launch){.mpirun = 4, .job = 1}, 4, 0, (const char *const[]){"1 task (", NULL});
  refuses(&(ag_launch){.job = 4, .step = 4}, 2, 0,
          (const char *const[]){"4 tasks (SLURM_STEP_NUM_TASKS)", NULL});
}

static void refuses_other_than_was_asked_for(void **state)
{
  (void)state;
  refuses(&(ag_launch){.mpirun = 2}, 2, 4,
          (const char *const[]){"MPI has 2 ranks, but --ranks is 4", NULL});
  refuses(&(ag_launch){0}, 1, 2, (const char *const[]){"1 rank, but --ranks is 2", NULL});
}

static void reads_the_environment(void **state)
{
  (void)state;
  static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK",
                                      "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", "SLURM_PROCID"};
  for (size_t i = 0; i < 5; ++i)
    assert_int_equal(unsetenv(names[i]), 0);
  ag_launch launch = ag_launch_read();
  assert_true(launch.mpirun == 0 && launch.step == 0 && launch.job == 0 && launch.number == 0);
  setenv("SLURM_NTASKS", "8", 1);
  setenv("SLURM_PROCID", "0", 1);
  setenv("SLURM_STEP_NUM_TASKS", "6", 1);
  setenv("SLURM_PROCID", "5", 1);
  launch = ag_launch_read();
  assert_true(launch.mpirun == 0 && launch.step == 6 && launch.job == 8 && launch.number == 5);
  setenv("OMPI_COMM_WORLD_SIZE", "4", 1);
  setenv("OMPI_COMM_WORLD_RANK", "3", 1);
  launch = ag_launch_read();
  assert_true(launch.mpirun == 4 && launch.number == 3);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_what_was_started),
      cmocka_unit_test(refuses_ranks_that_are_alone),
      cmocka_unit_test(one_of_them_speaks),
      cmocka_unit_test(refuses_other_than_slurm_has),
      cmocka_unit_test(refuses_other_than_was_asked_for),
      cmocka_unit_test(reads_the_environment),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
