/* Doing parts of units of attack. The network and the threads' evaluators are kept from part to
 * part and changed where the next has another model or another attack. */
#include "run/attacks.h"
#include "plan/workload.h"
#include "run/models.h"

#include <string.h>

static const size_t NONE = (size_t)-1;

/* A model that is loaded: its index in the plan, or NONE. */
typedef struct loaded {
  size_t model;
  ag_network *network;
  ag_digest digest; /* of the network */
} loaded;

struct ag_attacker {
  ag_desk *desk;
  const ag_plan *plan;
  const ag_dataset *dataset;
  ag_pool *pool;
  size_t shard;
  loaded judged, source;     /* source: the last that an attack saw in the place of `judged` */
  size_t attack;             /* of the evaluators: its index in the job, or NONE */
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
      .judged = {.model = NONE},
      .source = {.model = NONE},
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
  ag_network_destroy(&self->source.network);
  ag_network_destroy(&self->judged.network);
  ag_release(&self->costs);
  ag_release(&self->evaluators);
  ag_release(out);
}

static ag_status load_model(ag_attacker *self, size_t model, loaded *into)
{
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  if (into->model == model) return AG_OK;
  unload_attack(self);
  ag_network_destroy(&into->network);
  into->model = NONE;
  AG_TRY(ag_model_path(self->plan, model, self->desk->session->request->folder, sizeof path, path));
  AG_TRY(ag_network_create(&self->plan->models[model].layers, self->dataset->shape,
                           self->dataset->classes, &into->network));
  AG_TRY(ag_model_load(into->network, path, NULL));
  ag_network_prepare(into->network, false, self->pool);
  AG_TRY(ag_network_digest(into->network, &into->digest));
  into->model = model;
cleanup:
  return status;
}

/* Both models of a point. */
static ag_status load_models(ag_attacker *self, const ag_point *point)
{
  ag_status status = AG_OK;
  AG_TRY(load_model(self, point->model, &self->judged));
  if (point->source != point->model) AG_TRY(load_model(self, point->source, &self->source));
cleanup:
  return status;
}

static void before_layer(void *context, size_t layer)
{
  (void)layer;
  ag_desk_between(context);
}

static ag_status create_evaluator(const ag_attacker *self, const ag_point *point,
                                  ag_evaluator **evaluator)
{
  const ag_job *job = self->plan->job;
  const ag_images *training = &self->dataset->training;
  const ag_model_unit *judged = &self->plan->models[point->model];
  const ag_model_unit *source = &self->plan->models[point->source];
  const ag_status status = ag_evaluator_create(
      &job->defenses[judged->defense], self->judged.network, training, &job->attacks[point->attack],
      self->shard, job->seeds[judged->seed], evaluator);
  if (status != AG_OK || source == judged) return status;
  return ag_evaluator_attack_from(*evaluator, &job->defenses[source->defense], self->source.network,
                                  training);
}

/* The models are loaded; with the attack they are the evaluators', or have unloaded it. */
static ag_status load_attack(ag_attacker *self, const ag_point *point)
{
  ag_status status = AG_OK;
  const ag_pass_events events = {self->desk, before_layer, before_layer};
  if (self->attack == point->attack) return AG_OK;
  unload_attack(self);
  for (size_t i = 0; i < ag_pool_threads(self->pool); ++i)
    AG_TRY(create_evaluator(self, point, &self->evaluators[i]));
  ag_evaluator_listen(self->evaluators[0], &events); /* the rank's first thread */
  self->attack = point->attack;
cleanup:
  return status;
}

static ag_status run_shard(void *context, size_t item, size_t thread)
{
  const ag_attacker *self = context;
  const size_t begin = item * self->item;
  if (thread == 0) { /* the others are about as far */
    ag_meter_unit(&self->desk->session->meter, (double)begin / (double)self->count);
  }
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
  AG_TRY(load_models(self, point));
  AG_TRY(load_attack(self, point));
  AG_TRY(run_shards(self, &report->cost));
  report->outcomes = (uint32_t)self->count;
  report->detail_bytes = ag_details_bytes(&self->details);
  report->images = self->count;
  report->flops = unit->flops * (double)self->count / (double)unit->count;
  AG_TRY(ag_attacked_digest(self->plan, unit->point, &self->judged.digest, &self->source.digest,
                            &report->digest));
cleanup:
  report->start = start - self->desk->started;
  report->seconds = ag_clock_seconds() - start;
  ag_desk_report_status(self->desk, status);
  ag_desk_report_send(self->desk);
}
