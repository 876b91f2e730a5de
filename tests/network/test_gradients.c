/* Gradients of whole networks against central differences (network/slopes.h), layer by layer and in
 * rows that work in place. */
#include "network/slopes.h"

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

static void check(const ag_layer_description *layers, size_t count, ag_shape input, size_t classes,
                  bool training)
{
  slopes_check(layers, count, input, classes, training, IMAGES);
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
  slopes all = slopes_start(everything, COUNT_OF(everything), odd_input, 5, true, IMAGES);
  const size_t floats = ag_network_floats(all.network);
  float *once = test_floats(floats);
  float *onto = test_floats(floats);
  float *want = test_floats(floats);
  test_fill(onto, floats, 4, -1, 1);
  memcpy(want, onto, floats * sizeof *want);
  slopes_value(&all);
  ag_network_backward(all.network, all.workspace, all.direction, once, NULL);
  slopes_value(&all);
  ag_network_backward(all.network, all.workspace, all.direction, onto, NULL);
  for (size_t i = 0; i < floats; ++i)
    want[i] += once[i];
  assert_close(onto, want, floats, 1e-5, 1e-5);
  free(once);
  free(onto);
  free(want);
  slopes_finish(&all);
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
