/* advgrid report: a page with tables and figures of a result folder, or of several beside each
 * other. */
#include "advgrid/report.h"
#include "cli/commands.h"

static const char documentation[] =
    "Write DIR/report.html, one page that opens from its file without a network, from "
    "DIR/results.h5"
    " alone; also while the job runs: what is missing is shown as missing."
    "\n\n"
    "Of several folders write comparison.html into the folder of -o: how their jobs differ, their"
    " curves and accuracies under the attacks that they share, and paired tests on the same images."
    "\v"
    "Nothing within the folders that are compared is changed. DIR of -o is new or empty, or has an"
    " earlier comparison in it.\n"
    "\n"
    "  advgrid report results/quickstart\n"
    "  advgrid report results/base results/base-norm -o results/base-or-norm\n";

static const struct argp_option options[] = {
    {"output", 'o', "DIR", 0, "the folder of a comparison", 0},
    {0},
};

typedef struct request {
  const char *output;
  const char **folders; /* [count], with room for all arguments */
  size_t count;
} request;

static error_t parse(int key, char *argument, struct argp_state *state)
{
  request *input = state->input;
  switch (key) {
  case 'o': input->output = argument; return 0;
  case ARGP_KEY_ARG: input->folders[input->count++] = argument; return 0;
  case ARGP_KEY_END:
    if (input->count == 0) argp_error(state, "a result folder is missing");
    if (input->count == 1 && input->output != NULL)
      argp_error(state, "-o is for several folders: the page of one is written into it");
    if (input->count > 1 && input->output == NULL)
      argp_error(state, "-o DIR, where the comparison of several folders is written, is missing");
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

/* trouble: why the page is there, but not whole. */
static ag_status write_report(const request *input, ag_text *trouble)
{
  ag_text text = {0};
  ag_status status = AG_OK;
  if (input->count == 1) {
    AG_TRY(ag_report_page(input->folders[0], trouble));
    AG_TRY(ag_text_append(&text, "%s/report.html\n", input->folders[0]));
  } else {
    AG_TRY(ag_report_comparison(input->folders, input->count, input->output, trouble));
    AG_TRY(ag_text_append(&text, "%s/comparison.html\n", input->output));
  }
  AG_TRY(ag_command_print(&text));
cleanup:
  ag_text_clear(&text);
  return status;
}

int ag_command_report(int argc, char **argv)
{
  static const struct argp argp = {options, parse, "DIR...", documentation, NULL, NULL, NULL};
  request input = {0};
  ag_text trouble = {0};
  ag_status status = ag_allocate((size_t)argc, sizeof *input.folders, &input.folders);
  if (status == AG_OK) {
    ag_command_parse(&argp, argc, argv, &input);
    status = write_report(&input, &trouble);
  }
  if (status == AG_OK && trouble.length > 0) status = ag_fail(AG_IO_ERROR, "%s", trouble.bytes);
  if (status != AG_OK) ag_log("%s", ag_message());
  ag_text_clear(&trouble);
  ag_release(&input.folders);
  return ag_status_exit_code(status);
}
