/* PGD in L2: on a linear network it ends where the closed form says, its steps are as long as said,
 * its starts belong to the images, and no image depends on those beside it. */
#include "support/targets.h"

enum { COUNT = 8, FLOATS = 3 * 2 * 8 };

/* A linear target of two classes whose labels always win, and pixels far from 0 and 1. */
static test_target *firm_target(void)
{
  test_target *target = test_target_create(2, COUNT, NULL);
  target->bias[0] = 50;
  return target;
}

static attack_fixture *start(test_target *target, size_t count, float epsilon)
{
  attack_fixture *fixture = attack_start("pgd", &target->target, count, epsilon);
  attack_set(fixture, "norm", "l2");
  fixture->call.threat = ag_attack_threat(&fixture->entry, (double)epsilon);
  assert_int_equal(fixture->call.threat.norm, AG_NORM_L2);
  for (size_t i = 0; i < count; ++i)
    fixture->labels[i] = 0;
  for (size_t k = 0; k < count * FLOATS; ++k)
    fixture->pixels[k] = k % 8 < 3 ? 0.4F + 0.2F * fixture->pixels[k] : 0;
  return fixture;
}

/* x0 + epsilon (w_1 - w_0) / |w_1 - w_0|_2. */
static void reaches_the_closed_form(void **state)
{
  (void)state;
  for (size_t random_start = 0; random_start < 2; ++random_start) {
    test_target *target = firm_target();
    attack_fixture *fixture = start(target, COUNT, 0.25F);
    float *want = test_floats((size_t)COUNT * FLOATS);
    double length = 0;
    for (size_t k = 0; k < FLOATS; ++k)
      length += pow((double)target->weights[FLOATS + k] - (double)target->weights[k], 2);
    for (size_t i = 0; i < (size_t)COUNT * FLOATS; ++i) {
      const size_t k = i % FLOATS;
      const double slope = (double)target->weights[FLOATS + k] - (double)target->weights[k];
      want[i] = (float)((double)fixture->pixels[i] + 0.25 * slope / sqrt(length));
    }
    attack_set(fixture, "random_start", random_start == 1 ? "true" : "false");
    attack_set(fixture, "steps", "50");
    attack_set(fixture, "step_size", "0.1"); /* what leads aside shrinks by 0.25 / 0.35 */
    attack_run(fixture);
    /* The margin is flat here: which of the last iterates is the worst, rounding says. */
    for (size_t i = 0; i < COUNT; ++i)
      assert_close(target->record.seen[i][50], want + i * FLOATS, FLOATS, 1e-6, 0);
    assert_close(fixture->adversarial, want, (size_t)COUNT * FLOATS, 2e-3, 0);
    assert_padding_zero(fixture->adversarial, (size_t)COUNT * 6, 3);
    free(want);
    attack_stop(fixture);
    test_target_destroy(target);
  }
}

static double way(const float *from, const float *to)
{
  double sum = 0;
  for (size_t k = 0; k < FLOATS; ++k)
    sum += pow((double)to[k] - (double)from[k], 2);
  return sqrt(sum);
}

/* From the image, the iterates are at k steps of 2.5 epsilon / steps, but never behind epsilon. */
static void steps_are_as_long_as_said(void **state)
{
  (void)state;
  test_target *target = firm_target();
  attack_fixture *fixture = start(target, 1, 0.2F);
  attack_set(fixture, "random_start", "false");
  attack_set(fixture, "steps", "10");
  attack_run(fixture);
  assert_int_equal(target->record.visits[0], 11);
  for (size_t visit = 0; visit < 11; ++visit) {
    assert_number_close(way(fixture->pixels, target->record.seen[0][visit]),
                        fmin((double)visit * 0.05, 0.2), 1e-6, 0);
  }
  attack_stop(fixture);
  test_target_destroy(target);
}

/* The starts are the threat model's, of the stream of (seed, image, restart); each iterate is in
 * the ball; an image alone goes the way it went among eight. */
static void starts_belong_to_images(void **state)
{
  (void)state;
  test_target *target = firm_target();
  attack_fixture *all = start(target, COUNT, 0.3F);
  attack_set(all, "steps", "3");
  attack_set(all, "restarts", "2");
  attack_run(all);
  float drawn[FLOATS];
  float want[FLOATS];
  for (uint32_t i = 0; i < COUNT; ++i) {
    for (uint32_t restart = 0; restart < 2; ++restart) {
      ag_random random = ag_random_stream(all->call.seed, AG_PURPOSE_ATTACK, i, restart);
      ag_threat_start(&all->call.threat, target->target.shape, &random,
                      all->pixels + (size_t)i * FLOATS, drawn, want);
      assert_same_bits(target->record.seen[i][(size_t)4 * restart], want, FLOATS);
    }
    for (size_t visit = 0; visit < target->record.visits[i]; ++visit) {
      assert_true(way(all->pixels + (size_t)i * FLOATS, target->record.seen[i][visit]) <
                  0.3 + 1e-6);
    }
  }
  target_forget(target);
  attack_fixture *alone = start(target, 1, 0.3F);
  attack_set(alone, "steps", "3");
  attack_set(alone, "restarts", "2");
  memcpy(alone->pixels, all->pixels + (size_t)5 * FLOATS, FLOATS * sizeof(float));
  alone->samples[0] = 5;
  attack_run(alone);
  assert_same_bits(alone->adversarial, all->adversarial + (size_t)5 * FLOATS, FLOATS);
  attack_stop(alone);
  attack_stop(all);
  test_target_destroy(target);
}

static void epsilon_zero_is_the_image(void **state)
{
  (void)state;
  test_target *target = firm_target();
  attack_fixture *fixture = start(target, COUNT, 0);
  attack_run(fixture);
  assert_same_bits(fixture->adversarial, fixture->pixels, (size_t)COUNT * FLOATS);
  attack_stop(fixture);
  test_target_destroy(target);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reaches_the_closed_form),
      cmocka_unit_test(steps_are_as_long_as_said),
      cmocka_unit_test(starts_belong_to_images),
      cmocka_unit_test(epsilon_zero_is_the_image),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
