/* advgrid/training.h: training one network, data-parallel over the ranks of a team. */
#ifndef ADVGRID_TRAINING_H
#define ADVGRID_TRAINING_H

#include "advgrid/base.h"
#include "advgrid/data.h"
#include "advgrid/defense.h"
#include "advgrid/network.h"

/* ---- what a job says about it ------------------------------------------------------ */

/** The options of `training:` itself: epochs, batch, shard, clip, label_smoothing, averaging. */
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

/* Over any range of parameters, so that threads may share a network out. */

/** The sum of the squares of gradients[floats], in double: not finite where one of them is not. */
double ag_gradient_squares(size_t floats, const float *gradients);

/** What scales a gradient so that its norm is at most `limit` (Pascanu et al. 2013, algorithm 1):
 *  limit / norm, or 1 where it is that already. limit 0: any norm. */
float ag_gradient_clip(double norm, double limit);

/** One step of stochastic gradient descent with momentum (Sutskever et al. 2013) and weight
 *  decay, as PyTorch writes it:
 *    g = factor gradient + decay w;  v = momentum v + g;
 *    w -= rate (nesterov ? g + momentum v : v)
 *  factor: of ag_gradient_clip. decayed: whether the optimizer's weight decay applies here.
 *  gradients, weights, velocity: [floats], apart; weights and velocity are updated. */
void ag_optimizer_step(const ag_entry *optimizer, double rate, float factor, bool decayed,
                       size_t floats, const float *gradients, float *weights, float *velocity);

/** What becomes of averaged parameters:
 *    values += (sums / images - values) / 10
 *  with the momentum that PyTorch's batch normalisation has by default. Its variances are over
 *  rows - 1, which this one's are not.
 *  sums: [floats] over the images of a batch, apart from values, which are updated. */
void ag_statistics_step(size_t images, size_t floats, const float *sums, float *values);

/* ---- the trainer -------------------------------------------------------------------------- */

/* The ranks that train one model together; made from a communicator in training/team.h. */
typedef struct ag_team ag_team;

/* A row of the table /training/DEFENSE: loss (of the images alone, towards the labels as the job
 * smooths them: neither weight decay nor a penalty counts) and train_accuracy as the batches went
 * by, validation_accuracy of the model that would be kept if this were the last epoch. Journals
 * hold it as it is: what comes new comes last. */
typedef struct ag_epoch {
  uint32_t epoch; /* from 1 */
  double loss, learning_rate, train_accuracy, validation_accuracy, seconds;
  /* Of the team's first rank, in which gradients and weights were on their way between ranks: while
   * it computed, and while it waited for them or for the other ranks. */
  double hidden_seconds, exposed_seconds;
  /* Of the same model under attack; NaN where a training does not measure it. */
  double robust_validation_accuracy;
} ag_epoch;

/** Whether robust accuracy collapsed in the last of the epochs (count > 0): it is under half of the
 *  best before, *best, which it was not in the epoch before. Training on single steps ends so at
 *  times, all of a sudden (Wong et al. 2020, arXiv:2001.03994, section 5: catastrophic
 * overfitting).
 */
bool ag_epochs_collapse(size_t count, const ag_epoch *epochs, const ag_epoch **best);

/* What a training reports; any may be NULL. Called on every rank. */
typedef struct ag_training_events {
  void *context;
  void (*step)(void *context, size_t images); /* images of the batch just done */
  ag_status (*epoch)(void *context, const ag_epoch *epoch);
  /* Before a step: whether to leave behind it. One rank's wish is enough. */
  bool (*pause)(void *context);
} ag_training_events;

/** Trains the network's parameters from what they are. Where the job asks for averaging, what is
 *  validated and kept is not the parameters w that the steps come to but their moving average, from
 *  their first values on (Polyak & Juditsky 1992, with the weights of an exponential average):
 *    average += (1 - d) (w - average)  after each step,  d = min(averaging, (1 + t) / (10 + t))
 *  behind t earlier steps, so that the first ones are soon forgotten.
 *  The parameters' bits depend on the instruction set alone, not on ranks and threads. Collective
 *  over the team; every rank ends with the same parameters, prepared for evaluation. Fails with
 *  AG_NOT_FINITE, naming epoch and step, on every rank where the loss of a batch is not finite, and
 *  with AG_INTERRUPTED on every rank where one was interrupted. */
ag_status ag_train(const ag_training *training, uint64_t seed, const ag_dataset *dataset,
                   ag_pool *pool, const ag_team *team, const ag_training_events *events,
                   ag_network *network);

/* ---- the same, left and taken up again ------------------------------------------------------ */

typedef struct ag_trainer ag_trainer;

/* A shard's images, augmented, on the thread that is about to learn them. */
typedef struct ag_training_shard {
  size_t lane; /* of the thread: below those of the pool, and no other's at the same time */
  uint32_t epoch, step; /* of the training, from 0 */
  double progress;      /* in epochs, at the middle of the step */
  size_t count;
  const uint32_t *samples; /* [count] the images' numbers in the training set */
  const uint8_t *labels;   /* [count] */
  float *pixels;           /* [count, shape], channels padded: what is left here is learnt */
  /* Passes of one's own listen to these (ag_workspace_listen): they wait for a layer's weights,
   * which come in while a batch begins, and let messages pass. */
  const ag_pass_events *events;
} ag_training_shard;

/* What a shard's images become before they are learnt, such as adversarial ones. Of the bits that
 * the training promises none may depend on lane, rank or the order of calls. It may pass images
 * through the network as it is then, prepared for training; in evaluation too where there is no
 * batch normalisation. */
typedef struct ag_shard_change {
  void *context;
  /* Called by each lane's thread. A failure is the training's. */
  ag_status (*run)(void *context, const ag_training_shard *shard);
} ag_shard_change;

/* Shards of images that are attacked before they are learnt. */
typedef struct ag_adversaries ag_adversaries;

/** For a pool of `threads`, and shards of up to `shard` images. network: borrowed. */
ag_status ag_adversaries_create(const ag_adversarial *how, const ag_network *network,
                                size_t threads, size_t shard, uint64_t seed,
                                ag_adversaries **adversaries);
void ag_adversaries_destroy(ag_adversaries **adversaries);
/** What they do, for ag_trainer_change; borrows them. */
ag_shard_change ag_adversaries_change(ag_adversaries *adversaries);

/* Some of the validation images. */
typedef struct ag_validation_shard {
  size_t lane;             /* as of an ag_training_shard */
  const ag_images *images; /* all */
  size_t first, count;     /* those that are meant */
  const ag_pass_events *events;
} ag_validation_shard;

/* Measures, behind each epoch, how robust the network is that would be kept. */
typedef struct ag_shard_judge {
  void *context;
  /* *robust: how many of the images withstand an attack, which may depend on nothing but the image
   * and the network, prepared for evaluation. Called by each lane's thread. */
  ag_status (*run)(void *context, const ag_validation_shard *shard, size_t *robust);
} ag_shard_judge;

/* Between two steps. */
typedef struct ag_training_position {
  uint64_t steps;  /* done, over all epochs */
  uint64_t images; /* of the epoch in hand, as the sums that follow: */
  double loss, correct, seconds, hidden_seconds, exposed_seconds;
  /* The most robust epoch so far, from 1, of equal ones the first, and its robust accuracy. 0: none
   * was judged. */
  uint64_t best_epoch;
  double best_accuracy;
} ag_training_position;

/* All that a training goes on from. Vectors are laid out as the network's block. */
typedef struct ag_training_state {
  ag_training_position position;
  size_t floats;
  const float *parameters;
  float *velocity;
  float *average; /* NULL where the job averages none */
  float *best;    /* what would have been kept of the most robust epoch; NULL: it will not be */
} ag_training_state;

/** At the start of a training of the network's parameters. Borrows all but the entries. */
ag_status ag_trainer_create(const ag_training *training, uint64_t seed, const ag_dataset *dataset,
                            ag_pool *pool, ag_network *network, ag_trainer **trainer);
void ag_trainer_destroy(ag_trainer **trainer);
/** Every shard is changed before it is learnt; change: copied, its context borrowed. On all ranks
 *  of a team alike. */
void ag_trainer_change(ag_trainer *trainer, const ag_shard_change *change);

/** Every epoch is judged; judge: copied, its context borrowed. keeps_best: the training ends with
 *  the parameters of its most robust epoch. On all ranks of a team alike, once, before they join.
 *  Fails with AG_OUT_OF_MEMORY. */
ag_status ag_trainer_judge(ag_trainer *trainer, const ag_shard_judge *judge, bool keeps_best);

/** Every step goes down the gradient of the images' mean loss and of this penalty (borrowed), made
 *  for the trainer's network, at the parameters as they are then; `clip` bounds the norm of both
 *  together. On all ranks of a team alike, before they join. */
void ag_trainer_penalise(ag_trainer *trainer, ag_penalty *penalty);

/** Goes on from a state (copied), on this rank; what its ag_trainer_state was after
 *  ag_trainer_collect. */
void ag_trainer_restore(ag_trainer *trainer, const ag_training_state *state);
/** Enters a team (copied), and leaves the one before: all go on from what its first rank has, which
 *  has collected it if it was in a team. Collective over the new team. */
ag_status ag_trainer_join(ag_trainer *trainer, const ag_team *team);
/** Trains, as ag_train says, until the epoch ends, a pause is wished for, or all is done: then
 *  *finished. After AG_INTERRUPTED its state is that behind the last step: to be
 *  collected and kept, but not to be run again. Nor is one that has finished. Collective. */
ag_status ag_trainer_run(ag_trainer *trainer, const ag_training_events *events, bool *finished);
/** Ranks keep the optimizer's memory of their own share: now each has all. Collective. */
void ag_trainer_collect(ag_trainer *trainer);
/** Borrowed; of the optimizer's memory this rank's share, or all behind ag_trainer_collect. */
ag_training_state ag_trainer_state(const ag_trainer *trainer);

#endif
