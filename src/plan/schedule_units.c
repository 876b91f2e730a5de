/* Which part of which unit goes out next. Units go out by the seconds of one of their shards, the
 * longest first: a shard cannot be split, so long ones must not be left for the end, while a long
 * unit of short shards can be cut as finely as the end needs. */
#include "plan/schedule.h"

#include <assert.h>
#include <math.h>

/* ---- what waits ---- */

static size_t waiting_shards(const ag_schedule_unit *unit)
{
  return unit->shards - unit->given + unit->again_count;
}

static void add_ready(ag_schedule *self, double seconds)
{
  self->ready_seconds = fmax(0, self->ready_seconds + seconds);
}

/* The first unit whose failed shards wait to go out once more, or AG_NONE. Units that were closed
 * meanwhile leave the list here. */
static size_t find_again(ag_schedule *self)
{
  while (self->first_again != AG_NONE && self->units[self->first_again].again_count == 0) {
    self->first_again = self->units[self->first_again].next_again;
  }
  return self->first_again;
}

/* The unit whose first shards go out next, or AG_NONE. Units that went out in full, or were
 * closed, leave the queue here, so a group's key may be too large until it comes to the top. */
static size_t find_fresh(ag_schedule *self)
{
  while (self->ready.count > 0) {
    const ag_heap_entry top = self->ready.entries[0];
    ag_schedule_group *group = &self->groups[top.index];
    while (group->next_unit < group->end_unit) {
      const ag_schedule_unit *unit = &self->units[self->order[group->next_unit]];
      if (unit->given < unit->shards) break;
      ++group->next_unit;
    }
    if (group->next_unit == group->end_unit) {
      ag_heap_entry left_out;
      ag_heap_pop(&self->ready, &left_out);
      continue;
    }
    const size_t unit = self->order[group->next_unit];
    const double key = self->units[unit].shard_seconds;
    if (key == top.key) return unit;
    ag_heap_lower_first(&self->ready, key);
  }
  return AG_NONE;
}

static size_t find_next(ag_schedule *self)
{
  const size_t again = find_again(self);
  const size_t next = again != AG_NONE ? again : find_fresh(self);
  if (next == AG_NONE) self->ready_seconds = 0; /* what rounding left */
  return next;
}

static void release_group(ag_schedule *self, size_t index)
{
  const ag_schedule_group *group = &self->groups[index];
  if (self->models[group->model].phase != AG_MODEL_READY ||
      self->models[group->source].phase != AG_MODEL_READY) {
    return;
  }
  const ag_schedule_unit *first = &self->units[self->order[group->next_unit]];
  ag_heap_push(&self->ready, first->shard_seconds, index);
  add_ready(self, group->waiting_seconds);
}

/* Units that were never released. */
static void close_group(ag_schedule *self, size_t index)
{
  self->open_units -= self->groups[index].open_units;
  self->groups[index].open_units = 0;
}

/* For each group that waits for the model. */
static void for_groups(ag_schedule *self, const ag_schedule_model *model,
                       void (*each)(ag_schedule *, size_t))
{
  for (size_t i = model->first_group; i < model->end_group; ++i)
    each(self, i);
  for (size_t i = model->first_guest; i != AG_NONE; i = self->groups[i].next_guest)
    each(self, i);
}

void ag_units_release(ag_schedule *self, const ag_schedule_model *model)
{
  for_groups(self, model, release_group);
}

void ag_units_give_up(ag_schedule *self, const ag_schedule_model *model)
{
  for_groups(self, model, close_group);
}

/* ---- parts ---- */

/* Guided self-scheduling (Polychronopoulos and Kuck 1987, "Guided self-scheduling: a practical
 * scheduling scheme for parallel supercomputers"): a part is at most a share of what waits, so that
 * the parts get smaller towards the end. All that a rank holds, with the part ahead, is at most
 * half of its even share: estimates may be wrong, and the others must be able to make up for it.
 * One rank alone has nobody to end together with. */
static double longest_part(const ag_schedule *self)
{
  if (self->rank_count == 1) return INFINITY;
  return self->ready_seconds / (2.0 * AG_PARTS_HELD * (double)self->rank_count);
}

/* As many of `shards` as make a part, one at least. */
static size_t count_part(const ag_schedule *self, const ag_schedule_unit *unit, size_t shards)
{
  const double longest = longest_part(self);
  if ((double)shards * unit->shard_seconds <= longest) return shards;
  const double fitting = floor(longest / unit->shard_seconds); /* < shards */
  return fitting < 1 ? 1 : (size_t)fitting;
}

bool ag_units_take(ag_schedule *self, ag_part *part)
{
  const size_t next = find_next(self);
  if (next == AG_NONE) return false;
  ag_schedule_unit *unit = &self->units[next];
  if (unit->again_count > 0) {
    *part = (ag_part){next, unit->again_first, count_part(self, unit, unit->again_count)};
    unit->again_first += part->count;
    unit->again_count -= part->count;
  } else {
    *part = (ag_part){next, unit->given, count_part(self, unit, unit->shards - unit->given)};
    unit->given += part->count;
  }
  add_ready(self, -(double)part->count * unit->shard_seconds);
  return true;
}

/* Where not even one shard is short enough, a rank that is done sooner should have it. */
bool ag_units_suffice(ag_schedule *self)
{
  const size_t next = find_next(self);
  return next != AG_NONE && self->units[next].shard_seconds <= longest_part(self);
}

/* ---- what came back ---- */

static void close_unit(ag_schedule *self, ag_schedule_unit *unit, ag_work_state state)
{
  add_ready(self, -(double)waiting_shards(unit) * unit->shard_seconds);
  unit->given = unit->shards;
  unit->again_count = 0;
  unit->state = state;
  --self->groups[unit->group].open_units;
  --self->open_units;
}

void ag_units_part_done(ag_schedule *self, const ag_part *part)
{
  ag_schedule_unit *unit = &self->units[part->unit];
  unit->done += part->count; /* never all of a unit that is closed as failed */
  assert(unit->done <= unit->shards);
  if (unit->done == unit->shards) close_unit(self, unit, AG_WORK_DONE);
}

void ag_units_part_failed(ag_schedule *self, const ag_part *part)
{
  ag_schedule_unit *unit = &self->units[part->unit];
  if (unit->state != AG_WORK_OPEN || self->stopped) return;
  if (unit->has_failed) {
    close_unit(self, unit, AG_WORK_FAILED);
    return;
  }
  unit->has_failed = true;
  unit->again_first = part->first;
  unit->again_count = part->count;
  unit->next_again = AG_NONE;
  if (find_again(self) == AG_NONE) {
    self->first_again = part->unit;
  } else {
    self->units[self->last_again].next_again = part->unit;
  }
  self->last_again = part->unit;
  add_ready(self, (double)part->count * unit->shard_seconds);
}
