/* FGSM on a linear network, where its result is known in closed form. */
#include "support/targets.h"

enum { COUNT = 9, CLASSES = 5 };

/* x' = clip(x + epsilon sign(W'(softmax(Wx) - e_y))), in double up to the sign. */
static float *closed_form(const test_target *target, const attack_fixture *fixture)
{
  const size_t floats = ag_shape_floats(target->target.shape);
  float *want = test_floats(COUNT * floats);
  for (size_t i = 0; i < COUNT; ++i) {
    const float *x = fixture->pixels + i * floats;
    double softmax[CLASSES];
    double sum = 0;
    for (size_t c = 0; c < CLASSES; ++c) {
      softmax[c] = exp((double)target->bias[c] + test_dot(target->weights + c * floats, x, floats));
      sum += softmax[c];
    }
    for (size_t k = 0; k < floats; ++k) {
      double slope = 0;
      for (size_t c = 0; c < CLASSES; ++c) {
        slope += (softmax[c] / sum - (c == fixture->labels[i] ? 1 : 0)) *
                 (double)target->weights[c * floats + k];
      }
      const double moved = (double)x[k] + (slope > 0   ? 1
                                           : slope < 0 ? -1
                                                       : 0) *
                                              (double)fixture->call.threat.epsilon;
      want[i * floats + k] = (float)(moved < 0 ? 0 : moved > 1 ? 1 : moved);
    }
  }
  return want;
}

static void is_the_closed_form(void **state)
{
  (void)state;
  static const float epsilons[] = {0.5F / 255.0F, 8.0F / 255.0F, 0.3F, 1.0F};
  for (size_t e = 0; e < 4; ++e) {
    test_target *target = test_target_create(CLASSES, COUNT + 3, NULL);
    attack_fixture *fixture = attack_start("fgsm", &target->target, COUNT, epsilons[e]);
    const size_t floats = ag_shape_floats(target->target.shape);
    float *clean = test_copy(fixture->pixels, COUNT * floats);
    attack_run(fixture);
    float *want = closed_form(target, fixture);
    assert_close(fixture->adversarial, want, COUNT * floats, 1e-7, 0);
    assert_padding_zero(fixture->adversarial, (size_t)COUNT * 6, 3);
    assert_same_bits(fixture->pixels, clean, COUNT * floats);
    free(want);
    free(clean);
    attack_stop(fixture);
    test_target_destroy(target);
  }
}

static void takes_one_gradient_an_image(void **state)
{
  (void)state;
  test_target *target = test_target_create(CLASSES, COUNT, NULL);
  attack_fixture *fixture = attack_start("fgsm", &target->target, COUNT, 0.1F);
  fixture->call.cost = (ag_attack_cost){.gradients = 100, .forwards = 10}; /* added to */
  attack_run(fixture);
  assert_int_equal(target->record.gradient_images, COUNT);
  assert_int_equal(target->record.logits_images, 0);
  assert_int_equal(fixture->call.cost.gradients, 100 + COUNT);
  assert_int_equal(fixture->call.cost.forwards, 10);
  const ag_attack_cost most = ag_attack_of(&fixture->entry)->cost(&fixture->entry.settings);
  assert_int_equal(most.gradients, 1);
  assert_int_equal(most.forwards, 0);
  attack_stop(fixture);
  test_target_destroy(target);
}

static void epsilon_zero_is_the_image(void **state)
{
  (void)state;
  test_target *target = test_target_create(CLASSES, COUNT, NULL);
  attack_fixture *fixture = attack_start("fgsm", &target->target, COUNT, 0);
  attack_run(fixture);
  assert_same_bits(fixture->adversarial, fixture->pixels,
                   COUNT * ag_shape_floats(target->target.shape));
  attack_stop(fixture);
  test_target_destroy(target);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(is_the_closed_form),
      cmocka_unit_test(takes_one_gradient_an_image),
      cmocka_unit_test(epsilon_zero_is_the_image),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
