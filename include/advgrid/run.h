/* advgrid/run.h: a job on the ranks of a communicator, from its file to its result file. */
#ifndef ADVGRID_RUN_H
#define ADVGRID_RUN_H

#include <mpi.h>

#include "advgrid/base.h"

typedef struct ag_run_request {
  const char *job_path;    /* the job file */
  const char *folder;      /* the result folder, made where it is missing */
  const char *data_folder; /* CIFAR-10 to use in the place of the job's dataset; NULL: the job's */
  size_t threads;          /* a rank; 0: as many as the rank may use without sharing a core */
} ag_run_request;

/** Runs, or continues, a job: trains what is not trained, attacks what is not attacked, and
 *  rebuilds results.h5. Collective over communicator; every rank passes the same request.
 *  Fails with the status of what stopped it, on the rank where it happened, and with AG_ELSEWHERE
 *  on the others; with AG_UNITS_FAILED where all was tried and some units failed. */
ag_status ag_run(const ag_run_request *request, MPI_Comm communicator);

#endif
