/* The parts of advgrid submit: what Slurm says about a partition, times as Slurm writes them, and
 * the batch script. */
#ifndef ADVGRID_CLI_SUBMIT_H
#define ADVGRID_CLI_SUBMIT_H

#include "advgrid/plan.h"

/* ---- times ------------------------------------------------------------------------------ */

/** Reads minutes as Slurm does: "90", "90:00", "1:30:00", "1-12", "1-12:30", "1-12:30:00"; seconds
 *  round up. Fails with AG_INVALID_ARGUMENT on anything else, on no time at all and on more than
 * ten years. */
ag_status ag_slurm_minutes_read(const char *text, size_t *minutes);

enum { AG_SLURM_TIME_SIZE = 32 };
/** "01:30:00", or "1-12:30:00" from a day on. */
void ag_slurm_minutes_print(size_t minutes, char out[AG_SLURM_TIME_SIZE]);

/* ---- partitions ------------------------------------------------------------------------- */

typedef struct ag_partition {
  char name[AG_NAME_SIZE];
  size_t nodes, cores; /* cores of the node that has fewest */
  bool has_siblings;   /* a core is several of Slurm's CPUs */
  size_t minutes;      /* no job may take longer; 0: no limit */
} ag_partition;

/** Finds a partition in what `sinfo` printed by AG_SINFO_FORMAT. name: NULL for the default one.
 *  Fails with AG_INVALID_ARGUMENT where there is none of that name, naming the nearest, or none is
 *  the default. */
#define AG_SINFO_FORMAT "%P|%D|%c|%X|%Y|%l"
ag_status ag_partition_find(const char *printed, const char *name, ag_partition *partition);

/** Asks sinfo. *found: false where there is no sinfo or it fails, which is told in the log. Fails
 * as ag_partition_find does, and where sinfo gives no answer in five seconds. */
ag_status ag_partition_ask(const char *name, bool *found, ag_partition *partition);

/* ---- the script ------------------------------------------------------------------------- */

/* A line `#SBATCH --name=value`. */
typedef struct ag_directive {
  const char *name, *value; /* value NULL: the template's line stays as it is */
} ag_directive;

/** slurm/grid.sbatch, as it was when this program was built. */
extern const char ag_script_template[];

/** Fails with AG_INVALID_ARGUMENT, naming what and the text, where it has a character that a line
 *  of directives cannot hold safely: allowed are letters, digits and any of ._+,:/@%=- but the last
 *  not as the first. */
ag_status ag_directive_check(const char *what, const char *text);
bool ag_directive_is_safe(const char *text);

/** Appends a word for bash, between quotes, whatever characters it has, on one line: so that no
 *  line of it may be taken for a directive. */
ag_status ag_script_quote(const char *word, ag_text *text);

/** Writes the template with its directives replaced, those that it lacks added behind its last one,
 *  and then `lines` of shell. Values are checked as ag_directive_check does. text: appended to. */
ag_status ag_script_write(const char *pattern, size_t count, const ag_directive *directives,
                          const char *lines, ag_text *text);

/* ---- a submission ----------------------------------------------------------------------- */

typedef enum ag_machine_source {
  AG_MACHINE_GIVEN,  /* by --machine */
  AG_MACHINE_KEPT,   /* by an earlier probe */
  AG_MACHINE_PROBED, /* just now */
} ag_machine_source;

typedef struct ag_submission {
  /* As asked for; NULL or 0: not. */
  const char *job_path, *folder, *data, *machine, *partition, *account, *name;
  size_t nodes, ranks, threads, minutes;
  size_t target; /* minutes */
  double margin;
  bool probe, yes, dry_run;
  /* What came of it. Paths are absolute. */
  ag_plan *plan;
  ag_cluster cluster;
  ag_machine_source source;
  char machine_path[AG_PATH_SIZE], job_file[AG_PATH_SIZE], result[AG_PATH_SIZE];
  char data_folder[AG_PATH_SIZE], script[AG_PATH_SIZE];
  bool has_partition;
  ag_partition nodes_of; /* the partition, or nodes like this one */
  ag_allotment chosen;
  bool in_time;
  size_t asked; /* minutes */
  bool is_cut;  /* the partition allows no more */
} ag_submission;

/** Appends what was chosen, and why, line by line. */
ag_status ag_submission_show(const ag_submission *submission, ag_text *text);
/** Appends the script. Fails as ag_script_write does, and with AG_IO_ERROR where this program's own
 *  path or the current folder cannot be told. */
ag_status ag_submission_script(const ag_submission *submission, ag_text *text);
/** Appends the place of the log, as Slurm's --output takes it. A directive may not be able to hold
 *  it, see ag_directive_is_safe; an argument always is. */
ag_status ag_submission_log(const ag_submission *submission, ag_text *text);

#endif
