/* Adversarial training in a plan: each of its options makes another model, and what it needs of a
 * job is asked for. */
#include "support/fixture.h"

#include "advgrid/plan.h"

#include <stdio.h>

static ag_status make_plan(const char *dataset, const char *options, ag_job **job, ag_plan **plan)
{
  char text[1024];
  snprintf(text, sizeof text,
           "dataset: {kind: synthetic, training_images: 400, validation_images: %s}\n"
           "model: {kind: small}\n"
           "defenses: [{kind: adversarial-training, name: at%s}]\n"
           "attacks: [{kind: fgsm}]\n"
           "epsilons: [0.1]\n",
           dataset, options);
  const ag_status status = ag_job_read(text, strlen(text), "job.yaml", job);
  return status == AG_OK ? ag_plan_create(*job, NULL, plan) : status;
}

static ag_digest key_of(const char *options)
{
  ag_job *job = NULL;
  ag_plan *plan = NULL;
  if (make_plan("100", options, &job, &plan) != AG_OK) fail_msg("%s: %s", options, ag_message());
  const ag_digest key = plan->models[0].key;
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
  return key;
}

static void every_option_makes_another_model(void **state)
{
  (void)state;
  static const char *const changes[] = {
      "",
      ", attack: fgsm",
      ", epsilon: 4/255",
      ", steps: 9",
      ", step_size: 2/255",
      ", restarts: 2",
      ", random_start: false",
      ", mix: 0.5",
      ", warmup: 1",
      ", keep: last",
      ", after: conv2",
      ", sigma: 0.1",
      ", draws: 3",
      ", vote: majority",
  };
  enum { CHANGES = sizeof changes / sizeof *changes };
  ag_digest keys[CHANGES];
  for (size_t i = 0; i < CHANGES; ++i) {
    keys[i] = key_of(changes[i]);
    for (size_t k = 0; k < i; ++k)
      assert_memory_not_equal(&keys[i], &keys[k], sizeof keys[i]);
  }
}

static void the_same_said_otherwise_is_the_same_model(void **state)
{
  (void)state;
  const ag_digest key = key_of("");
  const ag_digest same = key_of(", attack: pgd, epsilon: 16/510, mix: 1.0, warmup: 0, keep: best");
  assert_memory_equal(&key, &same, sizeof key);
}

static void the_best_is_found_by_validation_images(void **state)
{
  (void)state;
  ag_job *job = NULL;
  ag_plan *plan = NULL;
  assert_int_equal(make_plan("0", "", &job, &plan), AG_BAD_JOB);
  assert_non_null(strstr(ag_message(), "defense 'at': 'keep' is best"));
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
  assert_int_equal(make_plan("0", ", keep: last", &job, &plan), AG_OK);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
  /* One that is taken from a file has been trained elsewhere. */
  assert_int_equal(make_plan("0", ", file: a.h5", &job, &plan), AG_OK);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

/* A rank's memory: a pass more, images and parameters. */
static void it_takes_more_memory(void **state)
{
  (void)state;
  ag_job *jobs[2] = {NULL, NULL};
  ag_plan *plans[2] = {NULL, NULL};
  assert_int_equal(make_plan("100", "", &jobs[0], &plans[0]), AG_OK);
  assert_int_equal(make_plan("100", ", keep: last", &jobs[1], &plans[1]), AG_OK);
  ag_network *network = NULL;
  assert_int_equal(ag_plan_network(plans[0], &plans[0]->models[0].layers, &network), AG_OK);
  const size_t block = sizeof(float) * ag_network_floats(network);
  assert_int_equal(plans[0]->rank_bytes - plans[1]->rank_bytes, block);
  assert_true(plans[1]->rank_bytes > 4 * block + 3 * ag_workspace_bytes(network, 32));
  ag_network_destroy(&network);
  for (size_t i = 0; i < 2; ++i) {
    ag_plan_destroy(&plans[i]);
    ag_job_destroy(&jobs[i]);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_option_makes_another_model),
      cmocka_unit_test(the_same_said_otherwise_is_the_same_model),
      cmocka_unit_test(the_best_is_found_by_validation_images),
      cmocka_unit_test(it_takes_more_memory),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  return failed != 0 || ag_live_blocks() != 0;
}
