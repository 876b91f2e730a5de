/* Certificates and the sanity gates: no attack, but a bound for all that are. */
#include "evaluation/gate_points.h"

static ag_entry *pgd_l2(fixture *f)
{
  ag_entry *entry = attack(f, "pgd", "pgd-l2");
  set(entry, "norm", "l2");
  return entry;
}

/* What a certificate lets stand no attack may fell, but for chance: nine images are too many. */
static void certificates_bound_attacks(void **state)
{
  (void)state;
  fixture *f = start();
  (void)point(f, pgd_l2(f), "0.25", 0, 60);
  (void)point(f, attack(f, "certify", "certify"), "0.25", 0, 60);
  expect(f, AG_GATE_CERTIFICATE, AG_GATE_PASSED, "1 attack with a certificate");

  f = start();
  (void)point(f, pgd_l2(f), "0.25", 0, 60);
  (void)point(f, attack(f, "certify", "certify"), "0.25", 0, 63);
  expect(f, AG_GATE_CERTIFICATE, AG_GATE_PASSED,
         "1 attack with a certificate, 1 insignificant exception");

  f = start();
  (void)point(f, attack(f, "certify", "certify"), "0.25", 0, 69);
  (void)point(f, pgd_l2(f), "0.25", 0, 60);
  expect(f, AG_GATE_CERTIFICATE, AG_GATE_FAILED,
         "model-1: 69 of 100 images stand under certify at epsilon 0.25, 60 under pgd-l2 at "
         "epsilon 0.25; of those that differ 9 to 0, p = 0.002");
}

/* A distance that Carlini and Wagner's attack finds is an attack in L2 too. */
static void any_attack_in_l2_will_do(void **state)
{
  (void)state;
  fixture *f = start();
  (void)point(f, attack(f, "cw", "cw"), "0.25", 0, 60);
  (void)point(f, attack(f, "certify", "certify"), "0.25", 0, 99);
  const ag_gate *gate = conclude(f, AG_GATE_CERTIFICATE);
  assert_int_equal(gate->verdict, AG_GATE_FAILED);
  free(f);
}

/* Another norm, another epsilon, and another certificate are no comparison. */
static void others_are_not_compared(void **state)
{
  (void)state;
  fixture *f = start();
  (void)point(f, attack(f, "pgd", "pgd"), "0.25", 0, 0);
  (void)point(f, pgd_l2(f), "0.5", 0, 0);
  (void)point(f, attack(f, "certify", "certify"), "0.25", 0, 99);
  (void)point(f, attack(f, "certify", "other"), "0.25", 0, 10);
  expect(f, AG_GATE_CERTIFICATE, AG_GATE_NOT_APPLICABLE,
         "no certificate and no attack in L2 at one epsilon");
}

/* No other gate says anything of it: at 0 it abstains, at 0.5 all stand, radii lie beyond epsilon,
 * and with more of anything another may certify less. */
static void no_other_gate_takes_them(void **state)
{
  (void)state;
  fixture *f = start();
  ag_entry *entry = attack(f, "certify", "certify");
  ag_outcome *outcomes = point(f, entry, "0", 0, 20);
  outcomes[3].l2 = 7;
  outcomes[3].gradient = AG_GRADIENT_ZERO;
  (void)point(f, entry, "0.5", 0, IMAGES);
  ag_entry *many = attack(f, "pgd", "pgd");
  set(many, "norm", "l2");
  (void)conclude(f, AG_GATE_CERTIFICATE);
  for (size_t i = 0; i < AG_GATES; ++i) {
    const ag_gate *gate = &f->gates.gates[i];
    if (gate->verdict != AG_GATE_NOT_APPLICABLE) fail_msg("%s: %s", gate->name, gate->text);
  }
  assert_string_equal(f->gates.gates[AG_GATE_BOUNDS].text, "no point of an attack is complete");
  free(f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(certificates_bound_attacks),
      cmocka_unit_test(any_attack_in_l2_will_do),
      cmocka_unit_test(others_are_not_compared),
      cmocka_unit_test(no_other_gate_takes_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
