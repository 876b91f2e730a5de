/* Random numbers in bulk: as many Philox blocks side by side as make whole vectors. Every number is
 * the one that a call for it alone would give. */
#include "advgrid/base.h"

#include <string.h>

/* Blocks side by side. Under 32 the compiler unrolls the loop over them before it sees a vector. */
enum { LANES = 64, WORDS = 4 * LANES };

/* On x86-64 there is a version for AVX-512, chosen as the program runs. */
#if defined(__x86_64__) && defined(__GNUC__)
#define WIDE_TARGET \
  __attribute__((target("avx512f,avx512dq,avx512vl,prefer-vector-width=512"), noinline))
#define IN_EACH_TARGET static inline __attribute__((always_inline))
static bool has_wide_vectors(void)
{
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
#else
#define WIDE_TARGET
#define IN_EACH_TARGET static inline
static bool has_wide_vectors(void)
{
  return false;
}
#endif

/* The next LANES blocks of the stream, as philox_block in random.c makes them one by one. */
IN_EACH_TARGET void compute_blocks(const ag_random *random, uint32_t words[WORDS])
{
  uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
  uint32_t k0 = random->key[0], k1 = random->key[1];
  for (uint32_t i = 0; i < LANES; ++i) {
    c0[i] = random->counter[0] + i;
    c1[i] = random->counter[1];
    c2[i] = random->counter[2];
    c3[i] = random->counter[3] + (c0[i] < i);
  }
  for (int round = 0; round < 10; ++round) {
    for (size_t i = 0; i < LANES; ++i) {
      const uint64_t product0 = (uint64_t)0xD2511F53U * c0[i];
      const uint64_t product1 = (uint64_t)0xCD9E8D57U * c2[i];
      c0[i] = (uint32_t)(product1 >> 32) ^ c1[i] ^ k0;
      c2[i] = (uint32_t)(product0 >> 32) ^ c3[i] ^ k1;
      c1[i] = (uint32_t)product1;
      c3[i] = (uint32_t)product0;
    }
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  for (size_t i = 0; i < LANES; ++i) {
    words[4 * i] = c0[i];
    words[4 * i + 1] = c1[i];
    words[4 * i + 2] = c2[i];
    words[4 * i + 3] = c3[i];
  }
}

WIDE_TARGET static void compute_blocks_wide(const ag_random *random, uint32_t words[WORDS])
{
  compute_blocks(random, words);
}

static void compute_blocks_plain(const ag_random *random, uint32_t words[WORDS])
{
  compute_blocks(random, words);
}

void ag_random_fill_bits(ag_random *random, size_t count, uint32_t *bits)
{
  for (; count > 0 && random->used < 4; --count)
    *bits++ = ag_random_bits(random);
  /* For fewer than half of the lanes, one block after another is as fast. */
  while (count >= WORDS / 2) {
    uint32_t words[WORDS];
    const size_t drawn = count < WORDS ? count / 4 * 4 : WORDS;
    const uint32_t blocks = (uint32_t)(drawn / 4);
    (has_wide_vectors() ? compute_blocks_wide : compute_blocks_plain)(random, words);
    memcpy(bits, words, drawn * sizeof *bits);
    bits += drawn;
    count -= drawn;
    memcpy(random->block, bits - 4, sizeof random->block);
    random->counter[0] += blocks;
    if (random->counter[0] < blocks) ++random->counter[3];
  }
  for (; count > 0; --count)
    *bits++ = ag_random_bits(random);
}

void ag_random_fill_uniform(ag_random *random, size_t count, float *values)
{
  while (count > 0) {
    uint32_t bits[WORDS];
    const size_t drawn = count < WORDS ? count : WORDS;
    ag_random_fill_bits(random, drawn, bits);
    /* Signed: the conversion that every vector unit has. */
    for (size_t i = 0; i < drawn; ++i)
      values[i] = (float)(int32_t)(bits[i] >> 8) * 0x1p-24F;
    values += drawn;
    count -= drawn;
  }
}
