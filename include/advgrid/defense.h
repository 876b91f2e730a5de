/* advgrid/defense.h: defenses, and the defended network as it is deployed. */
#ifndef ADVGRID_DEFENSE_H
#define ADVGRID_DEFENSE_H

#include "advgrid/attack.h"
#include "advgrid/base.h"
#include "advgrid/data.h"
#include "advgrid/network.h"

/* Passes over a random network, each with other noise. */
typedef struct ag_draws {
  size_t verdict; /* for a prediction */
  size_t attack;  /* for what an attack is told: the mean of so many, logits and gradients alike */
  bool majority;  /* a prediction is what most draws say; else the class of their mean logits */
} ag_draws;

/* How a network is trained adversarially (Madry et al. 2018, arXiv:1706.06083, eq. 2.1):
 *    min E max { L(x + d, y) : |d|_inf <= epsilon, 0 <= x + d <= 1 }
 *  where the inner maximum is sought, at each step of training anew, by
 *    x_0 uniform in the ball, or the image;  x_{t+1} = P(x_t + step_size sign(dL/dx)). */
typedef struct ag_adversarial {
  float epsilon, step_size;
  size_t steps, restarts; /* > 0; of several starts the one with the largest loss is learnt */
  bool random_start;
  double mix;      /* share of the images that are attacked, 0 to 1; the others are learnt clean */
  double warmup;   /* epochs over which epsilon and step_size rise from 0 on a straight line */
  bool judged;     /* how robust the network is, is measured behind each epoch */
  bool keeps_best; /* the parameters of the epoch that was the most robust one; else of the last */
} ag_adversarial;

/* Classification by the nearest of reference images in a latent space, in the place of the logits.
 */
typedef struct ag_neighbours_wish {
  const char *layer; /* behind which the latent space lies; borrowed from the settings */
  size_t references; /* of each class */
  bool attacked;     /* attacks go through the distances; else through the logits, as the paper's */
} ag_neighbours_wish;

/* What training adds to cross-entropy, by distances of what a layer hands on (the paper's section
 * 3.3): the contrastive loss of a shard's pairs, its equation 5, or the triplet loss with the
 * attacked image as the positive. */
typedef enum ag_latent_loss {
  AG_LATENT_NONE,
  AG_LATENT_CONTRASTIVE,
  AG_LATENT_TRIPLET
} ag_latent_loss;

typedef struct ag_latent_term {
  ag_latent_loss loss;
  const char *layer; /* behind which the latent space lies; borrowed from the settings */
  double margin;     /* the paper's alpha */
  double weight;
} ag_latent_term;

/* What is added to the loss for the parameters' sake (Araujo et al. 2020, arXiv:2006.08391; the
 * terms as their program has them):
 *    weight * sum over convolutions and batch normalisations of log(bound)
 *  bound: an upper bound of the layer's Lipschitz constant in L2, of a convolution by Toeplitz
 *  matrices (defense/toeplitz.h), of a batch normalisation max |gamma| / sqrt(variance + epsilon)
 * of its running variances, which are no parameters. */
typedef struct ag_penalty_wish {
  double weight;
  size_t samples; /* of each of two frequencies, where a convolution's bound is sought; 0: none */
} ag_penalty_wish;

/* A row of the table of defenses. What a defense does not change is NULL; where a hook returns
 * false its settings do not ask for it. */
typedef struct ag_defense {
  ag_kind kind; /* options end with AG_DEFENSE_FILE_OPTION */
  /* Changes the layers of the architecture; fails with AG_BAD_JOB, naming the option. */
  ag_status (*change_layers)(const ag_settings *settings, ag_layer_list *layers);
  /* NULL: one pass each. */
  ag_draws (*draws)(const ag_settings *settings);
  /* What is learnt; else the images as they are. */
  bool (*adversarial)(const ag_settings *settings, ag_adversarial *how);
  /* Else the logits decide. */
  bool (*neighbours)(const ag_settings *settings, ag_neighbours_wish *wish);
  /* Else cross-entropy alone is learnt. */
  bool (*latent_term)(const ag_settings *settings, ag_latent_term *term);
  /* What is added to the loss; NULL: nothing. */
  ag_penalty_wish (*penalty)(const ag_settings *settings);
} ag_defense;

/* Every defense may take a trained model instead of training one. */
#define AG_DEFENSE_FILE_OPTION                                     \
  {                                                                \
    .name = "file", .type = AG_OPTION_TEXT, .initial = "",         \
    .help = "take this model file as trained, instead of training" \
  }

/** The defenses by name, for `defenses: [{kind: ...}]`. */
const ag_kind *ag_defense_table(size_t index);
/** The row behind an entry of that table. */
const ag_defense *ag_defense_of(const ag_entry *entry);

/** The layers of the model as the defense wants them. Fails with AG_BAD_JOB. */
ag_status ag_defense_layers(const ag_entry *defense, const ag_entry *model, size_t classes,
                            ag_layer_list *layers);
/** Fails with AG_BAD_JOB where the defense cannot be had with this network, or with so many images
 * to train on. */
ag_status ag_defense_check(const ag_entry *defense, const ag_network *network, size_t images);
/** What the defense draws of its own network, which is random if any is. */
ag_draws ag_defense_draws(const ag_entry *defense);

/** How the defense has its network trained; false where it learns the images as they are. */
bool ag_defense_adversarial(const ag_entry *defense, ag_adversarial *how);
/** By which references it classifies; false where the logits decide. */
bool ag_defense_neighbours(const ag_entry *defense, ag_neighbours_wish *wish);

/** What it has training add to cross-entropy: false and AG_LATENT_NONE for nothing. With
 *  AG_LATENT_TRIPLET ag_defense_adversarial says what makes the positives. */
bool ag_defense_latent_term(const ag_entry *defense, ag_latent_term *term);
/** What the defense adds to the loss; false where that is nothing, nor is to be reported. */
bool ag_defense_penalty(const ag_entry *defense, ag_penalty_wish *wish);

/* ---- in training ---------------------------------------------------------------------- */

/* What makes images adversarial that are about to be learnt, for one thread. */
typedef struct ag_adversary ag_adversary;

/* A shard of them. */
typedef struct ag_lesson {
  size_t count;
  const uint32_t *samples; /* [count] their numbers: with seed and epoch they key the starts */
  const uint8_t *labels;   /* [count] */
  float *pixels;           /* [count, shape], channels padded: changed in place */
  uint32_t epoch, step;    /* of the training, from 0 */
  double progress;         /* in epochs */
} ag_lesson;

/** network: borrowed, and must outlive it; capacity: images of a shard. */
ag_status ag_adversary_create(const ag_adversarial *how, const ag_network *network, size_t capacity,
                              uint64_t seed, ag_adversary **adversary);
void ag_adversary_destroy(ag_adversary **adversary);
size_t ag_adversary_bytes(const ag_adversarial *how, const ag_network *network, size_t capacity);
/** See ag_workspace_listen. */
void ag_adversary_listen(ag_adversary *adversary, const ag_pass_events *events);
/** How many of a shard's images are attacked: the first mix * count, rounded. As the order of an
 *  epoch is random, so is the choice. */
size_t ag_adversarial_images(const ag_adversarial *how, size_t count);
/** Passes over an image that is attacked. */
ag_attack_cost ag_adversarial_cost(const ag_adversarial *how);
/** Attacks them, all at once and in all steps, whether they have fallen or not, and leaves what the
 *  last step, of the worst start, comes to. Passes are as those of training, and the network is
 *  prepared for them; a batch normalisation takes its statistics from the images that are attacked,
 *  as published code does. Dropout is off: the masks of the step that follows are its own. Noise is
 *  on, a fresh draw in each pass. Returns early where the program was asked to stop. */
void ag_adversary_run(ag_adversary *adversary, const ag_lesson *lesson);

/* What a term adds to the training of a network. */
typedef struct ag_latent_cost {
  size_t views; /* rows of a training pass that an image comes to: 2 with its attacked version */
  double flops; /* of the term itself, an image; by hand, and in double */
  size_t bytes; /* of a thread, besides its workspace */
} ag_latent_cost;

/** Images a shard: `shard`. Nothing, and one view, for AG_LATENT_NONE. */
ag_latent_cost ag_latent_term_cost(const ag_latent_term *term, const ag_network *network,
                                   size_t shard);

/** The term of a shard of `count` images in a batch of `images`, where pairs are drawn within the
 *  shard:
 *    weight sum over i of the contrastive or the triplet loss of image i
 *  (src/defense/distances.h). Of shards of two images and a weight of a half this is the paper's
 * sum: both cross-entropies and the loss of the pair. points[views * count, floats]: of the images,
 * behind them of the attacked ones. labels[count]. gradient: like points, overwritten with that of
 * the sum / images. Returns the sum. Pure. */
double ag_latent_term_gradient(const ag_latent_term *term, size_t count, size_t images,
                               size_t floats, const float *points, const uint8_t *labels,
                               float *gradient);

/* A penalty on a network's parameters. Of a step of the architecture `base` on 128 images it takes
 * one part in sixty, so that plans leave it out; a rank measures it for itself, whatever its share
 * of the images. */
typedef struct ag_penalty ag_penalty;

/** Fails with AG_BAD_JOB where there is no convolution, or one whose kernel is larger than samples.
 */
ag_status ag_penalty_check(const ag_penalty_wish *wish, const ag_network *network);
/** network: borrowed. Fails as ag_penalty_check does. */
ag_status ag_penalty_create(const ag_penalty_wish *wish, const ag_network *network,
                            ag_penalty **penalty);
void ag_penalty_destroy(ag_penalty **penalty);
/** For the parameters as they are: part 0 to ag_penalty_parts - 1, in any order and by any thread,
 *  and then ag_penalty_settle. What follows tells of these parameters. Not collective. */
size_t ag_penalty_parts(const ag_penalty *penalty);
void ag_penalty_measure(const ag_penalty *penalty, size_t part);
void ag_penalty_settle(ag_penalty *penalty);
/** Minus infinity where a layer is all zero. */
double ag_penalty_value(const ag_penalty *penalty);
/** gradient[floats] += the penalty's, of the parameters in the network's block from `offset` on,
 * all of one parameter: the same bits however it is cut up. A layer of zeros adds nothing. */
void ag_penalty_add(const ag_penalty *penalty, size_t offset, size_t floats, float *gradient);

/* Upper bounds of Lipschitz constants in L2: |f(x) - f(y)| <= bound |x - y|. */
typedef struct ag_lipschitz_bounds {
  double layers[AG_LAYERS_MAXIMUM]; /* as ag_network_layer_name numbers them */
  double network;                   /* their product: of the logits, for pixels in [0, 1] */
} ag_lipschitz_bounds;

/** Of the network in evaluation, for one draw of its noise; all by arithmetic that rounds, but
 *  otherwise bounds:
 *    normalisation of pixels: 1 / the smallest deviation; batch normalisation: see ag_penalty_wish;
 *    convolution: defense/toeplitz.h; ReLU, dropout, noise: 1;
 *    max pooling: ceil(kernel / stride), 1 where windows are apart; average pooling: that / kernel;
 *    dense: |(W' W)^(2^t)|_F^(1 / 2^(t + 1)) of its weight W (Delattre et al. 2023,
 *    arXiv:2305.16173), at most one percent above its largest singular value.
 *  Takes a second for a dense layer of 512 outputs. Fails with AG_OUT_OF_MEMORY. */
ag_status ag_lipschitz_measure(const ag_network *network, ag_lipschitz_bounds *bounds);

/* ---- as deployed ---------------------------------------------------------------------- */

/* A network in evaluation mode with its defense around it, for one thread. */
typedef struct ag_defended ag_defended;

/** network: borrowed, prepared for evaluation, and must outlive it. training: images of which a
 *  defense may take references, during the call; NULL for one that takes none (asserted). seed:
 * keys a random defense and what references are taken. capacity: images a call. Fails with
 * AG_BAD_JOB where there are too few images to refer to. */
ag_status ag_defended_create(const ag_entry *defense, const ag_network *network,
                             const ag_images *training, size_t capacity, uint64_t seed,
                             ag_defended **defended);
/** Bytes of its memory, the workspace included. */
size_t ag_defended_bytes(const ag_entry *defense, const ag_network *network, size_t capacity);
void ag_defended_destroy(ag_defended **defended);
/** See ag_workspace_listen. */
void ag_defended_listen(ag_defended *defended, const ag_pass_events *events);

/* What one of a verdict's draws came to; all borrowed. */
typedef struct ag_verdict_draw {
  const ag_attack_images *images;
  size_t draw, draws;
  const float *logits;           /* [count, stride], of this draw alone */
  const ag_workspace *workspace; /* behind the pass */
} ag_verdict_draw;

typedef struct ag_verdict_events {
  void *context;
  void (*drawn)(void *context, const ag_verdict_draw *draw);
} ag_verdict_events;

/** From now on calls of the target at AG_VERDICT_STEP report each draw of theirs; events: copied,
 *  their context borrowed. */
void ag_defended_watch(ag_defended *defended, const ag_verdict_events *events);
/** Passes that one call of the target makes over each image: those of the defense, or one each
 * where the network is not random. */
ag_draws ag_defended_draws(const ag_defended *defended);
/** What an attack sees; borrowed. At AG_VERDICT_STEP its logits are the deployed prediction's:
 * means, or each class's share of the draws. */
const ag_target *ag_defended_target(const ag_defended *defended);

#endif
