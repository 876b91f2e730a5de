/* Expands a job: models, points, units, their keys and what they come to in FLOPs. */
#include "plan/cost.h"
#include "plan/details.h"
#include "plan/keys.h"
#include "plan/source.h"

/* Beyond these a job is a slip of the pen, and the plan would not fit in memory. */
enum { MODELS_MAXIMUM = 10000, UNITS_MAXIMUM = 5000000 };

/* How often the attack's work is done on a model: once for all epsilons where it takes none. */
static size_t rounds_of(const ag_job *job, size_t attack)
{
  return ag_attack_takes_epsilon(&job->attacks[attack]) ? job->epsilon_count : 1;
}

static ag_status count_parts(const ag_job *job, ag_plan *plan, size_t *blocks)
{
  const size_t images = ag_settings_count(&job->evaluation, "images");
  const size_t block = ag_settings_count(&job->evaluation, "block");
  size_t rounds = 0;
  for (size_t i = 0; i < job->attack_count; ++i)
    rounds += rounds_of(job, i);
  *blocks = ag_divide_up(images, block);
  bool fits = !__builtin_mul_overflow(job->defense_count, job->seed_count, &plan->model_count);
  fits = fits && plan->model_count <= MODELS_MAXIMUM;
  fits = fits && !__builtin_mul_overflow(plan->model_count, job->attack_count, &plan->point_count);
  fits = fits && !__builtin_mul_overflow(plan->point_count, job->epsilon_count, &plan->point_count);
  fits = fits && !__builtin_mul_overflow(plan->model_count, rounds, &plan->unit_count);
  fits = fits && !__builtin_mul_overflow(plan->unit_count, *blocks, &plan->unit_count);
  if (fits && plan->unit_count <= UNITS_MAXIMUM) return AG_OK;
  return ag_fail(AG_BAD_JOB,
                 "%zu defenses, %zu seeds, %zu attacks, %zu epsilons and %zu blocks of images; "
                 "expected at most %d models and %d units of work",
                 job->defense_count, job->seed_count, job->attack_count, job->epsilon_count,
                 *blocks, MODELS_MAXIMUM, UNITS_MAXIMUM);
}

static ag_status make_models(ag_plan *plan, const ag_model_cost *costs, const ag_inputs *inputs)
{
  const ag_job *job = plan->job;
  for (size_t i = 0; i < plan->model_count; ++i) {
    ag_model_unit *model = &plan->models[i];
    model->defense = i / job->seed_count;
    model->seed = i % job->seed_count;
    const ag_model_cost *cost = &costs[model->defense];
    ag_model_name(job, model->defense, model->seed, model->name);
    model->layers = cost->layers;
    model->from_file = ag_settings_has(&job->defenses[model->defense].settings, "file");
    model->flops = cost->training;
    model->pass = cost->pass;
    model->learning = cost->learning;
    model->attack = cost->attack;
    model->judgement = cost->judgement;
    model->sums = cost->sums;
    model->details = cost->details;
    plan->training_flops += model->flops;
    plan->rank_bytes =
        ag_maximum(plan->rank_bytes, ag_model_cost_rank_bytes(job, costs, model->defense));
    const ag_status status = ag_key_of_model(job, inputs, model->defense, model->seed, &model->key);
    if (status != AG_OK) return status;
  }
  return AG_OK;
}

/* What one image takes at most: the attack's passes over the model that it sees, and the clean and
 * the final judgement; for a certificate single draws alone. */
static void set_passes(const ag_plan *plan, ag_point *point)
{
  const ag_job *job = plan->job;
  const ag_entry *attack = &job->attacks[point->attack];
  const ag_attack_cost each = ag_attack_of(attack)->cost(&attack->settings);
  const size_t defense = plan->models[point->model].defense;
  const size_t source = plan->models[point->source].defense;
  const ag_draws of_source = ag_defense_draws(&job->defenses[source]);
  const size_t own = ag_attack_draws(attack);
  const size_t draws = of_source.random && own > 0 ? own : of_source.attack;
  ag_attack_cost *seen = source == defense ? &point->passes : &point->source_passes;
  if (ag_attack_of(attack)->finds == AG_FINDS_RADIUS) {
    *seen = each;
    return;
  }
  point->passes.forwards = 2 * ag_defense_draws(&job->defenses[defense]).verdict;
  seen->gradients += draws * each.gradients;
  seen->forwards += draws * each.forwards;
}

static double point_flops(const ag_plan *plan, const ag_point *point)
{
  const ag_attack_cost *own = &point->passes;
  const ag_attack_cost *other = &point->source_passes;
  const ag_passes by_model = {(double)own->gradients, (double)own->forwards};
  const ag_passes by_source = {(double)other->gradients, (double)other->forwards};
  return ag_passes_flops(&plan->models[point->model].pass, &by_model) +
         ag_passes_flops(&plan->models[point->source].pass, &by_source);
}

static ag_status make_units(ag_plan *plan, const ag_point *point, const ag_digest *attacked)
{
  const double flops = point_flops(plan, point);
  const size_t images = ag_settings_count(&plan->job->evaluation, "images");
  const size_t block = ag_settings_count(&plan->job->evaluation, "block");
  for (size_t i = 0; i < point->unit_count; ++i) {
    ag_unit *unit = &plan->units[point->first_unit + i];
    unit->point = (size_t)(point - plan->points);
    unit->first = i * block;
    unit->count = images - unit->first < block ? images - unit->first : block;
    unit->flops = (double)unit->count * flops;
    plan->attack_flops += unit->flops;
    const ag_status status = ag_key_of_images(attacked, unit->first, unit->count, &unit->key);
    if (status != AG_OK) return status;
  }
  return AG_OK;
}

/* Points of an attack that takes no epsilon have keys of their own, since each has another row, but
 * the units of the first. *next_unit: behind those that are made; moved on. */
static ag_status make_point(ag_plan *plan, const ag_inputs *inputs, size_t blocks, ag_point *point,
                            size_t *next_unit)
{
  ag_status status = AG_OK;
  const ag_job *job = plan->job;
  const ag_model_unit *model = &plan->models[point->model];
  const ag_model_unit *source = &plan->models[point->source];
  const ag_epsilon *epsilon = &job->epsilons[point->epsilon];
  const bool takes_epsilon = ag_attack_takes_epsilon(&job->attacks[point->attack]);
  const size_t images = ag_settings_count(&job->evaluation, "images");
  ag_digest attacked;
  AG_TRY(ag_key_of_attack(job, inputs, model, source, point->attack, epsilon, &attacked));
  AG_TRY(ag_key_of_images(&attacked, 0, images, &point->key));
  set_passes(plan, point);
  point->unit_count = blocks;
  if (!takes_epsilon && point->epsilon > 0) {
    point->first_unit = *next_unit - blocks;
    return AG_OK;
  }
  point->first_unit = *next_unit;
  *next_unit += blocks;
  if (!takes_epsilon) {
    AG_TRY(ag_key_of_attack(job, inputs, model, source, point->attack, NULL, &attacked));
  }
  AG_TRY(make_units(plan, point, &attacked));
cleanup:
  return status;
}

/* The model of the same seed that the attack on a model sees. */
static size_t source_of(const ag_plan *plan, size_t model, size_t attack)
{
  const size_t source = ag_job_source(plan->job, attack);
  if (source == SIZE_MAX) return model;
  return source * plan->job->seed_count + plan->models[model].seed;
}

static ag_status make_points(ag_plan *plan, const ag_inputs *inputs, size_t blocks)
{
  ag_status status = AG_OK;
  const ag_job *job = plan->job;
  ag_point *point = plan->points;
  size_t next_unit = 0;
  for (size_t model = 0; model < plan->model_count; ++model) {
    for (size_t attack = 0; attack < job->attack_count; ++attack) {
      for (size_t epsilon = 0; epsilon < job->epsilon_count; ++epsilon) {
        *point = (ag_point){.model = model,
                            .attack = attack,
                            .epsilon = epsilon,
                            .source = source_of(plan, model, attack)};
        AG_TRY(make_point(plan, inputs, blocks, point++, &next_unit));
      }
    }
  }
cleanup:
  return status;
}

static ag_status expand(ag_plan *plan, const ag_inputs *inputs)
{
  ag_status status = AG_OK;
  const ag_job *job = plan->job;
  ag_model_cost *costs = NULL;
  size_t blocks = 0;
  AG_TRY(ag_dataset_describe(&job->dataset, &plan->dataset, &plan->dataset_bytes));
  AG_TRY(count_parts(job, plan, &blocks));
  AG_TRY(ag_allocate(job->defense_count, sizeof *costs, &costs));
  for (size_t i = 0; i < job->defense_count; ++i)
    AG_TRY(ag_model_cost_measure(plan, &job->defenses[i], &costs[i]));
  AG_TRY(ag_allocate(plan->model_count, sizeof *plan->models, &plan->models));
  AG_TRY(ag_allocate(plan->point_count, sizeof *plan->points, &plan->points));
  AG_TRY(ag_allocate(plan->unit_count, sizeof *plan->units, &plan->units));
  AG_TRY(make_models(plan, costs, inputs));
  AG_TRY(make_points(plan, inputs, blocks));
cleanup:
  ag_release(&costs);
  return status;
}

ag_status ag_plan_create(const ag_job *job, const ag_inputs *inputs, ag_plan **plan)
{
  ag_status status = AG_OK;
  AG_TRY(ag_allocate(1, sizeof **plan, plan));
  (*plan)->job = job;
  AG_TRY(expand(*plan, inputs));
cleanup:
  if (status != AG_OK) ag_plan_destroy(plan);
  return status;
}

void ag_plan_destroy(ag_plan **plan)
{
  if (*plan == NULL) return;
  ag_release(&(*plan)->models);
  ag_release(&(*plan)->points);
  ag_release(&(*plan)->units);
  ag_release(plan);
}
