/* Batch normalisation in a network: gradients through the statistics of a shard, and evaluation
 * with the running ones, folded into convolutions or not. */
#include "network/slopes.h"

#include <sys/wait.h>
#include <unistd.h>

#define NORMALIZE                            \
  {                                          \
    .kind = "normalize", .name = "normalize" \
  }
#define RELU                       \
  {                                \
    .kind = "relu", .name = "relu" \
  }
#define NORM                                      \
  {                                               \
    .kind = "batch-normalisation", .name = "norm" \
  }
#define CONVOLUTION(outputs)                                                                \
  {                                                                                         \
    .kind = "convolution", .name = "conv", .channels = (outputs), .kernel = 3, .stride = 1, \
    .padding = 1                                                                            \
  }
#define POOLING                                                     \
  {                                                                 \
    .kind = "max-pooling", .name = "pool", .kernel = 2, .stride = 2 \
  }
#define DENSE(outputs)                                      \
  {                                                         \
    .kind = "dense", .name = "dense", .channels = (outputs) \
  }
#define DROPOUT                                            \
  {                                                        \
    .kind = "dropout", .name = "dropout", .strength = 0.25 \
  }
#define NOISE(sigma)                                               \
  {                                                                \
    .kind = "gaussian-noise", .name = "noise", .strength = (sigma) \
  }

enum { IMAGES = 4, CLASSES = 5 };

/* ---- against central differences ----------------------------------------------------------- */

static void check_both(const ag_layer_description *layers, size_t count, ag_shape input)
{
  slopes_check(layers, count, input, CLASSES, true, IMAGES);
  slopes_check(layers, count, input, CLASSES, false, IMAGES);
  slopes_check(layers, count, input, CLASSES, true, 3);
}

/* Every way in which a convolution and a norm may meet, ReLU and pooling behind or not. */
static void behind_convolutions(void **state)
{
  (void)state;
  const ag_layer_description layers[] = {
      NORMALIZE, CONVOLUTION(6),  NORM, RELU,    POOLING,        CONVOLUTION(9), NORM,
      RELU,      CONVOLUTION(10), NORM, POOLING, CONVOLUTION(7), NORM,           DENSE(CLASSES)};
  check_both(layers, COUNT_OF(layers), (ag_shape){4, 5, 3});
}

static void without_a_convolution_in_front(void **state)
{
  (void)state;
  const ag_layer_description first[] = {NORM,    RELU, CONVOLUTION(5), RELU,          NORM,
                                        POOLING, NORM, RELU,           DENSE(CLASSES)};
  const ag_layer_description dense[] = {NORMALIZE, DENSE(11), NORM,           RELU,
                                        DENSE(9),  NORM,      DENSE(CLASSES), NORM};
  check_both(first, COUNT_OF(first), (ag_shape){3, 4, 3});
  check_both(dense, COUNT_OF(dense), (ag_shape){3, 4, 5});
}

/* Layers that work in place behind a norm, and two norms in a row, of which one is folded. */
static void among_layers_in_place(void **state)
{
  (void)state;
  const ag_layer_description layers[] = {CONVOLUTION(6), NORM, DROPOUT, RELU,    CONVOLUTION(9),
                                         NORM,           NORM, RELU,    DROPOUT, POOLING,
                                         DENSE(8),       RELU, DROPOUT, NORM,    DENSE(CLASSES)};
  check_both(layers, COUNT_OF(layers), (ag_shape){4, 2, 3});
}

static void among_noise(void **state)
{
  (void)state;
  const ag_layer_description layers[] = {CONVOLUTION(6), NOISE(0.2), NORM,       RELU,
                                         NOISE(0.1),     NORM,       NOISE(0.1), DENSE(CLASSES)};
  check_both(layers, COUNT_OF(layers), (ag_shape){3, 4, 3});
}

/* ---- evaluation, folded and not ---------------------------------------------------------------
 */

/* Convolutions wide enough for Winograd's, with a norm behind each; noise of no strength keeps them
 * apart where asked. */
static ag_layer_list wide_list(bool apart)
{
  const ag_layer_description layers[] = {NORMALIZE, CONVOLUTION(32), NOISE(0),        NORM,
                                         RELU,      CONVOLUTION(17), NOISE(0),        NORM,
                                         RELU,      POOLING,         CONVOLUTION(32), NOISE(0),
                                         NORM,      POOLING,         CONVOLUTION(31), NOISE(0),
                                         NORM,      DENSE(CLASSES)};
  ag_layer_list list = {0};
  for (size_t i = 0; i < COUNT_OF(layers); ++i) {
    if (!apart && strcmp(layers[i].kind, "gaussian-noise") == 0) continue;
    assert_int_equal(ag_layer_list_append(&list, &layers[i]), AG_OK);
  }
  return list;
}

typedef struct answer {
  float *logits, *dimages;
} answer;

/* Of a forward and a backward pass in evaluation. */
static answer answer_of(const ag_network *network)
{
  const ag_pass pass = {.samples = slopes_samples};
  float *images = build_images(network, IMAGES, 1);
  float *direction = test_activations(IMAGES, CLASSES, 2);
  ag_workspace *workspace = build_workspace(network, IMAGES);
  answer all = {.dimages = test_floats(IMAGES * ag_shape_floats(ag_network_input(network)))};
  all.logits = test_copy(ag_network_forward(network, workspace, &pass, images, IMAGES),
                         IMAGES * ag_network_logit_stride(network));
  ag_network_backward(network, workspace, direction, NULL, all.dimages);
  ag_workspace_destroy(&workspace);
  free(images);
  free(direction);
  return all;
}

static void free_answer(answer *all)
{
  free(all->logits);
  free(all->dimages);
}

static ag_network *make(const ag_layer_list *list)
{
  ag_network *network = NULL;
  if (ag_network_create(list, (ag_shape){12, 15, 3}, CLASSES, &network) != AG_OK) {
    fail_msg("%s", ag_message());
  }
  build_parameters(network);
  return network;
}

/* The kernel of the last layer of that name. */
static const char *kernel_of(const ag_network *network, const char *name)
{
  const char *kernel = "";
  for (size_t i = 0; i < ag_network_layer_count(network); ++i) {
    if (strcmp(ag_network_layer_name(network, i), name) == 0) {
      kernel = ag_network_layer_kernel(network, i);
    }
  }
  return kernel;
}

/* The same kernels on the same parameters; in gradients Winograd's leave a little more rounding. */
static void folded_is_the_same_function(void **state)
{
  (void)state;
  static const char *const instructions[] = {"baseline", "avx2", "avx512"};
  static const char *const ways[] = {"winograd", "im2col"};
  for (size_t i = 0; i < 6; ++i) {
    ag_network *networks[2];
    answer answers[2];
    if (ag_variant_find(instructions[i / 2]) == NULL) continue;
    for (size_t apart = 0; apart < 2; ++apart) {
      ag_layer_list list = wide_list(apart == 1);
      list.kernels = (ag_kernel_choice){0};
      memcpy(list.kernels.instructions, instructions[i / 2], strlen(instructions[i / 2]));
      memcpy(list.kernels.convolution, ways[i % 2], strlen(ways[i % 2]));
      networks[apart] = make(&list);
      assert_true(strcmp(kernel_of(networks[apart], "conv"), ways[i % 2]) == 0);
      answers[apart] = answer_of(networks[apart]);
    }
    const size_t floats = IMAGES * ag_shape_floats(ag_network_input(networks[0]));
    const double size = slopes_typical(answers[1].dimages, floats);
    assert_same_bits(ag_network_values(networks[0]), ag_network_values(networks[1]),
                     ag_network_floats(networks[1]));
    assert_close(answers[0].logits, answers[1].logits,
                 IMAGES * ag_network_logit_stride(networks[0]), 1e-5, 1e-5);
    assert_close(answers[0].dimages, answers[1].dimages, floats, 2e-5 * size, 1e-5);
    assert_padding_zero(answers[0].logits, IMAGES, CLASSES);
    for (size_t apart = 0; apart < 2; ++apart) {
      free_answer(&answers[apart]);
      ag_network_destroy(&networks[apart]);
    }
  }
}

/* Evaluation knows no company: an image alone gives the same. Training does. */
static void statistics_are_of_the_shard_in_training_alone(void **state)
{
  (void)state;
  const ag_layer_description layers[] = {CONVOLUTION(9), NORM, RELU, DENSE(CLASSES)};
  ag_network *network = build_network(layers, COUNT_OF(layers), (ag_shape){6, 5, 3}, CLASSES);
  ag_workspace *workspace = build_workspace(network, IMAGES);
  const size_t stride = ag_network_logit_stride(network);
  float *images = build_images(network, IMAGES, 1);
  for (int training = 0; training < 2; ++training) {
    const ag_pass pass = {.training = training == 1, .samples = slopes_samples};
    ag_network_prepare(network, pass.training, NULL);
    float *together =
        test_copy(ag_network_forward(network, workspace, &pass, images, IMAGES), IMAGES * stride);
    const float *alone = ag_network_forward(network, workspace, &pass, images, 1);
    double apart = 0;
    for (size_t c = 0; c < CLASSES; ++c)
      apart = fmax(apart, fabs((double)alone[c] - (double)together[c]));
    assert_true(training == 1 ? apart > 0.01 : apart < 1e-5);
    free(together);
  }
  free(images);
  ag_workspace_destroy(&workspace);
  ag_network_destroy(&network);
}

/* A network goes to and fro between training and evaluation, in one workspace, to the bit. */
static void one_workspace_serves_both(void **state)
{
  (void)state;
  const ag_layer_list list = wide_list(false);
  ag_network *network = make(&list);
  ag_workspace *workspace = build_workspace(network, IMAGES);
  const size_t floats = IMAGES * ag_shape_floats(ag_network_input(network));
  float *images = build_images(network, IMAGES, 1);
  float *direction = test_activations(IMAGES, CLASSES, 2);
  float *first[2] = {test_floats(floats), test_floats(floats)};
  float *again = test_floats(floats);
  for (size_t turn = 0; turn < 4; ++turn) {
    const ag_pass pass = {.training = turn % 2 == 0, .samples = slopes_samples};
    ag_network_prepare(network, pass.training, NULL);
    (void)ag_network_forward(network, workspace, &pass, images, IMAGES);
    ag_network_backward(network, workspace, direction, NULL, turn < 2 ? first[turn] : again);
    if (turn >= 2) assert_same_bits(again, first[turn - 2], floats);
  }
  float *const arrays[] = {images, direction, first[0], first[1], again};
  for (size_t i = 0; i < COUNT_OF(arrays); ++i)
    free(arrays[i]);
  ag_workspace_destroy(&workspace);
  ag_network_destroy(&network);
}

/* What a layer draws is keyed by its place in the list, whatever is folded in front of it. Here
 * nothing but the draws comes through the norm. */
static void noise_is_the_same_in_both(void **state)
{
  (void)state;
  const ag_layer_description layers[] = {CONVOLUTION(9), NORM, RELU, NOISE(1), DENSE(CLASSES)};
  ag_network *network = build_network(layers, COUNT_OF(layers), (ag_shape){6, 5, 3}, CLASSES);
  ag_workspace *workspace = build_workspace(network, IMAGES);
  const size_t floats = IMAGES * ag_network_logit_stride(network);
  float *images = build_images(network, IMAGES, 1);
  float *logits[2];
  for (size_t i = 0; i < ag_network_parameter_count(network); ++i) {
    const ag_parameter *parameter = ag_network_parameter(network, i);
    if (strcmp(parameter->name, "norm/weight") != 0 && strcmp(parameter->name, "norm/bias") != 0) {
      continue;
    }
    memset(ag_network_block(network) + parameter->offset, 0, parameter->floats * sizeof(float));
  }
  for (size_t training = 0; training < 2; ++training) {
    const ag_pass pass = {.training = training == 1, .seed = 4, .samples = slopes_samples};
    ag_network_prepare(network, pass.training, NULL);
    logits[training] =
        test_copy(ag_network_forward(network, workspace, &pass, images, IMAGES), floats);
  }
  assert_same_bits(logits[0], logits[1], floats);
  assert_true(slopes_typical(logits[0], floats) > 0.1);
  free(logits[0]);
  free(logits[1]);
  free(images);
  ag_workspace_destroy(&workspace);
  ag_network_destroy(&network);
}

/* Threads share the preparation out; nothing depends on how many. */
static void threads_prepare_the_same(void **state)
{
  (void)state;
  const ag_layer_list list = wide_list(false);
  ag_network *network = make(&list);
  answer want = answer_of(network);
  for (size_t threads = 2; threads <= 3; ++threads) {
    ag_pool *pool = NULL;
    assert_int_equal(ag_pool_create(threads, &pool), AG_OK);
    ag_network_prepare(network, true, pool); /* leaves other weights there */
    ag_network_prepare(network, false, pool);
    answer got = answer_of(network);
    assert_same_bits(got.logits, want.logits, IMAGES * ag_network_logit_stride(network));
    free_answer(&got);
    ag_pool_destroy(&pool);
  }
  free_answer(&want);
  ag_network_destroy(&network);
}

/* ---- what passes need -------------------------------------------------------------------------
 */

#ifndef NDEBUG
/* Whether a pass in a process of its own ends by an assertion. */
static bool aborts(const ag_layer_description *layers, size_t count, bool prepared, bool pass_kind,
                   bool learns)
{
  (void)fflush(NULL);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    ag_network *network = build_network(layers, count, (ag_shape){4, 4, 3}, CLASSES);
    ag_workspace *workspace = build_workspace(network, 1);
    const ag_pass pass = {.training = pass_kind, .samples = slopes_samples};
    float *image = build_images(network, 1, 1);
    float *gradients = test_floats(ag_network_floats(network));
    (void)!freopen("/dev/null", "w", stderr); /* the assertion's message */
    ag_network_prepare(network, prepared, NULL);
    const float *logits = ag_network_forward(network, workspace, &pass, image, 1);
    float *direction = test_copy(logits, ag_network_logit_stride(network));
    ag_network_backward(network, workspace, direction, learns ? gradients : NULL, image);
    _exit(0);
  }
  int status = 0;
  assert_true(waitpid(child, &status, 0) == child);
  if (WIFEXITED(status)) assert_int_equal(WEXITSTATUS(status), 0);
  if (WIFSIGNALED(status)) assert_int_equal(WTERMSIG(status), SIGABRT);
  return WIFSIGNALED(status);
}
#endif

/* A pass asserts that it was prepared for: with batch normalisation for its own mode. */
static void a_pass_wants_its_own_preparation(void **state)
{
  (void)state;
#ifdef NDEBUG
  skip();
#else
  const ag_layer_description norm[] = {CONVOLUTION(5), NORM, RELU, DENSE(CLASSES)};
  const ag_layer_description plain[] = {CONVOLUTION(5), RELU, DENSE(CLASSES)};
  for (int prepared = 0; prepared < 2; ++prepared) {
    for (int pass = 0; pass < 2; ++pass) {
      assert_true(aborts(norm, COUNT_OF(norm), prepared == 1, pass == 1, false) ==
                  (prepared != pass));
      assert_false(aborts(plain, COUNT_OF(plain), prepared == 1, pass == 1, true));
    }
  }
  assert_true(aborts(norm, COUNT_OF(norm), false, false, true)); /* gradients of folded weights */
  assert_false(aborts(norm, COUNT_OF(norm), true, true, true));
#endif
}

static int nothing_is_left(void **state)
{
  (void)state;
  assert_int_equal(ag_live_blocks(), 0);
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(behind_convolutions),
      cmocka_unit_test(without_a_convolution_in_front),
      cmocka_unit_test(among_layers_in_place),
      cmocka_unit_test(among_noise),
      cmocka_unit_test(folded_is_the_same_function),
      cmocka_unit_test(statistics_are_of_the_shard_in_training_alone),
      cmocka_unit_test(one_workspace_serves_both),
      cmocka_unit_test(noise_is_the_same_in_both),
      cmocka_unit_test(threads_prepare_the_same),
      cmocka_unit_test(a_pass_wants_its_own_preparation),
  };
  return cmocka_run_group_tests(tests, NULL, nothing_is_left);
}
