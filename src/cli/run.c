/* advgrid run: MPI's start and end, and the table at the end. */
#include "advgrid/run.h"
#include "advgrid/report.h"
#include "cli/commands.h"

#include <stdio.h>

static const char documentation[] =
    "Run, or continue, a job: train every defended model, attack every grid point, and leave"
    " DIR/results.h5."
    "\v"
    "Under mpirun or srun all ranks share the work. A run that was stopped is continued by the"
    " same command: what DIR/journal records is not done again.\n"
    "\n"
    "  mpirun -n 4 advgrid run jobs/quickstart.yaml -o results/quickstart\n"
    "  mpirun -n 2 advgrid run jobs/quickstart.yaml -d cifar-10-batches-bin -o results/cifar\n";

static const struct argp_option options[] = {
    {"output", 'o', "DIR", 0, "the result folder (default: results/NAME for jobs/NAME.yaml)", 0},
    {"data", 'd', "DIR", 0, "use the CIFAR-10 in DIR in the place of the job's dataset", 0},
    {"threads", 't', "N", 0, "threads of a rank (default: its share of the node's cores)", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
  ag_run_request *request = state->input;
  switch (key) {
  case 'o': request->folder = argument; return 0;
  case 'd': request->data_folder = argument; return 0;
  case 't': request->threads = ag_command_count(state, "threads", argument, 1024); return 0;
  case ARGP_KEY_ARG:
    if (state->arg_num > 0) argp_error(state, "one job file is expected, '%s' is more", argument);
    request->job_path = argument;
    return 0;
  case ARGP_KEY_NO_ARGS: argp_error(state, "a job file is missing"); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static ag_status print_table(const char *path)
{
  ag_folder folder;
  ag_text text = {0};
  ag_status status = ag_folder_read(path, &folder);
  if (status != AG_OK) return status;
  AG_TRY(ag_text_append(&text, "\n"));
  AG_TRY(ag_report_table(folder.ledger, &text));
  AG_TRY(ag_text_append(&text, "\n%s/results.h5\n", path));
  AG_TRY(ag_command_print(&text));
cleanup:
  ag_text_clear(&text);
  ag_folder_clear(&folder);
  return status;
}

/* Prints the table or what failed, and agrees on the exit code of the whole job. */
static int finish(ag_status status, int rank, const char *folder)
{
  ag_ranks_say_failure(status, rank);
  if (rank == 0 && (status == AG_OK || status == AG_UNITS_FAILED)) {
    const ag_status printed = print_table(folder);
    if (printed != AG_OK) {
      ag_log("%s", ag_message());
      status = printed;
    }
  }
  return ag_ranks_exit_code(status);
}

int ag_command_run(int argc, char **argv)
{
  static const struct argp argp = {options, parse, "JOB.yaml", documentation, NULL, NULL, NULL};
  ag_run_request request = {0};
  char folder[AG_PATH_SIZE];
  int provided = 0;
  int rank = 0;
  ag_command_parse(&argp, argc, argv, &request);
  if (request.folder == NULL) {
    ag_command_result_folder(request.job_path, folder);
    request.folder = folder;
  }
  MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const ag_status status = ag_run(&request, MPI_COMM_WORLD);
  const int code = finish(status, rank, request.folder);
  MPI_Finalize();
  return code;
}
