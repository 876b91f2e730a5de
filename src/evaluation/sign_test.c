/* Whether two ways to attack the same images differ by more than chance. */
#include "advgrid/evaluation.h"

#include <math.h>

double ag_sign_test(size_t more, size_t less)
{
  const double n = (double)(more + less);
  /* log of C(n, k) / 2^n, from k = n down to `more`. */
  double term = -n * log(2);
  double sum = exp(term);
  for (size_t k = more + less; k > more; --k) {
    term += log((double)k) - log(n - (double)k + 1);
    sum += exp(term);
  }
  return fmin(sum, 1);
}
