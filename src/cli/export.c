/* advgrid export: results for programs that read no HDF5. */
#include "advgrid/report.h"
#include "cli/commands.h"

static const char documentation[] =
    "Write the tables of DIR/results.h5 as CSV to DIR/csv: points, training, gates, ranks and"
    " failures, each with the columns that it has there; also while the job runs."
    "\v"
    "All files are written, or none. With --samples also csv/samples/KEY.csv, an image a row, for"
    " each key of points.csv.\n"
    "\n"
    "  advgrid export results/quickstart --csv\n"
    "  advgrid export results/quickstart --csv --samples\n";

enum { KEY_CSV = 256, KEY_SAMPLES }; /* options without a letter */

static const struct argp_option options[] = {
    {"csv", KEY_CSV, NULL, 0, "comma-separated values (RFC 4180), the only form there is", 0},
    {"samples", KEY_SAMPLES, NULL, 0, "the images of each point as well", 0},
    {0},
};

typedef struct export_input {
  const char *path;
  bool csv, samples;
} export_input;

static error_t parse(int key, char *argument, struct argp_state *state)
{
  export_input *input = state->input;
  switch (key) {
  case KEY_CSV: input->csv = true; return 0;
  case KEY_SAMPLES: input->samples = true; return 0;
  case ARGP_KEY_ARG:
    if (state->arg_num > 0) argp_error(state, "one folder is expected, '%s' is more", argument);
    input->path = argument;
    return 0;
  case ARGP_KEY_NO_ARGS: argp_error(state, "a result folder is missing"); return 0;
  case ARGP_KEY_SUCCESS:
    if (!input->csv) argp_error(state, "say what to write: --csv");
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

int ag_command_export(int argc, char **argv)
{
  static const struct argp argp = {options, parse, "DIR", documentation, NULL, NULL, NULL};
  export_input input = {.path = NULL};
  ag_text text = {0};
  ag_command_parse(&argp, argc, argv, &input);
  ag_status status = ag_export_csv(input.path, input.samples, &text);
  if (status == AG_OK) status = ag_command_print(&text);
  if (status != AG_OK) ag_log("%s", ag_message());
  ag_text_clear(&text);
  return ag_status_exit_code(status);
}
