/* How far a result folder's job is: from its journal, and from DIR/progress while a run goes on;
 * and that as a screen, as a line, and as JSON. */
#ifndef ADVGRID_REPORT_STATUS_H
#define ADVGRID_REPORT_STATUS_H

#include "advgrid/report.h"
#include "base/screen.h"
#include "store/live.h"

typedef enum ag_run_state {
  AG_RUN_DONE,    /* nothing is open, and nobody writes */
  AG_RUN_GOES_ON, /* rank 0 has shown so within the last minute */
  AG_RUN_SILENT,  /* it has not, nor has it ended in order */
  AG_RUN_STOPPED  /* nobody is at work */
} ag_run_state;

typedef struct ag_model_status {
  const char *name;
  ag_progress progress; /* done, too, where it is from a file */
  bool from_file;
  size_t ranks;        /* that train it now */
  size_t epochs;       /* that are done */
  double share;        /* of its training */
  const char *failure; /* NULL but where it failed */
  size_t units, units_done, units_failed;
} ag_model_status;

typedef struct ag_attack_status {
  const char *name;
  size_t ranks; /* that are at it now */
  size_t units, units_done, units_failed;
} ag_attack_status;

/* What a rank does. */
typedef struct ag_rank_status {
  ag_live_task task;
  const char *host;
  size_t model, unit;  /* places in the plan; SIZE_MAX where there is none */
  size_t first, count; /* images */
  double seconds;
} ag_rank_status;

typedef struct ag_failure_status {
  size_t model, unit; /* one of them SIZE_MAX */
  const char *reason;
} ag_failure_status;

/* Texts are the ledger's. */
typedef struct ag_status_view {
  const ag_ledger *ledger; /* borrowed */
  const ag_live *live;     /* borrowed; NULL where no run goes on */
  ag_run_state state;
  double age;   /* seconds since rank 0 last wrote */
  double share; /* of the job's estimated work */
  size_t models_done, models_failed, units_done, units_failed;
  size_t open;   /* models and units that a run would still do; not those of a failed model */
  size_t epochs; /* of a training */
  size_t rank_count, failure_count;
  ag_model_status *models;     /* [plan->model_count] */
  ag_attack_status *attacks;   /* [job->attack_count] */
  ag_rank_status *ranks;       /* [rank_count] */
  ag_failure_status *failures; /* [failure_count] models first */
  ag_gates gates;
  bool has_gates; /* some point is done */
} ag_status_view;

/** live: NULL where there is no DIR/progress; what another run than the last has left there is
 *  passed over. now: seconds since 1970. view: overwritten, freed by ag_status_view_clear, also
 *  after a failure. Fails with AG_OUT_OF_MEMORY. */
ag_status ag_status_view_make(const ag_ledger *ledger, const ag_live *live, uint64_t now,
                              ag_status_view *view);
void ag_status_view_clear(ag_status_view *view);

/** "done", "running", "silent", "stopped". */
const char *ag_run_state_text(ag_run_state state);

/** Appends a screen: at most screen->rows - 1 lines, the longest lists cut, with `all` as many as
 * it takes, and the gates in full. Lines are cut to the screen's columns where it is a terminal.
 *  slurm: a line that ends it, or "". */
ag_status ag_status_screen(const ag_status_view *view, const ag_screen *screen, bool all,
                           const char *slurm, ag_text *text);
/** Appends one line: what has changed since the last, for a log. */
ag_status ag_status_line(const ag_status_view *view, ag_text *text);
/** Appends one object on one line; its members are in results/README.md. */
ag_status ag_status_json(const ag_status_view *view, const char *folder, const char *slurm,
                         ag_text *text);

/* ---- parts of a screen: lists, each item a line ------------------------------------------------
 */

typedef struct ag_status_list {
  size_t count;
  /* The lower, the sooner it is shown where not all are; NULL: as they come. */
  int (*order)(const ag_status_view *view, size_t index);
  ag_status (*append)(const ag_status_view *view, const ag_screen *screen, size_t index,
                      ag_text *text);
} ag_status_list;

enum {
  AG_LIST_MODELS,
  AG_LIST_ATTACKS,
  AG_LIST_RANKS,
  AG_LIST_FAILURES,
  AG_LIST_GATES,
  AG_STATUS_LISTS
};

void ag_status_lists(const ag_status_view *view, ag_status_list lists[AG_STATUS_LISTS]);
/** "training at-pgd", "none, fgsm at epsilon 8/255, images 0 to 99", "waiting". Overwritten. */
void ag_status_task(const ag_status_view *view, const ag_rank_status *rank,
                    char text[AG_UNIT_TEXT]);
/** "wild", or a unit in words. Overwritten. */
void ag_status_failed(const ag_status_view *view, const ag_failure_status *failure,
                      char text[AG_UNIT_TEXT]);

#endif
