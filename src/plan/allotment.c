/* How many nodes, ranks and threads a batch job asks for, and how long. */
#include "advgrid/plan.h"

#include <math.h>

/* Threads are worth it where they are so much faster than ranks of one. */
static const double WORTH_IT = 0.95;
/* Of cores that are used well, where nothing ends within the target. */
static const double GOOD_EFFICIENCY = 0.8;

typedef struct chooser {
  const ag_allotment_wish *wish;
  ag_predictor predict;
  void *context;
  double alone; /* seconds of one core */
} chooser;

static size_t cores_of(const ag_allotment *allotment)
{
  return allotment->nodes * allotment->ranks * allotment->threads;
}

/* ---- one number of cores ---- */

static ag_status try_shape(const chooser *self, size_t nodes, size_t ranks, size_t threads,
                           ag_allotment *out)
{
  *out = (ag_allotment){.nodes = nodes, .ranks = ranks, .threads = threads};
  const ag_status status = self->predict(self->context, nodes * ranks, threads, &out->seconds);
  const double all = (double)cores_of(out) * out->seconds;
  out->efficiency = all > 0 ? self->alone / all : 1;
  return status;
}

/* Of the ways to share `cores` of each node out among ranks the fastest, and of those that are
 * about as fast the one with the fewest threads a rank. */
static ag_status try_cores(const chooser *self, size_t nodes, size_t cores, ag_allotment *out)
{
  const ag_allotment_wish *wish = self->wish;
  if (wish->ranks > 0) return try_shape(self, nodes, wish->ranks, cores / wish->ranks, out);
  if (wish->threads > 0) {
    return try_shape(self, nodes, cores / wish->threads, wish->threads, out);
  }
  ag_status status = try_shape(self, nodes, cores, 1, out);
  for (size_t threads = 2; status == AG_OK && threads <= cores; threads *= 2) {
    ag_allotment other;
    if (cores % threads != 0) continue;
    status = try_shape(self, nodes, cores / threads, threads, &other);
    if (status == AG_OK && other.seconds < WORTH_IT * out->seconds) *out = other;
  }
  return status;
}

/* ---- all of them ---- */

/* Cores of a node are taken in units of this. */
static size_t unit_of(const ag_allotment_wish *wish)
{
  return (wish->ranks > 0 ? wish->ranks : 1) * (wish->threads > 0 ? wish->threads : 1);
}

/* The next number of nodes and cores of each; false behind the last. */
static bool next_step(const ag_allotment_wish *wish, size_t *nodes, size_t *cores)
{
  const size_t unit = unit_of(wish);
  const bool both = wish->ranks > 0 && wish->threads > 0;
  const size_t most = both ? unit : wish->cores / unit * unit;
  if (*cores < most) {
    *cores = ag_minimum(2 * *cores, most);
    return true;
  }
  if (wish->nodes > 0 || *nodes >= wish->nodes_maximum) return false;
  *nodes = ag_minimum(2 * *nodes, wish->nodes_maximum);
  return true;
}

/* Where none ends in time. */
static bool is_better(const ag_allotment *one, const ag_allotment *other)
{
  const bool is_good = one->efficiency >= GOOD_EFFICIENCY;
  const bool other_is_good = other->efficiency >= GOOD_EFFICIENCY;
  if (is_good != other_is_good) return is_good;
  return is_good ? one->seconds < other->seconds : one->efficiency > other->efficiency;
}

static ag_status check(const ag_allotment_wish *wish)
{
  if (wish->nodes > wish->nodes_maximum) {
    return ag_fail(AG_INVALID_ARGUMENT, "%zu nodes are asked for; there are %zu", wish->nodes,
                   wish->nodes_maximum);
  }
  if (unit_of(wish) <= wish->cores) return AG_OK;
  if (wish->ranks > 0 && wish->threads > 0) {
    return ag_fail(AG_INVALID_ARGUMENT,
                   "%zu ranks of %zu threads on a node are asked for; it has %zu cores",
                   wish->ranks, wish->threads, wish->cores);
  }
  return ag_fail(AG_INVALID_ARGUMENT, "%zu %s are asked for; a node has %zu cores", unit_of(wish),
                 wish->ranks > 0 ? "ranks on a node" : "threads of a rank", wish->cores);
}

ag_status ag_allotment_choose(const ag_allotment_wish *wish, ag_predictor predict, void *context,
                              ag_allotment *chosen, bool *in_time)
{
  ag_status status = AG_OK;
  chooser self = {.wish = wish, .predict = predict, .context = context};
  size_t nodes = wish->nodes > 0 ? wish->nodes : 1;
  size_t cores = unit_of(wish);
  ag_allotment one;
  AG_TRY(check(wish));
  AG_TRY(predict(context, 1, 1, &self.alone));
  AG_TRY(try_cores(&self, nodes, cores, chosen));
  *in_time = chosen->seconds <= wish->target;
  while (!*in_time && next_step(wish, &nodes, &cores)) {
    AG_TRY(try_cores(&self, nodes, cores, &one));
    *in_time = one.seconds <= wish->target;
    if (*in_time || is_better(&one, chosen)) *chosen = one;
  }
cleanup:
  return status;
}

/* ---- time ---- */

enum { START = 60, EARLY = 60, WARNING_LEAST = 60, WARNING_MOST = 300 };

static size_t clamp_warning(double seconds)
{
  return (size_t)fmax(WARNING_LEAST, fmin(seconds / 10, WARNING_MOST));
}

size_t ag_wall_minutes(double predicted, double margin)
{
  const double busy = START + margin * predicted;
  const double seconds = busy + (double)clamp_warning(busy) + EARLY;
  return (size_t)ceil(fmin(seconds, 1e12) / 60);
}

size_t ag_wall_warning(size_t minutes)
{
  const size_t seconds = 60 * minutes;
  return ag_minimum(clamp_warning((double)seconds), seconds / 2);
}
