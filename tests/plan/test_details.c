/* What a job's images bring home: which, how large, that no key says so, and what is refused. */
#include "advgrid/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NONE, NOISE, LATENT, DEFENSES, LINE = 8 };

static ag_status read_job(const char *model, const char *evaluation, ag_job **job)
{
  char text[1024];
  snprintf(text, sizeof text,
           "seed: 7\n"
           "dataset: {kind: synthetic, training_images: 2000, test_images: 300}\n"
           "model: {kind: %s}\n"
           "training: {shard: 16}\n"
           "defenses: [{kind: none}, {kind: gaussian-noise, after: conv1, draws: 19}, "
           "{kind: latent, layer: conv2}]\n"
           "attacks: [{kind: fgsm}, {kind: cw}]\n"
           "epsilons: [0.1, 0.2]\n"
           "evaluation: {images: 100, block: 40%s}\n",
           model, evaluation);
  return ag_job_read(text, strlen(text), "job.yaml", job);
}

static ag_plan *make_plan(const char *evaluation, ag_job **job)
{
  ag_plan *plan = NULL;
  if (read_job("small", evaluation, job) != AG_OK) fail_msg("%s", ag_message());
  if (ag_plan_create(*job, NULL, &plan) != AG_OK) fail_msg("%s", ag_message());
  return plan;
}

static void forget(ag_plan *plan, ag_job *job)
{
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

static void check_kind(const ag_details_form *form, ag_detail kind, size_t images, size_t bytes)
{
  const ag_details all = {.form = form, .count = 100};
  assert_int_equal(ag_details_images(&all, kind), images);
  assert_int_equal(form->kinds[kind].bytes, bytes);
}

static void four_pictures_come_without_being_asked_for(void **state)
{
  (void)state;
  ag_job *job = NULL;
  ag_plan *plan = make_plan("", &job);
  for (size_t d = 0; d < DEFENSES; ++d) {
    const ag_details_form *form = &plan->models[d].details;
    check_kind(form, AG_DETAIL_PIXELS, 4, sizeof(float) * 32 * 32 * 3);
    check_kind(form, AG_DETAIL_PROBABILITIES, 4, sizeof(float) * 10);
    check_kind(form, AG_DETAIL_POINT, 0, 0);
    check_kind(form, AG_DETAIL_DISTANCE, d == LATENT ? 100 : 0, d == LATENT ? sizeof(float) : 0);
    check_kind(form, AG_DETAIL_DRAWS, d == NOISE ? 100 : 0, d == NOISE ? 3 : 0);
    assert_int_equal(form->draws, d == NOISE ? 19 : 0);
    for (ag_detail kind = 0; kind < AG_DETAILS; ++kind)
      assert_false(form->kinds[kind].asked);
  }
  forget(plan, job);
}

/* conv2 of `small` hands on [8, 8, 16]. */
static void what_is_asked_for_is_planned(void **state)
{
  (void)state;
  ag_job *job = NULL;
  ag_plan *plan = make_plan(", examples: 60, latent: conv2, latent_images: 41", &job);
  const ag_details_form *form = &plan->models[NONE].details;
  const ag_details second = {.form = form, .first = 40, .count = 40};
  check_kind(form, AG_DETAIL_PIXELS, 60, sizeof(float) * 32 * 32 * 3);
  check_kind(form, AG_DETAIL_POINT, 41, sizeof(float) * 8 * 8 * 16);
  assert_string_equal(form->layer, "conv2");
  assert_true(form->kinds[AG_DETAIL_PIXELS].asked && form->kinds[AG_DETAIL_POINT].asked);
  /* Of the second block of images some have them. */
  assert_int_equal(ag_details_images(&second, AG_DETAIL_PIXELS), 20);
  assert_int_equal(ag_details_images(&second, AG_DETAIL_POINT), 1);
  forget(plan, job);
  plan = make_plan(", examples: 0", &job);
  check_kind(&plan->models[NONE].details, AG_DETAIL_PIXELS, 0, 0);
  forget(plan, job);
}

/* Finished work keeps its keys, and what it brings home decides whether it counts. */
static void no_key_says_what_is_brought_home(void **state)
{
  (void)state;
  static const char *const asked[] = {"", ", examples: 0", ", examples: 9",
                                      ", latent: conv1, latent_images: 3"};
  ag_job *jobs[4];
  ag_plan *plans[4];
  for (size_t i = 0; i < 4; ++i) {
    plans[i] = make_plan(asked[i], &jobs[i]);
    for (size_t u = 0; u < plans[0]->unit_count; ++u)
      assert_memory_equal(&plans[i]->units[u].key, &plans[0]->units[u].key, AG_DIGEST_SIZE);
    for (size_t p = 0; p < plans[0]->point_count; ++p)
      assert_memory_equal(&plans[i]->points[p].key, &plans[0]->points[p].key, AG_DIGEST_SIZE);
  }
  for (size_t i = 0; i < 4; ++i)
    forget(plans[i], jobs[i]);
}

/* A report in the making and those on their way. */
static void it_takes_memory(void **state)
{
  (void)state;
  ag_job *jobs[2];
  ag_plan *plans[] = {make_plan(", examples: 0", &jobs[0]), make_plan(", examples: 90", &jobs[1])};
  const size_t block = (size_t)2 * 40 * sizeof(float) * (32 * 32 * 3 + 10);
  assert_int_equal(plans[1]->rank_bytes - plans[0]->rank_bytes, 5 * block);
  for (size_t i = 0; i < 2; ++i)
    forget(plans[i], jobs[i]);
}

static void check_refused(const char *model, const char *evaluation, const char *message)
{
  char line[32];
  ag_job *job = NULL;
  assert_int_equal(read_job(model, evaluation, &job), AG_BAD_JOB);
  assert_null(job);
  snprintf(line, sizeof line, "job.yaml:%d: ", LINE);
  if (strncmp(ag_message(), line, strlen(line)) != 0 || strstr(ag_message(), message) == NULL) {
    fail_msg("expected '%s' in: %s", message, ag_message());
  }
}

static void wrong_options_are_refused(void **state)
{
  (void)state;
  check_refused(
      "small", ", latent: conv3",
      "defense 'none': 'latent': the model hands on no layer 'conv3'; did you mean 'conv");
  check_refused("small", ", latent: dense1", "are the logits, no latent space");
  check_refused("small", ", examples: -1", "'examples' is -1; expected 0 to 10000");
  check_refused("small", ", examples: many", "'many' is not a number");
  check_refused("small", ", latent_images: 0", "'latent_images' is 0; expected 1 to 10000");
  check_refused("small", ", latent: [conv1]", "'latent' is a list; expected a single value");
  check_refused("small", ", exampels: 3", "did you mean 'examples'?");
}

/* A layer that only one of the models has: noise1 is the defense's. */
static void the_layer_must_be_in_every_model(void **state)
{
  (void)state;
  check_refused("small", ", latent: noise1",
                "defense 'none': 'latent': the model hands on no layer");
}

static void too_much_for_a_message_is_refused(void **state)
{
  (void)state;
  static const char *const asked[] = {"  latent: conv1\n  latent_images: 3000\n",
                                      "  examples: 7000\n"};
  static const char *const lines[] = {"job.yaml:8: ", "job.yaml:5: "};
  for (size_t i = 0; i < 2; ++i) {
    char text[512];
    ag_job *job = NULL;
    snprintf(text, sizeof text,
             "dataset: {kind: synthetic, test_images: 8000}\n"
             "model: {kind: base}\n"
             "attacks: [{kind: fgsm}]\n"
             "epsilons: [0.1]\n"
             "evaluation:\n"
             "  images: 8000\n"
             "  block: 8000\n"
             "%s",
             asked[i]);
    assert_int_equal(ag_job_read(text, strlen(text), "job.yaml", &job), AG_BAD_JOB);
    assert_non_null(strstr(ag_message(), lines[i]));
    assert_non_null(strstr(ag_message(), "MiB; expected at most 128"));
  }
}

static void leaves_no_memory(void **state)
{
  (void)state;
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(four_pictures_come_without_being_asked_for),
      cmocka_unit_test(what_is_asked_for_is_planned),
      cmocka_unit_test(no_key_says_what_is_brought_home),
      cmocka_unit_test(it_takes_memory),
      cmocka_unit_test(wrong_options_are_refused),
      cmocka_unit_test(the_layer_must_be_in_every_model),
      cmocka_unit_test(too_much_for_a_message_is_refused),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
