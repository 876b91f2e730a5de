/* Wilson's interval against its definition and against known values; summaries of outcomes that
 * were made by hand. */
#include "support/fixture.h"

#include "advgrid/evaluation.h"

/* Evaluated once from Wilson's formula (1927, JASA 22) with 50 decimals (Python's decimal),
 * z = 1.959963984540054. */
static const struct {
  size_t successes, trials;
  double low, high;
} known[] = {
    {0, 1, 0, 0.793450685622763},
    {0, 10, 0, 0.277532799862889},
    {1, 10, 0.0178762130950729, 0.404150026795238},
    {5, 10, 0.236593090512564, 0.763406909487436},
    {10, 10, 0.722467200137111, 1},
    {1, 1, 0.206549314377237, 1},
    {450, 1000, 0.419415384074297, 0.480967291774259},
    {13, 500, 0.0152563839233272, 0.0439714908342243},
    {9999, 10000, 0.999433731102599, 0.999982347326399},
};

static void wilson_has_its_known_values(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
    const ag_interval got = ag_wilson_interval(known[i].successes, known[i].trials);
    assert_number_close(got.low, known[i].low, 1e-15, 1e-12);
    assert_number_close(got.high, known[i].high, 1e-15, 1e-12);
  }
}

/* The ends are where the score test has its critical value: |p - p0| = z sqrt(p0 (1 - p0) / n). */
static void wilson_ends_solve_its_equation(void **state)
{
  (void)state;
  for (size_t n = 1; n <= 40; ++n) {
    for (size_t k = 0; k <= n; ++k) {
      const ag_interval got = ag_wilson_interval(k, n);
      const double p = (double)k / (double)n;
      const double ends[] = {got.low, got.high};
      assert_true(0 <= got.low && got.low <= p && p <= got.high && got.high <= 1);
      for (size_t e = 0; e < 2; ++e) {
        if (ends[e] == p) continue; /* 0 and 1 solve it too */
        const double reach = 1.959963984540054 * sqrt(ends[e] * (1 - ends[e]) / (double)n);
        assert_number_close(fabs(p - ends[e]), reach, 1e-12, 1e-9);
      }
    }
  }
}

static void wilson_of_nothing_says_nothing(void **state)
{
  (void)state;
  const ag_interval got = ag_wilson_interval(0, 0);
  assert_true(got.low == 0 && got.high == 1);
}

/* Right and robust, right and fallen, wrong from the start, wrong and by chance right later,
 * right and robust. */
static const ag_outcome by_hand[] = {
    {.index = 0, .label = 3, .clean_prediction = 3, .prediction = 3, .linf = 0.1F, .l2 = 1},
    {.index = 1, .label = 0, .clean_prediction = 0, .prediction = 7, .linf = 0.02F, .l2 = 2},
    {.index = 2, .label = 1, .clean_prediction = 2, .prediction = 2, .linf = 0.9F, .l2 = 9},
    {.index = 3, .label = 5, .clean_prediction = 4, .prediction = 5, .linf = 0.9F, .l2 = 9},
    {.index = 4, .label = 9, .clean_prediction = 9, .prediction = 9, .linf = 0.06F, .l2 = 3},
};

static void summary_counts_by_hand(void **state)
{
  (void)state;
  const ag_summary got = ag_summarise(by_hand, 5);
  assert_int_equal(got.images, 5);
  assert_int_equal(got.clean_correct, 3);
  assert_int_equal(got.robust_correct, 2); /* image 3 was wrong, and earns nothing */
  assert_number_close(got.clean_accuracy, 0.6, 0, 1e-15);
  assert_number_close(got.robust_accuracy, 0.4, 0, 1e-15);
  assert_number_close(got.robust_accuracy_of_correct, 2.0 / 3.0, 0, 1e-15);
  assert_number_close(got.mean_linf, (0.1 + 0.02 + 0.06) / 3, 0, 1e-6);
  assert_number_close(got.max_linf, 0.1, 0, 1e-6);
  assert_number_close(got.mean_l2, 2, 0, 1e-6);
  const ag_interval want = ag_wilson_interval(2, 5); /* of all images, not of the right ones */
  assert_number_close(got.interval.low, want.low, 0, 1e-15);
  assert_number_close(got.interval.high, want.high, 0, 1e-15);
}

/* Found near, found on epsilon, found beyond, not found, wrong from the start. */
static const ag_outcome distances[] = {
    {.label = 1,
     .clean_prediction = 1,
     .prediction = 2,
     .clean_margin = 3,
     .margin = -1,
     .linf = 0.5F,
     .l2 = 0.25F},
    {.label = 1,
     .clean_prediction = 1,
     .prediction = 2,
     .clean_margin = 3,
     .margin = -1,
     .linf = 0.1F,
     .l2 = 0.5F},
    {.label = 1,
     .clean_prediction = 1,
     .prediction = 2,
     .clean_margin = 3,
     .margin = -1,
     .linf = 0.1F,
     .l2 = 0.75F},
    {.label = 1,
     .clean_prediction = 1,
     .prediction = 1,
     .clean_margin = 3,
     .margin = 3,
     .linf = INFINITY,
     .l2 = INFINITY},
    {.label = 1, .clean_prediction = 4, .prediction = 4, .clean_margin = -2, .margin = -2},
};
enum { DISTANCES = sizeof distances / sizeof *distances };

static void distances_say_who_stands_at_an_epsilon(void **state)
{
  (void)state;
  static const struct {
    double epsilon;
    size_t standing;
  } cases[] = {{0, 4}, {0.2, 4}, {0.25, 3}, {0.5, 2}, {0.7, 2}, {0.75, 1}, {1000, 1}};
  ag_entry cw;
  ag_entry_start(&cw, ag_kind_find(ag_attack_table, "cw"));
  for (size_t c = 0; c < sizeof cases / sizeof *cases; ++c) {
    ag_outcome at[DISTANCES];
    memcpy(at, distances, sizeof at);
    ag_outcomes_at(&cw, cases[c].epsilon, at, DISTANCES);
    const ag_summary got = ag_summarise(at, DISTANCES);
    assert_int_equal(got.clean_correct, 4);
    assert_int_equal(got.robust_correct, cases[c].standing);
    /* Of what was found, whatever epsilon is. */
    assert_number_close(got.mean_l2, 0.5, 0, 1e-6);
    assert_number_close(got.mean_linf, 0.7 / 3, 0, 1e-6);
    assert_number_close(got.max_linf, 0.5, 0, 1e-6);
    for (size_t i = 0; i < DISTANCES; ++i) {
      const bool stands = i < 4 && at[i].prediction == 1;
      assert_true(at[i].margin == (stands ? 3 : distances[i].margin));
      assert_true(at[i].l2 == distances[i].l2 && at[i].linf == distances[i].linf);
    }
  }
}

static void verdicts_are_left_as_they_are(void **state)
{
  (void)state;
  ag_entry pgd;
  ag_outcome at[5];
  ag_entry_start(&pgd, ag_kind_find(ag_attack_table, "pgd"));
  memcpy(at, by_hand, sizeof at);
  ag_outcomes_at(&pgd, 0.001, at, 5);
  assert_memory_equal(at, by_hand, sizeof at);
}

static void summary_where_nothing_is_found(void **state)
{
  (void)state;
  const ag_summary got = ag_summarise(distances + 3, 2);
  assert_int_equal(got.robust_correct, 1);
  assert_true(isnan(got.mean_linf) && isnan(got.max_linf) && isnan(got.mean_l2));
}

static void summary_where_nothing_is_right(void **state)
{
  (void)state;
  const ag_summary got = ag_summarise(by_hand + 2, 2);
  assert_int_equal(got.images, 2);
  assert_int_equal(got.clean_correct, 0);
  assert_int_equal(got.robust_correct, 0);
  assert_true(got.clean_accuracy == 0 && got.robust_accuracy == 0);
  assert_true(isnan(got.robust_accuracy_of_correct)); /* 0 of 0 is no accuracy */
  assert_true(isnan(got.mean_linf) && isnan(got.max_linf) && isnan(got.mean_l2));
}

static void summary_of_no_images(void **state)
{
  (void)state;
  const ag_summary got = ag_summarise(NULL, 0);
  assert_int_equal(got.images, 0);
  assert_true(got.clean_accuracy == 0 && got.robust_accuracy == 0);
  assert_true(got.interval.low == 0 && got.interval.high == 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(wilson_has_its_known_values),
      cmocka_unit_test(wilson_ends_solve_its_equation),
      cmocka_unit_test(wilson_of_nothing_says_nothing),
      cmocka_unit_test(summary_counts_by_hand),
      cmocka_unit_test(distances_say_who_stands_at_an_epsilon),
      cmocka_unit_test(verdicts_are_left_as_they_are),
      cmocka_unit_test(summary_where_nothing_is_found),
      cmocka_unit_test(summary_where_nothing_is_right),
      cmocka_unit_test(summary_of_no_images),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
