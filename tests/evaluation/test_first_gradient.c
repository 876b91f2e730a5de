/* Whether there was a gradient to follow: the evaluator notes of each image what the first one was
 * that an attack asked for. */
#include "support/networks.h"

#include "advgrid/evaluation.h"

enum { IMAGES = 12, CLASSES = 10, SIDE = 8, PIXELS = SIDE * SIDE, SURE = 3 };

/* Images whose labels are the predictions; the first is labelled wrongly. */
typedef struct fixture {
  ag_network *network;
  ag_images images;
  uint8_t pixels[IMAGES * PIXELS * 3], labels[IMAGES];
  ag_outcome outcomes[IMAGES];
} fixture;

/* sure: the network says SURE whatever it sees, so surely that cross-entropy has no slope. */
static fixture *start(bool sure)
{
  fixture *f = (fixture *)test_bytes(sizeof *f);
  const ag_shape shape = {SIDE, SIDE, 3};
  uint32_t samples[IMAGES];
  float *pixels = test_floats((size_t)IMAGES * PIXELS * 8);
  f->network = network_by_hand((network_wish){.shape = shape, .classes = CLASSES});
  if (sure) {
    const ag_parameter *bias =
        ag_network_parameter(f->network, ag_network_parameter_count(f->network) - 1);
    ag_network_block(f->network)[bias->offset + SURE] = 1e6F;
    ag_network_prepare(f->network, false, NULL);
  }
  ag_random random = ag_random_stream(4, AG_PURPOSE_TEST, 0, 0);
  for (size_t i = 0; i < sizeof f->pixels; ++i)
    f->pixels[i] = (uint8_t)ag_random_below(&random, 256);
  for (uint32_t i = 0; i < IMAGES; ++i)
    samples[i] = i;
  f->images = (ag_images){IMAGES, f->pixels, f->labels};
  ag_shard_fill(&f->images, shape, NULL, 0, IMAGES, pixels, f->labels);
  network_predict(f->network, pixels, IMAGES, samples, f->labels);
  f->labels[0] = (uint8_t)((f->labels[0] + 1) % CLASSES);
  free(pixels);
  return f;
}

static void stop(fixture *f)
{
  ag_network_destroy(&f->network);
  free(f);
}

/* In shards of five, the last of two. */
static void evaluate(fixture *f, const ag_kind *attack)
{
  enum { SHARD = 5 };
  ag_evaluator *evaluator = NULL;
  ag_attack_cost cost = {0};
  ag_entry defense;
  ag_entry entry;
  ag_entry_start(&defense, ag_kind_find(ag_defense_table, "none"));
  ag_entry_start(&entry, attack);
  assert_int_equal(ag_evaluator_create(&defense, f->network, NULL, &entry, SHARD, 9, &evaluator),
                   AG_OK);
  for (size_t first = 0; first < IMAGES; first += SHARD) {
    assert_int_equal(ag_evaluate_shard(evaluator, &f->images, first,
                                       ag_minimum(SHARD, IMAGES - first), 0.1, f->outcomes + first,
                                       &cost),
                     AG_OK);
  }
  ag_evaluator_destroy(&evaluator);
}

/* The first image is not attacked. */
static void assert_gradients(const fixture *f, ag_first_gradient want)
{
  assert_int_equal(f->outcomes[0].gradient, AG_GRADIENT_UNKNOWN);
  for (size_t i = 1; i < IMAGES; ++i)
    assert_int_equal(f->outcomes[i].gradient, want);
}

static void a_slope_is_noted_and_so_is_none(void **state)
{
  (void)state;
  static const char *const attacks[] = {"fgsm", "pgd"};
  for (size_t sure = 0; sure < 2; ++sure) {
    for (size_t a = 0; a < 2; ++a) {
      fixture *f = start(sure == 1);
      evaluate(f, ag_kind_find(ag_attack_table, attacks[a]));
      assert_gradients(f, sure == 1 ? AG_GRADIENT_ZERO : AG_GRADIENT_SOME);
      stop(f);
    }
  }
}

static void who_asks_for_none_is_told_nothing(void **state)
{
  (void)state;
  fixture *f = start(true);
  evaluate(f, ag_kind_find(ag_attack_table, "uniform"));
  assert_gradients(f, AG_GRADIENT_UNKNOWN);
  stop(f);
}

/* ---- an attack that asks twice: the second answer is another one, and changes nothing ----------
 */

static void flat(size_t count, size_t classes, size_t stride, const float *logits,
                 const uint8_t *labels, float *gradient)
{
  (void)classes;
  (void)logits;
  (void)labels;
  memset(gradient, 0, count * stride * sizeof *gradient);
}

/* Without a slope for the images of even number, which come alone; then with one for all. */
static void run_twice(ag_attack_call *call)
{
  const ag_target *target = call->target;
  const size_t floats = ag_shape_floats(target->shape);
  float *logits = call->scratch;
  float *gradient = logits + target->capacity * target->stride;
  memcpy(call->adversarial, call->images.pixels, call->images.count * floats * sizeof(float));
  for (size_t i = 0; i < call->images.count; ++i) {
    const ag_attack_images one = {call->images.pixels + i * floats, call->images.labels + i,
                                  call->images.samples + i, 1};
    const bool even = *one.samples % 2 == 0;
    target->gradient(target->context, &one, 0, even ? flat : ag_loss_cross_entropy, logits,
                     gradient);
    target->gradient(target->context, &one, 1, even ? ag_loss_cross_entropy : flat, logits,
                     gradient);
  }
}

static size_t scratch_floats(const ag_settings *settings, const ag_target *target)
{
  (void)settings;
  return target->capacity * (target->stride + ag_shape_floats(target->shape));
}

static ag_attack_cost cost_of_two(const ag_settings *settings)
{
  (void)settings;
  return (ag_attack_cost){.gradients = 2};
}

static void the_first_counts_for_each_image(void **state)
{
  (void)state;
  static const ag_attack twice = {.kind = {.name = "twice"},
                                  .scratch_floats = scratch_floats,
                                  .cost = cost_of_two,
                                  .run = run_twice};
  fixture *f = start(false);
  evaluate(f, &twice.kind);
  assert_int_equal(f->outcomes[0].gradient, AG_GRADIENT_UNKNOWN);
  for (size_t i = 1; i < IMAGES; ++i)
    assert_int_equal(f->outcomes[i].gradient, i % 2 == 0 ? AG_GRADIENT_ZERO : AG_GRADIENT_SOME);
  stop(f);
}

/* ---- an attack that is told nothing
 * ---------------------------------------------------------------
 */

/* Of the last image, where it goes far: its pixels are no numbers, and then nor are its logits. */
static void run_far(ag_attack_call *call)
{
  const ag_target *target = call->target;
  const size_t last = (call->images.count - 1) * ag_shape_floats(target->shape);
  float *far = call->adversarial + last;
  const ag_attack_images one = {far, call->images.labels,
                                call->images.samples + call->images.count - 1, 1};
  memcpy(call->adversarial, call->images.pixels,
         (last + ag_shape_floats(target->shape)) * sizeof(float));
  *far = NAN;
  target->logits(target->context, &one, 0, call->scratch);
  *far = call->images.pixels[last];
}

/* What it leaves as it was must not look robust. */
static void an_attack_that_is_told_nothing_gives_no_verdict(void **state)
{
  (void)state;
  static const ag_attack far = {.kind = {.name = "far"},
                                .scratch_floats = scratch_floats,
                                .cost = cost_of_two,
                                .run = run_far};
  fixture *f = start(false);
  ag_evaluator *evaluator = NULL;
  ag_attack_cost cost = {0};
  ag_entry defense;
  ag_entry entry;
  ag_entry_start(&defense, ag_kind_find(ag_defense_table, "none"));
  ag_entry_start(&entry, &far.kind);
  assert_int_equal(ag_evaluator_create(&defense, f->network, NULL, &entry, IMAGES, 9, &evaluator),
                   AG_OK);
  assert_int_equal(ag_evaluate_shard(evaluator, &f->images, 0, IMAGES, 0.1, f->outcomes, &cost),
                   AG_NOT_FINITE);
  assert_non_null(strstr(ag_message(), "attack 'far' on test image 11: a logit is not finite"));
  ag_evaluator_destroy(&evaluator);
  stop(f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_slope_is_noted_and_so_is_none),
      cmocka_unit_test(who_asks_for_none_is_told_nothing),
      cmocka_unit_test(an_attack_that_is_told_nothing_gives_no_verdict),
      cmocka_unit_test(the_first_counts_for_each_image),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
