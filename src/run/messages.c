/* How large reports are. */
#include "run/messages.h"

size_t ag_report_bytes(const ag_report *report)
{
  return sizeof *report + report->outcomes * sizeof(ag_outcome) + (size_t)report->detail_bytes;
}

size_t ag_report_capacity(const ag_plan *plan)
{
  size_t most = 0;
  for (size_t i = 0; i < plan->unit_count; ++i) {
    const ag_unit *unit = &plan->units[i];
    const ag_details details = {.form = ag_plan_details(plan, &plan->points[unit->point]),
                                .first = unit->first,
                                .count = unit->count};
    const size_t bytes = unit->count * sizeof(ag_outcome) + ag_details_bytes(&details);
    if (bytes > most) most = bytes;
  }
  return sizeof(ag_report) + most;
}
