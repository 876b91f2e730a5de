/* ReLU, normalisation and the sum of rows: against plain loops, the adjoint identity, central
 * differences, and PyTorch. Dropout and noise: their statistics and what they are keyed by. */
#include "support/fixture.h"

/* Lengths around those of vectors. */
static const size_t lengths[] = {0, 1, 3, 4, 7, 8, 9, 31, 64, 1001};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

static float *uniform(size_t count, uint32_t stream)
{
  float *values = test_floats(count);
  test_fill(values, count, stream, -1.0F, 1.0F);
  return values;
}

static void relu_agrees_with_loops(void **state)
{
  (void)state;
  for (size_t index = 0; index < LENGTHS; ++index) {
    const size_t count = lengths[index];
    float *x = uniform(count, 1);
    float *dy = uniform(count, 2);
    float *y = uniform(count, 3);
    float *dx = uniform(count, 4);
    ag_relu_forward(count, x, y);
    ag_relu_backward(count, y, dy, dx);
    for (size_t i = 0; i < count; ++i) {
      assert_true(y[i] == (x[i] > 0.0F ? x[i] : 0.0F));
      assert_true(dx[i] == (x[i] > 0.0F ? dy[i] : 0.0F));
    }
    /* With the signs of x held, ReLU is linear: <R x, dy> = <x, R' dy>. */
    assert_number_close(test_dot(x, dx, count), test_dot(y, dy, count), 1e-5, 1e-6);
    ag_relu_forward(count, x, x);
    ag_relu_backward(count, x, dy, dy);
    assert_same_bits(x, y, count);
    assert_same_bits(dy, dx, count);
    free(x);
    free(dy);
    free(y);
    free(dx);
  }
}

static void relu_at_its_kink(void **state)
{
  (void)state;
  const float x[5] = {0.0F, -0.0F, -1e-38F, 1e-38F, NAN};
  const float dy[5] = {1.0F, 1.0F, 1.0F, 1.0F, 1.0F};
  float y[5];
  float dx[5];
  ag_relu_forward(5, x, y);
  ag_relu_backward(4, y, dy, dx);
  const float want_y[4] = {0.0F, 0.0F, 0.0F, 1e-38F};
  const float want_dx[4] = {0.0F, 0.0F, 0.0F, 1.0F};
  assert_close(y, want_y, 4, 0.0, 0.0);
  assert_close(dx, want_dx, 4, 0.0, 0.0);
  assert_true(isnan(y[4])); /* a diverged network must not look like a dead one */
}

static void relu_gradient_is_slope(void **state)
{
  (void)state;
  const float step = 1e-3F;
  float *x = uniform(64, 5);
  const float dy = 0.75F;
  for (size_t i = 0; i < 64; ++i) {
    if (fabsf(x[i]) <= 2.0F * step) continue;
    const float around[2] = {x[i] - step, x[i] + step};
    float y[2];
    float dx = 0.0F;
    ag_relu_forward(2, around, y);
    const double slope = (double)dy * ((double)y[1] - (double)y[0]) /
                         ((double)around[1] - (double)around[0]);
    ag_relu_forward(1, x + i, y);
    ag_relu_backward(1, y, &dy, &dx);
    assert_number_close((double)dx, slope, 1e-6, 1e-6);
  }
  free(x);
}

/* db += B' dy, where B repeats a bias in each row: <B b, dy> = <b, B' dy>. */
static void bias_gradient_sums_rows(void **state)
{
  (void)state;
  const size_t cases[][2] = {{0, 8}, {1, 8}, {3, 8}, {4, 16}, {5, 8}, {9, 24}, {1000, 72}, {7, 1}};
  for (size_t index = 0; index < sizeof cases / sizeof cases[0]; ++index) {
    const size_t rows = cases[index][0];
    const size_t channels = cases[index][1];
    float *dy = uniform(rows * channels, 6);
    float *db = uniform(channels, 7);
    float *want = test_floats(channels);
    for (size_t c = 0; c < channels; ++c) {
      double sum = (double)db[c];
      for (size_t row = 0; row < rows; ++row)
        sum += (double)dy[row * channels + c];
      want[c] = (float)sum;
    }
    ag_bias_gradient(rows, channels, dy, db);
    assert_close(db, want, channels, 2e-5, 1e-6);
    free(dy);
    free(db);
    free(want);
  }
}

/* y is affine in x: <A x - A 0, dy> = <x, A' dy>, and its slopes are the same at any step. */
static void normalize_agrees_with_loops(void **state)
{
  (void)state;
  const size_t cases[][2] = {{1, 3}, {7, 3}, {5, 8}, {4, 17}}; /* rows, unpadded channels */
  for (size_t index = 0; index < sizeof cases / sizeof cases[0]; ++index) {
    const size_t rows = cases[index][0];
    const size_t stride = ag_channels_padded(cases[index][1]);
    float *x = test_activations(rows, cases[index][1], 1);
    float *dy = test_activations(rows, cases[index][1], 2);
    float *mean = test_activations(1, cases[index][1], 3);
    float *deviation = test_floats(stride);
    for (size_t c = 0; c < stride; ++c)
      deviation[c] = c < cases[index][1] ? 0.2F + 0.01F * (float)c : 1.0F;
    float *y = uniform(rows * stride, 4);
    float *dx = uniform(rows * stride, 5);
    ag_normalize_forward(rows, stride, mean, deviation, x, y);
    ag_normalize_backward(rows, stride, deviation, dy, dx);
    assert_padding_zero(y, rows, cases[index][1]);
    assert_padding_zero(dx, rows, cases[index][1]);
    for (size_t i = 0; i < rows * stride; ++i) {
      const double scale = (double)deviation[i % stride];
      const double want = ((double)x[i] - (double)mean[i % stride]) / scale;
      assert_number_close((double)y[i], want, 1e-6, 1e-6);
      assert_number_close((double)dx[i], (double)dy[i] / scale, 1e-6, 1e-6);
      y[i] += (float)((double)mean[i % stride] / scale); /* A x - A 0 */
    }
    const double through = test_dot(y, dy, rows * stride);
    assert_number_close(test_dot(x, dx, rows * stride), through, 1e-4, 1e-5);
    float *const all[] = {x, dy, mean, deviation, y, dx};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
      free(all[i]);
  }
}

static float *activation(const char *name)
{
  return test_from_nchw(test_tensor_read("kernels.h5", name));
}

static void relu_agrees_with_pytorch(void **state)
{
  (void)state;
  const size_t count = (size_t)2 * 3 * 4 * 8;
  float *x = activation("relu/x");
  float *dy = activation("relu/dy");
  float *want_y = activation("relu/y");
  float *want_dx = activation("relu/dx");
  float *y = test_floats(count);
  float *dx = test_floats(count);
  ag_relu_forward(count, x, y);
  ag_relu_backward(count, y, dy, dx);
  assert_close(y, want_y, count, 0.0, 1e-7);
  assert_close(dx, want_dx, count, 0.0, 1e-7);
  float *const all[] = {x, dy, want_y, want_dx, y, dx};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
    free(all[i]);
}

static void normalize_agrees_with_pytorch(void **state)
{
  (void)state;
  const size_t rows = (size_t)2 * 5 * 4;
  float *x = activation("normalize/x");
  float *dy = activation("normalize/dy");
  float *want_y = activation("normalize/y");
  float *want_dx = activation("normalize/dx");
  float *mean = test_from_vector(test_tensor_read("kernels.h5", "normalize/mean"));
  float *deviation = test_from_vector(test_tensor_read("kernels.h5", "normalize/deviation"));
  for (size_t c = 3; c < 8; ++c)
    deviation[c] = 1.0F;
  float *y = test_floats(rows * 8);
  float *dx = test_floats(rows * 8);
  ag_normalize_forward(rows, 8, mean, deviation, x, y);
  ag_normalize_backward(rows, 8, deviation, dy, dx);
  assert_close(y, want_y, rows * 8, 1e-6, 1e-6);
  assert_close(dx, want_dx, rows * 8, 1e-6, 1e-6);
  float *const all[] = {x, dy, want_y, want_dx, mean, deviation, y, dx};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
    free(all[i]);
}

static ag_random stream(uint32_t sample, uint32_t step)
{
  return ag_random_stream(7, AG_PURPOSE_TEST, sample, step);
}

static void dropout_draws_once_a_value(void **state)
{
  (void)state;
  const float probability = 0.3F;
  for (size_t index = 0; index < LENGTHS; ++index) {
    const size_t count = lengths[index];
    float *x = uniform(count, 1);
    float *dy = uniform(count, 2);
    float *y = uniform(count, 3);
    float *dx = uniform(count, 4);
    uint8_t *keep = test_bytes(count);
    memset(keep, 255, count);
    ag_random random = stream(1, 2);
    ag_random again = random;
    ag_dropout_forward(count, probability, &random, x, y, keep);
    ag_dropout_backward(count, probability, keep, dy, dx);
    for (size_t i = 0; i < count; ++i) {
      const bool kept = ag_random_uniform(&again) >= probability;
      assert_int_equal(keep[i], kept);
      assert_number_close((double)y[i], kept ? (double)x[i] / 0.7 : 0.0, 0.0, 1e-6);
      assert_number_close((double)dx[i], kept ? (double)dy[i] / 0.7 : 0.0, 0.0, 1e-6);
    }
    assert_int_equal(ag_random_bits(&random), ag_random_bits(&again));
    assert_number_close(test_dot(x, dx, count), test_dot(y, dy, count), 1e-5, 1e-6);

    random = stream(1, 2);
    ag_dropout_forward(count, probability, &random, x, x, keep);
    ag_dropout_backward(count, probability, keep, dy, dy);
    assert_same_bits(x, y, count);
    assert_same_bits(dy, dx, count);
    float *const all[] = {x, dy, y, dx};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
      free(all[i]);
    free(keep);
  }
}

/* An image of the network `base`: the masks that training has drawn from the start. */
static void dropout_draws_the_known_mask(void **state)
{
  (void)state;
  enum { COUNT = 4608 };
  float *x = test_floats(COUNT);
  uint8_t *keep = test_bytes(COUNT);
  ag_random random = ag_random_stream(1, AG_PURPOSE_DROPOUT, 2, 3);
  ag_dropout_forward(COUNT, 0.3F, &random, x, x, keep);
  ag_digest digest;
  char text[AG_DIGEST_TEXT_SIZE];
  assert_int_equal(ag_digest_compute(keep, COUNT, &digest), AG_OK);
  ag_digest_text(&digest, text);
  assert_string_equal(text, "1facc5fca9a3c13f42cf323f45f819308845a61d82ca94d5999bcadb10fb1a47");
  free(x);
  free(keep);
}

static void dropout_keeps_the_expectation(void **state)
{
  (void)state;
  enum { COUNT = 100000 };
  float *x = test_floats(COUNT);
  float *y = test_floats(COUNT);
  uint8_t *keep = test_bytes(COUNT);
  for (size_t i = 0; i < COUNT; ++i)
    x[i] = 1.0F;
  const float probabilities[] = {0.0F, 0.1F, 0.5F, 0.9F};
  for (size_t index = 0; index < 4; ++index) {
    const double p = (double)probabilities[index];
    ag_random random = stream(2, 0);
    ag_dropout_forward(COUNT, probabilities[index], &random, x, y, keep);
    size_t kept = 0;
    for (size_t i = 0; i < COUNT; ++i)
      kept += keep[i];
    /* Within five standard deviations. */
    assert_number_close((double)kept / COUNT, 1.0 - p, 5.0 * sqrt(p * (1.0 - p) / COUNT), 0.0);
    assert_number_close(test_dot(x, y, COUNT) / COUNT, 1.0,
                        1e-6 + 5.0 * sqrt(p / (1.0 - p) / COUNT), 0.0);
  }
  free(x);
  free(y);
  free(keep);
}

static void noise_is_drawn_in_order(void **state)
{
  (void)state;
  enum {
    ROWS = 407,
    CHANNELS = 3,
    STRIDE = 8,
    COUNT = ROWS * STRIDE
  };                            /* more than drawn at once */
  float *x = uniform(COUNT, 1); /* padding included: it must be copied, whatever it is */
  float *y = uniform(COUNT, 2);
  float *want = test_copy(x, COUNT);
  ag_random random = stream(3, 4);
  float pair[2] = {0.0F, 0.0F};
  for (size_t i = 0; i < (size_t)ROWS * CHANNELS; ++i) {
    if (i % 2 == 0) ag_random_normals(&random, pair);
    want[i / CHANNELS * STRIDE + i % CHANNELS] += 0.25F * pair[i % 2];
  }
  ag_random used = stream(3, 4);
  ag_gaussian_noise(ROWS, CHANNELS, STRIDE, 0.25F, &used, x, y);
  assert_close(y, want, COUNT, 1e-6, 1e-6);
  assert_int_equal(ag_random_bits(&used), ag_random_bits(&random));

  ag_random other = stream(3, 5);
  ag_gaussian_noise(ROWS, CHANNELS, STRIDE, 0.25F, &other, x, want);
  assert_true(fabsf(want[0] - y[0]) > 1e-6F);
  other = stream(3, 4);
  ag_gaussian_noise(ROWS, CHANNELS, STRIDE, 0.0F, &other, x, want);
  assert_close(want, x, COUNT, 0.0, 0.0);
  other = stream(3, 4);
  ag_gaussian_noise(ROWS, CHANNELS, STRIDE, 0.25F, &other, x, x);
  assert_same_bits(x, y, COUNT);
  free(x);
  free(y);
  free(want);
}

static void noise_is_normal(void **state)
{
  (void)state;
  enum { ROWS = 20000, CHANNELS = 5, STRIDE = 8, DRAWS = ROWS * CHANNELS };
  float *x = test_floats((size_t)ROWS * STRIDE);
  float *y = test_floats((size_t)ROWS * STRIDE);
  ag_random random = stream(4, 0);
  ag_gaussian_noise(ROWS, CHANNELS, STRIDE, 0.5F, &random, x, y);
  assert_padding_zero(y, ROWS, CHANNELS);
  double moments[5] = {0};
  for (size_t i = 0; i < (size_t)ROWS * STRIDE; ++i) {
    if (i % STRIDE >= CHANNELS) continue;
    double power = 1.0;
    for (size_t order = 1; order < 5; ++order)
      moments[order] += power *= (double)y[i] / 0.5;
  }
  /* Within five standard deviations of 0, 1, 0 and 3: the variances are 1, 2, 15 and 96. */
  assert_number_close(moments[1] / DRAWS, 0.0, 5.0 * sqrt(1.0 / DRAWS), 0.0);
  assert_number_close(moments[2] / DRAWS, 1.0, 5.0 * sqrt(2.0 / DRAWS), 0.0);
  assert_number_close(moments[3] / DRAWS, 0.0, 5.0 * sqrt(15.0 / DRAWS), 0.0);
  assert_number_close(moments[4] / DRAWS, 3.0, 5.0 * sqrt(96.0 / DRAWS), 0.0);
  free(x);
  free(y);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(relu_agrees_with_loops),
      cmocka_unit_test(relu_at_its_kink),
      cmocka_unit_test(relu_gradient_is_slope),
      cmocka_unit_test(bias_gradient_sums_rows),
      cmocka_unit_test(normalize_agrees_with_loops),
      cmocka_unit_test(relu_agrees_with_pytorch),
      cmocka_unit_test(normalize_agrees_with_pytorch),
      cmocka_unit_test(dropout_draws_once_a_value),
      cmocka_unit_test(dropout_draws_the_known_mask),
      cmocka_unit_test(dropout_keeps_the_expectation),
      cmocka_unit_test(noise_is_drawn_in_order),
      cmocka_unit_test(noise_is_normal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
