/* New weights behind a step, which come while the next batch begins. */
#ifndef ADVGRID_TRAINING_WEIGHTS_H
#define ADVGRID_TRAINING_WEIGHTS_H

#include "training/exchange.h"

/* Each rank steps its own slices. The others' are on their way when the next forward pass begins:
 * in front of each layer the threads wait for its weights, and prepare them together for passes. */
typedef struct ag_weights ag_weights;

/** Borrows all. threads: that take part in ag_weights_await, at most. */
ag_status ag_weights_create(ag_network *network, const ag_team *team, const ag_partition *partition,
                            size_t threads, ag_weights **weights);
void ag_weights_destroy(ag_weights **weights);

/** This rank's slices of the network's block are new: the exchange with the others begins. */
void ag_weights_begin(ag_weights *weights);
/** Returns when a layer's weights are there and prepared for training. Called by every thread that
 *  comes to the layer's forward pass; `first`, the rank's first thread, lets messages pass, and
 * must come to every layer. between(context): called by it while it waits; may be NULL. */
void ag_weights_await(ag_weights *weights, size_t layer, bool first, void (*between)(void *context),
                      void *context);
/** Lets messages pass; called by the rank's first thread. */
void ag_weights_progress(ag_weights *weights);
/** Returns when all weights have come and gone; what is not prepared for passes is left to be. */
void ag_weights_settle(ag_weights *weights);
/** What the messages took. */
ag_exchange_seconds ag_weights_times(const ag_weights *weights);
/** Blocks of the network's layout, of which each rank has its share: now all have all. */
void ag_weights_gather(ag_weights *weights, float *block);

#endif
