/* What advgrid submit has chosen: told to a person, and filled into the script. */
#include "cli/submit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- told ---- */

static ag_status show_machine(const ag_submission *self, ag_text *text)
{
  static const char *const sources[] = {"given", "kept from an earlier probe, which --probe renews",
                                        "probed just now, and kept"};
  ag_status status = AG_OK;
  const ag_cluster *cluster = &self->cluster;
  const char *model = self->plan->job->model.kind->name;
  AG_TRY(ag_text_append(text, "machine    %s\n           %s\n           (%s), measured with %s%s\n",
                        cluster->cpu, self->machine_path, sources[self->source], cluster->model,
                        strcmp(model, cluster->model) == 0 ? "" : ", scaled by operations"));
  if (self->source != AG_MACHINE_GIVEN) {
    AG_TRY(ag_text_append(text,
                          "messages   guessed, since one rank sends none: %g us, %g GB/s;"
                          " --machine has them measured\n",
                          1e6 * cluster->latency, 1e-9 * cluster->bandwidth));
  }
cleanup:
  return status;
}

static ag_status show_nodes(const ag_submission *self, ag_text *text)
{
  const ag_partition *nodes = &self->nodes_of;
  char limit[AG_SLURM_TIME_SIZE];
  ag_slurm_minutes_print(nodes->minutes, limit);
  if (!self->has_partition) {
    return ag_text_append(text, "nodes      of %zu core%s, as far as is known\n", nodes->cores,
                          ag_plural(nodes->cores, "", "s"));
  }
  return ag_text_append(text, "partition  %s: %zu node%s of %zu core%s%s%s\n", nodes->name,
                        nodes->nodes, ag_plural(nodes->nodes, "", "s"), nodes->cores,
                        ag_plural(nodes->cores, "", "s"), nodes->minutes > 0 ? ", at most " : "",
                        nodes->minutes > 0 ? limit : "");
}

static const char *reason(const ag_submission *self)
{
  if (self->nodes > 0 && self->ranks > 0 && self->threads > 0) return "as given";
  if (self->in_time) return "the fewest cores that are predicted to end within";
  return "predicted to end later than the target, but these cores are used well:";
}

static ag_status show_shape(const ag_submission *self, ag_text *text)
{
  ag_status status = AG_OK;
  const ag_allotment *chosen = &self->chosen;
  char target[AG_SLURM_TIME_SIZE] = "";
  const bool given = self->nodes > 0 && self->ranks > 0 && self->threads > 0;
  if (!given) ag_slurm_minutes_print(self->target, target);
  AG_TRY(ag_text_append(
      text, "takes      %zu node%s, %zu rank%s a node, %zu thread%s a rank\n           (%s%s%s)\n",
      chosen->nodes, ag_plural(chosen->nodes, "", "s"), chosen->ranks,
      ag_plural(chosen->ranks, "", "s"), chosen->threads, ag_plural(chosen->threads, "", "s"),
      reason(self), given ? "" : " ", target));
  AG_TRY(ag_text_append(text,
                        "predicted  %.3g s, attacks at their most; %.0f %% of what as many single"
                        " cores would do\n",
                        chosen->seconds, 100 * chosen->efficiency));
cleanup:
  return status;
}

static ag_status show_time(const ag_submission *self, ag_text *text)
{
  char asked[AG_SLURM_TIME_SIZE];
  ag_slurm_minutes_print(self->asked, asked);
  const size_t warning = ag_wall_warning(self->asked);
  ag_status status = AG_OK;
  if (self->minutes > 0) {
    AG_TRY(ag_text_append(text, "time       %s (as given)\n", asked));
  } else if (self->is_cut) {
    AG_TRY(ag_text_append(text, "time       %s (the most that the partition allows)\n", asked));
  } else {
    AG_TRY(ag_text_append(text,
                          "time       %s (predicted x %g, a minute to start, and to stop in time,"
                          " whole minutes)\n",
                          asked, self->margin));
  }
  if (self->chosen.seconds > 60.0 * (double)self->asked - (double)warning) {
    AG_TRY(ag_text_append(text, "           what is not done by then goes on when Slurm starts the"
                                " job again\n"));
  }
cleanup:
  return status;
}

ag_status ag_submission_show(const ag_submission *self, ag_text *text)
{
  ag_status status = AG_OK;
  const ag_plan *plan = self->plan;
  AG_TRY(ag_text_append(text, "\njob        %s: %zu model%s, %zu point%s\n", plan->job->name,
                        plan->model_count, ag_plural(plan->model_count, "", "s"), plan->point_count,
                        ag_plural(plan->point_count, "", "s")));
  AG_TRY(show_machine(self, text));
  AG_TRY(show_nodes(self, text));
  AG_TRY(show_shape(self, text));
  AG_TRY(show_time(self, text));
  AG_TRY(ag_text_append(text, "script     %s\n", self->script));
cleanup:
  return status;
}

/* ---- filled in ---- */

/* A job's name may stand in a directive but for a '-' at its start. NULL: nothing is left. */
static const char *name_of(const ag_submission *self)
{
  if (self->name != NULL) return self->name;
  const char *name = self->plan->job->name + strspn(self->plan->job->name, "-");
  return name[0] == '\0' ? NULL : name;
}

ag_status ag_submission_log(const ag_submission *self, ag_text *text)
{
  ag_status status = AG_OK;
  /* "%j" is the job's number and "%%" a '%'; but where there is a backslash, which stands for the
   * character behind it, Slurm replaces nothing. */
  const bool replaces = strchr(self->result, '\\') == NULL;
  const char special = replaces ? '%' : '\\';
  for (const char *at = self->result; *at != '\0'; ++at)
    AG_TRY(ag_text_append(text, "%.*s", 1 + (*at == special), (char[]){*at, *at, '\0'}));
  AG_TRY(ag_text_append(text, "%s", replaces ? "/advgrid-%j.log" : "/advgrid.log"));
cleanup:
  return status;
}

static ag_status append_quoted(const char *before, const char *word, ag_text *text)
{
  const ag_status status = ag_text_append(text, "%s", before);
  return status == AG_OK ? ag_script_quote(word, text) : status;
}

/* The shell's part: this program, the folder that relative paths in the job start from, and the
 * arguments. */
static ag_status append_lines(const ag_submission *self, ag_text *text)
{
  ag_status status = AG_OK;
  char program[AG_PATH_SIZE] = "";
  char *here = get_current_dir_name();
  if (here == NULL || readlink("/proc/self/exe", program, sizeof program - 1) <= 0) {
    status = ag_fail(AG_IO_ERROR, "cannot tell where this program and the current folder are: %s",
                     strerror(errno));
    goto cleanup;
  }
  AG_TRY(ag_text_append(text, "\n# By advgrid submit: the program, and what it runs.\n"));
  AG_TRY(append_quoted("export ADVGRID=", program, text));
  AG_TRY(append_quoted("\ncd -- ", here, text));
  AG_TRY(append_quoted(" || exit 1\nset -- ", self->job_file, text));
  AG_TRY(append_quoted(" -o ", self->result, text));
  if (self->data != NULL) AG_TRY(append_quoted(" -d ", self->data_folder, text));
  if (self->source == AG_MACHINE_GIVEN)
    AG_TRY(append_quoted(" --machine ", self->machine_path, text));
  AG_TRY(ag_text_append(text, "\n"));
cleanup:
  free(here);
  return status;
}

ag_status ag_submission_script(const ag_submission *self, ag_text *text)
{
  ag_status status = AG_OK;
  const ag_allotment *chosen = &self->chosen;
  ag_text lines = {0};
  ag_text log = {0};
  char time[AG_SLURM_TIME_SIZE];
  char numbers[4][64];
  ag_slurm_minutes_print(self->asked, time);
  snprintf(numbers[0], sizeof *numbers, "%zu", chosen->nodes);
  snprintf(numbers[1], sizeof *numbers, "%zu", chosen->ranks);
  snprintf(numbers[2], sizeof *numbers, "%zu", chosen->threads);
  snprintf(numbers[3], sizeof *numbers, "B:USR1@%zu", ag_wall_warning(self->asked));
  AG_TRY(ag_submission_log(self, &log));
  const ag_directive directives[] = {
      {"job-name", name_of(self)},
      {"nodes", numbers[0]},
      {"ntasks-per-node", numbers[1]},
      {"cpus-per-task", numbers[2]},
      {"time", time},
      {"signal", numbers[3]},
      {"output", ag_directive_is_safe(log.bytes) ? log.bytes : NULL},
      {"partition", self->partition},
      {"account", self->account},
      {"threads-per-core", self->nodes_of.has_siblings ? "1" : NULL},
  };
  AG_TRY(append_lines(self, &lines));
  AG_TRY(ag_script_write(ag_script_template, sizeof directives / sizeof *directives, directives,
                         lines.bytes, text));
cleanup:
  ag_text_clear(&log);
  ag_text_clear(&lines);
  return status;
}
