/* advgrid/evaluation.h: what an attack did to each image, and what follows from it. */
#ifndef ADVGRID_EVALUATION_H
#define ADVGRID_EVALUATION_H

#include "advgrid/attack.h"
#include "advgrid/base.h"
#include "advgrid/data.h"
#include "advgrid/defense.h"

/* What the first gradient that an attack asked for an image was. Files depend on the numbers;
 * results from before it was noted have AG_GRADIENT_UNKNOWN, as have images of which none was asked
 * for. */
typedef enum ag_first_gradient {
  AG_GRADIENT_UNKNOWN,
  AG_GRADIENT_SOME, /* not all of it is zero */
  AG_GRADIENT_ZERO
} ag_first_gradient;

/* One image under one attack. An image that is wrong from the start is not attacked: its
 * prediction, margin and distances are those of the clean image. Stored as it is: 24 bytes. */
typedef struct ag_outcome {
  uint32_t index; /* in the test set */
  uint8_t label, clean_prediction, prediction;
  uint8_t gradient;           /* an ag_first_gradient */
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

#endif
