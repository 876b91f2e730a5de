/* The subcommands, each in the file named after it. */
#ifndef ADVGRID_CLI_COMMANDS_H
#define ADVGRID_CLI_COMMANDS_H

#include "advgrid/store.h"

#include <argp.h>

/* Takes argv from the subcommand's name on; returns the exit code. */
typedef int (*ag_command)(int argc, char **argv);

int ag_command_run(int argc, char **argv);
int ag_command_plan(int argc, char **argv);
int ag_command_status(int argc, char **argv);
int ag_command_report(int argc, char **argv);
int ag_command_export(int argc, char **argv);
int ag_command_verify(int argc, char **argv);
int ag_command_merge(int argc, char **argv);
int ag_command_bench(int argc, char **argv);
int ag_command_submit(int argc, char **argv);

/** Parses with argp, so that help and mistakes read alike for all subcommands. argv[0] is
 *  replaced by "advgrid NAME". A mistake ends the program with exit code 2. */
void ag_command_parse(const struct argp *argp, int argc, char **argv, void *input);

/** Reads the whole number, 1 to maximum, of an option; a mistake ends the program likewise. */
size_t ag_command_count(const struct argp_state *state, const char *option, const char *argument,
                        size_t maximum);

/** Where a job's results go unless one says otherwise: results/NAME for a file NAME.yaml in
 * whatever folder. */
void ag_command_result_folder(const char *job_path, char folder[AG_PATH_SIZE]);

/** Prints to standard output; fails with AG_IO_ERROR where that is full or closed. */
ag_status ag_command_print(const ag_text *text);

/** Appends table and gates of the result folder at path, of which `ledger` was read. */
ag_status ag_command_append_table(const char *path, const ag_ledger *ledger, ag_text *text);
/** Prints both. */
ag_status ag_command_print_table(const char *path);

/* ---- a command's end on the ranks of MPI_COMM_WORLD; both are collective ---- */

/** Many ranks may have failed alike: the first of those that know why says it. */
void ag_ranks_say_failure(ag_status status, int rank);
/** The worst exit code of all ranks. */
int ag_ranks_exit_code(ag_status status);

#endif
