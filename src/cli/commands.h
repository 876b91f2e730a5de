/* The subcommands, each in the file named after it. */
#ifndef ADVGRID_CLI_COMMANDS_H
#define ADVGRID_CLI_COMMANDS_H

#include "advgrid/base.h"

#include <argp.h>

/* Takes argv from the subcommand's name on; returns the exit code. */
typedef int (*ag_command)(int argc, char **argv);

int ag_command_run(int argc, char **argv);
int ag_command_plan(int argc, char **argv);
int ag_command_status(int argc, char **argv);

/** Parses with argp, so that help and mistakes read alike for all subcommands. argv[0] is
 *  replaced by "advgrid NAME". A mistake ends the program with exit code 2. */
void ag_command_parse(const struct argp *argp, int argc, char **argv, void *input);

/** Prints to standard output; fails with AG_IO_ERROR where that is full or closed. */
ag_status ag_command_print(const ag_text *text);

#endif
