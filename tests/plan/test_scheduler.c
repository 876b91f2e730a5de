/* The scheduler: every unit goes out exactly once, longest first, whoever asks and in whatever
 * order the answers come back. */
#include "advgrid/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { UNITS = 4000, RANKS = 7 };

/* Costs with many ties, and every third unit done before. */
typedef struct setting {
  double costs[UNITS];
  bool done[UNITS];
  size_t open;
} setting;

static setting make_setting(void)
{
  setting made = {.open = 0};
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, 0, 0);
  for (size_t i = 0; i < UNITS; ++i) {
    made.costs[i] = (double)ag_random_below(&random, 50) * 1e12;
    made.done[i] = ag_random_below(&random, 3) == 0;
    if (made.done[i]) continue;
    ++made.open;
  }
  return made;
}

/* Longest first, and of the same length the first first. */
static bool in_order(const setting *from, size_t before, size_t after)
{
  return from->costs[before] > from->costs[after] ||
         (from->costs[before] == from->costs[after] && before < after);
}

/* Ranks ask and finish at random, with up to two units each: the run as MPI may drive it. */
static void hands_out_each_unit_once_and_longest_first(void **state)
{
  (void)state;
  const setting from = make_setting();
  ag_scheduler *scheduler = NULL;
  assert_int_equal(ag_scheduler_create(from.costs, from.done, UNITS, RANKS, &scheduler), AG_OK);
  bool given[UNITS] = {false};
  size_t held[RANKS][2];
  size_t counts[RANKS] = {0};
  size_t handed = 0;
  size_t finished = 0;
  size_t last = UNITS;
  ag_random random = ag_random_stream(2, AG_PURPOSE_TEST, 0, 0);
  while (finished < from.open) {
    const size_t rank = ag_random_below(&random, RANKS);
    if (counts[rank] < 2 && ag_random_below(&random, 2) == 0) {
      size_t unit = UNITS;
      assert_int_equal(ag_scheduler_next(scheduler, rank, &unit), handed < from.open);
      if (unit == UNITS) continue;
      assert_false(from.done[unit] || given[unit]);
      assert_true(last == UNITS || in_order(&from, last, unit));
      given[unit] = true;
      last = unit;
      ++handed;
      held[rank][counts[rank]++] = unit;
    } else if (counts[rank] > 0) {
      const size_t which = ag_random_below(&random, (uint32_t)counts[rank]);
      const size_t unit = held[rank][which];
      held[rank][which] = held[rank][--counts[rank]];
      ag_scheduler_finish(scheduler, rank, unit);
      ++finished;
    }
    assert_int_equal(ag_scheduler_held(scheduler, rank), counts[rank]);
  }
  for (size_t i = 0; i < UNITS; ++i)
    assert_true(given[i] != from.done[i]);
  ag_scheduler_destroy(&scheduler);
  assert_null(scheduler);
}

/* Simulated time: with the short units last, all ranks end within one short unit of the mean. */
static void lets_all_ranks_end_together(void **state)
{
  (void)state;
  const setting from = make_setting();
  ag_scheduler *scheduler = NULL;
  assert_int_equal(ag_scheduler_create(from.costs, NULL, UNITS, RANKS, &scheduler), AG_OK);
  double clocks[RANKS] = {0};
  for (bool more = true; more;) {
    size_t rank = 0;
    for (size_t i = 1; i < RANKS; ++i)
      rank = clocks[i] < clocks[rank] ? i : rank;
    size_t unit = 0;
    more = ag_scheduler_next(scheduler, rank, &unit);
    if (!more) break;
    clocks[rank] += from.costs[unit];
    ag_scheduler_finish(scheduler, rank, unit);
  }
  double end = 0;
  for (size_t i = 0; i < RANKS; ++i)
    end = clocks[i] > end ? clocks[i] : end;
  double total = 0;
  for (size_t i = 0; i < UNITS; ++i)
    total += from.costs[i];
  const double mean = total / RANKS;
  assert_true(end >= mean && end <= mean + 1e12);
  ag_scheduler_destroy(&scheduler);
}

static void has_nothing_for_no_units(void **state)
{
  (void)state;
  static const double costs[] = {1, 2};
  static const bool done[] = {true, true};
  ag_scheduler *scheduler = NULL;
  size_t unit = 0;
  assert_int_equal(ag_scheduler_create(NULL, NULL, 0, 3, &scheduler), AG_OK);
  assert_false(ag_scheduler_next(scheduler, 2, &unit));
  ag_scheduler_destroy(&scheduler);
  assert_int_equal(ag_scheduler_create(costs, done, 2, 1, &scheduler), AG_OK);
  assert_false(ag_scheduler_next(scheduler, 0, &unit));
  ag_scheduler_destroy(&scheduler);
  assert_int_equal(ag_scheduler_create(costs, NULL, 2, 0, &scheduler), AG_INVALID_ARGUMENT);
  assert_null(scheduler);
  ag_scheduler_destroy(&scheduler);
}

static void leaves_no_memory(void **state)
{
  (void)state;
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hands_out_each_unit_once_and_longest_first),
      cmocka_unit_test(lets_all_ranks_end_together),
      cmocka_unit_test(has_nothing_for_no_units),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
