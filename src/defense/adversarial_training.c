/* Adversarial training (Madry et al. 2018, arXiv:1706.06083; by a single step Goodfellow et al.
 * 2015, arXiv:1412.6572, from a random start Wong et al. 2020, arXiv:2001.03994), on a share of
 * the images or on all, with noise behind a layer where that is wanted (Araujo et al. 2019). */
#include "defense/defense.h"
#include "defense/noise.h"

#include <string.h>

enum { PGD_STEPS = 10 };

static const char *const attacks[] = {"fgsm", "pgd", NULL};
static const char *const by_attack[] = {"auto", NULL};
static const char *const kept[] = {"best", "last", NULL};

static const ag_option options[] = {
    {.name = "attack",
     .type = AG_OPTION_WORD,
     .initial = "pgd",
     .words = attacks,
     .help = "what makes the images that are learnt"},
    {.name = "epsilon",
     .type = AG_OPTION_NUMBER,
     .initial = "8/255",
     .minimum = 0,
     .maximum = 1,
     .help = "how far a pixel may be moved"},
    {.name = "steps",
     .type = AG_OPTION_COUNT,
     .initial = "auto",
     .minimum = 1,
     .maximum = 1000,
     .words = by_attack,
     .help = "gradient steps; auto: 1 of fgsm, 10 of pgd"},
    {.name = "step_size",
     .type = AG_OPTION_NUMBER,
     .initial = "auto",
     .minimum = 0,
     .maximum = 1,
     .words = by_attack,
     .help = "length of a step; auto or 0: 1.25 epsilon for fgsm from a random start, else "
             "epsilon; 2.5 "
             "epsilon / steps for pgd"},
    {.name = "restarts",
     .type = AG_OPTION_COUNT,
     .initial = "1",
     .minimum = 1,
     .maximum = 1000,
     .help = "starts, of which the one with the largest loss is learnt, image by image"},
    {.name = "random_start",
     .type = AG_OPTION_FLAG,
     .initial = "true",
     .help = "start uniformly in the ball, not at the image"},
    {.name = "mix",
     .type = AG_OPTION_NUMBER,
     .initial = "1",
     .minimum = 0,
     .maximum = 1,
     .help = "share of the images that are attacked; the others are learnt as they are"},
    {.name = "warmup",
     .type = AG_OPTION_NUMBER,
     .initial = "0",
     .minimum = 0,
     .maximum = 100000,
     .help = "epochs over which epsilon and the steps rise from 0"},
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

static bool is_fgsm(const ag_settings *settings)
{
  return strcmp(ag_settings_word(settings, "attack"), "fgsm") == 0;
}

static ag_status change_layers(const ag_settings *settings, ag_layer_list *layers)
{
  const size_t steps = ag_settings_count(settings, "steps");
  if (is_fgsm(settings) && steps > 1) {
    return ag_fail(AG_BAD_JOB, "'steps' is %zu; expected 1, or attack: pgd", steps);
  }
  if (ag_settings_number(settings, "sigma") > 0) return ag_noise_insert(settings, layers);
  const size_t restarts = ag_settings_count(settings, "restarts");
  if (restarts > 1 && !ag_settings_flag(settings, "random_start")) {
    return ag_fail(AG_BAD_JOB, "'restarts' is %zu, and without a random start all are alike",
                   restarts);
  }
  return AG_OK;
}

static ag_draws draws(const ag_settings *settings)
{
  return ag_settings_number(settings, "sigma") > 0 ? ag_noise_draws(settings)
                                                   : (ag_draws){1, 1, false};
}

/* In units of epsilon. */
static double default_step(const ag_settings *settings, size_t steps)
{
  if (!is_fgsm(settings)) return 2.5 / (double)steps;
  return ag_settings_flag(settings, "random_start") ? 1.25 : 1;
}

static ag_adversarial adversarial(const ag_settings *settings)
{
  const double epsilon = ag_settings_number(settings, "epsilon");
  const double step = ag_settings_number(settings, "step_size");
  size_t steps = ag_settings_count(settings, "steps");
  if (steps == 0) steps = is_fgsm(settings) ? 1 : PGD_STEPS;
  return (ag_adversarial){
      .epsilon = (float)epsilon,
      .step_size = (float)(step > 0 ? step : epsilon * default_step(settings, steps)),
      .steps = steps,
      .restarts = ag_settings_count(settings, "restarts"),
      .random_start = ag_settings_flag(settings, "random_start"),
      .mix = ag_settings_number(settings, "mix"),
      .warmup = ag_settings_number(settings, "warmup"),
      .keeps_best = strcmp(ag_settings_word(settings, "keep"), "best") == 0,
  };
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
