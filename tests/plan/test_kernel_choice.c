/* The kernels that a job asks for: they reach every model, a processor that does not run them says
 * so, and does not keep the job from being planned. */
#include "advgrid/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static ag_job *read_job(const char *kernels)
{
  char text[1024];
  ag_job *job = NULL;
  snprintf(text, sizeof text,
           "seeds: [1, 2]\nmodel: {kind: small}\n"
           "defenses: [{kind: none}, {kind: gaussian-noise, after: conv1}]\n"
           "attacks: [{kind: fgsm}]\nepsilons: [0]\n%s",
           kernels);
  if (ag_job_read(text, strlen(text), "job.yaml", &job) != AG_OK) fail_msg("%s", ag_message());
  return job;
}

static ag_plan *make_plan(const ag_job *job)
{
  ag_plan *plan = NULL;
  if (ag_plan_create(job, NULL, &plan) != AG_OK) fail_msg("%s", ag_message());
  return plan;
}

static void reaches_every_model(void **state)
{
  (void)state;
  ag_job *job = read_job("kernels: {instructions: baseline, convolution: im2col}\n");
  ag_plan *plan = make_plan(job);
  assert_int_equal(plan->model_count, 4);
  for (size_t i = 0; i < plan->model_count; ++i) {
    const ag_layer_list *layers = &plan->models[i].layers;
    ag_network *network = NULL;
    assert_string_equal(layers->kernels.instructions, "baseline");
    assert_string_equal(layers->kernels.convolution, "im2col");
    assert_int_equal(ag_network_create(layers, (ag_shape){32, 32, 3}, 10, &network), AG_OK);
    assert_string_equal(ag_variant_name(ag_network_variant(network)), "baseline");
    ag_network_destroy(&network);
  }
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

static void auto_is_what_runs_here(void **state)
{
  (void)state;
  ag_job *job = read_job("");
  const ag_kernel_choice choice = ag_kernel_choice_of(&job->kernels);
  const ag_kernel_choice empty = {0};
  const ag_variant *variant = NULL;
  assert_int_equal(ag_kernel_choice_variant(&choice, &variant), AG_OK);
  assert_ptr_equal(variant, ag_variant_find("auto"));
  assert_non_null(variant);
  variant = NULL;
  assert_int_equal(ag_kernel_choice_variant(&empty, &variant), AG_OK);
  assert_ptr_equal(variant, ag_variant_find("auto"));
  ag_job_destroy(&job);
}

/* Instructions that no processor of ours has. */
static void ask_for_altivec(ag_job *job)
{
  for (size_t i = 0; job->kernels.options[i].name != NULL; ++i) {
    if (strcmp(job->kernels.options[i].name, "instructions") != 0) continue;
    snprintf(job->kernels.texts[i], sizeof job->kernels.texts[i], "altivec");
  }
}

static void what_does_not_run_here_is_refused_but_planned(void **state)
{
  (void)state;
  ag_job *job = read_job("");
  const ag_variant *variant = NULL;
  ag_network *network = NULL;
  char expected[256];
  ask_for_altivec(job);
  const ag_kernel_choice choice = ag_kernel_choice_of(&job->kernels);
  snprintf(expected, sizeof expected,
           "this processor does not run 'altivec' instructions; the best it runs are %s",
           ag_variant_name(ag_variant_find("auto")));
  assert_int_equal(ag_kernel_choice_variant(&choice, &variant), AG_INVALID_ARGUMENT);
  assert_string_equal(ag_message(), expected);
  ag_plan *plan = make_plan(job);
  const ag_layer_list *layers = &plan->models[0].layers;
  assert_string_equal(layers->kernels.instructions, "altivec");
  assert_int_equal(ag_network_create(layers, (ag_shape){32, 32, 3}, 10, &network),
                   AG_INVALID_ARGUMENT);
  assert_string_equal(ag_message(), expected);
  assert_null(network);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

static void leaves_no_memory(void **state)
{
  (void)state;
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reaches_every_model),
      cmocka_unit_test(auto_is_what_runs_here),
      cmocka_unit_test(what_does_not_run_here_is_refused_but_planned),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
