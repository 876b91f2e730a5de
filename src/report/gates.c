/* The sanity gates for a person: what failed first. */
#include "advgrid/report.h"

static ag_status append_verdict(const ag_gates *gates, ag_gate_verdict verdict, const char *mark,
                                ag_text *text)
{
  ag_status status = AG_OK;
  for (size_t i = 0; i < AG_GATES; ++i) {
    const ag_gate *gate = &gates->gates[i];
    if (gate->verdict != verdict) continue;
    AG_TRY(ag_text_append(text, "  %-6s  %s: %s\n", mark, gate->name, gate->text));
  }
cleanup:
  return status;
}

ag_status ag_report_gates(const ag_ledger *ledger, ag_text *text)
{
  ag_status status = AG_OK;
  ag_gates gates;
  AG_TRY(ag_ledger_gates(ledger, &gates));
  /* Which every point of an attack is checked for. */
  if (gates.gates[AG_GATE_BOUNDS].checks == 0) return AG_OK;
  AG_TRY(ag_text_append(text, "\nsanity gates\n"));
  AG_TRY(append_verdict(&gates, AG_GATE_FAILED, "failed", text));
  AG_TRY(append_verdict(&gates, AG_GATE_PASSED, "passed", text));
  AG_TRY(append_verdict(&gates, AG_GATE_NOT_APPLICABLE, "-", text));
cleanup:
  return status;
}
