/* The chains of multiply-adds: that they are run, all of them, and counted. */
#include "support/fixture.h"

#include "kernels/fma_peak.h"

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
  enum { CHAINS = 12 };
  for (size_t rounds = 0; rounds < 5; ++rounds) {
    float sum = -1;
    double expected = 0;
    /* Rounds of all lanes of all chains; the widest vector has 16 lanes. */
    const double operations = ag_fma_chains(rounds, &sum);
    float one_sum = 0;
    const double lanes = ag_fma_chains(1, &one_sum) / (2 * CHAINS);
    assert_true(lanes == 4 || lanes == 8 || lanes == 16);
    assert_true(operations == 2 * CHAINS * lanes * (double)rounds);
    for (size_t i = 1; i <= CHAINS; ++i)
      expected += lanes * chain_of(i, rounds);
    assert_float_equal(sum, expected, 1e-4);
  }
}

static void chains_stay_ordinary_numbers(void **state)
{
  (void)state;
  float sum = 0;
  const double operations = ag_fma_chains(100000, &sum);
  assert_float_equal(sum, operations / 2 / 100000, 1e-2); /* each lane tends to 1 */
}

static void instruction_set_fits_the_lanes(void **state)
{
  (void)state;
  float sum = 0;
  const double lanes = ag_fma_chains(1, &sum) / 24;
  const char *name = lanes == 16 ? "avx512" : lanes == 8 ? "avx2" : "baseline";
  assert_string_equal(ag_fma_instructions(), name);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_chain_is_run),
      cmocka_unit_test(chains_stay_ordinary_numbers),
      cmocka_unit_test(instruction_set_fits_the_lanes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
