/* A plan as the schedule takes it: costs, shards, and what a team gains. */
#include "plan/workload.h"
#include "training/shard_tree.h"

#include <math.h>

size_t ag_work_shard_images(const ag_plan *plan, const ag_point *point, size_t threads)
{
  const ag_attack *attack = ag_attack_of(&plan->job->attacks[point->attack]);
  if (attack->finds == AG_FINDS_RADIUS) return threads;
  return threads * ag_settings_count(&plan->job->training.settings, "shard");
}

/* ---- a training step ---- */

/* Parts of a batch's sum that the rank with most of them sends. */
static size_t most_parts(size_t shards, size_t ranks)
{
  size_t most = 1;
  for (size_t rank = 0; rank < ranks; ++rank) {
    const ag_shard_range own = ag_shard_share((ag_shard_range){0, shards}, rank, ranks);
    const size_t parts = ag_shard_roots(shards, own, NULL);
    if (parts > most) most = parts;
  }
  return most;
}

/* So many bytes to each of the others, of which each gets its share. */
static double sending_seconds(const ag_step_cost *cost, size_t ranks, double bytes, double messages)
{
  const double others = (double)(ranks - 1);
  return bytes * others / (double)ranks / cost->bandwidth + messages * others * cost->latency;
}

double ag_step_seconds(const ag_step_cost *cost, size_t ranks)
{
  /* Three ranks are no faster on four shards than two. */
  const size_t shards = ag_divide_up(cost->shards, ranks);
  const double turns = (double)ag_divide_up(shards, cost->threads);
  const double turn = cost->attack_seconds + cost->forward_seconds + cost->backward_seconds;
  if (ranks == 1 || cost->bandwidth == 0) return turns * turn;
  const double sums = sending_seconds(cost, ranks, cost->bytes, cost->layers);
  const double factors =
      sending_seconds(cost, ranks, cost->factor_bytes, cost->factor_layers * (double)shards);
  const double late = factors / turns + fmax(0, (factors / turns - turn) * (turns - 1));
  const double there = (double)most_parts(cost->shards, ranks) * sums + late;
  return turns * turn + fmax(0, there - cost->backward_seconds) +
         fmax(0, sums - cost->forward_seconds) + 2 * ceil(log2((double)ranks)) * cost->latency;
}

/* ---- seconds ---- */

static double flops_of_training(const ag_flops *flops)
{
  return flops->forward + flops->input_gradient + flops->weight_gradient;
}

/* Seconds of one image on one thread. */
typedef struct rates {
  double training, forward, gradient;
} rates;

/* A network takes as much longer than the one that was measured as it has more operations. */
static rates rates_of(const ag_cluster *cluster, const ag_flops *flops)
{
  const ag_flops *measured = &cluster->flops;
  return (rates){
      .training = cluster->seconds.training * flops_of_training(flops) /
                  flops_of_training(measured),
      .forward = cluster->seconds.forward * flops->forward / measured->forward,
      .gradient = cluster->seconds.gradient * (flops->forward + flops->input_gradient) /
                  (measured->forward + measured->input_gradient),
  };
}

/* Of one image. */
static double passes_seconds(const rates *each, const ag_passes *passes)
{
  return passes->gradients * each->gradient + passes->forwards * each->forward;
}

static double cost_seconds(const rates *each, const ag_attack_cost *cost)
{
  const ag_passes passes = {(double)cost->gradients, (double)cost->forwards};
  return passes_seconds(each, &passes);
}

/* Of a model's steps; cluster NULL: shards are all alike, and messages take no time. */
static ag_step_cost step_cost(const ag_plan *plan, const ag_model_unit *model, size_t threads,
                              const ag_cluster *cluster)
{
  const ag_settings *training = &plan->job->training.settings;
  const size_t batch = ag_settings_count(training, "batch");
  const size_t shard = ag_minimum(ag_settings_count(training, "shard"), batch);
  ag_step_cost cost = {
      .shards = ag_divide_up(batch, shard), .threads = threads, .forward_seconds = 1};
  if (cluster == NULL || model->from_file) return cost;
  const rates each = rates_of(cluster, &model->pass);
  const double seconds = (double)shard * model->learning * each.training;
  cost.attack_seconds = (double)shard * passes_seconds(&each, &model->attack);
  cost.forward_seconds = seconds * model->pass.forward / flops_of_training(&model->pass);
  cost.backward_seconds = seconds - cost.forward_seconds;
  cost.bytes = sizeof(float) * (double)model->sums.floats;
  cost.layers = (double)model->sums.layers;
  cost.factor_bytes = sizeof(float) * (double)(model->sums.floats_per_image * batch);
  cost.factor_layers = (double)model->sums.factor_layers;
  cost.latency = cluster->latency;
  cost.bandwidth = cluster->bandwidth;
  return cost;
}

/* Of one rank. */
static double training_seconds(const ag_plan *plan, const ag_model_unit *model, size_t threads,
                               const ag_cluster *cluster)
{
  if (cluster == NULL) return model->flops / AG_NOMINAL_FLOPS;
  if (model->from_file) return 0;
  const ag_settings *training = &plan->job->training.settings;
  const ag_step_cost step = step_cost(plan, model, threads, cluster);
  const rates each = rates_of(cluster, &model->pass);
  const double validation = (double)plan->dataset.validation.count *
                            (each.forward + passes_seconds(&each, &model->judgement)) /
                            (double)threads;
  const double steps = (double)plan->dataset.training.count /
                       (double)ag_settings_count(training, "batch");
  return (double)ag_settings_count(training, "epochs") *
         (steps * ag_step_seconds(&step, 1) + validation);
}

static double unit_seconds(const ag_plan *plan, const ag_unit *unit, size_t threads,
                           const ag_cluster *cluster)
{
  if (cluster == NULL) return unit->flops / AG_NOMINAL_FLOPS;
  const ag_point *point = &plan->points[unit->point];
  const rates each = rates_of(cluster, &plan->models[point->model].pass);
  const rates source = rates_of(cluster, &plan->models[point->source].pass);
  const size_t shard = ag_work_shard_images(plan, point, 1);
  const size_t images = ag_work_shard_images(plan, point, threads);
  const size_t in_turn = unit->count / images * shard + ag_minimum(unit->count % images, shard);
  return (double)in_turn *
         (cost_seconds(&each, &point->passes) + cost_seconds(&source, &point->source_passes));
}

/* ---- the whole ---- */

/* Of the model that takes longest to train: all share the table. */
static void fill_speedup(const ag_plan *plan, size_t threads, const ag_cluster *cluster,
                         ag_work *work)
{
  size_t longest = 0;
  for (size_t i = 0; i < plan->model_count; ++i) {
    if (work->models[i].seconds > work->models[longest].seconds) longest = i;
  }
  const ag_step_cost cost = step_cost(plan, &plan->models[longest], threads, cluster);
  const double alone = ag_step_seconds(&cost, 1);
  for (size_t k = 1; k <= work->load.largest; ++k) {
    /* No team is larger than there are ranks. */
    work->speedup[k] = k <= work->load.ranks ? alone / ag_step_seconds(&cost, k)
                                             : work->speedup[k - 1];
  }
}

ag_status ag_work_create(const ag_plan *plan, size_t ranks, size_t threads,
                         const ag_cluster *cluster, ag_work *work)
{
  ag_status status = AG_OK;
  const ag_settings *training = &plan->job->training.settings;
  const size_t shards =
      ag_divide_up(ag_settings_count(training, "batch"), ag_settings_count(training, "shard"));
  *work =
      (ag_work){.load = {.model_count = plan->model_count,
                         .unit_count = plan->unit_count,
                         .ranks = ranks,
                         .ranks_per_model = ag_settings_count(&plan->job->run, "ranks_per_model"),
                         .largest = shards}};
  AG_TRY(ag_allocate(plan->model_count, sizeof *work->models, &work->models));
  AG_TRY(ag_allocate(plan->unit_count, sizeof *work->units, &work->units));
  AG_TRY(ag_allocate(shards + 1, sizeof *work->speedup, &work->speedup));
  for (size_t i = 0; i < plan->model_count; ++i) {
    const ag_model_unit *model = &plan->models[i];
    work->models[i] = (ag_model_work){.seconds = training_seconds(plan, model, threads, cluster),
                                      .ready = model->from_file};
  }
  for (size_t i = 0; i < plan->unit_count; ++i) {
    const ag_unit *unit = &plan->units[i];
    const ag_point *point = &plan->points[unit->point];
    const size_t images = ag_work_shard_images(plan, point, threads);
    work->units[i] = (ag_unit_work){.model = point->model,
                                    .source = point->source,
                                    .seconds = unit_seconds(plan, unit, threads, cluster),
                                    .shards = ag_divide_up(unit->count, images)};
  }
  fill_speedup(plan, threads, cluster, work);
  work->load.models = work->models;
  work->load.units = work->units;
  work->load.speedup = work->speedup;
cleanup:
  return status;
}

void ag_work_clear(ag_work *work)
{
  ag_release(&work->speedup);
  ag_release(&work->units);
  ag_release(&work->models);
}
