/* advgrid/evaluation.h: what an attack did to each image, and what follows from it. */
#ifndef ADVGRID_EVALUATION_H
#define ADVGRID_EVALUATION_H

#include "advgrid/attack.h"
#include "advgrid/base.h"
#include "advgrid/data.h"
#include "advgrid/defense.h"
#include "advgrid/training.h"

/* One image under one attack. An image that is wrong from the start is not attacked: its
 * prediction, margin and distances are those of the clean image. Stored as it is: 24 bytes. */
typedef struct ag_outcome {
  uint32_t index; /* in the test set */
  uint8_t label, clean_prediction, prediction, unused;
  float clean_margin, margin; /* z_label - max of the others */
  float linf, l2;             /* distances from the clean image */
} ag_outcome;

/* An interval for a proportion. */
typedef struct ag_interval {
  double low, high;
} ag_interval;

/** Wilson's score interval (1927) at 95 %; trials 0 gives [0, 1]. */
ag_interval ag_wilson_interval(size_t successes, size_t trials);

/* A point's outcomes as counts. Means and maxima are over the images that were attacked. */
typedef struct ag_summary {
  size_t images, clean_correct, robust_correct;
  double clean_accuracy, robust_accuracy, robust_accuracy_of_correct;
  ag_interval interval; /* of robust_accuracy */
  double mean_linf, max_linf, mean_l2;
} ag_summary;

ag_summary ag_summarise(const ag_outcome *outcomes, size_t count);

/* Everything one thread needs to attack shards of one model. */
typedef struct ag_evaluator ag_evaluator;

/** network, defense, attack: borrowed. training: as ag_defended_create takes it. capacity: images
 * of a shard. */
ag_status ag_evaluator_create(const ag_entry *defense, const ag_network *network,
                              const ag_images *training, const ag_entry *attack, size_t capacity,
                              uint64_t seed, ag_evaluator **evaluator);
void ag_evaluator_destroy(ag_evaluator **evaluator);
/** See ag_workspace_listen. */
void ag_evaluator_listen(ag_evaluator *evaluator, const ag_pass_events *events);
size_t ag_evaluator_bytes(const ag_entry *defense, const ag_network *network,
                          const ag_entry *attack, size_t capacity);

/** Attacks images first .. first + count - 1 and judges what comes out by fresh logits:
 *  outcomes[count], overwritten; cost: added to, a pass an image and draw. Every perturbation is
 * measured again against epsilon and [0,1]; fails with AG_BOUND_BROKEN, naming the image, where one
 * is outside, and with AG_NOT_FINITE where a logit is not finite; with AG_INTERRUPTED where the
 * program was asked to stop. */
ag_status ag_evaluate_shard(ag_evaluator *evaluator, const ag_images *images, size_t first,
                            size_t count, double epsilon, ag_outcome *outcomes,
                            ag_attack_cost *cost);

/* ---- while a network is trained ----------------------------------------------------------- */

/* PGD of ten steps of 2.5 epsilon / 10 from a random start, on validation images; a network with
 * noise is attacked and judged by one draw. An evaluator for each thread. */
typedef struct ag_judges ag_judges;

/** For a pool of `threads`, and shards of up to `shard` images. network: borrowed. */
ag_status ag_judges_create(const ag_network *network, size_t threads, size_t shard, double epsilon,
                           uint64_t seed, ag_judges **judges);
void ag_judges_destroy(ag_judges **judges);
/** What they do, for ag_trainer_judge; borrows them. Fails as ag_evaluate_shard does. */
ag_shard_judge ag_judges_judge(ag_judges *judges);
/** Passes over an image at most, and bytes of one thread. */
ag_attack_cost ag_judges_cost(void);
size_t ag_judges_bytes(const ag_network *network, size_t shard);

#endif
