/* What certificates are computed from: bounds of proportions, quantiles and radii, by hand and as
 * SciPy has them. */
#include "support/fixture.h"

#include "attack/proportions.h"
#include "attack/radius.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* n = 1: p = alpha. One of two: 1 - (1 - p)^2 = alpha. All of n: p^n = alpha. */
static void bounds_by_hand(void **state)
{
  (void)state;
  assert_number_close(ag_proportion_low(1, 1, 0.05), 0.05, 0, 1e-13);
  assert_number_close(ag_proportion_low(1, 2, 0.19), 0.1, 0, 1e-13);
  assert_number_close(ag_proportion_high(1, 2, 0.19), 0.9, 0, 1e-13);
  assert_number_close(ag_proportion_low(3, 3, 0.001), 0.1, 0, 1e-13);
  assert_number_close(ag_proportion_high(0, 3, 0.001), 0.9, 0, 1e-13);
  assert_true(ag_proportion_low(0, 3, 0.001) == 0);
  assert_true(ag_proportion_high(3, 3, 0.001) == 1);
}

static void bounds_are_those_of_scipy(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT_OF(proportions); ++i) {
    const size_t k = proportions[i].successes;
    const size_t n = proportions[i].trials;
    assert_number_close(ag_proportion_low(k, n, proportions[i].alpha), proportions[i].low, 1e-12,
                        0);
    assert_number_close(ag_proportion_high(k, n, proportions[i].alpha), proportions[i].high, 1e-12,
                        0);
    /* A small one to as many places. */
    assert_number_close(ag_proportion_low(k, n, proportions[i].alpha), proportions[i].low, 0, 1e-9);
  }
}

/* More successes or a larger alpha leave a higher bound, and none lies above what was seen. */
static void bounds_are_in_order(void **state)
{
  (void)state;
  double before = -1;
  for (size_t k = 0; k <= 200; ++k) {
    const double low = ag_proportion_low(k, 200, 0.01);
    assert_true(low > before && low <= (double)k / 200);
    assert_true(k == 0 || low < ag_proportion_low(k, 200, 0.02));
    before = low;
  }
}

static void quantiles_are_those_of_scipy(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT_OF(quantiles); ++i)
    assert_number_close(ag_normal_quantile(quantiles[i].p), quantiles[i].x, 0, 1e-12);
}

/* sigma 1/4, 100 of 100 draws at alpha 0.001: low = 0.001^(1/100) = 10^-0.03 = 0.9332543. Tables
 * have Phi(1.5) = 0.9331928 and its slope 0.1295176: the quantile is 1.500475. */
static void radius_by_hand(void **state)
{
  (void)state;
  const double low = ag_proportion_low(100, 100, 0.001);
  assert_number_close(low, 0.9332543007969, 1e-12, 0);
  assert_number_close(ag_radius_cohen(0.25, low), 0.25 * 1.500475, 1e-6, 0);
  assert_number_close(ag_radius_cohen(2, 0.975), 2 * 1.959963984540054, 0, 1e-12);
  assert_true(ag_radius_cohen(0.25, 0.5) == 0);
  assert_true(ag_radius_cohen(0.25, 0.2) == 0);
  assert_true(ag_radius_cohen(0.25, 0.5 + 1e-9) > 0);
}

/* epsilon 1 is the best without another class: delta = low / (1 + e). */
static void lecuyers_radius_by_hand(void **state)
{
  (void)state;
  const double delta = 1 / (1 + exp(1));
  assert_number_close(ag_radius_lecuyer(0.5, 1, 0), 0.5 / sqrt(2 * log(1.25 / delta)), 0, 1e-12);
  assert_true(ag_radius_lecuyer(0.5, 0.4, 0.4) == 0);
  assert_true(ag_radius_lecuyer(0.5, 0.3, 0.4) == 0);
}

static void lecuyers_radii_are_those_of_a_search(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT_OF(radii); ++i) {
    const double radius = ag_radius_lecuyer(0.25, radii[i].first, radii[i].second);
    assert_number_close(radius, 0.25 * radii[i].radius, 1e-15, 1e-9);
  }
}

/* Cohen's bound is the best there is for Gaussian noise. */
static void cohens_radius_is_larger(void **state)
{
  (void)state;
  for (size_t i = 1; i < 100; ++i) {
    const double low = 0.5 + 0.005 * (double)i;
    assert_true(ag_radius_cohen(1, low) > ag_radius_lecuyer(1, low, 1 - low));
    assert_true(ag_radius_lecuyer(1, low, 1 - low) > 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bounds_by_hand),
      cmocka_unit_test(bounds_are_those_of_scipy),
      cmocka_unit_test(bounds_are_in_order),
      cmocka_unit_test(quantiles_are_those_of_scipy),
      cmocka_unit_test(radius_by_hand),
      cmocka_unit_test(lecuyers_radius_by_hand),
      cmocka_unit_test(lecuyers_radii_are_those_of_a_search),
      cmocka_unit_test(cohens_radius_is_larger),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
