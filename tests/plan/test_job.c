/* Right job files: what is given arrives, what is left out takes its default, and what is printed
 * reads back as the same job. */
#include "advgrid/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static ag_job *read_job(const char *text)
{
  ag_job *job = NULL;
  if (ag_job_read(text, strlen(text), "job.yaml", &job) != AG_OK) fail_msg("%s", ag_message());
  return job;
}

static const char smallest[] = "attacks: [{kind: pgd}]\nepsilons: [8/255]\n";

static const char largest[] =
    "name: all-1.0_x\n"
    "seeds: [3, 0, 281474976710656]\n"
    "dataset: {kind: synthetic, training_images: 1000, test_images: 300, validation_images: 50}\n"
    "model: {kind: base, dropout: 0.25}\n"
    "training:\n"
    "  epochs: 3\n"
    "  batch: 64\n"
    "  shard: 16\n"
    "  clip: 5/2\n"
    "  label_smoothing: 0.1\n"
    "  averaging: 0.999\n"
    "  optimizer: {kind: sgd, momentum: 0.8, nesterov: false, weight_decay: 5e-4}\n"
    "  schedule: {kind: cosine, peak: 0.1}\n"
    "  augmentation: [crop]\n"
    "defenses:\n"
    "  - kind: none\n"
    "  - {kind: none, name: taken, file: \"my \\\"own\\\" \\\\ m\\u00f6del, 1.h5\"}\n"
    "  - kind: gaussian-noise\n"
    "    name: -noise\n"
    "    after: relu2\n"
    "    sigma: 1/20\n"
    "    draws: 4\n"
    "attacks:\n"
    "  - kind: fgsm\n"
    "  - &pgd {kind: pgd, name: pgd-a, steps: &steps 20, step_size: 2/255}\n"
    "  - {kind: pgd, steps: *steps, restarts: 3, random_start: false}\n"
    "epsilons: [8/255, 0, 0.5, 1e-3]\n"
    "evaluation: {images: 300, block: 64, examples: 7, latent: dense1, latent_images: 20}\n"
    "kernels: {instructions: baseline, convolution: im2col}\n"
    "run: {ranks_per_model: 4, checkpoint_minutes: 0.5, stall_seconds: 60}\n";

static void fills_in_defaults(void **state)
{
  (void)state;
  ag_job *job = read_job(smallest);
  assert_string_equal(job->name, "job");
  assert_int_equal(job->seed_count, 1);
  assert_int_equal(job->seeds[0], 1);
  assert_string_equal(job->dataset.kind->name, "synthetic");
  assert_string_equal(job->model.kind->name, "base");
  assert_string_equal(job->training.optimizer.kind->name, "sgd");
  assert_string_equal(job->training.schedule.kind->name, "one-cycle");
  assert_int_equal(job->training.augmentation, 0);
  assert_true(ag_settings_number(&job->training.settings, "label_smoothing") == 0);
  assert_true(ag_settings_number(&job->training.settings, "averaging") == 0);
  assert_int_equal(ag_settings_count(&job->training.settings, "shard"), 32);
  assert_int_equal(job->defense_count, 1);
  assert_string_equal(job->defenses[0].kind->name, "none");
  assert_string_equal(job->defenses[0].name, "none");
  assert_int_equal(job->attack_count, 1);
  assert_string_equal(job->attacks[0].name, "pgd");
  assert_int_equal(job->epsilon_count, 1);
  assert_int_equal(ag_settings_count(&job->evaluation, "images"), 1000);
  assert_int_equal(ag_settings_count(&job->evaluation, "block"), 128);
  assert_string_equal(ag_settings_word(&job->kernels, "instructions"), "auto");
  assert_string_equal(ag_settings_word(&job->kernels, "convolution"), "auto");
  assert_int_equal(ag_settings_count(&job->run, "ranks_per_model"), 0);
  assert_true(ag_settings_number(&job->run, "checkpoint_minutes") == 5);
  ag_job_destroy(&job);
  assert_null(job);
  /* A section that gives a part leaves the others at their defaults. */
  job = read_job("training: {epochs: 2}\nattacks: [{kind: pgd}]\nepsilons: [0]\n");
  assert_int_equal(ag_settings_count(&job->training.settings, "epochs"), 2);
  assert_int_equal(ag_settings_count(&job->training.settings, "shard"), 32);
  assert_string_equal(job->training.schedule.kind->name, "one-cycle");
  ag_job_destroy(&job);
}

static void evaluates_all_images_of_a_small_test_set(void **state)
{
  (void)state;
  ag_job *job = read_job("dataset: {kind: synthetic, test_images: 70}\n"
                         "attacks: [{kind: pgd}]\nepsilons: [0]\n");
  assert_int_equal(ag_settings_count(&job->evaluation, "images"), 70);
  ag_job_destroy(&job);
}

/* A small batch alone is no mistake: nobody asked for the larger shard. */
static void takes_a_small_batch_as_one_shard(void **state)
{
  (void)state;
  ag_job *job = read_job("training: {batch: 12}\nattacks: [{kind: fgsm}]\nepsilons: [0]\n");
  assert_int_equal(ag_settings_count(&job->training.settings, "shard"), 12);
  ag_job_destroy(&job);
}

static void takes_what_is_given(void **state)
{
  (void)state;
  ag_job *job = read_job(largest);
  assert_string_equal(job->name, "all-1.0_x");
  assert_int_equal(job->seed_count, 3);
  assert_int_equal(job->seeds[1], 0);
  assert_true(job->seeds[2] == UINT64_C(281474976710656));
  assert_int_equal(ag_settings_count(&job->dataset.settings, "training_images"), 1000);
  assert_true(ag_settings_number(&job->model.settings, "dropout") == 0.25);
  assert_int_equal(ag_settings_count(&job->training.settings, "batch"), 64);
  assert_true(ag_settings_number(&job->training.settings, "clip") == 2.5);
  assert_true(ag_settings_number(&job->training.settings, "label_smoothing") == 0.1);
  assert_true(ag_settings_number(&job->training.settings, "averaging") == 0.999);
  assert_false(ag_settings_flag(&job->training.optimizer.settings, "nesterov"));
  assert_string_equal(job->training.schedule.kind->name, "cosine");
  assert_int_equal(job->training.augmentation, AG_AUGMENT_CROP);
  assert_int_equal(job->defense_count, 3);
  assert_string_equal(ag_settings_word(&job->defenses[1].settings, "file"),
                      "my \"own\" \\ m\xc3\xb6"
                      "del, 1.h5");
  assert_string_equal(job->defenses[2].name, "-noise");
  assert_string_equal(ag_settings_word(&job->defenses[2].settings, "after"), "relu2");
  assert_int_equal(job->attack_count, 3);
  assert_string_equal(job->attacks[1].name, "pgd-a");
  assert_int_equal(ag_settings_count(&job->attacks[2].settings, "steps"), 20);
  assert_false(ag_settings_has(&job->attacks[2].settings, "step_size"));
  assert_int_equal(job->epsilon_count, 4);
  assert_true(job->epsilons[0].value == 8.0 / 255);
  assert_string_equal(job->epsilons[0].text, "8/255");
  assert_true(job->epsilons[1].value == 0);
  assert_true(job->epsilons[3].value == 1e-3);
  assert_int_equal(ag_settings_count(&job->evaluation, "block"), 64);
  assert_string_equal(ag_settings_word(&job->kernels, "instructions"), "baseline");
  assert_string_equal(ag_settings_word(&job->kernels, "convolution"), "im2col");
  assert_int_equal(ag_settings_count(&job->run, "ranks_per_model"), 4);
  assert_true(ag_settings_number(&job->run, "checkpoint_minutes") == 0.5);
  assert_true(ag_settings_number(&job->run, "stall_seconds") == 60);
  ag_job_destroy(&job);
}

static void assert_same_keys(const ag_job *one, const ag_job *other)
{
  ag_plan *plans[2] = {NULL, NULL};
  assert_int_equal(ag_plan_create(one, NULL, &plans[0]), AG_OK);
  assert_int_equal(ag_plan_create(other, NULL, &plans[1]), AG_OK);
  assert_int_equal(plans[0]->model_count, plans[1]->model_count);
  assert_int_equal(plans[0]->unit_count, plans[1]->unit_count);
  for (size_t i = 0; i < plans[0]->model_count; ++i) {
    assert_string_equal(plans[0]->models[i].name, plans[1]->models[i].name);
    assert_memory_equal(&plans[0]->models[i].key, &plans[1]->models[i].key, AG_DIGEST_SIZE);
  }
  for (size_t i = 0; i < plans[0]->unit_count; ++i)
    assert_memory_equal(&plans[0]->units[i].key, &plans[1]->units[i].key, AG_DIGEST_SIZE);
  ag_plan_destroy(&plans[0]);
  ag_plan_destroy(&plans[1]);
}

static void check_printing(const char *text)
{
  ag_job *job = read_job(text);
  ag_text first = {0};
  ag_text second = {0};
  assert_int_equal(ag_job_print(job, &first), AG_OK);
  ag_job *again = read_job(first.bytes);
  assert_int_equal(ag_job_print(again, &second), AG_OK);
  assert_string_equal(first.bytes, second.bytes);
  assert_string_equal(job->name, again->name);
  assert_same_keys(job, again);
  ag_text_clear(&first);
  ag_text_clear(&second);
  ag_job_destroy(&job);
  ag_job_destroy(&again);
}

static void prints_what_reads_back_the_same(void **state)
{
  (void)state;
  check_printing(smallest);
  check_printing(largest);
  char *text = NULL;
  size_t size = 0;
  assert_int_equal(ag_file_read(TEST_SOURCE "/jobs/quickstart.yaml", &text, &size), AG_OK);
  check_printing(text);
  ag_release(&text);
}

static void prints_in_the_form_of_the_design(void **state)
{
  (void)state;
  ag_job *job = read_job(largest);
  ag_text text = {0};
  assert_int_equal(ag_job_print(job, &text), AG_OK);
  static const char *const lines[] = {
      "name: all-1.0_x\nseeds: [3, 0, 281474976710656]\ndataset: {kind: synthetic,",
      "\nmodel: {kind: base, dropout: 0.25}\ntraining:\n  epochs: 3\n  batch: 64\n  shard: 16\n",
      "\n  clip: 5/2\n  label_smoothing: 0.1\n  averaging: 0.999\n",
      "\n  optimizer: {kind: sgd, momentum: 0.8, nesterov: false, weight_decay: 5e-4}\n",
      "\n  augmentation: [crop]\ndefenses:\n  - {kind: none}\n",
      ("\n  - {kind: gaussian-noise, name: -noise, after: relu2, sigma: 1/20, draws: 4, "
       "attack_draws: auto, vote: mean}\n"),
      ("\n  - {kind: pgd, name: pgd-a, steps: 20, step_size: 2/255, restarts: 1, "
       "random_start: true, norm: linf}\n"),
      "\nepsilons: [8/255, 0, 0.5, 1e-3]\nevaluation: {images: 300, block: 64, examples: 7, "
      "latent: dense1, latent_images: 20}\n",
      "\nkernels: {instructions: baseline, convolution: im2col}\n",
      "\nrun: {ranks_per_model: 4, checkpoint_minutes: 0.5, stall_seconds: 60}\n",
  };
  const char *rest = text.bytes;
  for (size_t i = 0; i < sizeof lines / sizeof *lines; ++i) {
    const char *found = strstr(rest, lines[i]);
    if (found == NULL) {
      fail_msg("'%s' is not in\n%s", lines[i], text.bytes);
    } else {
      rest = found + 1;
    }
  }
  ag_text_clear(&text);
  ag_job_destroy(&job);
}

static void quickstart_is_what_it_says(void **state)
{
  (void)state;
  char *text = NULL;
  size_t size = 0;
  assert_int_equal(ag_file_read(TEST_SOURCE "/jobs/quickstart.yaml", &text, &size), AG_OK);
  ag_job *job = read_job(text);
  assert_string_equal(job->name, "quickstart");
  assert_string_equal(job->dataset.kind->name, "synthetic");
  assert_string_equal(job->model.kind->name, "base");
  assert_int_equal(ag_job_use_cifar10(job), AG_OK);
  ag_job_destroy(&job);
  ag_release(&text);
}

static void cifar10_takes_the_place_of_the_dataset(void **state)
{
  (void)state;
  ag_job *job = read_job(largest);
  assert_int_equal(ag_job_use_cifar10(job), AG_OK);
  assert_string_equal(job->dataset.kind->name, "cifar10");
  assert_string_equal(job->dataset.name, "cifar10");
  assert_int_equal(ag_settings_count(&job->dataset.settings, "training_images"), 1000);
  assert_int_equal(ag_settings_count(&job->dataset.settings, "test_images"), 300);
  assert_int_equal(ag_settings_count(&job->dataset.settings, "validation_images"), 50);
  ag_job_destroy(&job);
  /* One that is there already keeps all it says. */
  job = read_job("dataset: {kind: cifar10, path: here}\nattacks: [{kind: pgd}]\nepsilons: [0]\n");
  assert_int_equal(ag_job_use_cifar10(job), AG_OK);
  assert_string_equal(ag_settings_word(&job->dataset.settings, "path"), "here");
  ag_job_destroy(&job);
  /* More images than it has. */
  job = read_job("dataset: {kind: synthetic, training_images: 50001}\n"
                 "attacks: [{kind: pgd}]\nepsilons: [0]\n");
  assert_int_equal(ag_job_use_cifar10(job), AG_BAD_JOB);
  assert_string_equal(ag_message(),
                      "dataset cifar10: 'training_images' is 50001; expected 1 to 50000");
  assert_string_equal(job->dataset.kind->name, "synthetic");
  ag_job_destroy(&job);
}

static int remember_blocks(void **state)
{
  static size_t blocks;
  blocks = ag_live_blocks();
  *state = &blocks;
  return 0;
}

static int compare_blocks(void **state)
{
  const size_t *blocks = *state;
  return ag_live_blocks() == *blocks ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, remember_blocks, compare_blocks)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(fills_in_defaults),
      TEST(takes_a_small_batch_as_one_shard),
      TEST(evaluates_all_images_of_a_small_test_set),
      TEST(takes_what_is_given),
      TEST(prints_what_reads_back_the_same),
      TEST(prints_in_the_form_of_the_design),
      TEST(quickstart_is_what_it_says),
      TEST(cifar10_takes_the_place_of_the_dataset),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
