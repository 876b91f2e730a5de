/* Attacks that find distances, through the evaluator: no bound but [0,1], only what fresh logits
 * confirm, and the same whatever the shards and the epsilon are. */
#include "evaluation/attacked.h"

/* Says that it finds distances, and moves the victim's pixel as far as it likes. */
static const ag_attack boaster = {.kind = {.name = "boaster"},
                                  .finds = AG_FINDS_DISTANCE,
                                  .scratch_floats = scratch_floats,
                                  .cost = no_cost,
                                  .run = run_by_hand};

/* An attack that finds distances has no bound, but a success that the fresh logits do not confirm
 * is none: nothing was found, neither where a pixel moved nor where none did. */
static void distances_are_confirmed(void **state)
{
  (void)state;
  fixture *f = start((network_wish){0}, "none");
  seen.victim = 3;
  seen.value = 1;
  assert_int_equal(evaluate(f, &boaster.kind, IMAGES, 0, 0, IMAGES), AG_OK);
  size_t found = 0;
  for (size_t i = 0; i < IMAGES; ++i) {
    const ag_outcome *outcome = &f->outcomes[i];
    const bool fell = !is_wrong(i) && outcome->prediction != outcome->label;
    const bool none = !is_wrong(i) && !fell;
    assert_true(none == (isinf(outcome->l2) && isinf(outcome->linf)));
    found += fell;
    if (is_wrong(i)) assert_true(outcome->l2 == 0 && outcome->linf == 0);
  }
  assert_int_equal(found, 0); /* one pixel is not enough */
  seen.value = 1.5F;
  assert_int_equal(evaluate(f, &boaster.kind, IMAGES, 0, 0, IMAGES), AG_BOUND_BROKEN);
  stop(f);
}

/* Carlini and Wagner's distances, through the evaluator: the same for shards of any size. */
static void distances_do_not_depend_on_shards(void **state)
{
  (void)state;
  fixture *f = start((network_wish){0}, "none");
  ag_outcome want[IMAGES];
  size_t found = 0;
  assert_int_equal(evaluate(f, ag_kind_find(ag_attack_table, "cw"), IMAGES, 0.1, 0, IMAGES), AG_OK);
  memcpy(want, f->outcomes, sizeof want);
  for (size_t capacity = 1; capacity < 6; capacity += 4) {
    /* Whatever epsilon is. */
    assert_int_equal(evaluate(f, ag_kind_find(ag_attack_table, "cw"), capacity, 0.3, 0, IMAGES),
                     AG_OK);
    assert_memory_equal(f->outcomes, want, sizeof want);
  }
  for (size_t i = 0; i < IMAGES; ++i) {
    if (is_wrong(i) || isinf(want[i].l2)) continue;
    ++found;
    assert_true(want[i].l2 > 0 && want[i].margin < 0 && want[i].prediction != want[i].label);
  }
  assert_int_equal(found, IMAGES - IMAGES / 3);
  stop(f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(distances_are_confirmed),
      cmocka_unit_test(distances_do_not_depend_on_shards),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
