/* Two defenses on the same images: how far their accuracies are apart, and whether that is more
 * than chance. */
#include "advgrid/evaluation.h"

#include <math.h>
#include <stdlib.h>

static bool is_robust(const ag_outcome *outcome)
{
  return outcome->clean_prediction == outcome->label && outcome->prediction == outcome->label;
}

bool ag_pair_outcomes(const ag_outcome *first, size_t first_count, const ag_outcome *second,
                      size_t second_count, ag_pairs *pairs)
{
  size_t i = 0;
  size_t k = 0;
  *pairs = (ag_pairs){0};
  while (i < first_count && k < second_count) {
    if (first[i].index != second[k].index) {
      if (first[i].index < second[k].index) {
        ++i;
      } else {
        ++k;
      }
      continue;
    }
    if (first[i].label != second[k].label) return false;
    const bool one = is_robust(&first[i++]);
    const bool other = is_robust(&second[k++]);
    pairs->both += one && other;
    pairs->first += one && !other;
    pairs->second += other && !one;
    pairs->neither += !one && !other;
  }
  return true;
}

/* The correlation of the pairs with Newcombe's correction for continuity. */
static double correlation(const ag_pairs *pairs)
{
  const double both = (double)pairs->both;
  const double first = (double)pairs->first;
  const double second = (double)pairs->second;
  const double neither = (double)pairs->neither;
  const double product = (both + first) * (second + neither) * (both + second) * (first + neither);
  const double excess = both * neither - first * second;
  if (!(product > 0)) return 0;
  if (excess <= 0) return excess / sqrt(product);
  return fmax(excess - (both + first + second + neither) / 2, 0) / sqrt(product);
}

static double reach(double one, double other, double phi)
{
  return sqrt(fmax(one * one - 2 * phi * one * other + other * other, 0));
}

ag_interval ag_paired_interval(const ag_pairs *pairs)
{
  const size_t images = pairs->both + pairs->first + pairs->second + pairs->neither;
  if (images == 0) return (ag_interval){-1, 1};
  const double n = (double)images;
  const double p1 = (double)(pairs->both + pairs->first) / n;
  const double p2 = (double)(pairs->both + pairs->second) / n;
  const ag_interval one = ag_wilson_interval(pairs->both + pairs->first, images);
  const ag_interval other = ag_wilson_interval(pairs->both + pairs->second, images);
  const double phi = correlation(pairs);
  return (ag_interval){.low = p2 - p1 - reach(p2 - other.low, one.high - p1, phi),
                       .high = p2 - p1 + reach(other.high - p2, p1 - one.low, phi)};
}

double ag_mcnemar_test(const ag_pairs *pairs)
{
  const size_t more = ag_maximum(pairs->first, pairs->second);
  return fmin(2 * ag_sign_test(more, ag_minimum(pairs->first, pairs->second)), 1);
}

static int compare_places(const void *a, const void *b)
{
  const double x = **(const double *const *)a;
  const double y = **(const double *const *)b;
  return (x > y) - (x < y);
}

ag_status ag_holm_adjust(size_t count, const double *probabilities, double *adjusted)
{
  const double **sorted = NULL;
  const ag_status status = ag_allocate(count, sizeof *sorted, &sorted);
  double most = 0;
  if (status != AG_OK) return status;
  for (size_t i = 0; i < count; ++i)
    sorted[i] = &probabilities[i];
  qsort(sorted, count, sizeof *sorted, compare_places);
  for (size_t i = 0; i < count; ++i) {
    most = fmax(most, fmin((double)(count - i) * *sorted[i], 1));
    adjusted[sorted[i] - probabilities] = most;
  }
  ag_release(&sorted);
  return AG_OK;
}
