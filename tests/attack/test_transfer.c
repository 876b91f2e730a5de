/* Transfer: PGD that goes on behind the border of the model that it sees. What that is, is
 * the evaluator's business (tests/evaluation/test_source.c). */
#include "support/targets.h"

enum { COUNT = 4, FLOATS = 3 * 2 * 8, STEPS = 3, VISITS = STEPS + 1 };

/* The lowest margin comes in the middle, behind a fall in the first restart, in the second restart
 * of an image that had fallen at its first look, and at the very end. */
static const float script[TARGET_SAMPLES][TARGET_VISITS] = {
    {5, 1, 3, 4, 2, 2, 2, 2},
    {5, -1, -3, -2, 5, 4, 3, 2},
    {-1, 4, 3, 2, 5, 1, -2, 2},
    {-5, -5, -5, -5, -5, -6, -5, -7},
};
static const size_t lowest_visit[COUNT] = {1, 2, 6, 7};

static void all_steps_are_made_on_every_image(void **state)
{
  (void)state;
  test_target *target = test_target_create(3, COUNT, script);
  attack_fixture *fixture = attack_start("transfer", &target->target, COUNT, 0.2F);
  attack_set(fixture, "steps", "3");
  attack_set(fixture, "restarts", "2");
  attack_run(fixture);
  for (size_t i = 0; i < COUNT; ++i) {
    assert_int_equal(target->record.visits[i], 2 * VISITS);
    assert_same_bits(fixture->adversarial + i * FLOATS, target->record.seen[i][lowest_visit[i]],
                     FLOATS);
  }
  const ag_attack_cost most = ag_attack_of(&fixture->entry)->cost(&fixture->entry.settings);
  assert_int_equal(fixture->call.cost.gradients, most.gradients * COUNT);
  assert_int_equal(fixture->call.cost.forwards, most.forwards * COUNT);
  assert_int_equal(most.gradients, 2 * STEPS);
  attack_stop(fixture);
  test_target_destroy(target);
}

/* Where images fall at their last look, if at all, it makes those of PGD. */
static const float standing[TARGET_SAMPLES][TARGET_VISITS] = {
    {5, 1, 3, 4}, {5, 4, 3, -1}, {1, 2, 3, 4}, {4, 3, 2, 1}};

static void its_images_are_those_of_pgd(void **state)
{
  (void)state;
  static const char *const kinds[] = {"pgd", "transfer"};
  float *made[2];
  for (size_t i = 0; i < 2; ++i) {
    test_target *target = test_target_create(3, COUNT, standing);
    attack_fixture *fixture = attack_start(kinds[i], &target->target, COUNT, 0.2F);
    attack_set(fixture, "steps", "3");
    attack_run(fixture);
    made[i] = test_copy(fixture->adversarial, (size_t)COUNT * FLOATS);
    attack_stop(fixture);
    test_target_destroy(target);
  }
  assert_same_bits(made[1], made[0], (size_t)COUNT * FLOATS);
  free(made[0]);
  free(made[1]);
}

/* README: one step from the image is FGSM. */
static void one_step_from_the_image_is_fgsm(void **state)
{
  (void)state;
  static const float falling[TARGET_SAMPLES][TARGET_VISITS] = {{5, 4}, {5, 4}, {5, 4}, {5, 4}};
  float *made[2];
  for (size_t i = 0; i < 2; ++i) {
    test_target *target = test_target_create(3, COUNT, falling);
    attack_fixture *fixture =
        attack_start(i == 0 ? "fgsm" : "transfer", &target->target, COUNT, 0.2F);
    if (i == 1) {
      attack_set(fixture, "steps", "1");
      attack_set(fixture, "random_start", "false");
    }
    attack_run(fixture);
    made[i] = test_copy(fixture->adversarial, (size_t)COUNT * FLOATS);
    attack_stop(fixture);
    test_target_destroy(target);
  }
  assert_same_bits(made[1], made[0], (size_t)COUNT * FLOATS);
  free(made[0]);
  free(made[1]);
}

static void says_whose_model_it_sees(void **state)
{
  (void)state;
  ag_entry entry;
  ag_entry_start(&entry, ag_kind_find(ag_attack_table, "pgd"));
  assert_null(ag_attack_source(&entry));
  ag_entry_start(&entry, ag_kind_find(ag_attack_table, "transfer"));
  assert_string_equal(ag_attack_source(&entry), "none");
  assert_int_equal(ag_settings_set(&entry.settings, "from", "at"), AG_OK);
  assert_string_equal(ag_attack_source(&entry), "at");
  assert_int_equal(ag_attack_norm(&entry), AG_NORM_LINF);
  assert_int_equal(ag_settings_set(&entry.settings, "norm", "l2"), AG_OK);
  assert_int_equal(ag_attack_norm(&entry), AG_NORM_L2);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_steps_are_made_on_every_image),
      cmocka_unit_test(its_images_are_those_of_pgd),
      cmocka_unit_test(one_step_from_the_image_is_fgsm),
      cmocka_unit_test(says_whose_model_it_sees),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
