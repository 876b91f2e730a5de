/* Attacks on a random network, held against the verdict of fresh draws: that an image once fell by
 * lucky draws is no success, and what lies well beyond the border falls. */
#include "evaluation/attacked.h"

static void set(fixture *f, const char *option, const char *value)
{
  assert_int_equal(ag_settings_set(&f->attack.settings, option, value), AG_OK);
}

/* The distances of Carlini and Wagner's attack on a network with that much noise. */
static void find_distances(double noise, double distances[IMAGES])
{
  fixture *f = start((network_wish){.noise = noise}, noise > 0 ? "gaussian-noise" : "none");
  ag_entry_start(&f->attack, kind("cw"));
  set(f, "search_steps", "5");
  set(f, "iterations", "80");
  assert_int_equal(evaluate_entry(f, IMAGES, 0, 0, IMAGES), AG_OK);
  for (size_t i = 0; i < IMAGES; ++i) {
    const ag_outcome *outcome = &f->outcomes[i];
    distances[i] = outcome->clean_prediction == outcome->label ? (double)outcome->l2 : (double)NAN;
  }
  stop(f);
}

/* A little noise moves no border: distances stay, but for the way to where most draws agree. */
static void found_distances_are_confirmed(void **state)
{
  (void)state;
  double calm[IMAGES];
  double noisy[IMAGES];
  size_t found = 0;
  find_distances(0, calm);
  find_distances(0.05, noisy);
  for (size_t i = 0; i < IMAGES; ++i) {
    if (isnan(calm[i]) || isnan(noisy[i])) continue;
    ++found;
    if (noisy[i] < 0.8 * calm[i] || noisy[i] > 1.5 * calm[i]) {
      fail_msg("image %zu: %g far with noise, %g without", i, noisy[i], calm[i]);
    }
  }
  assert_true(found >= IMAGES / 2);
}

/* Of attacks that may go well beyond the border, whatever the image's first fall is. */
static void images_fall_by_fresh_draws(void **state)
{
  (void)state;
  static const char *const norms[] = {"linf", "l2"};
  const double epsilons[] = {0.3, 3};
  for (size_t n = 0; n < 2; ++n) {
    fixture *f = start((network_wish){.noise = 0.3}, "gaussian-noise");
    assert_int_equal(ag_settings_set(&f->defense.settings, "draws", "3"), AG_OK);
    ag_entry_start(&f->attack, kind("pgd"));
    set(f, "norm", norms[n]);
    assert_int_equal(evaluate_entry(f, IMAGES, epsilons[n], 0, IMAGES), AG_OK);
    for (size_t i = 0; i < IMAGES; ++i) {
      const ag_outcome *outcome = &f->outcomes[i];
      if (outcome->clean_prediction != outcome->label) continue;
      if (outcome->prediction == outcome->label)
        fail_msg("image %zu stands in %s with margin %g", i, norms[n], (double)outcome->margin);
    }
    stop(f);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(found_distances_are_confirmed),
      cmocka_unit_test(images_fall_by_fresh_draws),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
