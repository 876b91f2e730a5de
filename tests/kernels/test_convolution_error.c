/* How exact the convolutions are, and what their bits may not depend on: the company of an image,
 * the parts in which weights are prepared, which gradients are wanted, padding, and what lay in
 * scratch. */
#include "support/convolutions.h"

/* Images, height, width, channels in and out (unpadded), kernel, stride, padding. */
static const size_t error_cases[][8] = {{2, 8, 8, 64, 64, 3, 1, 1}, {1, 16, 16, 128, 128, 3, 1, 1}};
enum { ERROR_CASES = sizeof error_cases / sizeof error_cases[0] };

static const size_t cases[][8] = {
    {3, 5, 7, 3, 9, 3, 1, 1},    {4, 7, 9, 17, 22, 3, 1, 1},   {4, 6, 6, 16, 16, 3, 1, 2},
    {3, 9, 7, 48, 60, 3, 1, 0},  {2, 9, 7, 5, 6, 5, 2, 2},     {33, 4, 5, 10, 16, 3, 1, 1},
    {38, 7, 9, 16, 16, 3, 1, 1}, {5, 13, 14, 64, 64, 3, 1, 1}, /* more tiles than go at once */
};
enum { CASES = sizeof cases / sizeof cases[0], COMBINATIONS = 4 };

static bool start(size_t index, convolution *d)
{
  const size_t which = index % COMBINATIONS;
  return convolution_start(cases[index / COMBINATIONS], which / 2 == 1, which % 2 == 1, d);
}

static double *doubles(size_t count)
{
  return (double *)test_bytes(count * sizeof(double));
}

/* |got - want| / |want| */
static double error_of(const float *got, const double *want, size_t floats)
{
  double off = 0;
  double all = 0;
  for (size_t i = 0; i < floats; ++i) {
    off += pow((double)got[i] - want[i], 2.0);
    all += want[i] * want[i];
  }
  return sqrt(off / all);
}

static void errors_are_small(void **state)
{
  (void)state;
  const double bound = 5e-6;
  for (size_t index = 0; index < ERROR_CASES; ++index) {
    convolution d;
    if (!convolution_start(error_cases[index], false, false, &d)) continue;
    float *y = test_floats(d.y_floats);
    float *dx = test_floats(d.x_floats);
    float *dw = test_floats(d.w_floats + d.shape.out_channels);
    double *want_y = doubles(d.y_floats);
    double *want_dx = doubles(d.x_floats);
    double *want_dw = doubles(d.w_floats + d.shape.out_channels);
    double *dz = doubles(d.z_floats);
    memset(d.bias, 0, d.shape.out_channels * sizeof *d.bias);
    for (size_t i = 0; i < d.z_floats; ++i)
      dz[i] = (double)d.dy[i];
    convolution_forward(&d, y);
    convolution_backward(&d, NULL, dw, dw + d.w_floats, dx);
    convolution_reference(&d, want_y);
    convolution_reference_gradients(&d, dz, want_dw, want_dw + d.w_floats, want_dx);
    const double errors[] = {error_of(y, want_y, d.y_floats), error_of(dx, want_dx, d.x_floats),
                             error_of(dw, want_dw, d.w_floats),
                             error_of(dw + d.w_floats, want_dw + d.w_floats, d.shape.out_channels)};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; ++i)
      assert_number_close(errors[i], 0.0, bound, 0.0);
    void *const all[] = {y, dx, dw, want_y, want_dx, want_dw, dz};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
      free(all[i]);
    convolution_stop(&d);
  }
}

/* To the bit, in y, what is chosen, and dx. */
static void images_do_not_depend_on_each_other(void **state)
{
  (void)state;
  for (size_t index = 0; index < (size_t)CASES * COMBINATIONS; ++index) {
    convolution d;
    if (!start(index, &d)) continue;
    const size_t x_image = d.x_floats / d.count;
    const size_t y_image = d.y_floats / d.count;
    const size_t some = d.count > 4 ? d.count / 4
                                    : 1; /* images alone or few, the rest at the end */
    float *y = test_floats(d.y_floats);
    float *dx = test_floats(d.x_floats);
    float *own_y = test_floats(d.y_floats);
    float *own_dx = test_floats(d.x_floats);
    convolution own = d;
    own.chosen = d.shape.pooled ? (uint8_t *)test_bytes(d.y_floats) : NULL;
    convolution_forward(&d, y);
    convolution_backward(&d, y, NULL, NULL, dx);
    for (size_t image = 0; image < d.count; image += some) {
      convolution part = own;
      part.count = d.count - image < some ? d.count - image : some;
      part.x += image * x_image;
      part.dy += image * y_image;
      if (d.shape.pooled) part.chosen += image * y_image;
      convolution_forward(&part, own_y + image * y_image);
      convolution_backward(&part, own_y + image * y_image, NULL, NULL, own_dx + image * x_image);
    }
    assert_same_bits(own_y, y, d.y_floats);
    assert_same_bits(own_dx, dx, d.x_floats);
    if (d.shape.pooled) assert_memory_equal(own.chosen, d.chosen, d.y_floats);
    void *const all[] = {y, dx, own_y, own_dx, own.chosen};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
      free(all[i]);
    convolution_stop(&d);
  }
}

/* im2col never looks at channels that are padding, and results have the bits that they have with
 * them. */
static void padding_channels_are_left_out(void **state)
{
  (void)state;
  if (strcmp(convolution_name, "im2col") != 0) return;
  for (size_t index = 0; index < (size_t)CASES * COMBINATIONS; ++index) {
    convolution d;
    convolution all; /* `in_used` left out */
    if (!start(index, &d) || !start(index, &all)) continue;
    const size_t stride = d.shape.in_channels;
    const size_t positions = d.shape.kernel * d.shape.kernel;
    all.shape.in_used = 0;
    assert_int_equal(ag_convolution_shape_complete(&all.shape), AG_OK);
    assert_int_equal(all.shape.in_used, stride);
    free(all.scratch);
    free(all.prepared);
    all.scratch = test_floats(all.kernel->scratch_floats(&all.shape, all.count));
    all.prepared = test_floats(all.kernel->prepared_floats(&all.shape));
    convolution_prepare(&all);
    for (size_t row = 0; row < d.x_rows; ++row)
      convolution_spoil(d.x + row * stride + d.in, stride - d.in);
    for (size_t p = 0; p < positions; ++p) {
      convolution_spoil(d.weights + (p * stride + d.in) * d.shape.out_channels,
                        (stride - d.in) * d.shape.out_channels);
    }
    convolution_prepare(&d);
    convolution *const both[] = {&d, &all};
    float *y[2];
    float *dx[2];
    float *dw[2];
    for (size_t k = 0; k < 2; ++k) {
      y[k] = test_floats(d.y_floats);
      dx[k] = test_floats(d.x_floats);
      dw[k] = test_floats(d.w_floats + d.shape.out_channels);
      convolution_forward(both[k], y[k]);
      convolution_backward(both[k], y[k], dw[k], dw[k] + d.w_floats, dx[k]);
    }
    assert_same_bits(y[0], y[1], d.y_floats);
    assert_same_bits(dx[0], dx[1], d.x_floats);
    assert_same_bits(dw[0], dw[1], d.w_floats + d.shape.out_channels);
    for (size_t k = 0; k < 2; ++k) {
      free(y[k]);
      free(dx[k]);
      free(dw[k]);
      convolution_stop(both[k]);
    }
  }
}

/* Whoever prepares which part, and in whatever order. */
static void parts_prepare_the_same_bits(void **state)
{
  (void)state;
  static const size_t parts[] = {1, 2, 3, 7};
  for (size_t index = 0; index < CASES; ++index) {
    convolution d;
    if (!start(index * COMBINATIONS, &d)) continue;
    const size_t floats = d.kernel->prepared_floats(&d.shape);
    float *whole = test_floats(floats);
    float *together = test_floats(floats);
    d.kernel->prepare(&d.shape, 0, 1, d.weights, whole);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; ++i) {
      memset(together, 0, floats * sizeof *together);
      for (size_t part = parts[i]; part-- > 0;)
        d.kernel->prepare(&d.shape, part, parts[i], d.weights, together);
      assert_same_bits(together, whole, floats);
    }
    free(whole);
    free(together);
    convolution_stop(&d);
  }
}

/* One gradient has the same bits whether the other is wanted or not, and whatever lay in scratch:
 * NaN before one call, what a forward pass left before the other. */
static void gradients_do_not_depend_on_each_other(void **state)
{
  (void)state;
  for (size_t index = 0; index < (size_t)CASES * COMBINATIONS; ++index) {
    convolution d;
    if (!start(index, &d)) continue;
    const size_t w_floats = d.w_floats + d.shape.out_channels; /* and the bias */
    float *y = test_floats(d.y_floats);
    float *dx = test_floats(d.x_floats);
    float *only_dx = test_floats(d.x_floats);
    float *dw = test_floats(w_floats);
    float *only_dw = test_floats(w_floats);
    convolution_forward(&d, y);
    convolution_backward(&d, y, dw, dw + d.w_floats, dx);
    convolution_spoil(d.scratch, d.scratch_floats);
    convolution_backward(&d, y, NULL, NULL, only_dx);
    convolution_spoil(d.scratch, d.scratch_floats);
    convolution_backward(&d, y, only_dw, only_dw + d.w_floats, NULL);
    assert_same_bits(only_dx, dx, d.x_floats);
    assert_same_bits(only_dw, dw, w_floats);
    void *const all[] = {y, dx, only_dx, dw, only_dw};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
      free(all[i]);
    convolution_stop(&d);
  }
}

static void forward_does_not_depend_on_scratch(void **state)
{
  (void)state;
  for (size_t index = 0; index < (size_t)CASES * COMBINATIONS; ++index) {
    convolution d;
    if (!start(index, &d)) continue;
    float *y = test_floats(d.y_floats);
    float *again = test_floats(d.y_floats);
    convolution_forward(&d, y);
    test_fill(d.scratch, d.scratch_floats, 5, -1.0F, 1.0F);
    convolution_forward(&d, again);
    assert_same_bits(again, y, d.y_floats);
    free(y);
    free(again);
    convolution_stop(&d);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(errors_are_small),
      cmocka_unit_test(images_do_not_depend_on_each_other),
      cmocka_unit_test(padding_channels_are_left_out),
      cmocka_unit_test(parts_prepare_the_same_bits),
      cmocka_unit_test(gradients_do_not_depend_on_each_other),
      cmocka_unit_test(forward_does_not_depend_on_scratch),
  };
  return convolution_run(tests, sizeof tests / sizeof *tests);
}
