/* plan/forecast.h: how long the rest of a run takes, from what its work has cost so far. Pure. */
#ifndef ADVGRID_PLAN_FORECAST_H
#define ADVGRID_PLAN_FORECAST_H

#include "advgrid/base.h"

/* Work of one kind: the trainings of a defense, or an attack at an epsilon. What is seen of it
 * comes in pieces of which one says little of another: epochs, or the points of several models.
 * Start it as {0}. */
typedef struct ag_work_kind {
  double pieces, flops, seconds; /* of a rank */
  double squares;                /* seconds^2 / flops of each piece, summed */
  double left;                   /* FLOPs that are not done */
  /* What it is thought to cost while nothing was seen of it: so many times what `like` costs, or
   * what all that was seen does where that is NULL. 0: once. */
  const struct ag_work_kind *like;
  double factor;
} ag_work_kind;

/** Takes in a piece that took one rank so many seconds, or several ranks that many together; one
 *  that tells nothing, of no work or no time, is passed over. */
void ag_work_kind_see(ag_work_kind *kind, double flops, double seconds);

typedef struct ag_forecast {
  bool is_known;             /* something was seen of this run */
  double seconds, low, high; /* four of five runs end between the last two */
} ag_forecast;

/** The seconds left for `ranks` ranks that are `busy` of their time (0 < busy <= 1):
 *    T = sum_k left_k c_k / (ranks busy),  c_k = seconds_k / flops_k.
 *  A kind of which nothing was seen costs what it is thought to.
 *
 *  The spread: pieces of one kind differ in their cost by v_k, the variance of seconds / flops
 *  about c_k by their flops, relative to c_k^2. Of n pieces seen and m that are left, the kind's
 *  time is off by a relative variance of v_k (1 / n + 1 / m). Kinds differ from each other by w,
 *  the variance of log c_k, which is how far a kind may be off of which nothing was seen; all of
 *  these are off together. Into v_k goes one imagined piece, into w one imagined kind, that is off
 *  by a factor of two: so that a few that happen to agree promise nothing. low and high are
 *  T exp(-+1.28 s), s^2 being the relative variance of the sum.
 *
 *  least: seconds below which no end is possible, such as a training's that goes on. */
ag_forecast ag_forecast_make(const ag_work_kind *kinds, size_t count, double ranks, double busy,
                             double least);

#endif
