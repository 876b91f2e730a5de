/* Attacks by the images of another model, in a plan: whose they are, what keys and costs depend on,
 * and what a part of a job keeps. */
#include "advgrid/evaluation.h"
#include "plan/workload.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOISE "{kind: gaussian-noise, name: noise, after: normalize, draws: 4, attack_draws: 3}"
#define USUAL "{kind: none}, " NOISE ", {kind: none, name: given, file: a.h5}"
#define FROM "{kind: transfer, steps: 5, from: "

enum { SHARD = 16 };
static const size_t seeds = 2;
static const size_t epsilons = 2;

static ag_status try_job(const char *defenses, const char *attacks, ag_job **job)
{
  char text[2048];
  snprintf(text, sizeof text,
           "name: sources\nseeds: [1, 7]\n"
           "dataset: {kind: synthetic, training_images: 400, test_images: 300, "
           "validation_images: 0}\n"
           "model: {kind: linear}\ntraining: {epochs: 3, shard: %d}\n"
           "defenses: [%s]\nattacks:\n%s\nepsilons: [0, 1/2]\n"
           "evaluation: {images: 200, block: 80, examples: 0}\n",
           SHARD, defenses, attacks);
  return ag_job_read(text, strlen(text), "job.yaml", job);
}

typedef struct fixture {
  ag_job *job;
  ag_plan *plan;
} fixture;

static fixture start(const char *defenses, const char *attacks)
{
  fixture f = {0};
  if (try_job(defenses, attacks, &f.job) != AG_OK) fail_msg("%s", ag_message());
  if (ag_plan_create(f.job, NULL, &f.plan) != AG_OK) fail_msg("%s", ag_message());
  return f;
}

static void stop(fixture *f)
{
  ag_plan_destroy(&f->plan);
  ag_job_destroy(&f->job);
  assert_int_equal(ag_live_blocks(), 0);
}

/* The first point of a defense, a seed and an attack. */
static const ag_point *point_of(const fixture *f, size_t defense, size_t seed, size_t attack)
{
  return &f->plan->points[((defense * seeds + seed) * f->job->attack_count + attack) * epsilons];
}

/* ---- whose images ---------------------------------------------------------------------------- */

static void the_source_has_the_same_seed(void **state)
{
  (void)state;
  fixture f = start(USUAL, "- {kind: fgsm}\n- " FROM "noise}\n- {kind: transfer, name: default}");
  for (size_t defense = 0; defense < 3; ++defense) {
    for (size_t seed = 0; seed < seeds; ++seed) {
      const size_t model = defense * seeds + seed;
      assert_int_equal(point_of(&f, defense, seed, 0)->source, model);
      assert_int_equal(point_of(&f, defense, seed, 1)->source, seeds + seed);
      assert_int_equal(point_of(&f, defense, seed, 2)->source, seed);
    }
  }
  stop(&f);
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* Which of the points of the first attack have other keys in the other job: one by one, '=' or '!',
 * by defense and seed. */
static const char *compare(const char *defenses, const char *attacks, const char *other_defenses,
                           const char *other_attacks)
{
  static char text[16];
  size_t length = 0;
  fixture one = start(defenses, attacks);
  fixture other = start(other_defenses, other_attacks);
  for (size_t i = 0; i < 2 * seeds; ++i) {
    const ag_point *a = point_of(&one, i / seeds, i % seeds, 0);
    const ag_point *b = point_of(&other, i / seeds, i % seeds, 0);
    const ag_digest *first = &one.plan->units[a->first_unit].key;
    const ag_digest *second = &other.plan->units[b->first_unit].key;
    const bool same = memcmp(first, second, sizeof *first) == 0;
    assert_int_equal(memcmp(&a->key, &b->key, sizeof a->key) == 0, same);
    text[length++] = same ? '=' : '!';
  }
  text[length] = '\0';
  ag_plan_destroy(&other.plan);
  ag_job_destroy(&other.job);
  stop(&one);
  return text;
}

static void keys_hold_the_source(void **state)
{
  (void)state;
  static const char other[] = "{kind: none}, {kind: gaussian-noise, name: noise, after: normalize, "
                              "sigma: 0.2, draws: 4, attack_draws: 3}";
  static const char draws[] = "{kind: none}, {kind: gaussian-noise, name: noise, after: normalize, "
                              "draws: 4, attack_draws: 2}";
  static const char named[] = "{kind: none, name: base}, {kind: gaussian-noise, name: loud, "
                              "after: normalize, draws: 4, attack_draws: 3}";
  static const char usual[] = "{kind: none}, " NOISE;
  static const char noise[] = "- " FROM "noise}";
  assert_string_equal(compare(usual, noise, usual, noise), "====");
  /* Another source: those that see it, also where it is deployed in another way. */
  assert_string_equal(compare(usual, noise, other, noise), "!!!!");
  assert_string_equal(compare(usual, noise, draws, noise), "!!!!");
  assert_string_equal(compare(usual, "- " FROM "none}", other, "- " FROM "none}"), "==!!");
  /* A source is what it is, not what it is called, and for itself none. */
  assert_string_equal(compare(usual, noise, named, "- " FROM "loud}"), "====");
  assert_string_equal(compare(usual, noise, usual, "- " FROM "none}"), "!!!!");
  assert_string_equal(compare(usual, "- {kind: pgd, steps: 5}", usual, noise), "!!!!");
}

/* ---- costs ----------------------------------------------------------------------------------- */

static ag_network *network_of(const fixture *f, size_t defense)
{
  ag_network *network = NULL;
  const ag_layer_list *layers = &f->plan->models[defense * seeds].layers;
  assert_int_equal(ag_plan_network(f->plan, layers, &network), AG_OK);
  return network;
}

/* Six forward passes are 5 steps and the last look, of 3 draws each; 4 draws a verdict, 2 of it. */
static void counts_passes_over_both(void **state)
{
  (void)state;
  fixture f = start("{kind: none, file: a.h5}, " NOISE, "- " FROM "noise}");
  const ag_point *none = point_of(&f, 0, 0, 0);
  const ag_point *noise = point_of(&f, 1, 0, 0);
  const ag_flops *one = &f.plan->models[0].pass;
  const ag_flops *other = &f.plan->models[seeds].pass;
  assert_true(none->passes.gradients == 0 && none->passes.forwards == 2);
  assert_true(none->source_passes.gradients == 15 && none->source_passes.forwards == 3);
  assert_true(noise->passes.gradients == 15 && noise->passes.forwards == 3 + 8);
  assert_true(noise->source_passes.gradients == 0 && noise->source_passes.forwards == 0);
  const double of_none = 2 * one->forward + 15 * (other->forward + other->input_gradient) +
                         3 * other->forward;
  const double of_noise = 15 * (other->forward + other->input_gradient) + 11 * other->forward;
  const double flops[] = {f.plan->units[none->first_unit].flops,
                          f.plan->units[noise->first_unit].flops};
  assert_true(fabs(flops[0] - 80 * of_none) <= 1e-12 * flops[0]);
  assert_true(fabs(flops[1] - 80 * of_noise) <= 1e-12 * flops[1]);
  stop(&f);
}

/* Both are taken from files, so that no training needs more. */
static void counts_the_memory_of_both(void **state)
{
  (void)state;
  fixture f = start("{kind: none, file: a.h5}, {kind: gaussian-noise, name: noise, "
                    "after: normalize, file: b.h5}",
                    "- " FROM "noise}");
  ag_network *judged = network_of(&f, 0);
  ag_network *source = network_of(&f, 1);
  const size_t both = ag_network_bytes(judged) +
                      ag_evaluator_bytes(&f.job->defenses[0], judged, &f.job->attacks[0], SHARD) +
                      ag_network_bytes(source) +
                      ag_defended_bytes(&f.job->defenses[1], source, SHARD);
  assert_int_equal(f.plan->rank_bytes, both);
  ag_network_destroy(&source);
  ag_network_destroy(&judged);
  stop(&f);
}

/* Of 80 images on one thread; the source's passes take its own time. */
static void counts_the_time_of_both(void **state)
{
  (void)state;
  fixture f = start("{kind: none, file: a.h5}, " NOISE, "- " FROM "noise}");
  const ag_cluster cluster = ag_cluster_guess();
  const ag_flops *one = &f.plan->models[0].pass;
  const ag_flops *other = &f.plan->models[seeds].pass;
  const double gradient = cluster.seconds.gradient * (other->forward + other->input_gradient) /
                          (cluster.flops.forward + cluster.flops.input_gradient);
  const double forward = cluster.seconds.forward / cluster.flops.forward;
  const double expected =
      80 * (2 * forward * one->forward + 15 * gradient + 3 * forward * other->forward);
  ag_work work;
  assert_int_equal(ag_work_create(f.plan, 1, 1, &cluster, &work), AG_OK);
  const ag_unit_work *unit = &work.units[point_of(&f, 0, 1, 0)->first_unit];
  assert_int_equal(unit->model, 1);
  assert_int_equal(unit->source, seeds + 1);
  assert_true(fabs(unit->seconds - expected) <= 1e-12 * expected);
  ag_work_clear(&work);
  stop(&f);
}

/* ---- parts of a job -------------------------------------------------------------------------- */

/* In the job's order, and as a job that can be read again. */
static void a_part_keeps_the_sources(void **state)
{
  (void)state;
  static const struct {
    const char *kept, *left[3];
  } cases[] = {{"given", {"none", "given", NULL}},
               {"none", {"none", NULL, NULL}},
               {"noise", {"none", "noise", NULL}}};
  for (size_t i = 0; i < 3; ++i) {
    ag_job *job = NULL;
    ag_job *again = NULL;
    ag_text text = {0};
    assert_int_equal(try_job(USUAL, "- {kind: fgsm}\n- {kind: transfer}", &job), AG_OK);
    assert_int_equal(ag_job_keep_defense(job, cases[i].kept), AG_OK);
    size_t count = 0;
    for (; cases[i].left[count] != NULL; ++count) {
      assert_true(count < job->defense_count);
      assert_string_equal(job->defenses[count].name, cases[i].left[count]);
    }
    assert_int_equal(job->defense_count, count);
    assert_int_equal(ag_job_print(job, &text), AG_OK);
    assert_non_null(strstr(text.bytes, "{kind: transfer, from: none, steps: 10"));
    if (ag_job_read(text.bytes, text.length, "part", &again) != AG_OK) fail_msg("%s", ag_message());
    ag_text_clear(&text);
    ag_job_destroy(&again);
    ag_job_destroy(&job);
  }
  assert_int_equal(ag_live_blocks(), 0);
}

/* ---- mistakes -------------------------------------------------------------------------------- */

static void a_source_must_be_a_defense_of_the_job(void **state)
{
  (void)state;
  static const struct {
    const char *defenses, *attacks, *message;
  } wrong[] = {
      {USUAL, "- {kind: fgsm}\n- kind: transfer\n  steps: 3\n  from: nois",
       "job.yaml:11: attack 'transfer' takes its images from 'nois', which is no defense of the "
       "job; did you mean 'noise'?"},
      {NOISE, "- {kind: transfer, name: black-box}",
       "job.yaml:8: attack 'black-box' takes its images from 'none', which is no defense of the "
       "job; did you mean 'noise'?"},
      {USUAL, "- {kind: pgd, from: none}", "job.yaml:8: 'from' is no option of pgd"},
      {USUAL, "- {kind: transfer, attack: fgsm}", "job.yaml:8: unknown key 'attack' in transfer"},
      {USUAL, "- {kind: transfer, from: [none]}", "job.yaml:8: 'from' is a list"},
      {USUAL, "- {kind: transfer, name: a}\n- {kind: transfer, name: b}",
       "job.yaml:9: attacks 'a' and 'b' are the same"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    ag_job *job = NULL;
    assert_int_equal(try_job(wrong[i].defenses, wrong[i].attacks, &job), AG_BAD_JOB);
    assert_null(job);
    if (strncmp(ag_message(), wrong[i].message, strlen(wrong[i].message)) == 0) continue;
    fail_msg("%s\nexpected %s", ag_message(), wrong[i].message);
  }
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_source_has_the_same_seed),
      cmocka_unit_test(keys_hold_the_source),
      cmocka_unit_test(counts_passes_over_both),
      cmocka_unit_test(counts_the_memory_of_both),
      cmocka_unit_test(counts_the_time_of_both),
      cmocka_unit_test(a_part_keeps_the_sources),
      cmocka_unit_test(a_source_must_be_a_defense_of_the_job),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
