/* Figures by gnuplot: of each NAME.dat, NAME.gp, NAME.svg and NAME.png in the report's folder
 * figures/, so that a person can restyle it; the page holds the SVG. */
#ifndef ADVGRID_REPORT_FIGURE_H
#define ADVGRID_REPORT_FIGURE_H

#include "report/sheet.h"

enum { AG_FIGURE_NAME = 96, AG_CURVES_MAXIMUM = 8, AG_FIGURE_LABEL = 24 };

/* Where on the page it stands. */
typedef enum ag_figure_group {
  AG_FIGURE_LOGARITHMIC,
  AG_FIGURE_LINEAR,
  AG_FIGURE_TRAINING,
  AG_FIGURE_RANKS,
  AG_FIGURE_LATENT
} ag_figure_group;

/* A figure whose files are being written. */
typedef struct ag_figure {
  char name[AG_FIGURE_NAME]; /* of its files */
  ag_figure_group group;
  bool begins_row;      /* on the page */
  size_t width, height; /* of the SVG, in pixels */
  ag_sheet data, script, words;
} ag_figure;

/* One that was written: what it shows in words, plain text. */
typedef struct ag_figure_entry {
  char name[AG_FIGURE_NAME];
  ag_figure_group group;
  bool begins_row;
  ag_text words;
} ag_figure_entry;

typedef struct ag_figures {
  ag_figure_entry *entries;
  size_t count, capacity;
  bool drawn;
  char trouble[512]; /* why not, otherwise */
} ag_figures;

/** The colour of a curve or a class, "#0072B2": Okabe and Ito's, which colour-blind readers tell
 *  apart; and its kind of point, by which anyone can where colours come again. */
const char *ag_figure_color(size_t index);
unsigned ag_figure_point(size_t index);
/** How many of `count` curves go into a figure: at most AG_CURVES_MAXIMUM, and about as many into
 *  each. */
size_t ag_figure_curves(size_t count);

/** Starts a figure, named printf-like of a-z, 0-9 and '-' alone. `labels` entries of a legend, the
 *  longest of so many characters, have their place below it. */
void ag_figure_start(ag_figure *figure, ag_figure_group group, size_t labels, size_t longest,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));
/** Writes its files but for the pictures to folder/figures, and adds it to the list. The script's
 *  last command must be its one `plot`. figure: freed, also on failure. */
ag_status ag_figure_finish(ag_figures *figures, ag_figure *figure, const char *folder);
/** Draws all by one gnuplot, and removes what an earlier report drew and this one did not. Where
 *  gnuplot does not work `trouble` says why; this is no failure. */
ag_status ag_figures_draw(ag_figures *figures, const char *folder);
void ag_figures_clear(ag_figures *figures);
/** Appends the figures of a group to the page, each an element of its own. */
ag_status ag_figures_show(const ag_figures *figures, ag_figure_group group, const char *folder,
                          ag_sheet *sheet);
/** How many there are of a group. */
size_t ag_figures_count(const ag_figures *figures, ag_figure_group group);

#endif
