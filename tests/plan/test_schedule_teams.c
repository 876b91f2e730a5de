/* The schedule's teams in cases small enough to follow by hand: who trains what together, who joins
 * when, and what comes before what. */
#include "plan/orders.h"

static void trains_with_neighbours_and_then_attacks(void **state)
{
  (void)state;
  const ag_model_work model = {.seconds = 20};
  const ag_unit_work units[] = {{0, 0, 4, 1, false}, {0, 0, 4, 1, false}};
  /* The third rank would be of no use, and waits. */
  ag_schedule *schedule = create(&(ag_workload){1, 2, &model, units, 3, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:m0(0 1)+ 1:m0(0 1)+");
  ag_schedule_segment_done(schedule, 0, 10);
  assert_string_equal(drain(schedule), "0:m0(0 1)=");
  ag_schedule_model_done(schedule, 0);
  assert_int_equal(ag_schedule_model_state(schedule, 0), AG_WORK_DONE);
  assert_string_equal(drain(schedule), "2:u0[0+1] 0:u1[0+1]");
  ag_schedule_part_done(schedule, 0, 1, 0);
  assert_string_equal(drain(schedule), "");
  ag_schedule_part_done(schedule, 2, 0, 0);
  assert_string_equal(drain(schedule), "1:end 0:end 2:end");
  assert_over(&schedule);
}

static void spreads_ranks_so_that_the_longest_training_is_short(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.seconds = 10}, {.seconds = 40}, {.seconds = 12}};
  ag_schedule *schedule = create(&(ag_workload){3, 0, models, NULL, 7, 0, LARGEST, speedup});
  /* 10, 40, 12 s alone; 10, 10, 12 s with four for the second, 10, 10, 6 s, 5, 10, 6 s needs an
   * eighth. */
  assert_string_equal(drain(schedule), "0:m1(0 1 2 3)+ 1:m1(0 1 2 3)+ 2:m1(0 1 2 3)+ "
                                       "3:m1(0 1 2 3)+ 4:m2(4 5)+ 5:m2(4 5)+ 6:m0(6)+");
  ag_schedule_destroy(&schedule);
}

/* 40 s of training on one rank while three others have 400 s of attacks: nobody would idle, were
 * it only half as much. With 130 s two share the training. */
static void keeps_teams_small_while_there_is_enough_to_attack(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.seconds = 40}, {.ready = true}};
  const ag_unit_work much = {1, 1, 400, 40, false};
  const ag_unit_work little = {1, 1, 130, 13, false};
  ag_schedule *schedule = create(&(ag_workload){2, 1, models, &much, 4, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule),
                      "1:u0[0+2] 2:u0[2+2] 3:u0[4+2] 0:m0(0)+ 1:u0[6+2] 2:u0[8+2] 3:u0[10+1]");
  ag_schedule_destroy(&schedule);
  schedule = create(&(ag_workload){2, 1, models, &little, 4, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule), "2:u0[0+1] 3:u0[1+1] 0:m0(0 1)+ 1:m0(0 1)+");
  ag_schedule_destroy(&schedule);
}

/* The longest training has all that it can use, 25 s of it; as long as others would idle meanwhile,
 * the shorter one may grow too. */
static void lets_shorter_trainings_grow_beside_one_that_cannot(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.seconds = 100}, {.seconds = 10}, {.ready = true}};
  const ag_unit_work unit = {2, 2, 60, 60, false};
  ag_schedule *schedule = create(&(ag_workload){3, 1, models, &unit, 8, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:m0(0 1 2 3)+ 1:m0(0 1 2 3)+ 2:m0(0 1 2 3)+ "
                                       "3:m0(0 1 2 3)+ 4:m1(4 5 6 7)+ 5:m1(4 5 6 7)+ "
                                       "6:m1(4 5 6 7)+ 7:m1(4 5 6 7)+");
  ag_schedule_destroy(&schedule);
}

static void has_teams_of_the_size_that_is_asked_for(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.seconds = 10}, {.seconds = 20}, {.seconds = 30}};
  ag_schedule *schedule = create(&(ag_workload){3, 0, models, NULL, 5, 2, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:m2(0 1)+ 1:m2(0 1)+ 2:m1(2 3)+ 3:m1(2 3)+");
  ag_schedule_segment_done(schedule, 1, 10);
  assert_string_equal(drain(schedule), "2:m1(2 3)=");
  ag_schedule_model_done(schedule, 2);
  assert_string_equal(drain(schedule), "4:m0(4 0)+ 0:m0(4 0)+");
  /* Rank 1 is free, but two are two. */
  ag_schedule_segment_done(schedule, 1, 5);
  assert_string_equal(drain(schedule), "2:m1(2 3)=");
  ag_schedule_destroy(&schedule);
  schedule = create(&(ag_workload){3, 0, models, NULL, 2, 9, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:m2(0 1)+ 1:m2(0 1)+");
  ag_schedule_destroy(&schedule);
}

/* Idle ranks go to the longest training, at the end of its segment and not of a shorter one's. */
static void idle_ranks_join_the_longest_training(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.seconds = 30}, {.seconds = 80}, {.seconds = 10}};
  ag_schedule *schedule = create(&(ag_workload){3, 0, models, NULL, 3, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:m1(0)+ 1:m0(1)+ 2:m2(2)+");
  ag_schedule_model_done(schedule, 2);
  assert_string_equal(drain(schedule), "");
  ag_schedule_segment_done(schedule, 0, 20);
  assert_string_equal(drain(schedule), "1:m0(1)=");
  ag_schedule_segment_done(schedule, 1, 70);
  assert_string_equal(drain(schedule), "0:m1(0 2) 2:m1(0 2)+");
  ag_schedule_segment_done(schedule, 1, 60);
  assert_string_equal(drain(schedule), "0:m1(0 2)=");
  /* One more is of no use to it: with four it would be faster, with three not. */
  ag_schedule_model_done(schedule, 0);
  ag_schedule_segment_done(schedule, 1, 50);
  assert_string_equal(drain(schedule), "0:m1(0 2)=");
  ag_schedule_model_done(schedule, 1);
  assert_string_equal(drain(schedule), "1:end 0:end 2:end");
  assert_over(&schedule);
}

/* The units of a model that is ready come before joining the training of another. */
static void attacks_before_it_joins(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.seconds = 10}, {.seconds = 80}};
  const ag_unit_work units[] = {{0, 0, 6, 1, false}, {1, 1, 6, 1, false}};
  ag_schedule *schedule = create(&(ag_workload){2, 2, models, units, 2, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:m1(0)+ 1:m0(1)+");
  ag_schedule_model_done(schedule, 0);
  assert_string_equal(drain(schedule), "1:u0[0+1]");
  ag_schedule_segment_done(schedule, 1, 70);
  assert_string_equal(drain(schedule), "0:m1(0)=");
  ag_schedule_part_done(schedule, 1, 0, 0);
  assert_string_equal(drain(schedule), "");
  ag_schedule_segment_done(schedule, 1, 60);
  assert_string_equal(drain(schedule), "0:m1(0 1) 1:m1(0 1)+");
  ag_schedule_model_done(schedule, 1);
  assert_string_equal(drain(schedule), "0:u1[0+1]");
  ag_schedule_part_done(schedule, 0, 1, 0);
  assert_string_equal(drain(schedule), "1:end 0:end");
  assert_over(&schedule);
}

static void trains_a_failed_model_once_more(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.seconds = 20}, {.ready = true}};
  const ag_unit_work units[] = {{0, 0, 4, 1, false}, {1, 1, 1, 1, false}};
  ag_schedule *schedule = create(&(ag_workload){2, 2, models, units, 2, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:m0(0 1)+ 1:m0(0 1)+");
  ag_schedule_model_failed(schedule, 0);
  assert_int_equal(ag_schedule_model_state(schedule, 0), AG_WORK_OPEN);
  assert_string_equal(drain(schedule), "0:m0(0 1)+ 1:m0(0 1)+");
  ag_schedule_model_failed(schedule, 0);
  assert_int_equal(ag_schedule_model_state(schedule, 0), AG_WORK_FAILED);
  assert_int_equal(ag_schedule_unit_state(schedule, 0), AG_WORK_FAILED);
  assert_string_equal(drain(schedule), "0:u1[0+1]");
  ag_schedule_part_done(schedule, 0, 1, 0);
  assert_string_equal(drain(schedule), "1:end 0:end");
  assert_over(&schedule);
}

static void begins_a_failed_training_anew(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.seconds = 10}, {.seconds = 9}};
  ag_schedule *schedule = create(&(ag_workload){2, 0, models, NULL, 1, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:m0(0)+");
  ag_schedule_segment_done(schedule, 0, 1);
  assert_string_equal(drain(schedule), "0:m0(0)=");
  ag_schedule_model_failed(schedule, 0);
  assert_string_equal(drain(schedule), "0:m0(0)+");
  ag_schedule_destroy(&schedule);
}

static void leaves_no_memory(void **state)
{
  (void)state;
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(trains_with_neighbours_and_then_attacks),
      cmocka_unit_test(spreads_ranks_so_that_the_longest_training_is_short),
      cmocka_unit_test(keeps_teams_small_while_there_is_enough_to_attack),
      cmocka_unit_test(lets_shorter_trainings_grow_beside_one_that_cannot),
      cmocka_unit_test(has_teams_of_the_size_that_is_asked_for),
      cmocka_unit_test(idle_ranks_join_the_longest_training),
      cmocka_unit_test(attacks_before_it_joins),
      cmocka_unit_test(trains_a_failed_model_once_more),
      cmocka_unit_test(begins_a_failed_training_anew),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
