/* The sign test against its definition, and against values of exact arithmetic. */
#include "support/fixture.h"

#include "advgrid/evaluation.h"

/* The sum of binomial coefficients over 2^n, with Python's fractions. */
static const struct {
  size_t more, less;
  double probability;
} known[] = {{0, 0, 1.0},
             {1, 0, 0.5},
             {7, 0, 0.0078125},
             {6, 1, 0.0625},
             {30, 8, 0.0002359933714615181},
             {8, 30, 0.9999419164960273},
             {100, 60, 0.000976864017032171},
             {520, 480, 0.10872414660207047},
             {5100, 4900, 0.023292763852473693},
             {1000, 0, 9.332636185032189e-302}};

static void has_its_known_values(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
    const double got = ag_sign_test(known[i].more, known[i].less);
    assert_number_close(got, known[i].probability, 0, 1e-9);
  }
}

/* By counting all sequences of up to 16 differences. */
static void counts_what_is_as_likely(void **state)
{
  (void)state;
  for (size_t n = 0; n <= 16; ++n) {
    size_t with[17] = {0};
    for (unsigned sequence = 0; sequence < 1U << n; ++sequence)
      ++with[__builtin_popcount(sequence)];
    size_t so_far = 0;
    for (size_t more = n + 1; more-- > 0;) {
      so_far += with[more];
      assert_number_close(ag_sign_test(more, n - more), (double)so_far / (double)(1U << n), 0,
                          1e-13);
    }
  }
}

/* Where a double has no power of two that small, nothing but the smallest can be said. */
static void large_numbers_stay_probabilities(void **state)
{
  (void)state;
  assert_true(ag_sign_test(5000, 0) == 0);
  assert_number_close(ag_sign_test(0, 5000), 1, 1e-9, 0);
  assert_number_close(ag_sign_test(5000, 5000), 0.5, 0.01, 0);
  assert_true(ag_sign_test(0, 0) == 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(has_its_known_values),
      cmocka_unit_test(counts_what_is_as_likely),
      cmocka_unit_test(large_numbers_stay_probabilities),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
