/* The plan: the order of models, points and units, what they cost, and keys that change with all
 * that a result depends on and with nothing else. */
#include "advgrid/evaluation.h"
#include "advgrid/plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The parts of a job, of which a test changes some. */
typedef struct parts {
  const char *name, *seeds, *dataset, *model, *training, *defenses, *attacks, *epsilons, *images;
} parts;

static const parts usual = {
    .name = "usual",
    .seeds = "seeds: [1, 7]",
    .dataset = "{kind: synthetic, training_images: 400, test_images: 300, validation_images: 100}",
    .model = "{kind: linear}",
    .training = "{epochs: 3, batch: 64, shard: 16, schedule: {kind: one-cycle, peak: 0.05}}",
    .defenses = "[{kind: none}, {kind: gaussian-noise, name: noise, after: normalize, draws: 4}, "
                "{kind: none, name: taken, file: a.h5}]",
    .attacks = "[{kind: fgsm}, {kind: pgd, steps: 5, restarts: 2}]",
    .epsilons = "[0, 1/2, 0.1]",
    .images = "{images: 200, block: 80}",
};
enum { DEFENSES = 3, SEEDS = 2, ATTACKS = 2, EPSILONS = 3, BLOCKS = 3 };
enum { POINTS = DEFENSES * SEEDS * ATTACKS * EPSILONS, PLAN_UNITS = POINTS * BLOCKS };

static ag_job *make_job(const parts *of)
{
  char text[2048];
  snprintf(text, sizeof text,
           "name: %s\n%s\ndataset: %s\nmodel: %s\ntraining: %s\ndefenses: %s\nattacks: %s\n"
           "epsilons: %s\nevaluation: %s\n",
           of->name, of->seeds, of->dataset, of->model, of->training, of->defenses, of->attacks,
           of->epsilons, of->images);
  ag_job *job = NULL;
  if (ag_job_read(text, strlen(text), "job.yaml", &job) != AG_OK) fail_msg("%s", ag_message());
  return job;
}

static ag_plan *make_plan(const ag_job *job, const ag_inputs *inputs)
{
  ag_plan *plan = NULL;
  if (ag_plan_create(job, inputs, &plan) != AG_OK) fail_msg("%s", ag_message());
  return plan;
}

/* ---- structure -------------------------------------------------------------------- */

static void expands_in_the_jobs_order(void **state)
{
  (void)state;
  static const char *const model_names[] = {"none-seed1",  "none-seed7",  "noise-seed1",
                                            "noise-seed7", "taken-seed1", "taken-seed7"};
  ag_job *job = make_job(&usual);
  ag_plan *plan = make_plan(job, NULL);
  assert_ptr_equal(plan->job, job);
  assert_int_equal(plan->model_count, DEFENSES * SEEDS);
  assert_int_equal(plan->point_count, POINTS);
  assert_int_equal(plan->unit_count, PLAN_UNITS);
  assert_int_equal(plan->dataset.training.count, 300);
  assert_true(plan->dataset_bytes > (size_t)700 * 3072);
  for (size_t i = 0; i < plan->model_count; ++i) {
    assert_int_equal(plan->models[i].defense, i / SEEDS);
    assert_int_equal(plan->models[i].seed, i % SEEDS);
    assert_string_equal(plan->models[i].name, model_names[i]);
    assert_int_equal(plan->models[i].layers.count, i / SEEDS == 1 ? 3 : 2);
  }
  for (size_t i = 0; i < plan->point_count; ++i) {
    const ag_point *point = &plan->points[i];
    assert_int_equal((point->model * ATTACKS + point->attack) * EPSILONS + point->epsilon, i);
    assert_true(point->attack < ATTACKS && point->epsilon < EPSILONS);
    assert_int_equal(point->first_unit, i * BLOCKS);
    assert_int_equal(point->unit_count, BLOCKS);
    for (size_t k = 0; k < BLOCKS; ++k) {
      const ag_unit *unit = &plan->units[point->first_unit + k];
      assert_int_equal(unit->point, i);
      assert_int_equal(unit->first, 80 * k);
      assert_int_equal(unit->count, k < 2 ? 80 : 40);
    }
  }
  ag_plan_destroy(&plan);
  assert_null(plan);
  ag_job_destroy(&job);
}

static void one_seed_adds_nothing_to_a_models_name(void **state)
{
  (void)state;
  parts of = usual;
  of.seeds = "seed: 5";
  ag_job *job = make_job(&of);
  ag_plan *plan = make_plan(job, NULL);
  assert_string_equal(plan->models[1].name, "noise");
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

static void counts_flops_and_bytes(void **state)
{
  (void)state;
  ag_job *job = make_job(&usual);
  ag_plan *plan = make_plan(job, NULL);
  double training = 0;
  double attack = 0;
  size_t bytes = 0;
  for (size_t d = 0; d < DEFENSES; ++d) {
    ag_network *network = NULL;
    const ag_model_unit *model = &plan->models[d * SEEDS];
    assert_int_equal(
        ag_network_create(&model->layers, plan->dataset.shape, plan->dataset.classes, &network),
        AG_OK);
    const ag_flops flops = ag_network_flops(network);
    const double both = flops.forward + flops.input_gradient;
    const double trained =
        d == 2 ? 0 : 3 * (300 * (both + flops.weight_gradient) + 100 * flops.forward);
    assert_true(fabs(model->flops - trained) <= 1e-12 * trained);
    training += SEEDS * trained;
    const double draws = d == 1 ? 4 : 1;
    const double fgsm = draws * (both + 2 * flops.forward);
    const double pgd = draws * (2 * 5 * both + (2 + 2) * flops.forward);
    const ag_point *points = &plan->points[d * SEEDS * ATTACKS * EPSILONS];
    const double first = plan->units[points[0].first_unit].flops;
    const double last = plan->units[points[EPSILONS].first_unit + 2].flops;
    assert_true(fabs(first - 80 * fgsm) <= 1e-12 * first);
    assert_true(fabs(last - 40 * pgd) <= 1e-12 * last);
    attack += SEEDS * EPSILONS * 200 * (fgsm + pgd);
    size_t scratch = ag_workspace_bytes(network, 16);
    for (size_t a = 0; a < ATTACKS; ++a) {
      const size_t one = ag_evaluator_bytes(&job->defenses[d], network, &job->attacks[a], 16);
      scratch = one > scratch ? one : scratch;
    }
    /* Four pictures with ten probabilities, of noise also a bit for each draw of 80 images. */
    const ag_details first_unit = {.form = &model->details, .count = 80};
    const size_t details = ag_details_bytes(&first_unit);
    assert_int_equal(details, 2 * (4 * sizeof(float) * (32 * 32 * 3 + 10) + (d == 1 ? 80 : 0)));
    const size_t here = 16 * ag_network_floats(network) + scratch + 5 * details;
    bytes = here > bytes ? here : bytes;
    ag_network_destroy(&network);
  }
  assert_true(fabs(plan->training_flops - training) <= 1e-12 * training);
  assert_true(fabs(plan->attack_flops - attack) <= 1e-12 * attack);
  assert_int_equal(plan->rank_bytes, bytes);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

static void refuses_more_than_memory_can_hold(void **state)
{
  (void)state;
  parts of = usual;
  of.dataset = "{kind: synthetic, test_images: 1000000}";
  of.images = "{images: 1000000, block: 1}";
  ag_job *job = make_job(&of);
  ag_plan *plan = NULL;
  assert_int_equal(ag_plan_create(job, NULL, &plan), AG_BAD_JOB);
  assert_non_null(strstr(ag_message(), "expected at most"));
  assert_null(plan);
  ag_job_destroy(&job);
}

/* ---- keys ---------------------------------------------------------------------------- */

static bool same(const ag_digest *one, const ag_digest *other)
{
  return memcmp(one, other, sizeof *one) == 0;
}

static size_t kept_units(const ag_plan *before, const ag_plan *after)
{
  size_t kept = 0;
  for (size_t i = 0; i < before->unit_count; ++i) {
    bool found = false;
    for (size_t k = 0; k < after->unit_count; ++k)
      found = found || same(&before->units[i].key, &after->units[k].key);
    kept += found;
  }
  return kept;
}

static size_t kept_models(const ag_plan *before, const ag_plan *after)
{
  size_t kept = 0;
  for (size_t i = 0; i < before->model_count; ++i) {
    bool found = false;
    for (size_t k = 0; k < after->model_count; ++k)
      found = found || same(&before->models[i].key, &after->models[k].key);
    kept += found;
  }
  return kept;
}

static void check_kept(const char *what, const parts *edited, size_t models, size_t units)
{
  ag_job *jobs[] = {make_job(&usual), make_job(edited)};
  ag_plan *plans[] = {make_plan(jobs[0], NULL), make_plan(jobs[1], NULL)};
  if (kept_models(plans[0], plans[1]) != models || kept_units(plans[0], plans[1]) != units) {
    fail_msg("%s: kept %zu models and %zu units; expected %zu and %zu", what,
             kept_models(plans[0], plans[1]), kept_units(plans[0], plans[1]), models, units);
  }
  for (size_t i = 0; i < 2; ++i) {
    ag_plan_destroy(&plans[i]);
    ag_job_destroy(&jobs[i]);
  }
}

#define CHECK_KEPT(what, models, units, ...)                      \
  do {                                                            \
    parts edited = usual;                                         \
    const parts edit = {__VA_ARGS__};                             \
    apply(&edited, &edit);                                        \
    check_kept(what, &edited, (size_t)(models), (size_t)(units)); \
  } while (0)

static void apply(parts *to, const parts *edit)
{
  const char **targets[] = {&to->name,     &to->seeds,   &to->dataset,  &to->model, &to->training,
                            &to->defenses, &to->attacks, &to->epsilons, &to->images};
  const char *const sources[] = {edit->name,    edit->seeds,    edit->dataset,
                                 edit->model,   edit->training, edit->defenses,
                                 edit->attacks, edit->epsilons, edit->images};
  for (size_t i = 0; i < sizeof sources / sizeof *sources; ++i) {
    if (sources[i] != NULL) *targets[i] = sources[i];
  }
}

enum { ALL_MODELS = DEFENSES * SEEDS };

static void edits_keep_what_they_do_not_touch(void **state)
{
  (void)state;
  CHECK_KEPT("nothing", ALL_MODELS, PLAN_UNITS, .name = NULL);
  CHECK_KEPT("names", ALL_MODELS, PLAN_UNITS, .name = "other",
             .defenses = "[{kind: none, name: x}, {kind: gaussian-noise, after: normalize, "
                         "draws: 4}, {kind: none, name: y, file: a.h5}]",
             .attacks = "[{kind: fgsm, name: a}, {kind: pgd, name: b, steps: 5, restarts: 2}]");
  CHECK_KEPT("the order", ALL_MODELS, PLAN_UNITS, .seeds = "seeds: [7, 1]",
             .attacks = "[{kind: pgd, steps: 5, restarts: 2}, {kind: fgsm}]",
             .epsilons = "[0.1, 0, 1/2]");
  CHECK_KEPT("how numbers are written", ALL_MODELS, PLAN_UNITS, .epsilons = "[-0.0, 5e-1, 1/10]",
             .training = "{epochs: 3.0, batch: 64, shard: 16, "
                         "schedule: {kind: one-cycle, peak: 1/20}}");
  CHECK_KEPT("another epsilon", ALL_MODELS, PLAN_UNITS, .epsilons = "[0, 0.1000001, 1/2, 0.1]");
  CHECK_KEPT("an epsilon less", ALL_MODELS, PLAN_UNITS / 3 * 2, .epsilons = "[0, 1/2]");
  CHECK_KEPT("more images", ALL_MODELS, PLAN_UNITS / 3 * 2, .images = "{images: 300, block: 80}");
  CHECK_KEPT("another block", ALL_MODELS, 0, .images = "{images: 200, block: 81}");
  CHECK_KEPT("a seed less", ALL_MODELS / 2, PLAN_UNITS / 2, .seeds = "seed: 7");
  CHECK_KEPT("an attack's option", ALL_MODELS, PLAN_UNITS / 2,
             .attacks = "[{kind: fgsm}, {kind: pgd, steps: 6, restarts: 2}]");
  CHECK_KEPT("an option that was left out", ALL_MODELS, PLAN_UNITS / 2,
             .attacks = "[{kind: fgsm}, {kind: pgd, steps: 5, restarts: 2, step_size: 0.1}]");
}

static void edits_lose_what_they_touch(void **state)
{
  (void)state;
  const size_t own = PLAN_UNITS / DEFENSES; /* of one defense */
  CHECK_KEPT("a defense's option", ALL_MODELS - SEEDS, PLAN_UNITS - own,
             .defenses = "[{kind: none}, {kind: gaussian-noise, name: noise, after: normalize, "
                         "draws: 5}, {kind: none, name: taken, file: a.h5}]");
  /* A model that was trained elsewhere does not care how this job trains. */
  CHECK_KEPT("epochs", SEEDS, own,
             .training = "{epochs: 4, batch: 64, shard: 16, "
                         "schedule: {kind: one-cycle, peak: 0.05}}");
  CHECK_KEPT("the schedule's option", SEEDS, own,
             .training = "{epochs: 3, batch: 64, shard: 16, "
                         "schedule: {kind: one-cycle, peak: 0.06}}");
  CHECK_KEPT("the schedule", SEEDS, own,
             .training = "{epochs: 3, batch: 64, shard: 16, schedule: {kind: cosine, peak: 0.05}}");
  CHECK_KEPT("the optimizer", SEEDS, own,
             .training = "{epochs: 3, batch: 64, shard: 16, optimizer: {kind: sgd, momentum: 0}, "
                         "schedule: {kind: one-cycle, peak: 0.05}}");
  CHECK_KEPT("augmentation", SEEDS, own,
             .training = "{epochs: 3, batch: 64, shard: 16, augmentation: [flip], "
                         "schedule: {kind: one-cycle, peak: 0.05}}");
  CHECK_KEPT("the shard", SEEDS, 0,
             .training = "{epochs: 3, batch: 64, shard: 32, "
                         "schedule: {kind: one-cycle, peak: 0.05}}");
  CHECK_KEPT("training images", SEEDS, 0,
             .dataset = "{kind: synthetic, training_images: 401, test_images: 300, "
                        "validation_images: 100}");
  CHECK_KEPT("the dataset", SEEDS, 0,
             .dataset = "{kind: cifar10, training_images: 400, test_images: 300, "
                        "validation_images: 100}");
  CHECK_KEPT("the model", 0, 0, .model = "{kind: small}");
  CHECK_KEPT("all seeds", 0, 0, .seeds = "seeds: [2, 3]");
}

static void keys_are_all_different(void **state)
{
  (void)state;
  parts of = usual;
  of.epsilons = "[0.1, 0.10000000001]";
  ag_job *job = make_job(&of);
  ag_plan *plan = make_plan(job, NULL);
  for (size_t i = 0; i < plan->unit_count; ++i) {
    for (size_t k = 0; k < i; ++k)
      assert_false(same(&plan->units[i].key, &plan->units[k].key));
  }
  for (size_t i = 0; i < plan->point_count; ++i) {
    for (size_t k = 0; k < i; ++k)
      assert_false(same(&plan->points[i].key, &plan->points[k].key));
  }
  assert_int_equal(kept_models(plan, plan), plan->model_count);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

/* A model from a file is what the file holds, wherever it lies. */
static void keys_follow_a_models_bytes_not_its_place(void **state)
{
  (void)state;
  parts of = usual;
  ag_job *here = make_job(&of);
  of.defenses = "[{kind: none}, {kind: gaussian-noise, name: noise, after: normalize, draws: 4}, "
                "{kind: none, name: taken, file: elsewhere/b.h5}]";
  ag_job *there = make_job(&of);
  ag_digest one[DEFENSES] = {[2] = {{1}}};
  ag_digest other[DEFENSES] = {[2] = {{2}}};
  const ag_inputs inputs[2] = {{{{0}}, one}, {{{0}}, other}};
  ag_plan *plans[] = {make_plan(here, &inputs[0]), make_plan(there, &inputs[0]),
                      make_plan(here, &inputs[1])};
  assert_int_equal(kept_models(plans[0], plans[1]), ALL_MODELS);
  assert_int_equal(kept_units(plans[0], plans[1]), PLAN_UNITS);
  assert_int_equal(kept_models(plans[0], plans[2]), ALL_MODELS - SEEDS);
  assert_int_equal(kept_units(plans[0], plans[2]), PLAN_UNITS - PLAN_UNITS / DEFENSES);
  for (size_t i = 0; i < sizeof plans / sizeof *plans; ++i)
    ag_plan_destroy(&plans[i]);
  ag_job_destroy(&here);
  ag_job_destroy(&there);
}

static void keys_follow_the_datasets_bytes_not_its_place(void **state)
{
  (void)state;
  parts of = usual;
  of.dataset = "{kind: cifar10, path: here}";
  ag_job *here = make_job(&of);
  of.dataset = "{kind: cifar10, path: there}";
  ag_job *there = make_job(&of);
  ag_digest models[DEFENSES] = {0};
  const ag_inputs inputs[2] = {{{{1}}, models}, {{{2}}, models}};
  ag_plan *plans[] = {make_plan(here, NULL), make_plan(there, NULL), make_plan(here, &inputs[0]),
                      make_plan(there, &inputs[0]), make_plan(here, &inputs[1])};
  const size_t taken = SEEDS; /* models from a file do not depend on the dataset */
  assert_int_equal(kept_units(plans[0], plans[1]), PLAN_UNITS);
  assert_int_equal(kept_units(plans[2], plans[3]), PLAN_UNITS);
  assert_int_equal(kept_units(plans[0], plans[2]), 0);
  assert_int_equal(kept_units(plans[2], plans[4]), 0);
  assert_int_equal(kept_models(plans[2], plans[4]), taken);
  for (size_t i = 0; i < 5; ++i)
    ag_plan_destroy(&plans[i]);
  ag_job_destroy(&here);
  ag_job_destroy(&there);
}

static void leaves_no_memory(void **state)
{
  (void)state;
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(expands_in_the_jobs_order),
      cmocka_unit_test(one_seed_adds_nothing_to_a_models_name),
      cmocka_unit_test(counts_flops_and_bytes),
      cmocka_unit_test(refuses_more_than_memory_can_hold),
      cmocka_unit_test(edits_keep_what_they_do_not_touch),
      cmocka_unit_test(edits_lose_what_they_touch),
      cmocka_unit_test(keys_are_all_different),
      cmocka_unit_test(keys_follow_a_models_bytes_not_its_place),
      cmocka_unit_test(keys_follow_the_datasets_bytes_not_its_place),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
