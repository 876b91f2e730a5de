/* The benchmark of scaling: its parts, and what they find. */
#ifndef ADVGRID_RUN_BENCH_SCALING_H
#define ADVGRID_RUN_BENCH_SCALING_H

#include "run/bench.h"

/* ---- training on a team ------------------------------------------------------------------- */

/* Seconds of a step, the mean over the ranks of a team and over steps. But for `hidden`, which goes
 * on while something is computed, they add up to the step. */
typedef struct ag_bench_split {
  double computing;
  double hidden, exposed; /* messages on their way, and waited for */
  double idle;            /* waiting for ranks that compute still */
} ag_bench_split;

typedef struct ag_bench_steps {
  ag_bench_rate images; /* a second */
  ag_bench_split split;
} ag_bench_steps;

/** Training steps of the setting's team with the batch of its request, for about its seconds.
 *  change: of each shard before it is learnt; NULL: none.
 *  What a rank waits in a step is split by the rank that waits least in it, which came last: that
 *  one waits for messages alone, and what others wait longer they wait for it. Where ranks come
 * last by turns within a step, some idling is taken for messages. Collective over the team. */
ag_status ag_bench_team_steps(const ag_bench_setting *setting, ag_pool *pool,
                              const ag_shard_change *change, ag_bench_steps *steps);

/* ---- messages -------------------------------------------------------------------------------- */

enum { AG_BENCH_MESSAGE_SIZES = 10 };

typedef struct ag_bench_messages {
  double bytes[AG_BENCH_MESSAGE_SIZES], seconds[AG_BENCH_MESSAGE_SIZES]; /* one way, medians */
  double latency, bandwidth;
} ag_bench_messages;

/** Messages to and fro between the first rank and the last, which are on two hosts where there are
 *  two. At least two ranks; the others return at once. messages: set on those two. Collective. */
ag_status ag_bench_messages_measure(const ag_team *team, ag_bench_messages *messages);

/** Fits time = latency + bytes / bandwidth to count (> 1) messages by least squares of
 *    (latency + bytes / bandwidth - seconds) / seconds
 *  so that the short ones count as much as the long. seconds > 0, bytes: not all the same. Where
 *  noise would make a number that is not over 0, latency is that of the shortest message, bandwidth
 *  that of the longest. */
void ag_bench_messages_fit(size_t count, const double *bytes, const double *seconds,
                           double *latency, double *bandwidth);

/* ---- report ------------------------------------------------------------------------------------
 */

typedef struct ag_bench_scaling_row {
  bool adversarial, weak;
  size_t ranks, batch;
  ag_bench_steps steps;
  double speedup, efficiency; /* against one rank */
} ag_bench_scaling_row;

enum { AG_BENCH_TEAMS_MAXIMUM = 33, AG_BENCH_SCALING_ROWS = 4 * AG_BENCH_TEAMS_MAXIMUM };

typedef struct ag_bench_scaling_report {
  size_t threads; /* of a rank */
  size_t row_count;
  ag_bench_scaling_row rows[AG_BENCH_SCALING_ROWS]; /* clean first, of each strong scaling first */
  bool has_messages;                                /* there are two ranks */
  ag_bench_messages messages;
  ag_cluster cluster;
} ag_bench_scaling_report;

ag_status ag_bench_scaling_table(const ag_bench_setting *setting,
                                 const ag_bench_scaling_report *report, ag_text *text);
ag_status ag_bench_scaling_json(const ag_bench_setting *setting,
                                const ag_bench_scaling_report *report, ag_text *text);

#endif
