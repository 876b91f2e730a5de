/* What a batch's summed gradients do to the parameters. The network's parameters change in no other
 * place. */
#ifndef ADVGRID_TRAINING_STEP_H
#define ADVGRID_TRAINING_STEP_H

#include "training/gradient_sum.h"
#include "training/weights.h"

/* Each rank of the team steps the slices whose gradients it adds up, and sends the others what came
 * of it: of momentum and average it keeps its own slices alone. */
typedef struct ag_stepper ag_stepper;

/** Memory for the optimizer. Borrows all. */
ag_status ag_stepper_create(const ag_training *training, ag_pool *pool, ag_network *network,
                            ag_stepper **stepper);
void ag_stepper_destroy(ag_stepper **stepper);
/** What every step from now on goes down too: the gradient of a penalty (borrowed), which joins
 * that of the images before it is clipped. Before ag_stepper_join. */
void ag_stepper_penalise(ag_stepper *stepper, ag_penalty *penalty);
/** The team that steps from now on, its gradients and its weights; borrowed. */
void ag_stepper_join(ag_stepper *stepper, const ag_team *team, ag_gradient_sum *gradients,
                     ag_weights *weights);
/** Momentum, and the parameters' average, NULL where the job wants none: of this rank's slices. */
float *ag_stepper_velocity(const ag_stepper *stepper);
float *ag_stepper_average(const ag_stepper *stepper);

/** One step of the network's parameters, behind `steps` others, down the sum over a batch of
 *  `images`, which is clipped by its norm as the job says; their average follows. Leaves gradients
 *  of zero, and weights on their way. Collective. */
void ag_stepper_step(ag_stepper *stepper, uint64_t steps, size_t images, double rate, double norm);
/** Swaps the network's parameters, which are all there, with their average; nothing where the
 * job averages none. Before a pass the network is to be prepared. Collective. */
void ag_stepper_swap(ag_stepper *stepper);

#endif
