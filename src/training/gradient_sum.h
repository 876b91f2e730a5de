/* The sum of a batch's gradients over its shards, with the same bits whatever threads and ranks
 * compute them, and on its way while they still do. */
#ifndef ADVGRID_TRAINING_GRADIENT_SUM_H
#define ADVGRID_TRAINING_GRADIENT_SUM_H

#include "training/factors.h"

/* Each shard's gradient is added along the tree of training/shard_tree.h: within a thread as soon
 * as a layer of a shard is done, between threads when the second arrives, and between ranks by the
 * rank that has the slice, to which the others send their part-sums layer by layer. Large dense
 * weights go another way: see training/factors.h. */
typedef struct ag_gradient_sum ag_gradient_sum;

/* What batches come. */
typedef struct ag_batches {
  size_t shard;          /* images of one */
  size_t images[2];      /* the sizes that batches may have */
  ag_factor_use factors; /* of dense weights' gradients, where they pay */
} ag_batches;

/** Borrows all but the batches. */
ag_status ag_gradient_sum_create(const ag_network *network, ag_pool *pool, const ag_team *team,
                                 const ag_batches *batches, ag_gradient_sum **sum);
void ag_gradient_sum_destroy(ag_gradient_sum **sum);
const ag_partition *ag_gradient_sum_partition(const ag_gradient_sum *sum);
/** Nothing is on its way in it between two batches. */
ag_exchange *ag_gradient_sum_exchange(const ag_gradient_sum *sum);

/** From now on the penalty's gradient is part of every batch's sum: added once, to a slice that is
 *  added up, before its squares are taken, for the parameters that the network has in
 *  ag_gradient_sum_complete, which must be all there. NULL, as it is at first: none. Borrowed. */
void ag_gradient_sum_penalise(ag_gradient_sum *sum, ag_penalty *penalty);

/** Tells a workspace which gradients are not to be computed in it: those made of factors. */
void ag_gradient_sum_set_up(const ag_gradient_sum *sum, ag_workspace *workspace);

/** A batch of so many images begins: one of the sizes. Collective, as ag_gradient_sum_complete is;
 *  what stands between is each rank's own. */
void ag_gradient_sum_begin(ag_gradient_sum *sum, size_t images);
/** The shards that lane (thread) `lane` is to take, in order. */
ag_shard_range ag_gradient_sum_lane(const ag_gradient_sum *sum, size_t lane);
/** Where the shard's backward pass adds its gradients. */
float *ag_gradient_sum_target(ag_gradient_sum *sum, size_t lane, size_t shard);
/** A layer of that shard's gradients is there; called by the lane's thread in the layer's backward
 *  event. */
void ag_gradient_sum_add(ag_gradient_sum *sum, size_t lane, size_t layer,
                         const ag_workspace *workspace);
/** Sends what is ready, and lets messages pass. Called by the rank's first thread, often. */
void ag_gradient_sum_progress(ag_gradient_sum *sum);
/** All lanes are done: waits for the other ranks, and adds up this rank's slices. squares: [slices]
 *  of the partition; of this rank's trained ones the sum of squares, 0 of all others. What every
 * rank makes counts on the first. */
void ag_gradient_sum_complete(ag_gradient_sum *sum, double *squares);

/** The sum's values over a slice that is this rank's own. */
const float *ag_gradient_sum_slice(const ag_gradient_sum *sum, size_t slice);
/** Leaves zeros for the next batch: once for each slice that is summed, whosesoever it is. */
void ag_gradient_sum_clear(ag_gradient_sum *sum, size_t slice);

#endif
