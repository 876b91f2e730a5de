/* Softmax and cross-entropy, towards labels and smoothed ones: against the definition in double,
 * central differences, PyTorch, and at the ends of the range. */
#include "support/fixture.h"

/* Images, classes, stride. */
static const size_t cases[][3] = {{1, 1, 8}, {1, 10, 16}, {7, 10, 16}, {3, 8, 8}, {2, 256, 256}};
enum { CASES = sizeof cases / sizeof cases[0] };

typedef struct softmax_data {
  size_t count, classes, stride;
  float *logits; /* garbage behind the classes: it must not matter */
  uint8_t *labels;
} softmax_data;

static softmax_data start(size_t index)
{
  softmax_data d = {cases[index][0], cases[index][1], cases[index][2], NULL, NULL};
  d.logits = test_floats(d.count * d.stride);
  d.labels = test_bytes(d.count);
  test_fill(d.logits, d.count * d.stride, 1, -6.0F, 6.0F);
  for (size_t row = 0; row < d.count; ++row) {
    d.labels[row] = (uint8_t)((3 * row + 5) % d.classes);
    for (size_t j = d.classes; j < d.stride; ++j)
      d.logits[row * d.stride + j] = 100.0F;
  }
  return d;
}

static void stop(softmax_data *d)
{
  free(d->logits);
  free(d->labels);
}

/* p in double, and log of the sum of exp(logits). */
static double naive(const softmax_data *d, size_t row, double p[256])
{
  double sum = 0.0;
  for (size_t j = 0; j < d->classes; ++j)
    sum += p[j] = exp((double)d->logits[row * d->stride + j]);
  for (size_t j = 0; j < d->classes; ++j)
    p[j] /= sum;
  return log(sum);
}

static void agrees_with_the_definition(void **state)
{
  (void)state;
  for (size_t index = 0; index < CASES; ++index) {
    softmax_data d = start(index);
    float *p = test_floats(d.count * d.stride);
    float *gradient = test_floats(d.count * d.stride);
    float *losses = test_floats(d.count);
    test_fill(p, d.count * d.stride, 2, 5.0F, 6.0F);
    test_fill(gradient, d.count * d.stride, 3, 5.0F, 6.0F);
    ag_softmax(d.count, d.classes, d.stride, d.logits, p);
    ag_cross_entropy(d.count, d.classes, d.stride, d.logits, d.labels, 0.25F, losses, gradient);
    for (size_t row = 0; row < d.count; ++row) {
      double want[256];
      const size_t label = d.labels[row];
      const double normaliser = naive(&d, row, want);
      assert_number_close((double)losses[row],
                          normaliser - (double)d.logits[row * d.stride + label], 1e-6, 1e-6);
      for (size_t j = 0; j < d.stride; ++j) {
        const double probability = j < d.classes ? want[j] : 0.0;
        const double difference = 0.25 * (probability - (j == label ? 1.0 : 0.0));
        assert_number_close((double)p[row * d.stride + j], probability, 1e-7, 1e-6);
        assert_number_close((double)gradient[row * d.stride + j], difference, 1e-7, 1e-6);
        if (j < d.classes) continue;
        assert_true(p[row * d.stride + j] == 0.0F && gradient[row * d.stride + j] == 0.0F);
      }
    }
    ag_softmax(d.count, d.classes, d.stride, d.logits, d.logits);
    assert_same_bits(d.logits, p, d.count * d.stride);
    free(p);
    free(gradient);
    free(losses);
    stop(&d);
  }
}

static void either_result_may_be_left_out(void **state)
{
  (void)state;
  softmax_data d = start(2);
  float *both[2] = {test_floats(d.count), test_floats(d.count * d.stride)};
  float *alone[2] = {test_floats(d.count), test_floats(d.count * d.stride)};
  ag_cross_entropy(d.count, d.classes, d.stride, d.logits, d.labels, 1.0F, both[0], both[1]);
  ag_cross_entropy(d.count, d.classes, d.stride, d.logits, d.labels, 1.0F, alone[0], NULL);
  ag_cross_entropy(d.count, d.classes, d.stride, d.logits, d.labels, 1.0F, NULL, alone[1]);
  assert_same_bits(alone[0], both[0], d.count);
  assert_same_bits(alone[1], both[1], d.count * d.stride);
  for (size_t i = 0; i < 2; ++i) {
    free(both[i]);
    free(alone[i]);
  }
  stop(&d);
}

static void gradient_is_slope(void **state)
{
  (void)state;
  const float step = 0.01F;
  softmax_data d = start(2);
  float *gradient = test_floats(d.count * d.stride);
  float *above = test_floats(d.count);
  float *below = test_floats(d.count);
  ag_cross_entropy(d.count, d.classes, d.stride, d.logits, d.labels, 1.0F, NULL, gradient);
  for (size_t j = 0; j < d.classes; ++j) {
    for (size_t row = 0; row < d.count; ++row)
      d.logits[row * d.stride + j] += step;
    ag_cross_entropy(d.count, d.classes, d.stride, d.logits, d.labels, 1.0F, above, NULL);
    for (size_t row = 0; row < d.count; ++row)
      d.logits[row * d.stride + j] -= 2.0F * step;
    ag_cross_entropy(d.count, d.classes, d.stride, d.logits, d.labels, 1.0F, below, NULL);
    for (size_t row = 0; row < d.count; ++row) {
      d.logits[row * d.stride + j] += step;
      const double slope = ((double)above[row] - (double)below[row]) / (2.0 * (double)step);
      assert_number_close(slope, (double)gradient[row * d.stride + j], 2e-4, 1e-3);
    }
  }
  free(gradient);
  free(above);
  free(below);
  stop(&d);
}

/* The gradient of an image that the network is sure of is small, and must not become zero or
 * lose its digits: an attack follows its sign. */
static void a_confident_prediction_keeps_its_gradient(void **state)
{
  (void)state;
  const float logits[8] = {0.0F, 40.0F, 1.0F};
  const uint8_t label = 1;
  float loss = 0.0F;
  float gradient[8];
  ag_cross_entropy(1, 3, 8, logits, &label, 1.0F, &loss, gradient);
  const double others = exp(-40.0) + exp(-39.0);
  assert_number_close((double)loss, others, 0.0, 1e-5);
  assert_number_close((double)gradient[0], exp(-40.0), 0.0, 1e-5);
  assert_number_close((double)gradient[1], -others, 0.0, 1e-5);
  assert_number_close((double)gradient[2], exp(-39.0), 0.0, 1e-5);
}

static void large_logits_do_not_overflow(void **state)
{
  (void)state;
  const float logits[8] = {3e38F, -3e38F, 3e38F, 90.0F};
  const float small[8] = {-2000.0F, -2001.0F, -2000.0F, -2090.0F};
  const uint8_t label = 2;
  float p[8];
  float loss = 0.0F;
  float gradient[8];
  ag_softmax(1, 4, 8, logits, p);
  const float want[8] = {0.5F, 0.0F, 0.5F, 0.0F};
  assert_close(p, want, 8, 1e-7, 1e-6);
  ag_cross_entropy(1, 4, 8, logits, &label, 1.0F, &loss, gradient);
  assert_number_close((double)loss, log(2.0), 1e-7, 1e-6);
  const float want_gradient[8] = {0.5F, 0.0F, -0.5F, 0.0F};
  assert_close(gradient, want_gradient, 8, 1e-7, 1e-6);
  ag_cross_entropy(1, 4, 8, small, &label, 1.0F, &loss, gradient);
  assert_number_close((double)loss, log(2.0 + exp(-1.0)), 1e-7, 1e-6);
}

static void a_nan_is_not_lost(void **state)
{
  (void)state;
  for (size_t position = 0; position < 3; ++position) {
    float logits[8] = {1.0F, 2.0F, 0.0F};
    const uint8_t label = 1;
    float loss = 0.0F;
    float gradient[8];
    logits[position] = NAN;
    ag_cross_entropy(1, 3, 8, logits, &label, 1.0F, &loss, gradient);
    assert_true(isnan(loss));
    assert_true(isnan(gradient[1]));
  }
}

static void agrees_with_pytorch(void **state)
{
  (void)state;
  const size_t count = 12;
  const size_t stride = 16;
  float *logits = test_from_nchw(test_tensor_read("kernels.h5", "softmax/logits"));
  float *want_p = test_from_nchw(test_tensor_read("kernels.h5", "softmax/p"));
  float *want_gradient = test_from_nchw(test_tensor_read("kernels.h5", "softmax/gradient"));
  float *want_losses = test_from_vector(test_tensor_read("kernels.h5", "softmax/losses"));
  float *read = test_from_vector(test_tensor_read("kernels.h5", "softmax/labels"));
  uint8_t *labels = test_bytes(count);
  for (size_t row = 0; row < count; ++row)
    labels[row] = (uint8_t)read[row];
  float *p = test_floats(count * stride);
  float *losses = test_floats(count);
  float *gradient = test_floats(count * stride);
  ag_softmax(count, 10, stride, logits, p);
  ag_cross_entropy(count, 10, stride, logits, labels, 1.0F / 12.0F, losses, gradient);
  assert_close(p, want_p, count * stride, 1e-9, 2e-6);
  assert_close(losses, want_losses, count, 1e-9, 2e-6);
  assert_close(gradient, want_gradient, count * stride, 1e-9, 2e-6);
  float *const all[] = {logits, want_p, want_gradient, want_losses, read, p, losses, gradient};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
    free(all[i]);
  free(labels);
}

/* ---- smoothed labels ---- */

/* -sum of q log p and p - q in double, for q of Szegedy et al. 2016, section 7. */
static double naive_smoothed(const softmax_data *d, size_t row, double smoothing,
                             double gradient[256])
{
  const double normaliser = naive(d, row, gradient);
  double loss = 0.0;
  for (size_t j = 0; j < d->classes; ++j) {
    const double one = j == d->labels[row] ? 1.0 : 0.0;
    const double q = (1.0 - smoothing) * one + smoothing / (double)d->classes;
    loss += q * (normaliser - (double)d->logits[row * d->stride + j]);
    gradient[j] -= q;
  }
  return loss;
}

static void smoothing_agrees_with_the_definition(void **state)
{
  (void)state;
  static const float amounts[] = {0.0F, 0.1F, 0.5F, 1.0F};
  for (size_t index = 0; index < (size_t)CASES * 4; ++index) {
    const float smoothing = amounts[index / CASES];
    softmax_data d = start(index % CASES);
    float *gradient = test_floats(d.count * d.stride);
    float *losses = test_floats(d.count);
    test_fill(gradient, d.count * d.stride, 3, 5.0F, 6.0F);
    ag_cross_entropy_smoothed(d.count, d.classes, d.stride, d.logits, d.labels, smoothing, 0.25F,
                              losses, gradient);
    for (size_t row = 0; row < d.count; ++row) {
      double want[256];
      const double loss = naive_smoothed(&d, row, (double)smoothing, want);
      assert_number_close((double)losses[row], loss, 1e-6, 1e-6);
      for (size_t j = 0; j < d.classes; ++j)
        assert_number_close((double)gradient[row * d.stride + j], 0.25 * want[j], 1e-7, 1e-6);
      for (size_t j = d.classes; j < d.stride; ++j)
        assert_true(gradient[row * d.stride + j] == 0.0F);
    }
    free(gradient);
    free(losses);
    stop(&d);
  }
}

/* Attacks rely on the digits of the plain loss, down to the sign of a zero. */
static void no_smoothing_gives_the_plain_bits(void **state)
{
  (void)state;
  const float sure[8] = {-200.0F, 200.0F, -200.0F};
  const uint8_t label = 1;
  float plain[8];
  float smoothed[8];
  ag_cross_entropy(1, 3, 8, sure, &label, 1.0F, NULL, plain);
  ag_cross_entropy_smoothed(1, 3, 8, sure, &label, 0.0F, 1.0F, NULL, smoothed);
  const float want[8] = {0.0F, -0.0F, 0.0F};
  assert_same_bits(plain, want, 8);
  assert_same_bits(smoothed, want, 8);
}

static void smoothed_gradient_is_slope(void **state)
{
  (void)state;
  const float step = 0.01F;
  const float smoothing = 0.2F;
  softmax_data d = start(2);
  float *gradient = test_floats(d.count * d.stride);
  float *sides[2] = {test_floats(d.count), test_floats(d.count)};
  ag_cross_entropy_smoothed(d.count, d.classes, d.stride, d.logits, d.labels, smoothing, 1.0F, NULL,
                            gradient);
  for (size_t j = 0; j < d.classes; ++j) {
    for (size_t side = 0; side < 2; ++side) {
      for (size_t row = 0; row < d.count; ++row)
        d.logits[row * d.stride + j] += side == 0 ? step : -2.0F * step;
      ag_cross_entropy_smoothed(d.count, d.classes, d.stride, d.logits, d.labels, smoothing, 1.0F,
                                sides[side], NULL);
    }
    for (size_t row = 0; row < d.count; ++row) {
      d.logits[row * d.stride + j] += step;
      const double rise = (double)sides[0][row] - (double)sides[1][row];
      assert_number_close(rise / (2.0 * (double)step), (double)gradient[row * d.stride + j], 2e-4,
                          1e-3);
    }
  }
  free(gradient);
  free(sides[0]);
  free(sides[1]);
  stop(&d);
}

/* A sure prediction is pulled back, and by as much as the labels are smoothed: no digits lost. */
static void smoothing_holds_at_the_ends(void **state)
{
  (void)state;
  const float sure[8] = {0.0F, 40.0F, 1.0F};
  const float even[8] = {2000.0F, 2000.0F, 2000.0F, 2000.0F};
  const float far[8] = {-1e30F, 1e30F, 0.0F};
  const uint8_t label = 1;
  const float small = 1e-6F;
  float loss = 0.0F;
  float gradient[8];
  ag_cross_entropy_smoothed(1, 3, 8, sure, &label, small, 1.0F, &loss, gradient);
  assert_number_close((double)loss, (double)small * (40.0 + 39.0) / 3.0, 0.0, 1e-6);
  assert_number_close((double)gradient[0], -(double)small / 3.0, 0.0, 1e-6);
  assert_number_close((double)gradient[1], (double)small * 2.0 / 3.0, 0.0, 1e-6);
  ag_cross_entropy_smoothed(1, 4, 8, even, &label, 1.0F, 1.0F, &loss, gradient);
  assert_number_close((double)loss, log(4.0), 0.0, 1e-6);
  for (size_t j = 0; j < 8; ++j)
    assert_number_close((double)gradient[j], 0.0, 1e-7, 0.0);
  ag_cross_entropy_smoothed(1, 3, 8, far, &label, 0.3F, 1.0F, &loss, gradient);
  assert_number_close((double)loss, 0.3 * 3e30 / 3.0, 0.0, 1e-6);
}

static void smoothing_agrees_with_pytorch(void **state)
{
  (void)state;
  const size_t count = 12;
  const size_t stride = 16;
  float *logits = test_from_nchw(test_tensor_read("kernels.h5", "softmax/logits"));
  float *want = test_from_nchw(test_tensor_read("kernels.h5", "softmax/smoothed_gradient"));
  float *want_losses = test_from_vector(test_tensor_read("kernels.h5", "softmax/smoothed_losses"));
  float *losses = test_floats(count);
  float *gradient = test_floats(count * stride);
  uint8_t labels[12];
  for (size_t row = 0; row < count; ++row)
    labels[row] = (uint8_t)(row % 10);
  ag_cross_entropy_smoothed(count, 10, stride, logits, labels, 0.1F, 1.0F / 12.0F, losses,
                            gradient);
  assert_close(losses, want_losses, count, 1e-9, 2e-6);
  assert_close(gradient, want, count * stride, 1e-9, 2e-6);
  float *const all[] = {logits, want, want_losses, losses, gradient};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
    free(all[i]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(agrees_with_the_definition),
      cmocka_unit_test(either_result_may_be_left_out),
      cmocka_unit_test(gradient_is_slope),
      cmocka_unit_test(a_confident_prediction_keeps_its_gradient),
      cmocka_unit_test(large_logits_do_not_overflow),
      cmocka_unit_test(a_nan_is_not_lost),
      cmocka_unit_test(agrees_with_pytorch),
      cmocka_unit_test(smoothing_agrees_with_the_definition),
      cmocka_unit_test(no_smoothing_gives_the_plain_bits),
      cmocka_unit_test(smoothed_gradient_is_slope),
      cmocka_unit_test(smoothing_holds_at_the_ends),
      cmocka_unit_test(smoothing_agrees_with_pytorch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
