/* How two jobs differ, in words. What is compared is what keys.c puts into a key. */
#include "plan/difference.h"
#include "plan/keys.h"
#include "plan/source.h"

#include <stdio.h>
#include <string.h>

/* What was found, and what the two jobs are called; without names they are the same one, before and
 * after an edit. */
typedef struct changes {
  ag_text *text;
  const char *const *places;
} changes;

/* "training.epochs was 12 and is 13", or "training.epochs is 12 in results/a and 13 in results/b",
 * after a comma where it is not the first. */
static ag_status append_change(const changes *out, const char *where, const char *name,
                               const char *was, const char *now)
{
  static const char nothing[] = "not given";
  const char *comma = out->text->length > 0 ? ", " : "";
  if (was[0] == '\0') was = nothing;
  if (now[0] == '\0') now = nothing;
  if (out->places == NULL) {
    return ag_text_append(out->text, "%s%s%s was %s and is %s", comma, where, name, was, now);
  }
  return ag_text_append(out->text, "%s%s%s is %s in %s and %s in %s", comma, where, name, was,
                        out->places[0], now, out->places[1]);
}

/* without: an option that counts for nothing; only: the one that counts. Either may be NULL. */
static ag_status append_settings(const changes *out, const char *where, const ag_settings *was,
                                 const ag_settings *now, const char *without, const char *only)
{
  ag_status status = AG_OK;
  for (size_t i = 0; was->options != NULL && was->options[i].name != NULL; ++i) {
    const char *name = was->options[i].name;
    if (without != NULL && strcmp(name, without) == 0) continue;
    if (only != NULL && strcmp(name, only) != 0) continue;
    if (ag_value_is_same(was, now, i)) continue;
    AG_TRY(append_change(out, where, name, was->texts[i], now->texts[i]));
  }
cleanup:
  return status;
}

static ag_status append_entry(const changes *out, const char *where, const ag_entry *was,
                              const ag_entry *now, const char *without)
{
  if (was->kind != now->kind) {
    return append_change(out, where, "kind", was->kind->name, now->kind->name);
  }
  return append_settings(out, where, &was->settings, &now->settings, without, NULL);
}

/* The same for an entry of a list, which goes by its name. */
static ag_status append_named(const changes *out, const char *role, const ag_entry *was,
                              const ag_entry *now)
{
  char where[AG_NAME_SIZE + 32];
  snprintf(where, sizeof where, "%s '%s': ", role, now->name);
  return append_entry(out, where, was, now, NULL);
}

static ag_status append_dataset(const changes *out, const ag_job_pair *pair)
{
  const size_t before = out->text->length;
  const ag_status status =
      append_entry(out, "dataset.", &pair->was->dataset, &pair->now->dataset, "path");
  if (status != AG_OK || !pair->other_images || out->text->length > before) return status;
  return ag_text_append(out->text, "%sthe dataset has other images", before > 0 ? ", " : "");
}

const char *ag_augmentation_text(unsigned augmentation)
{
  static const char *const texts[] = {
      [0] = "[]",
      [AG_AUGMENT_FLIP] = "[flip]",
      [AG_AUGMENT_CROP] = "[crop]",
      [AG_AUGMENT_FLIP | AG_AUGMENT_CROP] = "[flip, crop]",
  };
  return augmentation < sizeof texts / sizeof *texts ? texts[augmentation] : "another";
}

static ag_status append_training(const changes *out, const ag_training *was, const ag_training *now)
{
  ag_status status = AG_OK;
  AG_TRY(append_settings(out, "training.", &was->settings, &now->settings, NULL, NULL));
  AG_TRY(append_entry(out, "training.optimizer.", &was->optimizer, &now->optimizer, NULL));
  AG_TRY(append_entry(out, "training.schedule.", &was->schedule, &now->schedule, NULL));
  if (was->augmentation != now->augmentation) {
    AG_TRY(append_change(out, "training.", "augmentation", ag_augmentation_text(was->augmentation),
                         ag_augmentation_text(now->augmentation)));
  }
cleanup:
  return status;
}

ag_status ag_difference_of_models(const ag_job_pair *pair, ag_text *text)
{
  const changes all = {.text = text};
  const changes *out = &all;
  ag_status status = AG_OK;
  const ag_job *was = pair->was;
  const ag_job *now = pair->now;
  const ag_entry *was_defense = &was->defenses[pair->was_defense];
  const ag_entry *now_defense = &now->defenses[pair->now_defense];
  if (!ag_settings_has(&was_defense->settings, "file") &&
      !ag_settings_has(&now_defense->settings, "file")) {
    AG_TRY(append_dataset(out, pair));
    AG_TRY(append_training(out, &was->training, &now->training));
    AG_TRY(append_settings(out, "kernels.", &was->kernels, &now->kernels, NULL, NULL));
  }
  AG_TRY(append_entry(out, "model.", &was->model, &now->model, NULL));
  AG_TRY(append_named(out, "defense", was_defense, now_defense));
cleanup:
  return status;
}

/* Of the models that the attacks see in the place of those that are judged. */
static ag_status append_sources(const ag_job_pair *pair, ag_text *text)
{
  ag_job_pair sources = *pair;
  sources.was_defense = ag_job_source(pair->was, pair->was_attack);
  sources.now_defense = ag_job_source(pair->now, pair->now_attack);
  if (sources.was_defense == SIZE_MAX || sources.now_defense == SIZE_MAX) return AG_OK;
  return ag_difference_of_models(&sources, text);
}

ag_status ag_difference_of_points(const ag_job_pair *pair, ag_text *text)
{
  const changes all = {.text = text};
  const changes *out = &all;
  ag_status status = AG_OK;
  const ag_job *was = pair->was;
  const ag_job *now = pair->now;
  AG_TRY(append_dataset(out, pair));
  AG_TRY(append_settings(out, "training.", &was->training.settings, &now->training.settings, NULL,
                         "shard"));
  AG_TRY(append_settings(out, "kernels.", &was->kernels, &now->kernels, NULL, NULL));
  AG_TRY(append_named(out, "attack", &was->attacks[pair->was_attack],
                      &now->attacks[pair->now_attack]));
  AG_TRY(append_settings(out, "evaluation.", &was->evaluation, &now->evaluation, NULL, NULL));
  if (text->length == 0) AG_TRY(append_sources(pair, text));
cleanup:
  return status;
}

ag_status ag_difference_of_entries(const char *role, const ag_entry *one, const ag_entry *other,
                                   const char *const places[2], ag_text *text)
{
  return append_named(&(changes){text, places}, role, one, other);
}

ag_status ag_difference_of_jobs(const ag_job *one, const ag_job *other, const char *const places[2],
                                ag_text *text)
{
  ag_status status = AG_OK;
  const changes all = {text, places};
  const changes *out = &all;
  AG_TRY(append_dataset(out, &(ag_job_pair){.was = one, .now = other}));
  AG_TRY(append_entry(out, "model.", &one->model, &other->model, NULL));
  AG_TRY(append_training(out, &one->training, &other->training));
  AG_TRY(append_settings(out, "evaluation.", &one->evaluation, &other->evaluation, NULL, NULL));
  AG_TRY(append_settings(out, "kernels.", &one->kernels, &other->kernels, NULL, NULL));
cleanup:
  return status;
}
