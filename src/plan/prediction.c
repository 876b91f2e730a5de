/* How long a plan takes on a cluster: the schedule of a run, in simulated time. */
#include "plan/workload.h"

#include <math.h>

/* Of rank 0, for a report and for an order. */
static const double DECISION = 1e-5;

/* Rank 0 looks for reports between two layers of what it computes itself: the others wait for half
 * of one, and rank 0 not at all. */
static double answer_seconds(const ag_plan *plan, const ag_cluster *cluster, size_t ranks)
{
  double longest = 0;
  for (size_t i = 0; i < plan->model_count; ++i) {
    const ag_model_unit *model = &plan->models[i];
    longest = fmax(longest, model->pass.forward / (double)model->layers.count);
  }
  const double others = (double)(ranks - 1) / (double)ranks;
  const size_t shard = ag_settings_count(&plan->job->training.settings, "shard");
  return 0.5 * others * (double)shard * longest * cluster->seconds.forward / cluster->flops.forward;
}

ag_status ag_predict(const ag_plan *plan, const ag_cluster *cluster, size_t ranks, size_t threads,
                     ag_simulation *simulation)
{
  ag_work work;
  /* The wait for an answer is there and back, as the simulation counts messages. */
  const double wait = answer_seconds(plan, cluster, ranks) / 2;
  const ag_machine machine = {.latency = ranks > 1 ? cluster->latency + wait : 0,
                              .decision_seconds = DECISION,
                              .segment_seconds = AG_SEGMENT_SECONDS};
  ag_status status = ag_work_create(plan, ranks, threads, cluster, &work);
  if (status == AG_OK) status = ag_simulate(&work.load, &machine, simulation, NULL);
  ag_work_clear(&work);
  return status;
}
