/* A point's details out of those of its units. */
#include "advgrid/store.h"

/* Copies what the units have; a kind of which one lacks some is not there. */
static void gather(const ag_ledger *ledger, const ag_point *point, ag_point_details *out)
{
  for (ag_detail kind = 0; kind < AG_DETAILS; ++kind)
    out->has[kind] = ag_details_images(&out->details, kind) > 0;
  for (size_t i = 0; i < point->unit_count; ++i) {
    const size_t unit = point->first_unit + i;
    const ag_details part = ag_unit_details(ledger, unit);
    if (ledger->units[unit].has_details) {
      ag_details_copy(&part, &out->details);
      continue;
    }
    for (ag_detail kind = 0; kind < AG_DETAILS; ++kind)
      out->has[kind] = out->has[kind] && ag_details_images(&part, kind) == 0;
  }
}

ag_status ag_ledger_details(const ag_ledger *ledger, size_t index, const ag_outcome *outcomes,
                            size_t count, ag_point_details *out)
{
  ag_status status = AG_OK;
  const ag_plan *plan = ledger->plan;
  const ag_job *job = plan->job;
  const ag_point *point = &plan->points[index];
  *out = (ag_point_details){.details = {.form = ag_plan_details(plan, point), .count = count}};
  AG_TRY(ag_allocate(ag_details_bytes(&out->details), 1, &out->details.block));
  gather(ledger, point, out);
  ag_details_at(&job->attacks[point->attack], job->epsilons[point->epsilon].value, outcomes,
                &out->details);
cleanup:
  return status;
}

void ag_point_details_clear(ag_point_details *details)
{
  ag_release(&details->details.block);
}

ag_status ag_point_draws_take(const ag_point_details *from, const ag_outcome *outcomes,
                              ag_point_draws *out)
{
  ag_status status = AG_OK;
  *out = (ag_point_draws){0};
  if (!from->has[AG_DETAIL_DRAWS]) return AG_OK;
  const size_t draws = from->details.form->draws;
  AG_TRY(ag_allocate(draws, sizeof *out->clean_correct, &out->clean_correct));
  AG_TRY(ag_allocate(draws, sizeof *out->robust_correct, &out->robust_correct));
  AG_TRY(ag_summarise_draws(&from->details, outcomes, out->clean_correct, out->robust_correct,
                            &out->summary));
  out->draws = draws;
cleanup:
  if (status != AG_OK) ag_point_draws_clear(out);
  return status;
}

void ag_point_draws_clear(ag_point_draws *draws)
{
  ag_release(&draws->robust_correct);
  ag_release(&draws->clean_correct);
}
