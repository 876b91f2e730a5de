/* Gradients of whole networks against central differences. A network is linear between its kinks,
 * so the slopes on both sides of a point are the same unless one lies in between: then the value is
 * passed over, and few may be. Nothing of the caller's may be written to on the way. */
#include "network/build.h"

enum { IMAGES = 2 };

#define NORMALIZE                            \
  {                                          \
    .kind = "normalize", .name = "normalize" \
  }
#define RELU                       \
  {                                \
    .kind = "relu", .name = "relu" \
  }
#define CONVOLUTION(outputs, size, step, edge)                                      \
  {                                                                                 \
    .kind = "convolution", .name = "conv", .channels = (outputs), .kernel = (size), \
    .stride = (step), .padding = (edge)                                             \
  }
#define POOLING(type, size, step)                                      \
  {                                                                    \
    .kind = (type), .name = "pool", .kernel = (size), .stride = (step) \
  }
#define DENSE(outputs)                                      \
  {                                                         \
    .kind = "dense", .name = "dense", .channels = (outputs) \
  }
#define DROPOUT(probability)                                        \
  {                                                                 \
    .kind = "dropout", .name = "dropout", .strength = (probability) \
  }
#define NOISE(sigma)                                               \
  {                                                                \
    .kind = "gaussian-noise", .name = "noise", .strength = (sigma) \
  }

/* A network, a shard, and the direction along which its logits are summed up. */
typedef struct probe {
  ag_network *network;
  ag_workspace *workspace;
  ag_pass pass;
  float *images, *direction;
  size_t image_floats, logit_floats, checked, passed_over;
} probe;

static const uint32_t samples[IMAGES] = {70000, 3};

static probe start(const ag_layer_description *layers, size_t count, ag_shape input, size_t classes,
                   bool training)
{
  probe all = {.network = build_network(layers, count, input, classes),
               .pass = {.training = training, .seed = 11, .step = 5, .samples = samples}};
  all.workspace = build_workspace(all.network, IMAGES + 1);
  all.images = build_images(all.network, IMAGES, 1);
  all.direction = test_activations(IMAGES, classes, 2);
  all.image_floats = IMAGES * ag_shape_floats(input);
  all.logit_floats = IMAGES * ag_network_logit_stride(all.network);
  return all;
}

static void finish(probe *all)
{
  ag_workspace_destroy(&all->workspace);
  ag_network_destroy(&all->network);
  free(all->images);
  free(all->direction);
  assert_int_equal(ag_live_blocks(), 0);
}

static double value_of(const probe *all)
{
  ag_network_prepare(all->network, false, NULL);
  return test_dot(ag_network_forward(all->network, all->workspace, &all->pass, all->images, IMAGES),
                  all->direction, all->logit_floats);
}

/* Compares the slope along *value with the gradient there; `typical` is the size of gradients. */
static void check_slope(probe *all, float *value, float gradient, double typical)
{
  const float step = 0x1p-6F;
  const float kept = *value;
  const double here = value_of(all);
  *value = kept + step;
  const double right = (value_of(all) - here) / (double)step;
  *value = kept - step;
  const double left = (here - value_of(all)) / (double)step;
  *value = kept;
  if (fabs(right - left) > 2e-3 * typical) {
    ++all->passed_over;
    return;
  }
  ++all->checked;
  assert_number_close((double)gradient, (right + left) / 2, 2e-3 * typical, 1e-3);
}

static double typical_size(const float *gradient, size_t count)
{
  size_t used = 0;
  for (size_t i = 0; i < count; ++i)
    used += gradient[i] != 0;
  return sqrt(test_dot(gradient, gradient, count) / (double)(used > 0 ? used : 1));
}

static void check_parameters(probe *all, const float *gradients)
{
  const size_t floats = ag_network_floats(all->network);
  float *block = ag_network_block(all->network);
  float *trained = test_floats(floats); /* 1 where a trained value lies, 0 in padding */
  for (size_t i = 0; i < ag_network_parameter_count(all->network); ++i) {
    const ag_parameter *parameter = ag_network_parameter(all->network, i);
    const size_t count = ag_parameter_file_floats(parameter);
    float *ones = test_floats(count);
    for (size_t j = 0; j < count; ++j)
      ones[j] = 1;
    if (parameter->trained) ag_parameter_import(parameter, ones, trained);
    free(ones);
    const double typical = typical_size(gradients + parameter->offset, parameter->floats);
    for (size_t j = parameter->offset; j < parameter->offset + parameter->floats; ++j) {
      if (trained[j] != 0) check_slope(all, block + j, gradients[j], typical);
    }
  }
  for (size_t j = 0; j < floats; ++j)
    assert_true(trained[j] != 0 || gradients[j] == 0);
  free(trained);
}

static void check_images(probe *all, const float *dimages)
{
  const ag_shape shape = ag_network_input(all->network);
  const size_t stride = ag_channels_padded(shape.channels);
  const double typical = typical_size(dimages, all->image_floats);
  assert_padding_zero(dimages, IMAGES * shape.height * shape.width, shape.channels);
  for (size_t i = 0; i < all->image_floats; ++i) {
    if (i % stride < shape.channels) check_slope(all, all->images + i, dimages[i], typical);
  }
}

/* The same gradients bit for bit where only one of the two is asked for; then both against slopes;
 * images, direction and parameters as they were. */
static void check(const ag_layer_description *layers, size_t count, ag_shape input, size_t classes,
                  bool training)
{
  probe all = start(layers, count, input, classes, training);
  const size_t floats = ag_network_floats(all.network);
  float *gradients = test_floats(floats);
  float *dimages = test_floats(all.image_floats);
  float *alone = test_floats(floats > all.image_floats ? floats : all.image_floats);
  float *images = test_copy(all.images, all.image_floats);
  float *direction = test_copy(all.direction, all.logit_floats);
  float *block = test_copy(ag_network_values(all.network), floats);
  test_fill(dimages, all.image_floats, 3, -1, 1); /* overwritten */
  value_of(&all);
  ag_network_backward(all.network, all.workspace, all.direction, gradients, dimages);
  value_of(&all);
  ag_network_backward(all.network, all.workspace, all.direction, NULL, alone);
  assert_same_bits(alone, dimages, all.image_floats);
  memset(alone, 0, floats * sizeof *alone);
  value_of(&all);
  ag_network_backward(all.network, all.workspace, all.direction, alone, NULL);
  assert_same_bits(alone, gradients, floats);
  assert_same_bits(all.images, images, all.image_floats);
  assert_same_bits(all.direction, direction, all.logit_floats);
  assert_same_bits(ag_network_values(all.network), block, floats);

  check_images(&all, dimages);
  check_parameters(&all, gradients);
  assert_true(all.checked > 5 * all.passed_over);
  free(gradients);
  free(dimages);
  free(alone);
  free(images);
  free(direction);
  free(block);
  finish(&all);
}

/* ---- networks ---------------------------------------------------------------------------- */

static const ag_layer_description everything[] = {
    NORMALIZE,     CONVOLUTION(5, 3, 1, 1),
    RELU,          POOLING("max-pooling", 2, 2),
    NOISE(0.3),    CONVOLUTION(7, 3, 2, 1),
    RELU,          POOLING("average-pooling", 2, 1),
    DROPOUT(0.25), DENSE(9),
    RELU,          DROPOUT(0.4),
    DENSE(5),
};
static const ag_shape odd_input = {12, 10, 3};

static void every_layer_in_training(void **state)
{
  (void)state;
  check(everything, COUNT_OF(everything), odd_input, 5, true);
}

static void every_layer_in_evaluation(void **state)
{
  (void)state;
  check(everything, COUNT_OF(everything), odd_input, 5, false);
}

/* A noise layer that wrote over its input would change which values its ReLU lets through. */
static void noise_behind_relu(void **state)
{
  (void)state;
  const ag_layer_description layers[] = {CONVOLUTION(9, 3, 1, 0), RELU, NOISE(1), DENSE(4)};
  check(layers, COUNT_OF(layers), (ag_shape){6, 5, 3}, 4, false);
}

static void noise_before_relu(void **state)
{
  (void)state;
  const ag_layer_description layers[] = {
      NOISE(0.5), CONVOLUTION(9, 3, 1, 0), NOISE(0.5), RELU, DENSE(4), NOISE(0.1)};
  check(layers, COUNT_OF(layers), (ag_shape){6, 5, 3}, 4, true);
}

/* Layers that work in place, at both ends, where the arrays are the caller's. */
static void in_place_at_both_ends(void **state)
{
  (void)state;
  const ag_layer_description relu[] = {RELU, DENSE(6), RELU};
  const ag_layer_description dropout[] = {DROPOUT(0.3), DENSE(6), DROPOUT(0.3)};
  const ag_layer_description rows[] = {RELU, DROPOUT(0.3), DENSE(6), RELU, DROPOUT(0.3)};
  const ag_shape input = {3, 4, 5};
  for (int training = 0; training < 2; ++training) {
    check(relu, COUNT_OF(relu), input, 6, training == 1);
    check(dropout, COUNT_OF(dropout), input, 6, training == 1);
    check(rows, COUNT_OF(rows), input, 6, training == 1);
  }
}

/* ReLU and dropout in a row over one array, in both orders. */
static void in_place_in_a_row(void **state)
{
  (void)state;
  const ag_layer_description layers[] = {
      DENSE(20), RELU, DROPOUT(0.3), RELU, DROPOUT(0.3), DENSE(12), DROPOUT(0.3), RELU, DENSE(6)};
  check(layers, COUNT_OF(layers), (ag_shape){3, 4, 5}, 6, true);
}

static void one_layer_alone(void **state)
{
  (void)state;
  const ag_layer_description layers[] = {DENSE(3)};
  check(layers, COUNT_OF(layers), (ag_shape){4, 2, 5}, 3, true);
}

/* ---- sums ---------------------------------------------------------------------------------- */

static void parameter_gradients_are_added_to(void **state)
{
  (void)state;
  probe all = start(everything, COUNT_OF(everything), odd_input, 5, true);
  const size_t floats = ag_network_floats(all.network);
  float *once = test_floats(floats);
  float *onto = test_floats(floats);
  float *want = test_floats(floats);
  test_fill(onto, floats, 4, -1, 1);
  memcpy(want, onto, floats * sizeof *want);
  value_of(&all);
  ag_network_backward(all.network, all.workspace, all.direction, once, NULL);
  value_of(&all);
  ag_network_backward(all.network, all.workspace, all.direction, onto, NULL);
  for (size_t i = 0; i < floats; ++i)
    want[i] += once[i];
  assert_close(onto, want, floats, 1e-5, 1e-5);
  free(once);
  free(onto);
  free(want);
  finish(&all);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_layer_in_training), cmocka_unit_test(every_layer_in_evaluation),
      cmocka_unit_test(noise_behind_relu),       cmocka_unit_test(noise_before_relu),
      cmocka_unit_test(in_place_at_both_ends),   cmocka_unit_test(in_place_in_a_row),
      cmocka_unit_test(one_layer_alone),         cmocka_unit_test(parameter_gradients_are_added_to),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
