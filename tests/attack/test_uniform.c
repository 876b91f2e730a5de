/* Uniform noise: it fills the ball and no more, the worst draw is kept, and what is drawn of an
 * image depends on the image and the draw alone. */
#include "support/targets.h"

enum { COUNT = 4, FLOATS = 3 * 2 * 8, DRAWS = 5 };
static const float EPSILON = 0.2F;

static attack_fixture *start(test_target *target, const char *draws)
{
  attack_fixture *fixture = attack_start("uniform", &target->target, COUNT, EPSILON);
  attack_set(fixture, "draws", draws);
  return fixture;
}

/* The worst comes first, last, in between, and twice alike: then the first counts. */
static const float margins[TARGET_SAMPLES][TARGET_VISITS] = {
    {-3, 5, 4, 3, 2}, {5, 4, 3, 2, 1}, {5, 4, -1, 2, 3}, {5, 2, 4, 2, 3}};
static const size_t worst_visit[COUNT] = {0, 4, 2, 1};

static void keeps_the_worst_draw(void **state)
{
  (void)state;
  test_target *target = test_target_create(3, COUNT + 2, margins);
  attack_fixture *fixture = start(target, "5");
  attack_run(fixture);
  for (size_t i = 0; i < COUNT; ++i) {
    assert_int_equal(target->record.visits[i], DRAWS);
    assert_same_bits(fixture->adversarial + i * FLOATS, target->record.seen[i][worst_visit[i]],
                     FLOATS);
  }
  for (size_t i = 0; i < DRAWS; ++i)
    assert_int_equal(target->record.steps[i], i); /* another one each, for a random defense */
  attack_stop(fixture);
  test_target_destroy(target);
}

static void counts_what_it_asks(void **state)
{
  (void)state;
  test_target *target = test_target_create(3, COUNT, NULL);
  attack_fixture *fixture = start(target, "5");
  fixture->call.cost = (ag_attack_cost){.gradients = 3, .forwards = 10}; /* added to */
  attack_run(fixture);
  assert_int_equal(target->record.gradient_images, 0);
  assert_int_equal(target->record.logits_images, DRAWS * COUNT);
  assert_int_equal(fixture->call.cost.gradients, 3);
  assert_int_equal(fixture->call.cost.forwards, 10 + DRAWS * COUNT);
  const ag_attack_cost most = ag_attack_of(&fixture->entry)->cost(&fixture->entry.settings);
  assert_int_equal(most.gradients, 0);
  assert_int_equal(most.forwards, DRAWS);
  attack_stop(fixture);
  test_target_destroy(target);
}

/* Over all draws each value comes near both ends of what is allowed: 40 draws pass over a tenth of
 * the ball with probability 0.9^40 < 0.015, so that two of the 144 ends are missed on average. */
static void fills_the_ball_and_no_more(void **state)
{
  (void)state;
  enum { MANY = 40 };
  test_target *target = test_target_create(3, COUNT, NULL);
  attack_fixture *fixture = start(target, "40");
  const ag_shape shape = target->target.shape;
  size_t missed = 0;
  attack_run(fixture);
  for (size_t i = 0; i < COUNT; ++i) {
    const float *x0 = fixture->pixels + i * FLOATS;
    for (size_t draw = 0; draw < MANY; ++draw) {
      float linf = 0;
      float l2 = 0;
      assert_int_equal(ag_threat_measure(&fixture->call.threat, FLOATS, x0,
                                         target->record.seen[i][draw], &linf, &l2),
                       AG_OK);
      assert_padding_zero(target->record.seen[i][draw], shape.height * shape.width, 3);
    }
    for (size_t k = 0; k < FLOATS; ++k) {
      float low = 1;
      float high = 0;
      if (k % 8 >= shape.channels) continue;
      for (size_t draw = 0; draw < MANY; ++draw) {
        low = fminf(low, target->record.seen[i][draw][k]);
        high = fmaxf(high, target->record.seen[i][draw][k]);
      }
      missed += low > fmaxf(x0[k] - 0.8F * EPSILON, 0);
      missed += high < fminf(x0[k] + 0.8F * EPSILON, 1);
    }
  }
  assert_true(missed < 15);
  attack_stop(fixture);
  test_target_destroy(target);
}

/* An image alone gets the noise that it gets in company, and the first draws of many are those of
 * few. */
static void noise_belongs_to_the_image_and_the_draw(void **state)
{
  (void)state;
  test_target *target = test_target_create(3, COUNT, NULL);
  test_target *other = test_target_create(3, COUNT, NULL);
  attack_fixture *fixture = start(target, "5");
  attack_fixture *alone = start(other, "2");
  alone->call.images = (ag_attack_images){alone->pixels + (size_t)2 * FLOATS, alone->labels + 2,
                                          alone->samples + 2, 1};
  attack_run(fixture);
  attack_run(alone);
  for (size_t draw = 0; draw < 2; ++draw)
    assert_same_bits(other->record.seen[2][draw], target->record.seen[2][draw], FLOATS);
  assert_true(target->record.seen[2][0][0] != target->record.seen[2][1][0]);
  attack_stop(alone);
  attack_stop(fixture);
  test_target_destroy(other);
  test_target_destroy(target);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_the_worst_draw),
      cmocka_unit_test(counts_what_it_asks),
      cmocka_unit_test(fills_the_ball_and_no_more),
      cmocka_unit_test(noise_belongs_to_the_image_and_the_draw),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
