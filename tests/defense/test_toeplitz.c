/* The Toeplitz bound of convolutions: against its definition, as an upper bound of the largest
 * singular values of matrices, where it is tight, and its gradient. */
#include "defense/kernels.h"

#include "defense/toeplitz.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const double tau = 6.28318530717958647692;

/* Fewer inputs, fewer outputs, as many; one less and one more than a block of channels. */
static const kernel_case cases[] = {{3, 1, 1},  {3, 3, 8}, {3, 9, 7}, {3, 7, 9},
                                    {1, 5, 17}, {2, 8, 8}, {5, 2, 3}, {3, 17, 4}};

static ag_toeplitz with_samples(const kernel_case *k, size_t samples)
{
  return (ag_toeplitz){.size = k->size, .in = k->in, .out = k->out, .samples = samples};
}

static float *draw(const kernel_case *k, uint32_t stream)
{
  return test_weights(k->size, k->in, k->out, stream);
}

/* The sum of the peaks, and where they are. */
static double measure(const ag_toeplitz *kernel, const float *weight, double *waves,
                      ag_toeplitz_peak *peaks)
{
  double *scratch = (double *)test_bytes(ag_toeplitz_scratch(kernel) * sizeof *scratch);
  ag_toeplitz_waves(kernel, waves);
  for (size_t block = ag_toeplitz_blocks(kernel); block-- > 0;)
    ag_toeplitz_peaks(kernel, waves, weight, block, scratch, peaks);
  free(scratch);
  return ag_toeplitz_total(kernel, peaks);
}

static double total_of(const ag_toeplitz *kernel, const float *weight)
{
  ag_toeplitz_peak peaks[32];
  double *waves = (double *)test_bytes(ag_toeplitz_wave_doubles(kernel) * sizeof *waves);
  assert_true(ag_toeplitz_groups(kernel) <= COUNT_OF(peaks));
  const double total = measure(kernel, weight, waves, peaks);
  free(waves);
  return total;
}

static double bound_of(const kernel_case *k, const float *weight, size_t samples)
{
  const ag_toeplitz kernel = with_samples(k, samples);
  return ag_toeplitz_bound(&kernel, total_of(&kernel, weight));
}

/* ---- by its definition ---- */

/* p of one channel of the side that has fewer, as the modulus of generating functions. */
static double squares_at(const kernel_case *k, const float *weight, size_t group, double wy,
                         double wx)
{
  const bool inputs = k->in < k->out;
  double squares = 0;
  for (size_t other = 0; other < (inputs ? k->out : k->in); ++other) {
    double real = 0;
    double imaginary = 0;
    for (size_t tap = 0; tap < k->size * k->size; ++tap) {
      const size_t y = tap / k->size;
      const size_t x = tap % k->size;
      const double value =
          kernel_tap(k, weight, y, x, inputs ? group : other, inputs ? other : group);
      real += value * cos((double)y * wy + (double)x * wx);
      imaginary += value * sin((double)y * wy + (double)x * wx);
    }
    squares += real * real + imaginary * imaginary;
  }
  return squares;
}

static double total_by_definition(const kernel_case *k, const float *weight, size_t samples)
{
  double total = 0;
  for (size_t group = 0; group < (k->in < k->out ? k->in : k->out); ++group) {
    double largest = 0;
    for (size_t i = 0; i < samples * samples; ++i) {
      const double unit = tau / (double)samples;
      const size_t row = i / samples;
      largest = fmax(
          largest, squares_at(k, weight, group, unit * (double)row, unit * (double)(i % samples)));
    }
    total += largest;
  }
  return total;
}

static void it_is_what_its_definition_says(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    float *weight = draw(&cases[i], (uint32_t)i);
    for (size_t samples = cases[i].size; samples < cases[i].size + 6; ++samples) {
      const ag_toeplitz kernel = with_samples(&cases[i], samples);
      const double want = total_by_definition(&cases[i], weight, samples);
      const double root = cos((double)(cases[i].size - 1) * tau / 4 / (double)samples);
      assert_number_close(total_of(&kernel, weight), want, 0, 1e-12);
      assert_number_close(bound_of(&cases[i], weight, samples), sqrt(want) / (root * root), 0,
                          1e-12);
    }
    free(weight);
  }
}

/* ---- an upper bound ---- */

/* Of images of any size, with any padding and stride, also from the fewest samples. */
static void no_singular_value_is_larger(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    float *weight = draw(&cases[i], 50 + (uint32_t)i);
    for (size_t padding = 0; padding < 3; ++padding) {
      const size_t stride = 1 + padding % 2;
      const double value = kernel_singular_value(&cases[i], weight, 6, padding, stride);
      assert_true(value > 0);
      for (size_t samples = cases[i].size; samples < 12; ++samples)
        assert_true(bound_of(&cases[i], weight, samples) >= value);
    }
    free(weight);
  }
}

/* Between the samples too: the grid alone would not do. */
static void few_samples_bound_what_lies_between(void **state)
{
  (void)state;
  size_t exceeded = 0;
  for (uint32_t stream = 0; stream < 40; ++stream) {
    const kernel_case *k = &cases[stream % 2 == 0 ? 0 : 6];
    const ag_toeplitz fine = with_samples(k, 120);
    float *weight = draw(k, 100 + stream);
    const double supremum = sqrt(total_of(&fine, weight)); /* nearly, and from below */
    for (size_t samples = k->size; samples < 3 * k->size; ++samples) {
      const ag_toeplitz coarse = with_samples(k, samples);
      assert_true(bound_of(k, weight, samples) >= supremum);
      exceeded += sqrt(total_of(&coarse, weight)) < supremum * (1 - 1e-6);
    }
    free(weight);
  }
  assert_true(exceeded > 100);
}

/* ---- where it is tight ---- */

static void one_tap_of_one_channel_is_its_own_bound(void **state)
{
  (void)state;
  const kernel_case k = {1, 1, 1};
  float *weight = draw(&k, 1);
  weight[0] = -0.37F;
  for (size_t samples = 1; samples < 4; ++samples)
    assert_number_close(bound_of(&k, weight, samples), (double)0.37F, 0, 1e-15);
  free(weight);
}

/* A matrix between channels has its Frobenius norm for a bound: of rank one it is tight. */
static void one_tap_has_its_frobenius_norm(void **state)
{
  (void)state;
  const kernel_case k = {1, 6, 11};
  float *weight = draw(&k, 2);
  const size_t floats = ag_channels_padded(k.in) * ag_channels_padded(k.out);
  assert_number_close(bound_of(&k, weight, 3), sqrt(test_dot(weight, weight, floats)), 0, 1e-12);
  assert_true(kernel_singular_value(&k, weight, 1, 0, 1) < 0.9 * bound_of(&k, weight, 3));
  for (size_t i = 0; i < k.in; ++i) {
    for (size_t o = 0; o < k.out; ++o)
      weight[i * ag_channels_padded(k.out) + o] = (float)(i + 1) * ((float)o - 3);
  }
  assert_number_close(kernel_singular_value(&k, weight, 1, 0, 1), bound_of(&k, weight, 3), 0,
                      1e-12);
  free(weight);
}

/* Images grow towards it, and so do samples from the other side. */
static void one_channel_is_bounded_tightly(void **state)
{
  (void)state;
  const kernel_case k = {3, 1, 1};
  float *weight = draw(&k, 3);
  double last = 0;
  for (size_t n = 4; n <= 32; n *= 2) {
    const double value = kernel_singular_value(&k, weight, n, 1, 1);
    assert_true(value > last);
    last = value;
  }
  double before = INFINITY;
  for (size_t samples = 4; samples <= 128; samples *= 2) {
    const double bound = bound_of(&k, weight, samples);
    assert_true(bound >= last && bound < before);
    before = bound;
  }
  assert_true(before < 1.01 * last);
  free(weight);
}

/* ---- the gradient ---- */

/* Steps are so small that no peak moves, and weights such that they are exact. */
static void gradient_is_the_slope(void **state)
{
  (void)state;
  const double factor = 0.3;
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    const ag_toeplitz kernel = with_samples(&cases[i], 10);
    const size_t taps = kernel.size * kernel.size;
    const size_t floats = taps * ag_channels_padded(kernel.in) * ag_channels_padded(kernel.out);
    float *weight = draw(&cases[i], 200 + (uint32_t)i);
    for (size_t at = 0; at < floats; ++at)
      weight[at] = roundf(1024 * weight[at]) / 1024;
    float *gradient = test_floats(floats);
    float *coefficients = test_floats(ag_toeplitz_coefficient_floats(&kernel));
    double *waves = (double *)test_bytes(ag_toeplitz_wave_doubles(&kernel) * sizeof *waves);
    ag_toeplitz_peak peaks[32];
    measure(&kernel, weight, waves, peaks);
    ag_toeplitz_coefficients(&kernel, waves, peaks, factor, coefficients);
    gradient[0] = 5; /* added to */
    ag_toeplitz_add_gradient(&kernel, coefficients, weight, 0, floats, gradient);
    gradient[0] -= 5;
    for (size_t at = 0; at < floats; ++at) {
      const float h = 1.0F / 1048576;
      const float value = weight[at];
      const bool padding = at % ag_channels_padded(kernel.out) >= kernel.out ||
                           at / ag_channels_padded(kernel.out) % ag_channels_padded(kernel.in) >=
                               kernel.in;
      weight[at] = value + h;
      const double right = total_of(&kernel, weight);
      weight[at] = value - h;
      const double left = total_of(&kernel, weight);
      weight[at] = value;
      const double slope = padding ? 0 : factor * (right - left) / (2 * (double)h);
      assert_number_close((double)gradient[at], slope, 2e-5, 1e-5);
    }
    free(waves);
    free(coefficients);
    free(gradient);
    free(weight);
  }
}

/* As slices of a network cut it: within rows and taps. */
static void pieces_have_the_bits_of_the_whole(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    const ag_toeplitz kernel = with_samples(&cases[i], 7);
    const size_t floats = kernel.size * kernel.size * ag_channels_padded(kernel.in) *
                          ag_channels_padded(kernel.out);
    float *weight = draw(&cases[i], 300 + (uint32_t)i);
    float *whole = draw(&cases[i], 400 + (uint32_t)i);
    float *pieces = test_copy(whole, floats);
    float *coefficients = test_floats(ag_toeplitz_coefficient_floats(&kernel));
    double *waves = (double *)test_bytes(ag_toeplitz_wave_doubles(&kernel) * sizeof *waves);
    ag_toeplitz_peak peaks[32];
    measure(&kernel, weight, waves, peaks);
    ag_toeplitz_coefficients(&kernel, waves, peaks, 1, coefficients);
    ag_toeplitz_add_gradient(&kernel, coefficients, weight, 0, floats, whole);
    for (size_t first = 0; first < floats; first += 13) {
      ag_toeplitz_add_gradient(&kernel, coefficients, weight, first, ag_minimum(13, floats - first),
                               pieces + first);
    }
    assert_same_bits(pieces, whole, floats);
    free(waves);
    free(coefficients);
    free(pieces);
    free(whole);
    free(weight);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_is_what_its_definition_says),
      cmocka_unit_test(no_singular_value_is_larger),
      cmocka_unit_test(few_samples_bound_what_lies_between),
      cmocka_unit_test(one_tap_of_one_channel_is_its_own_bound),
      cmocka_unit_test(one_tap_has_its_frobenius_norm),
      cmocka_unit_test(one_channel_is_bounded_tightly),
      cmocka_unit_test(gradient_is_the_slope),
      cmocka_unit_test(pieces_have_the_bits_of_the_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
