/* The ledger: what a journal's records say about the models and units of a plan.
 * Records are found by key, in keys that are sorted once; a key that two entries of the
 * plan share (the same work under two names) counts for both. */
#include "store/keyed.h"
#include "store/provenance.h"
#include "store/spans.h"
#include "store/unit_record.h"

#include <math.h>
#include <string.h>

/* Journals hold these as they are in memory. */
_Static_assert(sizeof(ag_outcome) == 24, "the journal's outcomes");
_Static_assert(sizeof(ag_epoch) == 72, "the journal's epochs");
_Static_assert(sizeof(ag_unit_record) == 64, "the journal's units");
_Static_assert(sizeof(ag_model_record) == 48, "the journal's models");
_Static_assert(sizeof(ag_span) == 32, "the journal's spans");
_Static_assert(sizeof(ag_provenance) == 4072, "the journal's runs");

/* A ledger with the index of its keys behind it. */
typedef struct indexed_ledger {
  ag_ledger ledger; /* first: a pointer to it is one to the whole */
  ag_keyed *models; /* [plan->model_count], by key */
  ag_keyed *units;  /* [plan->unit_count], by key */
} indexed_ledger;

ag_status ag_ledger_create(const ag_plan *plan, ag_ledger **out)
{
  ag_status status = AG_OK;
  indexed_ledger *all = NULL;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *all, &all));
  *out = &all->ledger;
  all->ledger.plan = plan;
  AG_TRY(ag_allocate(plan->model_count, sizeof *all->ledger.models, &all->ledger.models));
  AG_TRY(ag_allocate(plan->unit_count, sizeof *all->ledger.units, &all->ledger.units));
  AG_TRY(ag_keyed_models(plan, &all->models));
  AG_TRY(ag_keyed_units(plan, &all->units));
cleanup:
  if (status != AG_OK) ag_ledger_destroy(out);
  return status;
}

void ag_ledger_destroy(ag_ledger **out)
{
  ag_ledger *ledger = *out;
  if (ledger == NULL) return;
  indexed_ledger *all = (indexed_ledger *)ledger;
  for (size_t i = 0; ledger->models != NULL && i < ledger->plan->model_count; ++i) {
    ag_release(&ledger->models[i].epochs);
    ag_release(&ledger->models[i].bounds);
    ag_release(&ledger->models[i].failure);
  }
  for (size_t i = 0; ledger->units != NULL && i < ledger->plan->unit_count; ++i) {
    ag_release(&ledger->units[i].outcomes);
    ag_release(&ledger->units[i].details);
    ag_release(&ledger->units[i].failure);
  }
  ag_release(&ledger->spans);
  ag_release(&ledger->ranks);
  ag_release(&ledger->models);
  ag_release(&ledger->units);
  ag_release(&all->models);
  ag_release(&all->units);
  ag_release(out);
}

/* ---- taking records in ------------------------------------------------------ */

static ag_status bad_size(const char *what, const ag_record *record, size_t expected)
{
  return ag_fail(AG_BAD_STORE, "the record of %s has %zu bytes; expected %zu", what, record->size,
                 expected);
}

static ag_status take_run(ag_ledger *ledger, const ag_record *record)
{
  const ag_status status = ag_provenance_read(record, &ledger->provenance);
  if (status == AG_OK) ++ledger->runs;
  return status;
}

static ag_status take_ranks(ag_ledger *ledger, const ag_record *record)
{
  ag_rank_times *times = NULL;
  if (record->size == 0 || record->size % sizeof *times != 0) {
    return bad_size("a run's ranks", record, sizeof *times);
  }
  const ag_status status = ag_allocate(record->size, 1, &times);
  if (status != AG_OK) return status;
  memcpy(times, record->payload, record->size);
  ag_release(&ledger->ranks);
  ledger->ranks = times;
  ledger->rank_count = record->size / sizeof *times;
  return AG_OK;
}

/* Work that two entries of the plan share was done once: it counts for the first. */
static ag_status take_span(indexed_ledger *all, const ag_record *record)
{
  ag_ledger *ledger = &all->ledger;
  ag_work_span work = {.run = ledger->runs};
  if (record->size != sizeof work.span) return bad_size("a span", record, sizeof work.span);
  memcpy(&work.span, record->payload, sizeof work.span);
  work.index = work.span.epoch > 0
                   ? ag_keyed_find(all->models, ledger->plan->model_count, &record->key)
                   : ag_keyed_find(all->units, ledger->plan->unit_count, &record->key);
  return ag_spans_append(ledger, &work);
}

/* A failed piece of work is being done again. */
static void forget_failure(ag_progress *progress, char **failure)
{
  if (*progress != AG_PROGRESS_FAILED) return;
  *progress = AG_PROGRESS_MISSING;
  ag_release(failure);
}

static ag_status take_failure(ag_progress *progress, char **failure, const ag_record *record)
{
  char *text = NULL;
  if (*progress == AG_PROGRESS_DONE) return AG_OK;
  const ag_status status = ag_allocate(record->size + 1, 1, &text);
  if (status != AG_OK) return status;
  if (record->size > 0) memcpy(text, record->payload, record->size);
  ag_release(failure);
  *failure = text;
  *progress = AG_PROGRESS_FAILED;
  return AG_OK;
}

/* The epochs' memory doubles where their number is a power of two (or none). */
static ag_status append_epoch(ag_model_state *model, const ag_epoch *epoch)
{
  const size_t count = model->epoch_count;
  if ((count & (count - 1)) == 0) {
    ag_epoch *grown = NULL;
    const ag_status status = ag_allocate(count == 0 ? 1 : 2 * count, sizeof *grown, &grown);
    if (status != AG_OK) return status;
    if (count > 0) memcpy(grown, model->epochs, count * sizeof *grown);
    ag_release(&model->epochs);
    model->epochs = grown;
  }
  model->epochs[model->epoch_count++] = *epoch;
  return AG_OK;
}

/* An epoch that was there before begins another training: it and those behind it go. */
static ag_status take_epoch(ag_model_state *model, const ag_record *record)
{
  /* Before it said what ranks wait for each other, and before it said how robust the model is. */
  enum {
    FIRST_SIZE = offsetof(ag_epoch, hidden_seconds),
    SECOND_SIZE = offsetof(ag_epoch, robust_validation_accuracy)
  };
  ag_epoch epoch = {.robust_validation_accuracy = NAN};
  if (record->size != sizeof epoch && record->size != SECOND_SIZE && record->size != FIRST_SIZE) {
    return bad_size("an epoch", record, sizeof epoch);
  }
  memcpy(&epoch, record->payload, record->size);
  forget_failure(&model->progress, &model->failure);
  while (model->epoch_count > 0 && model->epochs[model->epoch_count - 1].epoch >= epoch.epoch)
    --model->epoch_count;
  return append_epoch(model, &epoch);
}

/* Forgets what was done with other parameters than those of the model's record. */
static ag_status drop_units_of_others(ag_ledger *ledger, size_t index)
{
  ag_status status = AG_OK;
  const ag_plan *plan = ledger->plan;
  for (size_t i = 0; i < plan->unit_count; ++i) {
    const ag_point *point = &plan->points[plan->units[i].point];
    ag_unit_state *unit = &ledger->units[i];
    bool current = true;
    if (point->model != index && point->source != index) continue;
    if (unit->progress != AG_PROGRESS_DONE) continue;
    AG_TRY(ag_ledger_is_current(ledger, i, &unit->record.model, &current));
    if (current) continue;
    unit->progress = AG_PROGRESS_MISSING;
    ag_release(&unit->outcomes);
    ag_release(&unit->details);
  }
cleanup:
  return status;
}

static ag_status take_model(ag_ledger *ledger, size_t index, const ag_record *record)
{
  ag_model_state *model = &ledger->models[index];
  if (record->size != sizeof model->record) {
    return bad_size("a model", record, sizeof model->record);
  }
  forget_failure(&model->progress, &model->failure);
  memcpy(&model->record, record->payload, sizeof model->record);
  model->progress = AG_PROGRESS_DONE;
  return drop_units_of_others(ledger, index);
}

/* Copies a unit's outcomes and checks that they are those of its images, in their order. */
static ag_status copy_outcomes(const ag_unit *unit, const char *bytes, ag_outcome **outcomes)
{
  ag_status status = AG_OK;
  AG_TRY(ag_allocate(unit->count, sizeof **outcomes, outcomes));
  if (unit->count > 0) memcpy(*outcomes, bytes, unit->count * sizeof **outcomes);
  for (size_t i = 0; i < unit->count; ++i) {
    if ((*outcomes)[i].index == unit->first + i) continue;
    status = ag_fail(AG_BAD_STORE, "outcome %zu of a unit is of image %u; expected image %zu", i,
                     (*outcomes)[i].index, unit->first + i);
    goto cleanup;
  }
cleanup:
  if (status != AG_OK) ag_release(outcomes);
  return status;
}

static ag_status take_unit(ag_ledger *ledger, size_t index, const ag_record *record)
{
  ag_status status = AG_OK;
  ag_unit_state *state = &ledger->units[index];
  const ag_unit *unit = &ledger->plan->units[index];
  const char *payload = record->payload;
  ag_unit_record head;
  ag_unit_state new = {.progress = AG_PROGRESS_DONE};
  bool enough = false;
  bool current = true;
  const size_t plain = sizeof head + unit->count * sizeof *new.outcomes;
  if (record->size < plain) return bad_size("a unit", record, plain);
  memcpy(&head, record->payload, sizeof head);
  if (head.outcomes != unit->count) {
    return ag_fail(AG_BAD_STORE, "a unit has %u outcomes; expected %zu", head.outcomes,
                   unit->count);
  }
  const ag_point *point = &ledger->plan->points[unit->point];
  AG_TRY(ag_ledger_is_current(ledger, index, &head.model, &current));
  if (!current || state->progress == AG_PROGRESS_DONE) return AG_OK;
  AG_TRY(ag_unit_details_read(ledger->plan, index, payload + plain, record->size - plain, &new,
                              &enough));
  if (!enough) return AG_OK;
  AG_TRY(copy_outcomes(unit, payload + sizeof head, &new.outcomes));
  forget_failure(&state->progress, &state->failure);
  new.record = head;
  *state = new;
  /* Whoever did the unit had the models: one from a file says so in no other way. */
  forget_failure(&ledger->models[point->model].progress, &ledger->models[point->model].failure);
  forget_failure(&ledger->models[point->source].progress, &ledger->models[point->source].failure);
cleanup:
  if (status != AG_OK) ag_release(&new.details);
  return status;
}

static ag_status take_bounds(ag_ledger *ledger, size_t index, const ag_record *record)
{
  ag_model_state *model = &ledger->models[index];
  const size_t size = (1 + ledger->plan->models[index].layers.count) * sizeof *model->bounds;
  double *bounds = NULL;
  if (record->size != size) return bad_size("a model's bounds", record, size);
  const ag_status status = ag_allocate(size, 1, &bounds);
  if (status != AG_OK) return status;
  memcpy(bounds, record->payload, size);
  ag_release(&model->bounds);
  model->bounds = bounds;
  return AG_OK;
}

static ag_status take_for_model(ag_ledger *ledger, size_t index, const ag_record *record)
{
  ag_model_state *model = &ledger->models[index];
  switch (record->kind) {
  case AG_RECORD_EPOCH: return take_epoch(model, record);
  case AG_RECORD_MODEL: return take_model(ledger, index, record);
  case AG_RECORD_BOUNDS: return take_bounds(ledger, index, record);
  case AG_RECORD_FAILURE: return take_failure(&model->progress, &model->failure, record);
  default: return AG_OK;
  }
}

static ag_status take_for_unit(ag_ledger *ledger, size_t index, const ag_record *record)
{
  ag_unit_state *unit = &ledger->units[index];
  switch (record->kind) {
  case AG_RECORD_UNIT: return take_unit(ledger, index, record);
  case AG_RECORD_FAILURE: return take_failure(&unit->progress, &unit->failure, record);
  default: return AG_OK;
  }
}

ag_status ag_ledger_take(void *context, const ag_record *record)
{
  indexed_ledger *all = context;
  ag_ledger *ledger = &all->ledger;
  const ag_plan *plan = ledger->plan;
  const ag_digest *key = &record->key;
  ag_status status = AG_OK;
  if (record->kind == AG_RECORD_RUN) return take_run(ledger, record);
  if (record->kind == AG_RECORD_RANKS) return take_ranks(ledger, record);
  if (record->kind == AG_RECORD_SPAN) return take_span(all, record);
  for (size_t i = ag_keyed_first(all->models, plan->model_count, key);
       i < plan->model_count && memcmp(&all->models[i].key, key, sizeof *key) == 0; ++i) {
    AG_TRY(take_for_model(ledger, all->models[i].index, record));
  }
  for (size_t i = ag_keyed_first(all->units, plan->unit_count, key);
       i < plan->unit_count && memcmp(&all->units[i].key, key, sizeof *key) == 0; ++i) {
    AG_TRY(take_for_unit(ledger, all->units[i].index, record));
  }
cleanup:
  return status;
}

/* ---- what follows from them --------------------------------------------------- */

ag_progress ag_ledger_point(const ag_ledger *ledger, size_t index)
{
  const ag_point *point = &ledger->plan->points[index];
  size_t done = 0;
  bool failed = ledger->models[point->model].progress == AG_PROGRESS_FAILED ||
                ledger->models[point->source].progress == AG_PROGRESS_FAILED;
  for (size_t i = 0; i < point->unit_count; ++i) {
    const ag_progress progress = ledger->units[point->first_unit + i].progress;
    done += progress == AG_PROGRESS_DONE;
    failed = failed || progress == AG_PROGRESS_FAILED;
  }
  if (done == point->unit_count) return AG_PROGRESS_DONE;
  return failed ? AG_PROGRESS_FAILED : AG_PROGRESS_MISSING;
}

ag_status ag_ledger_outcomes(const ag_ledger *ledger, size_t index, ag_outcome **outcomes,
                             size_t *count, ag_attack_cost *cost, double *seconds)
{
  ag_status status = AG_OK;
  const ag_point *point = &ledger->plan->points[index];
  const ag_unit_state *units = &ledger->units[point->first_unit];
  *outcomes = NULL;
  *count = 0;
  *cost = (ag_attack_cost){0};
  *seconds = 0;
  if (ag_ledger_point(ledger, index) != AG_PROGRESS_DONE) {
    return ag_fail(AG_INVALID_ARGUMENT, "point %zu is not done", index);
  }
  size_t total = 0;
  for (size_t i = 0; i < point->unit_count; ++i)
    total += units[i].record.outcomes;
  AG_TRY(ag_allocate(total, sizeof **outcomes, outcomes));
  for (size_t i = 0; i < point->unit_count; ++i) {
    const ag_unit_record *record = &units[i].record;
    memcpy(*outcomes + *count, units[i].outcomes, record->outcomes * sizeof **outcomes);
    *count += record->outcomes;
    cost->gradients += record->cost.gradients;
    cost->forwards += record->cost.forwards;
    *seconds += record->seconds;
  }
  const ag_job *job = ledger->plan->job;
  ag_outcomes_at(&job->attacks[point->attack], job->epsilons[point->epsilon].value, *outcomes,
                 *count);
cleanup:
  return status;
}
