/* The schedule's units in cases small enough to follow by hand: which order each event brings, what
 * fails, stops or makes no sense. Teams are in test_schedule_teams.c, random events in
 * test_schedule_events.c, whole runs in test_simulation.c. */
#include "plan/orders.h"

#include <math.h>

/* ---- units ---- */

static void hands_out_the_longest_shards_first_and_one_part_ahead(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.ready = true}, {.ready = true}};
  const ag_unit_work units[] = {{0, 0, 2, 1, false},
                                {1, 1, 3, 1, false},
                                {0, 0, 9, 9, false},
                                {1, 1, 5, 1, true},
                                {0, 0, 2, 1, false}};
  ag_schedule *schedule = create(&(ag_workload){2, 5, models, units, 1, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:u1[0+1] 0:u0[0+1]");
  ag_schedule_part_done(schedule, 0, 1, 0);
  assert_int_equal(ag_schedule_unit_state(schedule, 1), AG_WORK_DONE);
  assert_string_equal(drain(schedule), "0:u4[0+1]");
  ag_schedule_part_done(schedule, 0, 0, 0);
  /* One rank has nobody to share with: nothing is split. */
  assert_string_equal(drain(schedule), "0:u2[0+9]");
  ag_schedule_part_done(schedule, 0, 4, 0);
  assert_string_equal(drain(schedule), "");
  ag_schedule_part_done(schedule, 0, 2, 0);
  assert_string_equal(drain(schedule), "0:end");
  assert_over(&schedule);
}

static void done_and_given(ag_schedule *schedule, size_t rank, size_t first, const char *orders)
{
  ag_schedule_part_done(schedule, rank, 0, first);
  assert_string_equal(drain(schedule), orders);
}

/* 32 s wait: a part is at most 32 / (2 * 2 * 2) s, then 28 / 8, 25 / 8, ... */
static void splits_units_as_work_runs_out(void **state)
{
  (void)state;
  const ag_model_work model = {.ready = true};
  const ag_unit_work unit = {0, 0, 32, 32, false};
  ag_schedule *schedule = create(&(ag_workload){1, 1, &model, &unit, 2, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:u0[0+4] 1:u0[4+3] 0:u0[7+3] 1:u0[10+2]");
  done_and_given(schedule, 0, 0, "0:u0[12+2]");
  done_and_given(schedule, 1, 4, "1:u0[14+2]");
  done_and_given(schedule, 1, 10, "1:u0[16+2]");
  done_and_given(schedule, 1, 14, "1:u0[18+1]");
  for (size_t first = 16; first < 22; ++first) {
    if (first == 17) continue;
    ag_schedule_part_done(schedule, 1, 0, first);
    assert_int_equal(strncmp(drain(schedule), "1:u0[", 5), 0);
  }
  /* 8 s wait, and after one more shard 7: none is short enough to go out ahead of who is done. */
  done_and_given(schedule, 1, 22, "1:u0[24+1]");
  done_and_given(schedule, 1, 23, "");
  done_and_given(schedule, 0, 7, "");
  done_and_given(schedule, 0, 12, "0:u0[25+1]");
  done_and_given(schedule, 1, 24, "1:u0[26+1]");
  for (size_t first = 25; first < 30; ++first) {
    ag_schedule_part_done(schedule, first % 2 == 0, 0, first);
    assert_int_not_equal(strlen(drain(schedule)), 0);
  }
  done_and_given(schedule, 1, 30, "");
  assert_int_equal(ag_schedule_unit_state(schedule, 0), AG_WORK_OPEN);
  done_and_given(schedule, 0, 31, "1:end 0:end");
  assert_int_equal(ag_schedule_unit_state(schedule, 0), AG_WORK_DONE);
  assert_over(&schedule);
}

/* Ranks without anything come before those that would get a part ahead. */
static void gives_everyone_a_part_before_anyone_a_second(void **state)
{
  (void)state;
  const ag_model_work model = {.ready = true};
  ag_unit_work units[18];
  for (size_t i = 0; i < 18; ++i)
    units[i] = (ag_unit_work){0, 0, i < 2 ? 2 : 1, 1, false};
  ag_schedule *schedule = create(&(ag_workload){1, 18, &model, units, 2, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:u0[0+1] 1:u1[0+1] 0:u2[0+1] 1:u3[0+1]");
  ag_schedule_destroy(&schedule);
}

static void leaves_the_last_long_shard_to_who_is_done_first(void **state)
{
  (void)state;
  const ag_model_work model = {.ready = true};
  const ag_unit_work units[] = {{0, 0, 4, 1, false}, {0, 0, 4, 1, false}, {0, 0, 4, 1, false}};
  ag_schedule *schedule = create(&(ag_workload){1, 3, &model, units, 2, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:u0[0+1] 1:u1[0+1]");
  ag_schedule_part_done(schedule, 1, 1, 0);
  assert_string_equal(drain(schedule), "1:u2[0+1]");
  ag_schedule_destroy(&schedule);
}

/* ---- a run that goes on from an earlier one ---- */

static void goes_on_in_the_middle(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.ready = true}, {.seconds = 8}, {.failed = true}};
  const ag_unit_work units[] = {{0, 0, 4, 1, true},
                                {0, 0, 4, 1, false},
                                {1, 1, 2, 1, true},
                                {1, 1, 2, 1, false},
                                {2, 2, 7, 1, false}};
  ag_schedule *schedule = create(&(ag_workload){3, 5, models, units, 2, 0, LARGEST, speedup});
  assert_int_equal(ag_schedule_unit_state(schedule, 4), AG_WORK_FAILED);
  assert_int_equal(ag_schedule_model_state(schedule, 2), AG_WORK_FAILED);
  assert_string_equal(drain(schedule), "0:m1(0 1)+ 1:m1(0 1)+");
  ag_schedule_model_done(schedule, 1);
  assert_string_equal(drain(schedule), "0:u1[0+1] 1:u3[0+1]");
  ag_schedule_part_done(schedule, 0, 1, 0);
  ag_schedule_part_done(schedule, 1, 3, 0);
  assert_string_equal(drain(schedule), "0:end 1:end");
  assert_over(&schedule);
}

static void ends_at_once_where_nothing_is_left(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.ready = true}, {.failed = true}};
  const ag_unit_work units[] = {{0, 0, 4, 1, true}, {1, 1, 4, 1, false}};
  ag_schedule *schedule = create(&(ag_workload){2, 2, models, units, 3, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:end 1:end 2:end");
  assert_over(&schedule);
  schedule = create(&(ag_workload){0, 0, NULL, NULL, 1, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:end");
  assert_over(&schedule);
}

/* ---- failures ---- */

static void gives_a_failed_part_out_once_more(void **state)
{
  (void)state;
  const ag_model_work model = {.ready = true};
  const ag_unit_work units[] = {{0, 0, 4, 4, false}, {0, 0, 1, 1, false}};
  ag_schedule *schedule = create(&(ag_workload){1, 2, &model, units, 2, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:u0[0+1] 1:u0[1+1]");
  ag_schedule_part_failed(schedule, 1, 0, 1);
  assert_string_equal(drain(schedule), "1:u0[1+1]");
  ag_schedule_part_done(schedule, 1, 0, 1);
  assert_string_equal(drain(schedule), "1:u0[2+1]");
  /* A second failure closes the unit: its last shard does not go out, and what another rank does
   * of it is of no account. */
  ag_schedule_part_failed(schedule, 1, 0, 2);
  assert_int_equal(ag_schedule_unit_state(schedule, 0), AG_WORK_FAILED);
  assert_string_equal(drain(schedule), "1:u1[0+1]");
  ag_schedule_part_done(schedule, 1, 1, 0);
  assert_string_equal(drain(schedule), "1:end");
  assert_int_equal(ag_schedule_unit_state(schedule, 1), AG_WORK_DONE);
  ag_schedule_part_done(schedule, 0, 0, 0);
  assert_int_equal(ag_schedule_unit_state(schedule, 0), AG_WORK_FAILED);
  assert_string_equal(drain(schedule), "0:end");
  assert_over(&schedule);
}

/* What failed counts among what waits: 20 s and then 24 s, of which a part is an eighth. */
static void splits_a_failed_part_like_any_other(void **state)
{
  (void)state;
  const ag_model_work model = {.ready = true};
  const ag_unit_work unit = {0, 0, 32, 32, false};
  ag_schedule *schedule = create(&(ag_workload){1, 1, &model, &unit, 2, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:u0[0+4] 1:u0[4+3] 0:u0[7+3] 1:u0[10+2]");
  ag_schedule_part_failed(schedule, 0, 0, 0);
  assert_string_equal(drain(schedule), "0:u0[0+3]");
  ag_schedule_part_done(schedule, 1, 0, 4);
  assert_string_equal(drain(schedule), "1:u0[3+1]");
  ag_schedule_part_done(schedule, 1, 0, 10);
  assert_string_equal(drain(schedule), "1:u0[12+2]");
  ag_schedule_destroy(&schedule);
}

/* The part that waits to go out again goes with its unit, where another part fails first. */
static void a_closed_unit_takes_its_failed_part_along(void **state)
{
  (void)state;
  const ag_model_work model = {.ready = true};
  const ag_unit_work units[] = {{0, 0, 4, 4, false}, {0, 0, 1, 1, false}};
  ag_schedule *schedule = create(&(ag_workload){1, 2, &model, units, 2, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:u0[0+1] 1:u0[1+1]");
  ag_schedule_part_failed(schedule, 0, 0, 0);
  ag_schedule_part_failed(schedule, 1, 0, 1);
  assert_string_equal(drain(schedule), "0:u1[0+1]");
  ag_schedule_part_failed(schedule, 0, 1, 0);
  assert_string_equal(drain(schedule), "1:u1[0+1]");
  ag_schedule_part_failed(schedule, 1, 1, 0);
  assert_string_equal(drain(schedule), "0:end 1:end");
  assert_over(&schedule);
}

/* ---- stopping ---- */

static void stops_each_rank_once_it_has_nothing_in_hand(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.seconds = 20}, {.ready = true}};
  ag_unit_work units[16];
  for (size_t i = 0; i < 16; ++i)
    units[i] = (ag_unit_work){1, 1, 2, 1, false};
  ag_schedule *schedule = create(&(ag_workload){2, 16, models, units, 3, 2, LARGEST, speedup});
  assert_string_equal(drain(schedule), "2:u0[0+1] 0:m0(0 1)+ 1:m0(0 1)+ 2:u1[0+1]");
  ag_schedule_stop(schedule);
  assert_string_equal(drain(schedule), "");
  ag_schedule_part_done(schedule, 2, 0, 0);
  assert_string_equal(drain(schedule), "");
  ag_schedule_part_failed(schedule, 2, 1, 0);
  assert_string_equal(drain(schedule), "2:end");
  ag_schedule_segment_done(schedule, 0, 10);
  assert_string_equal(drain(schedule), "0:end 1:end");
  assert_int_equal(ag_schedule_unit_state(schedule, 0), AG_WORK_DONE);
  assert_int_equal(ag_schedule_unit_state(schedule, 1), AG_WORK_OPEN);
  assert_int_equal(ag_schedule_model_state(schedule, 0), AG_WORK_OPEN);
  assert_over(&schedule);
}

/* Half of a team was told when the stop came: the others must hear of it too. */
static void stops_before_and_while_orders_are_pulled(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.seconds = 20}, {.seconds = 20}};
  const ag_workload work = {2, 0, models, NULL, 4, 0, LARGEST, speedup};
  ag_schedule *schedule = create(&work);
  ag_schedule_stop(schedule);
  assert_string_equal(drain(schedule), "0:end 1:end 2:end 3:end");
  assert_over(&schedule);
  schedule = create(&work);
  ag_order order;
  assert_true(ag_schedule_order(schedule, &order));
  assert_true(order.kind == AG_ORDER_TRAIN && order.model == 0 && order.rank == 0);
  ag_schedule_stop(schedule);
  assert_string_equal(drain(schedule), "1:m0(0 1)+ 2:end 3:end");
  ag_schedule_model_failed(schedule, 0);
  assert_int_equal(ag_schedule_model_state(schedule, 0), AG_WORK_OPEN);
  assert_string_equal(drain(schedule), "0:end 1:end");
  assert_over(&schedule);
}

/* ---- what makes no sense ---- */

static void assert_refused(const ag_workload *work, const char *message)
{
  ag_schedule *schedule = NULL;
  assert_int_equal(ag_schedule_create(work, &schedule), AG_INVALID_ARGUMENT);
  assert_null(schedule);
  assert_non_null(strstr(ag_message(), message));
}

static void refuses_what_makes_no_sense(void **state)
{
  (void)state;
  const ag_model_work model = {.seconds = 1};
  const ag_unit_work unit = {0, 0, 1, 1, false};
  const ag_workload good = {1, 1, &model, &unit, 1, 0, LARGEST, speedup};
  ag_workload work = good;
  work.ranks = 0;
  assert_refused(&work, "0 ranks");
  work = good;
  work.largest = 0;
  assert_refused(&work, "at most 0");
  work = good;
  work.speedup = (const double[]){0, 1, 2, NAN, 4};
  assert_refused(&work, "3 ranks train nan times");
  work = good;
  work.models = &(const ag_model_work){.seconds = -1};
  assert_refused(&work, "model 0 takes -1 s");
  const ag_unit_work wrong[] = {
      {1, 1, 1, 1, false}, {0, 0, INFINITY, 1, false}, {0, 0, 1, 0, false}};
  const char *const messages[] = {"of model 1", "takes inf s", "in 0 shards"};
  for (size_t i = 0; i < 3; ++i) {
    work.models = good.models;
    work.units = &wrong[i];
    assert_refused(&work, messages[i]);
  }
}

static void leaves_no_memory(void **state)
{
  (void)state;
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hands_out_the_longest_shards_first_and_one_part_ahead),
      cmocka_unit_test(splits_units_as_work_runs_out),
      cmocka_unit_test(gives_everyone_a_part_before_anyone_a_second),
      cmocka_unit_test(leaves_the_last_long_shard_to_who_is_done_first),
      cmocka_unit_test(goes_on_in_the_middle),
      cmocka_unit_test(ends_at_once_where_nothing_is_left),
      cmocka_unit_test(gives_a_failed_part_out_once_more),
      cmocka_unit_test(splits_a_failed_part_like_any_other),
      cmocka_unit_test(a_closed_unit_takes_its_failed_part_along),
      cmocka_unit_test(stops_each_rank_once_it_has_nothing_in_hand),
      cmocka_unit_test(stops_before_and_while_orders_are_pulled),
      cmocka_unit_test(refuses_what_makes_no_sense),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
