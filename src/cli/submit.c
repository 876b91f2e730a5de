/* advgrid submit: a job planned, written as a batch script, shown, and given to Slurm. */
#include "cli/submit.h"
#include "advgrid/run.h"
#include "advgrid/store.h"
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char documentation[] =
    "Plan a job for Slurm: choose nodes, ranks, threads and wall time by the plan and by how fast"
    " this machine is, write DIR/submit.sbatch, show it, and call sbatch after a yes."
    "\v"
    "It takes the fewest cores that are predicted to end within --target: 1, 2, 4 ... of a node,"
    " then 2, 4 ... nodes; where none are, the most that are used to 80 % or better. It asks for"
    " --margin times what is predicted, and for the minutes that starting and stopping take."
    " Attacks count at their most. How fast the machine is a probe of some seconds finds out, once"
    " for each type of processor. What is given by option is not chosen.\n"
    "\n"
    "  advgrid submit jobs/quickstart.yaml --dry-run\n"
    "  advgrid submit jobs/base.yaml -d cifar-10-batches-bin --partition short --yes\n";

enum {
  NODES = 256,
  RANKS,
  TIME,
  TARGET,
  MARGIN,
  PARTITION,
  ACCOUNT,
  JOB_NAME,
  PROBE,
  DRY_RUN,
};

static const struct argp_option options[] = {
    {"output", 'o', "DIR", 0, "the result folder (default: results/NAME for jobs/NAME.yaml)", 0},
    {"data", 'd', "DIR", 0, "use the CIFAR-10 in DIR in the place of the job's dataset", 0},
    {"nodes", NODES, "N", 0, "nodes", 0},
    {"ranks", RANKS, "N", 0, "ranks of a node", 0},
    {"threads", 't', "N", 0, "threads of a rank", 0},
    {"time", TIME, "TIME", 0, "wall time, as Slurm writes it: minutes, 1:30:00 or 1-12", 0},
    {"target", TARGET, "TIME", 0, "take the cores that end within it (default: 4:00:00)", 0},
    {"margin", MARGIN, "X", 0, "ask for so many times what is predicted (default: 1.5)", 0},
    {"partition", PARTITION, "NAME", 0, "partition (default: Slurm's)", 0},
    {"account", ACCOUNT, "NAME", 0, "account (default: Slurm's)", 0},
    {"job-name", JOB_NAME, "NAME", 0, "the name that squeue shows (default: the job's)", 0},
    {"machine", 'm', "FILE", 0, "how fast the nodes are, from bench --scaling -o FILE", 0},
    {"probe", PROBE, NULL, 0, "probe this machine again", 0},
    {"yes", 'y', NULL, 0, "submit without asking", 0},
    {"dry-run", DRY_RUN, NULL, 0, "write and show the script, and stop", 0},
    {0},
};

enum { NODES_MAXIMUM = 10000, RANKS_MAXIMUM = 1024, THREADS_MAXIMUM = 1024, NODES_TRIED = 64 };

/* ---- options ---- */

static size_t read_minutes(const struct argp_state *state, const char *option, const char *argument)
{
  size_t minutes = 0;
  if (ag_slurm_minutes_read(argument, &minutes) != AG_OK) {
    argp_error(state, "--%s: %s", option, ag_message());
  }
  return minutes;
}

static const char *read_name(const struct argp_state *state, const char *option,
                             const char *argument)
{
  if (ag_directive_check(option, argument) != AG_OK) argp_error(state, "%s", ag_message());
  return argument;
}

static double read_margin(const struct argp_state *state, const char *argument)
{
  double margin = 0;
  if (ag_number_read(argument, &margin) != AG_OK || !(margin >= 1 && margin <= 100)) {
    argp_error(state, "--margin is '%s'; expected a number from 1 to 100", argument);
  }
  return margin;
}

static void check_together(const struct argp_state *state, const ag_submission *self)
{
  if (self->probe && self->machine != NULL) {
    argp_error(state, "--machine takes the place of a probe: leave --probe out");
  }
  if (self->dry_run && self->yes) argp_error(state, "--dry-run submits nothing: leave --yes out");
  if (!self->dry_run && !self->yes && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))) {
    argp_error(state, "there is no terminal to ask on: give --yes to submit, --dry-run to look");
  }
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
  ag_submission *self = state->input;
  switch (key) {
  case 'o': self->folder = argument; return 0;
  case 'd': self->data = argument; return 0;
  case 'm': self->machine = argument; return 0;
  case 't': self->threads = ag_command_count(state, "threads", argument, THREADS_MAXIMUM); return 0;
  case NODES: self->nodes = ag_command_count(state, "nodes", argument, NODES_MAXIMUM); return 0;
  case RANKS: self->ranks = ag_command_count(state, "ranks", argument, RANKS_MAXIMUM); return 0;
  case TIME: self->minutes = read_minutes(state, "time", argument); return 0;
  case TARGET: self->target = read_minutes(state, "target", argument); return 0;
  case MARGIN: self->margin = read_margin(state, argument); return 0;
  case PARTITION: self->partition = read_name(state, "--partition", argument); return 0;
  case ACCOUNT: self->account = read_name(state, "--account", argument); return 0;
  case JOB_NAME: self->name = read_name(state, "--job-name", argument); return 0;
  case PROBE: self->probe = true; return 0;
  case 'y': self->yes = true; return 0;
  case DRY_RUN: self->dry_run = true; return 0;
  case ARGP_KEY_ARG:
    if (state->arg_num > 0) argp_error(state, "one job file is expected, '%s' is more", argument);
    self->job_path = argument;
    return 0;
  case ARGP_KEY_NO_ARGS: argp_error(state, "a job file is missing"); return 0;
  case ARGP_KEY_SUCCESS: check_together(state, self); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

/* ---- paths ---- */

/* Links stay as they are: nodes may see a folder by the name that leads through one alone. */
static ag_status make_absolute(const char *path, char out[AG_PATH_SIZE])
{
  if (path[0] == '/') return ag_path_join(out, AG_PATH_SIZE, "%s", path);
  char *here = get_current_dir_name();
  while (strncmp(path, "./", 2) == 0)
    path += 2;
  const ag_status status = here == NULL
                               ? ag_fail(AG_INVALID_ARGUMENT, "the current folder has no name")
                               : ag_path_join(out, AG_PATH_SIZE, "%s/%s", here, path);
  free(here);
  return status;
}

static ag_status find_paths(ag_submission *self)
{
  ag_status status = AG_OK;
  char folder[AG_PATH_SIZE];
  ag_command_result_folder(self->job_path, folder);
  AG_TRY(make_absolute(self->job_path, self->job_file));
  AG_TRY(make_absolute(self->folder != NULL ? self->folder : folder, self->result));
  if (self->data != NULL) {
    AG_TRY(make_absolute(self->data, self->data_folder));
    if (!ag_file_exists(self->data_folder)) {
      ag_log("%s is not there on this machine; the nodes must have it", self->data_folder);
    }
  }
  AG_TRY(ag_path_join(self->script, sizeof self->script, "%s/submit.sbatch", self->result));
cleanup:
  return status;
}

/* ---- machine and nodes ---- */

/* A machine that cannot be kept, or read again, is no reason to stop. */
static ag_status probe(const ag_job *job, const char *path, ag_cluster *cluster)
{
  const double all = 0.8;
  double share = 1;
  ag_log("probing this machine, for some seconds");
  const ag_status status = ag_probe(job, cluster, &share);
  if (status == AG_OK && share < all) {
    ag_log("others are at work here, and left the probe %.0f %% of the cores: the prediction is for"
           " nodes that are free",
           100 * share);
  }
  if (status == AG_OK && ag_machine_keep(path, cluster) != AG_OK) ag_log("%s", ag_message());
  return status;
}

static ag_status find_machine(ag_submission *self)
{
  const ag_job *job = self->plan->job;
  if (self->machine != NULL) {
    self->source = AG_MACHINE_GIVEN;
    const ag_status named = make_absolute(self->machine, self->machine_path);
    return named == AG_OK ? ag_machine_read(self->machine, &self->cluster) : named;
  }
  const ag_status status = ag_machine_path(job, self->machine_path);
  if (status != AG_OK) return status;
  if (!self->probe && ag_file_exists(self->machine_path)) {
    self->source = AG_MACHINE_KEPT;
    if (ag_machine_read(self->machine_path, &self->cluster) == AG_OK) return AG_OK;
    ag_log("%s", ag_message());
  }
  self->source = AG_MACHINE_PROBED;
  return probe(job, self->machine_path, &self->cluster);
}

static ag_status find_nodes(ag_submission *self)
{
  ag_partition *nodes = &self->nodes_of;
  const size_t ranks = self->ranks > 0 ? self->ranks : 1;
  const size_t given = ranks * (self->threads > 0 ? self->threads : 1);
  const bool all_given = self->nodes > 0 && self->ranks > 0 && self->threads > 0;
  ag_status status = AG_OK;
  if (!all_given) status = ag_partition_ask(self->partition, &self->has_partition, nodes);
  if (status != AG_OK || self->has_partition) return status;
  *nodes = (ag_partition){.nodes = self->nodes > 0 ? self->nodes : 1,
                          .cores = all_given ? given : ag_machine_cores()};
  if (nodes->cores < given) nodes->cores = given;
  return AG_OK;
}

/* ---- choice ---- */

static ag_status predict(void *context, size_t ranks, size_t threads, double *seconds)
{
  const ag_submission *self = context;
  ag_simulation simulation = {0};
  const ag_status status = ag_predict(self->plan, &self->cluster, ranks, threads, &simulation);
  *seconds = simulation.makespan;
  return status;
}

static ag_status choose(ag_submission *self)
{
  const size_t limit = self->nodes_of.minutes;
  const size_t nodes = self->nodes_of.nodes;
  const ag_allotment_wish wish = {.nodes_maximum = self->nodes > 0 ? nodes
                                                                   : ag_minimum(nodes, NODES_TRIED),
                                  .cores = self->nodes_of.cores,
                                  .nodes = self->nodes,
                                  .ranks = self->ranks,
                                  .threads = self->threads,
                                  .target = 60.0 * (double)self->target};
  const ag_status status = ag_allotment_choose(&wish, predict, self, &self->chosen, &self->in_time);
  if (status != AG_OK) return status;
  self->asked = self->minutes;
  if (self->minutes > 0) return AG_OK;
  self->asked = ag_wall_minutes(self->chosen.seconds, self->margin);
  self->is_cut = limit > 0 && limit < self->asked;
  if (self->is_cut) self->asked = limit;
  return AG_OK;
}

/* ---- script and sbatch ---- */

/* The script, and what was chosen, on standard output. */
static ag_status write_and_show(const ag_submission *self)
{
  ag_status status = AG_OK;
  ag_text text = {0};
  AG_TRY(ag_submission_script(self, &text));
  status = ag_folder_create(self->result);
  if (status == AG_OK) status = ag_file_write(self->script, text.bytes, text.length);
  if (status != AG_OK) {
    status = ag_fail(AG_INVALID_ARGUMENT, "%s", ag_message());
    goto cleanup;
  }
  AG_TRY(ag_submission_show(self, &text));
  AG_TRY(ag_command_print(&text));
cleanup:
  ag_text_clear(&text);
  return status;
}

static bool is_confirmed(const ag_submission *self)
{
  char answer[16] = "";
  if (self->yes) return true;
  printf("\nSubmit it? [y/N] ");
  fflush(stdout);
  if (fgets(answer, sizeof answer, stdin) == NULL) answer[0] = '\0';
  answer[strcspn(answer, "\r\n")] = '\0';
  if (strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0) return true;
  printf("not submitted; sbatch takes the script as it is\n");
  return false;
}

static ag_status call_sbatch(const ag_submission *self)
{
  const double seconds = 300; /* of a controller that is busy */
  ag_program program = {0};
  ag_text log = {0};
  ag_status status = AG_OK;
  AG_TRY(ag_submission_log(self, &log));
  const bool is_told = ag_directive_is_safe(log.bytes); /* by the script */
  const char *const plain[] = {"sbatch", self->script, NULL};
  const char *const with_log[] = {"sbatch", "--output", log.bytes, self->script, NULL};
  status = ag_program_run(is_told ? plain : with_log, seconds, &program);
  if (status != AG_OK) {
    status = ag_fail_within(status, "not submitted");
    goto cleanup;
  }
  AG_TRY(ag_command_print(&program.output));
  if (program.errors.length > 0) fputs(program.errors.bytes, stderr);
  if (program.code != 0) {
    status = ag_fail(AG_IO_ERROR, "not submitted: sbatch ended with %d; the script is %s",
                     program.code, self->script);
  }
cleanup:
  ag_program_clear(&program);
  ag_text_clear(&log);
  return status;
}

/* ---- the whole ---- */

static ag_status submit(ag_submission *self)
{
  ag_status status = AG_OK;
  char *file = NULL;
  size_t size = 0;
  ag_job *job = NULL;
  AG_TRY(ag_job_load(self->job_path, &file, &size, &job));
  if (self->data != NULL) AG_TRY(ag_job_use_cifar10(job));
  AG_TRY(ag_plan_create(job, NULL, &self->plan));
  AG_TRY(find_paths(self));
  AG_TRY(find_nodes(self));
  AG_TRY(find_machine(self));
  AG_TRY(choose(self));
  AG_TRY(write_and_show(self));
  if (!self->dry_run && is_confirmed(self)) AG_TRY(call_sbatch(self));
cleanup:
  ag_plan_destroy(&self->plan);
  ag_job_destroy(&job);
  ag_release(&file);
  return status;
}

int ag_command_submit(int argc, char **argv)
{
  static const struct argp argp = {options, parse, "JOB.yaml", documentation, NULL, NULL, NULL};
  ag_submission self = {.target = 240, .margin = 1.5};
  ag_command_parse(&argp, argc, argv, &self);
  const ag_status status = submit(&self);
  if (status != AG_OK) ag_log("%s", ag_message());
  return ag_status_exit_code(status);
}
