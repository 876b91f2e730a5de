/* OpenBLAS's matrix product, by which the tests and the benchmark judge advgrid's own: the one
 * place that knows BLAS.
 * OpenBLAS may be called from several threads at once in its pthread build alone: the
 * sequential build then gives wrong products, the OpenMP build lets one thread wait. */
#include "advgrid/kernels.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* CBLAS counts in int. */
static blasint checked(size_t count)
{
  assert(count <= INT_MAX);
  return (blasint)count;
}

void ag_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const float *a,
             size_t lda, const float *b, size_t ldb, bool accumulate, float *c, size_t ldc)
{
  cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
              transpose_b ? CblasTrans : CblasNoTrans, checked(m), checked(n), checked(k), 1.0F, a,
              checked(lda), b, checked(ldb), accumulate ? 1.0F : 0.0F, c, checked(ldc));
}

ag_status ag_gemm_prepare(size_t threads)
{
  openblas_set_num_threads(1);
  const int build = openblas_get_parallel();
  if (threads <= 1 || build == OPENBLAS_THREAD) return AG_OK;
  return ag_fail(AG_INVALID_ARGUMENT,
                 "%zu threads a rank need OpenBLAS in its pthread build, and this one %s: install "
                 "the Debian package libopenblas-pthread-dev and build again, or use 1 thread",
                 threads,
                 build == OPENBLAS_SEQUENTIAL ? "is sequential and gives wrong products"
                                              : "uses OpenMP and serializes them");
}

static char library_text[512];

static void describe_library(void)
{
  const char *config = openblas_get_config();
  const char *core = openblas_get_corename();
  /* A build for several processors already names the one it found. */
  const bool named = strstr(config, core) != NULL;
  snprintf(library_text, sizeof library_text, "%s%s%s", config, named ? "" : " ",
           named ? "" : core);
}

const char *ag_gemm_library(void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, describe_library);
  return library_text;
}
