/* What a certificate by randomized smoothing is computed from: bounds of a proportion, quantiles,
 * and the radii that follow. Pure. */
#ifndef ADVGRID_ATTACK_RADIUS_H
#define ADVGRID_ATTACK_RADIUS_H

#include <stddef.h>

/** Bounds of a probability by which something happened `successes` times in `trials`, each of which
 *  holds with probability 1 - alpha at least (Clopper and Pearson 1934): the p with
 *    low:  P(X >= successes) = alpha,   high:  P(X <= successes) = alpha,   X ~ Binomial(trials, p)
 *  but low is 0 where it never happened, and high 1 where it always did. 0 < alpha <= 1/2;
 *  0 < trials; accurate to 1e-12. */
double ag_proportion_low(size_t successes, size_t trials, double alpha);
double ag_proportion_high(size_t successes, size_t trials, double alpha);

/** x with Phi(x) = p, of the standard normal distribution; 0 < p < 1. The largest double whose Phi
 *  is at most p, rounding aside. */
double ag_normal_quantile(double p);

/** Both give the L2 radius within which a smoothed classifier keeps a class of which draws say at
 *  least the share `low`, and of which any other class has at most the share `high`, under noise
 *  N(0, sigma^2) on each pixel; 0 where nothing is certain.
 *
 *  Cohen et al. 2019 (arXiv:1902.02918), theorem 1 with high = 1 - low:
 *    sigma Phi^-1(low),  where low > 1/2 */
double ag_radius_cohen(double sigma, double low);

/** Lecuyer et al. 2019 (arXiv:1802.03471), proposition 1 by the Gaussian mechanism (theorem A.1 of
 *  Dwork and Roth 2014), which is (epsilon, delta)-differentially private to changes of up to
 *    L = sigma epsilon / sqrt(2 ln(1.25 / delta)),  0 < epsilon <= 1:
 *  the class stays where low > e^(2 epsilon) high + (1 + e^epsilon) delta. The largest such L over
 *  epsilon and delta: for each epsilon the largest delta is the best, and epsilon is found by
 *  ternary search, of which any outcome is a bound. */
double ag_radius_lecuyer(double sigma, double low, double high);

#endif
