/* Sanity gates on points whose images were made on another model: a black box's. */
#include "evaluation/gate_points.h"

/* Of an attack `first` and a PGD: how many images stand. */
static fixture *against_pgd(const char *first, size_t standing, size_t standing_pgd)
{
  fixture *f = start();
  (void)point(f, attack(f, first, first), "0.1", 0, standing);
  (void)point(f, attack(f, "pgd", "pgd"), "0.1", 0, standing_pgd);
  return f;
}

/* However many gradients of that model they took. */
static void is_a_black_box_attack(void **state)
{
  (void)state;
  static const char *const steps[] = {"10", "1"};
  for (size_t i = 0; i < 2; ++i) {
    fixture *f = against_pgd("transfer", 40, 50);
    set(&f->attacks[0], "steps", steps[i]);
    f->points[0].transferred = true;
    expect(f, AG_GATE_BLACK_BOX, AG_GATE_FAILED,
           "model-1: 50 of 100 images stand under pgd at epsilon 0.1, 40 under transfer at epsilon "
           "0.1; of those that differ 10 to 0, p = 0.001");
    f = against_pgd("transfer", 0, IMAGES);
    set(&f->attacks[0], "steps", steps[i]);
    f->points[0].transferred = true;
    expect(f, AG_GATE_ONE_STEP, AG_GATE_NOT_APPLICABLE,
           "no attacks of one gradient and of 5 or more at one epsilon");
  }
}

static void from_the_model_itself_it_is_one_like_any_other(void **state)
{
  (void)state;
  expect(against_pgd("transfer", 40, 50), AG_GATE_BLACK_BOX, AG_GATE_NOT_APPLICABLE,
         "no attacks without gradients and of 5 or more at one epsilon");
  fixture *f = start();
  (void)point(f, attack(f, "fgsm", "fgsm"), "0.1", 0, 40);
  (void)point(f, attack(f, "transfer", "transfer"), "0.1", 0, 50);
  expect(f, AG_GATE_ONE_STEP, AG_GATE_FAILED,
         "model-1: 50 of 100 images stand under transfer at epsilon 0.1, 40 under fgsm at epsilon "
         "0.1; of those that differ 10 to 0, p = 0.001");
}

/* Neither more steps nor a larger epsilon need find more, and a large one need not find all. */
static void another_model_promises_nothing(void **state)
{
  (void)state;
  static const ag_gate_index gates[] = {AG_GATE_EPSILON, AG_GATE_EFFORT, AG_GATE_LARGE_EPSILON};
  for (size_t own = 0; own < 2; ++own) {
    for (size_t i = 0; i < 3; ++i) {
      fixture *f = start();
      ag_entry *few = attack(f, "transfer", "few");
      (void)point(f, few, "0.1", 0, 40);
      (void)point(f, few, "0.6", 0, 80);
      ag_entry *more = attack(f, "transfer", "more");
      set(more, "steps", "20");
      (void)point(f, more, "0.1", 0, 70);
      for (size_t p = 0; p < f->count; ++p)
        f->points[p].transferred = own == 0;
      const ag_gate *gate = conclude(f, gates[i]);
      assert_int_equal(gate->verdict, own == 0 ? AG_GATE_NOT_APPLICABLE : AG_GATE_FAILED);
      free(f);
    }
  }
}

/* What holds for all: bounds, epsilon 0, and that there was a gradient to follow. */
static void what_holds_for_all_holds(void **state)
{
  (void)state;
  static const ag_gate_index gates[] = {AG_GATE_EPSILON_ZERO, AG_GATE_BOUNDS,
                                        AG_GATE_ZERO_GRADIENTS};
  for (size_t i = 0; i < 3; ++i) {
    fixture *f = start();
    ag_outcome *outcomes = point(f, attack(f, "transfer", "transfer"), "0", 0, 50);
    f->points[0].transferred = true;
    outcomes[3].linf = 0.1F;
    for (size_t k = 0; k < 20; ++k)
      outcomes[k].gradient = AG_GRADIENT_ZERO;
    assert_int_equal(conclude(f, gates[i])->verdict, AG_GATE_FAILED);
    free(f);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(is_a_black_box_attack),
      cmocka_unit_test(from_the_model_itself_it_is_one_like_any_other),
      cmocka_unit_test(another_model_promises_nothing),
      cmocka_unit_test(what_holds_for_all_holds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
