/* What the subcommands' command lines have in common. */
#include "advgrid/base.h"
#include "cli/commands.h"

#include <stdio.h>

void ag_command_parse(const struct argp *argp, int argc, char **argv, void *input)
{
  static char name[AG_NAME_SIZE];
  snprintf(name, sizeof name, "advgrid %s", argv[0]);
  argv[0] = name;
  argp_err_exit_status = 2;
  argp_parse(argp, argc, argv, 0, NULL, input);
}
