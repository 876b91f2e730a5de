/* One network by every kernel that this processor runs: the same parameters and images give the
 * same logits and gradients, to rounding. */
#include "network/build.h"

static const char *const instruction_sets[] = {"avx512", "avx2", "baseline"};
static const char *const convolutions[] = {"auto", "winograd", "im2col"};

enum { IMAGES = 2, CLASSES = 10 };
static const ag_shape input = {9, 12, 3};

/* Convolutions that Winograd's kernel can take, by all instruction sets, and one that it cannot;
 * with ReLU and pooling taken in and without; sizes that no tile divides, and few values, so that
 * none lies where its rounding decides on which side of a kink it is. */
static const ag_layer_description layers[] = {
    {.kind = "normalize", .name = "normalize"},
    {.kind = "convolution", .name = "conv1", .channels = 32, .kernel = 3, .stride = 1},
    {.kind = "relu", .name = "relu1"},
    {.kind = "convolution",
     .name = "conv2",
     .channels = 48,
     .kernel = 3,
     .stride = 1,
     .padding = 1},
    {.kind = "relu", .name = "relu2"},
    {.kind = "max-pooling", .name = "pool2", .kernel = 2, .stride = 2},
    {.kind = "convolution",
     .name = "conv3",
     .channels = 32,
     .kernel = 3,
     .stride = 1,
     .padding = 1},
    {.kind = "batch-normalisation", .name = "norm3"},
    {.kind = "relu", .name = "relu3"},
    {.kind = "max-pooling", .name = "pool3", .kernel = 2, .stride = 2},
    {.kind = "dense", .name = "dense1", .channels = 24},
    {.kind = "relu", .name = "relu4"},
    {.kind = "dense", .name = "dense2", .channels = CLASSES},
};

static ag_network *build(const char *instructions, const char *convolution)
{
  ag_layer_list list = build_list(layers, COUNT_OF(layers));
  ag_network *network = NULL;
  snprintf(list.kernels.instructions, sizeof list.kernels.instructions, "%s", instructions);
  snprintf(list.kernels.convolution, sizeof list.kernels.convolution, "%s", convolution);
  if (ag_network_create(&list, input, CLASSES, &network) != AG_OK) fail_msg("%s", ag_message());
  build_parameters(network);
  return network;
}

/* ---- what is chosen ---- */

static const char *kernel_of(const ag_network *network, const char *name)
{
  for (size_t i = 0; i < ag_network_layer_count(network); ++i) {
    if (strcmp(ag_network_layer_name(network, i), name) == 0) {
      return ag_network_layer_kernel(network, i);
    }
  }
  fail_msg("no layer is called %s", name);
  return NULL;
}

static void choice_is_followed(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT_OF(instruction_sets); ++i) {
    if (ag_variant_find(instruction_sets[i]) == NULL) continue;
    for (size_t k = 0; k < COUNT_OF(convolutions); ++k) {
      ag_network *network = build(instruction_sets[i], convolutions[k]);
      const char *wanted = strcmp(convolutions[k], "im2col") == 0 ? "im2col" : "winograd";
      assert_string_equal(ag_variant_name(ag_network_variant(network)), instruction_sets[i]);
      assert_string_equal(kernel_of(network, "conv1"), "im2col"); /* of three channels */
      assert_string_equal(kernel_of(network, "conv2"), wanted);
      assert_string_equal(kernel_of(network, "conv3"), wanted);
      assert_string_equal(kernel_of(network, "dense1"), "");
      ag_network_destroy(&network);
    }
  }
}

/* ---- what comes of it ---- */

/* All that a pass there and back gives. */
typedef struct results {
  size_t logit_floats, image_floats, gradient_floats;
  float *logits, *dimages, *gradients; /* gradients: of training alone */
} results;

static results run(const ag_network *network, bool training)
{
  static const uint32_t samples[IMAGES] = {0, 1};
  results all = {.logit_floats = IMAGES * ag_network_logit_stride(network),
                 .image_floats = IMAGES * ag_shape_floats(input),
                 .gradient_floats = ag_network_floats(network)};
  const ag_pass pass = {.training = training, .samples = samples};
  float *images = build_images(network, IMAGES, 1);
  float *dlogits = test_activations(IMAGES, CLASSES, 2);
  ag_workspace *workspace = build_workspace(network, IMAGES);
  all.dimages = test_floats(all.image_floats);
  all.gradients = test_floats(all.gradient_floats);
  all.logits =
      test_copy(ag_network_forward(network, workspace, &pass, images, IMAGES), all.logit_floats);
  ag_network_backward(network, workspace, dlogits, training ? all.gradients : NULL, all.dimages);
  ag_workspace_destroy(&workspace);
  free(dlogits);
  free(images);
  return all;
}

static void clear(results *all)
{
  free(all->logits);
  free(all->dimages);
  free(all->gradients);
}

static double largest_of(const float *values, size_t count)
{
  double largest = 0;
  for (size_t i = 0; i < count; ++i)
    largest = fmax(largest, fabs((double)values[i]));
  assert_true(largest > 0);
  return largest;
}

/* Within 1e-5 of each value and of the largest. */
static void assert_agrees(const float *got, const float *want, size_t count)
{
  assert_close(got, want, count, 1e-5 * largest_of(want, count), 1e-5);
}

static void compare(const results *got, const results *want)
{
  assert_agrees(got->logits, want->logits, got->logit_floats);
  assert_agrees(got->dimages, want->dimages, got->image_floats);
}

static void compare_gradients(const ag_network *network, const results *got, const results *want)
{
  const double largest = largest_of(want->gradients, want->gradient_floats);
  for (size_t i = 0; i < ag_network_parameter_count(network); ++i) {
    const ag_parameter *parameter = ag_network_parameter(network, i);
    const float *part = got->gradients + parameter->offset;
    const float *right = want->gradients + parameter->offset;
    if (strcmp(parameter->name, "conv3/bias") == 0) {
      /* The normalisation takes a bias out again: it is zero but for rounding. */
      assert_close(part, right, parameter->floats, 1e-5 * largest, 0);
    } else if (parameter->trained) {
      assert_agrees(part, right, parameter->floats);
    }
  }
}

/* In training as in evaluation, with or without weight gradients. */
static void check_choice(const char *instructions, const char *convolution, const results want[2])
{
  ag_network *network = build(instructions, convolution);
  for (int training = 0; training < 2; ++training) {
    ag_network_prepare(network, training == 1, NULL);
    results got = run(network, training == 1);
    compare(&got, &want[training]);
    if (training == 1) compare_gradients(network, &got, &want[training]);
    clear(&got);
  }
  ag_network_destroy(&network);
}

static void kernels_agree(void **state)
{
  (void)state;
  results want[2];
  ag_network *network = build("baseline", "im2col");
  for (int training = 0; training < 2; ++training) {
    ag_network_prepare(network, training == 1, NULL);
    want[training] = run(network, training == 1);
  }
  ag_network_destroy(&network);
  for (size_t i = 0; i < COUNT_OF(instruction_sets); ++i) {
    if (ag_variant_find(instruction_sets[i]) == NULL) {
      print_message("this processor does not run %s\n", instruction_sets[i]);
      continue;
    }
    for (size_t k = 0; k < COUNT_OF(convolutions); ++k)
      check_choice(instruction_sets[i], convolutions[k], want);
  }
  clear(&want[0]);
  clear(&want[1]);
}

static void leaves_no_memory(void **state)
{
  (void)state;
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(choice_is_followed),
      cmocka_unit_test(kernels_agree),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
