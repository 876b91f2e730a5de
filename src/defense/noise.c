/* A layer of Gaussian noise in a defense, and the draws that predictions and attacks take of it. */
#include "defense/noise.h"

#include <stdio.h>
#include <string.h>

const char *const ag_noise_votes[] = {"mean", "majority", NULL};

ag_status ag_noise_insert(const ag_settings *settings, ag_layer_list *layers)
{
  ag_layer_description noise = {.kind = "gaussian-noise",
                                .strength = ag_settings_number(settings, "sigma")};
  snprintf(noise.name, sizeof noise.name, "noise1");
  const ag_status status =
      ag_layer_list_insert_after(layers, ag_settings_word(settings, "after"), &noise);
  return status == AG_OK ? AG_OK : ag_fail_within(status, "'after'");
}

ag_draws ag_noise_draws(const ag_settings *settings)
{
  const size_t draws = ag_settings_count(settings, "draws");
  return (ag_draws){.verdict = draws,
                    .attack = draws,
                    .majority = strcmp(ag_settings_word(settings, "vote"), "majority") == 0,
                    .random = true};
}
