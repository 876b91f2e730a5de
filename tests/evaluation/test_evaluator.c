/* The evaluator: who is attacked, what an attack may do, and by which draws it is judged. The
 * attacks here are rows made by hand, which break their bounds or look where they may not. */
#include "evaluation/attacked.h"

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
    assert_same_bits(&outcome->margin, &outcome->clean_margin, 1);
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

/* A change within the bound is measured as it is. */
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
      assert_same_bits(&f->outcomes[i].margin, &f->outcomes[i].clean_margin, 1);
      assert_true(f->outcomes[i].linf == 0);
    }
    stop(f);
  }
}

/* ---- what an outcome may depend on --------------------------------------------------------------
 */

/* Shards of 1, 5 and 12 images, one after the other or not: the same to the bit. */
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
      assert_memory_equal(f->outcomes, want, sizeof want);
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
  assert_memory_equal(f->outcomes, plain->outcomes, sizeof f->outcomes);
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
      assert_same_bits(&outcome->margin, &outcome->clean_margin, 1);
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
