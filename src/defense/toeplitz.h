/* A bound of a convolution's largest singular value, and the bound's gradient; pure. */
#ifndef ADVGRID_DEFENSE_TOEPLITZ_H
#define ADVGRID_DEFENSE_TOEPLITZ_H

#include "advgrid/kernels.h"

/* Araujo et al. 2020 (arXiv:2006.08391, "On Lipschitz Regularization of Convolutional Layers using
 * Toeplitz Matrix Theory") bound the largest singular value of a convolution, as a matrix from
 * images to images of any size, by their LipBound:
 *    sqrt( sum over g of max over w of p_g(w) ),   p_g(w) = sum over j of |f_gj(w)|^2,
 *    f_gj(w) = sum over the taps a of k_gj(a) exp(i a . w),   w in [0, 2 pi)^2
 *  where g runs over the channels of the side, inputs or outputs, that has fewer (the outputs where
 *  both have as many), and j over the other side's: the matrix has a block of Toeplitz blocks for
 *  each pair, whose generating function is f_gj. Padding with zeros multiplies f by a number of
 *  modulus 1, and a stride leaves rows out: the bound holds for any. It is tight for one channel
 * and large images; of several channels it knows no more than the Frobenius norm over them.
 *
 *  The maximum is sought on a grid of samples x samples frequencies, which is what the authors'
 *  LipGrid takes for the bound. The maximum itself is larger by at most a factor that is known: p
 * is a trigonometric polynomial of degree n = size - 1 in each frequency, between 0 and its maximum
 * M; p - M/2 falls off from there no faster than M/2 cos(n d) (M. Riesz 1914), and no frequency is
 *  further than pi / samples from the grid. Hence in each frequency
 *    max p <= max on the grid / cos(n pi / (2 samples))^2
 *  and the bound given here is LipGrid's / cos(n pi / (2 samples))^2, an upper bound for any number
 *  of samples >= size. Its logarithm has LipGrid's gradient. */

/* A kernel [size, size, in, out], channels padded, what pads them being zero. */
typedef struct ag_toeplitz {
  size_t size, in, out;
  size_t samples; /* of each frequency, >= size */
} ag_toeplitz;

/* Where p of a channel is largest on the grid, at the first of equal ones. */
typedef struct ag_toeplitz_peak {
  double squares;   /* p there */
  size_t frequency; /* row * samples + column: w = 2 pi (row, column) / samples */
} ag_toeplitz_peak;

/** Channels over which the bound sums, and the blocks of AG_CHANNEL_BLOCK of them. */
size_t ag_toeplitz_groups(const ag_toeplitz *kernel);
size_t ag_toeplitz_blocks(const ag_toeplitz *kernel);
/** What p is made of at each frequency; to be filled in once for a size and a number of samples. */
size_t ag_toeplitz_wave_doubles(const ag_toeplitz *kernel);
void ag_toeplitz_waves(const ag_toeplitz *kernel, double *waves);

/** Doubles of scratch for ag_toeplitz_peaks. */
size_t ag_toeplitz_scratch(const ag_toeplitz *kernel);
/** peaks[groups]: those of one block are overwritten. It costs about 5 multiply-adds a weight: p is
 *  made of the kernel's correlations with itself, whose count does not depend on the samples. */
void ag_toeplitz_peaks(const ag_toeplitz *kernel, const double *waves, const float *weight,
                       size_t block, double *scratch, ag_toeplitz_peak *peaks);
/** The sum of all peaks, in their order. */
double ag_toeplitz_total(const ag_toeplitz *kernel, const ag_toeplitz_peak *peaks);
/** The bound that belongs to such a sum. */
double ag_toeplitz_bound(const ag_toeplitz *kernel, double total);

/** Floats of what ag_toeplitz_add_gradient reads, and what it is: made of the peaks, and of what
 *  the gradient is to be multiplied by. */
size_t ag_toeplitz_coefficient_floats(const ag_toeplitz *kernel);
void ag_toeplitz_coefficients(const ag_toeplitz *kernel, const double *waves,
                              const ag_toeplitz_peak *peaks, double factor, float *coefficients);
/** gradient[floats] += factor times the gradient of ag_toeplitz_total, the peaks staying where they
 *  are, to weight[first .. first + floats - 1]: the same bits however a kernel is cut up. */
void ag_toeplitz_add_gradient(const ag_toeplitz *kernel, const float *coefficients,
                              const float *weight, size_t first, size_t floats, float *gradient);

#endif
