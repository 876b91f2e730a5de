/* What a pass reports between its layers: in which order, and that it keeps what the events promise
 * of gradients and weights. */
#include "network/build.h"

enum { IMAGES = 3, EVENTS = 64, LAYERS = 6 };

/* normalize; a convolution, which takes ReLU and pooling in; one that evaluation folds with the
 * normalisation behind it, which takes the ReLU in; dropout; dense. */
static const ag_layer_description layers[] = {
    {.kind = "normalize", .name = "normalize"},
    {.kind = "convolution", .name = "conv1", .channels = 9, .kernel = 3, .stride = 1, .padding = 1},
    {.kind = "relu", .name = "relu1"},
    {.kind = "max-pooling", .name = "pool1", .kernel = 2, .stride = 2},
    {.kind = "convolution", .name = "conv2", .channels = 8, .kernel = 3, .stride = 1},
    {.kind = "batch-normalisation", .name = "norm2"},
    {.kind = "relu", .name = "relu2"},
    {.kind = "dropout", .name = "dropout2", .strength = 0.25},
    {.kind = "dense", .name = "dense3", .channels = 10},
};
static const char *const names[LAYERS] = {"normalize", "conv1",    "conv2",
                                          "norm2",     "dropout2", "dense3"};
static const uint32_t samples[IMAGES] = {4, 7, 1};

static ag_network *make_network(const char *convolution)
{
  ag_layer_list list = build_list(layers, COUNT_OF(layers));
  ag_network *network = NULL;
  snprintf(list.kernels.convolution, sizeof list.kernels.convolution, "%s", convolution);
  if (ag_network_create(&list, (ag_shape){10, 12, 3}, 10, &network) != AG_OK) {
    fail_msg("%s", ag_message());
  }
  build_parameters(network);
  return network;
}

static ag_pass pass_of(bool training)
{
  return (ag_pass){.training = training, .seed = 3, .step = 2, .samples = samples};
}

/* ---- which, and in which order ---- */

typedef struct record {
  size_t count;
  char directions[EVENTS];
  size_t layers[EVENTS];
} record;

static void note(record *into, char direction, size_t layer)
{
  assert_true(into->count < EVENTS);
  into->directions[into->count] = direction;
  into->layers[into->count++] = layer;
}

static void note_forward(void *context, size_t layer)
{
  note((record *)context, '+', layer);
}

static void note_backward(void *context, size_t layer)
{
  note((record *)context, '-', layer);
}

/* "+0+1-1-0" */
static void assert_record(record *got, const char *want)
{
  assert_int_equal(2 * got->count, strlen(want));
  for (size_t i = 0; i < got->count; ++i) {
    assert_int_equal(got->directions[i], want[2 * i]);
    assert_int_equal(got->layers[i], want[2 * i + 1] - '0');
  }
  got->count = 0;
}

static void layers_report_in_order(void **state)
{
  (void)state;
  ag_network *network = make_network("auto");
  ag_workspace *workspace = build_workspace(network, IMAGES);
  float *images = build_images(network, IMAGES, 1);
  float *dlogits = test_activations(IMAGES, 10, 2);
  float *gradients = test_floats(ag_network_floats(network));
  float *dimages = test_floats(IMAGES * ag_shape_floats(ag_network_input(network)));
  record got = {0};
  const ag_pass_events all = {&got, note_forward, note_backward};
  const ag_pass_events forward = {&got, note_forward, NULL};
  const ag_pass_events backward = {&got, NULL, note_backward};
  const ag_pass_events none = {NULL, NULL, NULL};
  const ag_pass training = pass_of(true);
  const ag_pass evaluation = pass_of(false);
  assert_int_equal(ag_network_layer_count(network), LAYERS);
  for (size_t i = 0; i < LAYERS; ++i)
    assert_string_equal(ag_network_layer_name(network, i), names[i]);

  ag_network_prepare(network, true, NULL);
  ag_workspace_listen(workspace, &all);
  ag_network_forward(network, workspace, &training, images, IMAGES);
  assert_record(&got, "+0+1+2+3+4+5");
  ag_network_backward(network, workspace, dlogits, gradients, NULL);
  assert_record(&got, "-5-4-3-2-1"); /* nothing learns below */
  ag_network_backward(network, workspace, dlogits, gradients, dimages);
  assert_record(&got, "-5-4-3-2-1-0");
  ag_workspace_listen(workspace, &backward);
  ag_network_forward(network, workspace, &training, images, IMAGES);
  ag_network_backward(network, workspace, dlogits, gradients, NULL);
  assert_record(&got, "-5-4-3-2-1");

  ag_network_prepare(network, false, NULL);
  ag_workspace_listen(workspace, &all);
  ag_network_forward(network, workspace, &evaluation, images, IMAGES);
  ag_network_backward(network, workspace, dlogits, NULL, dimages);
  /* A convolution that took the normalisation in counts as the last of them. */
  assert_record(&got, "+0+1+3+4+5-5-4-3-1-0");
  ag_workspace_listen(workspace, &forward);
  ag_network_forward(network, workspace, &evaluation, images, IMAGES);
  ag_network_backward(network, workspace, dlogits, NULL, dimages);
  assert_record(&got, "+0+1+3+4+5");
  ag_workspace_listen(workspace, &none);
  ag_network_forward(network, workspace, &evaluation, images, IMAGES);
  ag_network_backward(network, workspace, dlogits, NULL, dimages);
  assert_record(&got, "");

  float *const arrays[] = {images, dlogits, gradients, dimages};
  for (size_t i = 0; i < COUNT_OF(arrays); ++i)
    free(arrays[i]);
  ag_workspace_destroy(&workspace);
  ag_network_destroy(&network);
}

/* ---- parameters of a layer ---- */

static void layers_have_their_parameters(void **state)
{
  (void)state;
  ag_network *network = make_network("auto");
  assert_int_equal(ag_network_layer_first_parameter(network, 0), 0);
  assert_int_equal(ag_network_layer_first_parameter(network, LAYERS),
                   ag_network_parameter_count(network));
  for (size_t layer = 0; layer < LAYERS; ++layer) {
    static const size_t counts[LAYERS] = {2, 2, 2, 4, 0, 2};
    const size_t first = ag_network_layer_first_parameter(network, layer);
    const size_t length = strlen(names[layer]);
    assert_int_equal(ag_network_layer_first_parameter(network, layer + 1) - first, counts[layer]);
    for (size_t p = first; p < first + counts[layer]; ++p) {
      const char *name = ag_network_parameter(network, p)->name;
      assert_true(strncmp(name, names[layer], length) == 0 && name[length] == '/');
    }
  }
  ag_network_destroy(&network);
}

/* ---- gradients ---- */

/* Gradients as they are at each layer's call. */
typedef struct gradient_watch {
  const ag_network *network;
  const float *gradients, *before; /* before this backward pass */
  float *seen;
} gradient_watch;

/* Copies or compares a layer's part of two blocks. */
static void copy_layer(const ag_network *network, size_t layer, const float *from, float *to)
{
  for (size_t p = ag_network_layer_first_parameter(network, layer);
       p < ag_network_layer_first_parameter(network, layer + 1); ++p) {
    const ag_parameter *parameter = ag_network_parameter(network, p);
    memcpy(to + parameter->offset, from + parameter->offset, parameter->floats * sizeof(float));
  }
}

static void watch_backward(void *context, size_t layer)
{
  const gradient_watch *watch = (const gradient_watch *)context;
  const ag_network *network = watch->network;
  copy_layer(network, layer, watch->gradients, watch->seen);
  /* Below the layer nothing was added yet. */
  for (size_t p = 0; p < ag_network_layer_first_parameter(network, layer); ++p) {
    const ag_parameter *parameter = ag_network_parameter(network, p);
    assert_same_bits(watch->gradients + parameter->offset, watch->before + parameter->offset,
                     parameter->floats);
  }
}

/* Over two shards that are added into one block. */
static void gradients_are_complete_at_the_call(void **state)
{
  (void)state;
  static const char *const convolutions[] = {"winograd", "im2col"};
  for (size_t k = 0; k < COUNT_OF(convolutions); ++k) {
    ag_network *network = make_network(convolutions[k]);
    const size_t floats = ag_network_floats(network);
    ag_workspace *workspace = build_workspace(network, IMAGES);
    float *dlogits = test_activations(IMAGES, 10, 2);
    float *gradients = test_floats(floats);
    float *before = test_floats(floats);
    float *seen = test_floats(floats);
    gradient_watch watch = {network, gradients, before, seen};
    const ag_pass_events events = {&watch, NULL, watch_backward};
    const ag_pass pass = pass_of(true);
    ag_network_prepare(network, true, NULL);
    ag_workspace_listen(workspace, &events);
    for (uint32_t shard = 0; shard < 2; ++shard) {
      float *images = build_images(network, IMAGES, shard);
      memcpy(before, gradients, floats * sizeof(float));
      ag_network_forward(network, workspace, &pass, images, IMAGES);
      ag_network_backward(network, workspace, dlogits, gradients, NULL);
      assert_same_bits(seen, gradients, floats);
      assert_memory_not_equal(gradients, before, floats * sizeof(float));
      free(images);
    }
    float *const arrays[] = {dlogits, gradients, before, seen};
    for (size_t i = 0; i < COUNT_OF(arrays); ++i)
      free(arrays[i]);
    ag_workspace_destroy(&workspace);
    ag_network_destroy(&network);
  }
}

/* ---- weights ---- */

/* A network whose parameters come while a pass goes through it. */
typedef struct late_weights {
  ag_network *network;
  const float *values; /* what they are to be */
  bool training;
  size_t next; /* the first layer that has none yet */
} late_weights;

static void bring_weights(void *context, size_t layer)
{
  late_weights *late = (late_weights *)context;
  for (; late->next <= layer; ++late->next)
    copy_layer(late->network, late->next, late->values, ag_network_block(late->network));
  ag_network_prepare(late->network, late->training, NULL);
}

/* Until its event a layer's weights are no numbers; the logits are those of a network that had all
 * from the start. */
static void weights_are_not_read_before_the_call(void **state)
{
  (void)state;
  for (size_t k = 0; k < 4; ++k) {
    const bool training = k % 2 == 0;
    ag_network *network = make_network(k < 2 ? "winograd" : "im2col");
    const size_t floats = ag_network_floats(network);
    const size_t logits = IMAGES * ag_network_logit_stride(network);
    ag_workspace *workspace = build_workspace(network, IMAGES);
    float *images = build_images(network, IMAGES, 1);
    float *values = test_copy(ag_network_values(network), floats);
    const ag_pass pass = pass_of(training);
    late_weights late = {network, values, training, 0};
    const ag_pass_events events = {&late, bring_weights, NULL};

    ag_network_prepare(network, training, NULL);
    float *want = test_copy(ag_network_forward(network, workspace, &pass, images, IMAGES), logits);
    float *block = ag_network_block(network);
    for (size_t i = 0; i < floats; ++i)
      block[i] = NAN;
    ag_network_prepare(network, training, NULL);
    assert_true(isnan(ag_network_forward(network, workspace, &pass, images, IMAGES)[0]));
    ag_workspace_listen(workspace, &events);
    const float *got = ag_network_forward(network, workspace, &pass, images, IMAGES);
    assert_int_equal(late.next, LAYERS);
    assert_same_bits(got, want, logits);

    float *const arrays[] = {images, values, want};
    for (size_t i = 0; i < COUNT_OF(arrays); ++i)
      free(arrays[i]);
    ag_workspace_destroy(&workspace);
    ag_network_destroy(&network);
  }
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(layers_report_in_order),
      cmocka_unit_test(layers_have_their_parameters),
      cmocka_unit_test(gradients_are_complete_at_the_call),
      cmocka_unit_test(weights_are_not_read_before_the_call),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
