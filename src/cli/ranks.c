/* How a command that runs on several ranks ends. */
#include "cli/commands.h"

#include <limits.h>
#include <mpi.h>

void ag_ranks_say_failure(ag_status status, int rank)
{
  const bool knows = status != AG_OK && status != AG_ELSEWHERE;
  int mine = knows ? rank : INT_MAX;
  int first = INT_MAX;
  MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  if (rank == first) ag_log("%s", ag_message());
}

int ag_ranks_exit_code(ag_status status)
{
  const int mine = ag_status_exit_code(status);
  int worst = 0;
  MPI_Allreduce(&mine, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  return worst;
}
