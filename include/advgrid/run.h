/* advgrid/run.h: a job on the ranks of a communicator, from its file to its result file,
 * the benchmark of what such a run spends its time on, and a probe of the machine for a plan. */
#ifndef ADVGRID_RUN_H
#define ADVGRID_RUN_H

#include <mpi.h>

#include "advgrid/base.h"
#include "advgrid/plan.h"

typedef struct ag_run_request {
  const char *job_path;    /* the job file */
  const char *folder;      /* the result folder, made where it is missing */
  const char *data_folder; /* CIFAR-10 to use in the place of the job's dataset; NULL: the job's */
  const char *machine;     /* as ag_cluster_read reads it: what teams' sizes go by; NULL: none */
  const char *seed, *defense; /* the job's only one to run, as it writes or names it; NULL: all */
  size_t threads;             /* a rank; 0: as many as the rank may use without sharing a core */
  size_t ranks;               /* of the communicator; 0: as many as Slurm has tasks, if it has */
  bool strict;                /* fail where a sanity gate does */
} ag_run_request;

/** Runs, or continues, a job: fails with AG_INVALID_ARGUMENT, before anything is touched, where the
 *  ranks are not those that were started or asked for; trains what is not trained, attacks what is
 * not attacked, and rebuilds results.h5. Collective over communicator; every rank passes the same
 * request. Fails with the status of what stopped it, on the rank where it happened, and with
 * AG_ELSEWHERE on the others; with AG_UNITS_FAILED where all was tried and some units failed, and
 * of a strict request with AG_GATES_FAILED where all is done and a sanity gate failed: the results
 * are written in either case. */
ag_status ag_run(const ag_run_request *request, MPI_Comm communicator);

/* ---- benchmark --------------------------------------------------------------------------- */

typedef struct ag_bench_request {
  const char *model;                      /* the name of an architecture */
  const char *instructions, *convolution; /* as a job's `kernels:` has them */
  size_t threads;      /* a rank, at most; 0: as many as it may use without sharing a core */
  size_t shard, batch; /* as a job's `training:` has them */
  double seconds;      /* of each measurement, about */
  bool json;           /* the report as JSON instead of a table */
} ag_bench_request;

/** Measures, on synthetic images, a core's peak of multiply-adds, the matrix products, and forward
 *  passes, steps of PGD and training steps at 1, 2, 4 ... threads a rank, all ranks together; and
 *  where the time of a training step goes. Rates are given as a share of the floor: the operations
 *  of the products alone, 3x3 convolutions by Winograd's F(4x4, 3x3), at that peak on every core.
 *  text: on rank 0 the report is appended. Collective over communicator; every rank passes the
 *  same request. Fails with AG_INVALID_ARGUMENT where no model has that name, this processor does
 * not run the instructions, or MPI knows one rank of several that were started, with AG_BAD_JOB
 * where there are no such kernels. */
ag_status ag_bench(const ag_bench_request *request, MPI_Comm communicator, ag_text *text);

/** Measures training at 1, 2, 4 ... ranks of the communicator and at all of them, of clean images
 *  and of those that PGD of seven steps makes of them, with the request's batch over all ranks
 *  (strong scaling) and with as many images for each rank (weak); what a step's time goes to; and
 *  messages between the first rank and the last. text: on rank 0 the report is appended. cluster:
 * on rank 0 the machine is appended as ag_cluster_print does; NULL, on all ranks alike: not wanted.
 *  Collective, as ag_bench is. Fails as that does, and with AG_INVALID_ARGUMENT where the model has
 *  batch normalisation, or a machine is wanted of one rank, which sends no messages. */
ag_status ag_bench_scaling(const ag_bench_request *request, MPI_Comm communicator, ag_text *text,
                           ag_text *cluster);

/* ---- how fast this machine is, without MPI ------------------------------------------------- */

/** Measures training steps, passes and gradients of a job's model on synthetic images, on all cores
 *  of this process (16 at most) at once, for about two seconds, by the processor's time: so that
 *  other users of a busy machine hardly count. Of adversarial training it gives the sum of its
 *  parts, and of messages, which take two ranks, ag_cluster_guess's numbers. share: of the cores'
 *  time, what this process got. Calls no MPI. Fails as ag_network_create does. */
ag_status ag_probe(const ag_job *job, ag_cluster *cluster, double *share);
/** Cores that this process may use; two CPUs of one core count once. */
size_t ag_machine_cores(void);

/** Where a probe's findings are kept: in $XDG_CACHE_HOME/advgrid or ~/.cache/advgrid, named after
 *  the processor and the instructions that the job uses on it. Fails with AG_INVALID_ARGUMENT where
 *  there is no such folder to name, or the processor does not run the instructions. */
ag_status ag_machine_path(const ag_job *job, char path[AG_PATH_SIZE]);
/** Reads a machine file. Fails with AG_INVALID_ARGUMENT and the path. */
ag_status ag_machine_read(const char *path, ag_cluster *cluster);
/** Writes one, whole or not at all, and makes its folder. Fails with AG_IO_ERROR. */
ag_status ag_machine_keep(const char *path, const ag_cluster *cluster);

#endif
