/* The evaluator: who is attacked, what an attack may do, and by which draws it is judged. The
 * attacks here are rows made by hand, which break their bounds or look where they may not. */
#include "support/networks.h"

#include "advgrid/evaluation.h"

enum { IMAGES = 12, CLASSES = 10, SIDE = 8, PIXELS = SIDE * SIDE, LOOKS = 64 };
static const ag_shape shape = {SIDE, SIDE, 3};

/* BLAS rounds a product's rows by how many there are: margins move by this much in company. */
static const double ROUNDING = 1e-5;

/* What the attacks made by hand saw last, and where they break their bounds. */
static struct {
  size_t calls, images;
  uint32_t samples[IMAGES];
  uint8_t labels[IMAGES];
  uint32_t victim; /* sample */
  float value;     /* written into its pixel 5 */
  float margins[LOOKS][IMAGES];
} seen;

static size_t scratch_floats(const ag_settings *settings, const ag_target *target)
{
  (void)settings;
  return target->capacity * target->stride;
}

static ag_attack_cost no_cost(const ag_settings *settings)
{
  (void)settings;
  return (ag_attack_cost){0};
}

/* Leaves the images as they are and notes them; the victim gets a value. */
static void run_by_hand(ag_attack_call *call)
{
  const size_t floats = ag_shape_floats(call->target->shape);
  ++seen.calls;
  seen.images += call->images.count;
  memcpy(call->adversarial, call->images.pixels, call->images.count * floats * sizeof(float));
  for (size_t i = 0; i < call->images.count; ++i) {
    seen.samples[i] = call->images.samples[i];
    seen.labels[i] = call->images.labels[i];
    if (call->images.samples[i] == seen.victim) {
      call->adversarial[i * floats + 41] = seen.value;
    }
  }
  call->cost.gradients += 7;
}

/* Looks at the clean images in as many steps as an attack would. */
static void run_looking(ag_attack_call *call)
{
  const ag_target *target = call->target;
  run_by_hand(call);
  for (uint32_t step = 0; step < LOOKS; ++step) {
    target->logits(target->context, &call->images, step, call->scratch);
    for (size_t i = 0; i < call->images.count; ++i) {
      seen.margins[step][call->images.samples[i]] = ag_margin(
          call->scratch + i * target->stride, target->classes, call->images.labels[i], NULL);
    }
  }
}

static const ag_attack by_hand = {.kind = {.name = "by-hand"},
                                  .scratch_floats = scratch_floats,
                                  .cost = no_cost,
                                  .run = run_by_hand};
static const ag_attack looking = {.kind = {.name = "looking"},
                                  .scratch_floats = scratch_floats,
                                  .cost = no_cost,
                                  .run = run_looking};

/* ---- images whose labels are the network's predictions, but for every third --------------- */

typedef struct fixture {
  ag_network *network;
  ag_images images;
  uint8_t pixels[IMAGES * PIXELS * 3], labels[IMAGES];
  ag_entry defense, attack;
  ag_outcome outcomes[IMAGES];
  ag_attack_cost cost;
} fixture;

static bool is_wrong(size_t image)
{
  return image % 3 == 1;
}

static fixture *start(network_wish wish, const char *defense)
{
  fixture *f = (fixture *)test_bytes(sizeof *f);
  memset(&seen, 0, sizeof seen);
  seen.victim = UINT32_MAX;
  wish.shape = shape;
  wish.classes = CLASSES;
  f->network = network_by_hand(wish);
  ag_random random = ag_random_stream(4, AG_PURPOSE_TEST, 0, 0);
  for (size_t i = 0; i < sizeof f->pixels; ++i)
    f->pixels[i] = (uint8_t)(20 + ag_random_below(&random, 200)); /* 8/255 from 0 and from 1 */
  f->images = (ag_images){IMAGES, f->pixels, f->labels};
  ag_entry_start(&f->defense, ag_kind_find(ag_defense_table, defense));

  float *pixels = test_floats((size_t)IMAGES * PIXELS * 8);
  uint32_t samples[IMAGES];
  for (uint32_t i = 0; i < IMAGES; ++i)
    samples[i] = i;
  ag_shard_fill(&f->images, shape, NULL, 0, IMAGES, pixels, f->labels);
  network_predict(f->network, pixels, IMAGES, samples, f->labels);
  for (size_t i = 0; i < IMAGES; ++i) {
    if (is_wrong(i)) f->labels[i] = (uint8_t)((f->labels[i] + 1) % CLASSES);
  }
  free(pixels);
  return f;
}

static void stop(fixture *f)
{
  ag_network_destroy(&f->network);
  free(f);
}

/* Evaluates images first .. first + count - 1 in shards of `capacity`. */
static ag_status evaluate(fixture *f, const ag_kind *attack, size_t capacity, double epsilon,
                          size_t first, size_t count)
{
  ag_evaluator *evaluator = NULL;
  ag_status status = AG_OK;
  ag_entry_start(&f->attack, attack);
  assert_int_equal(
      ag_evaluator_create(&f->defense, f->network, NULL, &f->attack, capacity, 9, &evaluator),
      AG_OK);
  for (size_t done = 0; done < count && status == AG_OK; done += capacity) {
    const size_t left = count - done;
    status = ag_evaluate_shard(evaluator, &f->images, first + done,
                               left < capacity ? left : capacity, epsilon,
                               f->outcomes + first + done, &f->cost);
  }
  ag_evaluator_destroy(&evaluator);
  return status;
}

static const ag_kind *kind(const char *name)
{
  return ag_kind_find(ag_attack_table, name);
}

/* ---- who is attacked ------------------------------------------------------------------------ */

static void only_correct_images_are_attacked(void **state)
{
  (void)state;
  fixture *f = start((network_wish){0}, "none");
  assert_int_equal(evaluate(f, &by_hand.kind, IMAGES, 0.1, 0, IMAGES), AG_OK);
  assert_int_equal(seen.calls, 1);
  assert_int_equal(seen.images, 8);
  for (size_t i = 0, k = 0; i < IMAGES; ++i) {
    const ag_outcome *outcome = &f->outcomes[i];
    assert_int_equal(outcome->index, i);
    assert_int_equal(outcome->label, f->labels[i]);
    assert_int_equal(outcome->clean_prediction != outcome->label, is_wrong(i));
    assert_true(is_wrong(i) ? outcome->clean_margin < 0 : outcome->clean_margin > 0);
    assert_int_equal(outcome->prediction, outcome->clean_prediction); /* nothing was moved */
    assert_close(&outcome->margin, &outcome->clean_margin, 1, ROUNDING, 1e-5);
    assert_true(outcome->linf == 0 && outcome->l2 == 0);
    if (is_wrong(i)) continue;
    assert_int_equal(seen.samples[k], i);
    assert_int_equal(seen.labels[k], f->labels[i]);
    ++k;
  }
  assert_int_equal(f->cost.gradients, 7);
  assert_int_equal(f->cost.forwards, IMAGES + 8);
  stop(f);
}

static void no_attack_where_all_are_wrong(void **state)
{
  (void)state;
  fixture *f = start((network_wish){0}, "none");
  assert_int_equal(evaluate(f, &by_hand.kind, 1, 0.1, 4, 1), AG_OK);
  assert_int_equal(seen.calls, 0);
  assert_int_equal(f->outcomes[4].index, 4);
  assert_int_equal(f->cost.gradients, 0);
  assert_int_equal(f->cost.forwards, 1);
  stop(f);
}

/* ---- what an attack may do --------------------------------------------------------------------
 */

static void broken_bound_names_the_image(void **state)
{
  (void)state;
  static const float values[] = {1.5F, -0.1F, NAN, INFINITY, 0.999F};
  for (size_t i = 0; i < sizeof values / sizeof *values; ++i) {
    fixture *f = start((network_wish){0}, "none");
    seen.victim = 6;
    seen.value = values[i];
    assert_int_equal(evaluate(f, &by_hand.kind, IMAGES, 0.05, 0, IMAGES), AG_BOUND_BROKEN);
    assert_non_null(strstr(ag_message(), "test image 6"));
    assert_non_null(strstr(ag_message(), "by-hand"));
    assert_non_null(strstr(ag_message(), "value 41"));
    stop(f);
  }
}

/* A change within the bound is measured as it is. */
/* A NaN is no class: it must neither pass for one nor be counted. */
static void logits_that_are_not_finite_give_no_verdict(void **state)
{
  (void)state;
  fixture *f = start((network_wish){0}, "none");
  const ag_parameter *last =
      ag_network_parameter(f->network, ag_network_parameter_count(f->network) - 1);
  ag_network_block(f->network)[last->offset + 3] = NAN;
  ag_network_prepare(f->network, false, NULL);
  assert_int_equal(evaluate(f, kind("fgsm"), IMAGES, 0.05, 0, IMAGES), AG_NOT_FINITE);
  assert_non_null(strstr(ag_message(), "test image 0: a logit is not finite"));
  stop(f);
}

static void kept_bound_is_measured(void **state)
{
  (void)state;
  fixture *f = start((network_wish){0}, "none");
  const float clean = (float)f->pixels[(6 * PIXELS + 5) * 3 + 1] / 255.0F;
  seen.victim = 6;
  seen.value = clean + 0.04F;
  assert_int_equal(evaluate(f, &by_hand.kind, IMAGES, 0.05, 0, IMAGES), AG_OK);
  assert_number_close((double)f->outcomes[6].linf, 0.04, 1e-6, 0);
  assert_number_close((double)f->outcomes[6].l2, 0.04, 1e-6, 0);
  assert_true(f->outcomes[3].linf == 0);
  stop(f);
}

/* ---- what epsilon means ------------------------------------------------------------------------
 */

/* Epsilon is on the scale of pixels, whatever the network divides them by. */
static void epsilon_is_on_the_scale_of_pixels(void **state)
{
  (void)state;
  static const network_wish wishes[] = {
      {.deviation = 1}, {.mean = 0.47F, .deviation = 0.02F}, {.mean = -3, .deviation = 25}};
  static const char *const attacks[] = {"fgsm", "pgd"};
  for (size_t w = 0; w < 3; ++w) {
    for (size_t a = 0; a < 2; ++a) {
      fixture *f = start(wishes[w], "none");
      assert_int_equal(evaluate(f, kind(attacks[a]), IMAGES, 8.0 / 255.0, 0, IMAGES), AG_OK);
      for (size_t i = 0; i < IMAGES; ++i) {
        const double linf = (double)f->outcomes[i].linf;
        if (is_wrong(i)) {
          assert_true(linf == 0);
        } else if (a == 0) {
          assert_number_close(linf, 8.0 / 255.0, 1e-7, 0);
        } else {
          assert_true(linf > 0.5 / 255.0 && linf <= 8.0 / 255.0 + 1e-7);
        }
      }
      stop(f);
    }
  }
}

static void epsilon_zero_gives_the_clean_predictions(void **state)
{
  (void)state;
  static const char *const attacks[] = {"fgsm", "pgd"};
  for (size_t a = 0; a < 2; ++a) {
    fixture *f = start((network_wish){0}, "none");
    assert_int_equal(evaluate(f, kind(attacks[a]), IMAGES, 0, 0, IMAGES), AG_OK);
    for (size_t i = 0; i < IMAGES; ++i) {
      assert_int_equal(f->outcomes[i].prediction, f->outcomes[i].clean_prediction);
      assert_close(&f->outcomes[i].margin, &f->outcomes[i].clean_margin, 1, ROUNDING, 1e-5);
      assert_true(f->outcomes[i].linf == 0);
    }
    stop(f);
  }
}

/* ---- what an outcome may depend on --------------------------------------------------------------
 */

static void assert_same_outcomes(const ag_outcome *got, const ag_outcome *want)
{
  for (size_t i = 0; i < IMAGES; ++i) {
    assert_int_equal(got[i].index, want[i].index);
    assert_int_equal(got[i].label, want[i].label);
    assert_int_equal(got[i].clean_prediction, want[i].clean_prediction);
    assert_int_equal(got[i].prediction, want[i].prediction);
    assert_close(&got[i].clean_margin, &want[i].clean_margin, 1, ROUNDING, 1e-5);
    assert_close(&got[i].margin, &want[i].margin, 1, ROUNDING, 1e-5);
    assert_close(&got[i].linf, &want[i].linf, 1, 1e-6, 0);
    assert_close(&got[i].l2, &want[i].l2, 1, 1e-3, 0);
  }
}

/* Shards of 1, 5 and 12 images, one after the other or not: the same, rounding aside. */
static void shards_change_nothing(void **state)
{
  (void)state;
  static const network_wish wishes[] = {{.noise = 0}, {.noise = 0.1}};
  static const char *const defenses[] = {"none", "gaussian-noise"};
  for (size_t w = 0; w < 2; ++w) {
    fixture *f = start(wishes[w], defenses[w]);
    ag_outcome want[IMAGES];
    assert_int_equal(evaluate(f, kind("pgd"), IMAGES, 0.02, 0, IMAGES), AG_OK);
    memcpy(want, f->outcomes, sizeof want);
    const ag_attack_cost cost = f->cost;
    for (size_t capacity = 1; capacity <= 5; capacity += 4) {
      f->cost = (ag_attack_cost){0};
      assert_int_equal(evaluate(f, kind("pgd"), capacity, 0.02, 5, IMAGES - 5), AG_OK);
      assert_int_equal(evaluate(f, kind("pgd"), capacity, 0.02, 0, 5), AG_OK);
      assert_same_outcomes(f->outcomes, want);
      assert_int_equal(f->cost.gradients, cost.gradients);
      assert_int_equal(f->cost.forwards, cost.forwards);
    }
    stop(f);
  }
}

/* The same shard again, in an evaluator of its own, gives the same bytes. */
static void outcomes_repeat_to_the_bit(void **state)
{
  (void)state;
  fixture *f = start((network_wish){.noise = 0.1}, "gaussian-noise");
  ag_outcome want[IMAGES];
  assert_int_equal(evaluate(f, kind("pgd"), IMAGES, 0.02, 0, IMAGES), AG_OK);
  memcpy(want, f->outcomes, sizeof want);
  assert_int_equal(evaluate(f, kind("pgd"), IMAGES, 0.02, 0, IMAGES), AG_OK);
  assert_memory_equal(f->outcomes, want, sizeof want);
  stop(f);
}

/* With nine tenths dropped no prediction would repeat; in evaluation nothing is dropped. */
static void dropout_is_off(void **state)
{
  (void)state;
  fixture *f = start((network_wish){.dropout = 0.9}, "none");
  fixture *plain = start((network_wish){0}, "none");
  ag_network *without = plain->network;
  assert_int_equal(ag_network_floats(f->network), ag_network_floats(without));
  memcpy(ag_network_block(without), ag_network_values(f->network),
         ag_network_floats(without) * sizeof(float));
  ag_network_prepare(without, false, NULL);
  memcpy(plain->labels, f->labels, sizeof plain->labels);
  assert_int_equal(evaluate(f, kind("pgd"), IMAGES, 0.02, 0, IMAGES), AG_OK);
  assert_int_equal(evaluate(plain, kind("pgd"), IMAGES, 0.02, 0, IMAGES), AG_OK);
  assert_same_outcomes(f->outcomes, plain->outcomes);
  stop(plain);
  stop(f);
}

/* ---- by which draws it is judged
 * ------------------------------------------------------------------- */

static void judged_on_draws_no_attack_saw(void **state)
{
  (void)state;
  static const char *const draws[] = {"1", "3", "20"};
  for (size_t d = 0; d < 3; ++d) {
    fixture *f = start((network_wish){.noise = 0.5}, "gaussian-noise");
    assert_int_equal(ag_settings_set(&f->defense.settings, "draws", draws[d]), AG_OK);
    assert_int_equal(evaluate(f, &looking.kind, IMAGES, 0.1, 0, IMAGES), AG_OK);
    assert_true(seen.images > 0);
    for (size_t k = 0; k < seen.images; ++k) {
      const ag_outcome *outcome = &f->outcomes[seen.samples[k]];
      /* One verdict for both: the same draws for the image that was left as it is. */
      assert_close(&outcome->margin, &outcome->clean_margin, 1, ROUNDING, 1e-5);
      for (size_t step = 0; step < LOOKS; ++step)
        assert_true(fabsf(seen.margins[step][outcome->index] - outcome->margin) > 5e-5F);
    }
    stop(f);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_correct_images_are_attacked),
      cmocka_unit_test(no_attack_where_all_are_wrong),
      cmocka_unit_test(broken_bound_names_the_image),
      cmocka_unit_test(logits_that_are_not_finite_give_no_verdict),
      cmocka_unit_test(kept_bound_is_measured),
      cmocka_unit_test(epsilon_is_on_the_scale_of_pixels),
      cmocka_unit_test(epsilon_zero_gives_the_clean_predictions),
      cmocka_unit_test(shards_change_nothing),
      cmocka_unit_test(outcomes_repeat_to_the_bit),
      cmocka_unit_test(dropout_is_off),
      cmocka_unit_test(judged_on_draws_no_attack_saw),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
