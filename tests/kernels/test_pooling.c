/* Max and average pooling: against plain loops, the adjoint identity, central differences,
 * and PyTorch. */
#include "support/fixture.h"

/* Images, height, width, channels (unpadded), kernel, stride. */
static const size_t cases[][6] = {
    {1, 1, 1, 1, 1, 1}, {2, 6, 8, 5, 2, 2},  {1, 7, 7, 9, 3, 2},  {3, 5, 4, 3, 3, 1},
    {1, 8, 8, 8, 2, 3}, {2, 4, 4, 12, 4, 1}, {1, 9, 5, 17, 2, 2}, {1, 17, 16, 2, 16, 1},
};
enum { CASES = sizeof cases / sizeof cases[0] };

typedef struct pooling_data {
  ag_pooling_shape shape;
  size_t count, channels; /* unpadded */
  size_t x_floats, y_floats;
  float *x, *y, *dy, *dx;
  uint8_t *chosen;
} pooling_data;

/* The results are filled with values that must not matter. */
static pooling_data measure(const size_t sizes[6])
{
  pooling_data d = {.count = sizes[0],
                    .channels = sizes[3],
                    .shape = {.in_height = sizes[1],
                              .in_width = sizes[2],
                              .channels = ag_channels_padded(sizes[3]),
                              .kernel = sizes[4],
                              .stride = sizes[5]}};
  const ag_pooling_shape *s = &d.shape;
  assert_int_equal(ag_pooling_shape_complete(&d.shape), AG_OK);
  d.x_floats = d.count * s->in_height * s->in_width * s->channels;
  d.y_floats = d.count * s->out_height * s->out_width * s->channels;
  d.y = test_floats(d.y_floats);
  d.dx = test_floats(d.x_floats);
  d.chosen = test_bytes(d.y_floats);
  test_fill(d.y, d.y_floats, 1, 5.0F, 6.0F);
  test_fill(d.dx, d.x_floats, 2, 5.0F, 6.0F);
  memset(d.chosen, 255, d.y_floats);
  return d;
}

static pooling_data start(size_t index)
{
  pooling_data d = measure(cases[index]);
  d.dy = test_activations(d.y_floats / d.shape.channels, d.channels, 3);
  /* Values a hundredth apart, in a random order: no step below that changes which is largest. */
  d.x = test_activations(d.x_floats / d.shape.channels, d.channels, 4);
  uint32_t *order = test_bytes(d.x_floats * sizeof *order);
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, 5, 0);
  ag_random_permutation(&random, d.x_floats, order);
  for (size_t i = 0; i < d.x_floats; ++i) {
    if (i % d.shape.channels < d.channels)
      d.x[i] = 0.01F * ((float)order[i] - (float)d.x_floats / 2.0F);
  }
  free(order);
  return d;
}

static void stop(pooling_data *d)
{
  free(d->x);
  free(d->y);
  free(d->dy);
  free(d->dx);
  free(d->chosen);
}

typedef void (*pass)(pooling_data *d);

static void max_forward(pooling_data *d)
{
  ag_max_pooling_forward(&d->shape, d->count, d->x, d->y, d->chosen);
}

static void max_backward(pooling_data *d)
{
  ag_max_pooling_backward(&d->shape, d->count, d->dy, d->chosen, d->dx);
}

static void average_forward(pooling_data *d)
{
  ag_average_pooling_forward(&d->shape, d->count, d->x, d->y);
}

static void average_backward(pooling_data *d)
{
  ag_average_pooling_backward(&d->shape, d->count, d->dy, d->dx);
}

typedef struct window {
  double average;
  float largest;
  size_t position;
} window;

/* The window of one output value, which is the index-th one. */
static window naive_window(const pooling_data *d, size_t index)
{
  const ag_pooling_shape *s = &d->shape;
  const size_t c = index % s->channels;
  const size_t j = index / s->channels % s->out_width;
  const size_t i = index / s->channels / s->out_width % s->out_height;
  const size_t image = index / s->channels / s->out_width / s->out_height;
  window result = {.largest = -INFINITY};
  for (size_t p = 0; p < s->kernel; ++p) {
    for (size_t q = 0; q < s->kernel; ++q) {
      const size_t row = image * s->in_height + i * s->stride + p;
      const float value = d->x[(row * s->in_width + j * s->stride + q) * s->channels + c];
      result.average += (double)value / (double)(s->kernel * s->kernel);
      if (value > result.largest) {
        result.largest = value;
        result.position = p * s->kernel + q;
      }
    }
  }
  return result;
}

static void forward_agrees_with_loops(void **state)
{
  (void)state;
  for (size_t index = 0; index < CASES; ++index) {
    pooling_data d = start(index);
    max_forward(&d);
    for (size_t i = 0; i < d.y_floats; ++i) {
      const window want = naive_window(&d, i);
      assert_number_close((double)d.y[i], (double)want.largest, 0.0, 0.0);
      assert_int_equal(d.chosen[i], want.position);
    }
    assert_padding_zero(d.y, d.y_floats / d.shape.channels, d.channels);
    average_forward(&d);
    for (size_t i = 0; i < d.y_floats; ++i)
      assert_number_close((double)d.y[i], naive_window(&d, i).average, 2e-5, 1e-5);
    assert_padding_zero(d.y, d.y_floats / d.shape.channels, d.channels);
    stop(&d);
  }
}

/* <P x, dy> = <x, P' dy>; max pooling, with the choice it made, is linear too. */
static void gradients_are_adjoint(void **state)
{
  (void)state;
  const pass passes[][2] = {{max_forward, max_backward}, {average_forward, average_backward}};
  for (size_t index = 0; index < CASES; ++index) {
    for (size_t kind = 0; kind < 2; ++kind) {
      pooling_data d = start(index);
      passes[kind][0](&d);
      passes[kind][1](&d);
      const double through = test_dot(d.y, d.dy, d.y_floats);
      assert_number_close(test_dot(d.x, d.dx, d.x_floats), through, 1e-3, 1e-5);
      assert_padding_zero(d.dx, d.x_floats / d.shape.channels, d.channels);
      stop(&d);
    }
  }
}

static double slope(pooling_data *d, pass forward, size_t i)
{
  const float step = 0.0040F;
  const float kept = d->x[i];
  const float above = kept + step;
  const float below = kept - step;
  d->x[i] = above;
  forward(d);
  const double high = test_dot(d->y, d->dy, d->y_floats);
  d->x[i] = below;
  forward(d);
  const double low = test_dot(d->y, d->dy, d->y_floats);
  d->x[i] = kept;
  return (high - low) / ((double)above - (double)below);
}

static void gradients_are_slopes(void **state)
{
  (void)state;
  const pass passes[][2] = {{max_forward, max_backward}, {average_forward, average_backward}};
  for (size_t index = 0; index < CASES; ++index) {
    for (size_t kind = 0; kind < 2; ++kind) {
      pooling_data d = start(index);
      passes[kind][0](&d);
      passes[kind][1](&d);
      for (size_t i = 0; i < d.x_floats; i += 1 + d.x_floats / 97) {
        if (i % d.shape.channels < d.channels)
          assert_number_close(slope(&d, passes[kind][0], i), (double)d.dx[i], 2e-3, 1e-3);
      }
      stop(&d);
    }
  }
}

static void the_first_of_equals_is_chosen(void **state)
{
  (void)state;
  for (size_t index = 0; index < CASES; ++index) {
    pooling_data d = start(index);
    for (size_t i = 0; i < d.x_floats; ++i)
      d.x[i] = -3.0F;
    max_forward(&d);
    for (size_t i = 0; i < d.y_floats; ++i) {
      assert_int_equal(d.chosen[i], 0);
      assert_true(d.y[i] == -3.0F);
    }
    stop(&d);
  }
}

/* A NaN must come out where it went in, wherever in the window it is. */
static void a_nan_is_not_lost(void **state)
{
  (void)state;
  const size_t sizes[6] = {1, 2, 2, 8, 2, 2};
  for (size_t position = 0; position < 4; ++position) {
    pooling_data d = measure(sizes);
    d.x = test_activations(4, 8, 6);
    d.dy = test_activations(1, 8, 7);
    d.x[position * 8 + 3] = NAN;
    max_forward(&d);
    for (size_t c = 0; c < 8; ++c)
      assert_true((c == 3) == (isnan(d.y[c]) != 0));
    assert_int_equal(d.chosen[3], position);
    stop(&d);
  }
}

static test_tensor tensor_of(const char *kind, size_t index, const char *tensor)
{
  char name[64];
  snprintf(name, sizeof name, "%s-pooling%zu/%s", kind, index, tensor);
  return test_tensor_read("kernels.h5", name);
}

static void check_with_pytorch(const char *kind, size_t index, pass forward, pass backward)
{
  const test_tensor x = tensor_of(kind, index, "x");
  const test_tensor parameters = tensor_of(kind, index, "parameters");
  const size_t sizes[6] = {x.sizes[0],
                           x.sizes[2],
                           x.sizes[3],
                           x.sizes[1],
                           (size_t)parameters.values[0],
                           (size_t)parameters.values[1]};
  free(parameters.values);
  pooling_data d = measure(sizes);
  d.x = test_from_nchw(x);
  d.dy = test_from_nchw(tensor_of(kind, index, "dy"));
  float *want_y = test_from_nchw(tensor_of(kind, index, "y"));
  float *want_dx = test_from_nchw(tensor_of(kind, index, "dx"));
  forward(&d);
  backward(&d);
  assert_close(d.y, want_y, d.y_floats, 1e-6, 1e-6);
  assert_close(d.dx, want_dx, d.x_floats, 1e-6, 1e-6);
  free(want_y);
  free(want_dx);
  stop(&d);
}

static void agrees_with_pytorch(void **state)
{
  (void)state;
  for (size_t index = 0; index < 5; ++index) {
    check_with_pytorch("max", index, max_forward, max_backward);
    check_with_pytorch("average", index, average_forward, average_backward);
  }
}

static void shapes_that_do_not_fit_are_refused(void **state)
{
  (void)state;
  const ag_pooling_shape good = {
      .in_height = 6, .in_width = 5, .channels = 8, .kernel = 2, .stride = 2};
  ag_pooling_shape shape = good;
  assert_int_equal(ag_pooling_shape_complete(&shape), AG_OK);
  assert_int_equal(shape.out_height, 3);
  assert_int_equal(shape.out_width, 2);
  size_t *const sizes[] = {&shape.in_height, &shape.in_width, &shape.channels, &shape.kernel,
                           &shape.stride};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
    shape = good;
    *sizes[i] = 0;
    assert_int_equal(ag_pooling_shape_complete(&shape), AG_INVALID_ARGUMENT);
  }
  shape = good;
  shape.kernel = 6;
  assert_int_equal(ag_pooling_shape_complete(&shape), AG_INVALID_ARGUMENT);
  assert_non_null(strstr(ag_message(), "6 x 5"));
  shape.in_height = 5;
  shape.in_width = 6;
  assert_int_equal(ag_pooling_shape_complete(&shape), AG_INVALID_ARGUMENT);
  shape = good;
  shape.in_height = shape.in_width = 32;
  shape.kernel = 17;
  assert_int_equal(ag_pooling_shape_complete(&shape), AG_INVALID_ARGUMENT);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forward_agrees_with_loops),
      cmocka_unit_test(gradients_are_adjoint),
      cmocka_unit_test(gradients_are_slopes),
      cmocka_unit_test(the_first_of_equals_is_chosen),
      cmocka_unit_test(a_nan_is_not_lost),
      cmocka_unit_test(agrees_with_pytorch),
      cmocka_unit_test(shapes_that_do_not_fit_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
