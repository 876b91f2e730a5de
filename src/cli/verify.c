/* advgrid verify: whether two result folders hold the same results. */
#include "advgrid/report.h"
#include "cli/commands.h"

#include <stdio.h>

/* As diff has them: scripts tell a difference from a comparison that could not be made. */
enum { EQUAL = 0, DIFFERENT = 1, TROUBLE = 2 };

static const char documentation[] =
    "Compare two result folders bit for bit, rows, per-image samples, trainings and model files,"
    " and name the first difference: where it is, and both values. When, where, by how many ranks"
    " and in what time a run was done does not count."
    "\v"
    "Exit codes: 0 equal; 1 different; 2 a folder or a file cannot be compared.\n"
    "\n"
    "  advgrid verify results/on-one-rank results/on-four\n";

typedef struct folders {
  const char *paths[2];
} folders;

static error_t parse(int key, char *argument, struct argp_state *state)
{
  folders *input = state->input;
  switch (key) {
  case ARGP_KEY_ARG:
    if (state->arg_num > 1) argp_error(state, "two folders are expected, '%s' is more", argument);
    input->paths[state->arg_num] = argument;
    return 0;
  case ARGP_KEY_END:
    if (state->arg_num < 2) argp_error(state, "two result folders are expected");
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

int ag_command_verify(int argc, char **argv)
{
  static const struct argp argp = {NULL, parse, "DIR DIR", documentation, NULL, NULL, NULL};
  folders input = {{NULL, NULL}};
  ag_text text = {0};
  bool equal = false;
  ag_command_parse(&argp, argc, argv, &input);
  ag_status status = ag_verify(input.paths[0], input.paths[1], &text, &equal);
  if (status == AG_OK) status = ag_command_print(&text);
  if (status != AG_OK) ag_log("%s", ag_message());
  ag_text_clear(&text);
  if (status != AG_OK) return TROUBLE;
  return equal ? EQUAL : DIFFERENT;
}
