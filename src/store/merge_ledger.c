/* Joining what journals say: each model and each unit once, from the first folder that has it, and
 * the same in every other. What is compared is what `verify` compares. */
#include "store/merge.h"

#include <string.h>

/* ---- names -------------------------------------------------------------------------------- */

bool ag_merge_model_name(const ag_merging *all, size_t source, size_t model,
                         char name[2 * AG_NAME_SIZE])
{
  const ag_job *job = all->sources[source].job;
  const ag_model_unit *unit = &all->plan->models[model];
  size_t defense = 0;
  size_t seed = 0;
  while (defense < job->defense_count &&
         strcmp(job->defenses[defense].name, all->job->defenses[unit->defense].name) != 0)
    ++defense;
  while (seed < job->seed_count && job->seeds[seed] != all->job->seeds[unit->seed])
    ++seed;
  if (defense == job->defense_count || seed == job->seed_count) return false;
  ag_model_name(job, defense, seed, name);
  return true;
}

/* ---- conflicts ---------------------------------------------------------------------------- */

static const char *path_of(const ag_merging *all, size_t source)
{
  return all->sources[source].path;
}

/* Where the kernels differ they are a likely reason: they round otherwise. */
static ag_status conflict(const ag_merging *all, const char *what, const char *which, size_t one,
                          size_t other)
{
  const ag_provenance *runs[2] = {&all->sources[one].run, &all->sources[other].run};
  const bool same = strcmp(runs[0]->kernels, runs[1]->kernels) == 0;
  return ag_fail(AG_INVALID_ARGUMENT, "%s: %s has %s than %s%s", what, path_of(all, one), which,
                 path_of(all, other), same ? "" : ", on other kernels");
}

static ag_status model_conflict(const ag_merging *all, size_t model, const char *which, size_t one,
                                size_t other)
{
  char what[2 * AG_NAME_SIZE + 16];
  snprintf(what, sizeof what, "model '%s'", all->plan->models[model].name);
  return conflict(all, what, which, one, other);
}

static ag_status unit_conflict(const ag_merging *all, size_t index, const char *which, size_t one,
                               size_t other)
{
  char what[AG_UNIT_TEXT];
  ag_plan_describe_unit(all->plan, index, what);
  return conflict(all, what, which, one, other);
}

/* ---- comparing ---------------------------------------------------------------------------- */

static bool same_bits(const void *one, const void *other, size_t size)
{
  return memcmp(one, other, size) == 0;
}

static bool is_same_epoch(const ag_epoch *one, const ag_epoch *other)
{
  const double a[] = {one->loss, one->learning_rate, one->train_accuracy, one->validation_accuracy,
                      one->robust_validation_accuracy};
  const double b[] = {other->loss, other->learning_rate, other->train_accuracy,
                      other->validation_accuracy, other->robust_validation_accuracy};
  return one->epoch == other->epoch && same_bits(a, b, sizeof a);
}

/* An older folder does not say what the first gradient was. */
static bool is_same_outcome(const ag_outcome *one, const ag_outcome *other)
{
  ag_outcome a = *one;
  ag_outcome b = *other;
  if (a.gradient == AG_GRADIENT_UNKNOWN) a.gradient = b.gradient;
  if (b.gradient == AG_GRADIENT_UNKNOWN) b.gradient = a.gradient;
  return same_bits(&a, &b, sizeof a);
}

/* Both are trained. One that was being trained again when its run ended has some epochs less. */
static ag_status compare_models(const ag_merging *all, size_t index, const ag_model_state *new,
                                size_t source)
{
  const ag_model_state *there = &all->ledger->models[index];
  const size_t from = all->model_from[index];
  const ag_digest *parameters = &there->record.parameters;
  if (memcmp(parameters, &new->record.parameters, sizeof *parameters) != 0) {
    return model_conflict(all, index, "other parameters", from, source);
  }
  for (size_t i = 0; i < ag_minimum(there->epoch_count, new->epoch_count); ++i) {
    if (is_same_epoch(&there->epochs[i], &new->epochs[i])) continue;
    return model_conflict(all, index, "other epochs", from, source);
  }
  return AG_OK;
}

static ag_status compare_units(const ag_merging *all, size_t index, const ag_unit_state *new,
                               size_t source)
{
  const ag_unit_state *there = &all->ledger->units[index];
  const size_t from = all->unit_from[index];
  const ag_unit_record *one = &there->record;
  const ag_unit_record *other = &new->record;
  if (memcmp(&one->model, &other->model, sizeof one->model) != 0) {
    return unit_conflict(all, index, "attacked another model", from, source);
  }
  bool same = one->cost.gradients == other->cost.gradients &&
              one->cost.forwards == other->cost.forwards && one->outcomes == other->outcomes;
  for (size_t i = 0; i < one->outcomes && same; ++i)
    same = is_same_outcome(&there->outcomes[i], &new->outcomes[i]);
  if (!same) return unit_conflict(all, index, "other outcomes", from, source);
  if (!there->has_details || !new->has_details) return AG_OK;
  const ag_details details = ag_unit_details(all->ledger, index);
  if (same_bits(there->details, new->details, ag_details_bytes(&details))) return AG_OK;
  return unit_conflict(all, index, "other details", from, source);
}

ag_status ag_merge_check_models(const ag_merging *all)
{
  for (size_t i = 0; i < all->plan->unit_count; ++i) {
    const ag_unit_state *unit = &all->ledger->units[i];
    const size_t model = all->plan->points[all->plan->units[i].point].model;
    bool current = true;
    if (unit->progress != AG_PROGRESS_DONE) continue;
    const ag_status status = ag_ledger_is_current(all->ledger, i, &unit->record.model, &current);
    if (status != AG_OK) return status;
    if (current) continue;
    return unit_conflict(all, i, "attacked another model", all->unit_from[i],
                         all->model_from[model]);
  }
  return AG_OK;
}

/* ---- joining ------------------------------------------------------------------------------ */

/* Trained is most; else what has come further, and then what says why it came no further. */
static size_t model_worth(const ag_model_state *model)
{
  if (model->progress == AG_PROGRESS_DONE) return SIZE_MAX;
  return 2 * model->epoch_count + (model->progress == AG_PROGRESS_FAILED);
}

/* A record of before there were details is worth less than one with them. */
static size_t unit_worth(const ag_unit_state *unit)
{
  if (unit->progress == AG_PROGRESS_DONE) return unit->has_details ? 3 : 2;
  return unit->progress == AG_PROGRESS_FAILED;
}

/* What was there goes with the source's ledger. */
static ag_status take_model(ag_merging *all, size_t index, ag_model_state *new, size_t source)
{
  ag_status status = AG_OK;
  ag_model_state *there = &all->ledger->models[index];
  const bool both = there->progress == AG_PROGRESS_DONE && new->progress == AG_PROGRESS_DONE;
  if (both) AG_TRY(compare_models(all, index, new, source));
  if (model_worth(new) > model_worth(there) || (both && new->epoch_count > there->epoch_count)) {
    const ag_model_state before = *there;
    *there = *new;
    *new = before;
    all->model_from[index] = source;
  }
cleanup:
  return status;
}

static ag_status take_unit(ag_merging *all, size_t index, ag_unit_state *new, size_t source)
{
  ag_unit_state *there = &all->ledger->units[index];
  if (there->progress == AG_PROGRESS_DONE && new->progress == AG_PROGRESS_DONE) {
    const ag_status status = compare_units(all, index, new, source);
    if (status != AG_OK) return status;
  }
  if (unit_worth(new) > unit_worth(there)) {
    const ag_unit_state before = *there;
    *there = *new;
    *new = before;
    all->unit_from[index] = source;
  }
  return AG_OK;
}

ag_status ag_merge_take(ag_merging *all, size_t source)
{
  ag_status status = AG_OK;
  const ag_plan *plan = all->plan;
  ag_ledger *new = NULL;
  char name[2 * AG_NAME_SIZE];
  if (all->sources[source].run.dataset_sha256[0] == '\0') return AG_OK; /* nothing was run there */
  AG_TRY(ag_ledger_create(plan, &new));
  AG_TRY(ag_journal_read(path_of(all, source), ag_ledger_take, new));
  for (size_t i = 0; i < plan->model_count; ++i) {
    if (!ag_merge_model_name(all, source, i, name)) continue;
    AG_TRY(take_model(all, i, &new->models[i], source));
  }
  for (size_t i = 0; i < plan->unit_count; ++i) {
    if (!ag_merge_model_name(all, source, plan->points[plan->units[i].point].model, name)) continue;
    AG_TRY(take_unit(all, i, &new->units[i], source));
  }
cleanup:
  ag_ledger_destroy(&new);
  return status;
}
