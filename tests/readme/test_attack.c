/* The attack that the README shows is taken from its text, compiled, and run. */
#include "support/fixture.h"

#include "advgrid/attack.h"

extern const ag_attack ag_attack_uniform;

/* A target of two classes whose first logit falls with the first pixel. */
static void logits_of(void *context, const ag_attack_images *images, uint32_t step, float *logits)
{
  size_t *calls = context;
  ++*calls;
  (void)step;
  for (size_t i = 0; i < images->count; ++i) {
    memset(logits + i * AG_CHANNEL_BLOCK, 0, AG_CHANNEL_BLOCK * sizeof *logits);
    logits[i * AG_CHANNEL_BLOCK] = 1 - images->pixels[i * AG_CHANNEL_BLOCK];
  }
}

static void keeps_the_worst_noise_within_the_ball(void **state)
{
  (void)state;
  enum { IMAGES = 2, FLOATS = AG_CHANNEL_BLOCK };
  size_t calls = 0;
  ag_entry entry;
  ag_entry_start(&entry, &ag_attack_uniform.kind);
  assert_int_equal(ag_settings_set(&entry.settings, "draws", "25"), AG_OK);
  const ag_target target = {
      .shape = {1, 1, 3},
      .classes = 2,
      .stride = AG_CHANNEL_BLOCK,
      .capacity = IMAGES,
      .context = &calls,
      .logits = logits_of,
  };
  const float pixels[IMAGES * FLOATS] = {0.5F, 0.5F, 0.5F, [FLOATS] = 0.99F, 0.5F, 0.0F};
  const uint8_t labels[IMAGES] = {0, 0};
  const uint32_t samples[IMAGES] = {7, 8};
  float adversarial[IMAGES * FLOATS] = {0};
  float *scratch = NULL;
  assert_int_equal(ag_allocate(ag_attack_uniform.scratch_floats(&entry.settings, &target),
                               sizeof(float), &scratch),
                   AG_OK);
  ag_attack_call call = {
      .settings = &entry.settings,
      .target = &target,
      .threat = {.epsilon = 0.1F},
      .seed = 3,
      .images = {pixels, labels, samples, IMAGES},
      .adversarial = adversarial,
      .scratch = scratch,
  };
  ag_attack_uniform.run(&call);
  assert_int_equal(calls, 25);
  assert_int_equal(call.cost.forwards, 25 * IMAGES);
  for (size_t i = 0; i < IMAGES; ++i) {
    float linf = 0;
    float l2 = 0;
    assert_int_equal(ag_threat_measure(&call.threat, FLOATS, pixels + i * FLOATS,
                                       adversarial + i * FLOATS, &linf, &l2),
                     AG_OK);
    for (size_t c = 3; c < FLOATS; ++c)
      assert_true(adversarial[i * FLOATS + c] == 0);
  }
  /* The largest of 25 uniform draws is under half the ball with probability 0.75^25 < 0.001. */
  assert_true(adversarial[0] > 0.55F);
  ag_release(&scratch);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_the_worst_noise_within_the_ball)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
