/* What the tests share: arrays, comparison, random values, and reference tensors.
 * Reference tensors come from the HDF5 files in tests/fixtures, in PyTorch's layout; the
 * converters bring them to ours, so that a mistake in a layout shows. */
#ifndef ADVGRID_TEST_FIXTURE_H
#define ADVGRID_TEST_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>
#include <hdf5_hl.h>

#include "advgrid/base.h"
#include "advgrid/kernels.h"

/* ---- arrays ------------------------------------------------------------------- */

/** Aligned as the program's own arrays are, but ending where it should, so that the address
 *  sanitizer sees a step beyond; zeroed. Owned by the caller, freed by free. */
static inline void *test_bytes(size_t bytes)
{
  void *block = NULL;
  if (posix_memalign(&block, AG_ALIGNMENT, bytes == 0 ? 1 : bytes) != 0) abort();
  return memset(block, 0, bytes);
}

static inline float *test_floats(size_t count)
{
  return (float *)test_bytes(count * sizeof(float));
}

static inline float *test_copy(const float *values, size_t count)
{
  return (float *)memcpy(test_floats(count), values, count * sizeof(float));
}

/** Uniform values in [low, high); each `stream` has its own, the same in every run. */
static inline void test_fill(float *values, size_t count, uint32_t stream, float low, float high)
{
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, stream, 0);
  for (size_t i = 0; i < count; ++i)
    values[i] = low + (high - low) * ag_random_uniform(&random);
}

/** New activations: rows pixels of `channels` values in [-1, 1) and zero padding channels.
 *  Owned by the caller, freed by free. */
static inline float *test_activations(size_t rows, size_t channels, uint32_t stream)
{
  const size_t stride = ag_channels_padded(channels);
  float *values = test_floats(rows * stride);
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, stream, 1);
  for (size_t row = 0; row < rows; ++row) {
    for (size_t c = 0; c < channels; ++c)
      values[row * stride + c] = 2.0F * ag_random_uniform(&random) - 1.0F;
  }
  return values;
}

/** New convolution weights [kernel, kernel, in, out], both padded with zeros; values in
 *  [-1, 1). in, out: unpadded. Owned by the caller, freed by free. */
static inline float *test_weights(size_t kernel, size_t in, size_t out, uint32_t stream)
{
  const size_t in_stride = ag_channels_padded(in);
  const size_t out_stride = ag_channels_padded(out);
  float *values = test_floats(kernel * kernel * in_stride * out_stride);
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, stream, 2);
  for (size_t pixel = 0; pixel < kernel * kernel; ++pixel) {
    for (size_t i = 0; i < in; ++i) {
      for (size_t o = 0; o < out; ++o)
        values[(pixel * in_stride + i) * out_stride + o] = 2.0F * ag_random_uniform(&random) - 1.0F;
    }
  }
  return values;
}

static inline double test_dot(const float *a, const float *b, size_t count)
{
  double sum = 0.0;
  for (size_t i = 0; i < count; ++i)
    sum += (double)a[i] * (double)b[i];
  return sum;
}

/* ---- comparison ----------------------------------------------------------------- */

static inline void test_close(const char *what, const float *got, const float *want, size_t count,
                              double atol, double rtol, const char *file, int line)
{
  for (size_t i = 0; i < count; ++i) {
    const double difference = fabs((double)got[i] - (double)want[i]);
    /* Written so that a NaN fails. */
    if (!(difference <= atol + rtol * fabs((double)want[i]))) {
      print_error("%s: at %zu of %zu: got %.9g, want %.9g, off by %.3g\n", what, i, count,
                  (double)got[i], (double)want[i], difference);
      _fail(file, line);
    }
  }
}

static inline void test_number_close(const char *what, double got, double want, double atol,
                                     double rtol, const char *file, int line)
{
  if (!(fabs(got - want) <= atol + rtol * fabs(want))) {
    print_error("%s: got %.17g, want %.17g, off by %.3g\n", what, got, want, fabs(got - want));
    _fail(file, line);
  }
}

static inline void test_same_bits(const char *what, const float *got, const float *want,
                                  size_t count, const char *file, int line)
{
  for (size_t i = 0; i < count; ++i) {
    if (memcmp(got + i, want + i, sizeof *got) != 0) {
      print_error("%s: at %zu of %zu: got %a, want the bits of %a\n", what, i, count,
                  (double)got[i], (double)want[i]);
      _fail(file, line);
    }
  }
}

/** |got - want| <= atol + rtol |want| for each of count floats; prints the first that is not. */
#define assert_close(got, want, count, atol, rtol) \
  test_close(#got, got, want, count, atol, rtol, __FILE__, __LINE__)
/** The same for one number (double). */
#define assert_number_close(got, want, atol, rtol) \
  test_number_close(#got, got, want, atol, rtol, __FILE__, __LINE__)
/** The same bits in each of count floats. */
#define assert_same_bits(got, want, count) \
  test_same_bits(#got, got, want, count, __FILE__, __LINE__)

static inline void test_padding_zero(const char *what, const float *values, size_t rows,
                                     size_t channels, const char *file, int line)
{
  const size_t stride = ag_channels_padded(channels);
  for (size_t row = 0; row < rows; ++row) {
    for (size_t c = channels; c < stride; ++c) {
      if (values[row * stride + c] != 0.0F) {
        print_error("%s: row %zu: padding channel %zu is %g\n", what, row, c,
                    (double)values[row * stride + c]);
        _fail(file, line);
      }
    }
  }
}

/** The padding channels behind `channels` are zero in each of rows pixels. */
#define assert_padding_zero(values, rows, channels) \
  test_padding_zero(#values, values, rows, channels, __FILE__, __LINE__)

/* ---- reference tensors ------------------------------------------------------------ */

typedef struct test_tensor {
  size_t rank, sizes[4]; /* sizes behind rank are 1 */
  size_t count;
  float *values; /* owned, freed by free */
} test_tensor;

/** Reads a float dataset of at most four dimensions from TEST_FIXTURES/file. */
static inline test_tensor test_tensor_read(const char *file, const char *dataset)
{
  test_tensor tensor = {.sizes = {1, 1, 1, 1}, .count = 1};
  char path[AG_PATH_SIZE];
  assert_int_equal(ag_path_join(path, sizeof path, "%s/%s", TEST_FIXTURES, file), AG_OK);
  const hid_t handle = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (handle < 0) fail_msg("cannot open %s", path);
  int rank = 0;
  hsize_t sizes[4] = {1, 1, 1, 1};
  if (H5LTget_dataset_ndims(handle, dataset, &rank) < 0 || rank > 4 ||
      H5LTget_dataset_info(handle, dataset, sizes, NULL, NULL) < 0) {
    fail_msg("%s: no dataset %s of at most four dimensions", path, dataset);
  }
  tensor.rank = (size_t)rank;
  for (size_t i = 0; i < tensor.rank; ++i) {
    tensor.sizes[i] = (size_t)sizes[i];
    tensor.count *= tensor.sizes[i];
  }
  tensor.values = test_floats(tensor.count);
  if (H5LTread_dataset_float(handle, dataset, tensor.values) < 0) {
    fail_msg("%s: cannot read dataset %s", path, dataset);
  }
  H5Fclose(handle);
  return tensor;
}

/** From [N, C, H, W] (or [N, C]) to [N, H, W, C padded]. Frees the tensor; the result is owned
 *  by the caller, freed by free. */
static inline float *test_from_nchw(test_tensor tensor)
{
  const size_t channels = tensor.sizes[1];
  const size_t pixels = tensor.sizes[2] * tensor.sizes[3];
  const size_t stride = ag_channels_padded(channels);
  float *values = test_floats(tensor.sizes[0] * pixels * stride);
  for (size_t n = 0; n < tensor.sizes[0]; ++n) {
    for (size_t c = 0; c < channels; ++c) {
      for (size_t i = 0; i < pixels; ++i)
        values[(n * pixels + i) * stride + c] = tensor.values[(n * channels + c) * pixels + i];
    }
  }
  free(tensor.values);
  return values;
}

/** From [O, I, H, W] (or [O, I]) to [H, W, I padded, O padded]. Frees the tensor; the result is
 *  owned by the caller, freed by free. */
static inline float *test_from_oihw(test_tensor tensor)
{
  const size_t out = tensor.sizes[0];
  const size_t in = tensor.sizes[1];
  const size_t pixels = tensor.sizes[2] * tensor.sizes[3];
  const size_t in_stride = ag_channels_padded(in);
  const size_t out_stride = ag_channels_padded(out);
  float *values = test_floats(pixels * in_stride * out_stride);
  for (size_t o = 0; o < out; ++o) {
    for (size_t i = 0; i < in; ++i) {
      for (size_t p = 0; p < pixels; ++p)
        values[(p * in_stride + i) * out_stride + o] = tensor.values[(o * in + i) * pixels + p];
    }
  }
  free(tensor.values);
  return values;
}

/** From [C] to [C padded]. Frees the tensor; the result is owned by the caller, freed by free. */
static inline float *test_from_vector(test_tensor tensor)
{
  float *values = test_floats(ag_channels_padded(tensor.count));
  memcpy(values, tensor.values, tensor.count * sizeof *values);
  free(tensor.values);
  return values;
}

#endif
