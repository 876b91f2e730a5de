/* The time left of a run: what it comes to, and that its spread tells how sure that is. */
#include "support/fixture.h"

#include "plan/forecast.h"

#include <math.h>

static void assert_near(double got, double want)
{
  if (!(fabs(got - want) <= 1e-9 * fabs(want))) fail_msg("%.12g, expected %.12g", got, want);
}

static void nothing_seen_nothing_known(void **state)
{
  (void)state;
  const ag_work_kind kind = {.left = 10};
  assert_false(ag_forecast_make(&kind, 1, 1, 1, 0).is_known);
  ag_work_kind idle = {.left = 10};
  ag_work_kind_see(&idle, 0, 3);
  ag_work_kind_see(&idle, 3, 0);
  ag_work_kind_see(&idle, (double)NAN, 1);
  assert_false(ag_forecast_make(&idle, 1, 1, 1, 0).is_known);
}

/* 2 s a unit of work from (10, 20), 8 s from (5, 40): 30 and 1 left are 68 s, on 2 ranks that are
 * busy half of the time as much again. */
static void seconds_are_by_kind(void **state)
{
  (void)state;
  ag_work_kind kinds[2] = {{.left = 30}, {.left = 1}};
  ag_work_kind_see(&kinds[0], 4, 8);
  ag_work_kind_see(&kinds[0], 6, 12);
  ag_work_kind_see(&kinds[1], 5, 40);
  const ag_forecast left = ag_forecast_make(kinds, 2, 2, 0.5, 0);
  assert_true(left.is_known);
  assert_near(left.seconds, 68);
  assert_true(left.low < left.seconds && left.seconds < left.high);
}

/* One kind: two pieces of equal work cost 1 and 3, twice as much work is left.
 * v = (0.48 + 2 * 0.25) / 3, relative to the mean cost 2; s^2 = v (1/2 + 1/4). */
static void spread_is_as_it_says(void **state)
{
  (void)state;
  ag_work_kind kind = {.left = 4};
  ag_work_kind_see(&kind, 1, 1);
  ag_work_kind_see(&kind, 1, 3);
  const ag_forecast left = ag_forecast_make(&kind, 1, 1, 1, 0);
  const double spread = 1.2815515655 * sqrt(0.98 / 3 * 0.75);
  assert_near(left.seconds, 8);
  assert_near(left.low, 8 * exp(-spread));
  assert_near(left.high, 8 * exp(spread));
}

/* Costs 1 and 4 were seen, by equal work: a third kind costs 2.5, and may be off by
 * sqrt((0.48 + 2 log(2)^2) / 3). */
static void a_kind_that_was_not_seen_is_like_the_others(void **state)
{
  (void)state;
  ag_work_kind kinds[3] = {[2] = {.left = 2}};
  ag_work_kind_see(&kinds[0], 1, 1);
  ag_work_kind_see(&kinds[1], 1, 4);
  const ag_forecast left = ag_forecast_make(kinds, 3, 1, 1, 0);
  const double spread = 1.2815515655 * sqrt((0.48 + 2 * log(2) * log(2)) / 3);
  assert_near(left.seconds, 5);
  assert_near(left.high, 5 * exp(spread));
}

static void a_kind_may_be_like_another(void **state)
{
  (void)state;
  ag_work_kind kinds[3] = {[2] = {.left = 2, .like = &kinds[1], .factor = 0.5}};
  ag_work_kind_see(&kinds[0], 1, 1);
  assert_near(ag_forecast_make(kinds, 3, 1, 1, 0).seconds, 1); /* of the other nothing is seen */
  ag_work_kind_see(&kinds[1], 1, 4);
  assert_near(ag_forecast_make(kinds, 3, 1, 1, 0).seconds, 4);
}

static void more_that_agrees_is_surer(void **state)
{
  (void)state;
  double widest = INFINITY;
  for (size_t pieces = 1; pieces <= 1000; pieces *= 10) {
    ag_work_kind kind = {.left = 100};
    for (size_t i = 0; i < pieces; ++i)
      ag_work_kind_see(&kind, 1, 2);
    const ag_forecast left = ag_forecast_make(&kind, 1, 1, 1, 0);
    assert_near(left.seconds, 200);
    assert_true(left.high - left.low < widest);
    widest = left.high - left.low;
  }
  assert_true(widest < 20);
}

static void nothing_ends_before_its_longest_part(void **state)
{
  (void)state;
  ag_work_kind kind = {.left = 4};
  ag_work_kind_see(&kind, 1, 1);
  const ag_forecast left = ag_forecast_make(&kind, 1, 8, 1, 3);
  assert_near(left.seconds, 3);
  assert_near(left.low, 3);
  assert_true(left.high > 3);
}

static void the_end_is_sure(void **state)
{
  (void)state;
  ag_work_kind kind = {0};
  ag_work_kind_see(&kind, 1, 1);
  kind.left = -0.5; /* what is in hand may be more than what is left */
  const ag_forecast left = ag_forecast_make(&kind, 1, 1, 1, 0);
  assert_true(left.is_known && left.seconds == 0 && left.low == 0 && left.high == 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_seen_nothing_known),
      cmocka_unit_test(seconds_are_by_kind),
      cmocka_unit_test(spread_is_as_it_says),
      cmocka_unit_test(a_kind_that_was_not_seen_is_like_the_others),
      cmocka_unit_test(a_kind_may_be_like_another),
      cmocka_unit_test(more_that_agrees_is_surer),
      cmocka_unit_test(nothing_ends_before_its_longest_part),
      cmocka_unit_test(the_end_is_sure),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
