/* Classification in a latent space (the paper's section 3.3): an image has the class of the nearest
 * of a few training images of each, by the distance of what a layer hands on. Training may pull
 * images of one class together there, or images to what an attack makes of them. */
#include "defense/defense.h"
#include "defense/inner_attack.h"

#include <string.h>

static const char *const ways[] = {"neighbours", "logits", NULL};
static const char *const losses[] = {"none", "contrastive", "triplet", NULL}; /* ag_latent_loss */
static const char *const by_loss[] = {"auto", NULL};

/* The paper's, and for triplets as much as distances between classes are behind the first dense
 * layer of `base` (in the tens; the attacked image's a fifth of them): at 2 there is no loss. */
static const double default_margins[] = {
    [AG_LATENT_NONE] = 0, [AG_LATENT_CONTRASTIVE] = 2, [AG_LATENT_TRIPLET] = 20};

static const ag_option options[] = {
    {.name = "layer",
     .type = AG_OPTION_TEXT,
     .initial = "dense1",
     .help = "the layer behind which distances are taken"},
    {.name = "references",
     .type = AG_OPTION_COUNT,
     .initial = "5",
     .minimum = 1,
     .maximum = 1000,
     .help = "training images of each class, of which the nearest decides"},
    {.name = "attacked",
     .type = AG_OPTION_WORD,
     .initial = "neighbours",
     .words = ways,
     .help = "what attacks go through: the distances that decide, or the logits, as the paper's"},
    {.name = "classify",
     .type = AG_OPTION_WORD,
     .late = true,
     .initial = "neighbours",
     .words = ways,
     .help = "what decides on the class: the nearest reference, or the logits, which attacks go "
             "through then"},
    {.name = "loss",
     .type = AG_OPTION_WORD,
     .late = true,
     .initial = "none",
     .words = losses,
     .help = "what is learnt beside cross-entropy: the contrastive loss of the pairs of a shard, "
             "or the triplet loss with the attacked image as the positive"},
    {.name = "margin",
     .type = AG_OPTION_NUMBER,
     .late = true,
     .initial = "auto",
     .minimum = 0,
     .maximum = 1e6,
     .words = by_loss,
     .help = "the distance at which images of different classes are far enough, the paper's alpha; "
             "of a triplet, how much farther than the attacked image; auto or 0: 2 of contrastive, "
             "20 of triplet"},
    {.name = "weight",
     .type = AG_OPTION_NUMBER,
     .late = true,
     .initial = "0.5",
     .minimum = 0,
     .maximum = 1e6,
     .help = "of that loss; 0.5 adds as much for a pair as for its two images' cross-entropies"},
    AG_INNER_ATTACK_OPTIONS(true),
    AG_INNER_WARMUP_OPTION(true),
    AG_DEFENSE_FILE_OPTION,
    {0},
};

static ag_latent_loss loss_of(const ag_settings *settings)
{
  const char *word = ag_settings_word(settings, "loss");
  if (strcmp(word, losses[AG_LATENT_NONE]) == 0) return AG_LATENT_NONE;
  return strcmp(word, losses[AG_LATENT_TRIPLET]) == 0 ? AG_LATENT_TRIPLET : AG_LATENT_CONTRASTIVE;
}

/* None, but options that do not fit each other are found here. */
static ag_status change_layers(const ag_settings *settings, ag_layer_list *layers)
{
  (void)layers;
  return loss_of(settings) == AG_LATENT_TRIPLET ? ag_inner_attack_check(settings, false) : AG_OK;
}

static bool adversarial(const ag_settings *settings, ag_adversarial *how)
{
  if (loss_of(settings) != AG_LATENT_TRIPLET) return false;
  *how = ag_inner_attack(settings);
  return true;
}

static bool neighbours(const ag_settings *settings, ag_neighbours_wish *wish)
{
  if (strcmp(ag_settings_word(settings, "classify"), "neighbours") != 0) return false;
  *wish = (ag_neighbours_wish){
      .layer = ag_settings_word(settings, "layer"),
      .references = ag_settings_count(settings, "references"),
      .attacked = strcmp(ag_settings_word(settings, "attacked"), "neighbours") == 0};
  return true;
}

static bool latent_term(const ag_settings *settings, ag_latent_term *term)
{
  const ag_latent_loss loss = loss_of(settings);
  const double margin = ag_settings_number(settings, "margin");
  if (loss == AG_LATENT_NONE) return false;
  *term = (ag_latent_term){.loss = loss,
                           .layer = ag_settings_word(settings, "layer"),
                           .margin = margin > 0 ? margin : default_margins[loss],
                           .weight = ag_settings_number(settings, "weight")};
  return true;
}

const ag_defense ag_defense_latent = {
    .kind = {.name = "latent",
             .help = "the class of the nearest reference image in a latent space",
             .options = options},
    .change_layers = change_layers,
    .adversarial = adversarial,
    .neighbours = neighbours,
    .latent_term = latent_term,
};
