/* Whether the ranks of a node stand in each other's way: threads, cores, and how they are bound. */
#ifndef ADVGRID_RUN_PLACEMENT_H
#define ADVGRID_RUN_PLACEMENT_H

#include <mpi.h>
#include <sched.h>

#include "advgrid/base.h"

/* Where a rank is on its node. Processors are as Linux counts them; a core may have several, and
 * goes by the number of its first. */
typedef struct ag_placement {
  int rank;
  size_t threads;
  double quota;                   /* processors' worth of time that its node gives all; 0: no end */
  cpu_set_t bound, bound_cores;   /* what it may use */
  cpu_set_t usable, usable_cores; /* what it might be bound to */
} ag_placement;

enum { AG_PLACEMENT_TEXT = 512 };

/* What is wrong on a node; empty: nothing. */
typedef struct ag_placement_findings {
  char crowded[AG_PLACEMENT_TEXT]; /* more threads than processors */
  char bound[AG_PLACEMENT_TEXT];   /* ranks bound to one core that could be apart */
} ag_placement_findings;

/** Judges the ranks of one node. ranks[count]: borrowed. Not collective. */
void ag_placement_judge(const char *host, const ag_placement *ranks, size_t count,
                        ag_placement_findings *findings);

/** The least of the limits in the files cpu.max of a control group (version 2) and of those above
 *  it, in processors; 0: no limit. group: "/a/b", below `root`. */
double ag_placement_quota(const char *root, const char *group);

/** Says in the log where OpenBLAS's build is wrong or slow for so many threads side by side, which
 *  this run's own kernels do not feel. Not collective. */
void ag_placement_warn_of_blas(size_t threads);

/** Says in rank 0's log what is wrong on the first node of each kind, and on how many more,
 *  once. threads: of this rank. Collective. Fails with AG_OUT_OF_MEMORY, or AG_ELSEWHERE. */
ag_status ag_placement_warn(MPI_Comm communicator, size_t threads);

#endif
