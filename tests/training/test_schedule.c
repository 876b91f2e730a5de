/* Learning-rate schedules: their values at the ends, at the end of the warm-up and in between,
 * from the formulas by hand. */
#include "support/fixture.h"

#include "advgrid/training.h"

static const double PI = 3.14159265358979323846;

static ag_entry schedule_of(const char *kind, const char *peak, const char *warmup)
{
  ag_entry entry;
  const ag_kind *row = ag_kind_find(ag_schedule_table, kind);
  assert_non_null(row);
  ag_entry_start(&entry, row);
  if (peak != NULL) assert_int_equal(ag_settings_set(&entry.settings, "peak", peak), AG_OK);
  if (warmup != NULL) assert_int_equal(ag_settings_set(&entry.settings, "warmup", warmup), AG_OK);
  return entry;
}

static void assert_rate(const ag_entry *schedule, double progress, double epochs, double want)
{
  assert_number_close(ag_schedule_rate(schedule, progress, epochs), want, 1e-15, 1e-12);
}

static void table_has_its_rows(void **state)
{
  (void)state;
  static const char *const names[] = {"one-cycle", "cosine", "step", "constant"};
  for (size_t i = 0; i < 4; ++i)
    assert_non_null(ag_kind_find(ag_schedule_table, names[i]));
  assert_null(ag_kind_find(ag_schedule_table, "polynomial"));
}

/* The warm-up is the same for all: a line from zero to the peak. */
static void warm_up_is_a_line(void **state)
{
  (void)state;
  static const char *const names[] = {"one-cycle", "cosine", "step", "constant"};
  for (size_t i = 0; i < 4; ++i) {
    const ag_entry schedule = schedule_of(names[i], "0.2", "0.25");
    assert_rate(&schedule, 0, 8, 0);
    assert_rate(&schedule, 0.5, 8, 0.05);
    assert_rate(&schedule, 1, 8, 0.1);
    assert_rate(&schedule, 2, 8, 0.2);
  }
}

/* Without one the rate starts at its peak, and nothing is divided by zero. */
static void no_warm_up_starts_at_the_peak(void **state)
{
  (void)state;
  static const char *const names[] = {"one-cycle", "cosine", "step", "constant"};
  for (size_t i = 0; i < 4; ++i) {
    const ag_entry schedule = schedule_of(names[i], "0.2", "0");
    assert_rate(&schedule, 0, 3, 0.2);
  }
}

static void one_cycle_falls_to_zero(void **state)
{
  (void)state;
  const ag_entry schedule = schedule_of("one-cycle", "0.1", "0.2");
  assert_rate(&schedule, 2, 10, 0.1);
  assert_rate(&schedule, 4, 10, 0.075);
  assert_rate(&schedule, 6, 10, 0.05);
  assert_rate(&schedule, 9, 10, 0.0125);
  assert_rate(&schedule, 10, 10, 0);
}

static void cosine_falls_to_zero(void **state)
{
  (void)state;
  const ag_entry schedule = schedule_of("cosine", "0.1", "0.2");
  assert_rate(&schedule, 2, 10, 0.1);
  assert_rate(&schedule, 4, 10, 0.05 * (1 + cos(PI / 4)));
  assert_rate(&schedule, 6, 10, 0.05);
  assert_rate(&schedule, 8, 10, 0.05 * (1 + cos(PI * 3 / 4)));
  assert_rate(&schedule, 10, 10, 0);
}

/* Drops at each third of the way behind the warm-up: at the drop, and not before. */
static void step_drops(void **state)
{
  (void)state;
  ag_entry schedule = schedule_of("step", "1", "0.25");
  assert_int_equal(ag_settings_set(&schedule.settings, "factor", "0.5"), AG_OK);
  assert_rate(&schedule, 1, 4, 1);
  assert_rate(&schedule, 1.999, 4, 1);
  assert_rate(&schedule, 2, 4, 0.5);
  assert_rate(&schedule, 2.999, 4, 0.5);
  assert_rate(&schedule, 3, 4, 0.25);
  assert_rate(&schedule, 3.999, 4, 0.25);
  assert_int_equal(ag_settings_set(&schedule.settings, "every", "0.5"), AG_OK);
  assert_rate(&schedule, 2.499, 4, 1);
  assert_rate(&schedule, 2.5, 4, 0.5);
}

static void constant_stays(void **state)
{
  (void)state;
  const ag_entry schedule = schedule_of("constant", "0.03", "0.1");
  assert_rate(&schedule, 1, 10, 0.03);
  assert_rate(&schedule, 5.5, 10, 0.03);
  assert_rate(&schedule, 10, 10, 0.03);
}

/* The shape does not depend on how many epochs there are, and never leaves [0, peak]. */
static void rates_scale_and_stay_in_range(void **state)
{
  (void)state;
  for (size_t i = 0; ag_schedule_table(i) != NULL; ++i) {
    const ag_entry schedule = schedule_of(ag_schedule_table(i)->name, "0.4", NULL);
    for (size_t k = 0; k <= 1000; ++k) {
      const double way = (double)k / 1000;
      const double rate = ag_schedule_rate(&schedule, way, 1);
      assert_true(rate >= 0 && rate <= 0.4 * (1 + 1e-12));
      if (k % 10 == 3) assert_rate(&schedule, 7 * way, 7, rate);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(table_has_its_rows),
      cmocka_unit_test(warm_up_is_a_line),
      cmocka_unit_test(no_warm_up_starts_at_the_peak),
      cmocka_unit_test(one_cycle_falls_to_zero),
      cmocka_unit_test(cosine_falls_to_zero),
      cmocka_unit_test(step_drops),
      cmocka_unit_test(constant_stays),
      cmocka_unit_test(rates_scale_and_stay_in_range),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
