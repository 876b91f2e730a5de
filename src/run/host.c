/* The ranks' places: threads, host names, and the dataset in memory that a node shares. */
#include "run/host.h"
#include "training/team.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

ag_status ag_ranks_agree(MPI_Comm communicator, ag_status status)
{
  const ag_team all = ag_team_of(communicator);
  return ag_team_agree(&all, status);
}

/* ---- threads ---- */

size_t ag_threads_choose(MPI_Comm communicator)
{
  int mine[CPU_SETSIZE] = {0};
  int ranks[CPU_SETSIZE] = {0};
  cpu_set_t set;
  MPI_Comm node = MPI_COMM_NULL;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) CPU_SET(0, &set);
  for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    mine[cpu] = CPU_ISSET(cpu, &set) ? 1 : 0;
  MPI_Comm_split_type(communicator, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
  MPI_Allreduce(mine, ranks, CPU_SETSIZE, MPI_INT, MPI_SUM, node);
  MPI_Comm_free(&node);
  double share = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (mine[cpu] != 0) share += 1.0 / ranks[cpu];
  }
  return share < 1 ? 1 : (size_t)(share + 1e-6);
}

/* ---- host names ---- */

void ag_hosts_gather(MPI_Comm communicator, size_t size, char *names)
{
  char host[MPI_MAX_PROCESSOR_NAME] = "";
  char previous[MPI_MAX_PROCESSOR_NAME] = "";
  int length = 0;
  int rank = 0;
  int ranks = 1;
  size_t used = 0;
  MPI_Get_processor_name(host, &length);
  MPI_Comm_rank(communicator, &rank);
  MPI_Comm_size(communicator, &ranks);
  if (rank != 0) {
    MPI_Gather(host, sizeof host, MPI_CHAR, NULL, 0, MPI_CHAR, 0, communicator);
    return;
  }
  char *all = NULL;
  names[0] = '\0';
  if (ag_allocate((size_t)ranks, sizeof host, &all) != AG_OK) ranks = 0;
  MPI_Gather(host, sizeof host, MPI_CHAR, all, sizeof host, MPI_CHAR, 0, communicator);
  for (int i = 0; i < ranks; ++i) {
    const char *name = all + (size_t)i * sizeof host;
    if (strcmp(name, previous) == 0) continue;
    memcpy(previous, name, sizeof previous);
    const int wrote = snprintf(names + used, size - used, "%s%s", used > 0 ? "," : "", name);
    if (wrote < 0 || (size_t)wrote >= size - used) break;
    used += (size_t)wrote;
  }
  ag_release(&all);
}

/* ---- memory of a node ---- */

ag_status ag_node_memory_create(MPI_Comm communicator, size_t bytes, ag_node_memory *memory)
{
  int rank = 0;
  int node_rank = 0;
  int unit = 0;
  MPI_Aint size = 0;
  *memory =
      (ag_node_memory){.node = MPI_COMM_NULL, .leaders = MPI_COMM_NULL, .window = MPI_WIN_NULL};
  MPI_Comm_rank(communicator, &rank);
  MPI_Comm_split_type(communicator, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &memory->node);
  MPI_Comm_rank(memory->node, &node_rank);
  MPI_Comm_split(communicator, node_rank == 0 ? 0 : MPI_UNDEFINED, rank, &memory->leaders);
  /* The default handler would end the program; a full /dev/shm deserves a message. */
  MPI_Comm_set_errhandler(memory->node, MPI_ERRORS_RETURN);
  if (MPI_Win_allocate_shared(node_rank == 0 ? (MPI_Aint)bytes : 0, 1, MPI_INFO_NULL, memory->node,
                              &memory->block, &memory->window) != MPI_SUCCESS ||
      MPI_Win_shared_query(memory->window, 0, &size, &unit, &memory->block) != MPI_SUCCESS) {
    return ag_fail(AG_OUT_OF_MEMORY, "cannot share %zu bytes of dataset among a node's ranks",
                   bytes);
  }
  MPI_Win_fence(0, memory->window);
  return AG_OK;
}

void ag_node_memory_destroy(ag_node_memory *memory)
{
  if (memory->window != MPI_WIN_NULL) MPI_Win_free(&memory->window);
  if (memory->leaders != MPI_COMM_NULL) MPI_Comm_free(&memory->leaders);
  if (memory->node != MPI_COMM_NULL) MPI_Comm_free(&memory->node);
}

ag_status ag_node_memory_spread(ag_node_memory *memory, size_t bytes)
{
  enum { CHUNK = 1 << 28 };
  ag_status status = AG_OK;
  for (size_t done = 0; memory->leaders != MPI_COMM_NULL && done < bytes; done += CHUNK) {
    const size_t left = bytes - done;
    if (MPI_Bcast((char *)memory->block + done, (int)(left < CHUNK ? left : CHUNK), MPI_BYTE, 0,
                  memory->leaders) != MPI_SUCCESS) {
      status = ag_fail(AG_MPI_FAILED, "sending the dataset to the other nodes failed");
    }
  }
  MPI_Win_fence(0, memory->window);
  return status;
}
