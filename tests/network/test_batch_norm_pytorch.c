/* A network with batch normalisation against PyTorch: one shard in training, with all gradients and
 * statistics, and in evaluation. Everything comes from the group `norm` of fixtures/network.h5. */
#include "network/build.h"

#include "advgrid/training.h"

enum { IMAGES = 6, CLASSES = 5 };

#define CONVOLUTION(number, outputs)                                                   \
  {                                                                                    \
    .kind = "convolution", .name = "conv" #number, .channels = (outputs), .kernel = 3, \
    .stride = 1, .padding = 1                                                          \
  }
#define NORM(number)                                      \
  {                                                       \
    .kind = "batch-normalisation", .name = "norm" #number \
  }
#define RELU                       \
  {                                \
    .kind = "relu", .name = "relu" \
  }
#define POOLING                                                     \
  {                                                                 \
    .kind = "max-pooling", .name = "pool", .kernel = 2, .stride = 2 \
  }
#define DENSE(number, outputs)                                      \
  {                                                                 \
    .kind = "dense", .name = "dense" #number, .channels = (outputs) \
  }

static const ag_layer_description layers[] = {{.kind = "normalize", .name = "normalize"},
                                              CONVOLUTION(1, 6),
                                              NORM(1),
                                              RELU,
                                              POOLING,
                                              CONVOLUTION(2, 10),
                                              NORM(2),
                                              RELU,
                                              CONVOLUTION(3, 7),
                                              NORM(3),
                                              POOLING,
                                              CONVOLUTION(4, 9),
                                              NORM(4),
                                              DENSE(1, 11),
                                              NORM(5),
                                              RELU,
                                              DENSE(2, CLASSES)};

/* Rows of the layers norm1 ... norm5: pixels of the shard. */
static const size_t rows[] = {576, 144, 144, 36, IMAGES};

static test_tensor tensor(const char *group, const char *name)
{
  char path[4 * AG_NAME_SIZE];
  snprintf(path, sizeof path, "norm/%s%s", group, name);
  return test_tensor_read("network.h5", path);
}

/* Within 2e-5 of the typical size and 2e-5 of itself; PyTorch computed in double. */
static void assert_agrees(const char *name, const float *got, const float *want, size_t count,
                          double typical)
{
  for (size_t i = 0; i < count; ++i) {
    const double off = fabs((double)got[i] - (double)want[i]);
    if (!(off <= 2e-5 * typical + 2e-5 * fabs((double)want[i]))) {
      fail_msg("%s: at %zu of %zu: got %.9g, want %.9g; typical is %.3g", name, i, count,
               (double)got[i], (double)want[i], typical);
    }
  }
}

static double typical_of(const float *values, size_t count)
{
  return sqrt(test_dot(values, values, count) / (double)count);
}

typedef struct run {
  ag_network *network;
  ag_workspace *workspace;
  const float *logits; /* the workspace's */
  float loss, *images, *gradients, *dimages;
} run;

static void set_parameters(ag_network *network)
{
  const float mean[] = {0.5F, 0.4375F, 0.40625F};
  const float deviation[] = {0.25F, 0.21875F, 0.28125F};
  ag_network_initialise(network, 1, mean, deviation);
  for (size_t i = 2; i < ag_network_parameter_count(network); ++i) {
    const ag_parameter *parameter = ag_network_parameter(network, i);
    test_tensor values = tensor("parameters/", parameter->name);
    assert_int_equal(values.count, ag_parameter_file_floats(parameter));
    ag_parameter_import(parameter, values.values, ag_network_block(network));
    free(values.values);
  }
}

static run start(bool training)
{
  static const uint32_t samples[IMAGES] = {0};
  const ag_pass pass = {.training = training, .samples = samples};
  run all = {.network = build_network(layers, COUNT_OF(layers), (ag_shape){8, 12, 3}, CLASSES),
             .images = test_from_nchw(tensor("", "images"))};
  const size_t stride = ag_network_logit_stride(all.network);
  float *dlogits = test_floats(IMAGES * stride);
  float losses[IMAGES];
  uint8_t labels[IMAGES];
  test_tensor label = tensor("", "labels");
  for (size_t i = 0; i < IMAGES; ++i)
    labels[i] = (uint8_t)label.values[i];
  free(label.values);
  set_parameters(all.network);
  ag_network_prepare(all.network, training, NULL);
  all.workspace = build_workspace(all.network, IMAGES);
  all.gradients = test_floats(ag_network_floats(all.network));
  all.dimages = test_floats(IMAGES * ag_shape_floats(ag_network_input(all.network)));
  all.logits = ag_network_forward(all.network, all.workspace, &pass, all.images, IMAGES);
  ag_cross_entropy(IMAGES, CLASSES, stride, all.logits, labels, 1.0F / IMAGES, losses, dlogits);
  for (size_t i = 0; i < IMAGES; ++i)
    all.loss += losses[i] / IMAGES;
  ag_network_backward(all.network, all.workspace, dlogits, training ? all.gradients : NULL,
                      all.dimages);
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

static void check_activations(const run *all, const char *group)
{
  const size_t logits = IMAGES * ag_network_logit_stride(all->network);
  const size_t floats = IMAGES * ag_shape_floats(ag_network_input(all->network));
  float *want_logits = test_from_nchw(tensor(group, "logits"));
  float *want_dimages = test_from_nchw(tensor(group, "dimages"));
  test_tensor loss = tensor(group, "loss");
  assert_agrees("logits", all->logits, want_logits, logits, typical_of(want_logits, logits));
  assert_agrees("dimages", all->dimages, want_dimages, floats, typical_of(want_dimages, floats));
  assert_number_close((double)all->loss, (double)loss.values[0], 0, 1e-5);
  free(want_logits);
  free(want_dimages);
  free(loss.values);
}

static void in_evaluation(void **state)
{
  (void)state;
  run all = start(false);
  check_activations(&all, "evaluation/");
  finish(&all);
}

static void in_training(void **state)
{
  (void)state;
  run all = start(true);
  check_activations(&all, "training/");
  finish(&all);
}

/* Those of a bias in front of batch normalisation are zero: there the weight's size is the scale.
 */
static void gradients_of_parameters(void **state)
{
  (void)state;
  run all = start(true);
  double typical = 0;
  size_t checked = 0;
  for (size_t i = 2; i < ag_network_parameter_count(all.network); ++i) {
    const ag_parameter *parameter = ag_network_parameter(all.network, i);
    const size_t count = ag_parameter_file_floats(parameter);
    if (!parameter->trained) continue;
    test_tensor want = tensor("training/", parameter->name);
    float *got = test_floats(count);
    const double own = typical_of(want.values, count);
    if (parameter->decayed || own > 1e-6 * typical) typical = own;
    ag_parameter_export(parameter, all.gradients, got);
    assert_agrees(parameter->name, got, want.values, count, typical);
    ++checked;
    free(got);
    free(want.values);
  }
  assert_int_equal(checked, 2 * (4 + 2 + 5));
  finish(&all);
}

/* One step of the running statistics. PyTorch's variances are over rows - 1. */
static void running_statistics(void **state)
{
  (void)state;
  run all = start(true);
  size_t layer = 0;
  for (size_t i = 2; i < ag_network_parameter_count(all.network); ++i) {
    const ag_parameter *parameter = ag_network_parameter(all.network, i);
    float *values = ag_network_block(all.network) + parameter->offset;
    float *sums = all.gradients + parameter->offset;
    if (!parameter->averaged) continue;
    const bool variance = strstr(parameter->name, "variance") != NULL;
    const float correction = variance ? (float)rows[layer] / (float)(rows[layer] - 1) : 1;
    for (size_t c = 0; c < parameter->out; ++c)
      sums[c] *= correction;
    ag_statistics_step(IMAGES, parameter->floats, sums, values);
    test_tensor want = tensor("training/", parameter->name);
    assert_agrees(parameter->name, values, want.values, want.count, 1);
    free(want.values);
    if (variance) ++layer;
  }
  assert_int_equal(layer, 5);
  finish(&all);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(in_evaluation),
      cmocka_unit_test(in_training),
      cmocka_unit_test(gradients_of_parameters),
      cmocka_unit_test(running_statistics),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
