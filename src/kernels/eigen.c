/* Eigenvectors by LAPACK, which Debian's OpenBLAS holds without a header for it: the one place that
 * knows it. */
#include "advgrid/kernels.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

/* LAPACK's dsyevr as Fortran has it: what a character's length takes comes last. */
extern void dsyevr_(const char *vectors, const char *range, const char *triangle, const int *n,
                    double *a, const int *lda, const double *low, const double *high,
                    const int *first, const int *last, const double *tolerance, int *found,
                    double *values, double *z, const int *ldz, int *support, double *work,
                    const int *work_size, int *integers, const int *integers_size, int *error,
                    size_t vectors_length, size_t range_length, size_t triangle_length);

/* Of n: doubles for blocks of 32 columns, and integers, as dsyevr's page asks for. */
enum { WORK = 40, INTEGERS = 10, SUPPORT = 2 };

size_t ag_eigen_scratch(size_t n)
{
  /* An eigenvalue each besides. */
  return (WORK + 1) * n + ag_divide_up((INTEGERS + SUPPORT) * n * sizeof(int), sizeof(double));
}

bool ag_eigen_largest(size_t n, double *matrix, size_t count, double *values, double *vectors,
                      double *scratch)
{
  assert(count > 0 && count <= n && n <= INT_MAX / WORK);
  const int size = (int)n;
  const int first = (int)(n - count + 1); /* they come in rising order */
  const int work_size = WORK * size;
  const int integers_size = INTEGERS * size;
  const double none = 0;
  double *rising = scratch + WORK * n;
  int *integers = (int *)(void *)(rising + n);
  int found = 0;
  int error = 0;
  /* Threads of its own would sum in an order of their own. */
  if (ag_gemm_prepare(1) != AG_OK) return false;
  dsyevr_("V", "I", "U", &size, matrix, &size, &none, &none, &first, &size, &none, &found, rising,
          vectors, &size, integers + integers_size, scratch, &work_size, integers, &integers_size,
          &error, 1, 1, 1);
  if (error != 0 || found != (int)count) return false;
  for (size_t i = 0; i < count; ++i)
    values[i] = rising[count - 1 - i];
  for (size_t i = 0; i < count / 2; ++i) {
    for (size_t k = 0; k < n; ++k) {
      const double kept = vectors[i * n + k];
      vectors[i * n + k] = vectors[(count - 1 - i) * n + k];
      vectors[(count - 1 - i) * n + k] = kept;
    }
  }
  return true;
}
