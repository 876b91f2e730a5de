/* The time left of a run and its spread: costs by kind of work, and how much they vary. */
#include "plan/forecast.h"

#include <math.h>

static const double IMAGINED = 0.48;         /* log(2)^2: a variance, off by a factor of two */
static const double QUANTILE = 1.2815515655; /* of the normal distribution, at nine tenths */
static const double SPREAD_MAXIMUM = 1.5;

void ag_work_kind_see(ag_work_kind *kind, double flops, double seconds)
{
  if (!(flops > 0) || !(seconds > 0)) return;
  kind->pieces += 1;
  kind->flops += flops;
  kind->seconds += seconds;
  kind->squares += seconds * seconds / flops;
}

static bool is_seen(const ag_work_kind *kind)
{
  return kind->pieces > 0;
}

static double cost_of(const ag_work_kind *kind)
{
  return kind->seconds / kind->flops;
}

/* Of a kind of which nothing was seen. */
static double guess_of(const ag_work_kind *kind, const ag_work_kind *all)
{
  const double factor = kind->factor > 0 ? kind->factor : 1;
  const bool has_like = kind->like != NULL && is_seen(kind->like);
  return factor * cost_of(has_like ? kind->like : all);
}

/* v_k, with the imagined piece. */
static double piece_variance(const ag_work_kind *kind)
{
  const double cost = cost_of(kind);
  const double seen = fmax(0, kind->squares / kind->flops / (cost * cost) - 1);
  return (IMAGINED + kind->pieces * seen) / (1 + kind->pieces);
}

/* The sum over kinds of which something was seen, and w. */
static ag_work_kind sum_seen(const ag_work_kind *kinds, size_t count, double *variance)
{
  ag_work_kind all = {0};
  double logs = 0;
  double squares = 0;
  double seen = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!is_seen(&kinds[i])) continue;
    const double cost = log(cost_of(&kinds[i]));
    all.pieces += kinds[i].pieces;
    all.flops += kinds[i].flops;
    all.seconds += kinds[i].seconds;
    logs += cost;
    squares += cost * cost;
    ++seen;
  }
  const double spread = seen > 0 ? fmax(0, squares - logs * logs / seen) : 0;
  *variance = (IMAGINED + spread) / (1 + seen);
  return all;
}

ag_forecast ag_forecast_make(const ag_work_kind *kinds, size_t count, double ranks, double busy,
                             double least)
{
  double kind_variance = 0;
  double seconds = 0;  /* of one rank */
  double variance = 0; /* of that, by kinds of which something was seen */
  double unseen = 0;   /* seconds of the others */
  const ag_work_kind all = sum_seen(kinds, count, &kind_variance);
  if (!is_seen(&all)) return (ag_forecast){0};
  for (size_t i = 0; i < count; ++i) {
    const ag_work_kind *kind = &kinds[i];
    if (!(kind->left > 0)) continue;
    if (!is_seen(kind)) {
      unseen += kind->left * guess_of(kind, &all);
      continue;
    }
    const double own = kind->left * cost_of(kind);
    const double pieces_left = fmax(1, kind->left * kind->pieces / kind->flops);
    seconds += own;
    variance += own * own * piece_variance(kind) * (1 / kind->pieces + 1 / pieces_left);
  }
  seconds += unseen;
  variance += unseen * unseen * kind_variance;
  const double spread = seconds > 0 ? fmin(SPREAD_MAXIMUM, sqrt(variance) / seconds) : 0;
  const double left = fmax(seconds / (ranks * busy), least);
  return (ag_forecast){.is_known = true,
                       .seconds = left,
                       .low = fmax(left * exp(-QUANTILE * spread), fmin(left, least)),
                       .high = left * exp(QUANTILE * spread)};
}
