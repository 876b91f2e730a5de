/* Adversarial training (Madry et al. 2018, arXiv:1706.06083; by a single step Goodfellow et al.
 * 2015, arXiv:1412.6572, from a random start Wong et al. 2020, arXiv:2001.03994), on a share of
 * the images or on all, with noise behind a layer where that is wanted (Araujo et al. 2019). */
#include "defense/defense.h"
#include "defense/inner_attack.h"
#include "defense/noise.h"

#include <string.h>

static const char *const kept[] = {"best", "last", NULL};

static const ag_option options[] = {
    AG_INNER_ATTACK_OPTIONS(false),
    {.name = "mix",
     .type = AG_OPTION_NUMBER,
     .initial = "1",
     .minimum = 0,
     .maximum = 1,
     .help = "share of the images that are attacked; the others are learnt as they are"},
    AG_INNER_WARMUP_OPTION(false),
    {.name = "keep",
     .type = AG_OPTION_WORD,
     .initial = "best",
     .words = kept,
     .help = "the parameters of the epoch with the best robust accuracy on the validation images, "
             "or of the last"},
    {.name = "after",
     .type = AG_OPTION_TEXT,
     .initial = "conv1",
     .help = "the layer behind which noise is added, where sigma is not 0; pixels: in front of the "
             "first"},
    {.name = "sigma",
     .type = AG_OPTION_NUMBER,
     .initial = "0",
     .minimum = 0,
     .maximum = 100,
     .help = "the noise's standard deviation; 0: no noise"},
    AG_NOISE_DRAW_OPTIONS,
    {.name = "lipschitz",
     .type = AG_OPTION_NUMBER,
     .late = true,
     .initial = "0",
     .minimum = 0,
     .maximum = 1000,
     .help = "weight of the penalty that the defense lipschitz has; 0: none"},
    AG_DEFENSE_FILE_OPTION,
    {0},
};

static bool is_noisy(const ag_settings *settings)
{
  return ag_settings_number(settings, "sigma") > 0;
}

static ag_status change_layers(const ag_settings *settings, ag_layer_list *layers)
{
  const ag_status status = ag_inner_attack_check(settings, is_noisy(settings));
  if (status != AG_OK || !is_noisy(settings)) return status;
  return ag_noise_insert(settings, layers);
}

static ag_draws draws(const ag_settings *settings)
{
  return is_noisy(settings) ? ag_noise_draws(settings) : (ag_draws){1, 1, false, false};
}

static bool adversarial(const ag_settings *settings, ag_adversarial *how)
{
  *how = ag_inner_attack(settings);
  how->mix = ag_settings_number(settings, "mix");
  how->judged = true;
  how->keeps_best = strcmp(ag_settings_word(settings, "keep"), "best") == 0;
  return true;
}

static ag_penalty_wish penalty(const ag_settings *settings)
{
  enum { SAMPLES = 10 };
  const double weight = ag_settings_number(settings, "lipschitz");
  return (ag_penalty_wish){.weight = weight, .samples = weight > 0 ? SAMPLES : 0};
}

const ag_defense ag_defense_adversarial_training = {
    .kind = {.name = "adversarial-training",
             .help = "images are attacked before they are learnt",
             .options = options},
    .change_layers = change_layers,
    .draws = draws,
    .adversarial = adversarial,
    .penalty = penalty,
};
