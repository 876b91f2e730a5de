/* What a pass depends on: images, parameters and the four keys of its randomness, and neither the
 * images beside one in a shard nor the thread that takes it. */
#include "network/build.h"

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

enum { WIDE = 4000 };
static const ag_shape vector_input = {1, 1, WIDE};

/* Logits of a network with a workspace of its own; owned by the caller, freed by free. */
static float *logits_of(const ag_network *network, const ag_pass *pass, const float *images,
                        size_t count)
{
  ag_workspace *workspace = build_workspace(network, count);
  float *logits = test_copy(ag_network_forward(network, workspace, pass, images, count),
                            count * ag_network_logit_stride(network));
  ag_workspace_destroy(&workspace);
  return logits;
}

static bool same(const float *a, const float *b, size_t count)
{
  return memcmp(a, b, count * sizeof *a) == 0;
}

/* ---- layers that draw, alone: what comes out is what they drew ------------------------------- */

static float *ones(size_t count)
{
  float *values = test_floats(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = 1;
  return values;
}

static void dropout_is_on_in_training_alone(void **state)
{
  (void)state;
  const ag_layer_description layer = DROPOUT(0.25);
  ag_network *network = build_network(&layer, 1, vector_input, WIDE);
  const uint32_t sample = 7;
  ag_pass pass = {.seed = 1, .step = 2, .samples = &sample};
  float *image = ones(WIDE);
  float *evaluated = logits_of(network, &pass, image, 1);
  pass.training = true;
  float *trained = logits_of(network, &pass, image, 1);
  assert_same_bits(evaluated, image, WIDE);
  assert_false(ag_network_is_random(network));
  size_t dropped = 0;
  for (size_t i = 0; i < WIDE; ++i) {
    dropped += trained[i] == 0;
    assert_true(trained[i] == 0 || fabsf(trained[i] - 1 / 0.75F) < 1e-6F);
  }
  assert_number_close((double)dropped / WIDE, 0.25, 4 * sqrt(0.25 * 0.75 / WIDE), 0);
  free(image);
  free(evaluated);
  free(trained);
  ag_network_destroy(&network);
}

/* Training that is calm: as an attack on what is learnt passes its images. */
static void a_calm_pass_drops_nothing(void **state)
{
  (void)state;
  const ag_layer_description layer = DROPOUT(0.25);
  ag_network *network = build_network(&layer, 1, vector_input, WIDE);
  ag_workspace *workspace = build_workspace(network, 1);
  const uint32_t sample = 7;
  const ag_pass pass = {.training = true, .calm = true, .samples = &sample};
  float *image = ones(WIDE);
  float *gradient = test_floats(WIDE);
  assert_same_bits(ag_network_forward(network, workspace, &pass, image, 1), image, WIDE);
  ag_network_backward(network, workspace, image, NULL, gradient);
  assert_same_bits(gradient, image, WIDE);
  ag_workspace_destroy(&workspace);
  free(gradient);
  free(image);
  ag_network_destroy(&network);
}

static void noise_is_always_on(void **state)
{
  (void)state;
  const ag_layer_description layer = NOISE(0.5);
  ag_network *network = build_network(&layer, 1, vector_input, WIDE);
  const uint32_t sample = 7;
  ag_pass pass = {.seed = 1, .step = 2, .samples = &sample};
  float *image = ones(WIDE);
  float *evaluated = logits_of(network, &pass, image, 1);
  pass.training = true;
  float *trained = logits_of(network, &pass, image, 1);
  assert_same_bits(trained, evaluated, WIDE);
  assert_true(ag_network_is_random(network));
  double sum = 0;
  double squares = 0;
  for (size_t i = 0; i < WIDE; ++i) {
    const double noise = (double)evaluated[i] - 1;
    sum += noise;
    squares += noise * noise;
  }
  assert_number_close(sum / WIDE, 0, 4 * 0.5 / sqrt(WIDE), 0);
  assert_number_close(sqrt(squares / WIDE), 0.5, 4 * 0.5 / sqrt(2.0 * WIDE), 0);
  free(image);
  free(evaluated);
  free(trained);
  ag_network_destroy(&network);
}

/* Seed, step and sample each bring other draws; place in the shard does not. */
static void draws_are_keyed_by_the_sample(void **state)
{
  (void)state;
  const ag_layer_description layers[] = {DROPOUT(0.5), NOISE(1)};
  for (size_t index = 0; index < 2; ++index) {
    ag_network *network = build_network(&layers[index], 1, vector_input, WIDE);
    const uint32_t samples[] = {7, 8, 9};
    const uint32_t turned[] = {9, 7, 8};
    const ag_pass pass = {.training = true, .seed = 1, .step = 2, .samples = samples};
    ag_pass other = pass;
    const size_t wide = WIDE;
    float *images = ones(3 * wide);
    float *logits = logits_of(network, &pass, images, 3);
    other.samples = turned;
    float *moved = logits_of(network, &other, images, 3);
    assert_same_bits(moved, logits + 2 * wide, wide);
    assert_same_bits(moved + wide, logits, 2 * wide);
    assert_false(same(logits, logits + WIDE, WIDE));
    const ag_pass changed[] = {
        {.training = true, .seed = 2, .step = 2, .samples = samples},
        {.training = true, .seed = 1, .step = 3, .samples = samples},
        {.training = true, .seed = 1, .step = 2, .samples = samples + 1},
    };
    for (size_t i = 0; i < COUNT_OF(changed); ++i) {
      float *different = logits_of(network, &changed[i], images, 1);
      assert_false(same(different, logits, WIDE));
      free(different);
    }
    free(images);
    free(logits);
    free(moved);
    ag_network_destroy(&network);
  }
}

/* Two layers of a kind draw apart: both let a value through a quarter of the time, not half. */
static void layers_draw_apart(void **state)
{
  (void)state;
  const ag_layer_description dropout[] = {DROPOUT(0.5), DROPOUT(0.5)};
  const ag_layer_description noise[] = {NOISE(1), NOISE(1)};
  ag_network *dropping = build_network(dropout, 2, vector_input, WIDE);
  ag_network *noisy = build_network(noise, 2, vector_input, WIDE);
  const uint32_t sample = 7;
  const ag_pass pass = {.training = true, .samples = &sample};
  float *image = ones(WIDE);
  float *kept = logits_of(dropping, &pass, image, 1);
  float *sums = logits_of(noisy, &pass, image, 1);
  size_t through = 0;
  double squares = 0;
  for (size_t i = 0; i < WIDE; ++i) {
    through += kept[i] == 4;
    squares += ((double)sums[i] - 1) * ((double)sums[i] - 1);
  }
  assert_number_close((double)through / WIDE, 0.25, 4 * sqrt(0.25 * 0.75 / WIDE), 0);
  assert_number_close(squares / WIDE, 2, 4 * 2 * sqrt(2.0 / WIDE), 0); /* 4, were they the same */
  free(image);
  free(kept);
  free(sums);
  ag_network_destroy(&dropping);
  ag_network_destroy(&noisy);
}

/* ---- shards ------------------------------------------------------------------------------------
 */

enum { SHARD = 7 };
static const uint32_t numbers[SHARD] = {5, 6, 7, 8, 100, 2, 1};

/* Convolutions down to the logits: an image alone gives the bits that it gives in any company. */
static void convolution_takes_each_image_for_itself(void **state)
{
  (void)state;
  const ag_layer_description layers[] = {
      NORMALIZE,
      CONVOLUTION(9, 3, 1, 1),
      RELU,
      {.kind = "max-pooling", .name = "pool", .kernel = 2, .stride = 2},
      NOISE(0.1),
      CONVOLUTION(16, 3, 2, 1),
      {.kind = "average-pooling", .name = "pool", .kernel = 2, .stride = 1},
      CONVOLUTION(10, 3, 1, 0)};
  ag_network *network = build_network(layers, COUNT_OF(layers), (ag_shape){15, 16, 3}, 10);
  const size_t floats = ag_shape_floats(ag_network_input(network));
  const size_t stride = ag_network_logit_stride(network);
  float *images = build_images(network, SHARD, 1);
  const ag_pass pass = {.samples = numbers};
  float *together = logits_of(network, &pass, images, SHARD);
  for (size_t i = 0; i < SHARD; ++i) {
    const ag_pass own = {.samples = numbers + i};
    float *alone = logits_of(network, &own, images + i * floats, 1);
    assert_same_bits(alone, together + i * stride, stride);
    free(alone);
  }
  free(together);
  free(images);
  ag_network_destroy(&network);
}

/* With dense layers too. */
static void base_takes_each_image_for_itself(void **state)
{
  (void)state;
  ag_network *network = build_architecture("base", (ag_shape){32, 32, 3}, 10);
  build_parameters(network);
  const size_t floats = ag_shape_floats(ag_network_input(network));
  const size_t stride = ag_network_logit_stride(network);
  float *images = build_images(network, 3, 1);
  const ag_pass pass = {.samples = numbers};
  float *together = logits_of(network, &pass, images, 3);
  assert_padding_zero(together, 3, 10);
  for (size_t i = 0; i < 3; ++i) {
    const ag_pass own = {.samples = numbers + i};
    float *alone = logits_of(network, &own, images + i * floats, 1);
    assert_same_bits(alone, together + i * stride, stride);
    free(alone);
  }
  free(together);
  free(images);
  ag_network_destroy(&network);
}

/* A workspace remembers nothing of an earlier shard: a large one, then a small one. */
static void workspace_is_as_new_for_every_shard(void **state)
{
  (void)state;
  ag_network *network = build_architecture("small", (ag_shape){32, 32, 3}, 10);
  build_parameters(network);
  const size_t floats = ag_shape_floats(ag_network_input(network));
  const size_t stride = ag_network_logit_stride(network);
  float *images = build_images(network, SHARD, 1);
  float *dlogits = test_activations(SHARD, 10, 2);
  float *used = test_floats(2 * floats);
  float *fresh = test_floats(2 * floats);
  const ag_pass pass = {.training = true, .samples = numbers};
  ag_workspace *old = build_workspace(network, SHARD);
  ag_workspace *new = build_workspace(network, 2);
  float *dimages = test_floats(SHARD * floats);
  (void)ag_network_forward(network, old, &pass, images, SHARD);
  ag_network_backward(network, old, dlogits, NULL, dimages);
  const float *one = ag_network_forward(network, old, &pass, images + floats, 2);
  const float *two = ag_network_forward(network, new, &pass, images + floats, 2);
  assert_same_bits(one, two, 2 * stride);
  ag_network_backward(network, old, dlogits, NULL, used);
  ag_network_backward(network, new, dlogits, NULL, fresh);
  assert_same_bits(used, fresh, 2 * floats);
  ag_workspace_destroy(&old);
  ag_workspace_destroy(&new);
  free(images);
  free(dlogits);
  free(used);
  free(fresh);
  free(dimages);
  ag_network_destroy(&network);
}

/* ---- threads -----------------------------------------------------------------------------------
 */

enum { THREADS = 3, SHARDS = 12, IMAGES = 2 * SHARDS };

typedef struct shared_work {
  const ag_network *network;
  ag_workspace *workspaces[THREADS];
  const float *images, *dlogits;
  float *logits, *dimages;
} shared_work;

static ag_status take_shard(void *context, size_t item, size_t thread)
{
  const shared_work *all = context;
  const size_t floats = 2 * ag_shape_floats(ag_network_input(all->network));
  const size_t logits = 2 * ag_network_logit_stride(all->network);
  const uint32_t samples[2] = {(uint32_t)item, 1000};
  const ag_pass pass = {.training = true, .seed = 3, .samples = samples};
  memcpy(all->logits + item * logits,
         ag_network_forward(all->network, all->workspaces[thread], &pass,
                            all->images + item * floats, 2),
         logits * sizeof(float));
  ag_network_backward(all->network, all->workspaces[thread], all->dlogits, NULL,
                      all->dimages + item * floats);
  return AG_OK;
}

static void take_all(shared_work *all, size_t threads)
{
  ag_pool *pool = NULL;
  assert_int_equal(ag_gemm_prepare(threads), AG_OK);
  assert_int_equal(ag_pool_create(threads, &pool), AG_OK);
  for (size_t i = 0; i < threads; ++i)
    all->workspaces[i] = build_workspace(all->network, 2);
  assert_int_equal(ag_pool_run(pool, SHARDS, take_shard, NULL, all), AG_OK);
  for (size_t i = 0; i < threads; ++i)
    ag_workspace_destroy(&all->workspaces[i]);
  ag_pool_destroy(&pool);
}

static void threads_share_a_network(void **state)
{
  (void)state;
  ag_network *network = build_architecture("small", (ag_shape){32, 32, 3}, 10);
  build_parameters(network);
  const size_t floats = IMAGES * ag_shape_floats(ag_network_input(network));
  const size_t logits = IMAGES * ag_network_logit_stride(network);
  float *images = build_images(network, IMAGES, 1);
  float *dlogits = test_activations(2, 10, 2);
  shared_work one = {.network = network,
                     .images = images,
                     .dlogits = dlogits,
                     .logits = test_floats(logits),
                     .dimages = test_floats(floats)};
  shared_work many = one;
  many.logits = test_floats(logits);
  many.dimages = test_floats(floats);
  take_all(&one, 1);
  take_all(&many, THREADS);
  assert_same_bits(many.logits, one.logits, logits);
  assert_same_bits(many.dimages, one.dimages, floats);
  float *const arrays[] = {images, dlogits, one.logits, one.dimages, many.logits, many.dimages};
  for (size_t i = 0; i < COUNT_OF(arrays); ++i)
    free(arrays[i]);
  ag_network_destroy(&network);
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dropout_is_on_in_training_alone),
      cmocka_unit_test(a_calm_pass_drops_nothing),
      cmocka_unit_test(noise_is_always_on),
      cmocka_unit_test(draws_are_keyed_by_the_sample),
      cmocka_unit_test(layers_draw_apart),
      cmocka_unit_test(convolution_takes_each_image_for_itself),
      cmocka_unit_test(base_takes_each_image_for_itself),
      cmocka_unit_test(workspace_is_as_new_for_every_shard),
      cmocka_unit_test(threads_share_a_network),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
