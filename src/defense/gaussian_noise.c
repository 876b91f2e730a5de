/* Gaussian noise behind a layer, in training and in use (Lecuyer et al. 2019, arXiv:1802.03471,
 * section 3; the paper's section 3.2): a prediction is the class of the mean logits over draws,
 * and an attack follows the mean gradient over as many (Athalye et al. 2018, arXiv:1802.00420). */
#include "defense/defense.h"

#include <stdio.h>

static const ag_option options[] = {
    {.name = "after",
     .type = AG_OPTION_TEXT,
     .initial = "conv1",
     .help = "the layer behind which noise is added"},
    {.name = "sigma",
     .type = AG_OPTION_NUMBER,
     .initial = "0.05",
     .minimum = 0,
     .maximum = 100,
     .help = "the noise's standard deviation"},
    {.name = "draws",
     .type = AG_OPTION_COUNT,
     .initial = "20",
     .minimum = 1,
     .maximum = 10000,
     .help = "passes whose mean is a prediction or a gradient"},
    AG_DEFENSE_FILE_OPTION,
    {0},
};

static ag_status change_layers(const ag_settings *settings, ag_layer_list *layers)
{
  ag_layer_description noise = {.kind = "gaussian-noise",
                                .strength = ag_settings_number(settings, "sigma")};
  snprintf(noise.name, sizeof noise.name, "noise1");
  const ag_status status =
      ag_layer_list_insert_after(layers, ag_settings_word(settings, "after"), &noise);
  return status == AG_OK ? AG_OK : ag_fail_within(status, "'after'");
}

static size_t draws(const ag_settings *settings)
{
  return ag_settings_count(settings, "draws");
}

const ag_defense ag_defense_gaussian_noise = {
    .kind = {.name = "gaussian-noise",
             .help = "noise added behind a layer, in training and in use",
             .options = options},
    .change_layers = change_layers,
    .draws = draws,
};
