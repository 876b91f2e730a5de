/* The network `base` against PyTorch: logits, loss, and the gradients to every parameter and to the
 * images. Weights follow from the formula of fixtures/make_network.py, which also made the file. */
#include "network/build.h"

enum { IMAGES = 2, STRIDE = 997, CLASSES = 10 };

static uint32_t mix(uint32_t value)
{
  value = (value ^ value >> 16) * 0x85EBCA6BU;
  value = (value ^ value >> 13) * 0xC2B2AE35U;
  return value ^ value >> 16;
}

/* Value i of a stream: the upper 24 bits of a hash of both, over 2^24. */
static float unit(uint32_t stream, size_t i)
{
  return (float)(mix(mix(stream + 1) + (uint32_t)i) >> 8) * 0x1p-24F;
}

static void set_weights(ag_network *network)
{
  const float mean[] = {0.5F, 0.4375F, 0.40625F};
  const float deviation[] = {0.25F, 0.21875F, 0.28125F};
  ag_network_initialise(network, 1, mean, deviation);
  for (size_t i = 2; i < ag_network_parameter_count(network); ++i) {
    const ag_parameter *parameter = ag_network_parameter(network, i);
    const size_t count = ag_parameter_file_floats(parameter);
    const size_t fan_in = count / parameter->out;
    const bool bias = parameter->layout == AG_LAYOUT_VECTOR;
    const float side = bias ? 0.125F : (float)sqrt(6.0 / (double)fan_in);
    float *values = test_floats(count);
    for (size_t j = 0; j < count; ++j)
      values[j] = side * (2 * unit((uint32_t)i - 2, j) - 1);
    ag_parameter_import(parameter, values, ag_network_block(network));
    free(values);
  }
  ag_network_prepare(network, false, NULL);
}

/* Within 1e-4 of the norm as a whole, and each value within 1e-4 of itself and of the root mean
 * square, which is what values near zero are worth. */
static void assert_agrees(const char *name, const float *got, const float *want, size_t count)
{
  double difference = 0;
  const double norm = sqrt(test_dot(want, want, count));
  const double typical = norm / sqrt((double)count);
  for (size_t i = 0; i < count; ++i) {
    const double off = fabs((double)got[i] - (double)want[i]);
    difference += off * off;
    if (!(off <= 1e-4 * fabs((double)want[i]) + 1e-4 * typical)) {
      fail_msg("%s: at %zu of %zu: got %.9g, want %.9g; typical is %.3g", name, i, count,
               (double)got[i], (double)want[i], typical);
    }
  }
  if (!(sqrt(difference) <= 1e-4 * norm)) {
    fail_msg("%s: off by %.3g of its norm", name, sqrt(difference) / norm);
  }
}

/* One forward and one backward pass over the fixture's images. */
typedef struct run {
  ag_network *network;
  ag_workspace *workspace;
  float *images;
  uint8_t labels[IMAGES];
  const float *logits; /* the workspace's */
  float losses[IMAGES];
  float *gradients, *dimages;
} run;

static run start(void)
{
  static const uint32_t samples[IMAGES] = {0, 1};
  run all = {.network = build_architecture("base", (ag_shape){32, 32, 3}, CLASSES)};
  const size_t stride = ag_network_logit_stride(all.network);
  const ag_pass pass = {.samples = samples};
  float *dlogits = test_floats(IMAGES * stride);
  set_weights(all.network);
  all.workspace = build_workspace(all.network, IMAGES);
  all.images = test_from_nchw(test_tensor_read("network.h5", "images"));
  all.gradients = test_floats(ag_network_floats(all.network));
  all.dimages = test_floats(IMAGES * ag_shape_floats(ag_network_input(all.network)));
  test_tensor labels = test_tensor_read("network.h5", "labels");
  for (size_t i = 0; i < IMAGES; ++i)
    all.labels[i] = (uint8_t)labels.values[i];
  free(labels.values);
  all.logits = ag_network_forward(all.network, all.workspace, &pass, all.images, IMAGES);
  ag_cross_entropy(IMAGES, CLASSES, stride, all.logits, all.labels, 1.0F / IMAGES, all.losses,
                   dlogits);
  ag_network_backward(all.network, all.workspace, dlogits, all.gradients, all.dimages);
  free(dlogits);
  return all;
}

static void finish(run *all)
{
  ag_workspace_destroy(&all->workspace);
  ag_network_destroy(&all->network);
  free(all->images);
  free(all->gradients);
  free(all->dimages);
  assert_int_equal(ag_live_blocks(), 0);
}

static void logits_and_loss_are_pytorchs(void **state)
{
  (void)state;
  run all = start();
  const size_t stride = ag_network_logit_stride(all.network);
  float *want = test_from_nchw(test_tensor_read("network.h5", "logits"));
  test_tensor loss = test_tensor_read("network.h5", "loss");
  assert_agrees("logits", all.logits, want, IMAGES * stride);
  assert_number_close(((double)all.losses[0] + (double)all.losses[1]) / IMAGES,
                      (double)loss.values[0], 0, 1e-4);
  free(want);
  free(loss.values);
  finish(&all);
}

static void input_gradient_is_pytorchs(void **state)
{
  (void)state;
  run all = start();
  float *want = test_from_nchw(test_tensor_read("network.h5", "dimages"));
  const size_t floats = IMAGES * ag_shape_floats(ag_network_input(all.network));
  assert_agrees("dimages", all.dimages, want, floats);
  free(want);
  finish(&all);
}

/* The whole tensor where the file has it, else every 997th value; and its norm. */
static void check_gradient(const ag_parameter *parameter, const float *gradients)
{
  char name[3 * AG_NAME_SIZE];
  const size_t count = ag_parameter_file_floats(parameter);
  float *got = test_floats(count);
  ag_parameter_export(parameter, gradients, got);
  snprintf(name, sizeof name, "norms/%s", parameter->name);
  test_tensor norm = test_tensor_read("network.h5", name);
  assert_number_close(sqrt(test_dot(got, got, count)), (double)norm.values[0], 0, 1e-4);
  free(norm.values);
  snprintf(name, sizeof name, "gradients/%s", parameter->name);
  test_tensor want = test_tensor_read("network.h5", name);
  const size_t stride = want.count == count ? 1 : STRIDE;
  assert_int_equal(want.count, (count + stride - 1) / stride);
  for (size_t i = 0; i < want.count; ++i)
    got[i] = got[i * stride];
  assert_agrees(parameter->name, got, want.values, want.count);
  free(want.values);
  free(got);
}

static void parameter_gradients_are_pytorchs(void **state)
{
  (void)state;
  run all = start();
  const size_t count = ag_network_parameter_count(all.network);
  assert_int_equal(count, 18);
  for (size_t i = 2; i < count; ++i)
    check_gradient(ag_network_parameter(all.network, i), all.gradients);
  finish(&all);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(logits_and_loss_are_pytorchs),
      cmocka_unit_test(input_gradient_is_pytorchs),
      cmocka_unit_test(parameter_gradients_are_pytorchs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
