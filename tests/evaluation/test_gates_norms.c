/* The gate of bounds in other norms than Linf, and for attacks that find distances. */
#include "evaluation/gate_points.h"

/* In its own norm: in L2 an epsilon bounds the root of the sum. */
static void bounds_in_l2(void **state)
{
  (void)state;
  for (size_t outside = 0; outside < 2; ++outside) {
    fixture *f = start();
    ag_entry *entry = attack(f, "pgd", "pgd");
    set(entry, "norm", "l2");
    ag_outcome *outcomes = point(f, entry, "0.25", 0, 0);
    for (size_t i = 0; i < IMAGES; ++i)
      outcomes[i].l2 = 0.25F;
    outcomes[9].l2 += outside == 1 ? 1e-4F : 1e-6F;
    outcomes[8].linf = 7; /* which says nothing */
    const ag_gate *gate = conclude(f, AG_GATE_BOUNDS);
    assert_int_equal(gate->verdict, outside == 1 ? AG_GATE_FAILED : AG_GATE_PASSED);
    free(f);
  }
}

/* Where the nearest adversarial image is beyond epsilon nothing was moved; one within is no further
 * than epsilon. */
static void bounds_of_distances(void **state)
{
  (void)state;
  fixture *f = start();
  ag_outcome *outcomes = point(f, attack(f, "cw", "cw"), "0.25", 0, 50);
  for (size_t i = 0; i < IMAGES; ++i)
    outcomes[i].l2 = i < 25 ? INFINITY : i < 50 ? 0.4F : 0.2F;
  expect(f, AG_GATE_BOUNDS, AG_GATE_PASSED, "1 point");
  f = start();
  outcomes = point(f, attack(f, "cw", "cw"), "0.25", 0, 50);
  outcomes[70].l2 = 0.26F;
  assert_int_equal(conclude(f, AG_GATE_BOUNDS)->verdict, AG_GATE_FAILED);
  free(f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bounds_in_l2),
      cmocka_unit_test(bounds_of_distances),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
