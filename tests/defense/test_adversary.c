/* Attacks on what is learnt against a slow reference, image by image and step by step; what they
 * depend on, and what they leave alone. */
#include "support/networks.h"

#include "advgrid/defense.h"

#include <math.h>

enum { SEED = 5, COUNT = 5, CLASSES = 10, STRIDE = 16, EPOCH = 3, STEP = 77 };
static const ag_shape shape = {8, 8, 3};
enum { IMAGE = 8 * 8 * 8, PIXELS = 8 * 8, CHANNELS = 8 };

typedef struct fixture {
  ag_network *network;
  float *clean, *pixels; /* [COUNT, IMAGE] */
  uint8_t labels[COUNT];
  uint32_t samples[COUNT];
} fixture;

static fixture *start(double noise)
{
  fixture *f = (fixture *)test_bytes(sizeof *f);
  f->network = network_by_hand((network_wish){
      .shape = shape, .classes = CLASSES, .dropout = 0.5, .noise = noise, .mean = 0.4F});
  ag_network_prepare(f->network, true, NULL);
  f->clean = test_activations((size_t)COUNT * PIXELS, 3, 3);
  for (size_t i = 0; i < (size_t)COUNT * IMAGE; ++i)
    f->clean[i] = i % CHANNELS < 3 ? fminf(fabsf(f->clean[i]), 1) : 0;
  f->pixels = test_copy(f->clean, (size_t)COUNT * IMAGE);
  for (size_t i = 0; i < COUNT; ++i) {
    f->labels[i] = (uint8_t)(3 * i % CLASSES);
    f->samples[i] = (uint32_t)(40 + 9 * i);
  }
  return f;
}

static void stop(fixture *f)
{
  ag_network_destroy(&f->network);
  free(f->pixels);
  free(f->clean);
  free(f);
}

/* Leaves in f->pixels what becomes of the clean images from `first` on. */
static void attack(fixture *f, const ag_adversarial *how, size_t first, size_t count,
                   double progress)
{
  ag_adversary *adversary = NULL;
  const ag_lesson lesson = {.count = count,
                            .samples = f->samples + first,
                            .labels = f->labels + first,
                            .pixels = f->pixels + first * IMAGE,
                            .epoch = EPOCH,
                            .step = STEP,
                            .progress = progress};
  memcpy(f->pixels, f->clean, (size_t)COUNT * IMAGE * sizeof(float));
  assert_int_equal(ag_adversary_create(how, f->network, COUNT + 1, SEED, &adversary), AG_OK);
  ag_adversary_run(adversary, &lesson);
  ag_adversary_destroy(&adversary);
}

/* ---- the reference ---- */

/* Loss of one image, and its gradient, by a pass in evaluation: there is no dropout in it. */
static double loss_of(const fixture *f, size_t image, const float *x, float *gradient)
{
  ag_workspace *workspace = NULL;
  float dlogits[STRIDE];
  float loss = 0;
  const ag_pass pass = {.samples = &f->samples[image]};
  assert_int_equal(ag_workspace_create(f->network, 1, &workspace), AG_OK);
  const float *logits = ag_network_forward(f->network, workspace, &pass, x, 1);
  ag_cross_entropy(1, CLASSES, STRIDE, logits, &f->labels[image], 1, &loss, dlogits);
  ag_network_backward(f->network, workspace, dlogits, NULL, gradient);
  ag_workspace_destroy(&workspace);
  return (double)loss;
}

/* x_{t+1} = P(x_t + step sign(dL/dx)), value by value. */
static void slow_step(float epsilon, float step, const float *clean, const float *gradient,
                      float *x)
{
  for (size_t i = 0; i < IMAGE; ++i) {
    float moved = x[i];
    if (gradient[i] > 0) moved += step;
    if (gradient[i] < 0) moved -= step;
    moved = fminf(fmaxf(moved, clean[i] - epsilon), clean[i] + epsilon);
    x[i] = fminf(fmaxf(moved, 0), 1);
  }
}

static void slow_start(float epsilon, uint64_t seed, uint32_t sample, const float *clean, float *x)
{
  ag_random random = ag_random_stream(seed, AG_PURPOSE_ADVERSARIAL, sample, EPOCH);
  for (size_t i = 0; i < IMAGE; ++i) {
    if (i % CHANNELS >= 3) continue;
    x[i] = clean[i] + epsilon * (2 * ag_random_uniform(&random) - 1);
    x[i] = fminf(fmaxf(fminf(fmaxf(x[i], clean[i] - epsilon), clean[i] + epsilon), 0), 1);
  }
}

static void slow_attack(const fixture *f, const ag_adversarial *how, size_t image, float *worst)
{
  float x[IMAGE];
  float gradient[IMAGE];
  double largest = -INFINITY;
  const float *clean = f->clean + image * IMAGE;
  for (size_t restart = 0; restart < how->restarts; ++restart) {
    const uint64_t seed = SEED + 0xC2B2AE3D27D4EB4FU * (uint64_t)restart;
    memcpy(x, clean, sizeof x);
    if (how->random_start) slow_start(how->epsilon, seed, f->samples[image], clean, x);
    for (size_t step = 0; step < how->steps; ++step) {
      loss_of(f, image, x, gradient);
      slow_step(how->epsilon, how->step_size, clean, gradient, x);
    }
    const double loss = loss_of(f, image, x, gradient);
    if (loss > largest) memcpy(worst, x, sizeof x);
    largest = fmax(largest, loss);
  }
}

static void check_against_reference(const ag_adversarial *how)
{
  fixture *f = start(0);
  attack(f, how, 0, COUNT, 1);
  for (size_t i = 0; i < COUNT; ++i) {
    float want[IMAGE];
    slow_attack(f, how, i, want);
    assert_same_bits(f->pixels + i * IMAGE, want, IMAGE);
  }
  stop(f);
}

static const ag_adversarial fgsm = {
    .epsilon = 0.03F, .step_size = 0.0375F, .steps = 1, .restarts = 1, .mix = 1};
static const ag_adversarial pgd = {.epsilon = 0.05F,
                                   .step_size = 0.02F,
                                   .steps = 5,
                                   .restarts = 1,
                                   .random_start = true,
                                   .mix = 1};

static void fgsm_is_one_step(void **state)
{
  (void)state;
  ag_adversarial how = fgsm;
  check_against_reference(&how);
  how.random_start = true;
  check_against_reference(&how);
}

static void pgd_makes_all_steps(void **state)
{
  (void)state;
  ag_adversarial how = pgd;
  check_against_reference(&how);
  how.random_start = false;
  check_against_reference(&how);
  how.step_size = 1; /* from one side of the ball to the other */
  check_against_reference(&how);
}

/* One image at least must prefer another start than the first. */
static void the_worst_start_is_learnt(void **state)
{
  (void)state;
  ag_adversarial how = pgd;
  how.random_start = false; /* each from the image */
  how.restarts = 3;
  check_against_reference(&how);
  how.random_start = true;
  how.steps = 1;
  how.restarts = 4;
  check_against_reference(&how);
  fixture *f = start(0);
  attack(f, &how, 0, COUNT, 1);
  float *worst = test_copy(f->pixels, (size_t)COUNT * IMAGE);
  how.restarts = 1;
  attack(f, &how, 0, COUNT, 1);
  assert_memory_not_equal(worst, f->pixels, (size_t)COUNT * IMAGE * sizeof(float));
  free(worst);
  stop(f);
}

/* ---- bounds and shares ---- */

static void images_stay_in_the_ball(void **state)
{
  (void)state;
  ag_adversarial how = pgd;
  how.step_size = 0.5F;
  fixture *f = start(0.3);
  for (int k = 0; k < 3; ++k) {
    how.epsilon = (float[]){0, 0.001F, 0.9F}[k];
    const ag_threat threat = {.epsilon = how.epsilon};
    float linf = 0;
    float l2 = 0;
    attack(f, &how, 0, COUNT, 1);
    assert_int_equal(
        ag_threat_measure(&threat, (size_t)COUNT * IMAGE, f->clean, f->pixels, &linf, &l2), AG_OK);
    assert_true(linf > 0.9F * how.epsilon || how.epsilon == 0);
    for (size_t i = 0; i < (size_t)COUNT * IMAGE; ++i)
      assert_true(i % CHANNELS < 3 || f->pixels[i] == 0);
  }
  how.epsilon = 0;
  attack(f, &how, 0, COUNT, 1);
  assert_same_bits(f->pixels, f->clean, (size_t)COUNT * IMAGE);
  stop(f);
}

static void only_a_share_is_attacked(void **state)
{
  (void)state;
  static const struct {
    double mix;
    size_t images;
  } cases[] = {{0, 0}, {0.09, 0}, {0.1, 1}, {0.5, 3}, {0.69, 3}, {0.9, 5}, {1, 5}};
  ag_adversarial how = fgsm;
  fixture *f = start(0);
  for (size_t k = 0; k < sizeof cases / sizeof *cases; ++k) {
    how.mix = cases[k].mix;
    assert_int_equal(ag_adversarial_images(&how, COUNT), cases[k].images);
    attack(f, &how, 0, COUNT, 1);
    for (size_t i = 0; i < COUNT; ++i) {
      const bool same =
          memcmp(f->pixels + i * IMAGE, f->clean + i * IMAGE, IMAGE * sizeof(float)) == 0;
      assert_int_equal(same, i >= cases[k].images);
    }
  }
  stop(f);
}

/* Half-way through the warm-up an attack is one of half the size. */
static void epsilon_rises(void **state)
{
  (void)state;
  ag_adversarial how = pgd;
  ag_adversarial half = pgd;
  fixture *f = start(0);
  how.warmup = 5;
  half.epsilon /= 2;
  half.step_size /= 2;
  attack(f, &half, 0, COUNT, 0);
  float *want = test_copy(f->pixels, (size_t)COUNT * IMAGE);
  attack(f, &how, 0, COUNT, 2.5);
  assert_same_bits(f->pixels, want, (size_t)COUNT * IMAGE);
  free(want);
  attack(f, &pgd, 0, COUNT, 0);
  want = test_copy(f->pixels, (size_t)COUNT * IMAGE);
  for (int k = 0; k < 2; ++k) {
    attack(f, &how, 0, COUNT, k == 0 ? 5 : 50);
    assert_same_bits(f->pixels, want, (size_t)COUNT * IMAGE);
  }
  free(want);
  stop(f);
}

/* ---- what it depends on ---- */

/* Noise and all: each image alone becomes what it becomes in a shard. */
static void company_does_not_matter(void **state)
{
  (void)state;
  ag_adversarial how = pgd;
  how.restarts = 2;
  fixture *f = start(0.3);
  attack(f, &how, 0, COUNT, 1);
  float *together = test_copy(f->pixels, (size_t)COUNT * IMAGE);
  for (size_t i = 0; i < COUNT; ++i) {
    attack(f, &how, i, 1, 1);
    assert_same_bits(f->pixels + i * IMAGE, together + i * IMAGE, IMAGE);
  }
  free(together);
  stop(f);
}

/* Two shards of one adversary: nothing of the first is left in the second. Another epoch starts
 * elsewhere; another step has other noise. */
static void keys_are_seed_sample_epoch_and_step(void **state)
{
  (void)state;
  fixture *f = start(0.3);
  ag_adversary *adversary = NULL;
  float *all[4];
  static const uint32_t keys[4][2] = {{3, 77}, {4, 77}, {3, 78}, {3, 77}};
  assert_int_equal(ag_adversary_create(&pgd, f->network, COUNT, SEED, &adversary), AG_OK);
  for (size_t k = 0; k < 4; ++k) {
    const ag_lesson lesson = {.count = COUNT,
                              .samples = f->samples,
                              .labels = f->labels,
                              .pixels = f->pixels,
                              .epoch = keys[k][0],
                              .step = keys[k][1]};
    memcpy(f->pixels, f->clean, (size_t)COUNT * IMAGE * sizeof(float));
    ag_adversary_run(adversary, &lesson);
    all[k] = test_copy(f->pixels, (size_t)COUNT * IMAGE);
  }
  assert_same_bits(all[3], all[0], (size_t)COUNT * IMAGE);
  assert_memory_not_equal(all[1], all[0], (size_t)COUNT * IMAGE * sizeof(float));
  assert_memory_not_equal(all[2], all[0], (size_t)COUNT * IMAGE * sizeof(float));
  for (size_t k = 0; k < 4; ++k)
    free(all[k]);
  ag_adversary_destroy(&adversary);
  stop(f);
}

/* Batch normalisation by the statistics of what is attacked, as in a training pass, dropout off: a
 * step of the whole shard on a network without dropout. */
static void normalisation_is_as_in_training(void **state)
{
  (void)state;
  static const ag_layer_description layers[] = {
      {.kind = "normalize", .name = "normalize"},
      {.kind = "convolution",
       .name = "conv1",
       .channels = 6,
       .kernel = 3,
       .stride = 1,
       .padding = 1},
      {.kind = "batch-normalisation", .name = "norm1"},
      {.kind = "relu", .name = "relu1"},
      {.kind = "dense", .name = "dense1", .channels = CLASSES},
      {.kind = "dropout", .name = "dropout1", .strength = 0.5},
  };
  static const float zero[8];
  static const float one[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  ag_network *networks[2] = {NULL, NULL}; /* without dropout, and with it */
  for (size_t k = 0; k < 2; ++k) {
    ag_layer_list list = {0};
    for (size_t i = 0; i < 5 + k; ++i)
      assert_int_equal(ag_layer_list_append(&list, &layers[i]), AG_OK);
    assert_int_equal(ag_network_create(&list, shape, CLASSES, &networks[k]), AG_OK);
    ag_network_initialise(networks[k], 3, zero, one);
    ag_network_prepare(networks[k], true, NULL);
  }
  fixture *f = start(0);
  ag_network_destroy(&f->network);
  f->network = networks[1];
  attack(f, &fgsm, 0, COUNT, 1);

  ag_workspace *workspace = NULL;
  float *gradient = test_floats((size_t)COUNT * IMAGE);
  float dlogits[COUNT * STRIDE];
  const ag_pass pass = {.training = true, .samples = f->samples};
  assert_int_equal(ag_workspace_create(networks[0], COUNT, &workspace), AG_OK);
  const float *logits = ag_network_forward(networks[0], workspace, &pass, f->clean, COUNT);
  ag_loss_cross_entropy(COUNT, CLASSES, STRIDE, logits, f->labels, dlogits);
  ag_network_backward(networks[0], workspace, dlogits, NULL, gradient);
  for (size_t i = 0; i < COUNT; ++i) {
    float want[IMAGE];
    memcpy(want, f->clean + i * IMAGE, sizeof want);
    slow_step(fgsm.epsilon, fgsm.step_size, f->clean + i * IMAGE, gradient + i * IMAGE, want);
    assert_same_bits(f->pixels + i * IMAGE, want, IMAGE);
  }
  ag_workspace_destroy(&workspace);
  free(gradient);
  ag_network_destroy(&networks[0]);
  stop(f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fgsm_is_one_step),
      cmocka_unit_test(pgd_makes_all_steps),
      cmocka_unit_test(the_worst_start_is_learnt),
      cmocka_unit_test(images_stay_in_the_ball),
      cmocka_unit_test(only_a_share_is_attacked),
      cmocka_unit_test(epsilon_rises),
      cmocka_unit_test(company_does_not_matter),
      cmocka_unit_test(keys_are_seed_sample_epoch_and_step),
      cmocka_unit_test(normalisation_is_as_in_training),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  return failed != 0 || ag_live_blocks() != 0;
}
