/* Makes a schedule out of the work: checks it, sorts the units, and sets aside all the memory that
 * the decisions will need. */
#include "plan/schedule.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* ---- checks ---- */

static bool is_seconds(double value)
{
  return isfinite(value) && value >= 0;
}

static ag_status check_units(const ag_workload *work)
{
  for (size_t i = 0; i < work->unit_count; ++i) {
    const ag_unit_work *unit = &work->units[i];
    if (unit->model >= work->model_count || unit->source >= work->model_count) {
      return ag_fail(AG_INVALID_ARGUMENT,
                     "unit %zu is of model %zu by images of model %zu; expected two of %zu", i,
                     unit->model, unit->source, work->model_count);
    }
    if (!is_seconds(unit->seconds) || unit->shards == 0) {
      return ag_fail(AG_INVALID_ARGUMENT,
                     "unit %zu takes %g s in %zu shards; expected at least 0 s in 1 shard", i,
                     unit->seconds, unit->shards);
    }
  }
  return AG_OK;
}

static ag_status check_work(const ag_workload *work)
{
  if (work->ranks == 0 || work->largest == 0) {
    return ag_fail(AG_INVALID_ARGUMENT, "%zu ranks in teams of at most %zu; expected at least 1",
                   work->ranks, work->largest);
  }
  for (size_t k = 1; k <= work->largest; ++k) {
    if (isfinite(work->speedup[k]) && work->speedup[k] > 0) continue;
    return ag_fail(AG_INVALID_ARGUMENT, "%zu ranks train %g times as fast as one; expected over 0",
                   k, work->speedup[k]);
  }
  for (size_t i = 0; i < work->model_count; ++i) {
    if (is_seconds(work->models[i].seconds)) continue;
    return ag_fail(AG_INVALID_ARGUMENT, "model %zu takes %g s to train; expected at least 0", i,
                   work->models[i].seconds);
  }
  return check_units(work);
}

/* ---- what goes in ---- */

/* A size makes sense where no smaller team is as fast. */
static void set_sizes(ag_schedule *self, const ag_workload *work)
{
  size_t best = 1;
  for (size_t k = 1; k <= self->largest; ++k) {
    self->speedup[k] = work->speedup[k];
    if (k == 1 || self->speedup[k] <= self->speedup[best]) continue;
    self->larger[best] = k;
    best = k;
  }
}

typedef struct sorted_unit {
  size_t model, source, unit;
  double shard_seconds, seconds;
} sorted_unit;

static int in_order(const void *left, const void *right)
{
  const sorted_unit *a = left;
  const sorted_unit *b = right;
  if (a->model != b->model) return a->model < b->model ? -1 : 1;
  if (a->source != b->source) return a->source < b->source ? -1 : 1;
  if (a->shard_seconds != b->shard_seconds) return a->shard_seconds > b->shard_seconds ? -1 : 1;
  if (a->seconds != b->seconds) return a->seconds > b->seconds ? -1 : 1;
  return a->unit < b->unit ? -1 : a->unit > b->unit;
}

static bool is_of_group(const sorted_unit *unit, const sorted_unit *other)
{
  return unit->model == other->model && unit->source == other->source;
}

static void add_group(ag_schedule *self, const sorted_unit *first, size_t place)
{
  const size_t index = self->group_count++;
  ag_schedule_group *group = &self->groups[index];
  ag_schedule_model *model = &self->models[first->model];
  *group = (ag_schedule_group){.model = first->model,
                               .source = first->source,
                               .next_guest = AG_NONE,
                               .next_unit = place,
                               .end_unit = place};
  if (model->end_group == 0) model->first_group = index;
  model->end_group = index + 1;
  if (first->source == first->model) return;
  group->next_guest = self->models[first->source].first_guest;
  self->models[first->source].first_guest = index;
}

/* Puts sorted units into groups. Those of a model that has failed before are closed already. */
static ag_status make_groups(ag_schedule *self, const ag_workload *work, const sorted_unit *sorted,
                             size_t count)
{
  size_t groups = 0;
  for (size_t i = 0; i < count; ++i)
    groups += i == 0 || !is_of_group(&sorted[i], &sorted[i - 1]);
  ag_status status = ag_allocate(groups, sizeof *self->groups, &self->groups);
  if (status == AG_OK) {
    status = ag_allocate(groups, sizeof *self->ready.entries, &self->ready.entries);
  }
  for (size_t i = 0; i < count && status == AG_OK; ++i) {
    const sorted_unit *unit = &sorted[i];
    if (i == 0 || !is_of_group(unit, &sorted[i - 1])) add_group(self, unit, i);
    ag_schedule_group *group = &self->groups[self->group_count - 1];
    self->order[group->end_unit++] = unit->unit;
    self->units[unit->unit].group = self->group_count - 1;
    if (work->models[unit->model].failed || work->models[unit->source].failed) continue;
    group->waiting_seconds += unit->seconds;
    ++group->open_units;
    ++self->open_units;
  }
  return status;
}

static ag_status sort_units(ag_schedule *self, const ag_workload *work)
{
  ag_status status = AG_OK;
  sorted_unit *sorted = NULL;
  AG_TRY(ag_allocate(self->unit_count, sizeof *sorted, &sorted));
  size_t count = 0;
  for (size_t i = 0; i < self->unit_count; ++i) {
    const ag_schedule_unit *unit = &self->units[i];
    if (unit->state != AG_WORK_OPEN) continue;
    sorted[count++] =
        (sorted_unit){unit->model, unit->source, i, unit->shard_seconds, work->units[i].seconds};
  }
  qsort(sorted, count, sizeof *sorted, in_order);
  AG_TRY(make_groups(self, work, sorted, count));
cleanup:
  ag_release(&sorted);
  return status;
}

static void set_units(ag_schedule *self, const ag_workload *work)
{
  for (size_t i = 0; i < self->unit_count; ++i) {
    const ag_unit_work *from = &work->units[i];
    self->units[i] = (ag_schedule_unit){.state = from->done ? AG_WORK_DONE : AG_WORK_OPEN,
                                        .model = from->model,
                                        .source = from->source,
                                        .shards = from->shards,
                                        .shard_seconds = from->seconds / (double)from->shards,
                                        .next_again = AG_NONE};
  }
}

/* After the units are sorted: models that are ready release those that wait for nothing else. */
static void set_models(ag_schedule *self, const ag_workload *work)
{
  for (size_t i = 0; i < self->model_count; ++i) {
    const ag_model_work *from = &work->models[i];
    ag_schedule_model *model = &self->models[i];
    model->team = (ag_rank_list){AG_NONE, AG_NONE, 0};
    model->seconds = model->all_seconds = from->seconds;
    if (from->failed) {
      model->phase = AG_MODEL_FAILED;
    } else if (from->ready) {
      model->phase = AG_MODEL_READY;
      ag_units_release(self, model);
    } else {
      ++self->open_models;
      ag_heap_push(&self->waiting, model->seconds, i);
    }
  }
}

/* ---- life ---- */

static ag_status allocate(ag_schedule *self)
{
  ag_status status = AG_OK;
  const size_t models = self->model_count;
  AG_TRY(ag_allocate(self->rank_count, sizeof *self->ranks, &self->ranks));
  AG_TRY(ag_allocate(self->rank_count, sizeof *self->team, &self->team));
  AG_TRY(ag_allocate(models, sizeof *self->models, &self->models));
  AG_TRY(ag_allocate(models, sizeof *self->waiting.entries, &self->waiting.entries));
  AG_TRY(ag_allocate(models, sizeof *self->candidates.entries, &self->candidates.entries));
  AG_TRY(ag_allocate(self->unit_count, sizeof *self->units, &self->units));
  AG_TRY(ag_allocate(self->unit_count, sizeof *self->order, &self->order));
  AG_TRY(ag_allocate(self->largest + 1, sizeof *self->speedup, &self->speedup));
  AG_TRY(ag_allocate(self->largest + 1, sizeof *self->larger, &self->larger));
  for (size_t i = 0; i < models; ++i)
    self->models[i].first_guest = AG_NONE;
cleanup:
  return status;
}

ag_status ag_schedule_create(const ag_workload *work, ag_schedule **schedule)
{
  ag_status status = AG_OK;
  ag_schedule *self = NULL;
  *schedule = NULL;
  AG_TRY(check_work(work));
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  const ag_rank_list empty = {AG_NONE, AG_NONE, 0};
  const size_t most = ag_minimum(work->largest, work->ranks);
  *self = (ag_schedule){.rank_count = work->ranks,
                        .model_count = work->model_count,
                        .unit_count = work->unit_count,
                        .first_again = AG_NONE,
                        .idle = empty,
                        .supplied = empty,
                        .ranks_per_model = ag_minimum(work->ranks_per_model, most),
                        .largest = most,
                        .first_asking = AG_NONE,
                        .telling = AG_NONE};
  AG_TRY(allocate(self));
  set_sizes(self, work);
  set_units(self, work);
  AG_TRY(sort_units(self, work));
  set_models(self, work);
  for (size_t i = 0; i < self->rank_count; ++i)
    ag_ranks_append(self, &self->idle, i);
cleanup:
  *schedule = self;
  if (status != AG_OK) ag_schedule_destroy(schedule);
  return status;
}

void ag_schedule_destroy(ag_schedule **schedule)
{
  ag_schedule *self = *schedule;
  if (self == NULL) return;
  ag_release(&self->ranks);
  ag_release(&self->team);
  ag_release(&self->models);
  ag_release(&self->groups);
  ag_release(&self->ready.entries);
  ag_release(&self->waiting.entries);
  ag_release(&self->candidates.entries);
  ag_release(&self->units);
  ag_release(&self->order);
  ag_release(&self->speedup);
  ag_release(&self->larger);
  ag_release(schedule);
}

/* ---- questions ---- */

ag_work_state ag_schedule_model_state(const ag_schedule *self, size_t model)
{
  assert(model < self->model_count);
  const ag_model_phase phase = self->models[model].phase;
  if (phase == AG_MODEL_FAILED) return AG_WORK_FAILED;
  return phase == AG_MODEL_READY ? AG_WORK_DONE : AG_WORK_OPEN;
}

ag_work_state ag_schedule_unit_state(const ag_schedule *self, size_t index)
{
  assert(index < self->unit_count);
  const ag_schedule_unit *unit = &self->units[index];
  if (unit->state != AG_WORK_OPEN) return unit->state;
  const bool failed = self->models[unit->model].phase == AG_MODEL_FAILED ||
                      self->models[unit->source].phase == AG_MODEL_FAILED;
  return failed ? AG_WORK_FAILED : AG_WORK_OPEN;
}

bool ag_schedule_has_open(const ag_schedule *self)
{
  return self->open_models > 0 || self->open_units > 0;
}

bool ag_schedule_is_over(const ag_schedule *self)
{
  return self->ended == self->rank_count;
}
