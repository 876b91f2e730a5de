/* Multiply-adds in registers and nothing else: what this instruction set can do at most. */
#include "kernels/vector/vector.h"

/* Two units that take four cycles each need eight chains; twelve and the two constants fit the 16
 * registers of AVX2. */
enum { CHAINS = 12 };

/* Each starts elsewhere, or they would be one. They tend to offset / (1 - factor) = 1, and do not
 * grow or fade; the compiler must not know, or it leaves out a chain that is there already. */
static const volatile float factor_value = 0.875F;
static const volatile float offset_value = 0.125F;

double AG_VECTOR(fma_chains)(size_t rounds, float *sum)
{
  const wide zero = {0};
  const wide factor = zero + factor_value;
  const wide offset = zero + offset_value;
  wide chains[CHAINS];
  for (size_t i = 0; i < CHAINS; ++i)
    chains[i] = offset * (float)(i + 1);
  for (size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (size_t i = 0; i < CHAINS; ++i)
      chains[i] = chains[i] * factor + offset;
  }
  wide total = zero;
  for (size_t i = 0; i < CHAINS; ++i)
    total += chains[i];
  *sum = 0;
  for (size_t lane = 0; lane < WIDE; ++lane)
    *sum += total[lane];
  return 2.0 * CHAINS * WIDE * (double)rounds;
}
