/* The table of a result folder and its sanity gates, which a run and a merge end with. */
#include "advgrid/report.h"
#include "cli/commands.h"

ag_status ag_command_append_table(const char *path, const ag_ledger *ledger, ag_text *text)
{
  ag_status status = AG_OK;
  AG_TRY(ag_text_append(text, "\n"));
  AG_TRY(ag_report_table(ledger, text));
  AG_TRY(ag_report_gates(ledger, text));
  AG_TRY(ag_text_append(text, "\n%s/results.h5\n", path));
cleanup:
  return status;
}

ag_status ag_command_print_table(const char *path)
{
  ag_folder folder;
  ag_text text = {0};
  ag_status status = ag_folder_read(path, &folder);
  if (status != AG_OK) return status;
  AG_TRY(ag_command_append_table(path, folder.ledger, &text));
  AG_TRY(ag_command_print(&text));
cleanup:
  ag_text_clear(&text);
  ag_folder_clear(&folder);
  return status;
}
