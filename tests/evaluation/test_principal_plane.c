/* The plane of principal components: by hand, turned, with more components than points and with
 * fewer, and where there is nothing to find. */
#include "support/fixture.h"

#include "advgrid/evaluation.h"

enum { COUNT = 9, WIDE = 40 };

typedef struct plane {
  double fitted[2 * COUNT], others[2 * COUNT], shares[2];
} plane;

static plane find(size_t count, size_t floats, const float *fitted, const float *others)
{
  plane found;
  assert_int_equal(
      ag_principal_plane(count, floats, fitted, others, found.fitted, found.others, found.shares),
      AG_OK);
  return found;
}

/* Four points on a cross around (1, 2, 5): 3 to either side along the second component, 1 along the
 * third. */
static void a_cross_lies_on_its_axes(void **state)
{
  (void)state;
  static const float points[] = {1, 5, 5, 1, -1, 5, 1, 2, 6, 1, 2, 4};
  static const float others[] = {9, 2, 5, 1, 4, 5, 1, 2, 2, 1, 2, 5};
  static const double want[] = {3, 0, -3, 0, 0, 1, 0, -1};
  static const double want_others[] = {0, 0, 2, 0, 0, -3, 0, 0}; /* the first is off the plane */
  const plane found = find(4, 3, points, others);
  for (size_t i = 0; i < 8; ++i) {
    assert_number_close(found.fitted[i], want[i], 1e-12, 0);
    assert_number_close(found.others[i], want_others[i], 1e-12, 0);
  }
  assert_number_close(found.shares[0], 0.9, 1e-12, 0);
  assert_number_close(found.shares[1], 0.1, 1e-12, 0);
}

/* Along (-0.8, 0.6) the largest component is the first: the axis is (0.8, -0.6). */
static void the_largest_component_is_positive(void **state)
{
  (void)state;
  static const float points[] = {-8, 6, 8, -6, 0, 0};
  const plane found = find(3, 2, points, points);
  assert_number_close(found.fitted[0], -10, 1e-12, 0);
  assert_number_close(found.fitted[2], 10, 1e-12, 0);
  assert_number_close(found.shares[0], 1, 1e-12, 0);
  /* Nothing is left along the second. */
  for (size_t i = 0; i < 3; ++i)
    assert_true(found.fitted[2 * i + 1] == 0);
  assert_true(found.shares[1] == 0);
}

/* More components than points: coordinates keep what the same points have in the few dimensions in
 * which they lie, the rest being a turned copy of them. */
static void wide_points_lie_as_narrow_ones(void **state)
{
  (void)state;
  float narrow[COUNT * 3];
  float wide[COUNT * WIDE];
  double turn[3][WIDE];
  for (size_t i = 0; i < COUNT; ++i) {
    narrow[3 * i] = 4.0F * cosf((float)(i * i));
    narrow[3 * i + 1] = 2.0F * sinf((float)(3 * i));
    narrow[3 * i + 2] = 0.5F * cosf((float)(5 * i + 1));
  }
  /* Three directions of length one, across each other. */
  for (size_t k = 0; k < WIDE; ++k) {
    turn[0][k] = 1 / sqrt(WIDE);
    turn[1][k] = (k % 2 == 0 ? 1 : -1) / sqrt(WIDE);
    turn[2][k] = (k / 2 % 2 == 0 ? 1 : -1) / sqrt(WIDE);
  }
  for (size_t i = 0; i < COUNT; ++i) {
    for (size_t k = 0; k < WIDE; ++k) {
      double sum = 7;
      for (size_t c = 0; c < 3; ++c)
        sum += (double)narrow[3 * i + c] * turn[c][k];
      wide[i * WIDE + k] = (float)sum;
    }
  }
  const plane one = find(COUNT, 3, narrow, narrow);
  const plane other = find(COUNT, WIDE, wide, wide);
  for (size_t axis = 0; axis < 2; ++axis) {
    assert_number_close(other.shares[axis], one.shares[axis], 1e-6, 0);
    const double sign = one.fitted[axis] * other.fitted[axis] > 0 ? 1 : -1;
    for (size_t i = 0; i < COUNT; ++i) {
      assert_number_close(other.fitted[2 * i + axis], sign * one.fitted[2 * i + axis], 1e-5, 0);
    }
  }
  assert_memory_equal(other.fitted, other.others, sizeof other.fitted);
}

/* Points on a line, but for the rounding of floats: what is off it has no second coordinate. */
static void rounding_is_no_axis(void **state)
{
  (void)state;
  float points[COUNT * WIDE];
  float others[COUNT * WIDE];
  for (size_t i = 0; i < COUNT; ++i) {
    for (size_t k = 0; k < WIDE; ++k) {
      points[i * WIDE + k] = 0.1F * (float)i * cosf((float)k);
      others[i * WIDE + k] = (float)k;
    }
  }
  const plane found = find(COUNT, WIDE, points, others);
  assert_true(found.shares[0] > 1 - 1e-12 && found.shares[1] == 0);
  for (size_t i = 0; i < COUNT; ++i) {
    assert_true(found.fitted[2 * i + 1] == 0 && found.others[2 * i + 1] == 0);
    assert_true(found.others[2 * i] != 0);
  }
}

static void nothing_varies_nothing_is_found(void **state)
{
  (void)state;
  static const float points[] = {3, 4, 3, 4, 3, 4};
  static const float others[] = {0, 9, 1, 1, 3, 4};
  for (size_t count = 1; count < 4; ++count) {
    const plane found = find(count, 2, points, others);
    for (size_t i = 0; i < 2 * count; ++i)
      assert_true(found.fitted[i] == 0 && found.others[i] == 0);
    assert_true(found.shares[0] == 0 && found.shares[1] == 0);
  }
}

static void what_is_not_finite_has_no_place(void **state)
{
  (void)state;
  static const float values[] = {NAN, INFINITY, -INFINITY};
  for (size_t i = 0; i < 3; ++i) {
    float points[] = {1, 2, 3, 4, 5, 6};
    points[3] = values[i];
    const plane found = find(3, 2, points, points);
    for (size_t k = 0; k < 6; ++k)
      assert_true(isnan(found.fitted[k]) && isnan(found.others[k]));
  }
}

static void the_same_bits_again(void **state)
{
  (void)state;
  float *points = test_activations(COUNT, WIDE, 5);
  const plane once = find(COUNT, WIDE, points, points);
  const plane again = find(COUNT, WIDE, points, points);
  assert_memory_equal(&once, &again, sizeof once);
  free(points);
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_cross_lies_on_its_axes),
      cmocka_unit_test(the_largest_component_is_positive),
      cmocka_unit_test(wide_points_lie_as_narrow_ones),
      cmocka_unit_test(rounding_is_no_axis),
      cmocka_unit_test(nothing_varies_nothing_is_found),
      cmocka_unit_test(what_is_not_finite_has_no_place),
      cmocka_unit_test(the_same_bits_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
