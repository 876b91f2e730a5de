/* Each sanity gate with outcomes made by hand: some that pass it, some that do not, and where it
 * has nothing to say. */
#include "evaluation/gate_points.h"

/* ---- each point by itself ------------------------------------------------------------------- */

static void epsilon_zero(void **state)
{
  (void)state;
  fixture *f = start();
  ag_outcome *outcomes = point(f, attack(f, "pgd", "pgd"), "0", 0, IMAGES);
  outcomes[4].clean_prediction = outcomes[4].prediction = OTHER; /* wrong from the start */
  (void)point(f, attack(f, "pgd", "other"), "0.1", 0, 0);
  expect(f, AG_GATE_EPSILON_ZERO, AG_GATE_PASSED, "1 point");

  f = start();
  outcomes = point(f, attack(f, "pgd", "pgd"), "0", 0, IMAGES);
  outcomes[40].prediction = outcomes[41].prediction = OTHER;
  expect(f, AG_GATE_EPSILON_ZERO, AG_GATE_FAILED,
         "model-1, pgd: image 40 is class 3, and 7 under the attack at epsilon 0");

  f = start();
  (void)point(f, attack(f, "pgd", "pgd"), "1/255", 0, IMAGES);
  expect(f, AG_GATE_EPSILON_ZERO, AG_GATE_NOT_APPLICABLE, "no epsilon is 0");
}

/* Rounding of the sum is no offence, however small epsilon is; a little more is one. */
static void bounds(void **state)
{
  (void)state;
  static const char *const epsilons[] = {"0", "8/255", "0.1"};
  for (size_t i = 0; i < 3; ++i) {
    fixture *f = start();
    ag_outcome *outcomes = point(f, attack(f, "fgsm", "fgsm"), epsilons[i], 0, 0);
    outcomes[9].linf += 0x1p-24F;
    expect(f, AG_GATE_BOUNDS, AG_GATE_PASSED, "1 point");
    f = start();
    outcomes = point(f, attack(f, "fgsm", "fgsm"), epsilons[i], 0, 0);
    outcomes[9].linf += 0x1p-21F;
    const ag_gate *gate = conclude(f, AG_GATE_BOUNDS);
    assert_int_equal(gate->verdict, AG_GATE_FAILED);
    assert_non_null(strstr(gate->text, "model-1, fgsm: image 9 went "));
    free(f);
  }
  fixture *f = start();
  ag_outcome *outcomes = point(f, attack(f, "fgsm", "fgsm"), "0.25", 0, 0);
  outcomes[9].linf = 0.5F;
  expect(f, AG_GATE_BOUNDS, AG_GATE_FAILED,
         "model-1, fgsm: image 9 went 0.5 far at epsilon 0.25, which is 0.25");
  f = start();
  outcomes = point(f, attack(f, "fgsm", "fgsm"), "0.25", 0, 0);
  outcomes[9].linf = NAN;
  assert_int_equal(conclude(f, AG_GATE_BOUNDS)->verdict, AG_GATE_FAILED);
  free(f);
  expect(start(), AG_GATE_BOUNDS, AG_GATE_NOT_APPLICABLE, "no point of an attack is complete");
}

/* Of 100 images 16 are the fewest whose interval lies above a tenth: from 0.10095 on. */
static void large_epsilon(void **state)
{
  (void)state;
  fixture *f = start();
  (void)point(f, attack(f, "pgd", "pgd"), "0.5", 0, 15);
  expect(f, AG_GATE_LARGE_EPSILON, AG_GATE_PASSED, "1 point, 1 insignificant exception");
  f = start();
  (void)point(f, attack(f, "pgd", "pgd"), "0.5", 0, 10);
  expect(f, AG_GATE_LARGE_EPSILON, AG_GATE_PASSED, "1 point");

  f = start();
  (void)point(f, attack(f, "pgd", "pgd"), "0.5", 0, 16);
  expect(f, AG_GATE_LARGE_EPSILON, AG_GATE_FAILED,
         "model-1, pgd at epsilon 0.5: 16 of 100 images stand, 16.00 %; guessing gives 10.00 %");

  /* Where epsilon is smaller or gradients are few, much may stand. */
  f = start();
  (void)point(f, attack(f, "pgd", "pgd"), "0.4", 0, IMAGES);
  ag_entry *short_one = attack(f, "pgd", "short");
  set(short_one, "steps", "4");
  (void)point(f, short_one, "1", 0, IMAGES);
  (void)point(f, attack(f, "fgsm", "fgsm"), "1", 0, IMAGES);
  (void)point(f, attack(f, "uniform", "uniform"), "1", 0, IMAGES);
  ag_entry *l2 = attack(f, "pgd", "in L2, where 1 is little");
  set(l2, "norm", "l2");
  (void)point(f, l2, "1", 0, IMAGES);
  expect(f, AG_GATE_LARGE_EPSILON, AG_GATE_NOT_APPLICABLE,
         "no attack of 5 gradients or more at an epsilon of 0.5 or more in Linf");
}

static void set_gradients(ag_outcome *outcomes, size_t count, ag_first_gradient gradient)
{
  for (size_t i = 0; i < count; ++i)
    outcomes[i].gradient = (uint8_t)gradient;
}

/* One in a hundred is allowed: of 100 images 3 are the fewest whose interval lies above, from
 * 0.0103 on, and of 20 images 2, from 0.028 on. */
static void zero_gradients(void **state)
{
  (void)state;
  fixture *f = start();
  (void)point(f, attack(f, "fgsm", "fgsm"), "0.1", 0, 0);
  expect(f, AG_GATE_ZERO_GRADIENTS, AG_GATE_PASSED, "100 attacked images");

  f = start();
  set_gradients(point(f, attack(f, "fgsm", "fgsm"), "0.1", 0, 0), 2, AG_GRADIENT_ZERO);
  expect(f, AG_GATE_ZERO_GRADIENTS, AG_GATE_PASSED,
         "100 attacked images, 2 insignificant exceptions");

  f = start();
  set_gradients(point(f, attack(f, "fgsm", "fgsm"), "0.1", 0, 0), 3, AG_GRADIENT_ZERO);
  expect(f, AG_GATE_ZERO_GRADIENTS, AG_GATE_FAILED,
         "model-1, fgsm at epsilon 0.1: the first gradient is all zero for 3 of 100 images");

  /* Of those of which it is known. */
  f = start();
  ag_outcome *outcomes = point(f, attack(f, "fgsm", "fgsm"), "0.1", 0, 0);
  set_gradients(outcomes, 80, AG_GRADIENT_UNKNOWN);
  set_gradients(outcomes + 80, 2, AG_GRADIENT_ZERO);
  expect(f, AG_GATE_ZERO_GRADIENTS, AG_GATE_FAILED,
         "model-1, fgsm at epsilon 0.1: the first gradient is all zero for 2 of 20 images");

  f = start();
  set_gradients(point(f, attack(f, "fgsm", "fgsm"), "0.1", 0, 0), IMAGES, AG_GRADIENT_UNKNOWN);
  expect(f, AG_GATE_ZERO_GRADIENTS, AG_GATE_NOT_APPLICABLE,
         "no attack asked for gradients, or it was not noted");
}

/* ---- pairs ---------------------------------------------------------------------------------- */

/* At 0.1 images 50 to 99 fall; at 0.2 images 0 to `fallen` do. */
static fixture *two_epsilons(size_t fallen)
{
  fixture *f = start();
  const ag_entry *entry = attack(f, "pgd", "pgd");
  (void)point(f, entry, "0.2", fallen, IMAGES); /* the job's order is not theirs */
  (void)point(f, entry, "0.1", 0, 50);
  return f;
}

/* 50 against 30 has the probability 0.0165, 50 against 28 has 0.0084. */
static void epsilon(void **state)
{
  (void)state;
  expect(two_epsilons(80), AG_GATE_EPSILON, AG_GATE_PASSED, "1 pair of epsilons");
  expect(two_epsilons(30), AG_GATE_EPSILON, AG_GATE_PASSED,
         "1 pair of epsilons, 1 insignificant exception");
  expect(two_epsilons(28), AG_GATE_EPSILON, AG_GATE_FAILED,
         "model-1: 72 of 100 images stand under pgd at epsilon 0.2, 50 under pgd at epsilon 0.1;"
         " of those that differ 50 to 28, p = 0.008");
  fixture *f = start();
  (void)point(f, attack(f, "pgd", "pgd"), "0.1", 0, 50);
  (void)point(f, attack(f, "pgd", "other"), "0.2", 0, IMAGES);
  static const char missing[] = "no attack of 5 gradients or more, or of none, has two epsilons";
  expect(f, AG_GATE_EPSILON, AG_GATE_NOT_APPLICABLE, missing);
  /* One step may overshoot; noise does not. */
  static const char *const kinds[] = {"fgsm", "uniform"};
  for (size_t i = 0; i < 2; ++i) {
    f = start();
    const ag_entry *entry = attack(f, kinds[i], "noise");
    (void)point(f, entry, "0.1", 0, 0);
    (void)point(f, entry, "0.2", 0, 7);
    expect(f, AG_GATE_EPSILON, i == 0 ? AG_GATE_NOT_APPLICABLE : AG_GATE_FAILED,
           i == 0 ? missing
                  : "model-1: 7 of 100 images stand under noise at epsilon 0.2, 0 under noise at"
                    " epsilon 0.1; of those that differ 7 to 0, p = 0.008");
  }
}

/* What is significant alone is not among several. Neighbours are compared, of one attack. */
static void many_comparisons_share_the_level(void **state)
{
  (void)state;
  fixture *f = two_epsilons(28);
  (void)point(f, &f->attacks[0], "0.3", 40, 100);
  const ag_gate *gate = conclude(f, AG_GATE_EPSILON);
  assert_int_equal(gate->checks, 2);
  assert_int_equal(gate->verdict, AG_GATE_PASSED);
  free(f);
  f = two_epsilons(20);
  (void)point(f, &f->attacks[0], "0.3", 90, 100);
  (void)point(f, &f->attacks[0], "0.4", 90, 100);
  expect(f, AG_GATE_EPSILON, AG_GATE_FAILED,
         "model-1: 80 of 100 images stand under pgd at epsilon 0.2, 50 under pgd at epsilon 0.1;"
         " of those that differ 50 to 20, p = 0.0002");
}

/* The next point's attack of two differs in an option; all images fall to the first. */
static fixture *two_attacks(const char *kind, const char *option, const char *value,
                            const char *epsilon_text)
{
  fixture *f = start();
  (void)point(f, attack(f, kind, "first"), epsilon_text, 0, 0);
  ag_entry *second = attack(f, kind, "second");
  set(second, option, value);
  (void)point(f, second, epsilon_text, 0, IMAGES);
  return f;
}

static void effort(void **state)
{
  (void)state;
  static const char *const more[][3] = {
      {"pgd", "steps", "20"}, {"pgd", "restarts", "2"}, {"uniform", "draws", "11"}};
  for (size_t i = 0; i < 3; ++i) {
    expect(two_attacks(more[i][0], more[i][1], more[i][2], "0.1"), AG_GATE_EFFORT, AG_GATE_FAILED,
           "model-1: 100 of 100 images stand under second at epsilon 0.1, 0 under first at epsilon"
           " 0.1; of those that differ 100 to 0, p = 8e-31");
  }
  /* Less effort may find less; another attack is another matter. */
  static const char missing[] = "no two attacks differ in steps, restarts or draws alone";
  expect(two_attacks("pgd", "steps", "9", "0.1"), AG_GATE_EFFORT, AG_GATE_PASSED,
         "1 pair of attacks");
  expect(two_attacks("pgd", "random_start", "false", "0.1"), AG_GATE_EFFORT, AG_GATE_NOT_APPLICABLE,
         missing);
  expect(two_attacks("pgd", "step_size", "0.1", "0.1"), AG_GATE_EFFORT, AG_GATE_NOT_APPLICABLE,
         missing);
  /* More of one and less of the other. */
  fixture *f = two_attacks("pgd", "steps", "5", "0.1");
  set(&f->attacks[1], "restarts", "3");
  expect(f, AG_GATE_EFFORT, AG_GATE_NOT_APPLICABLE, missing);
  /* At two epsilons, and at 0, where nothing is searched. */
  f = two_attacks("pgd", "steps", "20", "0.1");
  f->points[1].epsilon = 0.2;
  expect(f, AG_GATE_EFFORT, AG_GATE_NOT_APPLICABLE, missing);
  expect(two_attacks("pgd", "steps", "20", "0"), AG_GATE_EFFORT, AG_GATE_NOT_APPLICABLE, missing);
}

/* Of an attack `first` and a PGD: how many images stand. */
static fixture *against_pgd(const char *kind, size_t standing, const char *steps,
                            size_t standing_pgd)
{
  fixture *f = start();
  (void)point(f, attack(f, kind, kind), "0.1", 0, standing);
  ag_entry *pgd = attack(f, "pgd", "pgd");
  set(pgd, "steps", steps);
  (void)point(f, pgd, "0.1", 0, standing_pgd);
  return f;
}

static void one_step(void **state)
{
  (void)state;
  expect(against_pgd("fgsm", 60, "5", 40), AG_GATE_ONE_STEP, AG_GATE_PASSED, "1 pair of attacks");
  expect(against_pgd("fgsm", 40, "5", 46), AG_GATE_ONE_STEP, AG_GATE_PASSED,
         "1 pair of attacks, 1 insignificant exception");
  expect(against_pgd("fgsm", 40, "5", 47), AG_GATE_ONE_STEP, AG_GATE_FAILED,
         "model-1: 47 of 100 images stand under pgd at epsilon 0.1, 40 under fgsm at epsilon 0.1;"
         " of those that differ 7 to 0, p = 0.008");
  static const char missing[] = "no attacks of one gradient and of 5 or more at one epsilon";
  fixture *f = against_pgd("fgsm", 0, "5", IMAGES);
  set(&f->attacks[1], "norm", "l2"); /* where the same epsilon is another ball */
  expect(f, AG_GATE_ONE_STEP, AG_GATE_NOT_APPLICABLE, missing);
  expect(against_pgd("fgsm", 0, "4", IMAGES), AG_GATE_ONE_STEP, AG_GATE_NOT_APPLICABLE, missing);
  expect(against_pgd("uniform", 0, "5", IMAGES), AG_GATE_ONE_STEP, AG_GATE_NOT_APPLICABLE, missing);
}

static void black_box(void **state)
{
  (void)state;
  expect(against_pgd("uniform", 60, "5", 40), AG_GATE_BLACK_BOX, AG_GATE_PASSED,
         "1 pair of attacks");
  expect(
      against_pgd("uniform", 40, "5", 50), AG_GATE_BLACK_BOX, AG_GATE_FAILED,
      "model-1: 50 of 100 images stand under pgd at epsilon 0.1, 40 under uniform at epsilon 0.1;"
      " of those that differ 10 to 0, p = 0.001");
  static const char missing[] = "no attacks without gradients and of 5 or more at one epsilon";
  expect(against_pgd("fgsm", 0, "5", IMAGES), AG_GATE_BLACK_BOX, AG_GATE_NOT_APPLICABLE, missing);
}

/* Images that were wrong from the start are nobody's. */
static void wrong_images_do_not_count(void **state)
{
  (void)state;
  fixture *f = against_pgd("fgsm", 40, "5", 60);
  for (size_t p = 0; p < 2; ++p) {
    for (size_t i = 40; i < IMAGES; ++i)
      f->outcomes[p][i].clean_prediction = OTHER;
  }
  expect(f, AG_GATE_ONE_STEP, AG_GATE_PASSED, "1 pair of attacks");
}

/* ---- models ---------------------------------------------------------------------------------- */

/* Points of two models never meet, the first that breaks a bound is named, and what holds for one
 * model is no excuse for another. */
static void models_add_up(void **state)
{
  (void)state;
  fixture *f = start();
  (void)point(f, attack(f, "fgsm", "fgsm"), "0.1", 0, 0);
  (void)point(f, attack(f, "pgd", "pgd"), "0.1", 0, IMAGES);
  f->outcomes[1][5].linf = 1;
  for (size_t i = 0; i < 2; ++i) {
    ag_gates_take(&f->gates, &(ag_gate_model){.name = i == 0 ? "one" : "two",
                                              .classes = CLASSES,
                                              .point_count = 1,
                                              .points = f->points + i});
  }
  ag_gates_take(&f->gates, &(ag_gate_model){.name = "three",
                                            .classes = CLASSES,
                                            .point_count = 1,
                                            .points = f->points + 1});
  ag_gates_conclude(&f->gates);
  const ag_gate *gates = f->gates.gates;
  assert_int_equal(gates[AG_GATE_ONE_STEP].verdict, AG_GATE_NOT_APPLICABLE);
  assert_int_equal(gates[AG_GATE_BOUNDS].checks, 3);
  assert_int_equal(gates[AG_GATE_BOUNDS].verdict, AG_GATE_FAILED);
  assert_string_equal(gates[AG_GATE_BOUNDS].text,
                      "two, pgd: image 5 went 1 far at epsilon 0.1, which is 0.1");
  free(f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(epsilon_zero),  cmocka_unit_test(bounds),

      cmocka_unit_test(large_epsilon), cmocka_unit_test(zero_gradients),
      cmocka_unit_test(epsilon),       cmocka_unit_test(many_comparisons_share_the_level),
      cmocka_unit_test(effort),        cmocka_unit_test(one_step),
      cmocka_unit_test(black_box),     cmocka_unit_test(wrong_images_do_not_count),
      cmocka_unit_test(models_add_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
