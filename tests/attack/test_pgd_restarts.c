/* PGD's bookkeeping, against targets whose margins follow a script: the worst iterate of all
 * restarts is kept, fallen images leave at once, and what was asked is what is counted. Then on a
 * real network: more restarts never help it, and company changes nothing. */
#include "support/networks.h"
#include "support/targets.h"

#include "advgrid/defense.h"

enum { COUNT = 4, FLOATS = 3 * 2 * 8, STEPS = 3, VISITS = STEPS + 1 };

static attack_fixture *start(test_target *target, const char *restarts)
{
  attack_fixture *fixture = attack_start("pgd", &target->target, COUNT, 0.2F);
  attack_set(fixture, "steps", "3");
  attack_set(fixture, "restarts", restarts);
  return fixture;
}

/* The worst margin comes in the middle, at the end, in the second restart, at the very start. */
static const float standing[TARGET_SAMPLES][TARGET_VISITS] = {
    {5, 1, 3, 4, 2, 2, 2, 2},
    {5, 4, 3, 1, 5, 4, 3, 2},
    {5, 4, 3, 2, 5, 1, 3, 2},
    {1, 4, 3, 2, 5, 2, 3, 2},
};
static const size_t worst_visit[COUNT] = {1, 3, 5, 0};

static void keeps_the_worst_of_all_restarts(void **state)
{
  (void)state;
  test_target *target = test_target_create(3, COUNT, standing);
  attack_fixture *fixture = start(target, "2");
  attack_run(fixture);
  for (size_t i = 0; i < COUNT; ++i) {
    assert_int_equal(target->record.visits[i], 2 * VISITS);
    assert_same_bits(fixture->adversarial + i * FLOATS, target->record.seen[i][worst_visit[i]],
                     FLOATS);
  }
  assert_int_equal(fixture->call.cost.gradients, 2 * STEPS * COUNT);
  assert_int_equal(fixture->call.cost.forwards, 2 * COUNT);
  const ag_attack_cost most = ag_attack_of(&fixture->entry)->cost(&fixture->entry.settings);
  assert_int_equal(most.gradients, 2 * STEPS);
  assert_int_equal(most.forwards, 2);
  attack_stop(fixture);
  test_target_destroy(target);
}

/* Falls at its second visit, never, at the end of the first restart, in the second restart. */
static const float falling[TARGET_SAMPLES][TARGET_VISITS] = {
    {5, -1, -9, -9, -9, -9, -9, -9},
    {5, 4, 3, 2, 5, 4, 3, 2, 9, 9, 9, 9},
    {5, 4, 3, -0.5F, -9, -9, -9, -9},
    {5, 4, 3, 2, 5, -2, -9, -9},
};
static const size_t last_visit[COUNT] = {1, 3, 3, 5};
static const size_t fallen_visits[COUNT] = {2, 12, 4, 6};

static void fallen_images_leave_at_once(void **state)
{
  (void)state;
  test_target *target = test_target_create(3, COUNT, falling);
  attack_fixture *fixture = start(target, "3");
  attack_run(fixture);
  for (size_t i = 0; i < COUNT; ++i) {
    assert_int_equal(target->record.visits[i], fallen_visits[i]);
    assert_same_bits(fixture->adversarial + i * FLOATS, target->record.seen[i][last_visit[i]],
                     FLOATS);
  }
  /* Image 0 twice, 1 thrice in each restart, 2 thrice and once without, 3 thrice and twice. */
  assert_int_equal(fixture->call.cost.gradients, 2 + 9 + 3 + 3 + 2);
  assert_int_equal(fixture->call.cost.forwards, 3 + 1 + 1);
  assert_int_equal(target->record.gradient_images, fixture->call.cost.gradients);
  assert_int_equal(target->record.logits_images, fixture->call.cost.forwards);
  attack_stop(fixture);
  test_target_destroy(target);
}

static const float at_once[TARGET_SAMPLES][TARGET_VISITS] = {{-1}, {-1}, {-1}, {-1}};

static void no_call_once_all_have_fallen(void **state)
{
  (void)state;
  test_target *target = test_target_create(3, COUNT, at_once);
  attack_fixture *fixture = start(target, "5");
  attack_run(fixture);
  assert_int_equal(target->record.gradient_calls, 1);
  assert_int_equal(target->record.logits_calls, 0);
  attack_stop(fixture);
  test_target_destroy(target);
}

/* A random defense must never show an attack the same draw twice. */
static void every_call_has_a_step_of_its_own(void **state)
{
  (void)state;
  test_target *target = test_target_create(3, COUNT, standing);
  attack_fixture *fixture = start(target, "2");
  attack_run(fixture);
  assert_int_equal(target->record.calls, 2 * VISITS);
  for (size_t i = 0; i < target->record.calls; ++i) {
    for (size_t k = 0; k < i; ++k)
      assert_true(target->record.steps[i] != target->record.steps[k]);
  }
  attack_stop(fixture);
  test_target_destroy(target);
}

/* ---- on a network ---------------------------------------------------------------------- */

enum { IMAGES = 13 };
static const ag_shape shape = {8, 8, 3};

static ag_defended *defend(const ag_network *network)
{
  ag_entry none;
  ag_defended *defended = NULL;
  ag_entry_start(&none, ag_kind_find(ag_defense_table, "none"));
  assert_int_equal(ag_defended_create(&none, network, NULL, IMAGES, 1, &defended), AG_OK);
  return defended;
}

/* Labels are the network's own predictions, so that all are right at first. */
static attack_fixture *start_on(const ag_network *network, const ag_defended *defended,
                                float epsilon, const char *restarts)
{
  attack_fixture *fixture = attack_start("pgd", ag_defended_target(defended), IMAGES, epsilon);
  network_predict(network, fixture->pixels, IMAGES, fixture->samples, fixture->labels);
  attack_set(fixture, "steps", "4");
  attack_set(fixture, "restarts", restarts);
  return fixture;
}

static void margins_of(const attack_fixture *fixture, float *margins)
{
  const ag_target *target = fixture->call.target;
  float *logits = test_floats(IMAGES * target->stride);
  ag_attack_images images = fixture->call.images;
  images.pixels = fixture->adversarial;
  target->logits(target->context, &images, 0, logits);
  for (size_t i = 0; i < IMAGES; ++i)
    margins[i] = ag_margin(logits + i * target->stride, target->classes, images.labels[i], NULL);
  free(logits);
}

static void more_restarts_never_raise_a_margin(void **state)
{
  (void)state;
  static const char *const restarts[] = {"1", "2", "5"};
  ag_network *network = network_by_hand((network_wish){.shape = shape, .classes = 10});
  ag_defended *defended = defend(network);
  float before[IMAGES];
  size_t lowered = 0;
  for (size_t r = 0; r < 3; ++r) {
    float margins[IMAGES];
    attack_fixture *fixture = start_on(network, defended, 0.01F, restarts[r]);
    attack_run(fixture);
    margins_of(fixture, margins);
    for (size_t i = 0; i < IMAGES && r > 0; ++i) {
      assert_true(margins[i] <= before[i] + 1e-5F);
      lowered += margins[i] < before[i] - 1e-5F;
    }
    memcpy(before, margins, sizeof before);
    attack_stop(fixture);
  }
  assert_true(lowered > 0); /* else the test sees nothing */
  ag_defended_destroy(&defended);
  ag_network_destroy(&network);
}

/* Each image alone gives what it gave among thirteen, to the bit. */
static void company_changes_nothing(void **state)
{
  (void)state;
  ag_network *network = network_by_hand((network_wish){.shape = shape, .classes = 10});
  ag_defended *defended = defend(network);
  const size_t floats = ag_shape_floats(shape);
  attack_fixture *all = start_on(network, defended, 0.02F, "2");
  attack_run(all);
  for (size_t i = 0; i < IMAGES; ++i) {
    attack_fixture *alone = start_on(network, defended, 0.02F, "2");
    alone->call.images.count = 1;
    alone->call.images.pixels = alone->pixels + i * floats;
    alone->call.images.labels = alone->labels + i;
    alone->call.images.samples = alone->samples + i;
    attack_run(alone);
    assert_same_bits(alone->adversarial, all->adversarial + i * floats, floats);
    attack_stop(alone);
  }
  attack_stop(all);
  ag_defended_destroy(&defended);
  ag_network_destroy(&network);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_the_worst_of_all_restarts),
      cmocka_unit_test(fallen_images_leave_at_once),
      cmocka_unit_test(no_call_once_all_have_fallen),
      cmocka_unit_test(every_call_has_a_step_of_its_own),
      cmocka_unit_test(more_restarts_never_raise_a_margin),
      cmocka_unit_test(company_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
