/* What defenses with a layer of Gaussian noise share: where it goes, and its draws. */
#ifndef ADVGRID_DEFENSE_NOISE_H
#define ADVGRID_DEFENSE_NOISE_H

#include "advgrid/defense.h"

/* What `vote` may be. */
extern const char *const ag_noise_votes[];

/* Two options, for the list of a defense that has `after` and `sigma` too. */
#define AG_NOISE_DRAW_OPTIONS                                                              \
  {.name = "draws",                                                                        \
   .type = AG_OPTION_COUNT,                                                                \
   .initial = "20",                                                                        \
   .minimum = 1,                                                                           \
   .maximum = 10000,                                                                       \
   .help = "passes that make a prediction"},                                               \
  {                                                                                        \
    .name = "vote", .type = AG_OPTION_WORD, .late = true, .initial = "mean",               \
    .words = ag_noise_votes,                                                               \
    .help = "a prediction: the class of the mean logits, or that of most draws (majority)" \
  }

/** Inserts the layer noise1 of deviation `sigma` behind the layer `after`, or the pixels. Fails
 *  with AG_BAD_JOB. */
ag_status ag_noise_insert(const ag_settings *settings, ag_layer_list *layers);
/** What the two options come to. */
ag_draws ag_noise_draws(const ag_settings *settings);

#endif
