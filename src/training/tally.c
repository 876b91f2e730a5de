/* What the ranks of a team tell each other of a batch: failures and wishes, and what they count. */
#include "training/tally.h"

#include <string.h>

ag_status ag_tally_create(size_t count, ag_tally *tally)
{
  ag_status status = AG_OK;
  tally->count = count;
  AG_TRY(ag_allocate(count, sizeof(double), &tally->numbers));
  AG_TRY(ag_allocate(count, sizeof(double), &tally->sums));
cleanup:
  return status;
}

void ag_tally_clear(ag_tally *tally)
{
  ag_release(&tally->sums);
  ag_release(&tally->numbers);
  tally->count = 0;
}

ag_status ag_tally_sum(ag_tally *tally, const ag_team *team, size_t count, ag_status status)
{
  const double *sums = tally->sums;
  tally->numbers[AG_TALLY_FAILURE] = status != AG_OK && status != AG_INTERRUPTED;
  tally->numbers[AG_TALLY_INTERRUPTION] = status == AG_INTERRUPTED;
  ag_team_sum(team, count, tally->numbers, tally->sums);
  memset(tally->numbers, 0, count * sizeof *tally->numbers);
  if (status != AG_OK && status != AG_INTERRUPTED) return status;
  if (sums[AG_TALLY_FAILURE] > 0) return ag_fail(AG_ELSEWHERE, "another rank failed");
  return sums[AG_TALLY_INTERRUPTION] > 0 ? ag_fail(AG_INTERRUPTED, "interrupted") : AG_OK;
}

double ag_tally_total(const ag_tally *tally, size_t first, size_t count)
{
  double total = 0;
  for (size_t i = first; i < first + count; ++i)
    total += tally->sums[i];
  return total;
}
