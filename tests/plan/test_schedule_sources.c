/* Units that wait for two models: that whose outcome counts, and the source of its images. */
#include "plan/orders.h"

static void waits_for_both(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.seconds = 8}, {.ready = true}, {.seconds = 20}};
  const ag_unit_work units[] = {
      {1, 0, 5, 1, false}, {1, 1, 4, 1, false}, {0, 1, 3, 1, false}, {0, 2, 2, 1, false}};
  ag_schedule *schedule = create(&(ag_workload){3, 4, models, units, 3, 1, LARGEST, speedup});
  assert_string_equal(drain(schedule), "2:u1[0+1] 0:m2(0)+ 1:m0(1)+");
  /* Its own units and those of another model wait for the first; one waits for the third too. */
  ag_schedule_model_done(schedule, 0);
  assert_string_equal(drain(schedule), "1:u0[0+1]");
  ag_schedule_part_done(schedule, 2, 1, 0);
  assert_string_equal(drain(schedule), "2:u2[0+1]");
  ag_schedule_part_done(schedule, 2, 2, 0);
  ag_schedule_part_done(schedule, 1, 0, 0);
  assert_string_equal(drain(schedule), "");
  assert_int_equal(ag_schedule_unit_state(schedule, 3), AG_WORK_OPEN);
  ag_schedule_model_done(schedule, 2);
  assert_string_equal(drain(schedule), "2:u3[0+1]");
  ag_schedule_part_done(schedule, 2, 3, 0);
  assert_string_equal(drain(schedule), "1:end 0:end 2:end");
  assert_over(&schedule);
}

/* Models that are ready from the start, in any order, and units that are done. */
static void goes_on_where_some_are_ready(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.ready = true}, {.seconds = 8}, {.ready = true}};
  const ag_unit_work units[] = {
      {0, 2, 1, 1, false}, {2, 0, 2, 1, false}, {2, 1, 9, 1, true}, {0, 1, 9, 1, false}};
  ag_schedule *schedule = create(&(ag_workload){3, 4, models, units, 2, 1, LARGEST, speedup});
  assert_string_equal(drain(schedule), "1:u1[0+1] 0:m1(0)+");
  ag_schedule_part_done(schedule, 1, 1, 0);
  assert_string_equal(drain(schedule), "1:u0[0+1]");
  ag_schedule_model_done(schedule, 1);
  assert_string_equal(drain(schedule), "0:u3[0+1]");
  ag_schedule_part_done(schedule, 1, 0, 0);
  ag_schedule_part_done(schedule, 0, 3, 0);
  assert_string_equal(drain(schedule), "1:end 0:end");
  assert_over(&schedule);
}

static void fail_twice(ag_schedule *schedule, size_t model, const char *orders)
{
  ag_schedule_model_failed(schedule, model);
  assert_string_equal(drain(schedule), orders);
  ag_schedule_model_failed(schedule, model);
}

/* Of units that wait for two models that both fail each is closed once: the last rank ends when the
 * rest is done, and not before. */
static void fails_with_either(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.seconds = 8}, {.seconds = 8}, {.ready = true}};
  const ag_unit_work units[] = {{0, 1, 1, 1, false}, {1, 0, 1, 1, false}, {2, 0, 1, 1, false},
                                {2, 1, 1, 1, false}, {2, 2, 1, 1, false}, {0, 0, 1, 1, false},
                                {0, 2, 1, 1, true}};
  ag_schedule *schedule = create(&(ag_workload){3, 7, models, units, 1, 0, LARGEST, speedup});
  assert_string_equal(drain(schedule), "0:m0(0)+");
  fail_twice(schedule, 0, "0:m0(0)+");
  const ag_work_state after_one[] = {AG_WORK_FAILED, AG_WORK_FAILED, AG_WORK_FAILED, AG_WORK_OPEN,
                                     AG_WORK_OPEN,   AG_WORK_FAILED, AG_WORK_DONE};
  for (size_t i = 0; i < 7; ++i)
    assert_int_equal(ag_schedule_unit_state(schedule, i), after_one[i]);
  assert_string_equal(drain(schedule), "0:m1(0)+");
  fail_twice(schedule, 1, "0:m1(0)+");
  assert_int_equal(ag_schedule_unit_state(schedule, 3), AG_WORK_FAILED);
  assert_string_equal(drain(schedule), "0:u4[0+1]");
  assert_true(ag_schedule_has_open(schedule));
  ag_schedule_part_done(schedule, 0, 4, 0);
  assert_string_equal(drain(schedule), "0:end");
  assert_over(&schedule);
}

static void is_closed_where_its_source_failed_before(void **state)
{
  (void)state;
  const ag_model_work models[] = {{.ready = true}, {.failed = true}};
  const ag_unit_work units[] = {{0, 1, 7, 1, false}, {0, 0, 1, 1, false}, {1, 0, 1, 1, false}};
  ag_schedule *schedule = create(&(ag_workload){2, 3, models, units, 1, 0, LARGEST, speedup});
  assert_int_equal(ag_schedule_unit_state(schedule, 0), AG_WORK_FAILED);
  assert_int_equal(ag_schedule_unit_state(schedule, 2), AG_WORK_FAILED);
  assert_string_equal(drain(schedule), "0:u1[0+1]");
  ag_schedule_part_done(schedule, 0, 1, 0);
  assert_string_equal(drain(schedule), "0:end");
  assert_over(&schedule);
}

static void refuses_a_source_that_is_none(void **state)
{
  (void)state;
  ag_schedule *schedule = NULL;
  const ag_model_work model = {.ready = true};
  const ag_unit_work unit = {0, 1, 1, 1, false};
  const ag_workload work = {1, 1, &model, &unit, 1, 0, LARGEST, speedup};
  assert_int_equal(ag_schedule_create(&work, &schedule), AG_INVALID_ARGUMENT);
  assert_null(schedule);
  assert_non_null(strstr(ag_message(), "by images of model 1"));
}

static void leaves_no_memory(void **state)
{
  (void)state;
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(waits_for_both),
      cmocka_unit_test(goes_on_where_some_are_ready),
      cmocka_unit_test(fails_with_either),
      cmocka_unit_test(is_closed_where_its_source_failed_before),
      cmocka_unit_test(refuses_a_source_that_is_none),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
