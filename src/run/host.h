/* The ranks' places: threads, cores, host names, and the dataset in memory that a node shares. */
#ifndef ADVGRID_RUN_HOST_H
#define ADVGRID_RUN_HOST_H

#include <mpi.h>
#include <sched.h>

#include "advgrid/data.h"

/** Lets no rank go on alone: returns `status`, or AG_ELSEWHERE where another rank failed.
 *  Collective. */
ag_status ag_ranks_agree(MPI_Comm communicator, ag_status status);

/** Threads for this rank so that no core of the node serves two: the sum, over the cores that the
 *  rank is bound to, of its share of each. At least 1. Collective. */
size_t ag_threads_choose(MPI_Comm communicator);

/** The cores of a set of processors, each by the number of its first processor. */
cpu_set_t ag_cores_of(const cpu_set_t *processors);

typedef struct ag_host {
  char name[MPI_MAX_PROCESSOR_NAME];
} ag_host;

/** hosts: on rank 0 [ranks] the name of each one's host, owned by the caller, freed by ag_release;
 *  NULL on the others. Collective. */
ag_status ag_hosts_gather(MPI_Comm communicator, ag_host **hosts);
/** names[size]: each host once, with commas, as many as fit. */
void ag_hosts_list(const ag_host *hosts, size_t count, size_t size, char *names);

/* One block of memory for each node. */
typedef struct ag_node_memory {
  MPI_Comm node, leaders; /* leaders: the first rank of each node, else MPI_COMM_NULL */
  MPI_Win window;
  void *block;
} ag_node_memory;

/** Allocates `bytes` once per node, for all its ranks. Collective. Fails with AG_OUT_OF_MEMORY, or
 *  AG_ELSEWHERE, on every rank where it fails on one. */
ag_status ag_node_memory_create(MPI_Comm communicator, size_t bytes, ag_node_memory *memory);
void ag_node_memory_destroy(ag_node_memory *memory);
/** Copies rank 0's block to every node. Collective over the communicator of the creation. */
void ag_node_memory_spread(ag_node_memory *memory, size_t bytes);

#endif
