/* Whether MPI knows all the processes that were started. A launcher and an MPI that do not speak
 * the same protocol give N programs of one rank each, without a word. */
#ifndef ADVGRID_RUN_LAUNCH_H
#define ADVGRID_RUN_LAUNCH_H

#include <mpi.h>

#include "advgrid/base.h"

/* What the environment of a process says of its start; 0: nothing. */
typedef struct ag_launch {
  size_t mpirun; /* processes that mpirun has started: OMPI_COMM_WORLD_SIZE */
  size_t step;   /* tasks that srun has started: SLURM_STEP_NUM_TASKS */
  size_t job;    /* tasks that Slurm's job asked for: SLURM_NTASKS */
  size_t number; /* of this process among those that were started */
} ag_launch;

ag_launch ag_launch_read(void);

/** Fails with AG_INVALID_ARGUMENT where MPI has one rank and more processes were started; with
 *  AG_ELSEWHERE on all but the first of these, so that one message is printed. size: of
 *  MPI_COMM_WORLD. Not collective. */
ag_status ag_launch_check_alone(const ag_launch *launch, size_t size);
/** The same, and fails with AG_INVALID_ARGUMENT where MPI has other than `ranks` ranks; 0: other
 *  than Slurm's job has tasks, or its step where srun started them. */
ag_status ag_launch_check(const ag_launch *launch, size_t size, size_t ranks);

/** Rank 0's ag_launch_check; ag_launch_check_alone where `alone`. Collective. */
ag_status ag_launch_agree(MPI_Comm communicator, size_t ranks, bool alone);

#endif
