/* Which builds of OpenBLAS are refused. The library's own answer is replaced here by the
 * program's, since a test cannot link all builds at once. */
#include "support/fixture.h"

/* OpenBLAS: 0 sequential, 1 pthread, 2 OpenMP. */
static int reported_build = 1;

int openblas_get_parallel(void);
int openblas_get_parallel(void)
{
  return reported_build;
}

static void refuses_threads_with_wrong_builds(void **state)
{
  (void)state;
  const int wrong[] = {0, 2};
  for (size_t i = 0; i < 2; ++i) {
    reported_build = wrong[i];
    assert_int_equal(ag_gemm_prepare(1), AG_OK);
    assert_int_equal(ag_gemm_prepare(2), AG_INVALID_ARGUMENT);
    assert_non_null(strstr(ag_message(), "libopenblas-pthread-dev"));
    assert_non_null(strstr(ag_message(), "2 threads"));
  }
}

static void takes_the_pthread_build(void **state)
{
  (void)state;
  reported_build = 1;
  assert_int_equal(ag_gemm_prepare(1), AG_OK);
  assert_int_equal(ag_gemm_prepare(64), AG_OK);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refuses_threads_with_wrong_builds),
      cmocka_unit_test(takes_the_pthread_build),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
