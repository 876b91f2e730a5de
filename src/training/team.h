/* The ranks that train one model together. The one place where training meets MPI. */
#ifndef ADVGRID_TRAINING_TEAM_H
#define ADVGRID_TRAINING_TEAM_H

#include <mpi.h>

#include "advgrid/training.h"

struct ag_team {
  MPI_Comm communicator; /* borrowed */
  size_t rank, size;
  bool one_host; /* where all ranks are; the work is shared out accordingly, to the same end */
  /* NULL, or called by the rank's first thread between layers, and over and over while it waits for
   * the others: what else it has to do. */
  void (*between)(void *context);
  void *context;
};

/** The team of all ranks of a communicator, wherever they are; nothing is called between. Not
 *  collective. */
ag_team ag_team_of(MPI_Comm communicator);
/** The same, and whether they are on one host: to train. Collective. */
ag_team ag_team_meet(MPI_Comm communicator);

/** Returns when all requests are complete. Not collective. */
void ag_team_wait(const ag_team *team, size_t count, MPI_Request *requests);
/** sums[count] = values[count] summed over the team; apart. Where for each value one rank at most
 *  has more than a zero, that is exact. The same bits on every rank. Collective; a team of one
 * needs no MPI, nor does its training. Here and everywhere a failure of MPI itself ends the
 * program: its default handler is kept. */
void ag_team_sum(const ag_team *team, size_t count, const double *values, double *sums);
/** The first rank's bytes become everybody's. Collective. */
void ag_team_share(const ag_team *team, void *bytes, size_t size);
/** Lets no rank go on alone: returns `status`, or AG_ELSEWHERE where another rank has a failure.
 *  Collective. */
ag_status ag_team_agree(const ag_team *team, ag_status status);

#endif
