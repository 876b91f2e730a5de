/* Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011).
 * The seed is the key; the counter holds the position in the stream, the step, the
 * sample and the purpose. Constants and rounds are those of the paper's section 4.3. */
#include "advgrid/base.h"

#include <assert.h>

static void philox_block(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = (uint64_t)0xD2511F53U * c0;
    const uint64_t product1 = (uint64_t)0xCD9E8D57U * c2;
    c0 = (uint32_t)(product1 >> 32) ^ c1 ^ k0;
    c2 = (uint32_t)(product0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)product1;
    c3 = (uint32_t)product0;
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

ag_random ag_random_stream(uint64_t seed, ag_purpose purpose, uint32_t sample, uint32_t step)
{
  assert((unsigned)purpose < 256 && step < AG_STEPS_MAXIMUM);
  ag_random random = {
      .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
      .counter = {0, sample, step << 8 | (uint32_t)purpose, 0},
      .used = 4,
  };
  return random;
}

uint32_t ag_random_bits(ag_random *random)
{
  if (random->used == 4) {
    philox_block(random->key, random->counter, random->block);
    random->used = 0;
    if (++random->counter[0] == 0) ++random->counter[3];
  }
  return random->block[random->used++];
}

float ag_random_uniform(ag_random *random)
{
  return (float)(ag_random_bits(random) >> 8) * 0x1p-24F;
}

uint32_t ag_random_below(ag_random *random, uint32_t bound)
{
  assert(bound > 0);
  const uint32_t rejected = (uint32_t)(-bound) % bound;
  for (;;) {
    const uint64_t product = (uint64_t)ag_random_bits(random) * bound;
    if ((uint32_t)product >= rejected) return (uint32_t)(product >> 32);
  }
}

void ag_random_permutation(ag_random *random, size_t count, uint32_t *order)
{
  for (size_t i = 0; i < count; ++i)
    order[i] = (uint32_t)i;
  for (size_t i = count; i > 1; --i) {
    const uint32_t other = ag_random_below(random, (uint32_t)i);
    const uint32_t kept = order[i - 1];
    order[i - 1] = order[other];
    order[other] = kept;
  }
}
