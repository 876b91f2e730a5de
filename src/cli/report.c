/* advgrid report: a page with tables and figures of a result folder. */
#include "advgrid/report.h"
#include "cli/commands.h"

#include <stdio.h>

static const char documentation[] =
    "Write DIR/report.html, one page that opens from its file without a network, from "
    "DIR/results.h5"
    " alone; also while the job runs: what is missing is shown as missing."
    "\v"
    "  advgrid report results/quickstart\n";

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

int ag_command_report(int argc, char **argv)
{
  static const struct argp argp = {NULL, parse, "DIR", documentation, NULL, NULL, NULL};
  const char *path = NULL;
  ag_text text = {0};
  ag_text trouble = {0};
  ag_command_parse(&argp, argc, argv, &path);
  ag_status status = ag_report_page(path, &trouble);
  if (status == AG_OK) status = ag_text_append(&text, "%s/report.html\n", path);
  if (status == AG_OK) status = ag_command_print(&text);
  if (status == AG_OK && trouble.length > 0) status = ag_fail(AG_IO_ERROR, "%s", trouble.bytes);
  if (status != AG_OK) ag_log("%s", ag_message());
  ag_text_clear(&trouble);
  ag_text_clear(&text);
  return ag_status_exit_code(status);
}
