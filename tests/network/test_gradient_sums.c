/* Gradients of shards, added one behind the other in one block, are to the bit the sum of what each
 * would leave alone: sums over shards, threads and ranks stand on that. */
#include "network/build.h"

enum { SHARDS = 3, IMAGES = 7, CLASSES = 10 };

static const ag_layer_description layers[] = {
    {.kind = "normalize", .name = "normalize"},
    {.kind = "convolution", .name = "conv1", .channels = 24, .kernel = 3, .padding = 1},
    {.kind = "batch-normalisation", .name = "norm1"},
    {.kind = "relu", .name = "relu1"},
    {.kind = "convolution", .name = "conv2", .channels = 40, .kernel = 3, .padding = 1},
    {.kind = "relu", .name = "relu2"},
    {.kind = "max-pooling", .name = "pool1", .kernel = 2, .stride = 2},
    {.kind = "convolution", .name = "conv3", .channels = 16, .kernel = 3, .padding = 1},
    {.kind = "dropout", .name = "dropout1", .strength = 0.2},
    {.kind = "dense", .name = "dense1", .channels = 70},
    {.kind = "relu", .name = "relu3"},
    {.kind = "dense", .name = "dense2", .channels = CLASSES},
};
static const ag_shape input = {11, 13, 3};

/* One network with kernels of one kind, and the shards' images and gradients of logits. */
typedef struct setting {
  ag_network *network;
  ag_workspace *workspace;
  size_t floats;
  float *images[SHARDS], *dlogits[SHARDS];
} setting;

/* False where this processor has no such kernels. */
static bool make_setting(const char *instructions, const char *convolution, setting *made)
{
  ag_layer_list list = {0};
  for (size_t i = 0; i < COUNT_OF(layers); ++i) {
    ag_layer_description layer = layers[i];
    if (layer.kernel == 3) layer.stride = 1;
    assert_int_equal(ag_layer_list_append(&list, &layer), AG_OK);
  }
  snprintf(list.kernels.instructions, sizeof list.kernels.instructions, "%s", instructions);
  snprintf(list.kernels.convolution, sizeof list.kernels.convolution, "%s", convolution);
  if (ag_network_create(&list, input, CLASSES, &made->network) != AG_OK) return false;
  build_parameters(made->network);
  ag_network_prepare(made->network, true, NULL);
  made->workspace = build_workspace(made->network, IMAGES);
  made->floats = ag_network_floats(made->network);
  for (uint32_t s = 0; s < SHARDS; ++s) {
    const size_t pixels = IMAGES * ag_shape_floats(input);
    const size_t logits = IMAGES * ag_network_logit_stride(made->network);
    made->images[s] = test_floats(pixels);
    made->dlogits[s] = test_floats(logits);
    test_fill(made->images[s], pixels, 10 + s, 0, 1);
    test_fill(made->dlogits[s], logits, 20 + s, -1, 1);
  }
  return true;
}

static void free_setting(setting *made)
{
  for (size_t s = 0; s < SHARDS; ++s) {
    free(made->images[s]);
    free(made->dlogits[s]);
  }
  ag_workspace_destroy(&made->workspace);
  ag_network_destroy(&made->network);
}

/* The gradients of one shard are added to what is there. */
static void add_shard(const setting *from, uint32_t shard, float *gradients)
{
  uint32_t samples[IMAGES];
  for (uint32_t i = 0; i < IMAGES; ++i)
    samples[i] = shard * IMAGES + i;
  const ag_pass pass = {.training = true, .seed = 1, .samples = samples};
  ag_network_forward(from->network, from->workspace, &pass, from->images[shard], IMAGES);
  ag_network_backward(from->network, from->workspace, from->dlogits[shard], gradients, NULL);
}

static void check(const char *instructions, const char *convolution)
{
  setting made = {0};
  if (!make_setting(instructions, convolution, &made)) {
    print_message("this processor has no %s\n", instructions);
    return;
  }
  float *together = test_floats(made.floats);
  float *sum = test_floats(made.floats);
  for (uint32_t s = 0; s < SHARDS; ++s) {
    float *alone = test_floats(made.floats);
    add_shard(&made, s, together);
    add_shard(&made, s, alone);
    for (size_t i = 0; i < made.floats; ++i)
      sum[i] += alone[i];
    free(alone);
  }
  assert_same_bits(together, sum, made.floats);
  free(sum);
  free(together);
  free_setting(&made);
}

static void one_behind_the_other_is_the_sum(void **state)
{
  static const char *const instructions[] = {"baseline", "avx2", "avx512"};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(instructions); ++i) {
    check(instructions[i], "winograd");
    check(instructions[i], "im2col");
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(one_behind_the_other_is_the_sum)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
