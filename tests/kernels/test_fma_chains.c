/* The chains of multiply-adds, by every instruction set: that they are run, all of them, and
 * counted. */
#include "support/fixture.h"

#include "kernels/variant.h"

enum { CHAINS = 12 };

/* The instruction set under test. */
static const ag_variant *variant;

/* What one chain is after so many rounds; sums of few bits, so that fused or not is the same. */
static double chain_of(size_t start, size_t rounds)
{
  double value = 0.125 * (double)start;
  for (size_t round = 0; round < rounds; ++round)
    value = value * 0.875 + 0.125;
  return value;
}

static void every_chain_is_run(void **state)
{
  (void)state;
  const double lanes = (double)variant->lanes;
  for (size_t rounds = 0; rounds < 5; ++rounds) {
    float sum = -1;
    double expected = 0;
    assert_true(variant->fma_chains(rounds, &sum) == 2 * CHAINS * lanes * (double)rounds);
    for (size_t i = 1; i <= CHAINS; ++i)
      expected += lanes * chain_of(i, rounds);
    assert_number_close((double)sum, expected, 1e-4, 0);
  }
}

static void chains_stay_ordinary_numbers(void **state)
{
  (void)state;
  float sum = 0;
  variant->fma_chains(100000, &sum);
  assert_number_close((double)sum, CHAINS * (double)variant->lanes, 1e-2,
                      0); /* each lane tends to 1 */
}

static void lanes_are_those_of_the_set(void **state)
{
  (void)state;
  const char *name = variant->lanes == 16 ? "avx512" : variant->lanes == 8 ? "avx2" : "baseline";
  assert_string_equal(ag_variant_name(variant), name);
}

int main(void)
{
  static const char *const names[] = {"avx512", "avx2", "baseline"};
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_chain_is_run),
      cmocka_unit_test(chains_stay_ordinary_numbers),
      cmocka_unit_test(lanes_are_those_of_the_set),
  };
  int failed = 0;
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    variant = ag_variant_find(names[i]);
    if (variant == NULL) continue; /* this processor does not run it */
    failed += _cmocka_run_group_tests(names[i], tests, sizeof tests / sizeof *tests, NULL, NULL);
  }
  return failed;
}
