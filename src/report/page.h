/* The parts of report.html, in the order in which a reader meets them. */
#ifndef ADVGRID_REPORT_PAGE_H
#define ADVGRID_REPORT_PAGE_H

#include "advgrid/plan.h"
#include "report/figure.h"
#include "report/sheet.h"
#include "store/results_read.h"

/* page.css and page.js. */
extern const char ag_page_style[];
extern const char ag_page_script[];

/* A page that is being written. */
typedef struct ag_page {
  const char *folder; /* borrowed */
  size_t number;      /* among the folders that are compared, from 1; 0: it is none of several */
  ag_results results;
  ag_figures figures;
  ag_job *job;        /* of the result file; NULL where this version cannot read it */
  size_t latent_left; /* points whose latent space is drawn no more */
  ag_sheet sheet;
} ag_page;

/* A defense under an attack at an epsilon, over the seeds that are done: means, and an interval
 * from the lowest end of the seeds' 95 % intervals to the highest. NaN where none is done. */
typedef struct ag_cell {
  size_t done, failed, missing; /* seeds */
  double images, clean;
  double robust, low, high;      /* of all images */
  double correct, c_low, c_high; /* of those that are classified correctly without an attack */
} ag_cell;

ag_cell ag_page_cell(const ag_page *page, size_t defense, size_t attack, size_t epsilon);
/** How many points are done, failed and missing. */
void ag_page_count(const ag_page *page, size_t counts[3]);
/** "Linf" or "L2", or "" where the file does not say. */
const char *ag_page_norm(const ag_page *page, size_t attack);
/** Whether it works for one epsilon at a time; else once for all. */
bool ag_page_takes_epsilon(const ag_page *page, size_t attack);
/** Whether its epsilons are radii within which no image can fall. */
bool ag_page_certifies(const ag_page *page, size_t attack);

/** What a class of the dataset is called; classes: how many there are, 0: not known. */
void ag_page_class(const ag_page *page, size_t class, size_t classes, char text[AG_NUMBER_SIZE]);
/** Seconds of a rank as hours of its cores, by the threads of the last run; NaN where the file does
 *  not say these. */
double ag_page_core_hours(const ag_page *page, double seconds);

/** The largest unit of which so many seconds are at least two, in seconds; unit: its name. */
double ag_page_time_unit(double seconds, const char **unit);

/** An attack and a defense of the job; NULL where this version cannot read the job. */
const ag_entry *ag_page_attack(const ag_page *page, size_t attack);
const ag_entry *ag_page_defense(const ag_page *page, size_t defense);
/** The first defense of kind none, or of that name where the job cannot be read; AG_NO_SIDE where
 *  there is none. */
size_t ag_page_undefended(const ag_page *page);

/** Reads folder/results.h5, and the job in it where this version can. Fails with
 *  AG_INVALID_ARGUMENT where there is none yet, else as ag_results_read does; the caller clears
 *  results and job either way. */
ag_status ag_page_read(ag_page *page);
/** The job's name; that of the folder where this version cannot read the job. */
const char *ag_page_job_name(const ag_page *page);

/* ---- figures; each adds to the list ------------------------------------------------------------
 */

/* A curve: a defense of a result file under an attack of it; in a legend, the first `characters` of
 * a label. */
typedef struct ag_curve {
  const struct ag_page *from;
  size_t defense, attack;
  const char *label;
  size_t characters;
} ag_curve;

/** Accuracy against epsilon under what is one attack for all curves, on both scales, in parts where
 *  they are many. number: of the panel, names its files. */
ag_status ag_page_draw_panel(ag_page *page, size_t number, const ag_curve *curves, size_t count);
ag_status ag_page_draw_accuracy(ag_page *page);
ag_status ag_page_draw_training(ag_page *page);
ag_status ag_page_draw_ranks(ag_page *page);
ag_status ag_page_draw_timeline(ag_page *page);
ag_status ag_page_draw_latent(ag_page *page);

/** Images that all epochs of a training learnt, by the job; NaN where that cannot be read. */
double ag_page_trained_images(const ag_page *page, const ag_read_training *training);

/* ---- sections; each appends to the sheet ------------------------------------------------------
 */

void ag_page_summary(ag_page *page); /* how far it is, and the best defense */
void ag_page_gates(ag_page *page);   /* and what failed */
void ag_page_curves(ag_page *page, bool several_seeds);
void ag_page_tables(ag_page *page);
void ag_page_points(ag_page *page);   /* the table of every point */
void ag_page_paired(ag_page *page);   /* defenses against none, where the file has images */
void ag_page_draws(ag_page *page);    /* a table, where the file has it */
void ag_page_examples(ag_page *page); /* this and the next: nothing where the file has none */
void ag_page_latent(ag_page *page);
bool ag_page_has_examples(const ag_page *page);
bool ag_page_has_latent(const ag_page *page);
void ag_page_training(ag_page *page);
void ag_page_run(ag_page *page);
void ag_page_costs(ag_page *page); /* tables within the run's section */
void ag_page_provenance(ag_page *page);

/* A part of the page that the contents name: its place, its name, whether it is there. */
typedef struct ag_page_part {
  const char *place, *name;
  bool there;
} ag_page_part;

/** The page's begin, up to its first element; title: of the window, any text. */
void ag_page_open(ag_page *page, const char *title);
void ag_page_close(ag_page *page);
void ag_page_contents(ag_page *page, const ag_page_part *parts, size_t count);
/** Appends the figures of a group. */
void ag_page_figures(ag_page *page, ag_figure_group group);
/** A number on a card of its own, with what it is and what more is to say; plain HTML. */
void ag_page_tile(ag_page *page, const char *label, const char *value, const char *more);
/** Opens and closes a table that can be sorted and copied, in a box of its own that scrolls. title:
 *  plain HTML; name: of the table when it is copied. */
void ag_page_table_open(ag_page *page, const char *title, const char *name);
void ag_page_table_close(ag_page *page);
/** An attack's name, and its norm where the job has several; of another page's results. */
void ag_page_attack_name(ag_page *page, size_t attack);
void ag_page_attack_name_of(ag_page *page, const ag_page *from, size_t attack);
/** A defense of another page's results, behind that page's number and job where it has one. */
void ag_page_defense_name(ag_page *page, const ag_page *from, size_t defense);
/** The heads of a table of accuracies: three columns, and one for each epsilon. */
void ag_page_accuracy_head(ag_page *page, const double *epsilons, size_t count);
/** A cell of it: of all images. */
void ag_page_accuracy(ag_page *page, const ag_cell *cell);
/** Accuracy in percent without an attack: that of the first epsilon that is done, since it is the
 * same for all; NaN where none is. */
double ag_page_clean_accuracy(const ag_page *page, size_t defense, size_t attack);
/** A cell without a number: a dash, or that it failed. */
void ag_page_no_cell(ag_page *page, bool failed);
/** Says within a note which attacks give radii in the place of epsilons, where any does. */
void ag_page_note_certified(ag_page *page);
/** A heading of a column; what the copied table calls it where `copied` is not NULL. */
void ag_page_heading(ag_page *page, const char *text, const char *copied, bool number);
/** A cell with a number of so many decimals, or of so many digits; a dash where it is NaN. */
void ag_page_fixed(ag_page *page, int decimals, double value);
void ag_page_short(ag_page *page, int digits, double value);

#endif
