/* advgrid plan: what a job comes to, without running it. */
#include "advgrid/store.h"
#include "cli/commands.h"

#include <stdio.h>

static const char documentation[] =
    "Print what a job comes to: its models, points and units, their floating-point operations,"
    " the memory of a rank, and the job with every default filled in. Runs nothing."
    "\v"
    "  advgrid plan jobs/quickstart.yaml\n";

static error_t parse(int key, char *argument, struct argp_state *state)
{
  const char **path = state->input;
  switch (key) {
  case ARGP_KEY_ARG:
    if (state->arg_num > 0) argp_error(state, "one job file is expected, '%s' is more", argument);
    *path = argument;
    return 0;
  case ARGP_KEY_NO_ARGS: argp_error(state, "a job file is missing"); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

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
  AG_TRY(ag_text_append(text, "\n# the job with every default filled in\n"));
  AG_TRY(ag_job_print(plan->job, text));
cleanup:
  return status;
}

static ag_status print_plan(const char *path)
{
  ag_status status = AG_OK;
  char *file = NULL;
  size_t size = 0;
  ag_job *job = NULL;
  ag_plan *plan = NULL;
  ag_text text = {0};
  AG_TRY(ag_job_load(path, &file, &size, &job));
  AG_TRY(ag_plan_create(job, NULL, &plan));
  AG_TRY(append_plan(plan, &text));
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
  static const struct argp argp = {NULL, parse, "JOB.yaml", documentation, NULL, NULL, NULL};
  const char *path = NULL;
  ag_command_parse(&argp, argc, argv, &path);
  const ag_status status = print_plan(path);
  if (status != AG_OK) ag_log("%s", ag_message());
  return ag_status_exit_code(status);
}
