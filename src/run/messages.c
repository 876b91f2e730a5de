/* How large reports are. */
#include "run/messages.h"

size_t ag_report_bytes(const ag_report *report)
{
  return sizeof *report + report->outcomes * sizeof(ag_outcome);
}

size_t ag_report_capacity(const ag_plan *plan)
{
  size_t most = 0;
  for (size_t i = 0; i < plan->unit_count; ++i) {
    if (plan->units[i].count > most) most = plan->units[i].count;
  }
  return sizeof(ag_report) + most * sizeof(ag_outcome);
}
