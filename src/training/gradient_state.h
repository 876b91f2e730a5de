/* The state of a sum of gradients. gradient_memory.c makes it, gradient_sum.c adds up in it. */
#ifndef ADVGRID_TRAINING_GRADIENT_STATE_H
#define ADVGRID_TRAINING_GRADIENT_STATE_H

#include <stdatomic.h>

#include "training/gradient_sum.h"

/* A part of a batch's sum as one rank has it. */
typedef struct ag_batch_part {
  ag_shard_range range;
  size_t rank, ordinal; /* of the rank's parts */
  float *values;        /* own: a buffer like the network's block; another rank's: own slices, one
                           behind the other */
} ag_batch_part;

/* What batches of one size come to. */
typedef struct ag_batch_plan {
  ag_shard_forest forest;
  size_t part_count;
  /* Of all ranks, in the order of their shards; in a team of one, of all lanes. */
  ag_batch_part *parts;
} ag_batch_plan;

struct ag_gradient_sum {
  ag_pool *pool;
  const ag_team *team;
  const ag_network *network;
  ag_batches batches;
  ag_partition partition;
  ag_factor_sum **factors; /* [layers]; NULL where its gradients are not factored */
  size_t own_floats;       /* of this rank's slices, and of factored ones: */
  size_t factored_floats;
  size_t *places;  /* [slices] where each of them lies among its like */
  float *factored; /* [factored_floats] the factored slices' gradients */
  ag_batch_plan plans[2];
  size_t buffer_count, received_count;
  float **buffers, **received;
  atomic_uchar *arrived; /* [nodes, layers] whether one of the node's parts is there */
  atomic_size_t *done;   /* [layers] roots that are complete */
  bool *sent;            /* [layers] */
  ag_exchange *exchange;
  ag_penalty *penalty; /* NULL: none */
  /* The batch in hand. */
  const ag_batch_plan *current;
  size_t factor_messages; /* of others: what was started when they were asked for */
  size_t *shards;         /* [lanes] each is in */
  const float **totals;   /* [slices] of this rank's */
  double *squares;
};

/* Shards of a batch of so many images. */
static inline size_t ag_batch_shards(const ag_batches *batches, size_t images)
{
  return ag_divide_up(images, batches->shard);
}

#endif
