/* Who does which unit when: longest first, to whoever asks. A pure state machine that sorts once
 * and then decides in constant time; MPI drives it in a run, a test drives it without. */
#include "advgrid/plan.h"

#include <assert.h>
#include <stdlib.h>

/* What became of a unit; while a rank holds it, the rank. */
enum { WAITING = -1, FINISHED = -2 };

typedef struct item {
  double cost;
  size_t unit;
} item;

struct ag_scheduler {
  size_t ranks, count;
  size_t queued, next; /* order[next .. queued-1] are still to be handed out */
  item *order;         /* [queued], longest first */
  ptrdiff_t *holder;   /* [count] */
  size_t *held;        /* [ranks] */
};

static int longest_first(const void *left, const void *right)
{
  const item *a = left;
  const item *b = right;
  if (a->cost != b->cost) return a->cost > b->cost ? -1 : 1;
  return a->unit < b->unit ? -1 : a->unit > b->unit;
}

ag_status ag_scheduler_create(const double *costs, const bool *done, size_t count, size_t ranks,
                              ag_scheduler **scheduler)
{
  ag_status status = AG_OK;
  ag_scheduler *made = NULL;
  *scheduler = NULL;
  if (ranks == 0) return ag_fail(AG_INVALID_ARGUMENT, "a scheduler needs at least one rank");
  AG_TRY(ag_allocate(1, sizeof *made, &made));
  made->ranks = ranks;
  made->count = count;
  AG_TRY(ag_allocate(count, sizeof *made->order, &made->order));
  AG_TRY(ag_allocate(count, sizeof *made->holder, &made->holder));
  AG_TRY(ag_allocate(ranks, sizeof *made->held, &made->held));
  for (size_t i = 0; i < count; ++i) {
    const bool is_done = done != NULL && done[i];
    made->holder[i] = is_done ? FINISHED : WAITING;
    if (is_done) continue;
    made->order[made->queued++] = (item){costs[i], i};
  }
  qsort(made->order, made->queued, sizeof *made->order, longest_first);
cleanup:
  *scheduler = made;
  if (status != AG_OK) ag_scheduler_destroy(scheduler);
  return status;
}

void ag_scheduler_destroy(ag_scheduler **scheduler)
{
  if (*scheduler == NULL) return;
  ag_release(&(*scheduler)->order);
  ag_release(&(*scheduler)->holder);
  ag_release(&(*scheduler)->held);
  ag_release(scheduler);
}

bool ag_scheduler_next(ag_scheduler *scheduler, size_t rank, size_t *unit)
{
  assert(rank < scheduler->ranks);
  if (scheduler->next == scheduler->queued) return false;
  *unit = scheduler->order[scheduler->next++].unit;
  scheduler->holder[*unit] = (ptrdiff_t)rank;
  ++scheduler->held[rank];
  return true;
}

void ag_scheduler_finish(ag_scheduler *scheduler, size_t rank, size_t unit)
{
  assert(rank < scheduler->ranks && unit < scheduler->count);
  assert(scheduler->holder[unit] == (ptrdiff_t)rank && "a unit from a rank that does not hold it");
  scheduler->holder[unit] = FINISHED;
  --scheduler->held[rank];
}

size_t ag_scheduler_held(const ag_scheduler *scheduler, size_t rank)
{
  assert(rank < scheduler->ranks);
  return scheduler->held[rank];
}
