/* How two jobs differ, in words. What is compared is what keys.c puts into a key. */
#include "plan/difference.h"
#include "plan/keys.h"

#include <stdio.h>
#include <string.h>

/* "training.epochs was 12 and is 13", after a comma where it is not the first. */
static ag_status append_change(ag_text *text, const char *where, const char *name, const char *was,
                               const char *now)
{
  static const char nothing[] = "not given";
  return ag_text_append(text, "%s%s%s was %s and is %s", text->length > 0 ? ", " : "", where, name,
                        was[0] == '\0' ? nothing : was, now[0] == '\0' ? nothing : now);
}

/* without: an option that counts for nothing; only: the one that counts. Either may be NULL. */
static ag_status append_settings(ag_text *text, const char *where, const ag_settings *was,
                                 const ag_settings *now, const char *without, const char *only)
{
  ag_status status = AG_OK;
  for (size_t i = 0; was->options != NULL && was->options[i].name != NULL; ++i) {
    const char *name = was->options[i].name;
    if (without != NULL && strcmp(name, without) == 0) continue;
    if (only != NULL && strcmp(name, only) != 0) continue;
    if (ag_value_is_same(was, now, i)) continue;
    AG_TRY(append_change(text, where, name, was->texts[i], now->texts[i]));
  }
cleanup:
  return status;
}

static ag_status append_entry(ag_text *text, const char *where, const ag_entry *was,
                              const ag_entry *now, const char *without)
{
  if (was->kind != now->kind) {
    return append_change(text, where, "kind", was->kind->name, now->kind->name);
  }
  return append_settings(text, where, &was->settings, &now->settings, without, NULL);
}

/* The same for an entry of a list, which goes by its name. */
static ag_status append_named(ag_text *text, const char *role, const ag_entry *was,
                              const ag_entry *now)
{
  char where[AG_NAME_SIZE + 32];
  snprintf(where, sizeof where, "%s '%s': ", role, now->name);
  return append_entry(text, where, was, now, NULL);
}

static ag_status append_dataset(ag_text *text, const ag_job_pair *pair)
{
  const size_t before = text->length;
  const ag_status status =
      append_entry(text, "dataset.", &pair->was->dataset, &pair->now->dataset, "path");
  if (status != AG_OK || !pair->other_images || text->length > before) return status;
  return ag_text_append(text, "%sthe dataset has other images", before > 0 ? ", " : "");
}

static const char *augmentation_text(unsigned augmentation)
{
  static const char *const texts[] = {
      [0] = "[]",
      [AG_AUGMENT_FLIP] = "[flip]",
      [AG_AUGMENT_CROP] = "[crop]",
      [AG_AUGMENT_FLIP | AG_AUGMENT_CROP] = "[flip, crop]",
  };
  return augmentation < sizeof texts / sizeof *texts ? texts[augmentation] : "another";
}

static ag_status append_training(ag_text *text, const ag_training *was, const ag_training *now)
{
  ag_status status = AG_OK;
  AG_TRY(append_settings(text, "training.", &was->settings, &now->settings, NULL, NULL));
  AG_TRY(append_entry(text, "training.optimizer.", &was->optimizer, &now->optimizer, NULL));
  AG_TRY(append_entry(text, "training.schedule.", &was->schedule, &now->schedule, NULL));
  if (was->augmentation != now->augmentation) {
    AG_TRY(append_change(text, "training.", "augmentation", augmentation_text(was->augmentation),
                         augmentation_text(now->augmentation)));
  }
cleanup:
  return status;
}

ag_status ag_difference_of_models(const ag_job_pair *pair, ag_text *text)
{
  ag_status status = AG_OK;
  const ag_job *was = pair->was;
  const ag_job *now = pair->now;
  const ag_entry *was_defense = &was->defenses[pair->was_defense];
  const ag_entry *now_defense = &now->defenses[pair->now_defense];
  if (!ag_settings_has(&was_defense->settings, "file") &&
      !ag_settings_has(&now_defense->settings, "file")) {
    AG_TRY(append_dataset(text, pair));
    AG_TRY(append_training(text, &was->training, &now->training));
    AG_TRY(append_settings(text, "kernels.", &was->kernels, &now->kernels, NULL, NULL));
  }
  AG_TRY(append_entry(text, "model.", &was->model, &now->model, NULL));
  AG_TRY(append_named(text, "defense", was_defense, now_defense));
cleanup:
  return status;
}

ag_status ag_difference_of_points(const ag_job_pair *pair, ag_text *text)
{
  ag_status status = AG_OK;
  const ag_job *was = pair->was;
  const ag_job *now = pair->now;
  AG_TRY(append_dataset(text, pair));
  AG_TRY(append_settings(text, "training.", &was->training.settings, &now->training.settings, NULL,
                         "shard"));
  AG_TRY(append_settings(text, "kernels.", &was->kernels, &now->kernels, NULL, NULL));
  AG_TRY(append_named(text, "attack", &was->attacks[pair->was_attack],
                      &now->attacks[pair->now_attack]));
  AG_TRY(append_settings(text, "evaluation.", &was->evaluation, &now->evaluation, NULL, NULL));
cleanup:
  return status;
}
