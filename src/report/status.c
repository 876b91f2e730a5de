/* How far a folder's job is: the journal's records counted, and what the ranks do found by key. */
#include "report/status.h"
#include "store/keyed.h"

#include <math.h>
#include <string.h>

/* Files that other hosts write may be seen late, and clocks differ. */
static const double SILENT_SECONDS = 60;

const char *ag_run_state_text(ag_run_state state)
{
  static const char *const texts[] = {"done", "running", "silent", "stopped"};
  return texts[state];
}

/* ---- models and units ---------------------------------------------------------------------- */

static void count_model(ag_status_view *self, size_t index)
{
  const ag_model_unit *unit = &self->ledger->plan->models[index];
  const ag_model_state *state = &self->ledger->models[index];
  ag_model_status *model = &self->models[index];
  const bool failed = state->progress == AG_PROGRESS_FAILED;
  const bool done = !failed && (unit->from_file || state->progress == AG_PROGRESS_DONE);
  *model = (ag_model_status){.name = unit->name,
                             .progress = done ? AG_PROGRESS_DONE : state->progress,
                             .from_file = unit->from_file,
                             .epochs = state->epoch_count,
                             .failure = state->failure};
  self->models_done += done;
  self->models_failed += failed;
  self->open += !done && !failed;
  if (done) {
    model->share = 1;
  } else if (!failed && self->epochs > 0) {
    model->share = fmin(1, (double)state->epoch_count / (double)self->epochs);
  }
}

static void count_unit(ag_status_view *self, size_t index)
{
  const ag_plan *plan = self->ledger->plan;
  const ag_point *point = &plan->points[plan->units[index].point];
  const ag_progress progress = self->ledger->units[index].progress;
  ag_model_status *model = &self->models[point->model];
  ag_attack_status *attack = &self->attacks[point->attack];
  const bool done = progress == AG_PROGRESS_DONE;
  const bool failed = progress == AG_PROGRESS_FAILED;
  ++model->units;
  ++attack->units;
  model->units_done += done;
  attack->units_done += done;
  self->units_done += done;
  model->units_failed += failed;
  attack->units_failed += failed;
  self->units_failed += failed;
  self->open += !done && !failed && model->progress != AG_PROGRESS_FAILED;
}

static double share_done(const ag_status_view *self)
{
  const ag_plan *plan = self->ledger->plan;
  const double all = plan->training_flops + plan->attack_flops;
  double done = 0;
  for (size_t i = 0; i < plan->model_count; ++i)
    done += self->models[i].share * plan->models[i].flops;
  for (size_t i = 0; i < plan->unit_count; ++i) {
    if (self->ledger->units[i].progress == AG_PROGRESS_DONE) done += plan->units[i].flops;
  }
  return all > 0 ? done / all : 1;
}

static ag_status list_failures(ag_status_view *self)
{
  ag_status status = AG_OK;
  const ag_ledger *ledger = self->ledger;
  AG_TRY(ag_allocate(self->models_failed + self->units_failed, sizeof *self->failures,
                     &self->failures));
  for (size_t i = 0; i < ledger->plan->model_count; ++i) {
    if (ledger->models[i].progress != AG_PROGRESS_FAILED) continue;
    self->failures[self->failure_count++] =
        (ag_failure_status){i, SIZE_MAX, ledger->models[i].failure};
  }
  for (size_t i = 0; i < ledger->plan->unit_count; ++i) {
    if (ledger->units[i].progress != AG_PROGRESS_FAILED) continue;
    self->failures[self->failure_count++] =
        (ag_failure_status){SIZE_MAX, i, ledger->units[i].failure};
  }
cleanup:
  return status;
}

/* ---- what goes on ---------------------------------------------------------------------------- */

static void take_rank(ag_status_view *self, const ag_keyed *models, const ag_keyed *units,
                      size_t index)
{
  const ag_plan *plan = self->ledger->plan;
  const ag_live_rank *from = &self->live->ranks[index];
  ag_rank_status *rank = &self->ranks[index];
  *rank = (ag_rank_status){.task = from->task,
                           .host = from->host,
                           .model = SIZE_MAX,
                           .unit = SIZE_MAX,
                           .first = from->first,
                           .count = from->count,
                           .seconds = from->seconds};
  if (from->task == AG_LIVE_TRAINING) {
    rank->model = ag_keyed_find(models, plan->model_count, &from->key);
    if (rank->model == SIZE_MAX) return;
    /* The journal knows of its end before the next word of what goes on. */
    self->models[rank->model].ranks += self->models[rank->model].progress != AG_PROGRESS_DONE;
  } else if (from->task == AG_LIVE_ATTACKING) {
    rank->unit = ag_keyed_find(units, plan->unit_count, &from->key);
    if (rank->unit == SIZE_MAX) return;
    const ag_point *point = &plan->points[plan->units[rank->unit].point];
    rank->model = point->model;
    ++self->attacks[point->attack].ranks;
  }
}

/* A model that fails and is tried again is still being trained. */
static ag_status take_live(ag_status_view *self)
{
  ag_status status = AG_OK;
  const ag_plan *plan = self->ledger->plan;
  const ag_live *live = self->live;
  ag_keyed *models = NULL;
  ag_keyed *units = NULL;
  AG_TRY(ag_keyed_models(plan, &models));
  AG_TRY(ag_keyed_units(plan, &units));
  AG_TRY(ag_allocate(live->rank_count, sizeof *self->ranks, &self->ranks));
  self->rank_count = live->rank_count;
  for (size_t i = 0; i < live->rank_count; ++i)
    take_rank(self, models, units, i);
  for (size_t i = 0; i < live->model_count; ++i) {
    const size_t model = ag_keyed_find(models, plan->model_count, &live->models[i].key);
    if (model == SIZE_MAX || self->models[model].progress == AG_PROGRESS_DONE) continue;
    self->models[model].share = live->models[i].share;
  }
  self->share = live->share;
cleanup:
  ag_release(&units);
  ag_release(&models);
  return status;
}

static ag_run_state find_state(const ag_status_view *self)
{
  if (self->live != NULL && self->age <= SILENT_SECONDS) return AG_RUN_GOES_ON;
  if (self->live != NULL) return AG_RUN_SILENT;
  return self->open > 0 ? AG_RUN_STOPPED : AG_RUN_DONE;
}

/* ---- the whole ---------------------------------------------------------------------------------
 */

ag_status ag_status_view_make(const ag_ledger *ledger, const ag_live *live, uint64_t now,
                              ag_status_view *self)
{
  ag_status status = AG_OK;
  const ag_plan *plan = ledger->plan;
  *self = (ag_status_view){.ledger = ledger};
  if (plan->job->training.settings.options != NULL) {
    self->epochs = ag_settings_count(&plan->job->training.settings, "epochs");
  }
  AG_TRY(ag_allocate(plan->model_count, sizeof *self->models, &self->models));
  AG_TRY(ag_allocate(plan->job->attack_count, sizeof *self->attacks, &self->attacks));
  for (size_t i = 0; i < plan->job->attack_count; ++i)
    self->attacks[i].name = plan->job->attacks[i].name;
  for (size_t i = 0; i < plan->model_count; ++i)
    count_model(self, i);
  for (size_t i = 0; i < plan->unit_count; ++i)
    count_unit(self, i);
  self->share = share_done(self);
  AG_TRY(list_failures(self));
  if (live != NULL && live->run == ledger->runs) {
    self->live = live;
    self->age = now > live->written ? (double)(now - live->written) : 0;
  }
  self->state = find_state(self);
  if (self->state == AG_RUN_GOES_ON) {
    AG_TRY(take_live(self));
  } else {
    self->live = NULL;
  }
  AG_TRY(ag_ledger_gates(ledger, &self->gates));
  self->has_gates = self->gates.gates[AG_GATE_BOUNDS].checks > 0; /* which every point has */
cleanup:
  if (status != AG_OK) ag_status_view_clear(self);
  return status;
}

void ag_status_view_clear(ag_status_view *self)
{
  ag_release(&self->failures);
  ag_release(&self->ranks);
  ag_release(&self->attacks);
  ag_release(&self->models);
  self->failure_count = 0;
  self->rank_count = 0;
}
