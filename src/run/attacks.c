/* Doing parts of units of attack. The network and the threads' evaluators are kept from part to
 * part and changed where the next has another model or another attack. */
#include "run/attacks.h"
#include "plan/workload.h"
#include "run/models.h"

#include <string.h>

static const size_t NONE = (size_t)-1;

struct ag_attacker {
  ag_desk *desk;
  const ag_plan *plan;
  const ag_dataset *dataset;
  ag_pool *pool;
  size_t shard;
  /* What is loaded: indices in the plan and the job, or NONE. */
  size_t model, attack;
  ag_network *network;
  ag_digest digest;          /* of the network */
  ag_evaluator **evaluators; /* [threads] */
  ag_attack_cost *costs;     /* [threads] */
  /* The part in hand. */
  size_t first, count; /* images of the test set */
  size_t item;         /* of them, those that a thread takes at once */
  double epsilon;
  ag_outcome *outcomes;
  ag_details details;
};

static void unload_attack(ag_attacker *self)
{
  for (size_t i = 0; i < ag_pool_threads(self->pool); ++i)
    ag_evaluator_destroy(&self->evaluators[i]);
  self->attack = NONE;
}

ag_status ag_attacker_create(ag_desk *desk, ag_attacker **out)
{
  ag_status status = AG_OK;
  ag_attacker *self = NULL;
  const ag_session *session = desk->session;
  const size_t threads = ag_pool_threads(session->pool);
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *self = (ag_attacker){
      .desk = desk,
      .plan = session->plan,
      .dataset = &session->dataset,
      .pool = session->pool,
      .shard = ag_settings_count(&session->job->training.settings, "shard"),
      .model = NONE,
      .attack = NONE,
  };
  *out = self;
  AG_TRY(ag_allocate(threads, sizeof(ag_evaluator *), &self->evaluators));
  AG_TRY(ag_allocate(threads, sizeof *self->costs, &self->costs));
cleanup:
  if (status != AG_OK) ag_attacker_destroy(out);
  return status;
}

void ag_attacker_destroy(ag_attacker **out)
{
  ag_attacker *self = *out;
  if (self == NULL) return;
  if (self->evaluators != NULL) unload_attack(self);
  ag_network_destroy(&self->network);
  ag_release(&self->costs);
  ag_release(&self->evaluators);
  ag_release(out);
}

static ag_status load_model(ag_attacker *self, size_t model)
{
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  if (self->model == model) return AG_OK;
  unload_attack(self);
  ag_network_destroy(&self->network);
  self->model = NONE;
  AG_TRY(ag_model_path(self->plan, model, self->desk->session->request->folder, sizeof path, path));
  AG_TRY(ag_network_create(&self->plan->models[model].layers, self->dataset->shape,
                           self->dataset->classes, &self->network));
  AG_TRY(ag_model_load(self->network, path, NULL));
  ag_network_prepare(self->network, false, self->pool);
  AG_TRY(ag_network_digest(self->network, &self->digest));
  self->model = model;
cleanup:
  return status;
}

static void before_layer(void *context, size_t layer)
{
  (void)layer;
  ag_desk_between(context);
}

static ag_status load_attack(ag_attacker *self, size_t attack)
{
  ag_status status = AG_OK;
  const ag_job *job = self->plan->job;
  const ag_model_unit *model = &self->plan->models[self->model];
  const ag_pass_events events = {self->desk, before_layer, before_layer};
  if (self->attack == attack) return AG_OK;
  unload_attack(self);
  for (size_t i = 0; i < ag_pool_threads(self->pool); ++i) {
    AG_TRY(ag_evaluator_create(&job->defenses[model->defense], self->network,
                               &self->dataset->training, &job->attacks[attack], self->shard,
                               job->seeds[model->seed], &self->evaluators[i]));
  }
  ag_evaluator_listen(self->evaluators[0], &events); /* the rank's first thread */
  self->attack = attack;
cleanup:
  return status;
}

static ag_status run_shard(void *context, size_t item, size_t thread)
{
  const ag_attacker *self = context;
  const size_t begin = item * self->item;
  return ag_evaluate_shard(self->evaluators[thread], &self->dataset->test, self->first + begin,
                           ag_minimum(self->count - begin, self->item), self->epsilon,
                           self->outcomes + begin, &self->costs[thread]);
}

static ag_status run_shards(ag_attacker *self, ag_attack_cost *cost)
{
  ag_status status = AG_OK;
  const size_t threads = ag_pool_threads(self->pool);
  memset(self->costs, 0, threads * sizeof *self->costs);
  for (size_t i = 0; i < threads && status == AG_OK; ++i)
    status = ag_evaluator_collect(self->evaluators[i], &self->details);
  if (status != AG_OK) return status;
  status = ag_pool_run(self->pool, ag_divide_up(self->count, self->item), run_shard, NULL, self);
  for (size_t i = 0; i < threads; ++i) {
    cost->gradients += self->costs[i].gradients;
    cost->forwards += self->costs[i].forwards;
  }
  return status;
}

void ag_attacker_run(ag_attacker *self)
{
  ag_status status = AG_OK;
  const ag_order_message *order = &self->desk->order.head;
  const ag_unit *unit = &self->plan->units[order->unit];
  const ag_point *point = &self->plan->points[unit->point];
  const size_t images = ag_work_shard_images(self->plan, point, ag_pool_threads(self->pool));
  const size_t begin = order->first_shard * images;
  const double start = ag_clock_seconds();
  ag_report *report = self->desk->report;
  ag_desk_report_start(self->desk, AG_REPORT_PART, order->unit);
  report->first_shard = order->first_shard;
  report->first = (uint32_t)begin;
  self->item = ag_work_shard_images(self->plan, point, 1);
  self->first = unit->first + begin;
  self->count = ag_minimum(unit->count - begin, order->shard_count * images);
  self->epsilon = self->plan->job->epsilons[point->epsilon].value;
  self->outcomes = ag_report_outcomes(report);
  self->details = (ag_details){.form = ag_plan_details(self->plan, point),
                               .first = self->first,
                               .count = self->count,
                               .block = ag_report_details(report, self->count)};
  AG_TRY(load_model(self, point->model));
  AG_TRY(load_attack(self, point->attack));
  AG_TRY(run_shards(self, &report->cost));
  report->outcomes = (uint32_t)self->count;
  report->detail_bytes = ag_details_bytes(&self->details);
  report->images = self->count;
  report->flops = unit->flops * (double)self->count / (double)unit->count;
  report->digest = self->digest;
cleanup:
  report->seconds = ag_clock_seconds() - start;
  ag_desk_report_status(self->desk, status);
  ag_desk_report_send(self->desk);
}
