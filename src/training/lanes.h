/* What the threads of a rank train and validate in: each takes shards through the network alone. */
#ifndef ADVGRID_TRAINING_LANES_H
#define ADVGRID_TRAINING_LANES_H

#include "training/gradient_sum.h"
#include "training/weights.h"

typedef struct ag_lanes ag_lanes;

/* Images that are taken through the network: order[0 .. count-1], numbers in their dataset. */
typedef struct ag_lane_images {
  const uint32_t *order;
  size_t count;
  uint32_t epoch, step; /* key augmentation, dropout and noise */
  double progress;      /* of a batch: in epochs */
} ag_lane_images;

/** Memory for the pool's threads. Borrows all. */
ag_status ag_lanes_create(const ag_training *training, uint64_t seed, const ag_dataset *dataset,
                          ag_pool *pool, const ag_network *network, ag_lanes **lanes);
void ag_lanes_destroy(ag_lanes **lanes);

/** What shards become before they are learnt; copied. At first: what they are. */
void ag_lanes_change(ag_lanes *lanes, const ag_shard_change *change);
/** What is learnt beside cross-entropy; copied. Before they join, once. For triplets each shard
 * goes through the network with a copy of its images behind it, which ag_lanes_change attacks: in
 * one pass, so that each image has the dropout and noise of its copy, and a batch normalisation
 * takes its statistics from both. Fails with AG_BAD_JOB where the network has no such latent space,
 * and with AG_OUT_OF_MEMORY. */
ag_status ag_lanes_add_term(ag_lanes *lanes, const ag_latent_term *term);
/** Rows of training passes that so many images come to. */
size_t ag_lanes_rows(const ag_lanes *lanes, size_t images);
/** The batches of an epoch and their shards, in rows: all but the last, and the last. */
ag_batches ag_lanes_batches(const ag_lanes *lanes);
/** Who judges validation images; copied. At first: nobody. */
void ag_lanes_judge(ag_lanes *lanes, const ag_shard_judge *judge);
/** The team whose lanes they are from now on, where gradients go and weights come from; borrowed.
 */
void ag_lanes_join(ag_lanes *lanes, const ag_team *team, ag_gradient_sum *gradients,
                   ag_weights *weights);

/** Shards of so many images. */
size_t ag_lanes_shards(const ag_lanes *lanes, size_t images);

/** This rank's shards of a batch, which ag_gradient_sum_begin has begun: forward, loss, backward.
 *  losses, correct: [shards of the batch] of each of this rank's shards, set; losses with their
 *  term.
 *  Fails with AG_INTERRUPTED where the program was asked to stop, some shards being left out, and
 *  as the change of shards does. */
ag_status ag_lanes_train(ag_lanes *lanes, const ag_lane_images *batch, double *losses,
                         double *correct);

/* Validation images that are classified rightly, and those that the judge found robust. */
typedef struct ag_lane_verdict {
  size_t correct, robust;
} ag_lane_verdict;

/** Of `shards` of the validation images; the network is prepared for evaluation. Fails as
 *  ag_lanes_train and the judge do. */
ag_status ag_lanes_validate(ag_lanes *lanes, const ag_lane_images *images, ag_shard_range shards,
                            ag_lane_verdict *verdict);

#endif
