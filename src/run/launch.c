/* Whether MPI knows all the processes that were started, from what launchers leave in the
 * environment. */
#include "run/launch.h"
#include "run/host.h"

#include <stdlib.h>

/* 0 where it is not there, or no number. */
static size_t number_of(const char *variable)
{
  const char *value = getenv(variable);
  return value == NULL ? 0 : (size_t)strtoul(value, NULL, 10);
}

ag_launch ag_launch_read(void)
{
  ag_launch launch = {.mpirun = number_of("OMPI_COMM_WORLD_SIZE"),
                      .step = number_of("SLURM_STEP_NUM_TASKS"),
                      .job = number_of("SLURM_NTASKS")};
  if (launch.mpirun > 0) {
    launch.number = number_of("OMPI_COMM_WORLD_RANK");
  } else if (launch.step > 0) {
    launch.number = number_of("SLURM_PROCID");
  }
  return launch;
}

ag_status ag_launch_check_alone(const ag_launch *launch, size_t size)
{
  const size_t started = launch->mpirun > 0 ? launch->mpirun : launch->step;
  if (size != 1 || started <= 1) return AG_OK;
  if (launch->number > 0) return ag_fail(AG_ELSEWHERE, "one of %zu single ranks", started);
  if (launch->mpirun > 0) {
    return ag_fail(AG_INVALID_ARGUMENT,
                   "MPI has 1 rank, but mpirun started %zu (OMPI_COMM_WORLD_SIZE), each of which"
                   " would do the whole job: this mpirun is of another MPI than advgrid was built"
                   " with; take the mpirun of that one",
                   started);
  }
  return ag_fail(AG_INVALID_ARGUMENT,
                 "MPI has 1 rank, but srun started %zu tasks (SLURM_STEP_NUM_TASKS), each of which"
                 " would do the whole job: srun and MPI do not speak the same PMI. Try srun"
                 " --mpi=pmix (srun --mpi=list names what there is), or mpirun",
                 started);
}

/* What Slurm says the ranks should be. Where mpirun starts ranks on another node, it does so by a
 * step of its own daemons, whose tasks are counted in both variables there: these say nothing. */
static size_t expected(const ag_launch *launch, const char **variable)
{
  *variable = "SLURM_NTASKS";
  if (launch->mpirun > 0) return launch->job == launch->step ? 0 : launch->job;
  if (launch->step == 0) return launch->job;
  *variable = "SLURM_STEP_NUM_TASKS";
  return launch->step;
}

ag_status ag_launch_check(const ag_launch *launch, size_t size, size_t ranks)
{
  const char *variable = NULL;
  const ag_status status = ag_launch_check_alone(launch, size);
  if (status != AG_OK) return status;
  if (ranks > 0) {
    if (ranks == size) return AG_OK;
    return ag_fail(AG_INVALID_ARGUMENT, "MPI has %zu rank%s, but --ranks is %zu", size,
                   ag_plural(size, "", "s"), ranks);
  }
  const size_t tasks = expected(launch, &variable);
  if (tasks == 0 || tasks == size) return AG_OK;
  return ag_fail(AG_INVALID_ARGUMENT,
                 "MPI has %zu rank%s, but Slurm has %zu task%s (%s): %s. Where %zu %s meant, say so"
                 " by --ranks %zu",
                 size, ag_plural(size, "", "s"), tasks, ag_plural(tasks, "", "s"), variable,
                 size == 1 && launch->mpirun == 0
                     ? "start it by srun --mpi=pmix or by mpirun"
                     : "srun --mpi=pmix, or mpirun without -n, starts one rank a task",
                 size, ag_plural(size, "is", "are"), size);
}

ag_status ag_launch_agree(MPI_Comm communicator, size_t ranks, bool alone)
{
  int rank = 0;
  int size = 0;
  ag_status status = AG_OK;
  MPI_Comm_rank(communicator, &rank);
  MPI_Comm_size(communicator, &size);
  if (rank == 0) {
    const ag_launch launch = ag_launch_read();
    status = alone ? ag_launch_check_alone(&launch, (size_t)size)
                   : ag_launch_check(&launch, (size_t)size, ranks);
  }
  return ag_ranks_agree(communicator, status);
}
