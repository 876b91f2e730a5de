/* How a network's parameters are cut up: into slices that stay in a core's cache from one loop over
 * them to the next, and layer by layer into one share of slices for each rank of a team. Pure. */
#ifndef ADVGRID_TRAINING_PARTITION_H
#define ADVGRID_TRAINING_PARTITION_H

#include "advgrid/network.h"

/* A piece of one parameter that is trained or averaged. */
typedef struct ag_slice {
  size_t offset, floats; /* in the network's block */
  bool decayed, averaged;
  size_t rank;       /* who adds up its gradients and steps it; or AG_EVERY_RANK, for itself */
  bool factored;     /* its gradient is made of factors */
  size_t layer, row; /* its layer; of one that is factored: its first row of the weight */
} ag_slice;
#define AG_EVERY_RANK SIZE_MAX

static inline bool ag_slice_is_own(const ag_slice *slice, size_t rank)
{
  return slice->rank == rank || slice->rank == AG_EVERY_RANK;
}

/* A run of slices, and of the block from the first one's begin to the last one's end. */
typedef struct ag_slice_run {
  size_t first, end;
  size_t offset, floats;
} ag_slice_run;

typedef struct ag_partition {
  size_t ranks, layers, slice_count;
  ag_slice *slices; /* those that are summed, in the block's order, then the factored */
  /* [layers + 1] the first summed, and the first factored slice of each layer. */
  size_t *summed, *factored;
} ag_partition;

/* Who makes the gradient of a factored weight and steps it. */
typedef enum ag_factor_use {
  AG_FACTORS_UNUSED,  /* none is factored */
  AG_FACTORS_SHARED,  /* each rank its share of the rows, which it sends the others: less work */
  AG_FACTORS_REPEATED /* every rank all of them: nothing is sent */
} ag_factor_use;

/** Whether the gradient of a layer's weight is better made of its factors (training/factors.h): of
 *  a dense one, in batches of at most so many images, in shards of `shard`. */
bool ag_factors_pay(const ag_network *network, size_t layer, size_t shard, size_t images);
/** Shards of a batch whose factors can be told apart on their way. */
enum { AG_FACTOR_SHARDS = 256 };

/** For a team of `ranks`. factored: [layers] whether the gradient of the layer's weight, a dense
 *  one's, is made of factors; NULL for AG_FACTORS_UNUSED. partition: owned by the caller, also
 *  after a failure. */
ag_status ag_partition_create(const ag_network *network, size_t ranks, const bool *factored,
                              ag_factor_use use, ag_partition *partition);
void ag_partition_clear(ag_partition *partition);

/** Slices that are summed: the first ones. */
size_t ag_partition_summed(const ag_partition *partition);
/** Slices that belong to one rank: the first ones. */
size_t ag_partition_owned(const ag_partition *partition);
/** The summed slices of a layer, and the share of them that is a rank's; either may be empty. */
ag_slice_run ag_partition_layer(const ag_partition *partition, size_t layer);
ag_slice_run ag_partition_share(const ag_partition *partition, size_t layer, size_t rank);
/** The share of a layer's factored slices that is one rank's; empty where every rank has them. */
ag_slice_run ag_partition_factored_share(const ag_partition *partition, size_t layer, size_t rank);
/** Floats of the longest share of either kind. */
size_t ag_partition_longest(const ag_partition *partition);

/** Rows of so many floats that a factored slice has, but for the last of a weight. */
size_t ag_slice_rows(size_t floats);

#endif
