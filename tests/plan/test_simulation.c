/* Whole runs in simulated time: small ones against what they come to by hand, and the largest that
 * the schedule is meant for against the best that any schedule could do. */
#include "advgrid/plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { LARGEST = 4 };

/* Four shards a batch: three ranks are no faster than two. */
static const double speedup[LARGEST + 1] = {0, 1, 2, 2, 4};
/* Messages and decisions take no time, and every estimate is right. */
static const ag_machine perfect = {.segment_seconds = 5};

static void assert_near(double value, double expected)
{
  if (fabs(value - expected) > 1e-9 + 1e-9 * fabs(expected)) {
    fail_msg("%.17g; expected %.17g", value, expected);
  }
}

static ag_simulation simulate(const ag_workload *work, const ag_machine *machine)
{
  ag_simulation made;
  assert_int_equal(ag_simulate(work, machine, &made, NULL), AG_OK);
  assert_near(made.busy + made.idle, (double)work->ranks * made.makespan);
  return made;
}

/* ---- by hand ---- */

static void one_rank_does_everything_in_turn(void **state)
{
  (void)state;
  const ag_model_work model = {.seconds = 12};
  const ag_unit_work units[] = {{0, 0, 3, 2, false}, {0, 0, 5, 1, false}, {0, 0, 7, 1, true}};
  const ag_simulation made =
      simulate(&(ag_workload){1, 3, &model, units, 1, 0, LARGEST, speedup}, &perfect);
  assert_near(made.makespan, 20);
  assert_near(made.work, 20);
  assert_near(made.ideal, 20);
  assert_near(made.idle, 0);
  assert_near(made.efficiency, 1);
  assert_int_equal(made.decisions, 3 + 2 + 1); /* segments, units, the end */
}

/* Rank 1 trains the second model until 10 and attacks it until 16, in parts of a shard since little
 * waits. It joins the first model at 20, where 10 of its 30 s are left, until 25. */
static void two_ranks_train_two_models_and_then_one(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.seconds = 30}, {.seconds = 10}};
  const ag_unit_work unit = {1, 1, 6, 3, false};
  double idle[2];
  ag_simulation made;
  const ag_workload work = {2, 1, models, &unit, 2, 0, LARGEST, speedup};
  assert_int_equal(ag_simulate(&work, &perfect, &made, idle), AG_OK);
  assert_near(made.makespan, 25);
  assert_near(made.work, 46);
  assert_near(made.ideal, 23);
  assert_near(idle[0], 0);
  assert_near(idle[1], 4);
  assert_near(made.idle, 4);
  assert_near(made.efficiency, 46.0 / 50);
}

static void two_ranks_share_one_model(void **state)
{
  (void)state;
  const ag_model_work model = {.seconds = 24};
  const ag_unit_work units[] = {{0, 0, 4, 1, false}, {0, 0, 4, 1, false}};
  const ag_workload work = {1, 2, &model, units, 2, 0, LARGEST, speedup};
  assert_near(simulate(&work, &perfect).makespan, 12 + 4);
}

/* Two orders and their way at the start; a report, an order and their ways between segments of 5, 5
 * and 2 s and before the first unit. The second, told one order later, is shorter by as much: both
 * reports arrive at once, and are read one after the other before two orders to end are given. */
static void messages_and_decisions_take_their_time(void **state)
{
  (void)state;
  const double latency = 0.25;
  const double decision = 0.125;
  const ag_model_work model = {.seconds = 24};
  const ag_unit_work units[] = {{0, 0, 4, 1, false}, {0, 0, 4 - decision, 1, false}};
  const ag_workload work = {1, 2, &model, units, 2, 0, LARGEST, speedup};
  const ag_machine slow = {.latency = latency, .decision_seconds = decision, .segment_seconds = 5};
  const double start = 2 * decision + latency;
  const double answer = latency + 2 * decision + latency;
  const double end = latency + 4 * decision + latency;
  assert_near(simulate(&work, &slow).makespan, start + 12 + 3 * answer + 4 + end);
}

/* The third rank of three is of no use to the training: it attacks, or waits. */
static void three_ranks_have_a_team_of_two(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.seconds = 40}, {.ready = true}};
  const ag_unit_work units[] = {{1, 1, 8, 1, false}, {0, 0, 3, 3, false}};
  double idle[3];
  ag_simulation made;
  const ag_workload work = {2, 2, models, units, 3, 0, LARGEST, speedup};
  assert_int_equal(ag_simulate(&work, &perfect, &made, idle), AG_OK);
  assert_near(made.makespan, 20 + 1);
  assert_near(idle[0] + idle[1], 0);
  assert_near(idle[2], 12);
}

/* Of 2 s and 30 s of training, and an attack that waits for both. */
static void an_attack_by_images_of_another_model_comes_after_both(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.seconds = 2}, {.seconds = 30}, {.failed = true}};
  const ag_unit_work units[] = {{0, 1, 4, 1, false}, {0, 2, 9, 1, false}};
  const ag_workload work = {3, 2, models, units, 2, 1, LARGEST, speedup};
  const ag_simulation made = simulate(&work, &perfect);
  assert_near(made.makespan, 34);
  assert_near(made.work, 36);
  assert_near(made.ideal, 30.0 / 2 + 4); /* by the fastest team that two ranks make */
}

static void nothing_takes_no_time(void **state)
{
  (void)state;
  const ag_simulation made =
      simulate(&(ag_workload){0, 0, NULL, NULL, 3, 0, LARGEST, speedup}, &perfect);
  assert_near(made.makespan, 0);
  assert_near(made.efficiency, 1);
  assert_int_equal(made.decisions, 3);
}

/* The same seed gives the same costs, and those keep to the spread. */
static void draws_costs_around_the_estimates(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.seconds = 40}, {.seconds = 40}};
  ag_unit_work units[100];
  for (size_t i = 0; i < 100; ++i)
    units[i] = (ag_unit_work){i % 2, i % 2, 1, 4, false};
  const ag_workload work = {2, 100, models, units, 1, 0, LARGEST, speedup};
  ag_machine machine = {.segment_seconds = 5, .spread = 0.5, .seed = 1};
  const ag_simulation one = simulate(&work, &machine);
  const ag_simulation same = simulate(&work, &machine);
  assert_true(one.makespan == same.makespan && one.decisions == same.decisions);
  machine.seed = 2;
  assert_true(simulate(&work, &machine).makespan != one.makespan);
  assert_true(one.work != 180 && one.work > 90 && one.work < 270);
  assert_near(one.makespan, one.work);
}

static void refuses_machines_that_cannot_be(void **state)
{
  (void)state;
  const ag_workload work = {0, 0, NULL, NULL, 1, 0, LARGEST, speedup};
  const ag_machine wrong[] = {{.segment_seconds = 0},
                              {.segment_seconds = 1, .latency = -1},
                              {.segment_seconds = 1, .decision_seconds = NAN},
                              {.segment_seconds = 1, .spread = 1}};
  ag_simulation made;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i)
    assert_int_equal(ag_simulate(&work, &wrong[i], &made, NULL), AG_INVALID_ARGUMENT);
  assert_int_equal(ag_simulate(&(ag_workload){0}, &perfect, &made, NULL), AG_INVALID_ARGUMENT);
}

/* ---- large ---- */

enum { MODELS = 12, READY = 4, UNITS = 200000, RANKS = 4096, BATCH_SHARDS = 64 };

typedef struct large {
  ag_model_work models[MODELS];
  ag_unit_work units[UNITS];
  double speedup[BATCH_SHARDS + 1];
  ag_workload work;
} large;

/* Units of 1/100 s to 1000 s, as many in each decade, of up to 16 shards, every fourth by images of
 * any model; trainings of up to six
 * hours on one rank; sixty-four ranks train 64 / (1 + 63 / 400) times as fast as one, and sizes
 * that do not divide a batch's shards gain nothing over the next smaller one that does. */
static void make_large(large *made)
{
  ag_random random = ag_random_stream(3, AG_PURPOSE_TEST, 0, 0);
  for (size_t i = 0; i < MODELS; ++i) {
    made->models[i].ready = i < READY;
    made->models[i].seconds = 1000 + 20000 * (double)ag_random_uniform(&random);
  }
  for (size_t i = 0; i < UNITS; ++i) {
    const size_t model = ag_random_below(&random, MODELS);
    made->units[i] = (ag_unit_work){
        .model = model,
        .source = i % 4 == 0 ? i / 4 % MODELS : model,
        .seconds = pow(10, -2 + 5 * (double)ag_random_uniform(&random)),
        .shards = 1 + ag_random_below(&random, 16),
    };
  }
  for (size_t k = 1; k <= BATCH_SHARDS; ++k) {
    const double rounds = ceil((double)BATCH_SHARDS / (double)k);
    made->speedup[k] = BATCH_SHARDS / rounds / (1 + (double)(k - 1) / 400);
  }
  made->work = (ag_workload){.model_count = MODELS,
                             .unit_count = UNITS,
                             .models = made->models,
                             .units = made->units,
                             .ranks = RANKS,
                             .largest = BATCH_SHARDS,
                             .speedup = made->speedup};
}

static void comes_near_the_ideal_on_thousands_of_ranks(void **state)
{
  (void)state;
  static large made;
  make_large(&made);
  const ag_machine machine = {
      .latency = 1e-3, .decision_seconds = 1e-5, .segment_seconds = 15, .spread = 0.3, .seed = 1};
  const ag_simulation run = simulate(&made.work, &machine);
  print_message("%zu orders, %.1f s, ideal %.1f s (%.2f %%), efficiency %.2f %%\n", run.decisions,
                run.makespan, run.ideal, 100 * run.ideal / run.makespan, 100 * run.efficiency);
  assert_true(run.decisions > UNITS);
  assert_true(run.makespan >= run.ideal);
  assert_true(run.ideal > 0.98 * run.makespan);
}

static void leaves_no_memory(void **state)
{
  (void)state;
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_rank_does_everything_in_turn),
      cmocka_unit_test(two_ranks_train_two_models_and_then_one),
      cmocka_unit_test(two_ranks_share_one_model),
      cmocka_unit_test(messages_and_decisions_take_their_time),
      cmocka_unit_test(three_ranks_have_a_team_of_two),
      cmocka_unit_test(an_attack_by_images_of_another_model_comes_after_both),
      cmocka_unit_test(nothing_takes_no_time),
      cmocka_unit_test(draws_costs_around_the_estimates),
      cmocka_unit_test(refuses_machines_that_cannot_be),
      cmocka_unit_test(comes_near_the_ideal_on_thousands_of_ranks),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
