/* The line through messages: found again where they lie on one, and near it where they do not. */
#include "support/fixture.h"

#include "run/bench_scaling.h"

enum { SIZES = 8 };
static const double latency = 3e-6;
static const double bandwidth = 1.2e9;

/* Messages on the line, each off by `share` up or down. */
static void fit(double share, double *fitted_latency, double *fitted_bandwidth)
{
  double bytes[SIZES];
  double seconds[SIZES];
  for (size_t i = 0; i < SIZES; ++i) {
    bytes[i] = (double)(16U << (2 * i));
    const double exact = latency + bytes[i] / bandwidth;
    seconds[i] = exact * (i % 2 == 0 ? 1 + share : 1 - share);
  }
  ag_bench_messages_fit(SIZES, bytes, seconds, fitted_latency, fitted_bandwidth);
}

static void a_line_is_found_again(void **state)
{
  double a = 0;
  double b = 0;
  (void)state;
  fit(0, &a, &b);
  assert_number_close(a, latency, 0, 1e-9);
  assert_number_close(b, bandwidth, 0, 1e-9);
}

/* A twentieth of the longest message is four times the latency, which it must not drown. */
static void the_short_ones_count_too(void **state)
{
  double a = 0;
  double b = 0;
  (void)state;
  fit(0.05, &a, &b);
  assert_number_close(a, latency, 0, 0.06);
  assert_number_close(b, bandwidth, 0, 0.06);
  assert_true(a != latency && b != bandwidth);
}

/* Two points, by hand: of times 2 and 6 for 0 and 8 bytes. */
static void two_messages_make_a_line(void **state)
{
  const double bytes[] = {0, 8};
  const double seconds[] = {2, 6};
  double a = 0;
  double b = 0;
  (void)state;
  ag_bench_messages_fit(2, bytes, seconds, &a, &b);
  assert_number_close(a, 2, 0, 1e-12);
  assert_number_close(b, 2, 0, 1e-12);
}

/* A line that falls, or begins below zero, is noise. */
static void no_number_is_below_zero(void **state)
{
  const double bytes[] = {10, 1000};
  const double falling[] = {3, 2};
  const double steep[] = {1, 500};
  double a = 0;
  double b = 0;
  (void)state;
  ag_bench_messages_fit(2, bytes, falling, &a, &b);
  assert_true(a > 0);
  assert_number_close(b, 500, 0, 1e-12);
  ag_bench_messages_fit(2, bytes, steep, &a, &b);
  assert_number_close(a, 1, 0, 1e-12);
  assert_number_close(b, 990.0 / 499, 0, 1e-9);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_line_is_found_again),
      cmocka_unit_test(the_short_ones_count_too),
      cmocka_unit_test(two_messages_make_a_line),
      cmocka_unit_test(no_number_is_below_zero),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
