/* How far a run is, on stderr: two bars that are redrawn on a terminal, lines with the time
 * otherwise. */
#ifndef ADVGRID_RUN_PROGRESS_H
#define ADVGRID_RUN_PROGRESS_H

#include "base/screen.h"
#include "plan/forecast.h"

/* Plain value; rank 0 has one that speaks, the others one that is silent. */
typedef struct ag_meter {
  bool speaks;
  bool drawn;           /* bars stand below the cursor */
  double started, last; /* when, and when it showed something */
  double unit_share;    /* of what rank 0 has in hand */
} ag_meter;

/* What there is to show. Texts are borrowed. */
typedef struct ag_reading {
  double share, images_per_second; /* of the whole job */
  ag_forecast left;
  const char *activity; /* what was begun last, by whatever rank */
  const char *unit;     /* what rank 0 has in hand */
} ag_reading;

void ag_meter_start(ag_meter *meter);
/** Whether it is time to show something: five times a second on a terminal; otherwise every ten
 *  seconds in the first minute and then once a minute. */
bool ag_meter_is_due(const ag_meter *meter, double now);
void ag_meter_show(ag_meter *meter, const ag_reading *reading, double now);
/** How much is done of what this rank has in hand. Cheap. */
void ag_meter_unit(ag_meter *meter, double share);
/** A line that stays. */
void ag_meter_say(ag_meter *meter, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Removes the bars; nothing more is said. */
void ag_meter_end(ag_meter *meter);

/** What is drawn: two lines of at most screen->columns - 1 columns, the first ended by a newline;
 *  and the line of a log, without a newline. Appended. */
ag_status ag_reading_draw(const ag_reading *reading, double unit_share, const ag_screen *screen,
                          ag_text *text);
ag_status ag_reading_write(const ag_reading *reading, ag_text *text);

#endif
