/* A plan as the schedule takes it. */
#ifndef ADVGRID_RUN_WORKLOAD_H
#define ADVGRID_RUN_WORKLOAD_H

#include "advgrid/plan.h"

/** A machine on which a thread makes so many floating-point operations a second: what a schedule
 *  needs is how long pieces of work are beside each other. */
#define AG_NOMINAL_FLOPS 1e11

/* What ag_workload points to. */
typedef struct ag_work {
  ag_workload load;
  ag_model_work *models;
  ag_unit_work *units;
  double *speedup;
} ag_work;

/** All of the plan, nothing done. A unit's shards are runs of `threads` of its shards, which keep a
 *  rank's threads busy. work: owned by the caller, also after a failure; entries may be changed
 *  before they are used. */
ag_status ag_work_create(const ag_plan *plan, size_t ranks, size_t threads, ag_work *work);
void ag_work_clear(ag_work *work);

/** Images of one of the unit's shards, the last of which may have fewer. */
size_t ag_work_shard_images(const ag_plan *plan, size_t threads);

#endif
