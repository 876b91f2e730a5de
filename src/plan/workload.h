/* A plan as the schedule takes it. Pure. */
#ifndef ADVGRID_PLAN_WORKLOAD_H
#define ADVGRID_PLAN_WORKLOAD_H

#include "advgrid/plan.h"

/** A machine on which a thread makes so many floating-point operations a second: what a schedule
 *  needs is how long pieces of work are beside each other. */
#define AG_NOMINAL_FLOPS 1e11

/** Seconds of a team's segment: short, so that ranks that wait for it to grow do not wait long. */
#define AG_SEGMENT_SECONDS 5.0

/* What ag_workload points to. */
typedef struct ag_work {
  ag_workload load;
  ag_model_work *models;
  ag_unit_work *units;
  double *speedup;
} ag_work;

/** All of the plan, nothing done. A unit's shards are runs of `threads` of its shards, which keep a
 *  rank's threads busy. cluster: seconds are those of a rank of it, and teams pay for their
 *  messages; NULL: seconds are of one thread at AG_NOMINAL_FLOPS, and messages take none. work:
 *  owned by the caller, also after a failure; entries may be changed before they are used. */
ag_status ag_work_create(const ag_plan *plan, size_t ranks, size_t threads,
                         const ag_cluster *cluster, ag_work *work);
void ag_work_clear(ag_work *work);

/** Images of one of the shards of a point's units, the last of which may have fewer: those that so
 *  many threads take at once. An image whose radius is sought is a shard by itself, as its draws
 *  fill the passes. */
size_t ag_work_shard_images(const ag_plan *plan, const ag_point *point, size_t threads);

/* ---- a training step -------------------------------------------------------------------- */

/* What a step comes to, whoever makes it. */
typedef struct ag_step_cost {
  size_t shards;           /* of a batch */
  size_t threads;          /* of a rank */
  double forward_seconds;  /* of one shard on one thread */
  double backward_seconds; /* that and the step's other work */
  double attack_seconds;   /* before both, where shards are attacked before they are learnt */
  double bytes, layers;    /* of gradients in sums, and of the weights that come of them */
  double factor_bytes;     /* of the batch's gradients in factors, */
  double factor_layers;    /* a message each for a shard */
  double latency;          /* seconds of a message without bytes */
  double bandwidth;        /* bytes a second; 0: messages take no time */
} ag_step_cost;

/** Seconds of a step on a team of `ranks` (> 0):
 *    a (attack + forward + backward) + max(0, there - backward) + max(0, back - forward)
 *      + 2 ceil(log2 ranks) latency
 *  a: shards that the busiest thread of the busiest rank takes, one after the other. There: sums,
 *  to each rank its share of each layer, for each part that the sender's shards make up
 *  (training/gradient_sum.h), and factors to every rank, both of which leave while the last shard's
 *  backward pass goes on; of factors only 1/a, as those of earlier shards travel while the next are
 *  computed, but for what that leaves of them. Back: weights, which come in while the first forward
 *  pass of the next step goes on, be it an attack's. The last term: the sums of losses and norms. A
 * rank sends sums     bytes        (ranks - 1) / ranks  in  layers (ranks - 1)         messages, as
 * weights factors  factor_bytes (ranks - 1) / ranks  in  factor_layers (ranks - 1)  messages a
 * shard one after the other, by a link that it has to itself. */
double ag_step_seconds(const ag_step_cost *cost, size_t ranks);

#endif
