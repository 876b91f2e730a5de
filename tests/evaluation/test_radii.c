/* Certificates through the evaluator: every image has one, whatever its label, and they say what
 * stands at each epsilon. */
#include "evaluation/attacked.h"

enum { EPSILONS = 3 };

/* Says of image i a radius of i / 10, and of class 1 + i % 3 that it is the image's. */
static void run_certifier(ag_attack_call *call)
{
  ++seen.calls;
  for (size_t i = 0; i < call->images.count; ++i) {
    const uint32_t sample = call->images.samples[i];
    call->certificates[i] = (ag_certificate){.prediction = (uint8_t)(1 + sample % 3),
                                             .clean_margin = 0.5F,
                                             .margin = 0.25F,
                                             .l2 = (float)sample / 10,
                                             .linf = (float)sample / 100};
    if (sample == seen.victim) call->certificates[i].l2 = NAN;
  }
  call->cost.forwards += 7 * call->images.count;
}

static const ag_attack certifier = {.kind = {.name = "certifier"},
                                    .finds = AG_FINDS_RADIUS,
                                    .scratch_floats = scratch_floats,
                                    .cost = no_cost,
                                    .run = run_certifier};

/* Also images that the network classifies wrongly, and no pass but what the certificate takes. */
static void all_images_have_certificates(void **state)
{
  (void)state;
  fixture *f = start((network_wish){0}, "none");
  assert_int_equal(evaluate(f, &certifier.kind, 5, 0.3, 0, IMAGES), AG_OK);
  assert_int_equal(seen.calls, 3);
  assert_int_equal(f->cost.forwards, 7 * IMAGES);
  assert_int_equal(f->cost.gradients, 0);
  for (uint32_t i = 0; i < IMAGES; ++i) {
    const ag_outcome *outcome = &f->outcomes[i];
    assert_int_equal(outcome->index, i);
    assert_int_equal(outcome->label, f->labels[i]);
    assert_int_equal(outcome->clean_prediction, 1 + i % 3);
    assert_int_equal(outcome->prediction, i == 0 ? AG_NO_CLASS : 1 + i % 3); /* 0 abstains */
    assert_int_equal(outcome->gradient, AG_GRADIENT_UNKNOWN);
    assert_true(outcome->clean_margin == 0.5F && outcome->margin == 0.25F);
    assert_true(outcome->l2 == (float)i / 10 && outcome->linf == (float)i / 100);
  }
  stop(f);
}

static void one_without_a_number_is_named(void **state)
{
  (void)state;
  fixture *f = start((network_wish){0}, "none");
  seen.victim = 4;
  assert_int_equal(evaluate(f, &certifier.kind, IMAGES, 0, 0, IMAGES), AG_NOT_FINITE);
  assert_non_null(strstr(ag_message(), "attack 'certifier' on test image 4"));
  stop(f);
}

/* Labels are 1: images 0, 3, 6 and 9 are right. At a radius of exactly epsilon an image stands; one
 * that abstains does not even at 0. */
static void a_radius_is_enough_or_not(void **state)
{
  (void)state;
  static const double epsilons[EPSILONS] = {0, 0.5, 0.75};
  static const size_t stand[EPSILONS] = {3, 2, 1};
  const ag_kind *certify = kind("certify");
  ag_entry entry;
  ag_entry_start(&entry, certify);
  for (size_t e = 0; e < EPSILONS; ++e) {
    ag_outcome outcomes[IMAGES];
    for (uint32_t i = 0; i < IMAGES; ++i) {
      outcomes[i] = (ag_outcome){.index = i,
                                 .label = 1,
                                 .clean_prediction = (uint8_t)(1 + i % 3),
                                 .prediction = i == 0 ? AG_NO_CLASS : (uint8_t)(1 + i % 3),
                                 .margin = 0.25F,
                                 .l2 = (float)i / 12};
    }
    ag_outcomes_at(&entry, epsilons[e], outcomes, IMAGES);
    for (uint32_t i = 0; i < IMAGES; ++i) {
      const bool has = i > 0 && (double)i / 12 >= epsilons[e];
      assert_int_equal(outcomes[i].prediction, has ? 1 + i % 3 : AG_NO_CLASS);
      assert_true(outcomes[i].margin == 0.25F && outcomes[i].l2 == (float)i / 12);
    }
    const ag_summary summary = ag_summarise(outcomes, IMAGES);
    assert_int_equal(summary.clean_correct, 4);
    assert_int_equal(summary.robust_correct, stand[e]);
    assert_number_close(summary.mean_l2, (0 + 3 + 6 + 9) / 48.0, 0, 1e-6);
  }
}

/* The certificate itself, on a network with noise: the same for shards of any size. */
static void certificates_do_not_depend_on_shards(void **state)
{
  (void)state;
  ag_outcome want[IMAGES];
  fixture *f = start((network_wish){.noise = 0.5}, "gaussian-noise");
  for (size_t capacity = IMAGES; capacity > 0; capacity -= 4) {
    ag_evaluator *evaluator = NULL;
    ag_attack_cost cost = {0};
    ag_entry_start(&f->attack, kind("certify"));
    assert_int_equal(ag_settings_set(&f->attack.settings, "n", "50"), AG_OK);
    assert_int_equal(
        ag_evaluator_create(&f->defense, f->network, NULL, &f->attack, capacity, 9, &evaluator),
        AG_OK);
    for (size_t i = 0; i < IMAGES; i += capacity) {
      const size_t count = IMAGES - i < capacity ? IMAGES - i : capacity;
      assert_int_equal(
          ag_evaluate_shard(evaluator, &f->images, i, count, 0, f->outcomes + i, &cost), AG_OK);
    }
    ag_evaluator_destroy(&evaluator);
    assert_int_equal(cost.forwards, IMAGES * 150);
    if (capacity == IMAGES) memcpy(want, f->outcomes, sizeof want);
    assert_memory_equal(f->outcomes, want, sizeof want);
  }
  stop(f);
}

static void leaves_no_memory(void **state)
{
  (void)state;
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_images_have_certificates),
      cmocka_unit_test(one_without_a_number_is_named),
      cmocka_unit_test(a_radius_is_enough_or_not),
      cmocka_unit_test(certificates_do_not_depend_on_shards),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
