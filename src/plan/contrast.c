/* Several jobs beside each other: each is taken apart into places with values, and those stay where
 * not all have the same. */
#include "plan/contrast.h"
#include "plan/difference.h"

#include <stdio.h>
#include <string.h>

/* A value at a place of one job. */
typedef struct value {
  char place[3 * AG_NAME_SIZE];
  ag_text text;
  const ag_settings *settings; /* whose option it is; NULL: the text alone counts */
  size_t option;
  bool listed; /* of an entry of a list, which another job need not have */
} value;

typedef struct values {
  size_t count, capacity;
  value *list;
} values;

static void clear_values(values *all)
{
  for (size_t i = 0; i < all->count; ++i)
    ag_text_clear(&all->list[i].text);
  ag_release(&all->list);
  *all = (values){0};
}

/* ---- a job taken apart ------------------------------------------------------------------------
 */

/* A new value at "where" and name, without text yet. */
static ag_status add_value(values *all, const char *where, const char *name, bool listed,
                           value **added)
{
  if (all->count == all->capacity) {
    value *grown = NULL;
    const size_t capacity = 2 * all->capacity + 64;
    const ag_status status = ag_allocate(capacity, sizeof *grown, &grown);
    if (status != AG_OK) return status;
    if (all->count > 0) memcpy(grown, all->list, all->count * sizeof *grown);
    ag_release(&all->list);
    all->list = grown;
    all->capacity = capacity;
  }
  *added = &all->list[all->count++];
  **added = (value){.listed = listed};
  snprintf((*added)->place, sizeof(*added)->place, "%s%s", where, name);
  return AG_OK;
}

static ag_status add_settings(values *all, const char *where, const ag_settings *settings,
                              bool listed, const char *without)
{
  ag_status status = AG_OK;
  for (size_t i = 0; settings->options != NULL && settings->options[i].name != NULL; ++i) {
    value *added = NULL;
    const char *name = settings->options[i].name;
    if (without != NULL && strcmp(name, without) == 0) continue;
    AG_TRY(add_value(all, where, name, listed, &added));
    added->settings = settings;
    added->option = i;
    AG_TRY(ag_text_append(&added->text, "%s", settings->texts[i]));
  }
cleanup:
  return status;
}

/* Its kind stands at the place itself, its options behind `between`. */
static ag_status add_entry(values *all, const char *where, const char *between,
                           const ag_entry *entry, bool listed, const char *without)
{
  ag_status status = AG_OK;
  char options[2 * AG_NAME_SIZE];
  value *added = NULL;
  AG_TRY(add_value(all, where, "", listed, &added));
  AG_TRY(ag_text_append(&added->text, "%s", entry->kind->name));
  snprintf(options, sizeof options, "%s%s", where, between);
  AG_TRY(add_settings(all, options, &entry->settings, listed, without));
cleanup:
  return status;
}

static ag_status add_training(values *all, const ag_training *training)
{
  ag_status status = AG_OK;
  value *added = NULL;
  AG_TRY(add_settings(all, "training.", &training->settings, false, NULL));
  AG_TRY(add_entry(all, "training.optimizer", ".", &training->optimizer, false, NULL));
  AG_TRY(add_entry(all, "training.schedule", ".", &training->schedule, false, NULL));
  AG_TRY(add_value(all, "training.", "augmentation", false, &added));
  AG_TRY(ag_text_append(&added->text, "%s", ag_augmentation_text(training->augmentation)));
cleanup:
  return status;
}

static ag_status add_names(values *all, const char *place, const ag_entry *entries, size_t count)
{
  value *added = NULL;
  ag_status status = add_value(all, place, "", false, &added);
  for (size_t i = 0; i < count && status == AG_OK; ++i)
    status = ag_text_append(&added->text, "%s%s", i > 0 ? ", " : "", entries[i].name);
  return status;
}

static ag_status add_numbers(values *all, const ag_job *job)
{
  value *added = NULL;
  ag_status status = add_value(all, "epsilons", "", false, &added);
  for (size_t i = 0; i < job->epsilon_count && status == AG_OK; ++i)
    status = ag_text_append(&added->text, "%s%s", i > 0 ? ", " : "", job->epsilons[i].text);
  if (status == AG_OK) status = add_value(all, "seeds", "", false, &added);
  for (size_t i = 0; i < job->seed_count && status == AG_OK; ++i)
    status = ag_text_append(&added->text, "%s%llu", i > 0 ? ", " : "",
                            (unsigned long long)job->seeds[i]);
  return status;
}

static ag_status add_list(values *all, const char *role, const ag_entry *entries, size_t count)
{
  ag_status status = AG_OK;
  for (size_t i = 0; i < count && status == AG_OK; ++i) {
    char where[AG_NAME_SIZE + 16];
    snprintf(where, sizeof where, "%s '%s'", role, entries[i].name);
    status = add_entry(all, where, ": ", &entries[i], true, NULL);
  }
  return status;
}

static ag_status take_apart(const ag_job *job, values *all)
{
  ag_status status = AG_OK;
  AG_TRY(add_entry(all, "dataset", ".", &job->dataset, false, "path"));
  AG_TRY(add_entry(all, "model", ".", &job->model, false, NULL));
  AG_TRY(add_training(all, &job->training));
  AG_TRY(add_names(all, "defenses", job->defenses, job->defense_count));
  AG_TRY(add_list(all, "defense", job->defenses, job->defense_count));
  AG_TRY(add_names(all, "attacks", job->attacks, job->attack_count));
  AG_TRY(add_list(all, "attack", job->attacks, job->attack_count));
  AG_TRY(add_numbers(all, job));
  AG_TRY(add_settings(all, "evaluation.", &job->evaluation, false, NULL));
  AG_TRY(add_settings(all, "kernels.", &job->kernels, false, NULL));
cleanup:
  return status;
}

/* ---- beside each other ------------------------------------------------------------------------
 */

/* guess: where it may be, for jobs are much alike. */
static const value *find_value(const values *all, const char *place, size_t guess)
{
  for (size_t i = 0; i < all->count; ++i) {
    const value *one = &all->list[(guess + i) % all->count];
    if (strcmp(one->place, place) == 0) return one;
  }
  return NULL;
}

static bool is_same(const value *one, const value *other)
{
  if (one->settings != NULL && other->settings != NULL && one->option == other->option &&
      one->settings->options == other->settings->options) {
    return ag_value_is_same(one->settings, other->settings, one->option);
  }
  return strcmp(one->text.bytes == NULL ? "" : one->text.bytes,
                other->text.bytes == NULL ? "" : other->text.bytes) == 0;
}

/* Whether not all jobs that there are have what this one has. */
static bool differs(const ag_job *const *jobs, const values *parts, size_t count, const value *one,
                    size_t guess)
{
  for (size_t i = 0; i < count; ++i) {
    if (jobs[i] == NULL) continue;
    const value *other = find_value(&parts[i], one->place, guess);
    if (other == NULL ? !one->listed : !is_same(one, other)) return true;
  }
  return false;
}

static ag_status add_row(ag_contrast *contrast, const values *parts, const char *place,
                         size_t guess)
{
  ag_status status = AG_OK;
  ag_contrast_row *row = &contrast->rows[contrast->row_count];
  snprintf(row->place, sizeof row->place, "%s", place);
  AG_TRY(ag_allocate(contrast->jobs, sizeof *row->texts, &row->texts));
  ++contrast->row_count;
  for (size_t i = 0; i < contrast->jobs; ++i) {
    const value *found = find_value(&parts[i], place, guess);
    if (found != NULL && found->text.length > 0)
      AG_TRY(ag_text_append(&row->texts[i], "%s", found->text.bytes));
  }
cleanup:
  return status;
}

/* The rows that this job is the first to have. */
static ag_status add_rows(ag_contrast *contrast, const ag_job *const *jobs, const values *parts,
                          size_t job)
{
  ag_status status = AG_OK;
  for (size_t i = 0; i < parts[job].count && status == AG_OK; ++i) {
    const value *one = &parts[job].list[i];
    bool known = false;
    for (size_t k = 0; k < job && !known; ++k)
      known = find_value(&parts[k], one->place, i) != NULL;
    if (!known && differs(jobs, parts, contrast->jobs, one, i))
      status = add_row(contrast, parts, one->place, i);
  }
  return status;
}

ag_status ag_contrast_jobs(const ag_job *const *jobs, size_t count, ag_contrast *contrast)
{
  ag_status status = AG_OK;
  values *parts = NULL;
  size_t places = 0;
  *contrast = (ag_contrast){.jobs = count};
  AG_TRY(ag_allocate(count, sizeof *parts, &parts));
  for (size_t i = 0; i < count; ++i) {
    if (jobs[i] != NULL) AG_TRY(take_apart(jobs[i], &parts[i]));
    places += parts[i].count;
  }
  AG_TRY(ag_allocate(places, sizeof *contrast->rows, &contrast->rows));
  for (size_t i = 0; i < count; ++i)
    AG_TRY(add_rows(contrast, jobs, parts, i));
cleanup:
  for (size_t i = 0; parts != NULL && i < count; ++i)
    clear_values(&parts[i]);
  ag_release(&parts);
  return status;
}

void ag_contrast_clear(ag_contrast *contrast)
{
  for (size_t i = 0; i < contrast->row_count; ++i) {
    for (size_t k = 0; k < contrast->jobs; ++k)
      ag_text_clear(&contrast->rows[i].texts[k]);
    ag_release(&contrast->rows[i].texts);
  }
  ag_release(&contrast->rows);
  *contrast = (ag_contrast){0};
}
