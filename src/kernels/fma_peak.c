/* Multiply-adds in registers, once for each instruction set.
 * This file is compiled with -ffp-contract=fast: a * b + c is one instruction where there is one.
 */
#include "kernels/fma_peak.h"

/* Two units that take four cycles each need eight chains; twelve and the two constants fit the 16
 * registers of AVX2. Named one by one: an array of them would go to memory. */
#define CHAINS 12
#define EACH_CHAIN(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)

/* Each starts elsewhere, or they would be one. They tend to offset / (1 - factor) = 1, and do not
 * grow or fade; the compiler must not know, or it leaves out a chain that is there already. */
static const volatile float factor_value = 0.875F;
static const volatile float offset_value = 0.125F;

#define START(i) vector chain##i = offset * (float)((i) + 1);
#define STEP(i) chain##i = chain##i * factor + offset;
#define ADD(i) total += chain##i;

#define DEFINE_CHAINS(name, attributes, bytes)                \
  attributes static double name(size_t rounds, float *sum)    \
  {                                                           \
    typedef float vector __attribute__((vector_size(bytes))); \
    enum { LANES = (bytes) / sizeof(float) };                 \
    const vector zero = {0};                                  \
    const vector factor = zero + factor_value;                \
    const vector offset = zero + offset_value;                \
    EACH_CHAIN(START)                                         \
    for (size_t round = 0; round < rounds; ++round) {         \
      EACH_CHAIN(STEP)                                        \
    }                                                         \
    vector total = zero;                                      \
    EACH_CHAIN(ADD)                                           \
    *sum = 0;                                                 \
    for (size_t lane = 0; lane < LANES; ++lane)               \
      *sum += total[lane];                                    \
    return 2.0 * CHAINS * LANES * (double)rounds;             \
  }

DEFINE_CHAINS(chains_baseline, , 16)
#ifdef __x86_64__
DEFINE_CHAINS(chains_avx2, __attribute__((target("avx2,fma"))), 32)
DEFINE_CHAINS(chains_avx512, __attribute__((target("avx512f"))), 64)
#endif

typedef struct variant {
  const char *name;
  double (*run)(size_t rounds, float *sum);
} variant;

static variant choose(void)
{
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f")) return (variant){"avx512", chains_avx512};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return (variant){"avx2", chains_avx2};
  }
#endif
  return (variant){"baseline", chains_baseline};
}

double ag_fma_chains(size_t rounds, float *sum)
{
  return choose().run(rounds, sum);
}

const char *ag_fma_instructions(void)
{
  return choose().name;
}
