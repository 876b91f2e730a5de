/* Whether a unit that is done was done on the models that there are now. */
#include "advgrid/store.h"

#include <string.h>

ag_status ag_attacked_digest(const ag_plan *plan, size_t point, const ag_digest *model,
                             const ag_digest *source, ag_digest *attacked)
{
  const ag_point *of = &plan->points[point];
  ag_digest both[2] = {*model, *source};
  *attacked = *model;
  if (of->source == of->model) return AG_OK;
  if (plan->models[of->model].from_file) both[0] = (ag_digest){{0}};
  if (plan->models[of->source].from_file) both[1] = (ag_digest){{0}};
  return ag_digest_compute(both, sizeof both, attacked);
}

/* False where its parameters are not known, or no record tells of them. */
static bool is_known(const ag_ledger *ledger, size_t model, bool may_be_file)
{
  if (ledger->models[model].progress == AG_PROGRESS_DONE) return true;
  return may_be_file && ledger->plan->models[model].from_file;
}

ag_status ag_ledger_is_current(const ag_ledger *ledger, size_t unit, const ag_digest *attacked,
                               bool *current)
{
  const size_t index = ledger->plan->units[unit].point;
  const ag_point *point = &ledger->plan->points[index];
  const bool two = point->source != point->model;
  ag_digest expected;
  *current = true;
  if (!is_known(ledger, point->model, two) || !is_known(ledger, point->source, two)) return AG_OK;
  const ag_status status =
      ag_attacked_digest(ledger->plan, index, &ledger->models[point->model].record.parameters,
                         &ledger->models[point->source].record.parameters, &expected);
  *current = status == AG_OK && memcmp(attacked, &expected, sizeof expected) == 0;
  return status;
}
