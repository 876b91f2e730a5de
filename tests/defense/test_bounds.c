/* Lipschitz bounds of matrices, layers and networks. */
#include "network/build.h"

#include "defense/bounds.h"

/* ---- matrices ---- */

static double bound_of(size_t rows, size_t columns, size_t stride, const float *matrix)
{
  double bound = -1;
  assert_int_equal(ag_matrix_bound(rows, columns, stride, matrix, &bound), AG_OK);
  return bound;
}

/* By power iteration, from below. */
static double singular_value(size_t rows, size_t columns, size_t stride, const float *matrix)
{
  double x[64];
  double y[64];
  double value = 0;
  for (size_t k = 0; k < columns; ++k)
    x[k] = 1 + (double)k / 7;
  for (size_t round = 0; round < 500; ++round) {
    double squares = 0;
    for (size_t k = 0; k < columns; ++k)
      squares += x[k] * x[k];
    value = 0;
    for (size_t i = 0; i < rows; ++i) {
      y[i] = 0;
      for (size_t k = 0; k < columns; ++k)
        y[i] += (double)matrix[i * stride + k] * x[k] / sqrt(squares);
      value += y[i] * y[i];
    }
    for (size_t k = 0; k < columns; ++k) {
      x[k] = 0;
      for (size_t i = 0; i < rows; ++i)
        x[k] += (double)matrix[i * stride + k] * y[i];
    }
  }
  return sqrt(value);
}

static void matrices_are_bounded_to_a_percent(void **state)
{
  (void)state;
  static const size_t sizes[][2] = {{1, 1}, {2, 9}, {9, 2}, {40, 40}, {33, 8}, {7, 60}};
  for (size_t i = 0; i < COUNT_OF(sizes); ++i) {
    const size_t stride = ag_channels_padded(sizes[i][1]);
    float *matrix = test_activations(sizes[i][0], sizes[i][1], (uint32_t)i);
    const double value = singular_value(sizes[i][0], sizes[i][1], stride, matrix);
    const double bound = bound_of(sizes[i][0], sizes[i][1], stride, matrix);
    assert_true(bound >= value * (1 - 1e-12) && bound <= 1.0101 * value);
    free(matrix);
  }
}

/* All singular values alike are the worst case; powers of large and small ones stay in range. */
static void the_worst_matrices_are_too(void **state)
{
  (void)state;
  static const float values[] = {1e-18F, 1, 1e18F};
  float zero[8] = {0};
  for (size_t k = 0; k < COUNT_OF(values); ++k) {
    float diagonal[64][64] = {{0}};
    for (size_t i = 0; i < 64; ++i)
      diagonal[i][i] = values[k];
    const double bound = bound_of(64, 64, 64, diagonal[0]) / (double)values[k];
    assert_true(bound >= 1 - 1e-12 && bound <= 1.0101);
  }
  assert_true(bound_of(1, 8, 8, zero) == 0);
}

/* ---- layers ---- */

static ag_lipschitz_bounds measure(const ag_network *network)
{
  ag_lipschitz_bounds bounds;
  assert_int_equal(ag_lipschitz_measure(network, &bounds), AG_OK);
  double product = 1;
  for (size_t i = 0; i < ag_network_layer_count(network); ++i)
    product *= bounds.layers[i];
  assert_number_close(bounds.network, product, 0, 1e-12);
  return bounds;
}

/* The largest |f(x) - f(y)| / |x - y| of some images and others near by, along f's own gradients:
 * where it is not far below the bound, the bound cannot be much too small. */
static double stretch(const ag_network *network, size_t count)
{
  enum { ROUNDS = 20 };
  const ag_shape shape = ag_network_input(network);
  const size_t floats = ag_shape_floats(shape);
  const size_t stride = ag_network_logit_stride(network);
  ag_workspace *workspace = build_workspace(network, 1);
  float *images = build_images(network, count, 5);
  float *dimage = test_floats(floats);
  float *moved = test_floats(floats);
  float *before = test_floats(stride);
  float *difference = test_floats(stride);
  const uint32_t sample = 0;
  const ag_pass pass = {.samples = &sample};
  double largest = 0;
  for (size_t n = 0; n < count * ROUNDS; ++n) {
    const float *image = images + n / ROUNDS * floats;
    if (n % ROUNDS == 0) test_fill(difference, ag_network_classes(network), (uint32_t)n, -1, 1);
    memcpy(before, ag_network_forward(network, workspace, &pass, image, 1), stride * sizeof(float));
    ag_network_backward(network, workspace, difference, NULL, dimage);
    const double length = sqrt(test_dot(dimage, dimage, floats));
    const double step = 0.01;
    for (size_t i = 0; i < floats; ++i)
      moved[i] = image[i] + (float)(step / length) * dimage[i];
    const float *behind = ag_network_forward(network, workspace, &pass, moved, 1);
    for (size_t i = 0; i < stride; ++i)
      difference[i] = behind[i] - before[i];
    largest = fmax(largest, sqrt(test_dot(difference, difference, stride)) / step);
  }
  free(difference);
  free(before);
  free(moved);
  free(dimage);
  free(images);
  ag_workspace_destroy(&workspace);
  return largest;
}

static void nothing_is_stretched_further(void **state)
{
  (void)state;
  const ag_layer_description one[] = {
      {.kind = "normalize", .name = "normalize"},
      {.kind = "convolution",
       .name = "conv1",
       .channels = 9,
       .kernel = 3,
       .stride = 1,
       .padding = 1},
      {.kind = "batch-normalisation", .name = "norm1"},
      {.kind = "relu", .name = "relu1"},
      {.kind = "max-pooling", .name = "pool1", .kernel = 2, .stride = 2},
      {.kind = "dense", .name = "dense1", .channels = 12},
      {.kind = "relu", .name = "relu2"},
      {.kind = "dropout", .name = "dropout1", .strength = 0.5},
      {.kind = "dense", .name = "dense2", .channels = 5},
  };
  ag_network *network = build_network(one, COUNT_OF(one), (ag_shape){8, 8, 3}, 5);
  const double bound = measure(network).network;
  const double seen = stretch(network, 4);
  assert_true(seen <= bound && seen > bound / 100);
  ag_network_destroy(&network);
}

/* A network that is but one kind of layer between a normalisation and a dense layer. */
static double bound_of_layer(const ag_layer_description *layer)
{
  const ag_layer_description all[] = {{.kind = "normalize", .name = "normalize"},
                                      *layer,
                                      {.kind = "dense", .name = "dense1", .channels = 4}};
  ag_network *network = build_network(all, COUNT_OF(all), (ag_shape){9, 9, 2}, 4);
  const double bound = measure(network).layers[1];
  assert_string_equal(ag_network_layer_name(network, 1), layer->name);
  assert_true(stretch(network, 2) <= measure(network).network);
  ag_network_destroy(&network);
  return bound;
}

static void pooling_depends_on_its_windows(void **state)
{
  (void)state;
  static const struct {
    size_t kernel, stride;
    double most, average;
  } cases[] = {
      {2, 2, 1, 0.5}, {3, 3, 1, 1 / 3.0}, {3, 2, 2, 2 / 3.0}, {3, 1, 3, 1}, {2, 3, 1, 0.5}};
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    ag_layer_description pool = {.kind = "max-pooling",
                                 .name = "pool1",
                                 .kernel = cases[i].kernel,
                                 .stride = cases[i].stride};
    assert_number_close(bound_of_layer(&pool), cases[i].most, 0, 1e-15);
    pool.kind = "average-pooling";
    assert_number_close(bound_of_layer(&pool), cases[i].average, 0, 1e-15);
  }
}

static void others_are_what_they_are(void **state)
{
  (void)state;
  assert_true(bound_of_layer(&(ag_layer_description){.kind = "relu", .name = "relu1"}) == 1);
  const ag_layer_description all[] = {{.kind = "normalize", .name = "normalize"},
                                      {.kind = "batch-normalisation", .name = "norm1"},
                                      {.kind = "gaussian-noise", .name = "noise1", .strength = 3},
                                      {.kind = "dense", .name = "dense1", .channels = 4}};
  ag_network *network = build_network(all, COUNT_OF(all), (ag_shape){3, 3, 3}, 4);
  float *block = ag_network_block(network);
  const float deviations[] = {0.5F, 0.25F, 2};
  const float gammas[] = {1, -3, 2};
  const float variances[] = {1, 4, 0.25F};
  for (size_t c = 0; c < 3; ++c) {
    block[ag_network_parameter(network, 1)->offset + c] = deviations[c];
    block[ag_network_parameter(network, 2)->offset + c] = gammas[c];
    block[ag_network_parameter(network, 5)->offset + c] = variances[c];
  }
  const ag_lipschitz_bounds bounds = measure(network);
  assert_true(bounds.layers[0] == 4);
  assert_number_close(bounds.layers[1], 2 / sqrt(0.25 + (double)AG_BATCH_NORM_EPSILON), 0, 1e-12);
  assert_true(bounds.layers[2] == 1);
  ag_network_destroy(&network);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(matrices_are_bounded_to_a_percent),
      cmocka_unit_test(the_worst_matrices_are_too),
      cmocka_unit_test(nothing_is_stretched_further),
      cmocka_unit_test(pooling_depends_on_its_windows),
      cmocka_unit_test(others_are_what_they_are),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
