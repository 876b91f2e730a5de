/* The attack within a training, by FGSM (Goodfellow et al. 2015, arXiv:1412.6572; from a random
 * start Wong et al. 2020, arXiv:2001.03994) or PGD (Madry et al. 2018, arXiv:1706.06083). */
#include "defense/inner_attack.h"

#include <string.h>

enum { PGD_STEPS = 10 };

const char *const ag_inner_attacks[] = {"fgsm", "pgd", NULL};
const char *const ag_inner_by_attack[] = {"auto", NULL};

static bool is_fgsm(const ag_settings *settings)
{
  return strcmp(ag_settings_word(settings, "attack"), "fgsm") == 0;
}

ag_status ag_inner_attack_check(const ag_settings *settings, bool random)
{
  const size_t steps = ag_settings_count(settings, "steps");
  const size_t restarts = ag_settings_count(settings, "restarts");
  if (is_fgsm(settings) && steps > 1) {
    return ag_fail(AG_BAD_JOB, "'steps' is %zu; expected 1, or attack: pgd", steps);
  }
  if (restarts > 1 && !random && !ag_settings_flag(settings, "random_start")) {
    return ag_fail(AG_BAD_JOB, "'restarts' is %zu, and without a random start all are alike",
                   restarts);
  }
  return AG_OK;
}

/* In units of epsilon. */
static double default_step(const ag_settings *settings, size_t steps)
{
  if (!is_fgsm(settings)) return 2.5 / (double)steps;
  return ag_settings_flag(settings, "random_start") ? 1.25 : 1;
}

ag_adversarial ag_inner_attack(const ag_settings *settings)
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
      .mix = 1,
      .warmup = ag_settings_number(settings, "warmup"),
  };
}
