/* advgrid/store.h: the journal, which is the truth, and results.h5, which is its view.
 * Rank 0 alone calls what is declared here; nothing is collective. */
#ifndef ADVGRID_STORE_H
#define ADVGRID_STORE_H

#include "advgrid/base.h"
#include "advgrid/evaluation.h"
#include "advgrid/plan.h"
#include "advgrid/training.h"

/* ---- provenance ------------------------------------------------------------------------ */

/* What a run was made with and on. Stored as it is in the journal: what comes new comes last, and
 * a record that ends before it is read as one where it is empty. Merged folders have one record, in
 * which a text that was not the same in all of them holds each, " + " between, and hosts all names.
 */
typedef struct ag_provenance {
  char version[32], git_commit[64];
  char cpu[128], mpi[256], blas[256], hdf5[32];
  char slurm_job_id[64];
  char hosts[1024]; /* one name each, with commas */
  char started[AG_TIMESTAMP_SIZE];
  uint32_t ranks, threads;                  /* threads a rank */
  char dataset_sha256[AG_DIGEST_TEXT_SIZE]; /* hexadecimal, of the loaded images */
  char kernels[1024];                       /* of rank 0: "avx512; conv1 im2col, conv2 winograd" */
  uint32_t slurm_restart_count;             /* how often Slurm has requeued its job before */
  char slurm_array_job_id[32], slurm_array_task_id[32]; /* empty where it is of no array */
  char slurm_nodes[1024];                               /* as Slurm writes them: "n[1-4]" */
} ag_provenance;

/** Fills in all but mpi, hosts, ranks, threads, dataset_sha256 and kernels. */
void ag_provenance_collect(ag_provenance *provenance);
/** Fills in `kernels`: the instruction set and the kernel of each convolution, as the networks of
 *  the plan's models choose them on this processor; each model's, by its defense's name, where they
 *  differ. What does not fit ends in "...". */
ag_status ag_provenance_kernels(const ag_plan *plan, ag_provenance *provenance);

/* ---- journal ------------------------------------------------------------------------------ */

/* What a record says. Files depend on the numbers: append, never renumber. */
typedef enum ag_record_kind {
  AG_RECORD_RUN = 1,   /* a run started: ag_provenance; key: none */
  AG_RECORD_EPOCH = 2, /* an epoch of a model: ag_epoch; key: the model's */
  AG_RECORD_MODEL = 3, /* a model is trained and its file written: ag_model_record */
  AG_RECORD_UNIT = 4,  /* a unit is done: ag_unit_record, then its outcomes and details; key: its */
  AG_RECORD_FAILURE = 5, /* a model or a unit failed: text; key: its */
  AG_RECORD_RANKS = 6,   /* a run ended: ag_rank_times of each rank; key: none */
  AG_RECORD_SPAN = 7, /* a rank has done a piece of work: ag_span; key: the model's or the unit's */
  AG_RECORD_BOUNDS = 8 /* of a model that is trained: Lipschitz bounds; key: the model's */
} ag_record_kind;

/* A rank's seconds in a run, from its first order to its last: without work, and in all. */
typedef struct ag_rank_times {
  double seconds, idle;
} ag_rank_times;

/* When a rank did a piece of work: an epoch of a training, or what it had of one before the team
 * changed or the run ended; or images of a unit. Seconds count from where all ranks of the run
 * began together, by the rank's own clock: spans of one rank do not overlap, and it idled in none.
 */
typedef struct ag_span {
  uint32_t rank;
  uint32_t epoch;         /* of a training, from 1; 0: of an attack */
  uint32_t first, images; /* of an attack, in the test set; 0 of a training */
  double start, seconds;
} ag_span;

typedef struct ag_model_record {
  double seconds;
  uint64_t images;      /* seen in training */
  ag_digest parameters; /* ag_network_digest of what was trained */
} ag_model_record;

typedef struct ag_unit_record {
  uint32_t rank, outcomes;
  double seconds;
  ag_attack_cost cost;
  ag_digest model; /* ag_attacked_digest of what was attacked */
} ag_unit_record;

/** Bytes of the record of a unit of the plan, with its outcomes and the details that it brings
 * home.
 */
size_t ag_unit_record_size(const ag_plan *plan, size_t unit);
/** Says, in a record of that size, what details are behind its outcomes; where they are to be
 *  written. Borrowed of the plan and the record. */
ag_details ag_unit_record_details(const ag_plan *plan, size_t unit, ag_unit_record *record);

typedef struct ag_record {
  ag_record_kind kind;
  ag_digest key;
  const void *payload; /* borrowed */
  size_t size;
} ag_record;

/** Calls visit for every whole record of folder/journal in order. A torn record at the end is
 *  left out; no journal at all is success. Fails with AG_BAD_STORE, naming file and byte, where
 *  the file is no journal or a record before the end is damaged. */
typedef ag_status (*ag_record_visit)(void *context, const ag_record *record);
ag_status ag_journal_read(const char *folder, ag_record_visit visit, void *context);

typedef struct ag_journal ag_journal;
/** Opens folder/journal to append; cuts off a torn record at the end. Holds folder/lock until it is
 *  closed: fails with AG_IO_ERROR, naming host, pid and start, where another run holds it; one that
 *  a dead run left behind is taken over. */
ag_status ag_journal_open(const char *folder, ag_journal **journal);
void ag_journal_close(ag_journal **journal);
/** Appends one record with its checksum and synchronises the file. Fails with AG_IO_ERROR, and
 *  leaves the journal as it was, where it cannot be written or as ag_journal_keep does; where the
 *  disk does not take it, what was added since the file was last synchronised goes too. */
ag_status ag_journal_append(ag_journal *journal, const ag_record *record);
/** The same, but the file is synchronised by the next append, or by ag_journal_synchronise: for one
 * who writes a whole journal at once, and for what may be lost. */
ag_status ag_journal_add(ag_journal *journal, const ag_record *record);
ag_status ag_journal_synchronise(ag_journal *journal);
/** Shows other hosts that this run lives, as every append does; to be called every minute or more
 *  often while nothing is appended, since after five without a sign another host may take the
 * folder over. Cheap between two signs. Fails with AG_IO_ERROR where that has happened. */
ag_status ag_journal_keep(ag_journal *journal);

/* ---- checkpoints --------------------------------------------------------------------------- */

/* Where a training is, so that it can go on as if it had never stopped. */
typedef struct ag_checkpoint {
  ag_digest key; /* the model's: another training does not take it for its own */
  ag_training_state state;
} ag_checkpoint;

/** Writes folder/checkpoints/NAME-NUMBER.h5, whole or not at all, and then removes all but it and
 *  the newest before it. checkpoint: borrowed. Fails with AG_IO_ERROR (a full disk, a folder that
 *  cannot be written) or AG_HDF5_FAILED, naming the file; the older ones are then as they were. */
ag_status ag_checkpoint_save(const char *folder, const char *name, const ag_checkpoint *checkpoint);
/** Reads the newest that is whole and has this key and so many floats. One that is not, cut off or
 *  damaged in any bit, is passed over with a line in the log that names it. *found: false where
 * there is none, which is success. checkpoint: overwritten; its vectors are owned by the caller,
 * freed by ag_checkpoint_clear. Fails with AG_OUT_OF_MEMORY, or AG_IO_ERROR where the folder cannot
 * be read. */
ag_status ag_checkpoint_load(const char *folder, const char *name, const ag_digest *key,
                             size_t floats, bool *found, ag_checkpoint *checkpoint);
/** Frees the vectors of one that was loaded. */
void ag_checkpoint_clear(ag_checkpoint *checkpoint);
/** Removes all of that name, once the model is trained. Fails with AG_IO_ERROR, naming the file. */
ag_status ag_checkpoint_remove(const char *folder, const char *name);

/* ---- ledger ------------------------------------------------------------------------------- */

/* What a journal says about the models and units of a plan. */
typedef enum ag_progress { AG_PROGRESS_MISSING, AG_PROGRESS_DONE, AG_PROGRESS_FAILED } ag_progress;

typedef struct ag_model_state {
  ag_progress progress;
  size_t epoch_count;
  ag_epoch *epochs; /* of the last time it was trained */
  double *bounds;   /* see ag_lipschitz_bounds: [1 + layers] the network's, then each layer's; NULL:
                     * they were not measured */
  ag_model_record record;
  char *failure; /* NULL but where it failed */
} ag_model_state;

typedef struct ag_unit_state {
  ag_progress progress;
  ag_unit_record record;
  ag_outcome *outcomes; /* [record.outcomes]; NULL where there are none */
  bool has_details;     /* those that the plan wants; a record of before there were any has none */
  void *details;        /* see ag_unit_details */
  char *failure;
} ag_unit_state;

#define AG_NOT_IN_PLAN SIZE_MAX

/* A span, and whose work it was: of the model where its epoch is not 0, else of the unit. */
typedef struct ag_work_span {
  size_t run;   /* which of the journal's, from 1; 0: before any */
  size_t index; /* in the plan's models or units, or AG_NOT_IN_PLAN: an edited job has it no more */
  ag_span span;
} ag_work_span;

typedef struct ag_ledger {
  const ag_plan *plan;      /* borrowed */
  ag_model_state *models;   /* [plan->model_count] */
  ag_unit_state *units;     /* [plan->unit_count] */
  size_t runs;              /* AG_RECORD_RUN seen */
  ag_provenance provenance; /* of the last run */
  size_t rank_count;        /* of the last run that came to its end; 0: none did */
  ag_rank_times *ranks;     /* [rank_count] */
  size_t span_count;        /* 0 also where the runs were before there were any */
  ag_work_span *spans;      /* [span_count], of all runs, as they were recorded */
} ag_ledger;

ag_status ag_ledger_create(const ag_plan *plan, ag_ledger **ledger);
void ag_ledger_destroy(ag_ledger **ledger);
/** Takes a record in; one whose key the plan does not have is passed over, but
 *  for a span. Usable as the
 *  visit of ag_journal_read with the ledger as context. A later record of a key replaces
 *  an earlier failure, never what is done; but a model that was trained anew to other parameters
 *  replaces the old one, and the units that attacked the old one, or took their images from it, are
 *  open again. A unit's record that lacks details which the plan wants is passed over, but for one
 *  from before there were any, where the job does not ask for them itself: no finished work is done
 *  again for pictures that nobody has asked for. */
ag_status ag_ledger_take(void *ledger, const ag_record *record);
/** What a unit's record says of the models that it depends on. model, source: ag_network_digest of
 *  the point's; where they are one, that is it, else the digest of both, of which one from a file
 *  counts as zeros, since the file is part of the unit's key. Fails with AG_OUT_OF_MEMORY. */
ag_status ag_attacked_digest(const ag_plan *plan, size_t point, const ag_digest *model,
                             const ag_digest *source, ag_digest *attacked);
/** Whether that is what the unit's models are now, as far as the ledger knows them. */
ag_status ag_ledger_is_current(const ag_ledger *ledger, size_t unit, const ag_digest *attacked,
                               bool *current);
/** A point's state: failed where a model or a unit of it failed, done where all units are. */
ag_progress ag_ledger_point(const ag_ledger *ledger, size_t point);
/** A done point's outcomes in the order of its images, as they are at its epsilon, and what they
 *  cost; that of an attack that takes no epsilon is the same for all. outcomes: owned by the
 *  caller, freed by ag_release. */
ag_status ag_ledger_outcomes(const ag_ledger *ledger, size_t point, ag_outcome **outcomes,
                             size_t *count, ag_attack_cost *cost, double *seconds);

/** What details a unit has, as the plan wants them: borrowed. Of one without, its block is NULL. */
ag_details ag_unit_details(const ag_ledger *ledger, size_t unit);

/* A point's details at its epsilon, in the order of its images. */
typedef struct ag_point_details {
  ag_details details;   /* its block is owned */
  bool has[AG_DETAILS]; /* whether all images have it that should: some units may lack it */
} ag_point_details;

/** Of a done point with its outcomes, of all its images. Freed by ag_point_details_clear, also
 *  where it fails. */
ag_status ag_ledger_details(const ag_ledger *ledger, size_t point, const ag_outcome *outcomes,
                            size_t count, ag_point_details *details);
void ag_point_details_clear(ag_point_details *details);

/* A point by the single draws of its network. */
typedef struct ag_point_draws {
  size_t draws; /* 0: they are not known, or the network is not random */
  uint32_t *clean_correct, *robust_correct; /* [draws]: see ag_summarise_draws */
  ag_draw_summary summary;
} ag_point_draws;

/** Freed by ag_point_draws_clear; on failure nothing is left to free. */
ag_status ag_point_draws_take(const ag_point_details *details, const ag_outcome *outcomes,
                              ag_point_draws *draws);
void ag_point_draws_clear(ag_point_draws *draws);

/** The sanity gates of all points that are done. gates: overwritten. Fails with AG_OUT_OF_MEMORY.
 */
ag_status ag_ledger_gates(const ag_ledger *ledger, ag_gates *gates);

/* ---- what a job is and reads ------------------------------------------------------------ */

/** Reads and checks a job file. text, size: its bytes, owned by the caller, freed by ag_release.
 *  Fails with AG_INVALID_ARGUMENT where it cannot be read, with AG_BAD_JOB as ag_job_read does. */
ag_status ag_job_load(const char *path, char **text, size_t *size, ag_job **job);

/** Digests of the model files that the job's defenses name: models[defense_count], owned by the
 *  caller, freed by ag_release. Fails with AG_IO_ERROR, naming the file. */
ag_status ag_model_files_digest(const ag_job *job, ag_digest **models);

/* ---- a result folder as it stands ---------------------------------------------------------- */

/* What a folder's job.yaml and journal say, also while a run is writing to it. */
typedef struct ag_folder {
  ag_job *job;
  ag_plan *plan;
  ag_ledger *ledger;
} ag_folder;

/** Reads a folder that `run` has made. Fails with AG_INVALID_ARGUMENT where it is none; on
 *  failure nothing is left to free. */
ag_status ag_folder_read(const char *path, ag_folder *folder);
void ag_folder_clear(ag_folder *folder);

/* ---- folders joined ------------------------------------------------------------------------ */

/** Makes of several result folders a new one, as ag_job_join makes of their jobs one: with every
 *  model and unit that one of them has, once, and without the times of their ranks. What several
 *  have must be the same in all that `verify` compares. folders are locked meanwhile, and left as
 *  they were; output must not be there yet, or be empty, and appears whole or not at all. Fails
 * with AG_INVALID_ARGUMENT where a folder is no result folder, is given twice, or does not go with
 *  another, naming both and what differs; with AG_IO_ERROR where a run writes to one; with
 *  AG_INTERRUPTED. */
ag_status ag_merge(const char *const *folders, size_t count, const char *output);

/* ---- a changed job ------------------------------------------------------------------------- */

/** Appends a line for all that a job changes about the finished work in a folder, compared with
 *  folder/job.yaml, the job that was run there last: "training.epochs was 12 and is 13: 'none' is
 *  trained again; 24 finished points of it are done again", "18 points are new". ledger: of the
 *  job's plan, as the journal has it now; dataset: the digest of what it runs on. Nothing where
 *  nothing was run, or nothing changes. Fails with AG_OUT_OF_MEMORY or AG_IO_ERROR. */
ag_status ag_changes_tell(const char *folder, const ag_ledger *ledger, const ag_digest *dataset,
                          ag_text *lines);

/* ---- result file --------------------------------------------------------------------------- */

/** Writes folder/results.h5 from the ledger, whole or not at all. job_text: the job with every
 *  default, as it was run. Fails with AG_HDF5_FAILED or AG_IO_ERROR, naming the file. */
ag_status ag_results_write(const char *folder, const ag_ledger *ledger, const char *job_text);

#endif
