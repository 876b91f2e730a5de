/* The numbers of an account: what each rank has in hand, what is done of each piece of work and
 * what it took. Told the time, knows no clock. */
#ifndef ADVGRID_RUN_ACCOUNT_SUMS_H
#define ADVGRID_RUN_ACCOUNT_SUMS_H

#include "plan/forecast.h"
#include "run/messages.h"
#include "run/session.h"

/* A part of a unit: images of the test set. */
typedef struct ag_account_part {
  size_t unit, first_shard, first, count;
} ag_account_part;

enum { AG_ACCOUNT_PARTS = 2, AG_ACCOUNT_SAMPLES = 32 };

typedef struct ag_rank_account {
  bool trains;
  size_t model;                            /* that it trains */
  size_t held;                             /* parts in hand and ahead */
  ag_account_part parts[AG_ACCOUNT_PARTS]; /* [held] */
  double since;                            /* it does this, or waits */
} ag_rank_account;

typedef struct ag_model_account {
  size_t team;           /* ranks that train it; 0: none */
  double done;           /* FLOPs of its training */
  double heard;          /* when its leader last said something */
  double flops, seconds; /* of the epoch in hand: done, and taken by all its ranks together */
} ag_model_account;

/* What was seen of a point's attacks, in all units of it. */
typedef struct ag_point_account {
  double flops, seconds;
} ag_point_account;

/* Images until then. */
typedef struct ag_account_sample {
  double time, images;
} ag_account_sample;

typedef struct ag_account_sums {
  const ag_plan *plan;         /* borrowed, as the next is */
  const ag_schedule *schedule; /* who says what is open */
  size_t rank_count;
  size_t threads;              /* of a rank */
  ag_rank_account *ranks;      /* [rank_count] */
  ag_model_account *models;    /* [plan->model_count] */
  double *units;               /* [plan->unit_count] FLOPs done of each */
  ag_point_account *points;    /* [plan->point_count] of this run */
  size_t kind_count;           /* trainings of each defense, then attacks, each at its epsilons */
  ag_work_kind *kinds, *guess; /* [kind_count] epochs that are done; guess: scratch */
  double started, waited;      /* seconds of all ranks without work, but for those that wait now */
  double images;
  ag_account_sample ends[2]; /* when images were done before the last time, and then */
  size_t sample_count, next_sample;
  ag_account_sample samples[AG_ACCOUNT_SAMPLES];
} ag_account_sums;

/** sums: freed by ag_account_sums_clear, also after a failure. */
ag_status ag_account_sums_create(const ag_session *session, const ag_schedule *schedule, double now,
                                 ag_account_sums *sums);
void ag_account_sums_clear(ag_account_sums *sums);

void ag_account_sums_order(ag_account_sums *sums, const ag_order *order, double now);
void ag_account_sums_report(ag_account_sums *sums, size_t rank, const ag_report *report,
                            double now);

/** The share of the job's estimated work that is done, by earlier runs too. */
double ag_account_sums_share(const ag_account_sums *sums);
/** Images per second, trained or attacked, of the last minute; where that saw none, those that were
 *  done last in all the time since the ones before. */
double ag_account_sums_rate(ag_account_sums *sums, double now);
ag_forecast ag_account_sums_left(ag_account_sums *sums, double now);

#endif
