/* How far a run is: a line that is rewritten on a terminal, lines with the time otherwise. */
#ifndef ADVGRID_RUN_PROGRESS_H
#define ADVGRID_RUN_PROGRESS_H

#include "advgrid/base.h"

/* Plain value; rank 0 has one that speaks, the others one that is silent. */
typedef struct ag_meter {
  bool speaks, terminal;
  double total, before, done; /* FLOPs by the plan's estimate; before: by earlier runs */
  double started, last;
  double images, since; /* images since `since`, for the rate */
  char activity[160];
} ag_meter;

/** total, done: FLOPs of the whole job, and of it what earlier runs have done. */
void ag_meter_start(ag_meter *meter, bool speaks, double total, double done);
/** Names what goes on now, and starts the rate of images anew. */
void ag_meter_activity(ag_meter *meter, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** Work done: shown now and then. */
void ag_meter_advance(ag_meter *meter, double flops, size_t images);
/** A line that stays. */
void ag_meter_say(ag_meter *meter, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Ends the line that is rewritten. */
void ag_meter_end(ag_meter *meter);

#endif
