/* Convolution, by every row of the table that this machine runs: against loops in double, the
 * adjoint identities, central differences, and PyTorch. */
#include "support/fixture.h"

#include "kernels/convolution.h"

/* Images, height, width, channels in and out (unpadded), kernel, stride, padding. */
static const size_t cases[][8] = {
    {1, 1, 1, 1, 1, 1, 1, 0},     {2, 1, 1, 3, 5, 3, 1, 1},
    {1, 1, 2, 3, 2, 1, 1, 2},     {3, 5, 7, 3, 9, 3, 1, 1},
    {2, 6, 5, 10, 16, 3, 2, 1},   {2, 7, 7, 8, 8, 3, 3, 0},
    {1, 9, 4, 5, 7, 5, 1, 2},     {2, 4, 6, 17, 4, 2, 2, 0},
    {2, 5, 5, 9, 24, 2, 3, 1},    {1, 3, 3, 2, 3, 5, 2, 2},
    {2, 8, 8, 16, 16, 1, 2, 0},   {3, 12, 13, 8, 40, 3, 1, 1},
    {2, 4, 4, 3, 3, 3, 1, 2},     {1, 5, 2, 3, 8, 1, 3, 2},
    {1, 3, 3, 8, 8, 3, 1, 0},     {2, 10, 6, 12, 20, 3, 1, 0},
    {2, 1, 1, 17, 16, 3, 1, 1},   {1, 1, 2, 16, 20, 3, 1, 2},
    {3, 5, 7, 20, 33, 3, 1, 1},   {2, 4, 4, 24, 16, 3, 1, 2},
    {2, 17, 18, 60, 72, 3, 1, 1}, /* more tiles than go at once */
};
enum { SIZES = sizeof cases / sizeof cases[0], ROWS = 4, CASES = ROWS * SIZES };

/* Row number `which` of those that support the shape; the last of them where there are fewer. */
static const ag_convolution_kernel *supporting_row(const ag_convolution_shape *shape, size_t which)
{
  const ag_convolution_kernel *found = NULL;
  for (size_t i = 0, seen = 0; ag_convolution_row(i) != NULL && seen <= which; ++i) {
    if (!ag_convolution_row(i)->supports(shape)) continue;
    found = ag_convolution_row(i);
    ++seen;
  }
  return found;
}

typedef struct convolution_data {
  ag_convolution_shape shape;
  const ag_convolution_kernel *kernel;
  size_t count, in, out; /* in, out: unpadded channels */
  size_t x_rows, y_rows; /* pixels of all images */
  size_t x_floats, y_floats, w_floats;
  float *x, *weights, *bias, *dy, *scratch;
} convolution_data;

/* Sizes and scratch; the tensors are left to the caller. */
/* Winograd's sums cancel: its error goes with the largest values. It is held to 5e-6 of them. */
static double allowed(const float *want, size_t floats)
{
  double largest = 0;
  for (size_t i = 0; i < floats; ++i)
    largest = fmax(largest, fabs((double)want[i]));
  return fmax(2e-5, 5e-6 * largest);
}

static convolution_data measure(const size_t sizes[8], size_t row)
{
  convolution_data d = {.count = sizes[0],
                        .in = sizes[3],
                        .out = sizes[4],
                        .shape = {.in_height = sizes[1],
                                  .in_width = sizes[2],
                                  .in_channels = ag_channels_padded(sizes[3]),
                                  .out_channels = ag_channels_padded(sizes[4]),
                                  .kernel = sizes[5],
                                  .stride = sizes[6],
                                  .padding = sizes[7]}};
  const ag_convolution_shape *s = &d.shape;
  assert_int_equal(ag_convolution_shape_complete(&d.shape), AG_OK);
  d.kernel = supporting_row(s, row);
  assert_true(row > 0 || d.kernel == ag_convolution_choose(s));
  d.x_rows = d.count * s->in_height * s->in_width;
  d.y_rows = d.count * s->out_height * s->out_width;
  d.x_floats = d.x_rows * s->in_channels;
  d.y_floats = d.y_rows * s->out_channels;
  d.w_floats = s->kernel * s->kernel * s->in_channels * s->out_channels;
  d.scratch = test_floats(d.kernel->scratch_floats(s, d.count));
  return d;
}

static convolution_data start(size_t index)
{
  convolution_data d = measure(cases[index / ROWS], index % ROWS);
  d.x = test_activations(d.x_rows, d.in, 1);
  d.weights = test_weights(d.shape.kernel, d.in, d.out, 2);
  d.bias = test_activations(1, d.out, 3);
  d.dy = test_activations(d.y_rows, d.out, 4);
  /* What an earlier call left in the scratch must not matter. */
  test_fill(d.scratch, d.kernel->scratch_floats(&d.shape, d.count), 5, -1.0F, 1.0F);
  return d;
}

static void stop(convolution_data *d)
{
  free(d->x);
  free(d->weights);
  free(d->bias);
  free(d->dy);
  free(d->scratch);
}

static void forward(const convolution_data *d, float *y)
{
  d->kernel->forward(&d->shape, d->count, d->x, d->weights, d->bias, y, d->scratch);
}

static void input_gradient(const convolution_data *d, float *dx)
{
  d->kernel->input_gradient(&d->shape, d->count, d->dy, d->weights, dx, d->scratch);
}

static void weight_gradient(const convolution_data *d, float *dw)
{
  d->kernel->weight_gradient(&d->shape, d->count, d->x, d->dy, dw, d->scratch);
}

/* The header's equation, for one output value. */
static double naive_value(const convolution_data *d, size_t image, size_t i, size_t j, size_t o)
{
  const ag_convolution_shape *s = &d->shape;
  double sum = (double)d->bias[o];
  for (size_t p = 0; p < s->kernel; ++p) {
    for (size_t q = 0; q < s->kernel; ++q) {
      const ptrdiff_t row = (ptrdiff_t)(i * s->stride + p) - (ptrdiff_t)s->padding;
      const ptrdiff_t column = (ptrdiff_t)(j * s->stride + q) - (ptrdiff_t)s->padding;
      if (row < 0 || column < 0 || row >= (ptrdiff_t)s->in_height ||
          column >= (ptrdiff_t)s->in_width) {
        continue;
      }
      const size_t pixel = (image * s->in_height + (size_t)row) * s->in_width + (size_t)column;
      const float *weights = d->weights + (p * s->kernel + q) * s->in_channels * s->out_channels;
      for (size_t c = 0; c < s->in_channels; ++c)
        sum += (double)d->x[pixel * s->in_channels + c] * (double)weights[c * s->out_channels + o];
    }
  }
  return sum;
}

static void forward_agrees_with_loops(void **state)
{
  (void)state;
  for (size_t index = 0; index < CASES; ++index) {
    convolution_data d = start(index);
    const ag_convolution_shape *s = &d.shape;
    float *y = test_floats(d.y_floats);
    float *want = test_floats(d.y_floats);
    test_fill(y, d.y_floats, 6, -1.0F, 1.0F);
    forward(&d, y);
    float *next = want;
    for (size_t image = 0; image < d.count; ++image) {
      for (size_t i = 0; i < s->out_height; ++i) {
        for (size_t j = 0; j < s->out_width; ++j) {
          for (size_t o = 0; o < s->out_channels; ++o)
            *next++ = (float)naive_value(&d, image, i, j, o);
        }
      }
    }
    assert_close(y, want, d.y_floats, allowed(want, d.y_floats), 1e-5);
    assert_padding_zero(y, d.y_rows, d.out);
    free(y);
    free(want);
    stop(&d);
  }
}

/* <A x, dy> = <x, A' dy>, and the same for the weights, in which y is linear too. */
static void gradients_are_adjoint(void **state)
{
  (void)state;
  for (size_t index = 0; index < CASES; ++index) {
    convolution_data d = start(index);
    float *y = test_floats(d.y_floats);
    float *dx = test_floats(d.x_floats);
    float *dw = test_floats(d.w_floats);
    test_fill(dx, d.x_floats, 6, -1.0F, 1.0F);
    memset(d.bias, 0, d.shape.out_channels * sizeof *d.bias);
    forward(&d, y);
    input_gradient(&d, dx);
    weight_gradient(&d, dw);
    const double through = test_dot(y, d.dy, d.y_floats);
    /* An adjoint that is wrong is off by some thousandths of this product. */
    const double lengths = sqrt(test_dot(y, y, d.y_floats) * test_dot(d.dy, d.dy, d.y_floats));
    const double rounding = fmax(2e-4, 1e-7 * lengths);
    assert_number_close(test_dot(d.x, dx, d.x_floats), through, rounding, 1e-5);
    assert_number_close(test_dot(d.weights, dw, d.w_floats), through, rounding, 1e-5);
    assert_padding_zero(dx, d.x_rows, d.in);
    assert_padding_zero(dw, d.shape.kernel * d.shape.kernel * d.shape.in_channels, d.out);
    free(y);
    free(dx);
    free(dw);
    stop(&d);
  }
}

/* The slope of <y, dy> along one value of x or of the weights. */
static double slope(const convolution_data *d, float *value)
{
  const float step = 0.25F; /* the layer is linear: no step is too long */
  const float kept = *value;
  float *y = test_floats(d->y_floats);
  *value = kept + step;
  forward(d, y);
  const double above = test_dot(y, d->dy, d->y_floats);
  *value = kept - step;
  forward(d, y);
  const double below = test_dot(y, d->dy, d->y_floats);
  *value = kept;
  free(y);
  return (above - below) / (2.0 * (double)step);
}

static void gradients_are_slopes(void **state)
{
  (void)state;
  for (size_t index = 0; index < CASES; ++index) {
    convolution_data d = start(index);
    float *dx = test_floats(d.x_floats);
    float *dw = test_floats(d.w_floats);
    input_gradient(&d, dx);
    weight_gradient(&d, dw);
    /* Some of the values, all over the tensors. */
    for (size_t i = 0; i < d.x_floats; i += 1 + d.x_floats / 23)
      assert_number_close(slope(&d, d.x + i), (double)dx[i], 2e-4, 1e-4);
    for (size_t i = 0; i < d.w_floats; i += 1 + d.w_floats / 23)
      assert_number_close(slope(&d, d.weights + i), (double)dw[i], 2e-4, 1e-4);
    free(dx);
    free(dw);
    stop(&d);
  }
}

/* The gradient of all images, added to what was there, is the sum over the images. */
static void weight_gradient_accumulates(void **state)
{
  (void)state;
  for (size_t index = 0; index < CASES; ++index) {
    convolution_data d = start(index);
    float *whole = test_floats(d.w_floats);
    float *parts = test_floats(d.w_floats);
    test_fill(whole, d.w_floats, 6, -1.0F, 1.0F);
    memcpy(parts, whole, d.w_floats * sizeof *parts);
    weight_gradient(&d, whole);
    for (size_t image = 0; image < d.count; ++image) {
      d.kernel->weight_gradient(&d.shape, 1, d.x + image * (d.x_floats / d.count),
                                d.dy + image * (d.y_floats / d.count), parts, d.scratch);
    }
    assert_close(whole, parts, d.w_floats, allowed(whole, d.w_floats), 1e-5);
    free(whole);
    free(parts);
    stop(&d);
  }
}

/* To the bit: an image's result must not depend on its company. */
static void images_do_not_depend_on_each_other(void **state)
{
  (void)state;
  for (size_t index = 0; index < CASES; ++index) {
    convolution_data d = start(index);
    const size_t x_image = d.x_floats / d.count;
    const size_t y_image = d.y_floats / d.count;
    float *y = test_floats(d.y_floats);
    float *dx = test_floats(d.x_floats);
    float *alone_y = test_floats(y_image);
    float *alone_dx = test_floats(x_image);
    forward(&d, y);
    input_gradient(&d, dx);
    for (size_t image = 0; image < d.count; ++image) {
      d.kernel->forward(&d.shape, 1, d.x + image * x_image, d.weights, d.bias, alone_y, d.scratch);
      d.kernel->input_gradient(&d.shape, 1, d.dy + image * y_image, d.weights, alone_dx, d.scratch);
      assert_same_bits(alone_y, y + image * y_image, y_image);
      assert_same_bits(alone_dx, dx + image * x_image, x_image);
    }
    free(y);
    free(dx);
    free(alone_y);
    free(alone_dx);
    stop(&d);
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

static void check_with_pytorch(size_t index, size_t row)
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
  free(parameters);
  convolution_data d = measure(sizes, row);
  d.x = test_from_nchw(x);
  d.weights = weights;
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
  forward(&d, y);
  input_gradient(&d, dx);
  weight_gradient(&d, dw);
  ag_bias_gradient(d.y_rows, d.shape.out_channels, d.dy, db);
  assert_close(y, want_y, d.y_floats, allowed(want_y, d.y_floats), 1e-5);
  assert_close(dx, want_dx, d.x_floats, allowed(want_dx, d.x_floats), 1e-5);
  assert_close(dw, want_dw, d.w_floats, allowed(want_dw, d.w_floats), 1e-5);
  assert_close(db, want_db, d.shape.out_channels, 2e-5, 1e-5);
  float *const all[] = {want_y, want_dx, want_dw, want_db, y, dx, dw, db};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
    free(all[i]);
  stop(&d);
}

static void agrees_with_pytorch(void **state)
{
  (void)state;
  for (size_t index = 0; index < 6 * ROWS; ++index)
    check_with_pytorch(index / ROWS, index % ROWS);
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
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forward_agrees_with_loops),
      cmocka_unit_test(gradients_are_adjoint),
      cmocka_unit_test(gradients_are_slopes),
      cmocka_unit_test(weight_gradient_accumulates),
      cmocka_unit_test(images_do_not_depend_on_each_other),
      cmocka_unit_test(agrees_with_pytorch),
      cmocka_unit_test(shapes_that_do_not_fit_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
