/* Sums over the ranks of a team. */
#include "training/team.h"

#include <assert.h>
#include <string.h>

ag_team ag_team_of(MPI_Comm communicator)
{
  int rank = 0;
  int size = 1;
  MPI_Comm_rank(communicator, &rank);
  MPI_Comm_size(communicator, &size);
  return (ag_team){.communicator = communicator, .rank = (size_t)rank, .size = (size_t)size};
}

const float *ag_team_sum_floats(const ag_team *team, size_t count, const float *values,
                                float *received)
{
  if (team->size == 1) return values;
  assert(count <= INT32_MAX);
  MPI_Allreduce(values, received, (int)count, MPI_FLOAT, MPI_SUM, team->communicator);
  return received;
}

void ag_team_sum_doubles(const ag_team *team, size_t count, double *values)
{
  double sums[8];
  assert(count <= 8);
  MPI_Allreduce(values, sums, (int)count, MPI_DOUBLE, MPI_SUM, team->communicator);
  memcpy(values, sums, count * sizeof *values);
}

ag_status ag_team_agree(const ag_team *team, ag_status status)
{
  double failed = status != AG_OK;
  ag_team_sum_doubles(team, 1, &failed);
  if (status != AG_OK || failed == 0) return status;
  return ag_fail(AG_ELSEWHERE, "another rank failed");
}
