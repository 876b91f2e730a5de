/* advgrid/training.h: training one network, data-parallel over the ranks of a team. */
#ifndef ADVGRID_TRAINING_H
#define ADVGRID_TRAINING_H

#include "advgrid/base.h"
#include "advgrid/data.h"
#include "advgrid/network.h"

/* ---- what a job says about it ------------------------------------------------------ */

/** The options of `training:` itself: epochs, batch, shard, clip. */
extern const ag_option ag_training_options[];
/** `training: {optimizer: {kind: ...}}` and `{schedule: {kind: ...}}`. */
const ag_kind *ag_optimizer_table(size_t index);
const ag_kind *ag_schedule_table(size_t index);

typedef struct ag_training {
  ag_settings settings; /* of ag_training_options */
  ag_entry optimizer, schedule;
  unsigned augmentation; /* AG_AUGMENT_... */
} ag_training;

/** The learning rate at `progress` epochs, of `epochs`, by the schedule's formula. */
double ag_schedule_rate(const ag_entry *schedule, double progress, double epochs);

/* ---- optimizer ------------------------------------------------------------------------ */

/** One step of stochastic gradient descent with momentum (Sutskever et al. 2013) and weight
 *  decay, as PyTorch writes it:
 *    g = gradient + decay w;  v = momentum v + g;  w -= rate (nesterov ? g + momentum v : v)
 *  on every trained parameter of the network; decay where the parameter says so.
 *  gradients, velocity: the block's layout; velocity is updated, gradients are changed. */
void ag_optimizer_step(const ag_entry *optimizer, ag_network *network, double rate,
                       float *gradients, float *velocity);

/** Scales gradients so that their norm over the trained parameters is at most `limit`
 *  (Pascanu et al. 2013); returns the norm before. limit 0: no limit. */
double ag_gradient_clip(const ag_network *network, double limit, float *gradients);

/* ---- the trainer -------------------------------------------------------------------------- */

/* The ranks that train one model together; made from a communicator in training/team.h. */
typedef struct ag_team ag_team;

/* A row of the table /training/DEFENSE. */
typedef struct ag_epoch {
  uint32_t epoch; /* from 1 */
  double loss, learning_rate, train_accuracy, validation_accuracy, seconds;
} ag_epoch;

/* What a training run reports; any may be NULL. Called on every rank. */
typedef struct ag_training_events {
  void *context;
  void (*step)(void *context, size_t images); /* images of the batch just done */
  ag_status (*epoch)(void *context, const ag_epoch *epoch);
} ag_training_events;

/** Trains the network's parameters from what they are. Collective over the team; every rank ends
 *  with the same parameters. Fails with AG_NOT_FINITE, naming epoch and step, on every rank
 *  where the loss of a batch is not finite. */
ag_status ag_train(const ag_training *training, uint64_t seed, const ag_dataset *dataset,
                   ag_pool *pool, const ag_team *team, const ag_training_events *events,
                   ag_network *network);

#endif
