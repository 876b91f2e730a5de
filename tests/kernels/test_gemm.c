/* The matrix product: against three loops in double, and from two threads at once.
 * Its agreement with PyTorch and the adjoint identity are those of the dense layer. */
#include "support/fixture.h"

typedef struct product {
  bool transpose_a, transpose_b, accumulate;
  size_t m, n, k;
} product;

/* Rows are this much longer than the values in them. */
enum { SLACK = 3 };

static void check_product(product p)
{
  const size_t rows_a = p.transpose_a ? p.k : p.m;
  const size_t lda = (p.transpose_a ? p.m : p.k) + SLACK;
  const size_t rows_b = p.transpose_b ? p.n : p.k;
  const size_t ldb = (p.transpose_b ? p.k : p.n) + SLACK;
  const size_t ldc = p.n + SLACK;
  float *a = test_floats(rows_a * lda);
  float *b = test_floats(rows_b * ldb);
  float *c = test_floats(p.m * ldc);
  test_fill(a, rows_a * lda, 1, -1.0F, 1.0F);
  test_fill(b, rows_b * ldb, 2, -1.0F, 1.0F);
  test_fill(c, p.m * ldc, 3, -1.0F, 1.0F);
  float *want = test_copy(c, p.m * ldc);
  for (size_t i = 0; i < p.m; ++i) {
    for (size_t j = 0; j < p.n; ++j) {
      double sum = p.accumulate ? (double)c[i * ldc + j] : 0.0;
      for (size_t l = 0; l < p.k; ++l) {
        const float left = p.transpose_a ? a[l * lda + i] : a[i * lda + l];
        const float right = p.transpose_b ? b[j * ldb + l] : b[l * ldb + j];
        sum += (double)left * (double)right;
      }
      want[i * ldc + j] = (float)sum;
    }
  }
  ag_gemm(p.transpose_a, p.transpose_b, p.m, p.n, p.k, a, lda, b, ldb, p.accumulate, c, ldc);
  /* What lies between the rows must not change either. */
  assert_close(c, want, p.m * ldc, 1e-5, 1e-5);
  free(a);
  free(b);
  free(c);
  free(want);
}

static void agrees_with_three_loops(void **state)
{
  (void)state;
  const size_t sizes[][3] = {{1, 1, 1},   {1, 17, 5},   {17, 1, 3},  {5, 7, 1},  {8, 8, 8},
                             {7, 16, 33}, {31, 24, 65}, {64, 33, 9}, {3, 40, 70}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
    for (unsigned bits = 0; bits < 8; ++bits) {
      check_product((product){.transpose_a = (bits & 1U) != 0,
                              .transpose_b = (bits & 2U) != 0,
                              .accumulate = (bits & 4U) != 0,
                              .m = sizes[i][0],
                              .n = sizes[i][1],
                              .k = sizes[i][2]});
    }
  }
}

/* A product that does not accumulate must not read c. */
static void overwrites_what_is_not_finite(void **state)
{
  (void)state;
  const float a[4] = {1, 2, 3, 4};
  const float b[4] = {5, 6, 7, 8};
  float c[4] = {NAN, NAN, INFINITY, NAN};
  ag_gemm(false, false, 2, 2, 2, a, 2, b, 2, false, c, 2);
  const float want[4] = {19, 22, 43, 50};
  assert_same_bits(c, want, 4);
}

enum { THREADS = 2, PRODUCTS = 20000 };
/* Measured: with these numbers the sequential build of OpenBLAS failed in 4 runs of 4. */
#define SIZE ((size_t)96)

/* Whole numbers, whose products are exact in any order. */
typedef struct shared_work {
  float a[THREADS][SIZE * SIZE], b[THREADS][SIZE * SIZE], want[THREADS][SIZE * SIZE];
} shared_work;

static ag_status multiply_often(void *context, size_t item, size_t thread)
{
  (void)thread;
  const shared_work *work = context;
  float c[SIZE * SIZE];
  for (size_t i = 0; i < PRODUCTS; ++i) {
    /* Sizes vary, so that the threads meet in all phases of each other's products. */
    const size_t rows = 1 + (i * 7 + item * 3) % SIZE;
    ag_gemm(false, false, rows, SIZE, SIZE, work->a[item], SIZE, work->b[item], SIZE, false, c,
            SIZE);
    if (memcmp(c, work->want[item], rows * SIZE * sizeof *c) != 0) {
      return ag_fail(AG_INVALID_ARGUMENT, "thread %zu: product %zu is wrong", item, i);
    }
  }
  return AG_OK;
}

static void may_be_called_from_two_threads(void **state)
{
  (void)state;
  shared_work *work = test_bytes(sizeof *work);
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, 4, 0);
  for (size_t thread = 0; thread < THREADS; ++thread) {
    for (size_t i = 0; i < SIZE * SIZE; ++i) {
      work->a[thread][i] = (float)ag_random_below(&random, 17) - 8.0F;
      work->b[thread][i] = (float)ag_random_below(&random, 17) - 8.0F;
    }
    for (size_t i = 0; i < SIZE; ++i) {
      for (size_t j = 0; j < SIZE; ++j) {
        for (size_t l = 0; l < SIZE; ++l)
          work->want[thread][i * SIZE + j] += work->a[thread][i * SIZE + l] *
                                              work->b[thread][l * SIZE + j];
      }
    }
  }
  ag_pool *pool = NULL;
  assert_int_equal(ag_pool_create(THREADS, &pool), AG_OK);
  const ag_status status = ag_pool_run(pool, THREADS, multiply_often, NULL, work);
  ag_pool_destroy(&pool);
  free(work);
  if (status != AG_OK) fail_msg("%s", ag_message());
}

static void the_build_linked_takes_threads(void **state)
{
  (void)state;
  assert_int_equal(ag_gemm_prepare(THREADS), AG_OK);
  assert_non_null(strstr(ag_gemm_library(), "OpenBLAS"));
  assert_ptr_equal(ag_gemm_library(), ag_gemm_library());
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_build_linked_takes_threads),
      cmocka_unit_test(agrees_with_three_loops),
      cmocka_unit_test(overwrites_what_is_not_finite),
      cmocka_unit_test(may_be_called_from_two_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
