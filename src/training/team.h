/* The ranks that train one model together. The one place where training meets MPI. */
#ifndef ADVGRID_TRAINING_TEAM_H
#define ADVGRID_TRAINING_TEAM_H

#include <mpi.h>

#include "advgrid/training.h"

struct ag_team {
  MPI_Comm communicator; /* borrowed */
  size_t rank, size;
};

/** The team of all ranks of a communicator. Not collective. */
ag_team ag_team_of(MPI_Comm communicator);

/** values[count] summed over the team: in `received`, as long, which is returned; in a team of one
 *  in `values` itself. The same bits on every rank. Collective.
 *  Here and everywhere a failure of MPI itself ends the program: its default handler is kept. */
const float *ag_team_sum_floats(const ag_team *team, size_t count, const float *values,
                                float *received);
/** values[count] = sum over the team: overwritten on every rank; count <= 8. Collective. */
void ag_team_sum_doubles(const ag_team *team, size_t count, double *values);
/** Lets no rank go on alone: returns `status`, or AG_ELSEWHERE where another rank has a failure.
 *  Collective. */
ag_status ag_team_agree(const ag_team *team, ag_status status);

#endif
