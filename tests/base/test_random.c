/* Random numbers: Philox against the vectors that its authors publish, what a stream depends on,
 * and whether the numbers drawn from it have the distributions they should. */
#include "support/fixture.h"

/* ---- the generator ---------------------------------------------------------------- */

/* Random123's kat_vectors, the lines "philox4x32 10": counter, key, result. */
static const struct {
  uint32_t counter[4], key[2], result[4];
} known_answers[] = {
    {{0}, {0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static void generator_gives_the_known_answers(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof known_answers / sizeof *known_answers; ++i) {
    ag_random random = {.used = 4};
    memcpy(random.counter, known_answers[i].counter, sizeof random.counter);
    memcpy(random.key, known_answers[i].key, sizeof random.key);
    for (size_t word = 0; word < 4; ++word)
      assert_int_equal(ag_random_bits(&random), known_answers[i].result[word]);
  }
}

/* The counter's first word counts blocks, and its last one takes the carry. */
static void blocks_follow_each_other(void **state)
{
  (void)state;
  ag_random random = {.counter = {0xfffffffe, 1, 2, 0}, .key = {3, 4}, .used = 4};
  const uint32_t counters[][2] = {{0xfffffffe, 0}, {0xffffffff, 0}, {0, 1}, {1, 1}};
  for (size_t block = 0; block < 4; ++block) {
    ag_random alone = {
        .counter = {counters[block][0], 1, 2, counters[block][1]}, .key = {3, 4}, .used = 4};
    for (size_t word = 0; word < 4; ++word)
      assert_int_equal(ag_random_bits(&random), ag_random_bits(&alone));
  }
}

/* Stored results depend on this order: seed in the key, then sample, then step and purpose. */
static void stream_is_keyed_by_its_four_numbers(void **state)
{
  (void)state;
  const ag_random random =
      ag_random_stream(0x0123456789abcdef, AG_PURPOSE_NOISE, 0xfedcba98, 0xabcdef);
  assert_int_equal(random.key[0], 0x89abcdef);
  assert_int_equal(random.key[1], 0x01234567);
  assert_int_equal(random.counter[0], 0);
  assert_int_equal(random.counter[1], 0xfedcba98);
  assert_int_equal(random.counter[2], 0xabcdef06);
  assert_int_equal(random.counter[3], 0);
}

static uint32_t first_bits(uint64_t seed, ag_purpose purpose, uint32_t sample, uint32_t step)
{
  ag_random random = ag_random_stream(seed, purpose, sample, step);
  return ag_random_bits(&random);
}

static void streams_differ_in_each_number(void **state)
{
  (void)state;
  const uint32_t base = first_bits(1, AG_PURPOSE_TEST, 2, 3);
  assert_int_equal(first_bits(1, AG_PURPOSE_TEST, 2, 3), base);
  assert_int_not_equal(first_bits(2, AG_PURPOSE_TEST, 2, 3), base);
  assert_int_not_equal(first_bits(1 + (1ULL << 32), AG_PURPOSE_TEST, 2, 3), base);
  assert_int_not_equal(first_bits(1, AG_PURPOSE_NOISE, 2, 3), base);
  assert_int_not_equal(first_bits(1, AG_PURPOSE_TEST, 3, 3), base);
  assert_int_not_equal(first_bits(1, AG_PURPOSE_TEST, 2, 4), base);
  assert_int_not_equal(first_bits(1, AG_PURPOSE_TEST, 3, 2), base);
}

/* ---- distributions: every draw is fixed, so the limits cannot be missed by chance ---- */

/* Pearson's statistic of counts that should all be alike. */
static double chi_squared(const size_t *counts, size_t bins, size_t draws)
{
  const double expected = (double)draws / (double)bins;
  double sum = 0;
  for (size_t i = 0; i < bins; ++i) {
    const double off = (double)counts[i] - expected;
    sum += off * off / expected;
  }
  return sum;
}

/* Within four deviations of a chi-squared variable with bins - 1 degrees: not too even either. */
static void assert_even(const size_t *counts, size_t bins, size_t draws)
{
  const double degrees = (double)bins - 1;
  assert_number_close(chi_squared(counts, bins, draws), degrees, 4 * sqrt(2 * degrees), 0);
}

static void uniform_fills_its_interval(void **state)
{
  (void)state;
  enum { DRAWS = 1 << 18, BINS = 256 };
  size_t high[BINS] = {0};
  size_t low[BINS] = {0};
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, 0, 0);
  for (size_t i = 0; i < DRAWS; ++i) {
    const float value = ag_random_uniform(&random);
    assert_true(value >= 0 && value < 1);
    const double whole = (double)value * 0x1p24; /* 24 bits, and no more */
    assert_true(whole == floor(whole));
    ++high[(size_t)whole >> 16];
    ++low[(size_t)whole & 255];
  }
  assert_even(high, BINS, DRAWS);
  assert_even(low, BINS, DRAWS);
}

/* Pairs of numbers fill the unit square: from one stream, and from the same place of two streams
 * that are neighbours in sample, step, purpose or seed. */
static void neighbours_are_independent(void **state)
{
  (void)state;
  enum { DRAWS = 1 << 16, SIDE = 16, BINS = SIDE * SIDE };
  for (uint32_t way = 0; way < 5; ++way) {
    size_t counts[BINS] = {0};
    for (uint32_t i = 0; i < DRAWS; ++i) {
      ag_random one = ag_random_stream(5, AG_PURPOSE_ATTACK, i, 0);
      ag_random two = ag_random_stream(5, AG_PURPOSE_ATTACK, i + 1, 0);
      if (way == 1) two = ag_random_stream(5, AG_PURPOSE_ATTACK, i, 1);
      if (way == 2) two = ag_random_stream(5, AG_PURPOSE_NOISE, i, 0);
      if (way == 3) two = ag_random_stream(6, AG_PURPOSE_ATTACK, i, 0);
      const uint32_t first = ag_random_bits(&one) >> 28;
      const uint32_t second = ag_random_bits(way == 4 ? &one : &two) >> 28;
      ++counts[first * SIDE + second];
    }
    assert_even(counts, BINS, DRAWS);
  }
}

/* Of 3 * 2^30 numbers a plain product or remainder of 32 bits gives a third twice as often. */
static void below_has_no_bias(void **state)
{
  (void)state;
  enum { DRAWS = 30000, THIRD = 1 << 30 };
  size_t by_size[3] = {0};
  size_t by_remainder[3] = {0};
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, 1, 0);
  for (size_t i = 0; i < DRAWS; ++i) {
    const uint32_t value = ag_random_below(&random, 3U * THIRD);
    assert_true(value < 3U * THIRD);
    ++by_size[value / THIRD];
    ++by_remainder[value % 3];
  }
  assert_even(by_size, 3, DRAWS);
  assert_even(by_remainder, 3, DRAWS);
}

static void below_reaches_every_value(void **state)
{
  (void)state;
  enum { DRAWS = 70000, BOUND = 7 };
  size_t counts[BOUND] = {0};
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, 2, 0);
  for (size_t i = 0; i < 100; ++i)
    assert_int_equal(ag_random_below(&random, 1), 0);
  for (size_t i = 0; i < DRAWS; ++i)
    ++counts[ag_random_below(&random, BOUND)];
  assert_even(counts, BOUND, DRAWS);
}

/* Both numbers of a pair have the moments of N(0, 1), and they do not go together. */
static void normals_are_normal(void **state)
{
  (void)state;
  enum { PAIRS = 1 << 17 };
  double sums[2][4] = {{0}};
  double product = 0;
  double within = 0;
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, 3, 0);
  for (size_t i = 0; i < PAIRS; ++i) {
    float pair[2];
    ag_random_normals(&random, pair);
    for (size_t j = 0; j < 2; ++j) {
      const double value = (double)pair[j];
      assert_true(isfinite(value));
      sums[j][0] += value;
      sums[j][1] += value * value;
      sums[j][2] += value * value * value;
      sums[j][3] += value * value * value * value;
      if (fabs(value) < 0.6744897501960817) within += 0.5; /* the quartiles */
    }
    product += (double)pair[0] * (double)pair[1];
  }
  const double n = PAIRS;
  for (size_t j = 0; j < 2; ++j) {
    assert_number_close(sums[j][0] / n, 0, 4 / sqrt(n), 0);
    assert_number_close(sums[j][1] / n, 1, 4 * sqrt(2 / n), 0);
    assert_number_close(sums[j][2] / n, 0, 4 * sqrt(15 / n), 0);
    assert_number_close(sums[j][3] / n, 3, 4 * sqrt(96 / n), 0);
  }
  assert_number_close(product / n, 0, 4 / sqrt(n), 0);
  assert_number_close(within / n, 0.5, 4 * sqrt(0.125 / n), 0);
}

/* |value| is over 1, 2, 3 and 4 as often as it should be. */
static void normals_have_their_tails(void **state)
{
  (void)state;
  enum { DRAWS = 1 << 20 };
  const double shares[] = {0.31731050786291415, 0.04550026389635842, 0.0026997960632601866,
                           6.334248366623996e-05};
  size_t counts[2][4] = {{0}}; /* negative, positive */
  float *values = test_floats(DRAWS);
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, 4, 0);
  ag_random_fill_normal(&random, DRAWS, values);
  for (size_t i = 0; i < DRAWS; ++i) {
    for (size_t limit = 0; limit < 4; ++limit)
      counts[values[i] > 0][limit] += fabsf(values[i]) > (float)(limit + 1);
  }
  for (size_t limit = 0; limit < 4; ++limit) {
    const double expected = DRAWS * shares[limit] / 2;
    assert_number_close((double)counts[0][limit], expected, 4 * sqrt(expected), 0);
    assert_number_close((double)counts[1][limit], expected, 4 * sqrt(expected), 0);
  }
  free(values);
}

/* In units of the last place of a float; near zero, where the double is inexact too, in 1e-12. */
static double units_off(float value, double want)
{
  int exponent = 0;
  frexp(want, &exponent);
  return fabs((double)value - want) / fmax(ldexp(1, exponent - 24), 1e-12);
}

static void assert_pair_close(uint32_t first, uint32_t second)
{
  ag_random random = {.block = {first << 8 | 0x5a, second << 8 | 0xa5}};
  float pair[2];
  ag_random_normals(&random, pair);
  const double radius = sqrt(-2 * log(1 - first * 0x1p-24));
  const double angle = 2 * 3.14159265358979324 * second * 0x1p-24;
  assert_true(units_off(pair[0], radius * cos(angle)) < 4);
  assert_true(units_off(pair[1], radius * sin(angle)) < 4);
}

/* The first number at both of its ends and at powers of two, the second around each eighth of a
 * turn; then both all over. */
static void normals_agree_with_double(void **state)
{
  (void)state;
  enum { WHOLE = 1 << 24 };
  for (uint32_t bit = 0; bit < 24; ++bit) {
    for (uint32_t off = 0; off < 3; ++off) {
      for (uint32_t eighth = 0; eighth < 8; ++eighth) {
        const uint32_t second = eighth * (WHOLE / 8) + off - 1;
        assert_pair_close(((1U << bit) + off - 1) % WHOLE, second % WHOLE);
        assert_pair_close((WHOLE - (1U << bit) + off) % WHOLE, second % WHOLE);
      }
    }
  }
  for (uint32_t i = 0; i < WHOLE; i += 61)
    assert_pair_close(i, i * 2654435761U % WHOLE);
}

/* ---- in bulk: what one call after another gives, to the last bit of numbers and state ---- */

/* Around blocks of four and around the groups that are computed at once. */
static const size_t bulk_counts[] = {0,   1,   2,   3,   4,   5,   7,    64,   127,  128, 129, 130,
                                     131, 132, 255, 256, 257, 259, 260,  383,  384,  385, 511, 512,
                                     515, 640, 767, 768, 769, 999, 1000, 1027, 3072, 4608};
enum { BULK_COUNTS = sizeof bulk_counts / sizeof *bulk_counts, BULK_MOST = 4608 };

/* A stream of which `drawn` numbers are used up, and whose block counter is about to turn over. */
static ag_random used_stream(uint32_t drawn)
{
  ag_random random = ag_random_stream(3, AG_PURPOSE_TEST, 1, 2);
  random.counter[0] = UINT32_MAX - 70;
  random.counter[3] = UINT32_MAX;
  while (drawn-- > 0)
    ag_random_bits(&random);
  return random;
}

static void bulk_bits_are_those_of_calls(void **state)
{
  (void)state;
  uint32_t bits[BULK_MOST + 1];
  for (uint32_t drawn = 0; drawn < 6; ++drawn) {
    for (size_t index = 0; index < BULK_COUNTS; ++index) {
      const size_t count = bulk_counts[index];
      ag_random bulk = used_stream(drawn);
      ag_random calls = used_stream(drawn);
      bits[count] = 0x12345678;
      ag_random_fill_bits(&bulk, count, bits);
      for (size_t i = 0; i < count; ++i)
        assert_int_equal(bits[i], ag_random_bits(&calls));
      assert_int_equal(bits[count], 0x12345678);
      assert_memory_equal(&bulk, &calls, sizeof bulk);
    }
  }
}

static void bulk_floats_are_those_of_calls(void **state)
{
  (void)state;
  float *values = test_floats(BULK_MOST + 1);
  float *want = test_floats(BULK_MOST + 2);
  for (uint32_t drawn = 0; drawn < 5; ++drawn) {
    for (size_t index = 0; index < BULK_COUNTS; ++index) {
      const size_t count = bulk_counts[index];
      ag_random bulk = used_stream(drawn);
      ag_random calls = bulk;
      for (size_t i = 0; i < count; ++i)
        want[i] = ag_random_uniform(&calls);
      values[count] = want[count] = 7;
      ag_random_fill_uniform(&bulk, count, values);
      assert_same_bits(values, want, count + 1);
      assert_memory_equal(&bulk, &calls, sizeof bulk);

      for (size_t i = 0; i < count; i += 2)
        ag_random_normals(&calls, want + i);
      want[count] = 7;
      ag_random_fill_normal(&bulk, count, values);
      assert_same_bits(values, want, count + 1);
      assert_memory_equal(&bulk, &calls, sizeof bulk);
    }
  }
  free(values);
  free(want);
}

/* ---- permutations ------------------------------------------------------------------- */

static void permutation_has_each_number_once(void **state)
{
  (void)state;
  enum { LONGEST = 1000 };
  const size_t counts[] = {0, 1, 2, 3, 17, LONGEST};
  for (size_t index = 0; index < sizeof counts / sizeof *counts; ++index) {
    uint32_t order[LONGEST + 1];
    bool seen[LONGEST] = {false};
    memset(order, 0xff, sizeof order);
    ag_random random = ag_random_stream(1, AG_PURPOSE_ORDER, 0, (uint32_t)index);
    ag_random_permutation(&random, counts[index], order);
    size_t in_place = 0;
    for (size_t i = 0; i < counts[index]; ++i) {
      assert_true(order[i] < counts[index] && !seen[order[i]]);
      seen[order[i]] = true;
      in_place += order[i] == i;
    }
    assert_int_equal(order[counts[index]], UINT32_MAX);
    if (counts[index] == LONGEST) assert_true(in_place < 10);
  }
}

static void permutations_are_equally_likely(void **state)
{
  (void)state;
  enum { DRAWS = 24000 };
  size_t counts[24] = {0};
  for (uint32_t i = 0; i < DRAWS; ++i) {
    uint32_t order[4];
    ag_random random = ag_random_stream(1, AG_PURPOSE_ORDER, i, 0);
    ag_random_permutation(&random, 4, order);
    size_t number = 0; /* in the factorial number system */
    for (size_t j = 0; j < 4; ++j) {
      size_t smaller = 0;
      for (size_t k = j + 1; k < 4; ++k)
        smaller += order[k] < order[j];
      number = number * (4 - j) + smaller;
    }
    ++counts[number];
  }
  assert_even(counts, 24, DRAWS);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(generator_gives_the_known_answers),
      cmocka_unit_test(blocks_follow_each_other),
      cmocka_unit_test(stream_is_keyed_by_its_four_numbers),
      cmocka_unit_test(streams_differ_in_each_number),
      cmocka_unit_test(uniform_fills_its_interval),
      cmocka_unit_test(neighbours_are_independent),
      cmocka_unit_test(below_has_no_bias),
      cmocka_unit_test(below_reaches_every_value),
      cmocka_unit_test(normals_are_normal),
      cmocka_unit_test(normals_have_their_tails),
      cmocka_unit_test(normals_agree_with_double),
      cmocka_unit_test(bulk_bits_are_those_of_calls),
      cmocka_unit_test(bulk_floats_are_those_of_calls),
      cmocka_unit_test(permutation_has_each_number_once),
      cmocka_unit_test(permutations_are_equally_likely),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
