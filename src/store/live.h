/* store/live.h: DIR/progress, what a run does at the moment, which no journal says. Rank 0 rewrites
 * it every few seconds; it is there to be looked at, and nothing depends on it. */
#ifndef ADVGRID_STORE_LIVE_H
#define ADVGRID_STORE_LIVE_H

#include "advgrid/base.h"
#include "plan/forecast.h"

typedef enum ag_live_task { AG_LIVE_WAITING, AG_LIVE_TRAINING, AG_LIVE_ATTACKING } ag_live_task;

enum { AG_LIVE_HOST = 256 };

/* A rank and what it has in hand. */
typedef struct ag_live_rank {
  ag_live_task task;
  ag_digest key;       /* of the model or the unit */
  size_t first, count; /* images of a unit, in the test set */
  double seconds;      /* at it, or waiting */
  char host[AG_LIVE_HOST];
} ag_live_rank;

/* A model that is being trained. */
typedef struct ag_live_model {
  ag_digest key;
  double share; /* of its training */
} ag_live_model;

typedef struct ag_live {
  uint64_t run;     /* its number in the journal, from 1: what another run left is known by it */
  uint64_t written; /* seconds since 1970, by the clock of rank 0's host */
  double elapsed, share, images_per_second; /* share: of the job's estimated work */
  ag_forecast left;
  size_t rank_count, model_count;
  ag_live_rank *ranks;   /* [rank_count] */
  ag_live_model *models; /* [model_count] */
} ag_live;

/** Replaces folder/progress, whole or not at all. False where that cannot be; whoever calls it goes
 *  on. Sets no message, waits for no disk. */
bool ag_live_write(const char *folder, const ag_live *live);
/** Removes it. */
void ag_live_remove(const char *folder);
/** Reads it. *found: false where there is none, or none that is whole. live: overwritten, freed by
 *  ag_live_clear. Fails with AG_OUT_OF_MEMORY. */
ag_status ag_live_read(const char *folder, bool *found, ag_live *live);
void ag_live_clear(ag_live *live);

#endif
