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

/* Classification by the nearest of reference images in a latent space, in the place of the logits.
 */
typedef struct ag_neighbours_wish {
  const char *layer; /* behind which the latent space lies; borrowed from the settings */
  size_t references; /* of each class */
  bool attacked;     /* attacks go through the distances; else through the logits, as the paper's */
} ag_neighbours_wish;

/* A row of the table of defenses. What a defense does not change is NULL. */
typedef struct ag_defense {
  ag_kind kind; /* options end with AG_DEFENSE_FILE_OPTION */
  /* Changes the layers of the architecture; fails with AG_BAD_JOB, naming the option. */
  ag_status (*change_layers)(const ag_settings *settings, ag_layer_list *layers);
  /* NULL: one pass each. */
  ag_draws (*draws)(const ag_settings *settings);
  /* NULL: the logits decide. */
  ag_neighbours_wish (*neighbours)(const ag_settings *settings);
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
/** Passes that one call of the target makes over each image: those of the defense, or one each
 * where the network is not random. */
ag_draws ag_defended_draws(const ag_defended *defended);
/** What an attack sees; borrowed. At AG_VERDICT_STEP its logits are the deployed prediction's:
 * means, or each class's share of the draws. */
const ag_target *ag_defended_target(const ag_defended *defended);

#endif
