/* Eigenvectors of symmetric matrices: A v = lambda v, across each other, and none larger. */
#include "support/fixture.h"

#include "advgrid/kernels.h"

/* Symmetric, with values in [-1, 1] that are no multiples of each other. */
static double *matrix_by_hand(size_t n)
{
  double *matrix = (double *)(void *)test_bytes(n * n * sizeof *matrix);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j <= i; ++j)
      matrix[i * n + j] = matrix[j * n + i] = sin((double)(1 + 7 * i * i + 3 * j));
  }
  return matrix;
}

static double *doubles(size_t count)
{
  return (double *)(void *)test_bytes(count * sizeof(double));
}

static double product(size_t n, const double *a, const double *b)
{
  double sum = 0;
  for (size_t i = 0; i < n; ++i)
    sum += a[i] * b[i];
  return sum;
}

/* |A v - lambda v| of the largest component. */
static double residual(size_t n, const double *matrix, double value, const double *vector)
{
  double most = 0;
  for (size_t i = 0; i < n; ++i)
    most = fmax(most, fabs(product(n, matrix + i * n, vector) - value * vector[i]));
  return most;
}

static void check_size(size_t n, size_t count)
{
  double *matrix = matrix_by_hand(n);
  double *work = doubles(n * n);
  double *values = doubles(count);
  double *vectors = doubles(count * n);
  double *scratch = doubles(ag_eigen_scratch(n));
  double trace = 0;
  double sum = 0;
  memcpy(work, matrix, n * n * sizeof *work);
  assert_true(ag_eigen_largest(n, work, count, values, vectors, scratch));
  for (size_t i = 0; i < count; ++i) {
    assert_true(residual(n, matrix, values[i], vectors + i * n) < 1e-12 * (double)n);
    assert_true(i == 0 || values[i] <= values[i - 1]);
    for (size_t k = 0; k <= i; ++k) {
      assert_number_close(product(n, vectors + i * n, vectors + k * n), i == k, 1e-11, 0);
    }
    sum += values[i];
  }
  for (size_t i = 0; i < n; ++i)
    trace += matrix[i * n + i];
  if (count == n) assert_number_close(sum, trace, 1e-10, 0);
  /* Once all there are, then the largest of them. */
  if (count == n && n > 2) {
    double largest[2];
    memcpy(work, matrix, n * n * sizeof *work);
    assert_true(ag_eigen_largest(n, work, 2, largest, vectors, scratch));
    assert_number_close(largest[0], values[0], 1e-11, 0);
    assert_number_close(largest[1], values[1], 1e-11, 0);
  }
  free(scratch);
  free(vectors);
  free(values);
  free(work);
  free(matrix);
}

static void they_are_eigenvectors(void **state)
{
  (void)state;
  static const size_t sizes[] = {1, 2, 3, 7, 31, 33, 130};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
    check_size(sizes[i], sizes[i]);
    check_size(sizes[i], 1);
  }
}

/* [2 1; 1 2] has 3 along (1, 1) and 1 along (1, -1). */
static void two_by_two_is_by_hand(void **state)
{
  (void)state;
  double matrix[] = {2, 1, 1, 2};
  double values[2];
  double vectors[4];
  double *scratch = doubles(ag_eigen_scratch(2));
  assert_true(ag_eigen_largest(2, matrix, 2, values, vectors, scratch));
  assert_number_close(values[0], 3, 1e-14, 0);
  assert_number_close(values[1], 1, 1e-14, 0);
  assert_number_close(vectors[0], vectors[1], 1e-14, 0);
  assert_number_close(vectors[2], -vectors[3], 1e-14, 0);
  free(scratch);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(they_are_eigenvectors),
      cmocka_unit_test(two_by_two_is_by_hand),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
