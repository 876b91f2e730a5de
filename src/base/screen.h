/* base/screen.h: what a person looks at: how large it is, bars, durations and rates in words. */
#ifndef ADVGRID_BASE_SCREEN_H
#define ADVGRID_BASE_SCREEN_H

#include "advgrid/base.h"

typedef struct ag_screen {
  bool terminal;        /* else a file or a pipe */
  bool unicode;         /* the locale says UTF-8 */
  size_t columns, rows; /* of what is no terminal $COLUMNS and $LINES, or 80 and 24 */
} ag_screen;

/** Asks anew each time, since windows change. descriptor: of a file that is open. */
ag_screen ag_screen_of(int descriptor);

enum {
  AG_BAR_CELLS = 120,
  AG_BAR_SIZE = 3 * AG_BAR_CELLS + 1,
  AG_DURATION_SIZE = 32,
  AG_RATE_SIZE = 32
};

/** Draws a share (cut to 0 .. 1; NaN is 0) as so many cells, at most AG_BAR_CELLS: in blocks by
 *  eighths of a cell where `unicode`, as "[###...]" otherwise. Full only where the share is 1.
 *  bar: overwritten, terminated. */
void ag_bar_draw(double share, size_t cells, bool unicode, char bar[AG_BAR_SIZE]);

/** "59 s", "12 min 05 s", "3 h 07 min", "12 d 4 h". Overwritten, terminated. */
void ag_duration_text(double seconds, char text[AG_DURATION_SIZE]);
/** The same with one unit, or with two of hours: "3 h 07 min", to be read beside others. */
void ag_duration_round(double seconds, char text[AG_DURATION_SIZE]);
/** "1230 images/s", of slow work "3.4 images/s", "0.017 images/s"; NaN and what is under 0.001 are
 *  0. Overwritten, terminated. */
void ag_rate_text(double images_per_second, char text[AG_RATE_SIZE]);

#endif
