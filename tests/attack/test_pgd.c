/* PGD's path: where it starts, how far it steps, where it ends on a linear network, and that its
 * random starts belong to the images and not to their places. */
#include "support/targets.h"

enum { COUNT = 8, FLOATS = 3 * 2 * 8 };
static const float EPSILON = 0.1F;

/* A linear target of two classes whose labels always win: no image falls, no sign ever turns. */
static test_target *firm_target(void)
{
  test_target *target = test_target_create(2, COUNT, NULL);
  assert_int_equal(ag_shape_floats(target->target.shape), FLOATS);
  return target;
}

static attack_fixture *start(test_target *target, size_t count)
{
  attack_fixture *fixture = attack_start("pgd", &target->target, count, EPSILON);
  for (size_t i = 0; i < count; ++i)
    fixture->labels[i] = 0;
  target->bias[0] = 50;
  return fixture;
}

/* The corner of the ball that a linear network of two classes drives to: away from w_0 - w_1. */
static float *corner_of(const test_target *target, const attack_fixture *fixture, size_t count)
{
  float *corner = test_floats(count * FLOATS);
  for (size_t i = 0; i < count * FLOATS; ++i) {
    const size_t k = i % FLOATS;
    const float slope = target->weights[FLOATS + k] - target->weights[k];
    const float moved = fixture->pixels[i] + fixture->call.threat.epsilon * (slope > 0   ? 1
                                                                             : slope < 0 ? -1
                                                                                         : 0);
    corner[i] = moved < 0 ? 0 : moved > 1 ? 1 : moved;
  }
  return corner;
}

static void reaches_the_corner(void **state)
{
  (void)state;
  for (size_t random_start = 0; random_start < 2; ++random_start) {
    test_target *target = firm_target();
    attack_fixture *fixture = start(target, COUNT);
    attack_set(fixture, "random_start", random_start == 1 ? "true" : "false");
    attack_run(fixture);
    float *corner = corner_of(target, fixture, COUNT);
    assert_close(fixture->adversarial, corner, (size_t)COUNT * FLOATS, 1e-6, 0);
    assert_padding_zero(fixture->adversarial, (size_t)COUNT * 6, 3);
    free(corner);
    attack_stop(fixture);
    test_target_destroy(target);
  }
}

/* From the image, the iterates are at k steps of 2.5 epsilon / steps, but never behind epsilon;
 * with `step_size` at k of those. */
static void steps_are_as_long_as_said(void **state)
{
  (void)state;
  static const char *const sizes[] = {NULL, "0.015"};
  for (size_t given = 0; given < 2; ++given) {
    test_target *target = firm_target();
    attack_fixture *fixture = start(target, 1);
    for (size_t k = 0; k < FLOATS; ++k)
      fixture->pixels[k] = k % 8 < 3 ? 0.5F : 0; /* far from 0 and 1 */
    attack_set(fixture, "random_start", "false");
    attack_set(fixture, "steps", "10");
    if (sizes[given] != NULL) attack_set(fixture, "step_size", sizes[given]);
    attack_run(fixture);
    assert_int_equal(target->record.visits[0], 11);
    for (size_t visit = 0; visit < 11; ++visit) {
      const double step = given == 0 ? 2.5 * (double)EPSILON / 10 : 0.015;
      const double want = fmin((double)visit * step, (double)EPSILON);
      const double moved = fabs((double)target->record.seen[0][visit][0] - 0.5);
      assert_number_close(moved, want, 1e-6, 0);
    }
    attack_stop(fixture);
    test_target_destroy(target);
  }
}

static void starts_at_the_image_where_told(void **state)
{
  (void)state;
  test_target *target = firm_target();
  attack_fixture *fixture = start(target, COUNT);
  attack_set(fixture, "random_start", "false");
  attack_set(fixture, "restarts", "2");
  attack_set(fixture, "steps", "3");
  attack_run(fixture);
  for (uint32_t i = 0; i < COUNT; ++i) {
    assert_same_bits(target->record.seen[i][0], fixture->pixels + (size_t)i * FLOATS, FLOATS);
    assert_same_bits(target->record.seen[i][4], fixture->pixels + (size_t)i * FLOATS, FLOATS);
  }
  attack_stop(fixture);
  test_target_destroy(target);
}

/* Uniform in the ball, then clipped: every start is inside, they fill it, and they are new in each
 * restart, for each image and for each seed. */
static void random_starts_fill_the_ball(void **state)
{
  (void)state;
  test_target *target = firm_target();
  attack_fixture *fixture = start(target, COUNT);
  double sum = 0;
  double squares = 0;
  size_t values = 0;
  for (size_t i = 0; i < (size_t)COUNT * FLOATS; ++i)
    fixture->pixels[i] = i % 8 < 3 ? 0.5F : 0;
  attack_set(fixture, "restarts", "3");
  attack_set(fixture, "steps", "1");
  attack_run(fixture);
  for (size_t i = 0; i < COUNT; ++i) {
    for (size_t other = 0; other < i; ++other) {
      assert_memory_not_equal(target->record.seen[i][0], target->record.seen[other][0],
                              FLOATS * sizeof(float));
    }
    for (size_t restart = 0; restart < 3; ++restart) {
      const float *x = target->record.seen[i][2 * restart];
      assert_padding_zero(x, 6, 3);
      for (size_t k = 0; k < FLOATS; ++k) {
        const double way = ((double)x[k] - (double)fixture->pixels[i * FLOATS + k]) /
                           (double)EPSILON;
        assert_true(fabs(way) <= 1 + 1e-6);
        if (k % 8 >= 3) continue;
        sum += way;
        squares += way * way;
        ++values;
      }
    }
    assert_memory_not_equal(target->record.seen[i][0], target->record.seen[i][2],
                            FLOATS * sizeof(float));
  }
  /* 432 draws of U(-1, 1): the mean has a deviation of 0.028, the mean square, 1/3, of 0.014. */
  assert_number_close(sum / (double)values, 0, 0.12, 0);
  assert_number_close(squares / (double)values, 1.0 / 3.0, 0.06, 0);
  float *first = test_copy(target->record.seen[0][0], FLOATS);
  target_forget(target);
  fixture->call.seed += 1;
  attack_run(fixture);
  assert_memory_not_equal(target->record.seen[0][0], first, FLOATS * sizeof(float));
  free(first);
  attack_stop(fixture);
  test_target_destroy(target);
}

/* Stored results depend on which draw moves which value: pixel after pixel, channel after channel,
 * of the stream of (seed, image, restart). */
static void starts_are_drawn_in_order(void **state)
{
  (void)state;
  test_target *target = firm_target();
  attack_fixture *fixture = start(target, COUNT);
  attack_set(fixture, "restarts", "2");
  attack_set(fixture, "steps", "1");
  attack_run(fixture);
  for (uint32_t i = 0; i < COUNT; ++i) {
    for (uint32_t restart = 0; restart < 2; ++restart) {
      ag_random random = ag_random_stream(fixture->call.seed, AG_PURPOSE_ATTACK, i, restart);
      float *want = test_copy(fixture->pixels + (size_t)i * FLOATS, FLOATS);
      for (size_t k = 0; k < FLOATS; ++k) {
        if (k % 8 < 3) want[k] += EPSILON * (2 * ag_random_uniform(&random) - 1);
      }
      ag_threat_project(&fixture->call.threat, 1, FLOATS, fixture->pixels + (size_t)i * FLOATS,
                        want);
      assert_same_bits(target->record.seen[i][(size_t)2 * restart], want, FLOATS);
      free(want);
    }
  }
  attack_stop(fixture);
  test_target_destroy(target);
}

static void starts_are_clipped_to_pixels(void **state)
{
  (void)state;
  test_target *target = firm_target();
  attack_fixture *fixture = start(target, COUNT); /* a sixth of its pixels are 0 or 1 */
  attack_set(fixture, "steps", "4");
  attack_run(fixture);
  for (size_t i = 0; i < COUNT; ++i) {
    for (size_t visit = 0; visit < target->record.visits[i]; ++visit) {
      float linf = 0;
      float l2 = 0;
      assert_int_equal(ag_threat_measure(&fixture->call.threat, FLOATS,
                                         fixture->pixels + i * FLOATS,
                                         target->record.seen[i][visit], &linf, &l2),
                       AG_OK);
    }
  }
  attack_stop(fixture);
  test_target_destroy(target);
}

/* Image 3 alone starts where it started among eight, in whatever place. */
static void starts_belong_to_images(void **state)
{
  (void)state;
  test_target *target = firm_target();
  attack_fixture *all = start(target, COUNT);
  attack_set(all, "steps", "2");
  attack_run(all);
  float *first = test_copy(target->record.seen[3][0], FLOATS);
  target_forget(target);
  attack_fixture *alone = start(target, 1);
  attack_set(alone, "steps", "2");
  memcpy(alone->pixels, all->pixels + (size_t)3 * FLOATS, FLOATS * sizeof(float));
  alone->samples[0] = 3;
  attack_run(alone);
  assert_same_bits(target->record.seen[3][0], first, FLOATS);
  assert_same_bits(alone->adversarial, all->adversarial + (size_t)3 * FLOATS, FLOATS);
  free(first);
  attack_stop(alone);
  attack_stop(all);
  test_target_destroy(target);
}

static void epsilon_zero_is_the_image(void **state)
{
  (void)state;
  test_target *target = firm_target();
  attack_fixture *fixture = start(target, COUNT);
  fixture->call.threat.epsilon = 0;
  attack_run(fixture);
  assert_same_bits(fixture->adversarial, fixture->pixels, (size_t)COUNT * FLOATS);
  attack_stop(fixture);
  test_target_destroy(target);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reaches_the_corner),
      cmocka_unit_test(steps_are_as_long_as_said),
      cmocka_unit_test(starts_at_the_image_where_told),
      cmocka_unit_test(random_starts_fill_the_ball),
      cmocka_unit_test(starts_are_drawn_in_order),
      cmocka_unit_test(starts_are_clipped_to_pixels),
      cmocka_unit_test(starts_belong_to_images),
      cmocka_unit_test(epsilon_zero_is_the_image),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
