/* advgrid plan: what a job comes to, and how long it takes, without running it. */
#include "advgrid/run.h"
#include "advgrid/store.h"
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

static const char documentation[] =
    "Print what a job comes to: its models, points and units, their floating-point operations,"
    " the memory of a rank, and the job with every default filled in. With --ranks also the hours"
    " that 1, 2, 4 ... N ranks take, by the schedule of a run in simulated time. Runs nothing."
    "\v"
    "A prediction is worth what its machine file is: without one a core and a network are guessed."
    " Attacks count at their most; images that fall early cost less.\n"
    "\n"
    "  advgrid plan jobs/quickstart.yaml\n"
    "  advgrid plan jobs/quickstart.yaml --list seeds    what run --seed takes\n"
    "  mpirun -n 2 advgrid bench --scaling -o machine.yaml\n"
    "  advgrid plan jobs/base.yaml --ranks 64 --machine machine.yaml\n";

static const struct argp_option options[] = {
    {"ranks", 'n', "N", 0, "predict the hours of 1, 2, 4 ... N ranks", 0},
    {"threads", 't', "T", 0, "threads of a rank (default: those of the machine file, else 1)", 0},
    {"list", 'l', "WHAT", 0, "print nothing but the job's seeds or its defenses, one a line", 0},
    {"machine", 'm', "FILE", 0, "how fast the machine is, from bench --scaling -o FILE", 0},
    {0},
};

typedef struct request {
  const char *job_path, *machine_path; /* machine_path: NULL where none is given */
  size_t ranks, threads;               /* 0: not given */
  const char *list;                    /* "seeds" or "defenses"; NULL: the plan */
} request;

enum { RANKS_MAXIMUM = 100000, THREADS_MAXIMUM = 1024 };

static error_t parse(int key, char *argument, struct argp_state *state)
{
  request *input = state->input;
  switch (key) {
  case 'n': input->ranks = ag_command_count(state, "ranks", argument, RANKS_MAXIMUM); return 0;
  case 't':
    input->threads = ag_command_count(state, "threads", argument, THREADS_MAXIMUM);
    return 0;
  case 'm': input->machine_path = argument; return 0;
  case 'l':
    if (strcmp(argument, "seeds") != 0 && strcmp(argument, "defenses") != 0) {
      argp_error(state, "--list is '%s'; expected seeds or defenses", argument);
    }
    input->list = argument;
    return 0;
  case ARGP_KEY_ARG:
    if (state->arg_num > 0) argp_error(state, "one job file is expected, '%s' is more", argument);
    input->job_path = argument;
    return 0;
  case ARGP_KEY_NO_ARGS: argp_error(state, "a job file is missing"); return 0;
  case ARGP_KEY_SUCCESS:
    if (input->ranks > 0) return 0;
    if (input->threads > 0) argp_error(state, "--threads is for a prediction: give --ranks too");
    if (input->machine_path != NULL) {
      argp_error(state, "--machine is for a prediction: give --ranks too");
    }
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

/* ---- prediction ---- */

static ag_status load_cluster(const char *path, ag_cluster *cluster)
{
  *cluster = ag_cluster_guess();
  return path == NULL ? AG_OK : ag_machine_read(path, cluster);
}

static ag_status append_row(const ag_plan *plan, const ag_cluster *cluster, size_t ranks,
                            size_t threads, ag_text *text)
{
  ag_simulation simulation;
  const ag_status status = ag_predict(plan, cluster, ranks, threads, &simulation);
  if (status != AG_OK) return status;
  const double all = (double)ranks * simulation.makespan;
  return ag_text_append(text, "%10zu%12.4g%10.1f %%%10.1f %%%14.4g\n", ranks,
                        simulation.makespan / 3600, 100 * simulation.efficiency,
                        all > 0 ? 100 * simulation.idle / all : 0, (double)threads * all / 3600);
}

static ag_status append_prediction(const request *input, const ag_plan *plan,
                                   const ag_cluster *cluster, ag_text *text)
{
  ag_status status = AG_OK;
  const size_t threads = input->threads > 0 ? input->threads : cluster->threads;
  if (input->machine_path == NULL) {
    AG_TRY(ag_text_append(text, "\nguessed, not measured: cores with AVX2 and 10 Gbit/s between"
                                " ranks; see --machine\n"));
  } else {
    AG_TRY(ag_text_append(text, "\nmachine   %s, measured with %s: %s\n", input->machine_path,
                          cluster->model, cluster->cpu));
  }
  AG_TRY(ag_text_append(text, "predicted for ranks of %zu thread%s, attacks at their most\n\n",
                        threads, threads > 1 ? "s" : ""));
  AG_TRY(ag_text_append(text, "%10s%12s%12s%12s%14s\n", "ranks", "hours", "efficiency", "idle",
                        "core-hours"));
  for (size_t ranks = 1; ranks < input->ranks; ranks *= 2)
    AG_TRY(append_row(plan, cluster, ranks, threads, text));
  AG_TRY(append_row(plan, cluster, input->ranks, threads, text));
cleanup:
  return status;
}

/* ---- the whole ---- */

static ag_status append_plan(const ag_plan *plan, ag_text *text)
{
  ag_status status = AG_OK;
  const double mebibyte = 1024.0 * 1024.0;
  AG_TRY(ag_text_append(text, "models    %zu to train or to load, %.4g TFLOP of training\n",
                        plan->model_count, 1e-12 * plan->training_flops));
  AG_TRY(ag_text_append(text, "points    %zu\n", plan->point_count));
  AG_TRY(ag_text_append(text, "units     %zu of attack, at most %.4g TFLOP\n", plan->unit_count,
                        1e-12 * plan->attack_flops));
  AG_TRY(ag_text_append(text, "memory    %.0f MiB a rank of one thread, %.0f MiB a node of data\n",
                        (double)plan->rank_bytes / mebibyte,
                        (double)plan->dataset_bytes / mebibyte));
cleanup:
  return status;
}

/* What run --seed and --defense take, for scripts. */
static ag_status append_list(const char *what, const ag_job *job, ag_text *text)
{
  ag_status status = AG_OK;
  const bool seeds = strcmp(what, "seeds") == 0;
  for (size_t i = 0; i < (seeds ? job->seed_count : job->defense_count); ++i) {
    AG_TRY(seeds ? ag_text_append(text, "%llu\n", (unsigned long long)job->seeds[i])
                 : ag_text_append(text, "%s\n", job->defenses[i].name));
  }
cleanup:
  return status;
}

static ag_status append_whole(const request *input, const ag_plan *plan, const ag_cluster *cluster,
                              ag_text *text)
{
  ag_status status = AG_OK;
  AG_TRY(append_plan(plan, text));
  if (input->ranks > 0) AG_TRY(append_prediction(input, plan, cluster, text));
  AG_TRY(ag_text_append(text, "\n# the job with every default filled in\n"));
  AG_TRY(ag_job_print(plan->job, text));
cleanup:
  return status;
}

static ag_status print_plan(const request *input)
{
  ag_status status = AG_OK;
  char *file = NULL;
  size_t size = 0;
  ag_job *job = NULL;
  ag_plan *plan = NULL;
  ag_cluster cluster;
  ag_text text = {0};
  AG_TRY(ag_job_load(input->job_path, &file, &size, &job));
  AG_TRY(load_cluster(input->machine_path, &cluster));
  AG_TRY(ag_plan_create(job, NULL, &plan));
  AG_TRY(input->list != NULL ? append_list(input->list, job, &text)
                             : append_whole(input, plan, &cluster, &text));
  AG_TRY(ag_command_print(&text));
cleanup:
  ag_text_clear(&text);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
  ag_release(&file);
  return status;
}

int ag_command_plan(int argc, char **argv)
{
  static const struct argp argp = {options, parse, "JOB.yaml", documentation, NULL, NULL, NULL};
  request input = {0};
  ag_command_parse(&argp, argc, argv, &input);
  const ag_status status = print_plan(&input);
  if (status != AG_OK) ag_log("%s", ag_message());
  return ag_status_exit_code(status);
}
