/* Gradients through ReLU and 2x2 pooling behind a convolution, in every combination: the adjoint
 * identities, and central differences away from kinks. */
#include "support/convolutions.h"

/* Images, height, width, channels in and out (unpadded), kernel, stride, padding. */
static const size_t cases[][8] = {
    {2, 5, 7, 3, 9, 3, 1, 1},   {2, 2, 2, 16, 16, 3, 1, 1}, {2, 5, 3, 10, 30, 3, 1, 1},
    {1, 7, 9, 16, 16, 3, 1, 0}, {1, 3, 3, 16, 24, 3, 1, 2}, {1, 5, 9, 24, 20, 3, 1, 1},
    {2, 9, 7, 5, 6, 5, 2, 2},   {1, 6, 5, 8, 8, 1, 1, 0},   {1, 5, 8, 3, 17, 2, 1, 1},
};
enum { CASES = sizeof cases / sizeof cases[0], COMBINATIONS = 4 };

static bool start(size_t index, convolution *d)
{
  const size_t which = index % COMBINATIONS;
  return convolution_start(cases[index / COMBINATIONS], which / 2 == 1, which % 2 == 1, d);
}

/* Where each value of y comes from being held fixed, y is linear: with z = A x + b,
 * <y, dy> = <x, dx> + <b, db> = <w, dw> + <b, db>. */
static void gradients_are_adjoint(void **state)
{
  (void)state;
  for (size_t index = 0; index < (size_t)CASES * COMBINATIONS; ++index) {
    convolution d;
    if (!start(index, &d)) continue;
    float *y = test_floats(d.y_floats);
    float *dx = test_floats(d.x_floats);
    float *dw = test_floats(d.w_floats);
    float *db = test_floats(d.shape.out_channels);
    convolution_forward(&d, y);
    convolution_backward(&d, y, dw, db, dx);
    const double through = test_dot(y, d.dy, d.y_floats);
    const double bias = test_dot(d.bias, db, d.shape.out_channels);
    const double lengths = sqrt(test_dot(y, y, d.y_floats) * test_dot(d.dy, d.dy, d.y_floats));
    const double rounding = fmax(2e-4, 1e-7 * lengths);
    assert_number_close(test_dot(d.x, dx, d.x_floats) + bias, through, rounding, 1e-5);
    assert_number_close(test_dot(d.weights, dw, d.w_floats) + bias, through, rounding, 1e-5);
    void *const all[] = {y, dx, dw, db};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
      free(all[i]);
    convolution_stop(&d);
  }
}

/* <y, dy> with one value of x, the weights or the bias changed; y: the forward pass's. */
static double product_at(const convolution *d, float *value, float at, float *y)
{
  const float kept = *value;
  *value = at;
  convolution_prepare(d);
  convolution_forward(d, y);
  *value = kept;
  convolution_prepare(d);
  return test_dot(y, d->dy, d->y_floats);
}

/* Whether two forward passes took every value of y from the same place. */
static bool same_places(const convolution *d, const float *y, const float *other_y,
                        const uint8_t *other_chosen)
{
  if (d->shape.pooled) return memcmp(d->chosen, other_chosen, d->y_floats) == 0;
  for (size_t i = 0; d->shape.relu && i < d->y_floats; ++i) {
    if ((y[i] > 0) != (other_y[i] > 0)) return false;
  }
  return true;
}

/* The slope of <y, dy> along one value is its gradient, away from kinks: between two of them y is
 * linear, so the step is halved until it meets none. Returns whether there was such a step. */
static bool check_slope(const convolution *d, float *value, float gradient)
{
  const float middle = *value;
  float *y = test_floats(d->y_floats);
  float *above_y = test_floats(d->y_floats);
  uint8_t *above_chosen = (uint8_t *)test_bytes(d->y_floats);
  bool told = false;
  for (unsigned halvings = 0; !told && halvings < 7; ++halvings) {
    const float step = 0.25F / (float)(1U << halvings);
    const double above = product_at(d, value, middle + step, above_y);
    if (d->shape.pooled) memcpy(above_chosen, d->chosen, d->y_floats);
    const double below = product_at(d, value, middle - step, y);
    told = same_places(d, y, above_y, above_chosen);
    if (!told) continue;
    assert_number_close((above - below) / (2.0 * (double)step), (double)gradient,
                        5e-5 / (double)step, 1e-4);
  }
  free(y);
  free(above_y);
  free(above_chosen);
  return told;
}

static void gradients_are_slopes(void **state)
{
  (void)state;
  for (size_t index = 0; index < (size_t)CASES * COMBINATIONS; ++index) {
    convolution d;
    if (!start(index, &d)) continue;
    float *y = test_floats(d.y_floats);
    float *const gradients[] = {test_floats(d.x_floats), test_floats(d.w_floats),
                                test_floats(d.shape.out_channels)};
    float *const values[] = {d.x, d.weights, d.bias};
    const size_t floats[] = {d.x_floats, d.w_floats, d.out};
    size_t tried = 0;
    size_t told = 0;
    convolution_forward(&d, y);
    convolution_backward(&d, y, gradients[1], gradients[2], gradients[0]);
    for (size_t k = 0; k < 3; ++k) {
      for (size_t i = 0; i < floats[k]; i += 1 + floats[k] / 7, ++tried)
        told += check_slope(&d, values[k] + i, gradients[k][i]);
    }
    assert_true(2 * told > tried);
    for (size_t k = 0; k < 3; ++k)
      free(gradients[k]);
    free(y);
    convolution_stop(&d);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradients_are_adjoint),
      cmocka_unit_test(gradients_are_slopes),
  };
  return convolution_run(tests, sizeof tests / sizeof *tests);
}
