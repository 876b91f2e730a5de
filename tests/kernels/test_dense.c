/* The dense layer, by every instruction set that this machine runs: against loops in double, the
 * adjoint identities, central differences, and PyTorch. */
#include "support/fixture.h"

/* The kernels of the instruction set under test. */
static const ag_dense_kernel *kernel;

/* Images, inputs, outputs; the last two without padding. */
static const size_t cases[][3] = {{1, 1, 1},    {1, 20, 10},   {3, 7, 17},  {16, 33, 8},
                                  {5, 64, 100}, {33, 130, 43}, {70, 65, 9}, {9, 72, 24}};
enum { CASES = sizeof cases / sizeof cases[0] };

typedef struct dense_data {
  size_t count, inputs, outputs; /* padded */
  float *x, *weights, *bias, *dy, *scratch;
} dense_data;

static dense_data start(const size_t sizes[3])
{
  dense_data d = {.count = sizes[0],
                  .inputs = ag_channels_padded(sizes[1]),
                  .outputs = ag_channels_padded(sizes[2]),
                  .x = test_activations(sizes[0], sizes[1], 1),
                  .weights = test_weights(1, sizes[1], sizes[2], 2),
                  .bias = test_activations(1, sizes[2], 3),
                  .dy = test_activations(sizes[0], sizes[2], 4)};
  const size_t floats = kernel->scratch_floats(d.count, d.inputs, d.outputs);
  d.scratch = test_floats(floats);
  for (size_t i = 0; i < floats; ++i)
    d.scratch[i] = NAN; /* what an earlier call left must not matter */
  return d;
}

static void stop(dense_data *d)
{
  free(d->x);
  free(d->weights);
  free(d->bias);
  free(d->dy);
  free(d->scratch);
}

static void forward(const dense_data *d, float *y)
{
  kernel->forward(d->count, d->inputs, d->outputs, d->x, d->weights, d->bias, y);
}

static void input_gradient(const dense_data *d, float *dx)
{
  kernel->input_gradient(d->count, d->inputs, d->outputs, d->dy, d->weights, dx, d->scratch);
}

static void weight_gradient(const dense_data *d, float *dw)
{
  kernel->weight_gradient(d->count, d->inputs, d->outputs, 0, d->inputs, d->x, d->dy, dw,
                          d->scratch);
}

static void forward_agrees_with_loops(void **state)
{
  (void)state;
  for (size_t index = 0; index < CASES; ++index) {
    dense_data d = start(cases[index]);
    float *y = test_floats(d.count * d.outputs);
    float *want = test_floats(d.count * d.outputs);
    test_fill(y, d.count * d.outputs, 9, -1.0F, 1.0F);
    forward(&d, y);
    for (size_t row = 0; row < d.count; ++row) {
      for (size_t o = 0; o < d.outputs; ++o) {
        double sum = (double)d.bias[o];
        for (size_t i = 0; i < d.inputs; ++i)
          sum += (double)d.x[row * d.inputs + i] * (double)d.weights[i * d.outputs + o];
        want[row * d.outputs + o] = (float)sum;
      }
    }
    assert_close(y, want, d.count * d.outputs, 1e-5, 1e-5);
    assert_padding_zero(y, d.count, cases[index][2]);
    free(y);
    free(want);
    stop(&d);
  }
}

/* <x w, dy> = <x, dy w'> = <w, x' dy> */
static void gradients_are_adjoint(void **state)
{
  (void)state;
  for (size_t index = 0; index < CASES; ++index) {
    dense_data d = start(cases[index]);
    float *y = test_floats(d.count * d.outputs);
    float *dx = test_floats(d.count * d.inputs);
    float *dw = test_floats(d.inputs * d.outputs);
    test_fill(dx, d.count * d.inputs, 9, -1.0F, 1.0F);
    memset(d.bias, 0, d.outputs * sizeof *d.bias);
    forward(&d, y);
    input_gradient(&d, dx);
    weight_gradient(&d, dw);
    const double through = test_dot(y, d.dy, d.count * d.outputs);
    assert_number_close(test_dot(d.x, dx, d.count * d.inputs), through, 1e-4, 1e-5);
    assert_number_close(test_dot(d.weights, dw, d.inputs * d.outputs), through, 1e-4, 1e-5);
    assert_padding_zero(dx, d.count, cases[index][1]);
    assert_padding_zero(dw, d.inputs, cases[index][2]);

    /* A second call adds the same again. */
    float *twice = test_copy(dw, d.inputs * d.outputs);
    for (size_t i = 0; i < d.inputs * d.outputs; ++i)
      twice[i] *= 2.0F;
    weight_gradient(&d, dw);
    assert_close(dw, twice, d.inputs * d.outputs, 1e-5, 1e-5);
    free(y);
    free(dx);
    free(dw);
    free(twice);
    stop(&d);
  }
}

/* The slope of <y, dy> along one value of x or of the weights. */
static double slope(const dense_data *d, float *value)
{
  const float step = 0.25F; /* the layer is linear: no step is too long */
  const float kept = *value;
  float *y = test_floats(d->count * d->outputs);
  *value = kept + step;
  forward(d, y);
  const double above = test_dot(y, d->dy, d->count * d->outputs);
  *value = kept - step;
  forward(d, y);
  const double below = test_dot(y, d->dy, d->count * d->outputs);
  *value = kept;
  free(y);
  return (above - below) / (2.0 * (double)step);
}

static void gradients_are_slopes(void **state)
{
  (void)state;
  dense_data d = start(cases[2]);
  float *dx = test_floats(d.count * d.inputs);
  float *dw = test_floats(d.inputs * d.outputs);
  input_gradient(&d, dx);
  weight_gradient(&d, dw);
  for (size_t i = 0; i < d.count * d.inputs; ++i)
    assert_number_close(slope(&d, d.x + i), (double)dx[i], 1e-4, 1e-4);
  for (size_t i = 0; i < d.inputs; ++i) {
    for (size_t o = 0; o < cases[2][2]; ++o) /* dy of the padding is 0, and so is dw */
      assert_number_close(slope(&d, d.weights + i * d.outputs + o), (double)dw[i * d.outputs + o],
                          1e-4, 1e-4);
  }
  free(dx);
  free(dw);
  stop(&d);
}

/* To the bit: an image's result must not depend on how many come with it, nor on its place. */
static void rows_do_not_depend_on_company(void **state)
{
  (void)state;
  enum { MOST = 33 };
  const size_t sizes[][3] = {{MOST, 20, 10}, {MOST, 130, 43}, {MOST, 72, 72}};
  for (size_t index = 0; index < sizeof sizes / sizeof sizes[0]; ++index) {
    dense_data all = start(sizes[index]);
    float *y = test_floats(all.count * all.outputs);
    float *dx = test_floats(all.count * all.inputs);
    forward(&all, y);
    input_gradient(&all, dx);
    for (size_t count = 1; count <= MOST; ++count) {
      dense_data some = all; /* the last `count` */
      const size_t first = MOST - count;
      some.count = count;
      some.x += first * all.inputs;
      some.dy += first * all.outputs;
      float *some_y = test_floats(count * all.outputs);
      float *some_dx = test_floats(count * all.inputs);
      forward(&some, some_y);
      input_gradient(&some, some_dx);
      assert_same_bits(some_y, y + first * all.outputs, count * all.outputs);
      assert_same_bits(some_dx, dx + first * all.inputs, count * all.inputs);
      free(some_y);
      free(some_dx);
    }
    free(y);
    free(dx);
    stop(&all);
  }
}

static void agrees_with_pytorch(void **state)
{
  (void)state;
  const size_t count = 5;
  const size_t inputs = ag_channels_padded(20);
  const size_t outputs = ag_channels_padded(11);
  float *x = test_from_nchw(test_tensor_read("kernels.h5", "dense/x"));
  float *weights = test_from_oihw(test_tensor_read("kernels.h5", "dense/weight"));
  float *bias = test_from_vector(test_tensor_read("kernels.h5", "dense/bias"));
  float *dy = test_from_nchw(test_tensor_read("kernels.h5", "dense/dy"));
  float *want_y = test_from_nchw(test_tensor_read("kernels.h5", "dense/y"));
  float *want_dx = test_from_nchw(test_tensor_read("kernels.h5", "dense/dx"));
  float *want_dw = test_from_oihw(test_tensor_read("kernels.h5", "dense/dweight"));
  float *want_db = test_from_vector(test_tensor_read("kernels.h5", "dense/dbias"));
  float *y = test_floats(count * outputs);
  float *dx = test_floats(count * inputs);
  float *dw = test_floats(inputs * outputs);
  float *db = test_floats(outputs);
  float *scratch = test_floats(kernel->scratch_floats(count, inputs, outputs));
  kernel->forward(count, inputs, outputs, x, weights, bias, y);
  kernel->input_gradient(count, inputs, outputs, dy, weights, dx, scratch);
  kernel->weight_gradient(count, inputs, outputs, 0, inputs, x, dy, dw, scratch);
  ag_bias_gradient(count, outputs, dy, db);
  assert_close(y, want_y, count * outputs, 1e-5, 1e-5);
  assert_close(dx, want_dx, count * inputs, 1e-5, 1e-5);
  assert_close(dw, want_dw, inputs * outputs, 1e-5, 1e-5);
  assert_close(db, want_db, outputs, 1e-5, 1e-5);
  float *const all[] = {x,       weights, bias, dy, want_y, want_dx, want_dw,
                        want_db, y,       dx,   dw, db,     scratch};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
    free(all[i]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forward_agrees_with_loops), cmocka_unit_test(gradients_are_adjoint),
      cmocka_unit_test(gradients_are_slopes),      cmocka_unit_test(rows_do_not_depend_on_company),
      cmocka_unit_test(agrees_with_pytorch),
  };
  static const char *const variants[] = {"avx512", "avx2", "baseline"};
  int failed = 0;
  for (size_t i = 0; i < sizeof variants / sizeof *variants; ++i) {
    const ag_variant *variant = ag_variant_find(variants[i]);
    if (variant == NULL) continue;
    kernel = ag_variant_dense(variant);
    failed += cmocka_run_group_tests_name(variants[i], tests, NULL, NULL);
  }
  return failed;
}
