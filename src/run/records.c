/* Reports become records. A unit that was shared out waits here until all its parts are there. */
#include "run/records.h"
#include "run/models.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A unit of which some parts are there: its record, with all its outcomes and details behind it. */
typedef struct unit_so_far {
  ag_unit_record *record;
  ag_details details;
  size_t images; /* that are there */
} unit_so_far;

struct ag_records {
  ag_session *session;
  unit_so_far *units; /* [units] */
  size_t *open_units; /* [models] that are neither done nor failed */
};

ag_status ag_records_create(ag_session *session, ag_records **out)
{
  ag_status status = AG_OK;
  ag_records *self = NULL;
  const ag_plan *plan = session->plan;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  self->session = session;
  AG_TRY(ag_allocate(plan->unit_count, sizeof *self->units, &self->units));
  AG_TRY(ag_allocate(plan->model_count, sizeof *self->open_units, &self->open_units));
  for (size_t i = 0; i < plan->unit_count; ++i) {
    if (session->ledger->units[i].progress == AG_PROGRESS_DONE) continue;
    ++self->open_units[plan->points[plan->units[i].point].model];
  }
cleanup:
  if (status != AG_OK) ag_records_destroy(out);
  return status;
}

void ag_records_destroy(ag_records **out)
{
  ag_records *self = *out;
  if (self == NULL) return;
  for (size_t i = 0; self->units != NULL && i < self->session->plan->unit_count; ++i)
    ag_release(&self->units[i].record);
  ag_release(&self->open_units);
  ag_release(&self->units);
  ag_release(out);
}

/* ---- words ---- */

void ag_records_task(const ag_records *self, const ag_order *order, char task[AG_TASK_SIZE])
{
  const ag_plan *plan = self->session->plan;
  switch (order->kind) {
  case AG_ORDER_TRAIN:
    snprintf(task, AG_TASK_SIZE, "training of %s", plan->models[order->model].name);
    return;
  case AG_ORDER_ATTACK: ag_plan_describe_unit(plan, order->unit, task); return;
  case AG_ORDER_END: snprintf(task, AG_TASK_SIZE, "the end"); return;
  }
}

/* ---- spans ---- */

/* Synchronised with the next record: to lose some with a machine is no loss of work. */
static ag_status add_span(const ag_records *self, const ag_digest *key, const ag_span *span)
{
  return ag_session_add(
      self->session,
      &(ag_record){.kind = AG_RECORD_SPAN, .key = *key, .payload = span, .size = sizeof *span});
}

static ag_status add_part(const ag_records *self, size_t rank, const ag_report *report)
{
  const ag_unit *unit = &self->session->plan->units[report->subject];
  const ag_span span = {.rank = (uint32_t)rank,
                        .first = (uint32_t)unit->first + report->first,
                        .images = report->outcomes,
                        .start = report->start,
                        .seconds = report->seconds};
  return add_span(self, &unit->key, &span);
}

ag_status ag_records_span(ag_records *self, size_t rank, const ag_report *report)
{
  const ag_span span = {.rank = (uint32_t)rank,
                        .epoch = report->epoch.epoch,
                        .start = report->start,
                        .seconds = report->seconds};
  return add_span(self, &self->session->plan->models[report->subject].key, &span);
}

/* ---- units ---- */

/* A unit is done or failed. Where it was its model's last, the results are worth reading. */
static ag_status close_unit(ag_records *self, size_t index)
{
  const ag_plan *plan = self->session->plan;
  ag_release(&self->units[index].record);
  if (--self->open_units[plan->points[plan->units[index].point].model] > 0) return AG_OK;
  return ag_session_write_results(self->session);
}

static ag_status start_unit(unit_so_far *so_far, const ag_plan *plan, size_t index)
{
  so_far->images = 0;
  const ag_status status = ag_allocate(ag_unit_record_size(plan, index), 1, &so_far->record);
  if (status != AG_OK) return status;
  so_far->details = ag_unit_record_details(plan, index, so_far->record);
  return AG_OK;
}

static void take_details(const unit_so_far *so_far, ag_report *report)
{
  const ag_details *whole = &so_far->details;
  const ag_details part = {whole->form, whole->first + report->first, report->outcomes,
                           ag_report_details(report, report->outcomes)};
  assert(ag_details_bytes(&part) == report->detail_bytes);
  ag_details_copy(&part, whole);
}

ag_status ag_records_part(ag_records *self, size_t rank, ag_report *report)
{
  ag_status status = AG_OK;
  const size_t index = (size_t)report->subject;
  const ag_plan *plan = self->session->plan;
  const ag_unit *unit = &plan->units[index];
  unit_so_far *so_far = &self->units[index];
  AG_TRY(add_part(self, rank, report)); /* first, so that no unit that is done lacks it */
  if (so_far->record == NULL) AG_TRY(start_unit(so_far, plan, index));
  ag_unit_record *record = so_far->record;
  ag_outcome *outcomes = (ag_outcome *)(void *)(record + 1);
  memcpy(outcomes + report->first, ag_report_outcomes(report), report->outcomes * sizeof *outcomes);
  take_details(so_far, report);
  record->rank = (uint32_t)rank;
  record->outcomes = (uint32_t)unit->count;
  record->seconds += report->seconds;
  record->cost.gradients += report->cost.gradients;
  record->cost.forwards += report->cost.forwards;
  record->model = report->digest;
  so_far->images += report->outcomes;
  if (so_far->images < unit->count) return AG_OK;
  AG_TRY(ag_session_record(self->session, &(ag_record){.kind = AG_RECORD_UNIT,
                                                       .key = unit->key,
                                                       .payload = record,
                                                       .size = ag_unit_record_size(plan, index)}));
  AG_TRY(close_unit(self, index));
cleanup:
  return status;
}

ag_status ag_records_part_failed(ag_records *self, const ag_report *report, bool closed)
{
  char what[AG_TASK_SIZE];
  ag_session *session = self->session;
  const size_t index = (size_t)report->subject;
  const ag_unit *unit = &session->plan->units[index];
  ag_plan_describe_unit(session->plan, index, what);
  ag_meter_say(&session->meter, "%s failed%s: %s", what, closed ? "" : " and is tried once more",
               report->message);
  if (!closed) return AG_OK;
  const ag_status status = ag_session_record_failure(session, &unit->key, report->message);
  return status == AG_OK ? close_unit(self, index) : status;
}

/* ---- models ---- */

/* Of the epochs as they are in the journal, those before the run was killed among them. */
static void warn_of_collapse(const ag_records *self, size_t model)
{
  ag_session *session = self->session;
  const ag_model_state *state = &session->ledger->models[model];
  const ag_epoch *best = NULL;
  if (!ag_epochs_collapse(state->epoch_count, state->epochs, &best)) return;
  const ag_epoch *last = &state->epochs[state->epoch_count - 1];
  ag_meter_say(&session->meter,
               "warning: %s collapsed in epoch %u: robust accuracy on the validation images fell "
               "to %.2f %% from %.2f %% in epoch %u",
               session->plan->models[model].name, last->epoch,
               100 * last->robust_validation_accuracy, 100 * best->robust_validation_accuracy,
               best->epoch);
}

ag_status ag_records_epoch(ag_records *self, const ag_report *report)
{
  ag_session *session = self->session;
  const ag_model_unit *model = &session->plan->models[report->subject];
  const ag_epoch *row = &report->epoch;
  char robust[32] = "";
  if (!isnan(row->robust_validation_accuracy)) {
    snprintf(robust, sizeof robust, "  robust %.2f %%", 100 * row->robust_validation_accuracy);
  }
  ag_meter_say(&session->meter,
               "%s  epoch %u of %zu  loss %.4f  train %.2f %%  validation %.2f %%%s  %.1f s",
               model->name, row->epoch,
               ag_settings_count(&session->job->training.settings, "epochs"), row->loss,
               100 * row->train_accuracy, 100 * row->validation_accuracy, robust, row->seconds);
  const ag_status status = ag_session_record(session, &(ag_record){.kind = AG_RECORD_EPOCH,
                                                                   .key = model->key,
                                                                   .payload = row,
                                                                   .size = sizeof *row});
  if (status == AG_OK) warn_of_collapse(self, (size_t)report->subject);
  return status;
}

/* The checkpoints go last: a run that ends before that removes them the next time. */
ag_status ag_records_model(ag_records *self, const ag_report *report)
{
  ag_status status = AG_OK;
  ag_session *session = self->session;
  const size_t index = (size_t)report->subject;
  const ag_model_unit *model = &session->plan->models[index];
  const ag_model_state *state = &session->ledger->models[index];
  ag_model_record record = {.images = (uint64_t)session->dataset.training.count *
                                      state->epoch_count,
                            .parameters = report->digest};
  for (size_t i = 0; i < state->epoch_count; ++i)
    record.seconds += state->epochs[i].seconds;
  if (report->bound_count > 0) {
    ag_model_tell_bounds(session, index, report->bounds);
    AG_TRY(ag_session_add(session,
                          &(ag_record){.kind = AG_RECORD_BOUNDS,
                                       .key = model->key,
                                       .payload = report->bounds,
                                       .size = report->bound_count * sizeof *report->bounds}));
  }
  AG_TRY(ag_session_record(session, &(ag_record){.kind = AG_RECORD_MODEL,
                                                 .key = model->key,
                                                 .payload = &record,
                                                 .size = sizeof record}));
  AG_TRY(ag_checkpoint_remove(session->request->folder, model->name));
cleanup:
  return status;
}

ag_status ag_records_model_failed(ag_records *self, const ag_report *report, bool closed)
{
  ag_session *session = self->session;
  const ag_model_unit *model = &session->plan->models[report->subject];
  ag_meter_say(&session->meter, "%s failed%s: %s", model->name,
               closed ? "" : " and is tried once more", report->message);
  if (!closed) return AG_OK;
  return ag_session_record_failure(session, &model->key, report->message);
}
