/* advgrid: adversarial-robustness experiments on a cluster. Finds the subcommand. */
#include "advgrid/base.h"
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

typedef struct command {
  const char *name;
  ag_command run;
} command;

static const command commands[] = {
    {"run", ag_command_run},       {"plan", ag_command_plan},     {"status", ag_command_status},
    {"verify", ag_command_verify}, {"merge", ag_command_merge},   {"bench", ag_command_bench},
    {"submit", ag_command_submit}, {"report", ag_command_report}, {"export", ag_command_export},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

const char *argp_program_version = "advgrid " ADVGRID_VERSION;

static const char documentation[] =
    "Adversarial-robustness experiments on a cluster: one job file in, one HDF5 file out."
    "\v"
    "Commands:\n"
    "  run JOB.yaml      run, or continue, a job\n"
    "  plan JOB.yaml     what a job comes to, and how long it takes; runs nothing\n"
    "  submit JOB.yaml   plan a job for Slurm, write its batch script, and call sbatch\n"
    "  status DIR        how far the job in a result folder is\n"
    "  report DIR...     a page with tables and figures of a result folder, or of several\n"
    "  export DIR --csv  the tables of a result folder for programs that read no HDF5\n"
    "  verify DIR DIR    whether two result folders hold the same, bit for bit\n"
    "  merge DIR...      join the result folders of parts of a job\n"
    "  bench             how fast this machine is, what takes its time, how it scales\n"
    "\n"
    "Each has a --help of its own. For example:\n"
    "  advgrid plan jobs/quickstart.yaml\n"
    "  mpirun -n 2 advgrid run jobs/quickstart.yaml -o results/quickstart\n"
    "  advgrid status results/quickstart\n"
    "\n"
    "Exit codes: 0 done; 2 the command line or the job file is wrong; 85 stopped by a signal,\n"
    "run the same command again; 1 anything else.\n"
    "Those of verify, which are diff's, and what else a command has are in its --help.\n";

static int run_command(struct argp_state *state, const char *name)
{
  const char *names[COMMANDS];
  for (size_t i = 0; i < COMMANDS; ++i) {
    names[i] = commands[i].name;
    if (strcmp(name, names[i]) == 0) {
      return commands[i].run(state->argc - state->next + 1, state->argv + state->next - 1);
    }
  }
  const char *nearest = ag_text_nearest(name, names, COMMANDS);
  if (nearest != NULL) {
    argp_error(state, "unknown command '%s'; did you mean '%s'?", name, nearest);
  }
  argp_error(state, "unknown command '%s'", name);
  return 2;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
  int *code = state->input;
  switch (key) {
  case ARGP_KEY_ARG:
    *code = run_command(state, argument);
    state->next = state->argc;
    return 0;
  case ARGP_KEY_NO_ARGS: argp_error(state, "a command is missing"); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

int main(int argc, char **argv)
{
  static const struct argp argp = {NULL, parse, "COMMAND [OPTION...]", documentation, NULL,
                                   NULL, NULL};
  int code = 0;
  argp_err_exit_status = 2;
  argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &code);
  return code;
}
