/* Options that came when results were stored already: a job that does not use them has the keys it
 * had before, and one that does has others. */
#include "advgrid/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What a job says beyond the least. */
typedef struct more {
  const char *training, *attack, *defense, *sections;
  const char *kind; /* of the defense, of a model with convolutions; NULL: none, of one without */
} more;

static const char *or_nothing(const char *text)
{
  return text == NULL ? "" : text;
}

/* A job of one model and one unit. */
static ag_plan *make_plan(more said, ag_job **job)
{
  char text[1024];
  snprintf(text, sizeof text,
           "seed: 7\n"
           "dataset: {kind: synthetic, training_images: 400, "
           "validation_images: 100, test_images: 300}\n"
           "model: {kind: %s}\n"
           "training: {epochs: 3, shard: 16%s}\n"
           "defenses: [{kind: %s%s}]\n"
           "attacks: [{kind: pgd, steps: 5%s}]\n"
           "epsilons: [1/2]\n"
           "evaluation: {images: 100}\n"
           "%s",
           said.kind == NULL ? "linear" : "small", or_nothing(said.training),
           said.kind == NULL ? "none" : said.kind, or_nothing(said.defense),
           or_nothing(said.attack), or_nothing(said.sections));
  ag_plan *plan = NULL;
  if (ag_job_read(text, strlen(text), "job.yaml", job) != AG_OK) fail_msg("%s", ag_message());
  if (ag_plan_create(*job, NULL, &plan) != AG_OK) fail_msg("%s", ag_message());
  return plan;
}

static void check_keys(more said, bool same)
{
  /* As they are in version 2 without any option that came late. A change here makes all finished
   * work unknown: it needs another version in the keys' text. */
  static const char model[] = "f22c604d420abf032478c2807f39ebe5c3a28004dce4c53173772e9a01b09f12";
  static const char unit[] = "c34e440b54c5e0a44348000da26f5f12ea912e3aa11c9e1532d812d2dbb6e59a";
  char text[AG_DIGEST_TEXT_SIZE];
  ag_job *job = NULL;
  ag_plan *plan = make_plan(said, &job);
  ag_digest_text(&plan->models[0].key, text);
  const char *what = said.training != NULL ? said.training : said.sections;
  if ((strcmp(text, model) == 0) != same) fail_msg("'%s' gives the model %s", what, text);
  ag_digest_text(&plan->units[0].key, text);
  if ((strcmp(text, unit) == 0) != same) fail_msg("'%s' gives the unit %s", what, text);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

static void unused_they_keep_finished_work(void **state)
{
  (void)state;
  check_keys((more){.training = ""}, true);
  check_keys((more){.training = ", label_smoothing: 0"}, true);
  check_keys((more){.training = ", averaging: 0.0, label_smoothing: -0.0"}, true);
}

static void a_norm_makes_other_attacks(void **state)
{
  (void)state;
  ag_job *jobs[3] = {NULL, NULL, NULL};
  ag_plan *plans[] = {make_plan((more){0}, &jobs[0]),
                      make_plan((more){.attack = ", norm: linf"}, &jobs[1]),
                      make_plan((more){.attack = ", norm: l2"}, &jobs[2])};
  assert_memory_equal(&plans[0]->units[0].key, &plans[1]->units[0].key, AG_DIGEST_SIZE);
  assert_memory_not_equal(&plans[0]->units[0].key, &plans[2]->units[0].key, AG_DIGEST_SIZE);
  for (size_t i = 0; i < 3; ++i) {
    ag_plan_destroy(&plans[i]);
    ag_job_destroy(&jobs[i]);
  }
}

/* Whether the model is that of adversarial training as it was before it had a penalty. */
static void check_penalised(const char *said, bool same)
{
  static const char before[] = "bca6f9ce55bda2bd609c3340d75fa3cee735cb1f6803bdc03c2ee8e5013d30f5";
  char text[AG_DIGEST_TEXT_SIZE];
  ag_job *job = NULL;
  ag_plan *plan = make_plan((more){.kind = "adversarial-training", .defense = said}, &job);
  ag_digest_text(&plan->models[0].key, text);
  if ((strcmp(text, before) == 0) != same) fail_msg("'%s' gives the model %s", said, text);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

static void a_penalty_makes_another_model(void **state)
{
  (void)state;
  check_penalised("", true);
  check_penalised(", lipschitz: 0", true);
  check_penalised(", lipschitz: 0.1", false);
}

static void used_they_make_another_model(void **state)
{
  (void)state;
  check_keys((more){.training = ", label_smoothing: 0.1"}, false);
  check_keys((more){.training = ", averaging: 0.1"}, false);
}

static void kernels_left_to_the_program_keep_finished_work(void **state)
{
  (void)state;
  check_keys((more){.sections = "kernels: {instructions: auto, convolution: auto}\n"}, true);
  check_keys((more){.sections = "kernels: {convolution: auto}\n"}, true);
  check_keys((more){.sections = "kernels: {instructions: baseline}\n"}, false);
  check_keys((more){.sections = "kernels: {convolution: im2col}\n"}, false);
}

/* A model from a file is what it is; attacked by other kernels it may fall otherwise. */
static void kernels_change_what_is_done_with_a_file(void **state)
{
  (void)state;
  ag_job *jobs[2] = {NULL, NULL};
  ag_plan *plans[] = {
      make_plan((more){.defense = ", file: a.h5"}, &jobs[0]),
      make_plan((more){.defense = ", file: a.h5", .sections = "kernels: {convolution: im2col}\n"},
                &jobs[1])};
  assert_memory_equal(&plans[0]->models[0].key, &plans[1]->models[0].key, AG_DIGEST_SIZE);
  assert_memory_not_equal(&plans[0]->units[0].key, &plans[1]->units[0].key, AG_DIGEST_SIZE);
  assert_memory_not_equal(&plans[0]->points[0].key, &plans[1]->points[0].key, AG_DIGEST_SIZE);
  for (size_t i = 0; i < 2; ++i) {
    ag_plan_destroy(&plans[i]);
    ag_job_destroy(&jobs[i]);
  }
}

static void their_values_make_different_keys(void **state)
{
  (void)state;
  static const more all[] = {{0},
                             {.training = ", label_smoothing: 0.1"},
                             {.training = ", label_smoothing: 0.2"},
                             {.training = ", averaging: 0.1"},
                             {.training = ", averaging: 0.1, label_smoothing: 0.1"},
                             {.sections = "kernels: {instructions: avx512}\n"},
                             {.sections = "kernels: {instructions: avx2}\n"},
                             {.sections = "kernels: {instructions: baseline}\n"},
                             {.sections = "kernels: {convolution: winograd}\n"},
                             {.sections = "kernels: {convolution: im2col}\n"},
                             {.sections = "kernels: {instructions: avx2, convolution: im2col}\n"}};
  enum { COUNT = sizeof all / sizeof *all };
  ag_digest keys[COUNT];
  for (size_t i = 0; i < COUNT; ++i) {
    ag_job *job = NULL;
    ag_plan *plan = make_plan(all[i], &job);
    keys[i] = plan->models[0].key;
    for (size_t k = 0; k < i; ++k)
      assert_memory_not_equal(&keys[i], &keys[k], sizeof keys[i]);
    ag_plan_destroy(&plan);
    ag_job_destroy(&job);
  }
}

/* What has no value by default and came early is written as empty, as ever: zero is another. */
static void an_early_option_is_not_left_out(void **state)
{
  (void)state;
  ag_job *jobs[2] = {NULL, NULL};
  ag_plan *plans[] = {make_plan((more){0}, &jobs[0]),
                      make_plan((more){.attack = ", step_size: 0.1"}, &jobs[1])};
  assert_memory_equal(&plans[0]->models[0].key, &plans[1]->models[0].key, AG_DIGEST_SIZE);
  assert_memory_not_equal(&plans[0]->units[0].key, &plans[1]->units[0].key, AG_DIGEST_SIZE);
  for (size_t i = 0; i < 2; ++i) {
    ag_plan_destroy(&plans[i]);
    ag_job_destroy(&jobs[i]);
  }
}

/* The parameters' average is one more block of them in memory. */
static void the_average_takes_memory(void **state)
{
  (void)state;
  ag_job *jobs[2] = {NULL, NULL};
  ag_plan *plans[] = {make_plan((more){0}, &jobs[0]),
                      make_plan((more){.training = ", averaging: 0.999"}, &jobs[1])};
  ag_network *network = NULL;
  assert_int_equal(ag_network_create(&plans[0]->models[0].layers, plans[0]->dataset.shape,
                                     plans[0]->dataset.classes, &network),
                   AG_OK);
  assert_int_equal(plans[1]->rank_bytes,
                   plans[0]->rank_bytes + sizeof(float) * ag_network_floats(network));
  ag_network_destroy(&network);
  for (size_t i = 0; i < 2; ++i) {
    ag_plan_destroy(&plans[i]);
    ag_job_destroy(&jobs[i]);
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
      cmocka_unit_test(unused_they_keep_finished_work),
      cmocka_unit_test(a_norm_makes_other_attacks),
      cmocka_unit_test(a_penalty_makes_another_model),
      cmocka_unit_test(used_they_make_another_model),
      cmocka_unit_test(kernels_left_to_the_program_keep_finished_work),
      cmocka_unit_test(kernels_change_what_is_done_with_a_file),
      cmocka_unit_test(their_values_make_different_keys),
      cmocka_unit_test(an_early_option_is_not_left_out),
      cmocka_unit_test(the_average_takes_memory),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
