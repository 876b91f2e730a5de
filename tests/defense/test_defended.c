/* Defenses: what they change in a network, and the defended network as an attack sees it, the
 * mean over draws that no two calls share. */
#include "support/networks.h"

#include "advgrid/defense.h"

enum { SEED = 11, COUNT = 6, CLASSES = 10, STRIDE = 16, LOGITS = COUNT * STRIDE };
static const ag_shape shape = {8, 8, 3};

static ag_entry entry_of(const char *kind)
{
  ag_entry entry;
  ag_entry_start(&entry, ag_kind_find(ag_defense_table, kind));
  return entry;
}

static void set(ag_entry *entry, const char *option, const char *value)
{
  assert_int_equal(ag_settings_set(&entry->settings, option, value), AG_OK);
}

/* ---- layers ---- */

static ag_entry small_model(void)
{
  ag_entry model;
  ag_entry_start(&model, ag_kind_find(ag_architecture_table, "small"));
  return model;
}

static void none_changes_no_layer(void **state)
{
  (void)state;
  ag_layer_list plain;
  ag_layer_list defended;
  const ag_entry model = small_model();
  const ag_entry none = entry_of("none");
  assert_int_equal(ag_architecture_layers(&model, CLASSES, &plain), AG_OK);
  assert_int_equal(ag_defense_layers(&none, &model, CLASSES, &defended), AG_OK);
  assert_int_equal(defended.count, plain.count);
  assert_memory_equal(defended.layers, plain.layers, plain.count * sizeof *plain.layers);
  assert_int_equal(ag_defense_draws(&none).verdict, 1);
  assert_int_equal(ag_defense_draws(&none).attack, 1);
}

/* The noise stands right behind the layer named, with its sigma; the rest is as it was. */
static void noise_goes_behind_the_layer_named(void **state)
{
  (void)state;
  static const char *const after[] = {"normalize", "conv1", "pool2", "dense1", "pixels"};
  const ag_entry model = small_model();
  for (size_t a = 0; a < 5; ++a) {
    ag_layer_list plain;
    ag_layer_list defended;
    ag_entry noise = entry_of("gaussian-noise");
    set(&noise, "after", after[a]);
    set(&noise, "sigma", "0.25");
    set(&noise, "draws", "7");
    assert_int_equal(ag_architecture_layers(&model, CLASSES, &plain), AG_OK);
    assert_int_equal(ag_defense_layers(&noise, &model, CLASSES, &defended), AG_OK);
    assert_int_equal(defended.count, plain.count + 1);
    size_t place = 0;
    while (strcmp(defended.layers[place].kind, "gaussian-noise") != 0)
      ++place;
    assert_string_equal(place == 0 ? "pixels" : defended.layers[place - 1].name, after[a]);
    assert_number_close(defended.layers[place].strength, 0.25, 0, 1e-15);
    for (size_t i = 0; i < plain.count; ++i) {
      const size_t now = i < place ? i : i + 1;
      assert_memory_equal(&defended.layers[now], &plain.layers[i], sizeof *plain.layers);
    }
    assert_int_equal(ag_defense_draws(&noise).verdict, 7);
    assert_int_equal(ag_defense_draws(&noise).attack, 7);
  }
}

static void unknown_layer_is_named(void **state)
{
  (void)state;
  ag_layer_list list;
  const ag_entry model = small_model();
  ag_entry noise = entry_of("gaussian-noise");
  set(&noise, "after", "cnov1");
  assert_int_equal(ag_defense_layers(&noise, &model, CLASSES, &list), AG_BAD_JOB);
  assert_non_null(strstr(ag_message(), "'after'"));
  assert_non_null(strstr(ag_message(), "no layer 'cnov1'; did you mean 'conv1'?"));
  set(&noise, "after", "somewhere else");
  assert_int_equal(ag_defense_layers(&noise, &model, CLASSES, &list), AG_BAD_JOB);
  assert_non_null(strstr(ag_message(), "no layer 'somewhere else'"));
  assert_null(strstr(ag_message(), "did you mean"));
}

/* ---- the target ---- */

typedef struct fixture {
  ag_network *network;
  ag_defended *defended;
  const ag_target *target;
  float *pixels;
  uint8_t labels[COUNT];
  uint32_t samples[COUNT];
  ag_attack_images images;
} fixture;

static fixture *start_as(network_wish wish, const ag_entry *entry)
{
  fixture *f = (fixture *)test_bytes(sizeof *f);
  wish.shape = shape;
  wish.classes = CLASSES;
  f->network = network_by_hand(wish);
  assert_int_equal(ag_defended_create(entry, f->network, NULL, COUNT + 2, SEED, &f->defended),
                   AG_OK);
  f->target = ag_defended_target(f->defended);
  f->pixels = test_activations((size_t)COUNT * 64, 3, 3);
  for (size_t i = 0; i < COUNT; ++i) {
    f->labels[i] = (uint8_t)(2 * i % CLASSES);
    f->samples[i] = (uint32_t)(100 + 7 * i);
  }
  f->images = (ag_attack_images){f->pixels, f->labels, f->samples, COUNT};
  return f;
}

static fixture *start(network_wish wish, const char *kind, const char *draws)
{
  ag_entry entry = entry_of(kind);
  if (draws != NULL) set(&entry, "draws", draws);
  return start_as(wish, &entry);
}

static void stop(fixture *f)
{
  ag_defended_destroy(&f->defended);
  ag_network_destroy(&f->network);
  free(f->pixels);
  free(f);
}

/* Logits and gradient by one pass of the network itself, dropout off. */
static void by_hand(const fixture *f, uint64_t seed, uint32_t step, float *logits, float *gradient)
{
  ag_workspace *workspace = NULL;
  float dlogits[LOGITS];
  const ag_pass pass = {.seed = seed, .step = step, .samples = f->samples};
  assert_int_equal(ag_workspace_create(f->network, COUNT, &workspace), AG_OK);
  memcpy(logits, ag_network_forward(f->network, workspace, &pass, f->pixels, COUNT),
         sizeof dlogits);
  ag_loss_cross_entropy(COUNT, CLASSES, STRIDE, logits, f->labels, dlogits);
  ag_network_backward(f->network, workspace, dlogits, NULL, gradient);
  ag_workspace_destroy(&workspace);
}

static void target_describes_the_network(void **state)
{
  (void)state;
  fixture *f = start((network_wish){0}, "none", NULL);
  assert_int_equal(f->target->classes, CLASSES);
  assert_int_equal(f->target->stride, STRIDE);
  assert_int_equal(f->target->capacity, COUNT + 2);
  assert_memory_equal(&f->target->shape, &shape, sizeof shape);
  stop(f);
}

/* One draw, in evaluation mode though nine tenths are dropped in training: the network's bits. */
static void one_draw_is_the_network(void **state)
{
  (void)state;
  fixture *f = start((network_wish){.dropout = 0.9}, "none", NULL);
  const size_t floats = COUNT * ag_shape_floats(shape);
  float *gradient = test_floats(floats);
  float *want_gradient = test_floats(floats);
  float logits[LOGITS];
  float want[LOGITS];
  by_hand(f, SEED, 0, want, want_gradient);
  for (uint32_t step = 0; step < 3; ++step) {
    test_fill(gradient, floats, 5, -1, 1); /* overwritten */
    f->target->gradient(f->target->context, &f->images, step, ag_loss_cross_entropy, logits,
                        gradient);
    assert_same_bits(logits, want, LOGITS);
    assert_same_bits(gradient, want_gradient, floats);
    f->target->logits(f->target->context, &f->images, step, logits);
    assert_same_bits(logits, want, LOGITS);
  }
  free(gradient);
  free(want_gradient);
  stop(f);
}

/* A network without noise has one draw, whatever the defense would take. */
static void draws_are_for_random_networks(void **state)
{
  (void)state;
  fixture *f = start((network_wish){0}, "gaussian-noise", "20");
  float logits[LOGITS];
  float want[LOGITS];
  float *gradient = test_floats(COUNT * ag_shape_floats(shape));
  by_hand(f, SEED, 0, want, gradient);
  f->target->logits(f->target->context, &f->images, 4, logits);
  assert_same_bits(logits, want, LOGITS);
  free(gradient);
  stop(f);
}

/* Draw d of a call is a pass with the seed moved by d + 1 odd constants: never the seed itself,
 * with which the network was trained. */
static void five_draws_are_the_mean_of_single_ones(void **state)
{
  (void)state;
  enum { DRAWS = 5 };
  const size_t floats = COUNT * ag_shape_floats(shape);
  fixture *f = start((network_wish){.noise = 0.3}, "gaussian-noise", "5");
  float *gradient = test_floats(floats);
  for (uint32_t call = 0; call < 3; ++call) {
    float logits[LOGITS];
    float mean[LOGITS] = {0};
    float *mean_gradient = test_floats(floats);
    for (uint64_t draw = 0; draw < DRAWS; ++draw) {
      by_hand(f, SEED + (draw + 1) * 0xD1B54A32D192ED03U, call, logits, gradient);
      for (size_t i = 0; i < LOGITS; ++i)
        mean[i] += logits[i] / DRAWS;
      for (size_t i = 0; i < floats; ++i)
        mean_gradient[i] += gradient[i] / DRAWS;
    }
    f->target->gradient(f->target->context, &f->images, call, ag_loss_cross_entropy, logits,
                        gradient);
    assert_close(logits, mean, LOGITS, 1e-5, 1e-5);
    assert_close(gradient, mean_gradient, floats, 1e-6, 1e-4);
    f->target->logits(f->target->context, &f->images, call, logits);
    assert_close(logits, mean, LOGITS, 1e-5, 1e-5);
    free(mean_gradient);
  }
  free(gradient);
  stop(f);
}

/* A draw belongs to the image and the call: not to the image's place, not to its company. */
static void draws_belong_to_images_and_calls(void **state)
{
  (void)state;
  fixture *f = start((network_wish){.noise = 0.3}, "gaussian-noise", "2");
  float all[LOGITS];
  float again[LOGITS];
  float alone[STRIDE];
  f->target->logits(f->target->context, &f->images, 3, all);
  f->target->logits(f->target->context, &f->images, 4, again);
  for (size_t i = 0; i < COUNT; ++i)
    assert_memory_not_equal(again + i * STRIDE, all + i * STRIDE, CLASSES * sizeof(float));
  f->target->logits(f->target->context, &f->images, 3, again);
  assert_same_bits(again, all, LOGITS);
  const ag_attack_images last = {f->pixels + (size_t)5 * ag_shape_floats(shape), f->labels + 5,
                                 f->samples + 5, 1};
  f->target->logits(f->target->context, &last, 3, alone);
  assert_same_bits(alone, all + (size_t)5 * STRIDE, STRIDE);
  stop(f);
}

/* What an attack is told is the mean over its own draws, the first of those of a prediction. */
static void an_attack_draws_for_itself(void **state)
{
  (void)state;
  ag_entry noise = entry_of("gaussian-noise");
  set(&noise, "draws", "3");
  fixture *f = start_as((network_wish){.noise = 0.3}, &noise);
  const size_t floats = COUNT * ag_shape_floats(shape);
  float *gradient = test_floats(floats);
  float *want_gradient = test_floats(floats);
  float logits[LOGITS];
  float want[LOGITS];
  assert_int_equal(ag_defended_draws(f->defended).attack, 3);
  ag_defended_expect(f->defended, 1);
  by_hand(f, SEED + 0xD1B54A32D192ED03U, 4, want, want_gradient);
  f->target->gradient(f->target->context, &f->images, 4, ag_loss_cross_entropy, logits, gradient);
  assert_same_bits(gradient, want_gradient, floats);
  assert_same_bits(logits, want, LOGITS);
  f->target->logits(f->target->context, &f->images, 4, logits);
  assert_same_bits(logits, want, LOGITS);
  by_hand(f, SEED + 0xD1B54A32D192ED03U, AG_VERDICT_STEP, want, want_gradient);
  f->target->logits(f->target->context, &f->images, AG_VERDICT_STEP, logits);
  assert_memory_not_equal(logits, want, sizeof want);
  assert_int_equal(ag_defended_draws(f->defended).verdict, 3);
  assert_int_equal(ag_defended_draws(f->defended).attack, 1);
  ag_defended_expect(f->defended, 0); /* as many as before */
  assert_int_equal(ag_defended_draws(f->defended).attack, 1);
  free(want_gradient);
  free(gradient);
  stop(f);
}

/* Each class's share of the draws is the verdict, and only that: an attack has the means. */
static void a_majority_counts_draws(void **state)
{
  (void)state;
  enum { DRAWS = 9 };
  ag_entry noise = entry_of("gaussian-noise");
  set(&noise, "draws", "9");
  set(&noise, "vote", "majority");
  fixture *f = start_as((network_wish){.noise = 3}, &noise);
  float *gradient = test_floats(COUNT * ag_shape_floats(shape));
  float shares[LOGITS] = {0};
  float logits[LOGITS];
  size_t undecided = 0;
  for (uint64_t draw = 0; draw < DRAWS; ++draw) {
    by_hand(f, SEED + (draw + 1) * 0xD1B54A32D192ED03U, AG_VERDICT_STEP, logits, gradient);
    for (size_t i = 0; i < COUNT; ++i) {
      size_t best = 0;
      for (size_t k = 1; k < CLASSES; ++k)
        best = logits[i * STRIDE + k] > logits[i * STRIDE + best] ? k : best;
      shares[i * STRIDE + best] += 1.0F / DRAWS;
    }
  }
  f->target->logits(f->target->context, &f->images, AG_VERDICT_STEP, logits);
  assert_close(logits, shares, LOGITS, 1e-6, 0);
  for (size_t i = 0; i < LOGITS; ++i)
    undecided += shares[i] > 0.05F && shares[i] < 0.95F;
  assert_true(undecided > 0); /* or the noise decides nothing here */
  f->target->logits(f->target->context, &f->images, 4, logits);
  float sum = 0;
  for (size_t k = 0; k < CLASSES; ++k)
    sum += logits[k];
  assert_true(fabsf(sum - 1) > 1e-3F);
  free(gradient);
  stop(f);
}

/* A draw without a number is no vote. */
static void a_majority_hides_no_nan(void **state)
{
  (void)state;
  ag_entry noise = entry_of("gaussian-noise");
  set(&noise, "vote", "majority");
  fixture *f = start_as((network_wish){.noise = 0.3}, &noise);
  float logits[LOGITS];
  float *block = ag_network_block(f->network);
  for (size_t i = 0; i < ag_network_floats(f->network); ++i)
    block[i] = NAN;
  ag_network_prepare(f->network, false, NULL);
  f->target->logits(f->target->context, &f->images, AG_VERDICT_STEP, logits);
  for (size_t i = 0; i < COUNT; ++i) {
    float sum = 0; /* what the votes come to */
    for (size_t k = 0; k < CLASSES; ++k)
      sum += logits[i * STRIDE + k];
    assert_true(isnan(sum));
  }
  stop(f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(none_changes_no_layer),
      cmocka_unit_test(noise_goes_behind_the_layer_named),
      cmocka_unit_test(unknown_layer_is_named),
      cmocka_unit_test(target_describes_the_network),
      cmocka_unit_test(one_draw_is_the_network),
      cmocka_unit_test(draws_are_for_random_networks),
      cmocka_unit_test(five_draws_are_the_mean_of_single_ones),
      cmocka_unit_test(draws_belong_to_images_and_calls),
      cmocka_unit_test(an_attack_draws_for_itself),
      cmocka_unit_test(a_majority_counts_draws),
      cmocka_unit_test(a_majority_hides_no_nan),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
