/* Convolution, by every kernel of every instruction set that this machine runs, with nothing behind
 * it: against loops in double, the adjoint identities, central differences; and against PyTorch,
 * with ReLU and pooling as well. */
#include "support/convolutions.h"

/* Images, height, width, channels in and out (unpadded), kernel, stride, padding. */
static const size_t cases[][8] = {
    {1, 1, 1, 1, 1, 1, 1, 0},     {2, 1, 1, 3, 5, 3, 1, 1},    {1, 1, 2, 3, 2, 1, 1, 2},
    {3, 5, 7, 3, 9, 3, 1, 1},     {2, 6, 5, 10, 16, 3, 2, 1},  {2, 7, 7, 8, 8, 3, 3, 0},
    {1, 9, 4, 5, 7, 5, 1, 2},     {2, 4, 6, 17, 4, 2, 2, 0},   {2, 5, 5, 9, 24, 2, 3, 1},
    {1, 3, 3, 2, 3, 5, 2, 2},     {2, 8, 8, 16, 16, 1, 2, 0},  {3, 12, 13, 8, 40, 3, 1, 1},
    {2, 4, 4, 3, 3, 3, 1, 2},     {1, 5, 2, 3, 8, 1, 3, 2},    {1, 3, 3, 8, 8, 3, 1, 0},
    {2, 10, 6, 12, 20, 3, 1, 0},  {2, 1, 1, 17, 16, 3, 1, 1},  {1, 1, 2, 16, 20, 3, 1, 2},
    {3, 5, 7, 20, 33, 3, 1, 1},   {2, 4, 4, 24, 16, 3, 1, 2},  {2, 1, 1, 16, 16, 3, 1, 1},
    {1, 1, 2, 16, 30, 3, 1, 2},   {2, 10, 6, 16, 25, 3, 1, 0}, {3, 5, 7, 30, 41, 3, 1, 1},
    {1, 13, 10, 60, 72, 3, 1, 1}, {77, 3, 9, 16, 15, 3, 1, 1}, /* more tiles than go at once */
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* The next case that the kernel under test takes, from *index on; false behind the last. */
static bool next_case(size_t *index, convolution *d)
{
  for (; *index < CASES; ++*index) {
    if (convolution_start(cases[*index], false, false, d)) return true;
  }
  return false;
}

static void forward_agrees_with_loops(void **state)
{
  (void)state;
  convolution d;
  for (size_t index = 0; next_case(&index, &d); ++index) {
    float *y = test_floats(d.y_floats);
    double *z = (double *)test_bytes(d.z_floats * sizeof *z);
    convolution_spoil(y, d.y_floats);
    convolution_forward(&d, y);
    convolution_reference(&d, z);
    float *want = convolution_rounded(z, d.z_floats);
    assert_close(y, want, d.y_floats, convolution_allowed(want, d.y_floats), 1e-5);
    assert_padding_zero(y, d.y_rows, d.out);
    free(y);
    free(z);
    free(want);
    convolution_stop(&d);
  }
}

/* <A x, dy> = <x, A' dy>, and the same for the weights, in which y is linear too. */
static void gradients_are_adjoint(void **state)
{
  (void)state;
  convolution d;
  for (size_t index = 0; next_case(&index, &d); ++index) {
    float *y = test_floats(d.y_floats);
    float *dx = test_floats(d.x_floats);
    float *dw = test_floats(d.w_floats);
    float *db = test_floats(d.shape.out_channels);
    convolution_spoil(dx, d.x_floats);
    memset(d.bias, 0, d.shape.out_channels * sizeof *d.bias);
    convolution_forward(&d, y);
    convolution_backward(&d, NULL, dw, db, dx);
    const double through = test_dot(y, d.dy, d.y_floats);
    /* An adjoint that is wrong is off by some thousandths of this product. */
    const double lengths = sqrt(test_dot(y, y, d.y_floats) * test_dot(d.dy, d.dy, d.y_floats));
    const double rounding = fmax(2e-4, 1e-7 * lengths);
    assert_number_close(test_dot(d.x, dx, d.x_floats), through, rounding, 1e-5);
    assert_number_close(test_dot(d.weights, dw, d.w_floats), through, rounding, 1e-5);
    assert_padding_zero(dx, d.x_rows, d.in);
    assert_padding_zero(dw, d.shape.kernel * d.shape.kernel * d.shape.in_channels, d.out);
    assert_padding_zero(db, 1, d.out);
    free(y);
    free(dx);
    free(dw);
    free(db);
    convolution_stop(&d);
  }
}

/* The slope of <y, dy> along one value of x, the weights or the bias. */
static double slope(const convolution *d, float *value)
{
  const float step = 0.25F; /* the layer is linear: no step is too long */
  const float kept = *value;
  float *y = test_floats(d->y_floats);
  *value = kept + step;
  convolution_prepare(d);
  convolution_forward(d, y);
  const double above = test_dot(y, d->dy, d->y_floats);
  *value = kept - step;
  convolution_prepare(d);
  convolution_forward(d, y);
  const double below = test_dot(y, d->dy, d->y_floats);
  *value = kept;
  convolution_prepare(d);
  free(y);
  return (above - below) / (2.0 * (double)step);
}

static void gradients_are_slopes(void **state)
{
  (void)state;
  convolution d;
  for (size_t index = 0; next_case(&index, &d); ++index) {
    float *dx = test_floats(d.x_floats);
    float *dw = test_floats(d.w_floats);
    float *db = test_floats(d.shape.out_channels);
    convolution_backward(&d, NULL, dw, db, dx);
    const double lengths = sqrt((double)d.z_floats * test_dot(d.dy, d.dy, d.y_floats));
    const double rounding = fmax(2e-4, 1e-6 * lengths);
    /* Some of the values, all over the tensors. */
    const size_t some = d.w_floats > 4096 ? 5 : 23;
    for (size_t i = 0; i < d.x_floats; i += 1 + d.x_floats / some)
      assert_number_close(slope(&d, d.x + i), (double)dx[i], rounding, 1e-4);
    for (size_t i = 0; i < d.w_floats; i += 1 + d.w_floats / some)
      assert_number_close(slope(&d, d.weights + i), (double)dw[i], rounding, 1e-4);
    for (size_t i = 0; i < d.out; i += 1 + d.out / 3)
      assert_number_close(slope(&d, d.bias + i), (double)db[i], rounding, 1e-4);
    free(dx);
    free(dw);
    free(db);
    convolution_stop(&d);
  }
}

/* The gradient of all images, added to what was there, is the sum over the images. */
static void weight_gradient_accumulates(void **state)
{
  (void)state;
  convolution d;
  for (size_t index = 0; next_case(&index, &d); ++index) {
    float *whole = test_floats(d.w_floats);
    float *db = test_activations(1, d.out, 7);
    test_fill(whole, d.w_floats, 6, -1.0F, 1.0F);
    float *parts = test_copy(whole, d.w_floats);
    float *db_parts = test_copy(db, d.shape.out_channels);
    convolution_backward(&d, NULL, whole, db, NULL);
    for (size_t image = 0; image < d.count; ++image) {
      convolution one = d;
      one.count = 1;
      one.x += image * (d.x_floats / d.count);
      one.dy += image * (d.y_floats / d.count);
      convolution_backward(&one, NULL, parts, db_parts, NULL);
    }
    assert_close(whole, parts, d.w_floats, convolution_allowed(whole, d.w_floats), 1e-5);
    assert_close(db, db_parts, d.shape.out_channels, 2e-5, 1e-5);
    free(whole);
    free(parts);
    free(db);
    free(db_parts);
    convolution_stop(&d);
  }
}

static float *activation(size_t index, const char *tensor)
{
  char name[64];
  snprintf(name, sizeof name, "convolution%zu/%s", index, tensor);
  return test_from_nchw(test_tensor_read("kernels.h5", name));
}

static float *vector(size_t index, const char *tensor)
{
  char name[64];
  snprintf(name, sizeof name, "convolution%zu/%s", index, tensor);
  return test_from_vector(test_tensor_read("kernels.h5", name));
}

static float *weight(size_t index, const char *tensor, size_t sizes[4])
{
  char name[64];
  snprintf(name, sizeof name, "convolution%zu/%s", index, tensor);
  const test_tensor read = test_tensor_read("kernels.h5", name);
  memcpy(sizes, read.sizes, sizeof read.sizes);
  return test_from_oihw(read);
}

static void check_with_pytorch(size_t index)
{
  char name[64];
  snprintf(name, sizeof name, "convolution%zu/x", index);
  const test_tensor x = test_tensor_read("kernels.h5", name);
  size_t oihw[4];
  float *weights = weight(index, "weight", oihw);
  float *parameters = vector(index, "parameters");
  const size_t sizes[8] = {x.sizes[0],
                           x.sizes[2],
                           x.sizes[3],
                           x.sizes[1],
                           oihw[0],
                           oihw[2],
                           (size_t)parameters[0],
                           (size_t)parameters[1]};
  const bool relu = parameters[2] > 0.0F;
  const bool pooled = parameters[3] > 0.0F;
  free(parameters);
  convolution d;
  if (!convolution_measure(sizes, relu, pooled, &d)) {
    free(x.values);
    free(weights);
    return;
  }
  d.x = test_from_nchw(x);
  d.weights = weights;
  convolution_prepare(&d);
  d.bias = vector(index, "bias");
  d.dy = activation(index, "dy");
  float *want_y = activation(index, "y");
  float *want_dx = activation(index, "dx");
  float *want_dw = weight(index, "dweight", oihw);
  float *want_db = vector(index, "dbias");
  float *y = test_floats(d.y_floats);
  float *dx = test_floats(d.x_floats);
  float *dw = test_floats(d.w_floats);
  float *db = test_floats(d.shape.out_channels);
  convolution_forward(&d, y);
  convolution_backward(&d, y, dw, db, dx);
  assert_close(y, want_y, d.y_floats, convolution_allowed(want_y, d.y_floats), 1e-5);
  assert_close(dx, want_dx, d.x_floats, convolution_allowed(want_dx, d.x_floats), 1e-5);
  assert_close(dw, want_dw, d.w_floats, convolution_allowed(want_dw, d.w_floats), 1e-5);
  assert_close(db, want_db, d.shape.out_channels, 2e-5, 1e-5);
  float *const all[] = {want_y, want_dx, want_dw, want_db, y, dx, dw, db};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
    free(all[i]);
  convolution_stop(&d);
}

static void agrees_with_pytorch(void **state)
{
  (void)state;
  for (size_t index = 0; index < 10; ++index)
    check_with_pytorch(index);
}

static void shapes_that_do_not_fit_are_refused(void **state)
{
  (void)state;
  const ag_convolution_shape good = {.in_height = 5,
                                     .in_width = 4,
                                     .in_channels = 8,
                                     .out_channels = 16,
                                     .kernel = 3,
                                     .stride = 2,
                                     .padding = 0};
  ag_convolution_shape shape = good;
  assert_int_equal(ag_convolution_shape_complete(&shape), AG_OK);
  assert_int_equal(shape.out_height, 2);
  assert_int_equal(shape.out_width, 1);
  size_t *const sizes[] = {&shape.in_height,    &shape.in_width, &shape.in_channels,
                           &shape.out_channels, &shape.kernel,   &shape.stride};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
    shape = good;
    *sizes[i] = 0;
    assert_int_equal(ag_convolution_shape_complete(&shape), AG_INVALID_ARGUMENT);
  }
  shape = good;
  shape.kernel = 5;
  assert_int_equal(ag_convolution_shape_complete(&shape), AG_INVALID_ARGUMENT);
  assert_non_null(strstr(ag_message(), "5 x 4"));
  shape.in_height = 4;
  shape.in_width = 5;
  assert_int_equal(ag_convolution_shape_complete(&shape), AG_INVALID_ARGUMENT);
  shape.padding = 1;
  assert_int_equal(ag_convolution_shape_complete(&shape), AG_OK);
  shape.padding = SIZE_MAX / 2 + 2;
  assert_int_equal(ag_convolution_shape_complete(&shape), AG_INVALID_ARGUMENT);
  shape = good;
  shape.pooled = true; /* 2 x 1 */
  assert_int_equal(ag_convolution_shape_complete(&shape), AG_INVALID_ARGUMENT);
  shape.in_width = 5;
  assert_int_equal(ag_convolution_shape_complete(&shape), AG_OK);
  assert_int_equal(ag_convolution_result_height(&shape), 1);
  assert_int_equal(ag_convolution_result_width(&shape), 1);
}

/* The winner by name, by "auto", and where the name does not take the shape. */
static void choice_follows_name_and_shape(void **state)
{
  (void)state;
  ag_convolution_shape shape = {.in_height = 8,
                                .in_width = 8,
                                .in_channels = 16,
                                .out_channels = 16,
                                .kernel = 3,
                                .stride = 1,
                                .padding = 1};
  const ag_variant *variant = convolution_variant;
  assert_int_equal(ag_convolution_shape_complete(&shape), AG_OK);
  assert_int_equal(shape.in_used, 16);
  assert_string_equal(ag_convolution_choose(variant, "auto", &shape)->name, "winograd");
  assert_string_equal(ag_convolution_choose(variant, "winograd", &shape)->name, "winograd");
  assert_string_equal(ag_convolution_choose(variant, "im2col", &shape)->name, "im2col");
  shape.stride = 2;
  assert_string_equal(ag_convolution_choose(variant, "auto", &shape)->name, "im2col");
  assert_string_equal(ag_convolution_choose(variant, "winograd", &shape)->name, "im2col");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forward_agrees_with_loops),
      cmocka_unit_test(gradients_are_adjoint),
      cmocka_unit_test(gradients_are_slopes),
      cmocka_unit_test(weight_gradient_accumulates),
      cmocka_unit_test(agrees_with_pytorch),
      cmocka_unit_test(shapes_that_do_not_fit_are_refused),
      cmocka_unit_test(choice_follows_name_and_shape),
  };
  return convolution_run(tests, sizeof tests / sizeof *tests);
}
