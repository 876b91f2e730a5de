/* Lists of ranks, each of which is in one at a time: linked by their places. */
#include "plan/schedule.h"

#include <assert.h>

void ag_ranks_append(ag_schedule *self, ag_rank_list *list, size_t rank)
{
  self->ranks[rank].previous = list->last;
  self->ranks[rank].next = AG_NONE;
  if (list->count == 0) {
    list->first = rank;
  } else {
    self->ranks[list->last].next = rank;
  }
  list->last = rank;
  ++list->count;
}

void ag_ranks_remove(ag_schedule *self, ag_rank_list *list, size_t rank)
{
  const ag_schedule_rank *from = &self->ranks[rank];
  assert(list->count > 0);
  if (from->previous == AG_NONE) {
    list->first = from->next;
  } else {
    self->ranks[from->previous].next = from->next;
  }
  if (from->next == AG_NONE) {
    list->last = from->previous;
  } else {
    self->ranks[from->next].previous = from->previous;
  }
  --list->count;
}

size_t ag_ranks_take_first(ag_schedule *self, ag_rank_list *list)
{
  const size_t rank = list->first;
  ag_ranks_remove(self, list, rank);
  return rank;
}

void ag_ranks_splice(ag_schedule *self, ag_rank_list *to, ag_rank_list *from)
{
  if (from->count == 0) return;
  self->ranks[from->first].previous = to->last;
  if (to->count == 0) {
    to->first = from->first;
  } else {
    self->ranks[to->last].next = from->first;
  }
  to->last = from->last;
  to->count += from->count;
  *from = (ag_rank_list){AG_NONE, AG_NONE, 0};
}
