/* Gaussian noise behind a layer, in training and in use (Lecuyer et al. 2019, arXiv:1802.03471,
 * section 3; the paper's section 3.2): a prediction is the class of the mean logits over draws, or
 * of most draws, and an attack follows the mean gradient over draws of its own (Athalye et al.
 * 2018, arXiv:1802.00420), of which 1 is the paper's weaker attack. */
#include "defense/defense.h"

#include <stdio.h>
#include <string.h>

static const char *const votes[] = {"mean", "majority", NULL};
static const char *const as_many[] = {"auto", NULL};

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
     .help = "passes that make a prediction"},
    {.name = "attack_draws",
     .type = AG_OPTION_COUNT,
     .late = true,
     .initial = "auto",
     .minimum = 1,
     .maximum = 10000,
     .words = as_many,
     .help = "passes whose mean gradient an attack follows; auto: as many as a prediction takes"},
    {.name = "vote",
     .type = AG_OPTION_WORD,
     .late = true,
     .initial = "mean",
     .words = votes,
     .help = "a prediction: the class of the mean logits, or that of most draws (majority)"},
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

static ag_draws draws(const ag_settings *settings)
{
  const size_t verdict = ag_settings_count(settings, "draws");
  const size_t attack = ag_settings_count(settings, "attack_draws");
  return (ag_draws){.verdict = verdict,
                    .attack = attack > 0 ? attack : verdict,
                    .majority = strcmp(ag_settings_word(settings, "vote"), "majority") == 0};
}

const ag_defense ag_defense_gaussian_noise = {
    .kind = {.name = "gaussian-noise",
             .help = "noise added behind a layer, in training and in use",
             .options = options},
    .change_layers = change_layers,
    .draws = draws,
};
