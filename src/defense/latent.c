/* Classification in a latent space (the paper's section 3.3): an image has the class of the nearest
 * of a few training images of each, by the distance of what a layer hands on. */
#include "defense/defense.h"

#include <string.h>

static const char *const ways[] = {"neighbours", "logits", NULL};

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
    AG_DEFENSE_FILE_OPTION,
    {0},
};

static ag_neighbours_wish neighbours(const ag_settings *settings)
{
  return (ag_neighbours_wish){
      .layer = ag_settings_word(settings, "layer"),
      .references = ag_settings_count(settings, "references"),
      .attacked = strcmp(ag_settings_word(settings, "attacked"), "neighbours") == 0};
}

const ag_defense ag_defense_latent = {
    .kind = {.name = "latent",
             .help = "the class of the nearest reference image in a latent space",
             .options = options},
    .neighbours = neighbours,
};
