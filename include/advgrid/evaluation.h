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

/* ---- details ---------------------------------------------------------------------------- */

/* What images bring home besides their outcomes: values of the clean image and of the attacked one,
 * which are the same for an image that is wrong from the start. Floats, but the last. Files depend
 * on the numbers: append, never renumber. */
typedef enum ag_detail {
  AG_DETAIL_PIXELS,        /* [height, width, channels] in [0,1] */
  AG_DETAIL_PROBABILITIES, /* [classes]: softmax of the verdict's logits, or shares of its votes */
  AG_DETAIL_POINT,         /* [floats]: what a layer hands on, the mean over a verdict's draws */
  AG_DETAIL_DISTANCE,      /* to the nearest reference, the mean over a verdict's draws */
  AG_DETAIL_DRAWS, /* a bit each: draw d alone is right, in bit d % 8 of byte d / 8 (uint8_t) */
  AG_DETAILS
} ag_detail;

typedef enum ag_side { AG_SIDE_CLEAN, AG_SIDE_ATTACKED, AG_SIDES } ag_side;

/* Who of a model's images has which of them. */
typedef struct ag_details_form {
  struct {
    size_t images; /* of the test set, the first ones; SIZE_MAX: all that are attacked */
    size_t bytes;  /* of one image and side; 0: nobody has it */
    bool asked;    /* by the job: work that was done without it is done again */
  } kinds[AG_DETAILS];
  size_t draws;             /* of a verdict on a random network; else 0 */
  char layer[AG_NAME_SIZE]; /* behind which points lie; empty: none are wanted */
} ag_details_form;

/* Details of images first .. first + count - 1 of the test set, in one block of memory: kind after
 * kind, of each the clean images and then the attacked ones. */
typedef struct ag_details {
  const ag_details_form *form; /* borrowed; NULL: there are none */
  size_t first, count;
  void *block; /* ag_details_bytes, aligned as floats are */
} ag_details;

/** How many of the images have that kind: the first ones. */
size_t ag_details_images(const ag_details *details, ag_detail kind);
/** Bytes of the block of details[first, count]. */
size_t ag_details_bytes(const ag_details *details);
/** The value of the image'th of them, which must have one (asserted). */
void *ag_details_value(const ag_details *details, ag_detail kind, ag_side side, size_t image);
/** Copies what both have: part's images are among whole's, and values of a kind as large. */
void ag_details_copy(const ag_details *part, const ag_details *whole);
/** Makes of details what they are at one epsilon, as ag_outcomes_at does: what belongs to an
 *  attacked image that is too far away becomes the clean image's. outcomes: of the same images. */
void ag_details_at(const ag_entry *attack, double epsilon, const ag_outcome *outcomes,
                   const ag_details *details);

/* A random network judged by single draws. */
typedef struct ag_draw_summary {
  double mean;          /* of the draws' robust accuracies */
  ag_interval interval; /* of that mean, see ag_student_interval */
} ag_draw_summary;

/** clean_correct, robust_correct: [form->draws], overwritten with the images that are right clean
 *  by that draw alone, and with those of them that are attacked and right under attack by it too;
 *  as everywhere, an image that the deployed network has wrong from the start is not robust. Needs
 *  AG_DETAIL_DRAWS of all images. outcomes: of the same images. Fails with AG_OUT_OF_MEMORY. */
ag_status ag_summarise_draws(const ag_details *details, const ag_outcome *outcomes,
                             uint32_t *clean_correct, uint32_t *robust_correct,
                             ag_draw_summary *summary);

/** Student's interval (1908) of a mean at 95 %, for n values of mean m and standard deviation s:
 *    m +- t s / sqrt(n), P(|T| <= t) = 0.95 with n - 1 degrees of freedom
 *  within [0, 1], as values are; one value gives [0, 1]. count > 0. */
ag_interval ag_student_interval(size_t count, const double *values);

/** Principal components (Pearson 1901): coordinates of points on the two axes along which those of
 *  fitted[count, floats] vary most, their mean being the origin. An axis points to where its
 *  largest component, the first of equals, is positive; one along which nothing varies is zero.
 *  fitted_plane, others_plane: [count, 2], overwritten; shares[2]: of the whole variance.
 *  All coordinates are NaN where a fitted point is not finite. The same bits whenever it is called
 *  on one kind of processor. Fails with AG_OUT_OF_MEMORY. */
ag_status ag_principal_plane(size_t count, size_t floats, const float *fitted, const float *others,
                             double *fitted_plane, double *others_plane, double shares[2]);

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
/** From now on details of the images that are attacked, which are among these, go there; form NULL:
 *  nowhere, as at first. details: copied, its form and its block borrowed. Costs no pass. Fails
 * with AG_BAD_JOB where the network has no such layer. */
ag_status ag_evaluator_collect(ag_evaluator *evaluator, const ag_details *details);
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
  /* Its images were made on another model than the one judged, or by what does not judge. */
  bool transferred;
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

/* ---- two defenses on the same images ------------------------------------------------------- */

/* Images by who has them right, clean and under attack. */
typedef struct ag_pairs {
  size_t both, first, second, neither; /* a, b, c, d of the literature; b and c: one alone */
} ag_pairs;

/** Counts the images that are in both, found by their index, which ascends in each. pairs:
 *  overwritten. False where an image has two labels: then they are not of the same test set. */
bool ag_pair_outcomes(const ag_outcome *first, size_t first_count, const ag_outcome *second,
                      size_t second_count, ag_pairs *pairs);

/** The interval at 95 % of p2 - p1 = (c - b) / n, p1 = (a + b) / n and p2 = (a + c) / n being
 * shares of the same n images: Newcombe 1998 (Statistics in Medicine 17, 2635-2650), method 10, low
 * = p2 - p1 - sqrt(r^2 - 2 phi r s + s^2), r = p2 - l2, s = u1 - p1 high = p2 - p1 + sqrt(r^2 - 2
 * phi r s + s^2), r = u2 - p2, s = p1 - l1 with Wilson's intervals [l, u] of both, and phi = (ad -
 * bc) / sqrt((a+b)(c+d)(a+c)(b+d)), in which a numerator over 0 comes nearer to it by n / 2, and 0
 * where the root is. n = 0 gives [-1, 1]. */
ag_interval ag_paired_interval(const ag_pairs *pairs);

/** McNemar's test (1947), exact and two-sided: min(1, 2 P(X >= max(b, c))), X binomial of b + c and
 *  1/2; 1 where b = c. */
double ag_mcnemar_test(const ag_pairs *pairs);

/** Holm's correction (1979) for `count` tests: with p(1) <= p(2) <= ..., the i-th becomes the
 * largest of min(1, (count - j + 1) p(j)) over j <= i. None may be NaN. adjusted: overwritten;
 * another array. Fails with AG_OUT_OF_MEMORY. */
ag_status ag_holm_adjust(size_t count, const double *probabilities, double *adjusted);

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
