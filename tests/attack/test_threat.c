/* The threat model: projection, step and measure against loops in double; what breaks the bound
 * is found, what only rounding moved is not blamed. */
#include "support/fixture.h"

#include "advgrid/attack.h"

enum { FLOATS = 4096 };
static const float epsilons[] = {0.0F, 1e-6F, 1.0F / 255.0F, 8.0F / 255.0F, 0.3F, 1.0F};
enum { EPSILONS = sizeof epsilons / sizeof *epsilons };

typedef struct pair {
  float *x0, *x;
} pair;

/* Clean pixels in [0,1], ends included, and x all over [-0.5, 1.5). */
static pair start(uint32_t stream)
{
  const pair p = {test_floats(FLOATS), test_floats(FLOATS)};
  test_fill(p.x0, FLOATS, stream, -0.1F, 1.1F);
  test_fill(p.x, FLOATS, stream + 1, -0.5F, 1.5F);
  for (size_t i = 0; i < FLOATS; ++i)
    p.x0[i] = p.x0[i] < 0 ? 0 : p.x0[i] > 1 ? 1 : p.x0[i];
  return p;
}

static void stop(pair p)
{
  free(p.x0);
  free(p.x);
}

static double project_in_double(double x, double x0, double epsilon)
{
  const double low = x0 - epsilon > 0 ? x0 - epsilon : 0;
  const double high = x0 + epsilon < 1 ? x0 + epsilon : 1;
  return x < low ? low : x > high ? high : x;
}

static void projection_agrees_with_loops(void **state)
{
  (void)state;
  for (size_t e = 0; e < EPSILONS; ++e) {
    const pair p = start(1);
    float *want = test_floats(FLOATS);
    for (size_t i = 0; i < FLOATS; ++i)
      want[i] = (float)project_in_double((double)p.x[i], (double)p.x0[i], (double)epsilons[e]);
    ag_threat_project(&(ag_threat){.epsilon = epsilons[e]}, 1, FLOATS, p.x0, p.x);
    assert_close(p.x, want, FLOATS, 1e-7, 0);
    float *again = test_copy(p.x, FLOATS);
    ag_threat_project(&(ag_threat){.epsilon = epsilons[e]}, 1, FLOATS, p.x0, again);
    assert_same_bits(again, p.x, FLOATS);
    if (epsilons[e] == 0) assert_same_bits(p.x, p.x0, FLOATS);
    free(again);
    free(want);
    stop(p);
  }
}

static void step_agrees_with_loops(void **state)
{
  (void)state;
  const pair p = start(3);
  const ag_threat threat = {.epsilon = 0.1F};
  float *gradient = test_floats(FLOATS);
  float *want = test_floats(FLOATS);
  test_fill(gradient, FLOATS, 5, -1e-3F, 1e-3F);
  gradient[0] = 0;
  gradient[1] = -0.0F;
  gradient[2] = 1e-45F; /* the smallest there is still points somewhere */
  gradient[3] = INFINITY;
  ag_threat_project(&threat, 1, FLOATS, p.x0, p.x);
  for (size_t i = 0; i < FLOATS; ++i) {
    const double sign = gradient[i] > 0 ? 1 : gradient[i] < 0 ? -1 : 0;
    want[i] = (float)project_in_double((double)p.x[i] + 0.03 * sign, (double)p.x0[i], (double)0.1F);
  }
  ag_threat_step(&threat, 1, FLOATS, 0.03F, p.x0, gradient, p.x);
  assert_close(p.x, want, FLOATS, 2e-7, 0);
  free(want);
  free(gradient);
  stop(p);
}

/* In float and to the last bit, as stored results have it; a NaN must stay one, to be found. */
static void step_has_the_same_bits(void **state)
{
  (void)state;
  for (size_t e = 0; e < EPSILONS; ++e) {
    for (size_t floats = FLOATS - 9; floats <= FLOATS; ++floats) {
      const pair p = start(13);
      float *gradient = test_floats(FLOATS);
      test_fill(gradient, FLOATS, 15, -1, 1);
      gradient[5] = 0;
      gradient[6] = NAN; /* points nowhere */
      p.x[7] = NAN;
      float *want = test_copy(p.x, FLOATS);
      for (size_t i = 0; i < floats; ++i) {
        want[i] += 0.01F * (gradient[i] > 0 ? 1.0F : gradient[i] < 0 ? -1.0F : 0.0F);
        const float low = fmaxf(p.x0[i] - epsilons[e], 0);
        const float high = fminf(p.x0[i] + epsilons[e], 1);
        want[i] = want[i] < low ? low : want[i] > high ? high : want[i];
      }
      ag_threat_step(&(ag_threat){.epsilon = epsilons[e]}, 1, floats, 0.01F, p.x0, gradient, p.x);
      assert_true(isnan(p.x[7]));
      p.x[7] = want[7] = 0;
      assert_same_bits(p.x, want, FLOATS);
      free(want);
      free(gradient);
      stop(p);
    }
  }
}

/* A pixel is padded to whole vectors; there x0, x and the gradient are zero, and stay so. */
static void padding_stays_zero(void **state)
{
  (void)state;
  enum { PIXELS = 12, CHANNELS = 3 };
  const size_t stride = ag_channels_padded(CHANNELS);
  float *x0 = test_activations(PIXELS, CHANNELS, 1);
  float *gradient = test_activations(PIXELS, CHANNELS, 2);
  float *x = test_copy(x0, PIXELS * stride);
  ag_threat_step(&(ag_threat){.epsilon = 0.2F}, 1, PIXELS * stride, 0.2F, x0, gradient, x);
  assert_padding_zero(x, PIXELS, CHANNELS);
  free(x0);
  free(gradient);
  free(x);
}

static void measure_agrees_with_loops(void **state)
{
  (void)state;
  for (size_t e = 0; e < EPSILONS; ++e) {
    const pair p = start(7);
    const ag_threat threat = {.epsilon = epsilons[e]};
    float linf = -1;
    float l2 = -1;
    double largest = 0;
    double squares = 0;
    ag_threat_project(&threat, 1, FLOATS, p.x0, p.x);
    for (size_t i = 0; i < FLOATS; ++i) {
      const double distance = fabs((double)p.x[i] - (double)p.x0[i]);
      largest = distance > largest ? distance : largest;
      squares += distance * distance;
    }
    assert_int_equal(ag_threat_measure(&threat, FLOATS, p.x0, p.x, &linf, &l2), AG_OK);
    assert_number_close((double)linf, largest, 0, 1e-6);
    assert_number_close((double)l2, sqrt(squares), 0, 1e-6);
    assert_true(fabs((double)linf - (double)epsilons[e]) < 1e-6); /* 4096 values: one is there */
    stop(p);
  }
}

/* Whatever the projection makes passes the measure, at every rounding of x0 + epsilon. */
static void projected_images_are_never_blamed(void **state)
{
  (void)state;
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, 9, 0);
  const pair p = start(11);
  for (size_t round = 0; round < 200; ++round) {
    const ag_threat threat = {.epsilon = ag_random_uniform(&random)};
    float linf = 0;
    float l2 = 0;
    for (size_t i = 0; i < FLOATS; ++i)
      p.x[i] = (ag_random_bits(&random) & 1U) != 0 ? 2 : -2;
    ag_threat_project(&threat, 1, FLOATS, p.x0, p.x);
    assert_int_equal(ag_threat_measure(&threat, FLOATS, p.x0, p.x, &linf, &l2), AG_OK);
  }
  stop(p);
}

static void broken_bounds_are_found(void **state)
{
  (void)state;
  static const struct {
    float x0, x;
  } broken[] = {
      {0.5F, 0.5F + 0.1F + 1e-6F},
      {0.5F, 0.5F - 0.1F - 1e-6F},
      {0.5F, 0.7F},
      {0.02F, -1e-9F},
      {0.98F, 1.0000001F},
      {0.5F, NAN},
      {NAN, 0.5F},
      {0.5F, INFINITY},
      {0.5F, -INFINITY},
      {0.0F, 0.11F},
      {1.0F, 0.89F},
  };
  for (size_t i = 0; i < sizeof broken / sizeof *broken; ++i) {
    float x0[17];
    float x[17];
    float linf = 0;
    float l2 = 0;
    for (size_t k = 0; k < 17; ++k)
      x0[k] = x[k] = 0.5F;
    assert_int_equal(ag_threat_measure(&(ag_threat){.epsilon = 0.1F}, 17, x0, x, &linf, &l2),
                     AG_OK);
    x0[16] = broken[i].x0;
    x[16] = broken[i].x;
    if (ag_threat_measure(&(ag_threat){.epsilon = 0.1F}, 17, x0, x, &linf, &l2) !=
        AG_BOUND_BROKEN) {
      fail_msg("%g to %g is not found", (double)broken[i].x0, (double)broken[i].x);
    }
    assert_non_null(strstr(ag_message(), "value 16"));
    assert_non_null(strstr(ag_message(), "0.1"));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(projection_agrees_with_loops),
      cmocka_unit_test(step_agrees_with_loops),
      cmocka_unit_test(step_has_the_same_bits),
      cmocka_unit_test(padding_stays_zero),
      cmocka_unit_test(measure_agrees_with_loops),
      cmocka_unit_test(projected_images_are_never_blamed),
      cmocka_unit_test(broken_bounds_are_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
