/* From what happened to orders. Events only change the state; each order is decided when it is
 * pulled, on the state as it then is, so that there is no queue of orders to grow stale. */
#include "plan/schedule.h"

#include <assert.h>

/* ---- events ---- */

/* The list of ranks that hold so many parts; NULL where they hold all that a rank may. */
static ag_rank_list *list_of(ag_schedule *self, size_t held)
{
  if (held == 0) return &self->idle;
  return held < AG_PARTS_HELD ? &self->supplied : NULL;
}

/* A rank gave a part back. */
static ag_part take_back(ag_schedule *self, size_t index, size_t unit, size_t first)
{
  assert(index < self->rank_count && unit < self->unit_count);
  ag_schedule_rank *rank = &self->ranks[index];
  size_t which = 0;
  while (which < rank->held &&
         (rank->parts[which].unit != unit || rank->parts[which].first != first)) {
    ++which;
  }
  assert(which < rank->held && "a part from a rank that does not hold it");
  const ag_part part = rank->parts[which];
  if (rank->held < AG_PARTS_HELD) ag_ranks_remove(self, list_of(self, rank->held), index);
  --rank->held;
  for (size_t i = which; i < rank->held; ++i)
    rank->parts[i] = rank->parts[i + 1];
  ag_ranks_append(self, list_of(self, rank->held), index);
  return part;
}

void ag_schedule_part_done(ag_schedule *self, size_t rank, size_t unit, size_t first_shard)
{
  const ag_part part = take_back(self, rank, unit, first_shard);
  ag_units_part_done(self, &part);
}

void ag_schedule_part_failed(ag_schedule *self, size_t rank, size_t unit, size_t first_shard)
{
  const ag_part part = take_back(self, rank, unit, first_shard);
  ag_units_part_failed(self, &part);
}

static ag_schedule_model *training_model(ag_schedule *self, size_t index)
{
  assert(index < self->model_count);
  ag_schedule_model *model = &self->models[index];
  assert(model->phase == AG_MODEL_TRAINING && !model->is_asking);
  return model;
}

void ag_schedule_segment_done(ag_schedule *self, size_t index, double seconds_left)
{
  ag_schedule_model *model = training_model(self, index);
  assert(seconds_left >= 0);
  model->seconds = seconds_left;
  ag_teams_ask(self, index);
}

void ag_schedule_model_done(ag_schedule *self, size_t index)
{
  ag_schedule_model *model = training_model(self, index);
  ag_teams_dissolve(self, model);
  model->phase = AG_MODEL_READY;
  --self->open_models;
  ag_units_release(self, model);
}

void ag_schedule_model_failed(ag_schedule *self, size_t index)
{
  ag_schedule_model *model = training_model(self, index);
  ag_teams_dissolve(self, model);
  if (self->stopped) return;
  if (!model->has_failed) {
    model->has_failed = true;
    model->seconds = model->all_seconds;
    ag_heap_push(&self->waiting, model->seconds, index);
    return;
  }
  model->phase = AG_MODEL_FAILED;
  --self->open_models;
  ag_units_give_up(self, model);
}

void ag_schedule_stop(ag_schedule *self)
{
  self->stopped = true;
}

/* ---- orders ---- */

/* Gives the first rank of a list a part. */
static bool give_part(ag_schedule *self, ag_rank_list *list, ag_order *order)
{
  ag_part part;
  if (list->count == 0 || !ag_units_take(self, &part)) return false;
  const size_t index = ag_ranks_take_first(self, list);
  ag_schedule_rank *rank = &self->ranks[index];
  rank->parts[rank->held++] = part;
  if (rank->held < AG_PARTS_HELD) ag_ranks_append(self, list_of(self, rank->held), index);
  *order = (ag_order){.rank = index,
                      .kind = AG_ORDER_ATTACK,
                      .unit = part.unit,
                      .first_shard = part.first,
                      .shard_count = part.count};
  return true;
}

static bool end_rank(ag_schedule *self, ag_order *order)
{
  const bool finished = !ag_schedule_has_open(self);
  if ((!finished && !self->stopped) || self->idle.count == 0) return false;
  *order = (ag_order){.rank = ag_ranks_take_first(self, &self->idle), .kind = AG_ORDER_END};
  ++self->ended;
  return true;
}

/* The order of these lines is the policy: trainings come first, since attacks wait for them; a
 * rank joins a team only where no attack is left for it; nobody gets a part ahead of one who has
 * nothing to do. */
bool ag_schedule_order(ag_schedule *self, ag_order *order)
{
  if (!self->stopped) {
    ag_teams_start(self);
    if (give_part(self, &self->idle, order)) return true;
  }
  if (ag_teams_tell(self, order)) return true;
  if (!self->stopped && self->supplied.count > 0 && ag_units_suffice(self) &&
      give_part(self, &self->supplied, order)) {
    return true;
  }
  return end_rank(self, order);
}
