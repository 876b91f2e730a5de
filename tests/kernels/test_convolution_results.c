/* What follows a convolution in the same pass, ReLU and 2x2 pooling in every combination, and the
 * gradients through them: against loops in double, at sizes around tiles and windows. */
#include "support/convolutions.h"

/* Images, height, width, channels in and out (unpadded), kernel, stride, padding. A tile is 4x4. */
static const size_t cases[][8] = {
    {2, 5, 7, 3, 9, 3, 1, 1},    {2, 2, 2, 16, 16, 3, 1, 1}, {1, 3, 5, 16, 16, 3, 1, 1},
    {2, 5, 3, 10, 30, 3, 1, 1},  {2, 5, 3, 16, 32, 3, 1, 1}, {2, 7, 9, 16, 16, 3, 1, 0},
    {1, 4, 4, 25, 16, 3, 1, 0},  {1, 6, 6, 24, 16, 3, 1, 2}, {1, 3, 3, 16, 30, 3, 1, 2},
    {2, 5, 5, 16, 11, 3, 1, 2},  {1, 4, 9, 17, 20, 3, 1, 1}, {2, 9, 8, 72, 60, 3, 1, 1},
    {1, 8, 5, 64, 61, 3, 1, 1},  {2, 6, 7, 3, 64, 3, 1, 1},  {2, 9, 7, 5, 6, 5, 2, 2},
    {1, 6, 5, 8, 8, 1, 1, 0},    {1, 5, 8, 3, 17, 2, 1, 1},  {3, 7, 9, 20, 12, 3, 2, 1},
    {38, 7, 9, 16, 15, 3, 1, 1}, /* more tiles than go at once: a border inside of an image */
};
enum { CASES = sizeof cases / sizeof cases[0], COMBINATIONS = 4 };

static bool start(size_t index, convolution *d)
{
  const size_t which = index % COMBINATIONS;
  return convolution_start(cases[index / COMBINATIONS], which / 2 == 1, which % 2 == 1, d);
}

/* Where value `index` of y, or the q-th of its window, lies in z. */
static size_t place_in_z(const convolution *d, size_t index, size_t q)
{
  if (!d->shape.pooled) return index;
  const size_t height = ag_convolution_result_height(&d->shape);
  const size_t width = ag_convolution_result_width(&d->shape);
  const size_t row = index / d->shape.out_channels;
  const size_t i = row / width % height * 2 + q / 2;
  const size_t j = row % width * 2 + q % 2;
  const size_t image = row / width / height;
  const size_t pixel = (image * d->shape.out_height + i) * d->shape.out_width + j;
  return pixel * d->shape.out_channels + index % d->shape.out_channels;
}

/* The first largest of its window, a NaN being larger than all. */
static size_t largest(const convolution *d, const double *z, size_t index)
{
  size_t best = 0;
  for (size_t q = 1; d->shape.pooled && q < 4; ++q) {
    const double before = z[place_in_z(d, index, best)];
    const double value = z[place_in_z(d, index, q)];
    if (!isnan(before) && (isnan(value) || value > before)) best = q;
  }
  return best;
}

/* y from z: new, owned by the caller. */
static float *results(const convolution *d, const double *z)
{
  float *y = test_floats(d->y_floats);
  for (size_t i = 0; i < d->y_floats; ++i) {
    const double value = z[place_in_z(d, i, largest(d, z, i))];
    y[i] = (float)(d->shape.relu && value < 0 ? 0 : value);
  }
  return y;
}

/* dz by the mask of the forward pass: new, owned by the caller. */
static double *gradients_of_z(const convolution *d, const float *y)
{
  double *dz = (double *)test_bytes(d->z_floats * sizeof *dz);
  for (size_t i = 0; i < d->y_floats; ++i) {
    if (d->shape.pooled ? d->chosen[i] == AG_CHOSEN_NONE : d->shape.relu && !(y[i] > 0)) continue;
    dz[place_in_z(d, i, d->shape.pooled ? d->chosen[i] : 0)] = (double)d->dy[i];
  }
  return dz;
}

/* chosen is the place of a value as large as the rounding of z lets one know. */
static void check_chosen(const convolution *d, const double *z, const float *y, double rounding)
{
  for (size_t i = 0; d->shape.pooled && i < d->y_floats; ++i) {
    if (d->shape.relu && !(y[i] > 0)) {
      assert_int_equal(d->chosen[i], AG_CHOSEN_NONE);
      continue;
    }
    assert_true(d->chosen[i] < 4);
    const double best = z[place_in_z(d, i, largest(d, z, i))];
    assert_number_close(z[place_in_z(d, i, d->chosen[i])], best, rounding, 1e-5);
  }
}

static void forward_agrees_with_loops(void **state)
{
  (void)state;
  for (size_t index = 0; index < (size_t)CASES * COMBINATIONS; ++index) {
    convolution d;
    if (!start(index, &d)) continue;
    float *y = test_floats(d.y_floats);
    double *z = (double *)test_bytes(d.z_floats * sizeof *z);
    convolution_spoil(y, d.y_floats);
    if (d.shape.pooled) memset(d.chosen, 9, d.y_floats);
    convolution_forward(&d, y);
    convolution_reference(&d, z);
    float *want = results(&d, z);
    const double rounding = convolution_allowed(want, d.y_floats);
    assert_close(y, want, d.y_floats, rounding, 1e-5);
    assert_padding_zero(y, d.y_rows, d.out);
    check_chosen(&d, z, y, 2 * rounding);
    free(y);
    free(z);
    free(want);
    convolution_stop(&d);
  }
}

static void check_gradient(const float *got, const double *want, size_t floats)
{
  float *rounded = convolution_rounded(want, floats);
  assert_close(got, rounded, floats, convolution_allowed(rounded, floats), 1e-5);
  free(rounded);
}

static void gradients_agree_with_loops(void **state)
{
  (void)state;
  for (size_t index = 0; index < (size_t)CASES * COMBINATIONS; ++index) {
    convolution d;
    if (!start(index, &d)) continue;
    const size_t outputs = d.shape.out_channels;
    float *y = test_floats(d.y_floats);
    float *dx = test_floats(d.x_floats);
    float *dw = test_floats(d.w_floats);
    float *db = test_floats(outputs);
    double *want_dx = (double *)test_bytes(d.x_floats * sizeof *want_dx);
    double *want_dw = (double *)test_bytes(d.w_floats * sizeof *want_dw);
    double *want_db = (double *)test_bytes(outputs * sizeof *want_db);
    convolution_spoil(dx, d.x_floats);
    convolution_forward(&d, y);
    convolution_spoil(d.scratch, d.scratch_floats);
    convolution_backward(&d, y, dw, db, dx);
    double *dz = gradients_of_z(&d, y);
    convolution_reference_gradients(&d, dz, want_dw, want_db, want_dx);
    check_gradient(dx, want_dx, d.x_floats);
    check_gradient(dw, want_dw, d.w_floats);
    check_gradient(db, want_db, outputs);
    assert_padding_zero(dx, d.x_rows, d.in);
    assert_padding_zero(dw, d.shape.kernel * d.shape.kernel * d.shape.in_channels, d.out);
    void *const all[] = {y, dx, dw, db, want_dx, want_dw, want_db, dz};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
      free(all[i]);
    convolution_stop(&d);
  }
}

/* Whole numbers of `unit`, from `low` to `low` + `values` - 1, in channels that are no padding. */
static void fill_whole(float *to, size_t rows, size_t channels, uint32_t stream, float unit,
                       float low, float values)
{
  const size_t stride = ag_channels_padded(channels);
  test_fill(to, rows * stride, stream, 0.0F, values);
  for (size_t i = 0; i < rows * stride; ++i)
    to[i] = i % stride < channels ? unit * (low + floorf(to[i])) : 0.0F;
}

/* Small whole numbers, and weights that Winograd's transforms divide without rounding, by 24 along
 * either axis: no sum is rounded, so that values are equal, and zero, where they should be. */
static void start_whole(convolution *d)
{
  const float unit = 576.0F;
  fill_whole(d->x, d->x_rows, d->in, 11, 1.0F, 0.0F, 2.0F);
  fill_whole(d->dy, d->y_rows, d->out, 12, 1.0F, -2.0F, 5.0F);
  fill_whole(d->bias, 1, d->out, 13, unit, -1.0F, 3.0F);
  for (size_t i = 0; i < d->w_floats; ++i) {
    const float weight = d->weights[i];
    d->weights[i] = weight > 0.8F ? unit : weight < -0.8F ? -unit : 0.0F;
  }
  convolution_prepare(d);
}

/* How many of y's values come from a window with more than one largest. */
static size_t ties(const convolution *d, const double *z)
{
  size_t found = 0;
  for (size_t i = 0; d->shape.pooled && i < d->y_floats; ++i) {
    const size_t best = largest(d, z, i);
    for (size_t q = best + 1; q < 4; ++q)
      found += z[place_in_z(d, i, q)] == z[place_in_z(d, i, best)];
  }
  return found;
}

static void whole_numbers_are_exact_and_first_of_equals_chosen(void **state)
{
  (void)state;
  size_t tied = 0;
  for (size_t index = 0; index < (size_t)CASES * COMBINATIONS; ++index) {
    convolution d;
    if (!start(index, &d)) continue;
    start_whole(&d);
    float *y = test_floats(d.y_floats);
    float *dx = test_floats(d.x_floats);
    double *z = (double *)test_bytes(d.z_floats * sizeof *z);
    double *want_dx = (double *)test_bytes(d.x_floats * sizeof *want_dx);
    double *unused = (double *)test_bytes((d.w_floats + d.shape.out_channels) * sizeof *unused);
    convolution_forward(&d, y);
    convolution_reference(&d, z);
    float *want = results(&d, z);
    assert_close(y, want, d.y_floats, 0.0, 0.0);
    tied += ties(&d, z);
    for (size_t i = 0; d.shape.pooled && i < d.y_floats; ++i) {
      const bool cut = d.shape.relu && want[i] == 0.0F;
      assert_int_equal(d.chosen[i], cut ? (size_t)AG_CHOSEN_NONE : largest(&d, z, i));
    }
    convolution_backward(&d, y, NULL, NULL, dx);
    double *dz = gradients_of_z(&d, y);
    convolution_reference_gradients(&d, dz, unused, unused + d.w_floats, want_dx);
    float *rounded = convolution_rounded(want_dx, d.x_floats);
    assert_close(dx, rounded, d.x_floats, 0.0, 0.0);
    void *const all[] = {y, dx, z, want_dx, unused, want, dz, rounded};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
      free(all[i]);
    convolution_stop(&d);
  }
  assert_true(tied > 100);
}

/* Equals are equals with their bias, also where the sums before it are not. */
static void bias_makes_equals(void **state)
{
  (void)state;
  for (size_t index = 1; index < (size_t)CASES * COMBINATIONS; index += 2) {
    convolution d;
    if (!start(index, &d)) continue;
    float *y = test_floats(d.y_floats);
    for (size_t o = 0; o < d.out; ++o)
      d.bias[o] = 1e12F;
    convolution_forward(&d, y);
    for (size_t i = 0; i < d.y_floats; ++i) {
      if (i % d.shape.out_channels >= d.out) continue;
      assert_true(y[i] == 1e12F);
      assert_int_equal(d.chosen[i], 0);
    }
    free(y);
    convolution_stop(&d);
  }
}

/* What the first image's NaN reaches, and what it does not. */
static void check_nan(const convolution *d, const float *clean, const float *y)
{
  const size_t image = d->y_floats / d->count;
  double *z = (double *)test_bytes(d->z_floats * sizeof *z);
  convolution_reference(d, z);
  float *want = results(d, z);
  for (size_t i = 0; i < image; ++i) {
    if (!isnan(want[i])) continue;
    assert_true(isnan(y[i]));
    if (!d->shape.pooled) continue;
    assert_true(d->shape.relu ? d->chosen[i] == AG_CHOSEN_NONE : d->chosen[i] < 4);
    /* Winograd's tile has more of them. */
    if (!d->shape.relu && strcmp(convolution_name, "im2col") == 0)
      assert_int_equal(d->chosen[i], largest(d, z, i));
  }
  assert_same_bits(y + image, clean + image, d->y_floats - image);
  free(z);
  free(want);
}

/* A NaN of an image goes to all that see it, and to no other image; from a pixel inside of a tile
 * to all of the tile, from the last to a few of its values, so that windows have both. */
static void nan_passes_forward(void **state)
{
  (void)state;
  for (size_t index = 0; index < (size_t)CASES * COMBINATIONS; ++index) {
    convolution d;
    if (!start(index, &d)) continue;
    const size_t pixels = d.x_rows / d.count;
    const size_t places[] = {d.shape.in_width + 1, pixels / 2, pixels - 1};
    float *clean = test_floats(d.y_floats);
    float *y = test_floats(d.y_floats);
    convolution_forward(&d, clean);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; ++i) {
      float *value = d.x + places[i] * d.shape.in_channels;
      const float kept = *value;
      *value = NAN;
      convolution_forward(&d, y);
      check_nan(&d, clean, y);
      *value = kept;
    }
    free(clean);
    free(y);
    convolution_stop(&d);
  }
}

/* A NaN of one output channel's bias goes to all of that channel, and to no other. */
static void nan_stays_in_its_channel(void **state)
{
  (void)state;
  for (size_t index = 0; index < (size_t)CASES * COMBINATIONS; ++index) {
    convolution d;
    if (!start(index, &d)) continue;
    float *clean = test_floats(d.y_floats);
    float *y = test_floats(d.y_floats);
    convolution_forward(&d, clean);
    d.bias[1] = NAN;
    convolution_forward(&d, y);
    for (size_t i = 0; i < d.y_floats; ++i) {
      if (i % d.shape.out_channels != 1) {
        assert_same_bits(y + i, clean + i, 1);
        continue;
      }
      assert_true(isnan(y[i]));
      if (d.shape.pooled) assert_int_equal(d.chosen[i], d.shape.relu ? AG_CHOSEN_NONE : 0);
    }
    free(clean);
    free(y);
    convolution_stop(&d);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forward_agrees_with_loops),
      cmocka_unit_test(gradients_agree_with_loops),
      cmocka_unit_test(whole_numbers_are_exact_and_first_of_equals_chosen),
      cmocka_unit_test(bias_makes_equals),
      cmocka_unit_test(nan_passes_forward),
      cmocka_unit_test(nan_stays_in_its_channel),
  };
  return convolution_run(tests, sizeof tests / sizeof *tests);
}
