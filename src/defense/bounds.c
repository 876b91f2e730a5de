/* Upper bounds of the Lipschitz constants of a network's layers, and of the whole. */
#include "defense/bounds.h"

#include <assert.h>
#include <math.h>
#include <string.h>

double ag_norm_bound(const ag_parameter *weight, const ag_parameter *variance, const float *block,
                     size_t *largest)
{
  double bound = 0;
  *largest = 0;
  for (size_t c = 0; c < weight->out; ++c) {
    const double gamma = fabs((double)block[weight->offset + c]);
    const double square = (double)block[variance->offset + c] + (double)AG_BATCH_NORM_EPSILON;
    const double scale = gamma / sqrt(square);
    if (scale <= bound) continue;
    bound = scale;
    *largest = c;
  }
  return bound;
}

/* ---- a dense layer's matrix ---- */

/* product[size, size] of the shorter side: W' W, or W W'. */
static void multiply_by_itself(size_t rows, size_t columns, size_t stride, const float *matrix,
                               double *restrict product)
{
  const size_t size = ag_minimum(rows, columns);
  memset(product, 0, size * size * sizeof *product);
  for (size_t row = 0; row < rows; ++row) {
    const float *restrict values = matrix + row * stride;
    for (size_t i = 0; rows < columns && i < rows; ++i) {
      for (size_t k = 0; k < columns; ++k)
        product[row * size + i] += (double)values[k] * (double)matrix[i * stride + k];
    }
    for (size_t i = 0; rows >= columns && i < columns; ++i) {
      const double factor = (double)values[i];
      for (size_t k = 0; k < columns; ++k)
        product[i * size + k] += factor * (double)values[k];
    }
  }
}

static double frobenius(size_t size, const double *matrix)
{
  double sum = 0;
  for (size_t i = 0; i < size * size; ++i)
    sum += matrix[i] * matrix[i];
  return sqrt(sum);
}

/* square = (matrix / norm)^2, matrix being symmetric. */
static void square_of(size_t size, double norm, double *restrict matrix, double *restrict square)
{
  for (size_t i = 0; i < size * size; ++i)
    matrix[i] /= norm;
  memset(square, 0, size * size * sizeof *square);
  for (size_t i = 0; i < size; ++i) {
    for (size_t k = 0; k < size; ++k) {
      const double factor = matrix[i * size + k];
      for (size_t j = 0; j < size; ++j)
        square[i * size + j] += factor * matrix[k * size + j];
    }
  }
}

/* With G = (W' W)^(2^t) of rank r and the largest singular value s: s^(2^(t + 1)) <= |G|_F <=
 * sqrt(r) s^(2^(t + 1)). Norms are taken out at each squaring, and their logarithms added up. */
ag_status ag_matrix_bound(size_t rows, size_t columns, size_t stride, const float *matrix,
                          double *bound)
{
  ag_status status = AG_OK;
  const size_t size = ag_minimum(rows, columns);
  const double allowed = 0.01;
  double *product = NULL;
  double *square = NULL;
  double power = 2; /* of s */
  AG_TRY(ag_allocate(size * size, sizeof *product, &product));
  AG_TRY(ag_allocate(size * size, sizeof *square, &square));
  multiply_by_itself(rows, columns, stride, matrix, product);
  double norm = frobenius(size, product);
  double logarithm = log(norm); /* of |G|_F */
  while (norm > 0 && log((double)size) / 2 > power * allowed) {
    square_of(size, norm, product, square);
    double *last = product;
    product = square;
    square = last;
    norm = frobenius(size, product);
    logarithm = 2 * logarithm + log(norm);
    power *= 2;
  }
  *bound = norm > 0 ? exp(logarithm / power) : 0;
cleanup:
  ag_release(&square);
  ag_release(&product);
  return status;
}

/* ---- layers ---- */

static ag_status convolution_bound(const ag_parameter *weight, const float *block, double *bound)
{
  enum { SAMPLES = 64, SAMPLES_OF_TAP = 16 }; /* at most half a percent above all samples */
  ag_status status = AG_OK;
  const size_t wanted = weight->height * SAMPLES_OF_TAP;
  const ag_toeplitz kernel = ag_toeplitz_of(weight, wanted > SAMPLES ? wanted : SAMPLES);
  ag_toeplitz_peak *peaks = NULL;
  double *waves = NULL;
  double *scratch = NULL;
  AG_TRY(ag_allocate(ag_toeplitz_groups(&kernel), sizeof *peaks, &peaks));
  AG_TRY(ag_allocate(ag_toeplitz_wave_doubles(&kernel), sizeof *waves, &waves));
  AG_TRY(ag_allocate(ag_toeplitz_scratch(&kernel), sizeof *scratch, &scratch));
  ag_toeplitz_waves(&kernel, waves);
  for (size_t i = 0; i < ag_toeplitz_blocks(&kernel); ++i)
    ag_toeplitz_peaks(&kernel, waves, block + weight->offset, i, scratch, peaks);
  *bound = ag_toeplitz_bound(&kernel, ag_toeplitz_total(&kernel, peaks));
cleanup:
  ag_release(&scratch);
  ag_release(&waves);
  ag_release(&peaks);
  return status;
}

static ag_status dense_bound(const ag_parameter *weight, const float *block, double *bound)
{
  const size_t stride = ag_channels_padded(weight->out);
  return ag_matrix_bound(weight->floats / stride, weight->out, stride, block + weight->offset,
                         bound);
}

static double normalize_bound(const ag_parameter *deviation, const float *block)
{
  double smallest = INFINITY;
  for (size_t c = 0; c < deviation->out; ++c)
    smallest = fmin(smallest, (double)block[deviation->offset + c]);
  return 1 / smallest;
}

static ag_status layer_bound(const ag_network *network, size_t layer, double *bound)
{
  const ag_layer_description *is = ag_network_layer_description(network, layer);
  const size_t first = ag_network_layer_first_parameter(network, layer);
  const float *block = ag_network_values(network);
  size_t unused = 0;
  *bound = 1;
  if (strcmp(is->kind, "convolution") == 0) {
    return convolution_bound(ag_network_parameter(network, first), block, bound);
  }
  if (strcmp(is->kind, "dense") == 0) {
    return dense_bound(ag_network_parameter(network, first), block, bound);
  }
  if (strcmp(is->kind, "normalize") == 0) {
    *bound = normalize_bound(ag_network_parameter(network, first + 1), block);
  } else if (strcmp(is->kind, "batch-normalisation") == 0) {
    *bound = ag_norm_bound(ag_network_parameter(network, first),
                           ag_network_parameter(network, first + 3), block, &unused);
  } else if (strcmp(is->kind, "max-pooling") == 0) {
    *bound = (double)ag_divide_up(is->kernel, is->stride);
  } else if (strcmp(is->kind, "average-pooling") == 0) {
    *bound = (double)ag_divide_up(is->kernel, is->stride) / (double)is->kernel;
  } else {
    assert(strcmp(is->kind, "relu") == 0 || strcmp(is->kind, "dropout") == 0 ||
           strcmp(is->kind, "gaussian-noise") == 0);
  }
  return AG_OK;
}

ag_status ag_lipschitz_measure(const ag_network *network, ag_lipschitz_bounds *bounds)
{
  *bounds = (ag_lipschitz_bounds){.network = 1};
  for (size_t layer = 0; layer < ag_network_layer_count(network); ++layer) {
    const ag_status status = layer_bound(network, layer, &bounds->layers[layer]);
    if (status != AG_OK) return status;
    bounds->network *= bounds->layers[layer];
  }
  return AG_OK;
}
