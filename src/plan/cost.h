/* What the models of a job cost, asked of their networks. */
#ifndef ADVGRID_PLAN_COST_H
#define ADVGRID_PLAN_COST_H

#include "advgrid/plan.h"

/* What the models of one defense cost; seeds make no difference. */
typedef struct ag_model_cost {
  ag_flops pass; /* one image, one pass */
  double learning;
  ag_passes attack, judgement;
  double training;   /* in FLOPs */
  size_t rank_bytes; /* to train it and to attack it, but for a thread's memory: ... */
  size_t training_bytes, attack_bytes; /* ... in training, and under any attack */
  size_t source_bytes;                 /* the network with its defense around it */
  ag_layer_sums sums;
  ag_details_form details;
  ag_layer_list layers;
} ag_model_cost;

/** Builds the defense's network for as long as it takes to ask it. cost: overwritten. Fails with
 *  AG_BAD_JOB where defense, network and training do not go together. */
ag_status ag_model_cost_measure(const ag_plan *plan, const ag_entry *defense, ag_model_cost *cost);
/** Bytes of a rank with one thread that trains and attacks the models of costs[defense], with
 *  another network besides where an attack sees one. */
size_t ag_model_cost_rank_bytes(const ag_job *job, const ag_model_cost *costs, size_t defense);
/** FLOPs of passes over an image. */
double ag_passes_flops(const ag_flops *pass, const ag_passes *passes);

#endif
