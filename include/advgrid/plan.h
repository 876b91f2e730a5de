/* advgrid/plan.h: from a job file to units of work, and who does which when.
 * All pure: no MPI, no clock, no files. Every rank makes the same plan from the same text. */
#ifndef ADVGRID_PLAN_H
#define ADVGRID_PLAN_H

#include "advgrid/attack.h"
#include "advgrid/base.h"
#include "advgrid/data.h"
#include "advgrid/defense.h"
#include "advgrid/training.h"

/* ---- the job file ----------------------------------------------------------------- */

typedef struct ag_epsilon {
  double value;
  char text[32]; /* as the job writes it: "8/255" */
} ag_epsilon;

typedef struct ag_job {
  char name[AG_NAME_SIZE];
  ag_entry dataset, model;
  ag_training training;
  ag_settings evaluation; /* images, block */
  ag_settings kernels;    /* of ag_kernel_options */
  ag_settings run;        /* of ag_run_options */
  size_t seed_count, defense_count, attack_count, epsilon_count;
  uint64_t *seeds;
  ag_entry *defenses, *attacks;
  ag_epsilon *epsilons;
} ag_job;

/** The options of `run:`, how the ranks share the work. No result depends on them, so no key does:
 *  ranks_per_model (0: auto), checkpoint_minutes, stall_seconds. */
extern const ag_option ag_run_options[];

/** Reads a job from YAML; path: named in messages. Every key and value is checked; fails with
 *  AG_BAD_JOB and "path:line: what was found; what was expected". */
ag_status ag_job_read(const char *text, size_t size, const char *path, ag_job **job);
void ag_job_destroy(ag_job **job);

/** Puts CIFAR-10 in the place of the job's dataset, with as many images. */
ag_status ag_job_use_cifar10(ag_job *job);

/** Appends the job as YAML with every default filled in; reading it gives the same job. */
ag_status ag_job_print(const ag_job *job, ag_text *text);

/* ---- the plan ------------------------------------------------------------------------ */

/* One network to train or to take from a file: a defense with a seed. */
typedef struct ag_model_unit {
  size_t defense, seed;        /* indices in the job */
  char name[2 * AG_NAME_SIZE]; /* of models/NAME.h5: the defense's, with "-seedN" among several */
  ag_digest key;               /* of all that its parameters depend on */
  ag_layer_list layers;
  bool from_file; /* its defense names one: nothing is trained */
  double flops;   /* of training it */
} ag_model_unit;

/* One row of the results. */
typedef struct ag_point {
  size_t model, attack, epsilon; /* indices in the plan or the job */
  ag_digest key;                 /* of all that the row depends on, the number of images included */
  size_t first_unit, unit_count;
} ag_point;

/* What one rank does in one go: a block of a point's images. */
typedef struct ag_unit {
  size_t point;
  size_t first, count; /* images of the test set */
  ag_digest key;
  double flops; /* at most: images that fall early cost less */
} ag_unit;

typedef struct ag_plan {
  const ag_job *job;  /* borrowed */
  ag_dataset dataset; /* described, not attached */
  size_t dataset_bytes;
  size_t model_count, point_count, unit_count;
  ag_model_unit *models;
  ag_point *points; /* by model, attack, epsilon in the job's order */
  ag_unit *units;   /* by point */
  double training_flops, attack_flops;
  size_t rank_bytes; /* memory of a rank with one thread, without the dataset */
} ag_plan;

/* Digests of what a job reads: part of every key, so that other images or another model under
 * the same name are other work. */
typedef struct ag_inputs {
  ag_digest dataset; /* of the loaded block */
  ag_digest *models; /* [defenses] of a `file`; zero where there is none */
} ag_inputs;

/** Expands the job. inputs: NULL where the plan is only printed. Fails with AG_BAD_JOB where the
 *  parts do not fit each other. */
ag_status ag_plan_create(const ag_job *job, const ag_inputs *inputs, ag_plan **plan);
void ag_plan_destroy(ag_plan **plan);

/* ---- the scheduler ---------------------------------------------------------------------- */

/* A pure state machine: told what happened, it answers who does what. */
typedef struct ag_scheduler ag_scheduler;

/** costs[count]: borrowed during the call. done[count]: units that need not be done again; NULL:
 *  none. Units go out longest first. */
ag_status ag_scheduler_create(const double *costs, const bool *done, size_t count, size_t ranks,
                              ag_scheduler **scheduler);
void ag_scheduler_destroy(ag_scheduler **scheduler);
/** The next unit for a rank; false where none is left to hand out. */
bool ag_scheduler_next(ag_scheduler *scheduler, size_t rank, size_t *unit);
/** A unit came back from the rank it was given to. */
void ag_scheduler_finish(ag_scheduler *scheduler, size_t rank, size_t unit);
/** Units a rank holds: given to it and not finished. */
size_t ag_scheduler_held(const ag_scheduler *scheduler, size_t rank);

#endif
