/* The gradient of a large dense weight as what it is made of. */
#ifndef ADVGRID_TRAINING_FACTORS_H
#define ADVGRID_TRAINING_FACTORS_H

#include "training/exchange.h"
#include "training/shard_tree.h"

/* Over the shards s of a batch the gradient of a dense weight is the sum of x_s' dy_s. Where the
 * batch has fewer images than the weight has inputs and outputs, these factors are the smaller
 * part: ranks send them to each other instead of sums ("sufficient factors", Xie et al. 2015,
 * arXiv:1511.06443), and each makes the sum, or its share of the rows, slice by slice in its cache,
 * along the tree of training/shard_tree.h; nothing is written to memory before it is complete. */
typedef struct ag_factor_sum ag_factor_sum; /* where ag_factors_pay says that it pays */

/** For batches of at most `shards` shards of `shard` images. Borrows network and team. */
ag_status ag_factor_sum_create(const ag_network *network, size_t layer, const ag_team *team,
                               size_t threads, size_t shard, size_t shards, ag_factor_sum **sum);
void ag_factor_sum_destroy(ag_factor_sum **sum);
/** Messages that are on their way at once. */
size_t ag_factor_sum_messages(const ag_factor_sum *sum);
/** Floats of one. */
size_t ag_factor_sum_floats(const ag_factor_sum *sum);

/** A batch of `images` begins: asks for the other ranks' factors. */
void ag_factor_sum_begin(ag_factor_sum *sum, size_t images, ag_exchange *exchange);
/** Copies a shard's factors; called by the thread that has them. */
void ag_factor_sum_put(ag_factor_sum *sum, size_t shard, const ag_factors *factors);
/** Sends what was put since the last time, or what was not sent at all; called by the rank's first
 *  thread. */
void ag_factor_sum_send(ag_factor_sum *sum, bool all, ag_exchange *exchange);
/** All factors are there: rows first .. first + rows - 1 of the weight's gradient, overwritten.
 *  thread: of the pool, which calls it. rows: at most those of a slice of the partition. */
void ag_factor_sum_rows(const ag_factor_sum *sum, size_t first, size_t rows, size_t thread,
                        float *gradient);

#endif
