/* Lipschitz regularisation of convolutions (Araujo et al. 2020, arXiv:2006.08391): the logarithms
 * of the layers' Lipschitz bounds are part of the loss. */
#include "defense/defense.h"

static const ag_option options[] = {
    {.name = "weight",
     .type = AG_OPTION_NUMBER,
     .initial = "0.01",
     .minimum = 0,
     .maximum = 1000,
     .help = "of the penalty beside the images' mean loss; 0: bounds are reported alone"},
    {.name = "samples",
     .type = AG_OPTION_COUNT,
     .initial = "10",
     .minimum = 1,
     .maximum = 256,
     .help = "of each of two frequencies, where a convolution's bound is sought"},
    AG_DEFENSE_FILE_OPTION,
    {0},
};

static ag_penalty_wish penalty(const ag_settings *settings)
{
  return (ag_penalty_wish){.weight = ag_settings_number(settings, "weight"),
                           .samples = ag_settings_count(settings, "samples")};
}

const ag_defense ag_defense_lipschitz = {
    .kind = {.name = "lipschitz",
             .help = "Lipschitz bounds of convolutions are part of the loss",
             .options = options},
    .penalty = penalty,
};
