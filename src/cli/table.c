/* The table of a result folder, which a run and a merge end with. */
#include "advgrid/report.h"
#include "cli/commands.h"

ag_status ag_command_print_table(const char *path)
{
  ag_folder folder;
  ag_text text = {0};
  ag_status status = ag_folder_read(path, &folder);
  if (status != AG_OK) return status;
  AG_TRY(ag_text_append(&text, "\n"));
  AG_TRY(ag_report_table(folder.ledger, &text));
  AG_TRY(ag_text_append(&text, "\n%s/results.h5\n", path));
  AG_TRY(ag_command_print(&text));
cleanup:
  ag_text_clear(&text);
  ag_folder_clear(&folder);
  return status;
}
