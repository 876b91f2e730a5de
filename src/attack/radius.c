/* Bounds of a proportion, quantiles, and the radii that follow, all by bisection and the like. */
#include "attack/radius.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

/* More than a double has bits, so that searches end between two neighbours. */
enum { HALVINGS = 200, THIRDS = 200 };

/* ---- proportions ---- */

/* ln x! less Stirling's formula (x + 1/2) ln x - x + ln(2 pi) / 2, for x >= 1. */
static double beyond_stirling(double x)
{
  const double square = x * x;
  double factorial = 1;
  if (x >= 16) {
    return (1 / 12.0 - (1 / 360.0 - (1 / 1260.0 - 1 / 1680.0 / square) / square) / square) / x;
  }
  for (size_t i = 2; i <= (size_t)x; ++i)
    factorial *= (double)i;
  return log(factorial) - ((x + 0.5) * log(x) - x + 0.5 * log(2 * M_PI));
}

/* x ln(x / mean) - (x - mean): little where x is near the mean, and no less exact there. */
static double deviance(double x, double mean)
{
  return x * log1p((x - mean) / mean) - (x - mean);
}

/* P(X = k), X ~ Binomial(n, p), k > 0, by Loader 2000, "Fast and accurate computation of binomial
 * probabilities": logarithms of factorials would lose as many digits as they have before the point.
 */
static double probability(double k, double n, double p)
{
  const double rest = n - k;
  if (rest <= 0) return exp(n * log(p));
  return sqrt(n / (2 * M_PI * k * rest)) *
         exp(beyond_stirling(n) - beyond_stirling(k) - beyond_stirling(rest) - deviance(k, n * p) -
             deviance(rest, n * (1 - p)));
}

/* P(X >= k), where 0 < p <= k / n: from the largest term, the first, on. */
static double upper_tail(size_t k, size_t n, double p)
{
  const double odds = p / (1 - p);
  double term = probability((double)k, (double)n, p);
  double sum = term;
  for (size_t i = k; i < n && term > sum * 0x1p-60; ++i) {
    term *= (double)(n - i) / (double)(i + 1) * odds;
    sum += term;
  }
  return sum;
}

double ag_proportion_low(size_t successes, size_t trials, double alpha)
{
  assert(trials > 0 && successes <= trials && alpha > 0 && alpha <= 0.5);
  if (successes == 0) return 0;
  /* At successes / trials the tail is over a half: the median is there. */
  double low = 0;
  double high = (double)successes / (double)trials;
  for (size_t i = 0; i < HALVINGS; ++i) {
    const double middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    if (upper_tail(successes, trials, middle) <= alpha) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

double ag_proportion_high(size_t successes, size_t trials, double alpha)
{
  return 1 - ag_proportion_low(trials - successes, trials, alpha);
}

/* ---- the normal distribution ---- */

/* Whether 1 - Phi(x) >= tail, for x >= 0 and tail <= 1/2: near the middle by erf, and far from it
 * by erfc, each of which is exact to the last bits there. */
static bool is_below(double x, double tail)
{
  const double t = x * M_SQRT1_2;
  return tail > 0.25 ? erf(t) <= 2 * (0.5 - tail) : erfc(t) >= 2 * tail;
}

double ag_normal_quantile(double p)
{
  assert(p > 0 && p < 1);
  const double tail = fmin(p, 1 - p);
  double low = 0;
  double high = 40; /* whose tail no double has */
  for (size_t i = 0; i < HALVINGS; ++i) {
    const double middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    if (is_below(middle, tail)) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return p < 0.5 ? -high : low;
}

/* ---- radii ---- */

double ag_radius_cohen(double sigma, double low)
{
  return low > 0.5 ? sigma * ag_normal_quantile(low) : 0;
}

static double radius_at(double epsilon, double sigma, double low, double high)
{
  const double delta = (low - exp(2 * epsilon) * high) / (1 + exp(epsilon));
  return delta > 0 ? sigma * epsilon / sqrt(2 * log(1.25 / delta)) : 0;
}

double ag_radius_lecuyer(double sigma, double low, double high)
{
  double from = 0;
  double to = 1;
  for (size_t i = 0; i < THIRDS; ++i) {
    const double third = (to - from) / 3;
    const bool rises = radius_at(from + third, sigma, low, high) <
                       radius_at(to - third, sigma, low, high);
    if (rises) {
      from += third;
    } else {
      to -= third;
    }
  }
  return radius_at((from + to) / 2, sigma, low, high);
}
