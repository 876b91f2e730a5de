/* advgrid status: how far the job in a result folder is. */
#include "advgrid/report.h"
#include "cli/commands.h"

#include <stdio.h>

static const char documentation[] =
    "Print how far the job in a result folder is, from its journal; also while it runs, and from"
    " any machine that sees the folder. Where Slurm ran it last, also what squeue says of that job."
    " Then what the sanity gates say of the points that are done."
    "\v"
    "  advgrid status results/quickstart\n";

static error_t parse(int key, char *argument, struct argp_state *state)
{
  const char **path = state->input;
  switch (key) {
  case ARGP_KEY_ARG:
    if (state->arg_num > 0) argp_error(state, "one folder is expected, '%s' is more", argument);
    *path = argument;
    return 0;
  case ARGP_KEY_NO_ARGS: argp_error(state, "a result folder is missing"); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

int ag_command_status(int argc, char **argv)
{
  static const struct argp argp = {NULL, parse, "DIR", documentation, NULL, NULL, NULL};
  const char *path = NULL;
  ag_folder folder = {0};
  ag_text text = {0};
  ag_command_parse(&argp, argc, argv, &path);
  ag_status status = ag_folder_read(path, &folder);
  if (status == AG_OK) status = ag_report_status(folder.ledger, &text);
  if (status == AG_OK) status = ag_command_print(&text);
  ag_text_clear(&text);
  if (status == AG_OK) status = ag_report_slurm(folder.ledger, &text); /* which may have to wait */
  if (status == AG_OK && text.length > 0) status = ag_command_print(&text);
  ag_text_clear(&text);
  if (status == AG_OK) status = ag_report_gates(folder.ledger, &text);
  if (status == AG_OK && text.length > 0) status = ag_command_print(&text);
  if (status != AG_OK) ag_log("%s", ag_message());
  ag_text_clear(&text);
  ag_folder_clear(&folder);
  return ag_status_exit_code(status);
}
