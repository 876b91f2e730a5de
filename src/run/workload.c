/* A plan as the schedule takes it: costs, shards, and what a team gains. */
#include "run/workload.h"

size_t ag_work_shard_images(const ag_plan *plan, size_t threads)
{
  return threads * ag_settings_count(&plan->job->training.settings, "shard");
}

/* A team of k ranks trains as fast as the rank with most of a batch's shards: three ranks are no
 * faster on four shards than two. */
static void fill_speedup(size_t shards, size_t threads, double *speedup)
{
  const double alone = (double)((shards + threads - 1) / threads);
  for (size_t ranks = 1; ranks <= shards; ++ranks) {
    const size_t most = (shards + ranks - 1) / ranks;
    speedup[ranks] = alone / (double)((most + threads - 1) / threads);
  }
}

ag_status ag_work_create(const ag_plan *plan, size_t ranks, size_t threads, ag_work *work)
{
  ag_status status = AG_OK;
  const ag_settings *training = &plan->job->training.settings;
  const size_t images = ag_work_shard_images(plan, threads);
  const size_t shard = ag_settings_count(training, "shard");
  const size_t shards = (ag_settings_count(training, "batch") + shard - 1) / shard;
  *work =
      (ag_work){.load = {.model_count = plan->model_count,
                         .unit_count = plan->unit_count,
                         .ranks = ranks,
                         .ranks_per_model = ag_settings_count(&plan->job->run, "ranks_per_model"),
                         .largest = shards}};
  AG_TRY(ag_allocate(plan->model_count, sizeof *work->models, &work->models));
  AG_TRY(ag_allocate(plan->unit_count, sizeof *work->units, &work->units));
  AG_TRY(ag_allocate(shards + 1, sizeof *work->speedup, &work->speedup));
  fill_speedup(shards, threads, work->speedup);
  for (size_t i = 0; i < plan->model_count; ++i) {
    work->models[i] = (ag_model_work){.seconds = plan->models[i].flops / AG_NOMINAL_FLOPS,
                                      .ready = plan->models[i].from_file};
  }
  for (size_t i = 0; i < plan->unit_count; ++i) {
    const ag_unit *unit = &plan->units[i];
    work->units[i] = (ag_unit_work){.model = plan->points[unit->point].model,
                                    .seconds = unit->flops / AG_NOMINAL_FLOPS,
                                    .shards = (unit->count + images - 1) / images};
  }
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
