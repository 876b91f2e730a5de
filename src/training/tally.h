/* What the ranks of a team tell each other of a batch, in one sum. */
#ifndef ADVGRID_TRAINING_TALLY_H
#define ADVGRID_TRAINING_TALLY_H

#include "training/team.h"

/* Ranks that failed, that were asked to stop, that want to pause; then what the ranks count. */
enum { AG_TALLY_FAILURE, AG_TALLY_INTERRUPTION, AG_TALLY_PAUSE, AG_TALLY_REST };

/* Each rank sets its own numbers, and leaves zeros where the others' are, so that the sums over
 * ranks round nothing. */
typedef struct ag_tally {
  size_t count;
  double *numbers, *sums; /* [count] */
} ag_tally;

/** tally: to be cleared, also after a failure. */
ag_status ag_tally_create(size_t count, ag_tally *tally);
void ag_tally_clear(ag_tally *tally);
/** sums: of the first `count` numbers over the team, which are zero afterwards. Every rank comes
 *  here with its status, also one that failed, and all leave with a failure where one has: with
 *  their own, or AG_INTERRUPTED or AG_ELSEWHERE. Collective. */
ag_status ag_tally_sum(ag_tally *tally, const ag_team *team, size_t count, ag_status status);
/** The sum of sums[first .. first + count - 1], in this order. */
double ag_tally_total(const ag_tally *tally, size_t first, size_t count);

#endif
