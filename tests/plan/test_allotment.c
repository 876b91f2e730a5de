/* The shape of a batch job: the fewest cores that end in time, limits, what is given; and its time.
 */
#include "support/fixture.h"

#include "advgrid/plan.h"

/* A job of `work` seconds of one core, of which `alone` cannot be shared out. */
typedef struct fake_job {
  double work, alone;
  double of_threads; /* what threads gain beyond ranks: 0.9 is a tenth */
  size_t calls, most_ranks;
} fake_job;

static ag_status predict(void *context, size_t ranks, size_t threads, double *seconds)
{
  fake_job *job = (fake_job *)context;
  ++job->calls;
  if (ranks > job->most_ranks) job->most_ranks = ranks;
  *seconds = job->alone + (job->work - job->alone) / (double)(ranks * threads);
  if (threads > 1) *seconds *= job->of_threads;
  return AG_OK;
}

static fake_job job_of(double work, double alone)
{
  return (fake_job){.work = work, .alone = alone, .of_threads = 1};
}

static const ag_allotment_wish cluster = {.nodes_maximum = 6, .cores = 12, .target = 1000};

static size_t cores_of(const ag_allotment *one)
{
  return one->nodes * one->ranks * one->threads;
}

static ag_allotment choose(const ag_allotment_wish *wish, fake_job job, bool *in_time)
{
  ag_allotment chosen = {0};
  assert_int_equal(ag_allotment_choose(wish, predict, &job, &chosen, in_time), AG_OK);
  return chosen;
}

static void assert_shape(ag_allotment got, size_t nodes, size_t ranks, size_t threads)
{
  assert_int_equal(got.nodes, nodes);
  assert_int_equal(got.ranks, ranks);
  assert_int_equal(got.threads, threads);
}

static void the_fewest_cores_that_end_in_time(void **state)
{
  (void)state;
  static const struct {
    double work;
    size_t nodes, ranks;
  } cases[] = {
      {10, 1, 1},    {1000, 1, 1},   {1001, 1, 2},   {2000, 1, 2},   {2001, 1, 4},   {8000, 1, 8},
      {8001, 1, 12}, {12000, 1, 12}, {12001, 2, 12}, {24001, 4, 12}, {48001, 6, 12}, {72000, 6, 12},
  };
  bool in_time = false;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    const ag_allotment got = choose(&cluster, job_of(cases[i].work, 0), &in_time);
    assert_shape(got, cases[i].nodes, cases[i].ranks, 1);
    assert_true(in_time);
    assert_number_close(got.efficiency, 1, 1e-9, 0);
    assert_number_close(got.seconds, cases[i].work / (double)cores_of(&got), 0, 1e-9);
  }
}

/* A looser target takes no more cores, more work no fewer. */
static void it_is_monotone(void **state)
{
  (void)state;
  for (double alone = 0; alone < 500; alone += 100) {
    size_t last = SIZE_MAX;
    for (double target = 600; target < 40000; target *= 1.1) {
      ag_allotment_wish wish = cluster;
      bool in_time = false;
      wish.target = target;
      const ag_allotment got = choose(&wish, job_of(30000, alone), &in_time);
      if (!in_time) continue; /* another rule */
      assert_true(got.seconds <= target);
      assert_true(cores_of(&got) <= last);
      last = cores_of(&got);
    }
    assert_int_equal(last, 1);
    last = 0;
    for (double work = 500; work < 72000; work *= 1.1) {
      bool in_time = false;
      const ag_allotment got = choose(&cluster, job_of(work, alone), &in_time);
      if (!in_time) break;
      assert_true(cores_of(&got) >= last);
      last = cores_of(&got);
    }
    assert_true(last > 8);
  }
}

static void where_none_ends_in_time_cores_are_used_well(void **state)
{
  (void)state;
  bool in_time = true;
  /* Of 2400 s 600 cannot be shared: 2 cores are used to 80 %, 4 to 57 %. */
  ag_allotment_wish wish = cluster;
  wish.target = 1;
  assert_shape(choose(&wish, job_of(2400, 600), &in_time), 1, 2, 1);
  assert_false(in_time);
  assert_shape(choose(&wish, job_of(1e6, 0), &in_time), 6, 12, 1); /* all of them well */
  assert_false(in_time);
  assert_shape(choose(&wish, job_of(2400, 2400), &in_time), 1, 1, 1);
  wish.nodes = 3; /* none is used well: the one that is used best */
  assert_shape(choose(&wish, job_of(2400, 2400), &in_time), 3, 1, 1);
}

static void what_is_given_stays(void **state)
{
  (void)state;
  bool in_time = false;
  for (size_t nodes = 0; nodes <= 6; nodes += 3) {
    for (size_t ranks = 0; ranks <= 4; ranks += 2) {
      for (size_t threads = 0; threads <= 3; threads += 3) {
        for (double work = 100; work < 1e6; work *= 7) {
          ag_allotment_wish wish = cluster;
          wish.nodes = nodes;
          wish.ranks = ranks;
          wish.threads = threads;
          const ag_allotment got = choose(&wish, job_of(work, 10), &in_time);
          if (nodes > 0) assert_int_equal(got.nodes, nodes);
          if (ranks > 0) assert_int_equal(got.ranks, ranks);
          if (threads > 0) assert_int_equal(got.threads, threads);
          assert_true(got.nodes >= 1 && got.nodes <= 6);
          assert_true(got.ranks >= 1 && got.threads >= 1 && got.ranks * got.threads <= 12);
        }
      }
    }
  }
}

static void threads_are_taken_where_they_are_faster(void **state)
{
  (void)state;
  bool in_time = false;
  fake_job job = job_of(8000, 0);
  job.of_threads = 0.97; /* not by much */
  assert_shape(choose(&cluster, job, &in_time), 1, 8, 1);
  job.of_threads = 0.9;
  assert_shape(choose(&cluster, job, &in_time), 1, 4, 2);
}

static void no_more_ranks_are_tried_than_are_needed(void **state)
{
  (void)state;
  fake_job job = job_of(3000, 0);
  ag_allotment chosen;
  bool in_time = false;
  assert_int_equal(ag_allotment_choose(&cluster, predict, &job, &chosen, &in_time), AG_OK);
  assert_int_equal(job.most_ranks, 4);
}

static void more_than_there_is_is_refused(void **state)
{
  (void)state;
  static const struct {
    size_t nodes, ranks, threads;
    const char *expected;
  } cases[] = {
      {7, 0, 0, "7 nodes are asked for; there are 6"},
      {0, 13, 0, "13 ranks on a node are asked for; a node has 12 cores"},
      {0, 0, 13, "13 threads of a rank are asked for; a node has 12 cores"},
      {0, 5, 3, "5 ranks of 3 threads on a node are asked for; it has 12 cores"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    ag_allotment_wish wish = cluster;
    fake_job job = job_of(1, 0);
    ag_allotment chosen;
    bool in_time = false;
    wish.nodes = cases[i].nodes;
    wish.ranks = cases[i].ranks;
    wish.threads = cases[i].threads;
    assert_int_equal(ag_allotment_choose(&wish, predict, &job, &chosen, &in_time),
                     AG_INVALID_ARGUMENT);
    assert_string_equal(ag_message(), cases[i].expected);
    assert_int_equal(job.calls, 0);
  }
}

static ag_status run_out(void *context, size_t ranks, size_t threads, double *seconds)
{
  (void)context;
  (void)seconds;
  return ranks * threads < 4 ? AG_OK : ag_fail(AG_OUT_OF_MEMORY, "no memory for the prediction");
}

static void a_failure_of_the_prediction_is_the_choice_s(void **state)
{
  (void)state;
  ag_allotment_wish wish = cluster;
  ag_allotment chosen;
  bool in_time = false;
  wish.target = -1;
  assert_int_equal(ag_allotment_choose(&wish, run_out, NULL, &chosen, &in_time), AG_OUT_OF_MEMORY);
}

/* ---- time ---- */

static void the_time_has_its_margin(void **state)
{
  (void)state;
  /* A minute to start, one for an early signal, and the warning. */
  assert_int_equal(ag_wall_minutes(0, 1.5), 3);
  assert_int_equal(ag_wall_minutes(40, 1.5), 4);
  assert_int_equal(ag_wall_minutes(41, 1.5), 5);
  assert_int_equal(ag_wall_minutes(3600, 1.5), 97); /* 5460 s, 300 s, 60 s */
  assert_int_equal(ag_wall_minutes(3600, 1), 67);
  for (double predicted = 1; predicted < 1e7; predicted *= 1.3) {
    const size_t minutes = ag_wall_minutes(predicted, 1.5);
    assert_true(minutes >= ag_wall_minutes(predicted / 1.3, 1.5));
    assert_true(minutes >= ag_wall_minutes(predicted, 1.2));
    /* The signal, as early as it may be, comes no sooner than what was predicted, and its margin,
     * have passed. */
    assert_true(60.0 * (double)minutes - (double)ag_wall_warning(minutes) - 60 >= 1.5 * predicted);
  }
  assert_true(ag_wall_minutes(1e300, 100) > 1e9); /* and no number is left */
}

static void the_warning_is_in_time(void **state)
{
  (void)state;
  assert_int_equal(ag_wall_warning(1), 30);
  assert_int_equal(ag_wall_warning(2), 60);
  assert_int_equal(ag_wall_warning(4), 60);
  assert_int_equal(ag_wall_warning(20), 120);
  assert_int_equal(ag_wall_warning(50), 300);
  assert_int_equal(ag_wall_warning(10000), 300);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_fewest_cores_that_end_in_time),
      cmocka_unit_test(it_is_monotone),
      cmocka_unit_test(where_none_ends_in_time_cores_are_used_well),
      cmocka_unit_test(what_is_given_stays),
      cmocka_unit_test(threads_are_taken_where_they_are_faster),
      cmocka_unit_test(no_more_ranks_are_tried_than_are_needed),
      cmocka_unit_test(more_than_there_is_is_refused),
      cmocka_unit_test(a_failure_of_the_prediction_is_the_choice_s),
      cmocka_unit_test(the_time_has_its_margin),
      cmocka_unit_test(the_warning_is_in_time),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  return failed != 0 || ag_live_blocks() != 0;
}
