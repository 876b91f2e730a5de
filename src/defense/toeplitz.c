/* The Toeplitz bound of a convolution, by the kernel's correlations with itself:
 *   p_g(w) = r_g(0) + 2 sum over lags d of one half plane of r_g(d) cos(d . w),
 *   r_g(d) = sum over j and taps a of k_gj(a) k_gj(a + d). */
#include "defense/toeplitz.h"

#include <math.h>
#include <string.h>

enum { LANES = AG_CHANNEL_BLOCK };
static const double pi = 3.14159265358979323846;

/* ---- lags ---- */

/* Lags (dy, dx) with dy > 0, or dy = 0 and dx >= 0, are numbered dy (2 size - 1) + dx: the number
 * of the lag from one tap to a later one is the difference of their places. */
static size_t lags_of(const ag_toeplitz *kernel)
{
  return 2 * kernel->size * (kernel->size - 1) + 1;
}

static size_t place_of(const ag_toeplitz *kernel, size_t tap)
{
  return tap / kernel->size * (2 * kernel->size - 1) + tap % kernel->size;
}

/* ---- shapes ---- */

static bool sums_over_inputs(const ag_toeplitz *kernel)
{
  return kernel->in < kernel->out;
}

size_t ag_toeplitz_groups(const ag_toeplitz *kernel)
{
  return ag_minimum(kernel->in, kernel->out);
}

size_t ag_toeplitz_blocks(const ag_toeplitz *kernel)
{
  return ag_divide_up(ag_toeplitz_groups(kernel), LANES);
}

/* Floats from a tap to the next. */
static size_t tap_stride(const ag_toeplitz *kernel)
{
  return ag_channels_padded(kernel->in) * ag_channels_padded(kernel->out);
}

/* ---- frequencies ---- */

/* p is the same at w and -w: half of the rows have all its values. */
static size_t frequencies_of(const ag_toeplitz *kernel)
{
  return (kernel->samples / 2 + 1) * kernel->samples;
}

size_t ag_toeplitz_wave_doubles(const ag_toeplitz *kernel)
{
  return frequencies_of(kernel) * lags_of(kernel);
}

/* waves[frequencies, lags] = cos(d . w) */
void ag_toeplitz_waves(const ag_toeplitz *kernel, double *waves)
{
  const size_t lags = lags_of(kernel);
  const size_t width = 2 * kernel->size - 1;
  const double unit = 2 * pi / (double)kernel->samples;
  for (size_t frequency = 0; frequency < frequencies_of(kernel); ++frequency) {
    const size_t row = frequency / kernel->samples;
    const size_t column = frequency % kernel->samples;
    for (size_t lag = 0; lag < lags; ++lag) {
      const size_t dy = (lag + kernel->size - 1) / width;
      const double dx = (double)lag - (double)(dy * width);
      waves[frequency * lags + lag] = cos(unit * ((double)(dy * row) + dx * (double)column));
    }
  }
}

/* ---- peaks ---- */

/* Taps of LANES channels, correlations of theirs, and those of the block. */
size_t ag_toeplitz_scratch(const ag_toeplitz *kernel)
{
  return (kernel->size * kernel->size + 2 * lags_of(kernel)) * LANES;
}

/* sums[LANES] += products of all taps that lie (dy, right - (size - 1)) apart. */
static void correlate_lag(size_t size, size_t dy, size_t right, const double *restrict taps,
                          double *restrict sums)
{
  const size_t left = size - 1;
  const size_t first = right < left ? left - right : 0; /* dx is negative: further right */
  const size_t end = right > left ? size - (right - left) : size;
  double lanes[LANES];
  memcpy(lanes, sums, sizeof lanes);
  for (size_t y = 0; y + dy < size; ++y) {
    for (size_t x = first; x < end; ++x) {
      const double *restrict early = taps + (y * size + x) * LANES;
      const double *restrict late = taps + ((y + dy) * size + x + right - left) * LANES;
      for (size_t lane = 0; lane < LANES; ++lane)
        lanes[lane] += early[lane] * late[lane];
    }
  }
  memcpy(sums, lanes, sizeof lanes);
}

/* correlations[lags, LANES] += those of LANES pairs of channels, whose first taps are at `first`.
 */
static void correlate(const ag_toeplitz *kernel, const float *first, double *restrict taps,
                      double *restrict correlations)
{
  const size_t size = kernel->size;
  const size_t width = 2 * size - 1;
  const size_t stride = tap_stride(kernel);
  for (size_t tap = 0; tap < size * size; ++tap) {
    for (size_t lane = 0; lane < LANES; ++lane)
      taps[tap * LANES + lane] = (double)first[tap * stride + lane];
  }
  for (size_t lag = 0; lag < lags_of(kernel); ++lag) {
    const size_t dy = (lag + size - 1) / width;
    correlate_lag(size, dy, lag + size - 1 - dy * width, taps, correlations + lag * LANES);
  }
}

/* Of a block of outputs: lanes are its channels. */
static void correlate_outputs(const ag_toeplitz *kernel, const float *weight, size_t block,
                              double *taps, double *block_sums)
{
  const size_t out = ag_channels_padded(kernel->out);
  memset(block_sums, 0, lags_of(kernel) * LANES * sizeof *block_sums);
  for (size_t i = 0; i < kernel->in; ++i)
    correlate(kernel, weight + i * out + block * LANES, taps, block_sums);
}

/* Of a block of inputs: lanes are outputs, to be summed up for each input. */
static void correlate_inputs(const ag_toeplitz *kernel, const float *weight, size_t block,
                             double *taps, double *sums, double *block_sums)
{
  const size_t lags = lags_of(kernel);
  const size_t out = ag_channels_padded(kernel->out);
  const size_t end = ag_minimum(kernel->in, (block + 1) * LANES);
  memset(block_sums, 0, lags * LANES * sizeof *block_sums);
  for (size_t i = block * LANES; i < end; ++i) {
    memset(sums, 0, lags * LANES * sizeof *sums);
    for (size_t o = 0; o < out; o += LANES)
      correlate(kernel, weight + i * out + o, taps, sums);
    for (size_t lag = 0; lag < lags; ++lag) {
      for (size_t lane = 0; lane < LANES; ++lane)
        block_sums[lag * LANES + i % LANES] += sums[lag * LANES + lane];
    }
  }
}

/* values[LANES] = p at one frequency. */
static void evaluate(size_t lags, const double *wave, const double *correlations,
                     double *restrict values)
{
  for (size_t lane = 0; lane < LANES; ++lane)
    values[lane] = correlations[lane];
  for (size_t lag = 1; lag < lags; ++lag) {
    const double twice = 2 * wave[lag];
    for (size_t lane = 0; lane < LANES; ++lane)
      values[lane] += twice * correlations[lag * LANES + lane];
  }
}

void ag_toeplitz_peaks(const ag_toeplitz *kernel, const double *waves, const float *weight,
                       size_t block, double *scratch, ag_toeplitz_peak *peaks)
{
  const size_t groups = ag_minimum(ag_toeplitz_groups(kernel) - block * LANES, LANES);
  const size_t lags = lags_of(kernel);
  double *taps = scratch;
  double *sums = taps + kernel->size * kernel->size * LANES;
  double *block_sums = sums + lags * LANES;
  ag_toeplitz_peak *best = peaks + block * LANES;
  if (sums_over_inputs(kernel)) {
    correlate_inputs(kernel, weight, block, taps, sums, block_sums);
  } else {
    correlate_outputs(kernel, weight, block, taps, block_sums);
  }
  for (size_t group = 0; group < groups; ++group)
    best[group] = (ag_toeplitz_peak){.squares = -1};
  for (size_t frequency = 0; frequency < frequencies_of(kernel); ++frequency) {
    evaluate(lags, waves + frequency * lags, block_sums, taps);
    for (size_t group = 0; group < groups; ++group) {
      if (!(taps[group] <= best[group].squares)) {
        best[group] = (ag_toeplitz_peak){fmax(taps[group], 0), frequency};
      }
    }
  }
}

double ag_toeplitz_total(const ag_toeplitz *kernel, const ag_toeplitz_peak *peaks)
{
  double total = 0;
  for (size_t group = 0; group < ag_toeplitz_groups(kernel); ++group)
    total += peaks[group].squares;
  return total;
}

double ag_toeplitz_bound(const ag_toeplitz *kernel, double total)
{
  const double root = cos((double)(kernel->size - 1) * pi / (2 * (double)kernel->samples));
  return sqrt(total) / (root * root);
}

/* ---- the gradient ---- */

size_t ag_toeplitz_coefficient_floats(const ag_toeplitz *kernel)
{
  return lags_of(kernel) * ag_toeplitz_blocks(kernel) * LANES;
}

/* dp_g / dk_gj(a) = 2 sum over b of k_gj(b) cos((a - b) . w_g): [lags, groups, padded]. */
void ag_toeplitz_coefficients(const ag_toeplitz *kernel, const double *waves,
                              const ag_toeplitz_peak *peaks, double factor, float *coefficients)
{
  const size_t stride = ag_toeplitz_blocks(kernel) * LANES;
  const size_t lags = lags_of(kernel);
  for (size_t lag = 0; lag < lags; ++lag) {
    for (size_t group = 0; group < ag_toeplitz_groups(kernel); ++group) {
      const double cosine = waves[peaks[group].frequency * lags + lag];
      coefficients[lag * stride + group] = (float)(2 * factor * cosine);
    }
  }
}

/* Within a row of outputs of one tap and one input. */
static void add_to_row(const ag_toeplitz *kernel, const float *coefficients, const float *weight,
                       size_t first, size_t floats, float *restrict gradient)
{
  const size_t stride = ag_toeplitz_blocks(kernel) * LANES;
  const size_t step = tap_stride(kernel);
  const size_t out = ag_channels_padded(kernel->out);
  const size_t own = place_of(kernel, first / step);
  const size_t input = first % step / out;
  const float *others = weight + first % step; /* the same channels at the first tap */
  if (input >= kernel->in) return;
  for (size_t tap = 0; tap < kernel->size * kernel->size; ++tap, others += step) {
    const size_t place = place_of(kernel, tap);
    const float *row = coefficients + (place > own ? place - own : own - place) * stride;
    if (sums_over_inputs(kernel)) {
      const float coefficient = row[input];
      for (size_t i = 0; i < floats; ++i)
        gradient[i] += coefficient * others[i];
    } else {
      const float *restrict each = row + first % out;
      for (size_t i = 0; i < floats; ++i)
        gradient[i] += each[i] * others[i];
    }
  }
}

void ag_toeplitz_add_gradient(const ag_toeplitz *kernel, const float *coefficients,
                              const float *weight, size_t first, size_t floats, float *gradient)
{
  const size_t out = ag_channels_padded(kernel->out);
  for (size_t done = 0; done < floats;) {
    const size_t at = first + done;
    const size_t count = ag_minimum(out - at % out, floats - done);
    add_to_row(kernel, coefficients, weight, at, count, gradient + done);
    done += count;
  }
}
