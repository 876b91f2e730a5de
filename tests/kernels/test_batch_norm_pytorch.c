/* Batch normalisation: against PyTorch, and folded into a product against the product and then the
 * layer. */
#include "support/batch.h"

static test_tensor tensor(size_t index, const char *what)
{
  char name[64];
  snprintf(name, sizeof name, "batch-norm%zu/%s", index, what);
  return test_tensor_read("kernels.h5", name);
}

static float *activation(size_t index, const char *what)
{
  return test_from_nchw(tensor(index, what));
}

static float *vector(size_t index, const char *what)
{
  return test_from_vector(tensor(index, what));
}

static batch read_batch(size_t index)
{
  const test_tensor x = tensor(index, "x");
  float *relu = vector(index, "parameters");
  batch b = batch_start(x.sizes[0] * x.sizes[2] * x.sizes[3], x.sizes[1], relu[0] != 0.0F);
  free(relu);
  free(x.values);
  float **const all[] = {&b.z, &b.dy, &b.gamma, &b.beta};
  float *const read[] = {activation(index, "x"), activation(index, "dy"), vector(index, "weight"),
                         vector(index, "bias")};
  for (size_t i = 0; i < 4; ++i) {
    free(*all[i]);
    *all[i] = read[i];
  }
  batch_measure(&b);
  return b;
}

static void agrees_with_pytorch(void **state)
{
  (void)state;
  for (size_t index = 0; index < 3; ++index) {
    batch b = read_batch(index);
    float *y = test_floats(b.floats);
    float *dz = test_floats(b.floats);
    float *sums = test_floats(2 * b.stride);
    float *want_y = activation(index, "y");
    float *want_dz = activation(index, "dx");
    float *want_gamma = vector(index, "dweight");
    float *want_beta = vector(index, "dbias");
    batch_forward(&b, y);
    batch_backward(&b, sums, sums + b.stride, dz);
    assert_close(y, want_y, b.floats, 2e-6, 2e-6);
    assert_close(dz, want_dz, b.floats, 2e-6, 2e-6);
    assert_close(sums, want_gamma, b.stride, 5e-6, 2e-6);
    assert_close(sums + b.stride, want_beta, b.stride, 5e-6, 2e-6);
    float *const all[] = {y, dz, sums, want_y, want_dz, want_gamma, want_beta};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
      free(all[i]);
    batch_stop(&b);
  }
}

/* With the running statistics, by themselves and folded into a product with the unit matrix. */
static void evaluation_agrees_with_pytorch(void **state)
{
  (void)state;
  for (size_t index = 0; index < 3; ++index) {
    batch b = read_batch(index);
    float *y = test_floats(b.floats);
    float *want = activation(index, "evaluated");
    float *mean = vector(index, "running_mean");
    float *variance = vector(index, "running_variance");
    float *weights = test_floats(b.stride * b.stride);
    float *bias = test_floats(b.stride);
    for (size_t c = 0; c < b.stride; ++c) {
      b.mean[c] = mean[c];
      weights[c * b.stride + c] = 1.0F;
    }
    batch_kernel->inverse_deviation(b.stride, variance, batch_epsilon, b.inverse);
    batch_forward(&b, y);
    assert_close(y, want, b.floats, 2e-6, 2e-6);

    batch_kernel->fold(b.stride, b.stride, weights, bias, b.gamma, b.beta, mean, variance,
                       batch_epsilon, weights, bias);
    ag_variant_dense(ag_variant_find("auto"))
        ->forward(b.rows, b.stride, b.stride, b.z, weights, bias, y);
    if (b.relu) ag_relu_forward(b.floats, y, y);
    assert_close(y, want, b.floats, 5e-6, 2e-6);
    float *const all[] = {y, want, mean, variance, weights, bias};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
      free(all[i]);
    batch_stop(&b);
  }
}

/* A product x w + b stands for the convolution, which is one over its windows. */
static void folded_is_product_then_normalised(void **state)
{
  (void)state;
  enum { INPUTS = 72 };
  for (size_t index = 0; index < BATCH_CASES; ++index) {
    batch b = batch_start(batch_cases[index][0], batch_cases[index][1], false);
    float *x = test_activations(b.rows, INPUTS, 5);
    float *weights = test_weights(1, INPUTS, b.channels, 6);
    float *bias = test_activations(1, b.channels, 7);
    float *folded = test_floats(INPUTS * b.stride);
    float *folded_bias = test_floats(b.stride);
    float *want = test_floats(b.floats);
    float *got = test_floats(b.floats);
    test_fill(b.mean, b.channels, 8, -1.0F, 1.0F);
    test_fill(b.variance, b.channels, 9, 0.5F, 20.0F);
    batch_kernel->inverse_deviation(b.stride, b.variance, batch_epsilon, b.inverse);
    ag_variant_dense(ag_variant_find("auto"))
        ->forward(b.rows, INPUTS, b.stride, x, weights, bias, b.z);
    batch_forward(&b, want);
    batch_kernel->fold(INPUTS, b.stride, weights, bias, b.gamma, b.beta, b.mean, b.variance,
                       batch_epsilon, folded, folded_bias);
    ag_variant_dense(ag_variant_find("auto"))
        ->forward(b.rows, INPUTS, b.stride, x, folded, folded_bias, got);
    assert_close(got, want, b.floats, 2e-5, 1e-5);
    assert_padding_zero(got, b.rows, b.channels);
    batch_kernel->fold(INPUTS, b.stride, weights, bias, b.gamma, b.beta, b.mean, b.variance,
                       batch_epsilon, weights, bias);
    assert_same_bits(weights, folded, INPUTS * b.stride);
    assert_same_bits(bias, folded_bias, b.stride);
    float *const all[] = {x, weights, bias, folded, folded_bias, want, got};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
      free(all[i]);
    batch_stop(&b);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(agrees_with_pytorch),
      cmocka_unit_test(evaluation_agrees_with_pytorch),
      cmocka_unit_test(folded_is_product_then_normalised),
  };
  return batch_run(tests, sizeof tests / sizeof *tests);
}
