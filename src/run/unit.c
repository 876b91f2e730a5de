/* Doing one unit of attack. The network and the threads' evaluators are kept from unit to unit
 * and changed where the next unit has another model or another attack. */
#include "run/unit.h"

#include <stdio.h>
#include <string.h>

static const size_t NONE = (size_t)-1;

struct ag_unit_runner {
  const ag_plan *plan;
  const ag_dataset *dataset;
  const char *folder;
  ag_pool *pool;
  size_t shard;
  /* What is loaded: indices in the plan and the job, or NONE. */
  size_t model, attack;
  ag_network *network;
  ag_digest digest;          /* of the network */
  ag_evaluator **evaluators; /* [threads] */
  /* The unit in hand. */
  const ag_unit *unit;
  double epsilon;
  ag_outcome *outcomes;
  ag_attack_cost *costs; /* [threads] */
  void (*between)(void *);
  void *between_context;
};

size_t ag_result_capacity(const ag_plan *plan)
{
  size_t most = 0;
  for (size_t i = 0; i < plan->unit_count; ++i) {
    if (plan->units[i].count > most) most = plan->units[i].count;
  }
  return sizeof(ag_result_header) + most * sizeof(ag_outcome);
}

size_t ag_result_bytes(const ag_result_header *result)
{
  return sizeof *result + result->outcomes * sizeof(ag_outcome);
}

ag_outcome *ag_result_outcomes(ag_result_header *result)
{
  return (ag_outcome *)(void *)(result + 1);
}

ag_status ag_model_path(const ag_plan *plan, size_t model, const char *folder, size_t size,
                        char *path)
{
  const ag_model_unit *unit = &plan->models[model];
  const ag_settings *defense = &plan->job->defenses[unit->defense].settings;
  if (ag_settings_has(defense, "file")) {
    return ag_path_join(path, size, "%s", ag_settings_word(defense, "file"));
  }
  return ag_path_join(path, size, "%s/models/%s.h5", folder, unit->name);
}

static void unload_attack(ag_unit_runner *runner)
{
  for (size_t i = 0; i < ag_pool_threads(runner->pool); ++i) {
    ag_evaluator_destroy(&runner->evaluators[i]);
  }
  runner->attack = NONE;
}

ag_status ag_unit_runner_create(const ag_plan *plan, const ag_dataset *dataset, const char *folder,
                                ag_pool *pool, ag_unit_runner **out)
{
  ag_status status = AG_OK;
  ag_unit_runner *runner = NULL;
  const size_t threads = ag_pool_threads(pool);
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *runner, &runner));
  *runner = (ag_unit_runner){
      .plan = plan,
      .dataset = dataset,
      .folder = folder,
      .pool = pool,
      .shard = ag_settings_count(&plan->job->training.settings, "shard"),
      .model = NONE,
      .attack = NONE,
  };
  *out = runner;
  AG_TRY(ag_allocate(threads, sizeof(ag_evaluator *), &runner->evaluators));
  AG_TRY(ag_allocate(threads, sizeof *runner->costs, &runner->costs));
cleanup:
  if (status != AG_OK) ag_unit_runner_destroy(out);
  return status;
}

void ag_unit_runner_destroy(ag_unit_runner **out)
{
  ag_unit_runner *runner = *out;
  if (runner == NULL) return;
  if (runner->evaluators != NULL) unload_attack(runner);
  ag_network_destroy(&runner->network);
  ag_release(&runner->costs);
  ag_release(&runner->evaluators);
  ag_release(out);
}

static ag_status load_model(ag_unit_runner *runner, size_t model)
{
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  if (runner->model == model) return AG_OK;
  unload_attack(runner);
  ag_network_destroy(&runner->network);
  runner->model = NONE;
  AG_TRY(ag_model_path(runner->plan, model, runner->folder, sizeof path, path));
  AG_TRY(ag_network_create(&runner->plan->models[model].layers, runner->dataset->shape,
                           runner->dataset->classes, &runner->network));
  AG_TRY(ag_model_load(runner->network, path, NULL));
  ag_network_prepare(runner->network, false, NULL);
  AG_TRY(ag_network_digest(runner->network, &runner->digest));
  runner->model = model;
cleanup:
  return status;
}

static ag_status load_attack(ag_unit_runner *runner, size_t attack)
{
  ag_status status = AG_OK;
  const ag_job *job = runner->plan->job;
  const ag_model_unit *model = &runner->plan->models[runner->model];
  if (runner->attack == attack) return AG_OK;
  unload_attack(runner);
  for (size_t i = 0; i < ag_pool_threads(runner->pool); ++i) {
    AG_TRY(ag_evaluator_create(&job->defenses[model->defense], runner->network,
                               &job->attacks[attack], runner->shard, job->seeds[model->seed],
                               &runner->evaluators[i]));
  }
  runner->attack = attack;
cleanup:
  return status;
}

static ag_status run_shard(void *context, size_t item, size_t thread)
{
  const ag_unit_runner *runner = context;
  const size_t begin = item * runner->shard;
  const size_t left = runner->unit->count - begin;
  return ag_evaluate_shard(runner->evaluators[thread], &runner->dataset->test,
                           runner->unit->first + begin, left < runner->shard ? left : runner->shard,
                           runner->epsilon, runner->outcomes + begin, &runner->costs[thread]);
}

static void call_between(void *context)
{
  const ag_unit_runner *runner = context;
  if (runner->between != NULL) runner->between(runner->between_context);
}

static ag_status run_shards(ag_unit_runner *runner, ag_result_header *result)
{
  const size_t threads = ag_pool_threads(runner->pool);
  memset(runner->costs, 0, threads * sizeof *runner->costs);
  const ag_status status = ag_pool_run(runner->pool,
                                       (runner->unit->count + runner->shard - 1) / runner->shard,
                                       run_shard, call_between, runner);
  for (size_t i = 0; i < threads; ++i) {
    result->cost.gradients += runner->costs[i].gradients;
    result->cost.forwards += runner->costs[i].forwards;
  }
  return status;
}

void ag_unit_run(ag_unit_runner *runner, size_t index, void (*between)(void *), void *context,
                 ag_result_header *result)
{
  ag_status status = AG_OK;
  const ag_plan *plan = runner->plan;
  const double start = ag_clock_seconds();
  runner->unit = &plan->units[index];
  const ag_point *point = &plan->points[runner->unit->point];
  memset(result, 0, sizeof *result);
  result->unit = index;
  runner->epsilon = plan->job->epsilons[point->epsilon].value;
  runner->outcomes = ag_result_outcomes(result);
  runner->between = between;
  runner->between_context = context;
  AG_TRY(load_model(runner, point->model));
  AG_TRY(load_attack(runner, point->attack));
  AG_TRY(run_shards(runner, result));
  result->outcomes = (uint32_t)runner->unit->count;
  result->model = runner->digest;
cleanup:
  result->status = (uint32_t)status;
  if (status != AG_OK) snprintf(result->message, sizeof result->message, "%.500s", ag_message());
  result->seconds = ag_clock_seconds() - start;
}
