/* Sums over the ranks of a team. */
#include "training/team.h"

#include <assert.h>
#include <string.h>

void ag_team_wait(const ag_team *team, size_t count, MPI_Request *requests)
{
  int complete = 0;
  assert(count <= INT32_MAX);
  if (team->between == NULL) {
    MPI_Waitall((int)count, requests, MPI_STATUSES_IGNORE);
    return;
  }
  MPI_Testall((int)count, requests, &complete, MPI_STATUSES_IGNORE);
  while (!complete) {
    team->between(team->context);
    MPI_Testall((int)count, requests, &complete, MPI_STATUSES_IGNORE);
  }
}

void ag_team_sum(const ag_team *team, size_t count, const double *values, double *sums)
{
  MPI_Request request = MPI_REQUEST_NULL;
  assert(count <= INT32_MAX);
  if (team->size == 1) {
    memcpy(sums, values, count * sizeof *sums);
    return;
  }
  MPI_Iallreduce(values, sums, (int)count, MPI_DOUBLE, MPI_SUM, team->communicator, &request);
  ag_team_wait(team, 1, &request);
}

void ag_team_share(const ag_team *team, void *bytes, size_t size)
{
  MPI_Request request = MPI_REQUEST_NULL;
  assert(size <= INT32_MAX);
  if (team->size == 1) return;
  MPI_Ibcast(bytes, (int)size, MPI_BYTE, 0, team->communicator, &request);
  ag_team_wait(team, 1, &request);
}

ag_status ag_team_agree(const ag_team *team, ag_status status)
{
  const double failed = status != AG_OK;
  double failures = 0;
  ag_team_sum(team, 1, &failed, &failures);
  if (status != AG_OK || failures == 0) return status;
  return ag_fail(AG_ELSEWHERE, "another rank failed");
}

ag_team ag_team_of(MPI_Comm communicator)
{
  int rank = 0;
  int size = 1;
  MPI_Comm_rank(communicator, &rank);
  MPI_Comm_size(communicator, &size);
  return (ag_team){.communicator = communicator,
                   .rank = (size_t)rank,
                   .size = (size_t)size,
                   .one_host = size == 1};
}

static bool is_on_one_host(const ag_team *team)
{
  char own[MPI_MAX_PROCESSOR_NAME] = "";
  char first[MPI_MAX_PROCESSOR_NAME];
  int length = 0;
  double others = 0;
  MPI_Get_processor_name(own, &length);
  memcpy(first, own, sizeof first);
  ag_team_share(team, first, sizeof first);
  const double other = strcmp(own, first) != 0;
  ag_team_sum(team, 1, &other, &others);
  return others == 0;
}

ag_team ag_team_meet(MPI_Comm communicator)
{
  ag_team team = ag_team_of(communicator);
  if (team.size > 1) team.one_host = is_on_one_host(&team);
  return team;
}
