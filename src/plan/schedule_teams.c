/* Who trains what together. Ranks that idle make teams for models that nobody trains yet, and at
 * the end of a segment they join a team that is running. Both share out ranks in the same way:
 * one size after the other goes to the training that would otherwise be the last to end. */
#include "plan/schedule.h"

#include <math.h>

/* ---- sizes ---- */

static void add_candidate(ag_schedule *self, size_t index, size_t size)
{
  ag_schedule_model *model = &self->models[index];
  model->planned = size;
  ag_heap_push(&self->candidates, model->seconds / self->speedup[size], index);
}

/* Shares `spare` ranks out among the candidates: raises `planned`, and empties the heap.
 *
 * A large team loses time to its sums, so none grows for the sake of it. Where
 *     longest * ranks <= sum over the candidates (time * planned) + ready_seconds,
 * there is work at hand for all ranks until the longest training ends, and nobody idles for it.
 * Teams stop growing where half of the work would do: that a little is lost to larger teams is
 * nothing beside thousands of ranks that wait for a training that took longer than estimated. */
static void share_out(ag_schedule *self, size_t spare)
{
  double work = self->ready_seconds;
  double longest_stuck = 0; /* of those that cannot grow */
  size_t ranks = spare;
  for (size_t i = 0; i < self->candidates.count; ++i) {
    const ag_heap_entry *entry = &self->candidates.entries[i];
    const size_t planned = self->models[entry->index].planned;
    work += entry->key * (double)planned;
    ranks += planned;
  }
  ag_heap_entry longest;
  while (spare > 0 && ag_heap_pop(&self->candidates, &longest)) {
    if (2 * fmax(longest.key, longest_stuck) * (double)ranks <= work) break;
    ag_schedule_model *model = &self->models[longest.index];
    const size_t size = self->larger[model->planned];
    if (size == 0 || size - model->planned > spare) {
      longest_stuck = fmax(longest_stuck, longest.key);
      continue;
    }
    const double time = model->seconds / self->speedup[size];
    work += time * (double)size - longest.key * (double)model->planned;
    spare -= size - model->planned;
    model->planned = size;
    ag_heap_push(&self->candidates, time, longest.index);
  }
  self->candidates.count = 0;
}

/* What the team of a model at the end of its segment should be: all that train are asked what
 * they would do with the idle ranks, so that a shorter training leaves them to a longer one, which
 * takes them at the end of its own segment. */
static size_t plan_size(ag_schedule *self, size_t asking)
{
  const size_t size = self->models[asking].team.count;
  if (self->idle.count == 0 || self->ranks_per_model > 0 || self->larger[size] == 0) return size;
  for (size_t i = 0; i < self->model_count; ++i) {
    const ag_schedule_model *model = &self->models[i];
    if (model->phase == AG_MODEL_TRAINING) add_candidate(self, i, model->team.count);
  }
  share_out(self, self->idle.count);
  return self->models[asking].planned;
}

/* ---- teams ---- */

static void grow(ag_schedule *self, ag_schedule_model *model)
{
  while (model->team.count < model->planned)
    ag_ranks_append(self, &model->team, ag_ranks_take_first(self, &self->idle));
}

void ag_teams_ask(ag_schedule *self, size_t index)
{
  ag_schedule_model *model = &self->models[index];
  model->is_asking = true;
  model->next_asking = AG_NONE;
  if (self->first_asking == AG_NONE) {
    self->first_asking = index;
  } else {
    self->models[self->last_asking].next_asking = index;
  }
  self->last_asking = index;
}

void ag_teams_dissolve(ag_schedule *self, ag_schedule_model *model)
{
  ag_ranks_splice(self, &self->idle, &model->team);
  model->phase = AG_MODEL_WAITING;
}

/* Puts models that wait, the longest first, into the queue of those that ask, and plans the sizes
 * of their teams. *first: where they begin in the queue. Returns how many they are. */
static size_t plan_teams(ag_schedule *self, size_t *first)
{
  ag_heap_entry entry;
  size_t free = self->idle.count;
  size_t planned = 0;
  *first = AG_NONE;
  const size_t size = self->ranks_per_model > 0 ? self->ranks_per_model : 1;
  while (free >= size && ag_heap_pop(&self->waiting, &entry)) {
    if (*first == AG_NONE) *first = entry.index;
    ag_teams_ask(self, entry.index);
    add_candidate(self, entry.index, size);
    free -= size;
    ++planned;
  }
  if (self->ranks_per_model == 0) share_out(self, free);
  self->candidates.count = 0;
  return planned;
}

void ag_teams_start(ag_schedule *self)
{
  size_t index = AG_NONE;
  if (self->waiting.count == 0 || self->idle.count == 0) return;
  /* Members with neighbouring numbers, which are likely to be on one node. */
  for (size_t left = plan_teams(self, &index); left > 0; --left) {
    ag_schedule_model *model = &self->models[index];
    model->phase = AG_MODEL_TRAINING;
    model->known = 0;
    grow(self, model);
    index = model->next_asking;
  }
}

/* ---- telling them ---- */

/* Takes the next team that asks, decides on its size and writes it out. False where none asks. */
static bool begin_to_tell(ag_schedule *self)
{
  while (self->first_asking != AG_NONE) {
    const size_t index = self->first_asking;
    ag_schedule_model *model = &self->models[index];
    self->first_asking = model->next_asking;
    if (self->stopped) {
      ag_teams_dissolve(self, model);
      model->is_asking = false;
      continue;
    }
    if (model->known > 0) {
      model->planned = plan_size(self, index);
      grow(self, model);
    }
    size_t rank = model->team.first;
    for (size_t i = 0; i < model->team.count; ++i) {
      self->team[i] = rank;
      rank = self->ranks[rank].next;
    }
    self->telling = index;
    self->told = 0;
    return true;
  }
  return false;
}

bool ag_teams_tell(ag_schedule *self, ag_order *order)
{
  if (self->telling == AG_NONE && !begin_to_tell(self)) return false;
  ag_schedule_model *model = &self->models[self->telling];
  const size_t size = model->team.count;
  const bool same = model->known == size;
  *order = (ag_order){.rank = self->team[self->told],
                      .kind = AG_ORDER_TRAIN,
                      .model = self->telling,
                      .team = self->team,
                      .team_size = size,
                      .same_team = same,
                      .joins = self->told >= model->known};
  ++self->told;
  if (same || self->told == size) {
    model->known = size;
    model->is_asking = false;
    self->telling = AG_NONE;
  }
  return true;
}
