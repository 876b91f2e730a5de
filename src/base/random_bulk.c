/* Random numbers in bulk: as many Philox blocks side by side as make whole vectors, and Box and
 * Muller's method written out, so that a normal number has the same bits on any machine and the
 * compiler makes vectors of both. Every number is the one that a call for it alone would give. */
#include "advgrid/base.h"

#include <math.h>
#include <string.h>

/* Blocks side by side. Under 32 the compiler unrolls the loop over them before it sees a vector. */
enum { LANES = 64, WORDS = 4 * LANES };

/* On x86-64 there is a version for AVX-512, chosen as the program runs and whatever kernels a job
 * asks for, since its numbers are the same to the bit. */
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

/* ---- bits ---- */

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

/* ---- normal numbers ---- */

IN_EACH_TARGET uint32_t bits_of(float value)
{
  uint32_t bits = 0;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

IN_EACH_TARGET float float_of(uint32_t bits)
{
  float value = 0;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* sqrt(-2 log(v)), where v = 1 - u is in (0, 1], so that the logarithm is finite. With
 * v = 2^e (1 + f), 1 + f from sqrt(1/2) to sqrt(2): log(v) = e log(2) + f - f^2 / 2 + f^3 P(f).
 * P and the two parts of log(2) are those of Cephes' logf (Moshier 1992). */
IN_EACH_TARGET float radius_of(uint32_t drawn)
{
  const uint32_t half_root = 0x3F3504F3U; /* sqrt(1/2) */
  const float v = (float)(int32_t)((1U << 24) - (drawn >> 8)) * 0x1p-24F;
  const uint32_t above = bits_of(v) - half_root;
  const float f = float_of((above & 0x7FFFFFU) + half_root) - 1.0F;
  const float e = (float)((int32_t)above >> 23);
  const float square = f * f;
  float p = 7.0376836292e-2F;
  p = p * f - 1.1514610310e-1F;
  p = p * f + 1.1676998740e-1F;
  p = p * f - 1.2420140846e-1F;
  p = p * f + 1.4249322787e-1F;
  p = p * f - 1.6668057665e-1F;
  p = p * f + 2.0000714765e-1F;
  p = p * f - 2.4999993993e-1F;
  p = p * f + 3.3333331174e-1F;
  const float rest = p * f * square + e * -2.12194440e-4F - 0.5F * square;
  return sqrtf(-2.0F * (f + rest + e * 0.693359375F));
}

/* radius * (cos, sin)(2 pi w): exact to the nearest quarter of a turn, and polynomials for the
 * angle that is left, from -pi/4 to pi/4, which are those of Cephes' sinf and cosf. */
IN_EACH_TARGET void normal_pair(uint32_t first, uint32_t second, float out[2])
{
  const float radius = radius_of(first);
  const int32_t turn = (int32_t)(second >> 8);
  const int32_t quarter = (turn + (1 << 21)) >> 22;
  const float angle = (float)(turn - quarter * (1 << 22)) * (6.283185307F * 0x1p-24F);
  const float z = angle * angle;
  const float s = (-1.9515295891e-4F * z + 8.3321608736e-3F) * z - 1.6666654611e-1F;
  const float c = (2.443315711809948e-5F * z - 1.388731625493765e-3F) * z + 4.166664568298827e-2F;
  const uint32_t sine = bits_of(radius * (s * z * angle + angle));
  const uint32_t cosine = bits_of(radius * (c * z * z - 0.5F * z + 1.0F));
  /* In odd quarters they change places, and each is negative in two quarters: by bits, since a
   * choice would become a branch. */
  const uint32_t change = (sine ^ cosine) & -(uint32_t)(quarter & 1);
  out[0] = float_of(cosine ^ change ^ (uint32_t)((quarter + 1) & 2) << 30);
  out[1] = float_of(sine ^ change ^ (uint32_t)(quarter & 2) << 30);
}

IN_EACH_TARGET void compute_pairs(size_t pairs, const uint32_t *restrict bits, float *restrict out)
{
  for (size_t i = 0; i < pairs; ++i)
    normal_pair(bits[2 * i], bits[2 * i + 1], out + 2 * i);
}

WIDE_TARGET static void compute_pairs_wide(size_t pairs, const uint32_t *bits, float *out)
{
  compute_pairs(pairs, bits, out);
}

static void compute_pairs_plain(size_t pairs, const uint32_t *bits, float *out)
{
  compute_pairs(pairs, bits, out);
}

void ag_random_normals(ag_random *random, float out[2])
{
  const uint32_t first = ag_random_bits(random);
  normal_pair(first, ag_random_bits(random), out);
}

void ag_random_fill_normal(ag_random *random, size_t count, float *values)
{
  while (count > 1) {
    uint32_t bits[WORDS];
    const size_t drawn = count < WORDS ? count / 2 * 2 : WORDS;
    ag_random_fill_bits(random, drawn, bits);
    (has_wide_vectors() ? compute_pairs_wide : compute_pairs_plain)(drawn / 2, bits, values);
    values += drawn;
    count -= drawn;
  }
  if (count == 0) return;
  float pair[2];
  ag_random_normals(random, pair);
  *values = pair[0];
}
