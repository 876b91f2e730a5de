/* The threat model in L2: cases by hand, loops in double, starts that fill the ball evenly, and a
 * measure that finds what leaves it and blames no rounding. */
#include "support/fixture.h"

#include "advgrid/attack.h"

enum { COUNT = 5, FLOATS = 777 };

static ag_threat ball(float epsilon)
{
  return (ag_threat){.epsilon = epsilon, .norm = AG_NORM_L2};
}

static double length_of(size_t floats, const float *x0, const float *x)
{
  double sum = 0;
  for (size_t i = 0; i < floats; ++i)
    sum += ((double)x[i] - (double)x0[i]) * ((double)x[i] - (double)x0[i]);
  return sqrt(sum);
}

/* 3, 4 and 5: halved it is in the ball; then what is under 0 or over 1 is clipped. */
static void projects_by_hand(void **state)
{
  (void)state;
  static const float x0[] = {0.2F, 0.3F, 0.9F, 0.1F, 0.5F, 0.5F};
  float x[] = {0.5F, 0.7F, 1.5F, -0.7F, 0.6F, 0.5F};
  static const float want[] = {0.35F, 0.5F, 1, 0, 0.6F, 0.5F};
  const ag_threat threat = ball(0.25F);
  ag_threat_project(&threat, 3, 2, x0, x);
  assert_close(x, want, 6, 1e-7, 0);
  assert_same_bits(x + 4, want + 4, 2); /* in the ball already */
}

static void clips_without_a_bound(void **state)
{
  (void)state;
  static const float x0[] = {0.2F, 0.3F, 0.4F};
  float x[] = {-7, 0.9F, 7};
  static const float want[] = {0, 0.9F, 1};
  const ag_threat threat = ball(INFINITY);
  ag_threat_project(&threat, 1, 3, x0, x);
  assert_same_bits(x, want, 3);
}

static void projection_agrees_with_loops(void **state)
{
  (void)state;
  static const float epsilons[] = {0, 1e-3F, 0.5F, 4, 100};
  for (size_t e = 0; e < sizeof epsilons / sizeof *epsilons; ++e) {
    float *x0 = test_floats((size_t)COUNT * FLOATS);
    float *x = test_floats((size_t)COUNT * FLOATS);
    float *want = test_floats((size_t)COUNT * FLOATS);
    const ag_threat threat = ball(epsilons[e]);
    test_fill(x0, (size_t)COUNT * FLOATS, 1, 0, 1);
    test_fill(x, (size_t)COUNT * FLOATS, 2, -0.5F, 1.5F);
    for (size_t i = 0; i < COUNT; ++i) {
      const float *from = x0 + i * FLOATS;
      const double scale = fmin(1, (double)epsilons[e] / length_of(FLOATS, from, x + i * FLOATS));
      for (size_t k = 0; k < FLOATS; ++k) {
        const double moved = (double)x[i * FLOATS + k] - (double)from[k];
        want[i * FLOATS + k] = (float)fmin(1, fmax(0, (double)from[k] + scale * moved));
      }
    }
    ag_threat_project(&threat, COUNT, FLOATS, x0, x);
    assert_close(x, want, (size_t)COUNT * FLOATS, 1e-7, 0);
    free(want);
    free(x);
    free(x0);
  }
}

/* Each image by the length of its own gradient, however large or small. */
static void steps_by_hand(void **state)
{
  (void)state;
  static const float x0[] = {0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F};
  static const float gradient[] = {3, -4, 3e-30F, 4e-30F, 0, -0.0F, INFINITY, 1, -3e30F, 4e30F};
  static const float want[] = {0.56F, 0.42F, 0.56F, 0.58F, 0.5F, 0.5F, 0.5F, 0.5F, 0.44F, 0.58F};
  float x[10];
  const ag_threat threat = ball(1);
  memcpy(x, x0, sizeof x);
  ag_threat_step(&threat, 5, 2, 0.1F, x0, gradient, x);
  assert_close(x, want, 10, 1e-7, 0);
}

/* On from where it is, and back onto the ball around x0. */
static void steps_end_in_the_ball(void **state)
{
  (void)state;
  static const float x0[] = {0.5F, 0.5F};
  static const float gradient[] = {0, 10};
  float x[] = {0.53F, 0.5F};
  static const float want[] = {0.53F, 0.54F}; /* 3, 4, 5 */
  const ag_threat threat = ball(0.05F);
  ag_threat_step(&threat, 1, 2, 0.04F, x0, gradient, x);
  assert_close(x, want, 2, 1e-7, 0);
  static const float further[] = {0.515F, 0.52F};
  x[1] = 0.5F;
  const ag_threat smaller = ball(0.025F);
  ag_threat_step(&smaller, 1, 2, 0.04F, x0, gradient, x);
  assert_close(x, further, 2, 1e-7, 0);
}

/* Of d values: the length is epsilon u^(1/d), and no direction is preferred. */
static void starts_fill_the_ball_evenly(void **state)
{
  (void)state;
  enum { STARTS = 2000, DIMENSIONS = 6 };
  const ag_shape shape = {2, 1, 3};
  const size_t floats = ag_shape_floats(shape);
  const size_t stride = ag_channels_padded(3);
  float *x0 = test_floats(floats);
  float *x = test_floats(floats);
  float drawn[DIMENSIONS];
  const ag_threat threat = ball(0.4F);
  double sums[DIMENSIONS] = {0};
  double volumes = 0;
  double squares = 0;
  for (size_t k = 0; k < floats; ++k)
    x0[k] = k % stride < 3 ? 0.5F : 0;
  for (uint32_t i = 0; i < STARTS; ++i) {
    ag_random random = ag_random_stream(3, AG_PURPOSE_TEST, i, 0);
    ag_threat_start(&threat, shape, &random, x0, drawn, x);
    assert_padding_zero(x, 2, 3);
    const double share = pow(length_of(floats, x0, x) / 0.4, DIMENSIONS);
    assert_true(share < 1 + 1e-5);
    volumes += share / STARTS;
    squares += share * share / STARTS;
    for (size_t k = 0; k < DIMENSIONS; ++k)
      sums[k] += ((double)x[k / 3 * stride + k % 3] - 0.5) / 0.4 / STARTS;
  }
  /* A uniform share: deviations of the means are 0.0065 and 0.0067; of a value 0.35 / 45 = 0.008 */
  assert_number_close(volumes, 0.5, 0.03, 0);
  assert_number_close(squares, 1.0 / 3.0, 0.03, 0);
  for (size_t k = 0; k < DIMENSIONS; ++k)
    assert_number_close(sums[k], 0, 0.04, 0);
  free(x);
  free(x0);
}

/* Stored results depend on which draws a start takes: a normal for each value, then one uniform. */
static void starts_are_drawn_in_order(void **state)
{
  (void)state;
  enum { DIMENSIONS = 27 };
  const ag_shape shape = {3, 3, 3};
  const size_t stride = ag_channels_padded(3);
  const size_t floats = ag_shape_floats(shape);
  float *x0 = test_floats(floats);
  float *x = test_floats(floats);
  float drawn[DIMENSIONS];
  float normals[DIMENSIONS];
  const ag_threat threat = ball(0.4F);
  for (size_t k = 0; k < floats; ++k)
    x0[k] = k % stride < 3 ? 0.5F : 0;
  ag_random random = ag_random_stream(3, AG_PURPOSE_TEST, 1, 2);
  ag_random same = random;
  ag_threat_start(&threat, shape, &random, x0, drawn, x);
  ag_random_fill_normal(&same, DIMENSIONS, normals);
  const double uniform = (double)ag_random_uniform(&same);
  double length = 0;
  for (size_t k = 0; k < DIMENSIONS; ++k)
    length += (double)normals[k] * (double)normals[k];
  const double scale = 0.4 * pow(uniform, 1.0 / DIMENSIONS) / sqrt(length);
  for (size_t k = 0; k < DIMENSIONS; ++k) {
    assert_number_close((double)x[k / 3 * stride + k % 3], 0.5 + scale * (double)normals[k], 1e-6,
                        0);
  }
  free(x);
  free(x0);
}

static void projected_images_are_never_blamed(void **state)
{
  (void)state;
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, 9, 0);
  float x0[FLOATS];
  float x[FLOATS];
  for (size_t round = 0; round < 300; ++round) {
    const ag_threat threat = ball(8 * ag_random_uniform(&random));
    float linf = 0;
    float l2 = 0;
    for (size_t i = 0; i < FLOATS; ++i) {
      x0[i] = 0.5F + 0.5F * ag_random_uniform(&random);
      x[i] = x0[i] - 0.9F * ag_random_uniform(&random);
    }
    ag_threat_project(&threat, 1, FLOATS, x0, x);
    assert_int_equal(ag_threat_measure(&threat, FLOATS, x0, x, &linf, &l2), AG_OK);
    assert_number_close((double)l2, length_of(FLOATS, x0, x), 0, 1e-6);
  }
}

/* In L2 no value alone breaks the bound, but for [0,1]. */
static void broken_bounds_are_found(void **state)
{
  (void)state;
  const ag_threat threat = ball(0.5F);
  const ag_threat unbounded = ball(INFINITY);
  float linf = 0;
  float l2 = 0;
  static const float x0[] = {0.3F, 0.4F, 0.5F};
  static const float inside[] = {0.6F, 0.8F, 0.5F};
  static const float outside[] = {0.6F, 0.8F, 0.51F};
  static const float below[] = {0.3F, 0.4F, -1e-6F};
  static const float above[] = {0.3F, 1.000001F, 0.5F};
  static const float not_a_number[] = {0.3F, NAN, 0.5F};
  assert_int_equal(ag_threat_measure(&threat, 3, x0, inside, &linf, &l2), AG_OK);
  assert_number_close((double)linf, 0.4, 1e-6, 0);
  assert_number_close((double)l2, 0.5, 1e-6, 0);
  assert_int_equal(ag_threat_measure(&threat, 3, x0, outside, &linf, &l2), AG_BOUND_BROKEN);
  assert_non_null(strstr(ag_message(), "far in L2, out of epsilon 0.5"));
  assert_int_equal(ag_threat_measure(&threat, 3, x0, below, &linf, &l2), AG_BOUND_BROKEN);
  assert_int_equal(ag_threat_measure(&threat, 3, x0, not_a_number, &linf, &l2), AG_BOUND_BROKEN);
  assert_int_equal(ag_threat_measure(&unbounded, 3, x0, outside, &linf, &l2), AG_OK);
  assert_int_equal(ag_threat_measure(&unbounded, 3, x0, above, &linf, &l2), AG_BOUND_BROKEN);
  assert_non_null(strstr(ag_message(), "value 1"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(projects_by_hand),
      cmocka_unit_test(clips_without_a_bound),
      cmocka_unit_test(projection_agrees_with_loops),
      cmocka_unit_test(steps_by_hand),
      cmocka_unit_test(steps_end_in_the_ball),
      cmocka_unit_test(starts_fill_the_ball_evenly),
      cmocka_unit_test(starts_are_drawn_in_order),
      cmocka_unit_test(projected_images_are_never_blamed),
      cmocka_unit_test(broken_bounds_are_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
