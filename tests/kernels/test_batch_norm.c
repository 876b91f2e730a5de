/* Batch normalisation: against loops in double, the adjoint identity of its linear part, and
 * central differences. */
#include "support/batch.h"

/* ---- statistics -------------------------------------------------------------------- */

static void check_statistics(const batch *b)
{
  for (size_t c = 0; c < b->stride; ++c) {
    const channel k = batch_channel(b, c);
    /* 6e-8: half a unit in the mean's last place. A deviation to 1e-6, squared. */
    assert_number_close((double)b->mean[c], k.mean, 1e-6 * sqrt(k.variance), 6e-8);
    assert_number_close((double)b->variance[c], k.variance, 0.0, 2e-6);
    assert_number_close((double)b->inverse[c], k.inverse, 0.0, 2e-6);
  }
}

static void statistics_agree_with_loops(void **state)
{
  (void)state;
  const float means[] = {0.0F, 0.5F, -58.0F, 1000.0F}; /* the deviation is 0.58 */
  for (size_t index = 0; index < (size_t)4 * BATCH_CASES; ++index) {
    batch b = batch_start(batch_cases[index / 4][0], batch_cases[index / 4][1], false);
    for (size_t i = 0; i < b.floats; ++i)
      b.z[i] += i % b.stride < b.channels ? means[index % 4] : 0.0F;
    test_fill(b.mean, b.stride, 5, -1.0F, 1.0F);
    test_fill(b.variance, b.stride, 6, -1.0F, 1.0F);
    batch_measure(&b);
    check_statistics(&b);
    batch_kernel->inverse_deviation(b.stride, b.variance, batch_epsilon, b.variance);
    assert_same_bits(b.variance, b.inverse, b.stride);
    batch_stop(&b);
  }
}

/* Rows that are not alike: a first row, block or image far from the rest, a drift, a last row. */
static void statistics_of_uneven_rows(void **state)
{
  (void)state;
  enum { ROWS = 20000 };
  batch b = batch_start(ROWS, 24, false);
  for (size_t i = 0; i < b.floats; ++i) {
    const size_t row = i / b.stride;
    const float far[8] = {row < 1 ? 1e4F : 0.0F,
                          row < 64 ? 1e3F : 0.0F,
                          row < ROWS / 2 ? 100.0F : -100.0F,
                          0.001F * (float)row,
                          row < ROWS - 1 ? 0.0F : 1e4F,
                          row % 2 == 0 ? 50.0F : -50.0F,
                          row % 64 == 0 ? 1e3F : 0.0F,
                          row < 64 ? 777.7F : 0.1F};
    if (i % b.stride % 8 == 7) b.z[i] = 0.0F; /* two values only: each rounds the same way */
    b.z[i] += far[i % b.stride % 8];
  }
  batch_measure(&b);
  check_statistics(&b);
  batch_stop(&b);
}

static void statistics_of_equal_rows(void **state)
{
  (void)state;
  for (size_t index = 0; index < BATCH_CASES; ++index) {
    batch b = batch_start(batch_cases[index][0], batch_cases[index][1], false);
    for (size_t i = b.stride; i < b.floats; ++i)
      b.z[i] = 100.0F * b.z[i % b.stride];
    for (size_t c = 0; c < b.stride; ++c)
      b.z[c] *= 100.0F;
    batch_measure(&b);
    assert_close(b.mean, b.z, b.stride, 0.0, 1e-7);
    for (size_t c = 0; c < b.stride; ++c)
      assert_true(b.variance[c] >= 0.0F && b.variance[c] <= 1e-12F);
    batch_stop(&b);
  }
}

/* ---- against loops ------------------------------------------------------------------- */

static void forward_agrees_with_loops(void **state)
{
  (void)state;
  for (size_t index = 0; index < (size_t)2 * BATCH_CASES; ++index) {
    batch b = batch_start(batch_cases[index / 2][0], batch_cases[index / 2][1], index % 2 == 1);
    float *y = test_floats(b.floats);
    test_fill(y, b.floats, 5, -1.0F, 1.0F);
    batch_forward(&b, y);
    for (size_t c = 0; c < b.stride; ++c) {
      const channel k = batch_channel(&b, c);
      for (size_t i = c; i < b.floats; i += b.stride) {
        const double value = batch_output(&b, &k, i);
        const double want = b.relu && value < 0.0 ? 0.0 : value;
        if (b.rows == 1) assert_true(y[i] == (float)want); /* beta */
        assert_number_close((double)y[i], want, 2e-6, 2e-6);
      }
    }
    assert_padding_zero(y, b.rows, b.channels);
    batch_forward(&b, b.z);
    assert_same_bits(b.z, y, b.floats);
    free(y);
    batch_stop(&b);
  }
}

static void check_gradient(const batch *b, size_t c, float dgamma, float dbeta, const float *dz)
{
  const channel k = batch_channel(b, c);
  double sum = 0.0;
  double along = 0.0;
  for (size_t i = c; i < b->floats; i += b->stride) {
    sum += batch_gradient(b, &k, i);
    along += batch_gradient(b, &k, i) * batch_normal(b, &k, i);
  }
  assert_number_close((double)dbeta, sum, 5e-6, 2e-6);
  assert_number_close((double)dgamma, along, 1e-5, 2e-6);
  const double rows = (double)b->rows;
  const double scale = k.gamma * k.inverse;
  for (size_t i = c; i < b->floats; i += b->stride) {
    const double want =
        scale * (batch_gradient(b, &k, i) - sum / rows - batch_normal(b, &k, i) * along / rows);
    if (b->rows == 1) assert_true(dz[i] == 0.0F);
    /* The three terms may cancel, to 0 where there are two rows. */
    assert_number_close((double)dz[i], want, 2e-6 * fabs(scale), 2e-6);
  }
}

static void backward_agrees_with_loops(void **state)
{
  (void)state;
  for (size_t index = 0; index < (size_t)2 * BATCH_CASES; ++index) {
    batch b = batch_start(batch_cases[index / 2][0], batch_cases[index / 2][1], index % 2 == 1);
    float *dz = test_floats(b.floats);
    float *dgamma = test_activations(1, b.channels, 6);
    float *dbeta = test_activations(1, b.channels, 7);
    float *before = test_copy(dgamma, b.stride);
    float *before_beta = test_copy(dbeta, b.stride);
    test_fill(dz, b.floats, 5, -1.0F, 1.0F);
    batch_backward(&b, dgamma, dbeta, dz);
    for (size_t c = 0; c < b.stride; ++c)
      check_gradient(&b, c, dgamma[c] - before[c], dbeta[c] - before_beta[c], dz);
    assert_padding_zero(dz, b.rows, b.channels);
    assert_padding_zero(dgamma, 1, b.channels);
    assert_padding_zero(dbeta, 1, b.channels);
    batch_backward(&b, before, before_beta, b.dy);
    assert_same_bits(b.dy, dz, b.floats);
    assert_same_bits(before, dgamma, b.stride);
    assert_same_bits(before_beta, dbeta, b.stride);
    float *const all[] = {dz, dgamma, dbeta, before, before_beta};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
      free(all[i]);
    batch_stop(&b);
  }
}

/* A NaN must reach the output, ReLU or not, and stay in its channel. */
static void nan_stays_in_its_channel(void **state)
{
  (void)state;
  for (size_t rows = 1; rows <= 200; rows += 63) {
    batch b = batch_start(rows, 16, true);
    float *y = test_floats(b.floats);
    float *dz = test_floats(b.floats);
    float sums[2][16] = {{0}};
    b.z[(rows - 1) * b.stride + 9] = NAN;
    batch_measure(&b);
    batch_forward(&b, y);
    batch_backward(&b, sums[0], sums[1], dz);
    assert_true(isnan(b.mean[9]) && isnan(b.variance[9]));
    for (size_t i = 0; i < b.floats; ++i) {
      assert_int_equal(isnan(y[i]) != 0, i % b.stride == 9);
      assert_int_equal(isnan(dz[i]) != 0, i % b.stride == 9);
    }
    free(y);
    free(dz);
    batch_stop(&b);
  }
}

/* y is 0 in the whole channel, and its ReLU shut, as ag_relu_backward has it. */
static void relu_is_shut_at_its_kink(void **state)
{
  (void)state;
  batch b = batch_start(65, 8, true);
  float *dz = test_floats(b.floats);
  float sums[2][8] = {{0}};
  const float zeros[8] = {0};
  memset(b.gamma, 0, sizeof zeros);
  memset(b.beta, 0, sizeof zeros);
  batch_backward(&b, sums[0], sums[1], dz);
  assert_close(sums[0], zeros, 8, 0.0, 0.0);
  assert_close(sums[1], zeros, 8, 0.0, 0.0);
  b.relu = false;
  batch_backward(&b, sums[0], sums[1], dz);
  for (size_t c = 0; c < 8; ++c)
    assert_true(sums[1][c] != 0.0F);
  free(dz);
  batch_stop(&b);
}

/* ---- adjoint and slopes ---------------------------------------------------------------- */

/* <g, change of y in channel c> where z moves along v, gamma and beta along theirs: the chain
 * rule forwards, through the mean and the deviation. */
static double push(const batch *b, size_t c, const float *v, double to_gamma, double to_beta)
{
  const channel k = batch_channel(b, c);
  const double rows = (double)b->rows;
  double mean = 0.0;
  double variance = 0.0;
  for (size_t i = c; i < b->floats; i += b->stride) {
    mean += (double)v[i] / rows;
    variance += 2.0 * ((double)b->z[i] - k.mean) * (double)v[i] / rows;
  }
  const double inverse = -0.5 * pow(k.inverse, 3.0) * variance;
  double sum = 0.0;
  for (size_t i = c; i < b->floats; i += b->stride) {
    const double change = ((double)v[i] - mean) * k.inverse + ((double)b->z[i] - k.mean) * inverse;
    sum += batch_gradient(b, &k, i) *
           (k.gamma * change + to_gamma * batch_normal(b, &k, i) + to_beta);
  }
  return sum;
}

static void backward_is_adjoint(void **state)
{
  (void)state;
  for (size_t index = 0; index < (size_t)2 * BATCH_CASES; ++index) {
    batch b = batch_start(batch_cases[index / 2][0], batch_cases[index / 2][1], index % 2 == 1);
    float *v = test_activations(b.rows, b.channels, 8);
    float *along = test_activations(2, b.channels, 9); /* of gamma, and of beta */
    float *sums = test_floats(2 * b.stride);
    float *dz = test_floats(b.floats);
    batch_backward(&b, sums, sums + b.stride, dz);
    for (size_t c = 0; c < b.stride; ++c) {
      const double to_gamma = (double)along[c];
      const double to_beta = (double)along[b.stride + c];
      double pulled = to_gamma * (double)sums[c] + to_beta * (double)sums[b.stride + c];
      for (size_t i = c; i < b.floats; i += b.stride)
        pulled += (double)v[i] * (double)dz[i];
      const double allowed = 1e-5 * (1.0 + fabs((double)(b.gamma[c] * b.inverse[c])));
      assert_number_close(pulled, push(&b, c, v, to_gamma, to_beta), allowed, 1e-5);
    }
    float *const all[] = {v, along, sums, dz};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
      free(all[i]);
    batch_stop(&b);
  }
}

/* <y, dy> by the kernels, one of their inputs moved by `step`; *open receives how many of the
 * ReLUs are, in a sum that tells any two sets of them apart well enough. */
static double moved_loss(batch *b, float *value, float step, uint64_t *open)
{
  const float kept = *value;
  float *y = test_floats(b->floats);
  *value = kept + step;
  batch_measure(b);
  batch_forward(b, y);
  *value = kept;
  *open = 0;
  for (size_t i = 0; i < b->floats; ++i)
    *open += y[i] > 0.0F ? i * i + 1 : 0;
  const double loss = test_dot(y, b->dy, b->floats);
  free(y);
  return loss;
}

/* False where a ReLU has its kink in reach. */
static bool check_slope(batch *b, float *value, float got)
{
  const float step = 1.0F / 128.0F;
  uint64_t open[2];
  const double above = moved_loss(b, value, step, &open[0]);
  const double below = moved_loss(b, value, -step, &open[1]);
  if (b->relu && open[0] != open[1]) return false;
  assert_number_close((double)got, (above - below) / (2.0 * (double)step), 1e-3, 1e-3);
  return true;
}

static void backward_is_slope(void **state)
{
  (void)state;
  const size_t sizes[] = {3, 7, 20, 70};
  for (size_t index = 0; index < 8; ++index) {
    batch b = batch_start(sizes[index / 2], 5, index % 2 == 1);
    float *sums = test_floats(2 * b.stride);
    float *dz = test_floats(b.floats);
    batch_backward(&b, sums, sums + b.stride, dz);
    size_t checked = 0;
    for (size_t c = 0; c < b.channels; ++c) {
      checked += check_slope(&b, b.gamma + c, sums[c]);
      checked += check_slope(&b, b.beta + c, sums[b.stride + c]);
      for (size_t row = 0; row < b.rows; row += 1 + b.rows / 8) {
        const size_t i = row * b.stride + c;
        checked += check_slope(&b, b.z + i, dz[i]);
      }
    }
    assert_true(checked >= 2 * b.channels);
    free(sums);
    free(dz);
    batch_stop(&b);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(statistics_agree_with_loops), cmocka_unit_test(statistics_of_uneven_rows),
      cmocka_unit_test(statistics_of_equal_rows),    cmocka_unit_test(forward_agrees_with_loops),
      cmocka_unit_test(backward_agrees_with_loops),  cmocka_unit_test(nan_stays_in_its_channel),
      cmocka_unit_test(relu_is_shut_at_its_kink),    cmocka_unit_test(backward_is_adjoint),
      cmocka_unit_test(backward_is_slope),
  };
  return batch_run(tests, sizeof tests / sizeof *tests);
}
