/* What a batch does to the parameters: its gradients are summed over threads and ranks, and every
 * rank makes the same step. The network's parameters change in no other place. */
#ifndef ADVGRID_TRAINING_STEP_H
#define ADVGRID_TRAINING_STEP_H

#include "training/team.h"

typedef struct ag_stepper ag_stepper;

/** Memory for the gradients of a pool's threads and for the optimizer. Borrows all. */
ag_status ag_stepper_create(const ag_training *training, ag_pool *pool, const ag_team *team,
                            ag_network *network, ag_stepper **stepper);
void ag_stepper_destroy(ag_stepper **stepper);

/** What a thread's backward passes add to: the block's layout, zero before each batch. */
float *ag_stepper_gradients(const ag_stepper *stepper, size_t thread);

/** Sums the gradients over the threads that had one of this rank's `shards`, and over the team.
 *  Returns the sum's norm over the trained parameters; for one sum it is the same on any number of
 *  threads. Collective. */
double ag_stepper_sum(ag_stepper *stepper, size_t shards);
/** One step of the network's parameters down the sum over a batch of `images`, which is clipped by
 *  its norm as the job says; their average follows. Leaves gradients of zero and a network that is
 *  prepared for the next batch. */
void ag_stepper_step(ag_stepper *stepper, size_t images, double rate, double norm);
/** Exchanges the network's parameters with their average; nothing where the job averages none.
 * Before a pass the network is to be prepared. */
void ag_stepper_exchange(ag_stepper *stepper);

#endif
