/* advgrid merge: result folders of parts of a job, joined to one. */
#include "cli/commands.h"

#include <stdio.h>

static const char documentation[] =
    "Join result folders to a new one: what the elements of a batch array did, a seed or a defense"
    " each, or runs with other attacks or epsilons. Their jobs must agree in all else. What several"
    " folders have must be the same in all that verify compares, and is taken once; what none has"
    " stays missing, and run does it. The folders stay as they are; a model's file is copied."
    "\v"
    "A folder in which a run is writing is refused. DIR of -o is new or empty, and appears whole or"
    " not at all: until then it is DIR.merging-PID-0.\n"
    "\n"
    "  advgrid merge results/first-seed-1 results/first-seed-2 -o results/first\n"
    "  advgrid run results/first/job.yaml -o results/first    does what is missing\n";

static const struct argp_option options[] = {
    {"output", 'o', "DIR", 0, "the new result folder", 0},
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
    if (input->count == 0) argp_error(state, "the result folders to join are missing");
    if (input->output == NULL) argp_error(state, "-o DIR, the new result folder, is missing");
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

/* What run has to do yet. */
static ag_status append_missing(const char *path, const ag_ledger *ledger, ag_text *text)
{
  const size_t points = ledger->plan->point_count;
  size_t missing = 0;
  for (size_t i = 0; i < points; ++i)
    missing += ag_ledger_point(ledger, i) != AG_PROGRESS_DONE;
  if (missing == 0) return AG_OK;
  return ag_text_append(text, "%zu of %zu points are missing: advgrid run %s/job.yaml -o %s\n",
                        missing, points, path, path);
}

static ag_status print_result(const char *path)
{
  ag_folder folder;
  ag_text text = {0};
  ag_status status = ag_folder_read(path, &folder);
  if (status != AG_OK) return status;
  AG_TRY(ag_command_append_table(path, folder.ledger, &text));
  AG_TRY(append_missing(path, folder.ledger, &text));
  AG_TRY(ag_command_print(&text));
cleanup:
  ag_text_clear(&text);
  ag_folder_clear(&folder);
  return status;
}

int ag_command_merge(int argc, char **argv)
{
  static const struct argp argp = {options, parse, "DIR...", documentation, NULL, NULL, NULL};
  request input = {0};
  ag_status status = ag_allocate((size_t)argc, sizeof *input.folders, &input.folders);
  if (status == AG_OK) {
    ag_command_parse(&argp, argc, argv, &input);
    ag_interrupt_listen();
    status = ag_merge(input.folders, input.count, input.output);
  }
  if (status == AG_OK) status = print_result(input.output);
  if (status != AG_OK) ag_log("%s", ag_message());
  ag_release(&input.folders);
  return ag_status_exit_code(status);
}
