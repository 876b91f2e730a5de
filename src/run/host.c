/* The ranks' places: threads, cores, host names, and the dataset in memory that a node shares. */
#include "run/host.h"
#include "advgrid/run.h"
#include "training/team.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
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

/* ---- cores ---- */

/* The first of the processors that share a core with this one. */
static size_t first_of_core(size_t processor)
{
  char path[96];
  char line[64] = "";
  char *end = line;
  snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%zu/topology/thread_siblings_list",
           processor);
  FILE *file = fopen(path, "re");
  if (file == NULL) return processor;
  const bool is_read = fgets(line, sizeof line, file) != NULL;
  fclose(file);
  const size_t first = is_read ? strtoul(line, &end, 10) : 0;
  return end == line || first >= CPU_SETSIZE ? processor : first;
}

cpu_set_t ag_cores_of(const cpu_set_t *processors)
{
  cpu_set_t cores;
  CPU_ZERO(&cores);
  for (size_t processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (CPU_ISSET(processor, processors)) CPU_SET(first_of_core(processor), &cores);
  }
  return cores;
}

size_t ag_machine_cores(void)
{
  cpu_set_t own;
  CPU_ZERO(&own);
  if (sched_getaffinity(0, sizeof own, &own) != 0) return 1;
  const cpu_set_t cores = ag_cores_of(&own);
  return (size_t)CPU_COUNT(&cores);
}

/* ---- host names ---- */

/* True where the list of names with commas holds the name. */
static bool is_listed(const char *names, const char *name)
{
  const size_t length = strlen(name);
  for (const char *at = names; *at != '\0';
       at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
    if (strcspn(at, ",") == length && strncmp(at, name, length) == 0) return true;
  }
  return false;
}

ag_status ag_hosts_gather(MPI_Comm communicator, ag_host **hosts)
{
  ag_host own = {""};
  int length = 0;
  const ag_team team = ag_team_of(communicator);
  ag_status status = AG_OK;
  *hosts = NULL;
  MPI_Get_processor_name(own.name, &length);
  if (team.rank == 0) status = ag_allocate(team.size, sizeof own, hosts);
  status = ag_ranks_agree(communicator, status);
  if (status != AG_OK) return status;
  MPI_Gather(&own, sizeof own, MPI_CHAR, *hosts, sizeof own, MPI_CHAR, 0, communicator);
  return AG_OK;
}

void ag_hosts_list(const ag_host *hosts, size_t count, size_t size, char *names)
{
  size_t used = 0;
  names[0] = '\0';
  for (size_t i = 0; i < count; ++i) {
    const char *name = hosts[i].name;
    if (is_listed(names, name) || used + strlen(name) + 2 > size) continue;
    used += (size_t)snprintf(names + used, size - used, "%s%s", used > 0 ? "," : "", name);
  }
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
  /* Here alone MPI's handler is not to end the program: a full /dev/shm deserves a message. */
  MPI_Comm_set_errhandler(memory->node, MPI_ERRORS_RETURN);
  ag_status status = AG_OK;
  if (MPI_Win_allocate_shared(node_rank == 0 ? (MPI_Aint)bytes : 0, 1, MPI_INFO_NULL, memory->node,
                              &memory->block, &memory->window) != MPI_SUCCESS) {
    status =
        ag_fail(AG_OUT_OF_MEMORY, "cannot share %zu bytes of dataset among a node's ranks", bytes);
  }
  MPI_Comm_set_errhandler(memory->node, MPI_ERRORS_ARE_FATAL);
  status = ag_ranks_agree(communicator, status);
  if (status != AG_OK) return status;
  MPI_Win_shared_query(memory->window, 0, &size, &unit, &memory->block);
  MPI_Win_fence(0, memory->window);
  return AG_OK;
}

void ag_node_memory_destroy(ag_node_memory *memory)
{
  if (memory->window != MPI_WIN_NULL) MPI_Win_free(&memory->window);
  if (memory->leaders != MPI_COMM_NULL) MPI_Comm_free(&memory->leaders);
  if (memory->node != MPI_COMM_NULL) MPI_Comm_free(&memory->node);
}

void ag_node_memory_spread(ag_node_memory *memory, size_t bytes)
{
  enum { CHUNK = 1 << 28 };
  for (size_t done = 0; memory->leaders != MPI_COMM_NULL && done < bytes; done += CHUNK) {
    const size_t left = bytes - done;
    MPI_Bcast((char *)memory->block + done, (int)(left < CHUNK ? left : CHUNK), MPI_BYTE, 0,
              memory->leaders);
  }
  MPI_Win_fence(0, memory->window);
}
