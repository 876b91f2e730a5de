/* advgrid/attack.h: attacks on a defended network.
 * An attack sees a target, which gives logits and input gradients and nothing else, and moves
 * pixels within a threat model. Pixels and epsilon are on the scale [0,1]. */
#ifndef ADVGRID_ATTACK_H
#define ADVGRID_ATTACK_H

#include "advgrid/base.h"
#include "advgrid/network.h"

/* ---- what is attacked ------------------------------------------------------------ */

/** A loss that an attack raises. logits[count, stride]; gradient[count, stride]: of the sum over
 *  the images, overwritten, zero behind the classes. */
typedef void (*ag_attack_loss)(size_t count, size_t classes, size_t stride, const float *logits,
                               const uint8_t *labels, float *gradient);

/** -log softmax(z)[y], Goodfellow et al. 2015 (arXiv:1412.6572). */
void ag_loss_cross_entropy(size_t count, size_t classes, size_t stride, const float *logits,
                           const uint8_t *labels, float *gradient);

/* Images of a shard: [count, shape], channels padded; all borrowed. */
typedef struct ag_attack_images {
  const float *pixels;
  const uint8_t *labels;
  const uint32_t *samples; /* numbers in the dataset: they key everything random */
  size_t count;
} ag_attack_images;

/* The step of the passes by which an image is judged: no attack uses it. */
enum { AG_VERDICT_STEP = 0xffffff };

/* A network as deployed, its defense included. `step` keys the randomness of a random defense
 * with the sample: each call of an attack brings another one, below AG_VERDICT_STEP. */
typedef struct ag_target {
  ag_shape shape;
  size_t classes, stride; /* floats from one image's logits to the next */
  size_t capacity;        /* images a call may bring at most */
  float pixel_noise;      /* deviation of the Gaussian noise that it adds to pixels; 0: none */
  /* Whether the verdict on an image may be another than that of the calls below: its draws differ
   * from theirs, or it is made by what an attack does not see. */
  bool judged_apart;
  void *context;
  /* logits[count, stride]: overwritten. */
  void (*logits)(void *context, const ag_attack_images *images, uint32_t step, float *logits);
  /* Also gradient[count, shape] of the loss to the pixels: overwritten. */
  void (*gradient)(void *context, const ag_attack_images *images, uint32_t step,
                   ag_attack_loss loss, float *logits, float *gradient);
  /* Single draws of one image, of which copies[count, shape]: row i of logits[count, stride],
   * overwritten, is draw first + i, keyed by it and the sample alone. The draws of an image are
   * independent of each other and of those of the calls above. */
  void (*draws)(void *context, const float *copies, uint32_t sample, uint32_t first, size_t count,
                float *logits);
} ag_target;

/** z_y - max of the others, negative where the image is misclassified; prediction: the first
 *  largest logit (may be NULL). */
float ag_margin(const float *logits, size_t classes, uint8_t label, uint8_t *prediction);
/** Whether all logits of an image are numbers. */
bool ag_logits_are_finite(const float *logits, size_t classes);

/* ---- threat model ------------------------------------------------------------------- */

typedef enum ag_norm { AG_NORM_LINF, AG_NORM_L2 } ag_norm;

/* The images an attack may make of x0: { x : |x - x0| <= epsilon, 0 <= x <= 1 }. */
typedef struct ag_threat {
  float epsilon; /* >= 0; may be infinite */
  ag_norm norm;
} ag_threat;

/** Projects x[count, floats] onto the threat model around x0: in Linf value by value, in L2
 *    x0 + (x - x0) min(1, epsilon / |x - x0|_2), then clipped to [0,1],
 *  image by image. floats: of one image. */
void ag_threat_project(const ag_threat *threat, size_t count, size_t floats, const float *x0,
                       float *x);

/** x: one image x0 moved to where it is uniform in the ball around it, then projected; channels
 *  that pad stay 0. In L2 a Gaussian direction and the length epsilon u^(1/d), u uniform, of d
 *  values. drawn: [height, width, channels] without padding, overwritten. */
void ag_threat_start(const ag_threat *threat, ag_shape shape, ag_random *random, const float *x0,
                     float *drawn, float *x);

/** One projected step, Madry et al. 2018 (arXiv:1706.06083), section 2.1:
 *    Linf: x = P(x + step * sign(gradient))    L2: x = P(x + step * gradient / |gradient|_2)
 *  image by image. In L2 a gradient that is zero or not finite moves nothing. */
void ag_threat_step(const ag_threat *threat, size_t count, size_t floats, float step,
                    const float *x0, const float *gradient, float *x);

/** Distances |x - x0|_inf and |x - x0|_2 of one image, in double precision. Fails with
 *  AG_BOUND_BROKEN where x is not in the threat model, but for one rounding of each value. */
ag_status ag_threat_measure(const ag_threat *threat, size_t floats, const float *x0, const float *x,
                            float *linf, float *l2);

/* ---- attacks -------------------------------------------------------------------------- */

/* Calls of the target that an attack made, counted once an image. */
typedef struct ag_attack_cost {
  uint64_t gradients, forwards;
} ag_attack_cost;

/* What an attack that finds radii says of an image. */
typedef struct ag_certificate {
  uint8_t prediction; /* the class that most of some draws say, whatever the label is */
  /* Share of the draws that say the label, less that of any other class: of those that gave the
   * prediction, and of those that were counted for the radius. */
  float clean_margin, margin;
  /* Within which the prediction stays, in L2 and, of that ball, in Linf; 0 where nothing is
   * certain: an abstention. NaN where a logit was not finite. */
  float l2, linf;
} ag_certificate;

typedef struct ag_attack_call {
  const ag_settings *settings;
  const ag_target *target;
  ag_threat threat; /* without a bound for an attack that takes no epsilon */
  uint64_t seed;
  ag_attack_images images;      /* clean, and all classified correctly but where radii are sought */
  float *adversarial;           /* [count, shape], overwritten */
  ag_certificate *certificates; /* [count], overwritten in its place by what finds radii */
  float *scratch;               /* ag_attack_scratch_floats */
  ag_attack_cost cost;          /* added to */
} ag_attack_call;

/* What an attack says of an image. */
typedef enum ag_attack_finds {
  AG_FINDS_VERDICT, /* whether it falls within the epsilon that the attack was given */
  /* The nearest adversarial image that it can find, however far away: the image stands at every
   * epsilon below that distance. The work takes no epsilon, and is done once for all of a job. It
   * leaves the clean image where it finds nothing. */
  AG_FINDS_DISTANCE,
  /* No adversarial image, but how far there is none: a certified radius for any image, also one
   * that is classified wrongly. One that is classified correctly stands at every epsilon up to its
   * radius. The work takes no epsilon either. */
  AG_FINDS_RADIUS
} ag_attack_finds;

/* A row of the table of attacks. */
typedef struct ag_attack {
  ag_kind kind;
  ag_attack_finds finds;
  /* Of its epsilons and its distances; NULL: Linf. */
  ag_norm (*norm)(const ag_settings *settings);
  /* The defense of the job whose model it sees as its target; NULL: the one that is judged. */
  const char *(*source)(const ag_settings *settings);
  /* Floats of scratch for shards of up to target->capacity images. */
  size_t (*scratch_floats)(const ag_settings *settings, const ag_target *target);
  /* Passes an image takes at most, for the cost model. */
  ag_attack_cost (*cost)(const ag_settings *settings);
  void (*run)(ag_attack_call *call);
} ag_attack;

/** The attacks by name, for `attacks: [{kind: ...}]`. */
const ag_kind *ag_attack_table(size_t index);
/** The row behind an entry of that table. */
const ag_attack *ag_attack_of(const ag_entry *entry);
/** The norm in which its epsilons and distances are. */
ag_norm ag_attack_norm(const ag_entry *entry);
/** The name of the defense on whose model it makes its images; NULL: on the one that is judged. */
const char *ag_attack_source(const ag_entry *entry);
/** Whether what it does depends on epsilon. */
bool ag_attack_takes_epsilon(const ag_entry *entry);
/** Draws of a random network whose mean, of logits and gradients, it follows (expectation over
 *  transformation, Athalye et al. 2018, arXiv:1802.00420, section 3.2): its option
 *  expectation_draws. 0: as many as a prediction takes. */
size_t ag_attack_draws(const ag_entry *entry);
/** What it may do at that epsilon. */
ag_threat ag_attack_threat(const ag_entry *entry, double epsilon);

#endif
