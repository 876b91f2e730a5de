/* advgrid/evaluation.h: what an attack did to each image, and what follows from it. */
#ifndef ADVGRID_EVALUATION_H
#define ADVGRID_EVALUATION_H

#include "advgrid/attack.h"
#include "advgrid/base.h"
#include "advgrid/data.h"
#include "advgrid/defense.h"
#include "advgrid/training.h"

/* What the first gradient that an attack asked for an image was. Files depend on the numbers;
 * results from before it was noted have AG_GRADIENT_UNKNOWN, as have images of which none was asked
 * for. */
typedef enum ag_first_gradient {
  AG_GRADIENT_UNKNOWN,
  AG_GRADIENT_SOME, /* not all of it is zero */
  AG_GRADIENT_ZERO
} ag_first_gradient;

/* A prediction where no class is certified. */
enum { AG_NO_CLASS = 255 };

/* One image under one attack. An image that is wrong from the start is not attacked: its
 * prediction, margin and distances are those of the clean image. Under an attack that finds
 * distances these are infinite where it found nothing. Under one that finds radii all but index and
 * label are those of the ag_certificate, whose prediction is the clean one; the other is
 * AG_NO_CLASS where the radius is less than epsilon, and in an abstention at any epsilon. Stored as
 * it is: 24 bytes. */
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

/** Makes of outcomes what they say at one epsilon, in place. Under an attack that finds distances
 *  an image whose distance is over epsilon stands: its prediction and margin become the clean
 *  image's, its distances stay. Under one that finds radii an image whose radius is less has no
 *  class. Under other attacks they say it already. */
void ag_outcomes_at(const ag_entry *attack, double epsilon, ag_outcome *outcomes, size_t count);

/* A point's outcomes as counts. Means and maxima are over the images that were attacked, and of
 * these over those for which an adversarial image was found where an attack finds distances. Of
 * radii they are over the images whose class is right, an abstention counting as 0. */
typedef struct ag_summary {
  size_t images, clean_correct, robust_correct;
  double clean_accuracy, robust_accuracy, robust_accuracy_of_correct;
  ag_interval interval; /* of robust_accuracy */
  double mean_linf, max_linf, mean_l2;
} ag_summary;

ag_summary ag_summarise(const ag_outcome *outcomes, size_t count);

/* ---- attacking ------------------------------------------------------------------------ */

/* Everything one thread needs to attack shards of one model. */
typedef struct ag_evaluator ag_evaluator;

/** network, defense, attack: borrowed. training: as ag_defended_create takes it. capacity: images
 * of a shard. */
ag_status ag_evaluator_create(const ag_entry *defense, const ag_network *network,
                              const ag_images *training, const ag_entry *attack, size_t capacity,
                              uint64_t seed, ag_evaluator **evaluator);
void ag_evaluator_destroy(ag_evaluator **evaluator);
/** Lets the attack see another model, the source, in the place of the one that is judged, which is
 *  asked for nothing but the verdicts. defense, network, training: the source's, as the creation
 *  takes them; of the same shapes. Once, at most. A logit of the source that is not finite fails a
 *  shard as one of the judged model does. */
ag_status ag_evaluator_attack_from(ag_evaluator *evaluator, const ag_entry *defense,
                                   const ag_network *network, const ag_images *training);
/** See ag_workspace_listen. */
void ag_evaluator_listen(ag_evaluator *evaluator, const ag_pass_events *events);
/** Bytes of its memory; a source comes to those of another ag_defended. */
size_t ag_evaluator_bytes(const ag_entry *defense, const ag_network *network,
                          const ag_entry *attack, size_t capacity);

/** Attacks images first .. first + count - 1 and judges what comes out by fresh logits:
 *  outcomes[count], overwritten; cost: added to, a pass an image and draw. Every perturbation is
 * measured again against epsilon and [0,1]; fails with AG_BOUND_BROKEN, naming the image, where one
 * is outside, and with AG_NOT_FINITE where a logit is not finite; with AG_INTERRUPTED where the
 * program was asked to stop. An attack that finds distances is not told epsilon, and finds nothing
 * where the fresh logits do not say so too. One that finds radii gets all images, and what it says
 * of them stands. */
ag_status ag_evaluate_shard(ag_evaluator *evaluator, const ag_images *images, size_t first,
                            size_t count, double epsilon, ag_outcome *outcomes,
                            ag_attack_cost *cost);

/* ---- sanity gates --------------------------------------------------------------------- */

/* What holds for the outcomes of any attack that works, on any defense that does not hide its
 * gradients: Athalye et al. 2018 (arXiv:1802.00420), section 3.1, and Carlini et al. 2019
 * (arXiv:1902.06705). In the order of their table. */
typedef enum ag_gate_index {
  AG_GATE_EPSILON_ZERO,   /* each image as without an attack */
  AG_GATE_BOUNDS,         /* no perturbation beyond epsilon */
  AG_GATE_EPSILON,        /* accuracy does not rise with it, under many gradients or none */
  AG_GATE_EFFORT,         /* an attack with more steps, restarts or draws finds no less */
  AG_GATE_ONE_STEP,       /* one gradient finds no more than many */
  AG_GATE_LARGE_EPSILON,  /* many gradients and a large epsilon leave no more than guessing */
  AG_GATE_ZERO_GRADIENTS, /* there is a gradient to follow */
  AG_GATE_BLACK_BOX,      /* who sees no gradient of it finds no more than who sees many */
  AG_GATE_CERTIFICATE,    /* no attack in L2 finds what a certificate excludes */
  AG_GATES
} ag_gate_index;

typedef enum ag_gate_verdict {
  AG_GATE_NOT_APPLICABLE,
  AG_GATE_PASSED,
  AG_GATE_FAILED
} ag_gate_verdict;

enum { AG_GATE_TEXT = 768 };

/* A gate and what it found. Where two attacks or epsilons are compared, an image may by chance
 * stand what is stronger and fall to what is weaker: no attack by gradients finds everything, and
 * starts and noises are drawn. Such a gate fails where more images do so than the reverse, by the
 * sign test at 1 %, shared among all its comparisons (Bonferroni): of jobs in which nothing is
 * wrong at most one in a hundred fails it. */
typedef struct ag_gate {
  const char *name; /* in plain words; static */
  ag_gate_verdict verdict;
  size_t checks;     /* points, pairs of points, or images */
  size_t exceptions; /* of them, significant or not, where some are allowed */
  double least;      /* of the probabilities of all comparisons */
  /* Failed: the point, and both numbers; where there are several, the first that broke a bound, or
   * the least probable comparison. Not applicable: why not. */
  char text[AG_GATE_TEXT];
} ag_gate;

typedef struct ag_gates {
  ag_gate gates[AG_GATES];
} ag_gates;

/* A point that is done; all borrowed. */
typedef struct ag_gate_point {
  const ag_entry *attack; /* the same pointer for all of its epsilons */
  double epsilon;
  const char *epsilon_text;
  bool transferred;           /* its images were made on another model than the one judged */
  const ag_outcome *outcomes; /* [count], of the same images in all points of a model */
  size_t count;
} ag_gate_point;

/* A defended model with its points. */
typedef struct ag_gate_model {
  const char *name;
  size_t classes, point_count;
  const ag_gate_point *points;
} ag_gate_model;

/** gates: overwritten. Then any number of models, and the conclusion: verdicts and texts. */
void ag_gates_start(ag_gates *gates);
void ag_gates_take(ag_gates *gates, const ag_gate_model *model);
void ag_gates_conclude(ag_gates *gates);
/** "passed", "failed", "not applicable". */
const char *ag_gate_verdict_text(ag_gate_verdict verdict);

/** The exact one-sided sign test of paired outcomes (McNemar 1947): the probability of `more` or
 *  more of more + less differences one way, where either way is as likely. */
double ag_sign_test(size_t more, size_t less);

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
