/* advgrid run: MPI's start and end, and the table and the report at the end. */
#include "advgrid/run.h"
#include "advgrid/report.h"
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

static const char documentation[] =
    "Run, or continue, a job: train every defended model, attack every grid point, and leave"
    " DIR/results.h5 and DIR/report.html."
    "\v"
    "Under mpirun or srun all ranks share the work. A run that was stopped is continued by the"
    " same command: what DIR/journal records is not done again. --seed and --defense run a part of"
    " the job, each in a folder of its own, such as results/NAME-seed-2; advgrid merge joins "
    "them.\n"
    "\n"
    "  mpirun -n 4 advgrid run jobs/quickstart.yaml -o results/quickstart\n"
    "  mpirun -n 2 advgrid run jobs/quickstart.yaml -d cifar-10-batches-bin -o results/cifar\n"
    "  advgrid run jobs/first.yaml --seed 2\n";

enum {
  KEY_SEED = 256,
  KEY_DEFENSE,
  KEY_MACHINE,
  KEY_STRICT,
  KEY_NO_REPORT
}; /* options without a letter */

static const struct argp_option options[] = {
    {"output", 'o', "DIR", 0, "the result folder (default: results/NAME for jobs/NAME.yaml)", 0},
    {"seed", KEY_SEED, "N", 0, "the job with this one of its seeds alone", 0},
    {"defense", KEY_DEFENSE, "NAME", 0, "the job with this one of its defenses alone", 0},
    {"strict", KEY_STRICT, NULL, 0, "end with exit code 1 where a sanity gate failed", 0},
    {"no-report", KEY_NO_REPORT, NULL, 0, "leave out DIR/report.html and DIR/figures", 0},
    {"data", 'd', "DIR", 0, "use the CIFAR-10 in DIR in the place of the job's dataset", 0},
    {"threads", 't', "N", 0, "threads of a rank (default: its share of the node's cores)", 0},
    {"machine", KEY_MACHINE, "FILE", 0,
     "what 'bench --scaling -o' measured: how many ranks train a model together goes by it", 0},
    {"ranks", 'n', "N", 0, "stop where MPI has other than N ranks (default: Slurm's tasks)", 0},
    {0},
};

typedef struct run_input {
  ag_run_request request;
  bool no_report;
} run_input;

static error_t parse(int key, char *argument, struct argp_state *state)
{
  run_input *input = state->input;
  ag_run_request *request = &input->request;
  switch (key) {
  case 'o': request->folder = argument; return 0;
  case KEY_SEED: request->seed = argument; return 0;
  case KEY_DEFENSE: request->defense = argument; return 0;
  case KEY_MACHINE: request->machine = argument; return 0;
  case KEY_STRICT: request->strict = true; return 0;
  case KEY_NO_REPORT: input->no_report = true; return 0;
  case 'd': request->data_folder = argument; return 0;
  case 't': request->threads = ag_command_count(state, "threads", argument, 1024); return 0;
  case 'n': request->ranks = ag_command_count(state, "ranks", argument, 1000000); return 0;
  case ARGP_KEY_ARG:
    if (state->arg_num > 0) argp_error(state, "one job file is expected, '%s' is more", argument);
    request->job_path = argument;
    return 0;
  case ARGP_KEY_NO_ARGS: argp_error(state, "a job file is missing"); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

/* Of a part of a job results/NAME-seed-2 and the like, so that the elements of a batch array do not
 * meet. */
static void default_folder(ag_run_request *request, char folder[AG_PATH_SIZE])
{
  if (request->folder != NULL) return;
  ag_command_result_folder(request->job_path, folder);
  const size_t length = strlen(folder);
  snprintf(folder + length, AG_PATH_SIZE - length, "%s%.80s%s%.80s",
           request->seed == NULL ? "" : "-seed-", request->seed == NULL ? "" : request->seed,
           request->defense == NULL ? "" : "-defense-",
           request->defense == NULL ? "" : request->defense);
  request->folder = folder;
}

/* Whether there are results, if not all that were wanted. */
static bool is_finished(ag_status status)
{
  return status == AG_OK || status == AG_UNITS_FAILED || status == AG_GATES_FAILED;
}

/* Prints the table or what failed, and agrees on the exit code of the whole job. */
static int finish(ag_status status, int rank, const char *folder)
{
  const bool finished = is_finished(status);
  ag_ranks_say_failure(status, rank);
  if (rank == 0 && finished) {
    const ag_status printed = ag_command_print_table(folder);
    if (printed != AG_OK) {
      ag_log("%s", ag_message());
      status = printed;
    }
  }
  return ag_ranks_exit_code(status);
}

/* A run whose page cannot be drawn is a good run all the same. */
static void write_report(const char *folder)
{
  ag_text text = {0};
  ag_text trouble = {0};
  ag_status status = ag_report_page(folder, &trouble);
  if (status == AG_OK) status = ag_text_append(&text, "%s/report.html\n", folder);
  if (status == AG_OK) status = ag_command_print(&text);
  if (status != AG_OK) {
    ag_log("warning: no report: %s", ag_message());
  } else if (trouble.length > 0) {
    ag_log("warning: %s", trouble.bytes);
  }
  ag_text_clear(&trouble);
  ag_text_clear(&text);
}

int ag_command_run(int argc, char **argv)
{
  static const struct argp argp = {options, parse, "JOB.yaml", documentation, NULL, NULL, NULL};
  run_input input = {0};
  char folder[AG_PATH_SIZE];
  int provided = 0;
  int rank = 0;
  ag_command_parse(&argp, argc, argv, &input);
  default_folder(&input.request, folder);
  MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const ag_status status = ag_run(&input.request, MPI_COMM_WORLD);
  const int code = finish(status, rank, input.request.folder);
  MPI_Finalize();
  /* Behind MPI's end a rank may start a program. */
  if (rank == 0 && is_finished(status) && !input.no_report) write_report(input.request.folder);
  return code;
}
