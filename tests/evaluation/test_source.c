/* An attack that sees another model than the one that is judged: it is shown nothing but that, what
 * comes out is judged by the other, and an image's outcome is its own. */
#include "evaluation/attacked.h"

enum { SEED = 9 };

/* Another network of the same shapes, with noise where that is wanted. */
static ag_network *make_source(double noise)
{
  ag_network *source =
      network_by_hand((network_wish){.shape = shape, .classes = CLASSES, .noise = noise});
  ag_network_initialise(source, 77, (const float[8]){0}, (const float[8]){1, 1, 1, 1, 1, 1, 1, 1});
  ag_network_prepare(source, false, NULL);
  return source;
}

/* source NULL: the attack sees what is judged. */
static ag_status evaluate_from(fixture *f, const ag_network *source, const char *defense,
                               const ag_kind *attack, size_t capacity)
{
  ag_evaluator *evaluator = NULL;
  ag_entry entry;
  ag_status status = AG_OK;
  memset(&f->cost, 0, sizeof f->cost);
  ag_entry_start(&f->attack, attack);
  ag_entry_start(&entry, ag_kind_find(ag_defense_table, defense));
  assert_int_equal(
      ag_evaluator_create(&f->defense, f->network, NULL, &f->attack, capacity, SEED, &evaluator),
      AG_OK);
  if (source != NULL) {
    assert_int_equal(ag_evaluator_attack_from(evaluator, &entry, source, NULL), AG_OK);
  }
  for (size_t first = 0; first < IMAGES && status == AG_OK; first += capacity) {
    status = ag_evaluate_shard(evaluator, &f->images, first, ag_minimum(capacity, IMAGES - first),
                               0.1, f->outcomes + first, &f->cost);
  }
  ag_evaluator_destroy(&evaluator);
  return status;
}

/* ---- what it sees ---------------------------------------------------------------------------- */

/* Follows one gradient, and notes the margins that came with it. */
static void run_noting(ag_attack_call *call)
{
  const ag_target *target = call->target;
  float *logits = call->scratch;
  float *gradient = logits + target->capacity * target->stride;
  run_by_hand(call);
  target->gradient(target->context, &call->images, 0, ag_loss_cross_entropy, logits, gradient);
  for (size_t i = 0; i < call->images.count; ++i) {
    seen.margins[0][call->images.samples[i]] =
        ag_margin(logits + i * target->stride, target->classes, call->images.labels[i], NULL);
  }
  target->logits(target->context, &call->images, 1, logits);
  for (size_t i = 0; i < call->images.count; ++i) {
    seen.margins[1][call->images.samples[i]] =
        ag_margin(logits + i * target->stride, target->classes, call->images.labels[i], NULL);
  }
}

static size_t noting_floats(const ag_settings *settings, const ag_target *target)
{
  (void)settings;
  return target->capacity * (target->stride + ag_shape_floats(target->shape));
}

static const ag_attack noting = {.kind = {.name = "noting"},
                                 .scratch_floats = noting_floats,
                                 .cost = no_cost,
                                 .run = run_noting};

/* Margins of the clean images by a pass of the test's own. */
static void margins_of(const fixture *f, const ag_network *network, float margins[IMAGES])
{
  ag_workspace *workspace = NULL;
  const size_t stride = ag_network_logit_stride(network);
  float *pixels = test_floats((size_t)IMAGES * PIXELS * 8);
  uint32_t samples[IMAGES];
  uint8_t labels[IMAGES];
  for (uint32_t i = 0; i < IMAGES; ++i)
    samples[i] = i;
  const ag_pass pass = {.samples = samples};
  ag_shard_fill(&f->images, shape, NULL, 0, IMAGES, pixels, labels);
  assert_int_equal(ag_workspace_create(network, IMAGES, &workspace), AG_OK);
  const float *logits = ag_network_forward(network, workspace, &pass, pixels, IMAGES);
  for (size_t i = 0; i < IMAGES; ++i)
    margins[i] = ag_margin(logits + i * stride, CLASSES, labels[i], NULL);
  ag_workspace_destroy(&workspace);
  free(pixels);
}

static void is_shown_the_source_and_judged_by_the_other(void **state)
{
  (void)state;
  fixture *f = start((network_wish){0}, "none");
  ag_network *source = make_source(0);
  float by_source[IMAGES];
  float by_judged[IMAGES];
  margins_of(f, source, by_source);
  margins_of(f, f->network, by_judged);
  assert_int_equal(evaluate_from(f, source, "none", &noting.kind, IMAGES), AG_OK);
  assert_int_equal(seen.images, 8); /* those that the judged model has right */
  for (size_t i = 0; i < IMAGES; ++i) {
    const ag_outcome *outcome = &f->outcomes[i];
    assert_number_close((double)outcome->clean_margin, (double)by_judged[i], 1e-5, 1e-5);
    assert_number_close((double)outcome->margin, (double)by_judged[i], 1e-5, 1e-5);
    assert_int_equal(outcome->gradient, is_wrong(i) ? AG_GRADIENT_UNKNOWN : AG_GRADIENT_SOME);
    if (is_wrong(i)) continue;
    for (size_t look = 0; look < 2; ++look)
      assert_number_close((double)seen.margins[look][i], (double)by_source[i], 1e-5, 1e-5);
    assert_true(fabsf(by_source[i] - by_judged[i]) > 1e-3F);
  }
  ag_network_destroy(&source);
  stop(f);
}

static void from_itself_it_is_white_box(void **state)
{
  (void)state;
  fixture *f = start((network_wish){0}, "none");
  ag_outcome alone[IMAGES];
  assert_int_equal(evaluate_from(f, NULL, "none", kind("transfer"), IMAGES), AG_OK);
  memcpy(alone, f->outcomes, sizeof alone);
  const ag_attack_cost cost = f->cost;
  assert_int_equal(evaluate_from(f, f->network, "none", kind("transfer"), IMAGES), AG_OK);
  assert_memory_equal(f->outcomes, alone, sizeof alone);
  assert_int_equal(f->cost.gradients, cost.gradients);
  assert_int_equal(f->cost.forwards, cost.forwards);
  stop(f);
}

/* ---- a source with noise --------------------------------------------------------------------- */

/* Twenty draws of it a gradient, one of the other a verdict. */
static void a_random_source_is_attacked_through_expectation(void **state)
{
  (void)state;
  fixture *f = start((network_wish){0}, "none");
  ag_network *source = make_source(0.3);
  assert_int_equal(evaluate_from(f, source, "gaussian-noise", kind("transfer"), IMAGES), AG_OK);
  assert_int_equal(f->cost.gradients, 20 * 10 * 8);
  assert_int_equal(f->cost.forwards, IMAGES + 8 + 20 * 8);
  ag_network_destroy(&source);
  stop(f);
}

static void company_changes_nothing(void **state)
{
  (void)state;
  static const size_t capacities[] = {1, 5, IMAGES};
  ag_outcome first[IMAGES];
  for (size_t i = 0; i < 3; ++i) {
    fixture *f = start((network_wish){0}, "none");
    ag_network *source = make_source(0.3);
    assert_int_equal(evaluate_from(f, source, "gaussian-noise", kind("transfer"), capacities[i]),
                     AG_OK);
    if (i == 0) memcpy(first, f->outcomes, sizeof first);
    assert_memory_equal(f->outcomes, first, sizeof first);
    ag_network_destroy(&source);
    stop(f);
  }
}

/* ---- failures -------------------------------------------------------------------------------- */

/* Else its images would stay where they are, and the model that is judged look robust. */
static void a_source_that_says_nothing_fails(void **state)
{
  (void)state;
  fixture *f = start((network_wish){0}, "none");
  ag_network *source = make_source(0);
  const ag_parameter *last = ag_network_parameter(source, ag_network_parameter_count(source) - 1);
  ag_network_block(source)[last->offset + 3] = NAN;
  ag_network_prepare(source, false, NULL);
  assert_int_equal(evaluate_from(f, source, "none", kind("transfer"), IMAGES), AG_NOT_FINITE);
  assert_non_null(strstr(ag_message(), "attack 'transfer' on test image 0: a logit of the model "
                                       "that it comes from is not finite"));
  ag_network_destroy(&source);
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
      cmocka_unit_test(is_shown_the_source_and_judged_by_the_other),
      cmocka_unit_test(from_itself_it_is_white_box),
      cmocka_unit_test(a_random_source_is_attacked_through_expectation),
      cmocka_unit_test(company_changes_nothing),
      cmocka_unit_test(a_source_that_says_nothing_fails),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
