/* Certificates and the sanity gates: no attack, but a bound for all that are. */
#include "evaluation/gate_points.h"

static ag_entry *pgd_l2(fixture *f)
{
  ag_entry *entry = attack(f, "pgd", "pgd-l2");
  set(entry, "norm", "l2");
  return entry;
}

/* Of the images that a certificate lets stand some may fall by chance, by how few draws judge, but
 * no more: whatever else stands under the attack, or was wrong before it. */
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
  (void)point(f, attack(f, "certify", "certify"), "0.25", 0, 40);
  (void)point(f, pgd_l2(f), "0.25", 8, IMAGES);
  expect(f, AG_GATE_CERTIFICATE, AG_GATE_FAILED,
         "model-1: 8 of 40 images that certify certifies at epsilon 0.25 fall to pgd-l2");

  f = start();
  (void)point(f, attack(f, "certify", "certify"), "0.25", 0, 40);
  ag_outcome *outcomes = point(f, pgd_l2(f), "0.25", 8, IMAGES);
  for (size_t i = 0; i < 8; ++i)
    outcomes[i].clean_prediction = OTHER;
  expect(f, AG_GATE_CERTIFICATE, AG_GATE_PASSED, "1 attack with a certificate");
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

/* What gates but its own say of PGD, alone or beside a certificate that abstains at 0, lets all
 * stand at 0.5 and has radii beyond epsilon. */
static void other_gates(bool certified, ag_gates *gates)
{
  fixture *f = start();
  const ag_entry *many = attack(f, "pgd", "pgd");
  set(&f->attacks[0], "norm", "l2");
  (void)point(f, many, "0.25", 0, 60);
  (void)point(f, many, "0.5", 0, 40);
  if (certified) {
    ag_entry *entry = attack(f, "certify", "certify");
    ag_outcome *outcomes = point(f, entry, "0", 0, 20);
    outcomes[3].l2 = 7;
    outcomes[3].gradient = AG_GRADIENT_ZERO;
    (void)point(f, entry, "0.5", 0, 40);
    (void)point(f, entry, "0.25", 0, 0);
  }
  (void)conclude(f, AG_GATE_CERTIFICATE);
  *gates = f->gates;
  free(f);
}

static void no_other_gate_takes_them(void **state)
{
  (void)state;
  ag_gates alone;
  ag_gates beside;
  other_gates(false, &alone);
  other_gates(true, &beside);
  for (size_t i = 0; i < AG_GATES; ++i) {
    if (i == AG_GATE_CERTIFICATE) continue;
    assert_int_equal(beside.gates[i].verdict, alone.gates[i].verdict);
    assert_string_equal(beside.gates[i].text, alone.gates[i].text);
  }
  assert_int_equal(alone.gates[AG_GATE_EPSILON].verdict, AG_GATE_PASSED);
  assert_int_equal(beside.gates[AG_GATE_CERTIFICATE].verdict, AG_GATE_PASSED);
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
