/* What Slurm says of a folder's last run: its job's state beside the journal's. squeue knows jobs
 * that wait, run or have just ended; sacct, where the site keeps accounts, those before. */
#include "advgrid/report.h"

#include <stdio.h>
#include <string.h>

enum { SECONDS = 5, FIELDS = 5, JOB_SIZE = 80 };

/* The fields of a line that '|' parts, those that are not there empty. */
typedef struct answer {
  char line[1024];
  const char *fields[FIELDS];
} answer;

static void split(const char *output, answer *found)
{
  const size_t length = ag_minimum(strcspn(output, "\n"), sizeof found->line - 1);
  memcpy(found->line, output, length);
  found->line[length] = '\0';
  char *rest = found->line;
  for (size_t i = 0; i < FIELDS; ++i) {
    char *bar = strchr(rest, '|');
    found->fields[i] = rest;
    rest = bar == NULL ? found->line + length : bar + 1;
    if (bar != NULL) *bar = '\0';
  }
}

/* ---- squeue ---- */

static ag_status append_state(const char *output, ag_text *text)
{
  answer found;
  split(output, &found);
  const char *state = found.fields[0];
  const char *reason = found.fields[1];
  const char *left = found.fields[2];
  const char *start = found.fields[3];
  const char *nodes = found.fields[4];
  ag_status status = ag_text_append(text, "%s", state);
  if (strcmp(reason, "None") != 0 && reason[0] != '\0') {
    AG_TRY(ag_text_append(text, " (%s)", reason));
  }
  if (nodes[0] != '\0') AG_TRY(ag_text_append(text, " on %s", nodes));
  if (strcmp(state, "PENDING") == 0 && strcmp(start, "N/A") != 0 && start[0] != '\0') {
    AG_TRY(ag_text_append(text, ", expected to start %s", start));
  }
  if (strcmp(state, "RUNNING") == 0) AG_TRY(ag_text_append(text, ", time left %s", left));
cleanup:
  return status;
}

/* *knows: false where squeue answered and has no such job. What went wrong is part of the text. */
static ag_status ask_squeue(const char *jobs, ag_text *text, bool *knows)
{
  const char *const arguments[] = {
      "squeue", "--noheader", "--states=all", jobs, "--format=%T|%r|%L|%S|%N", NULL};
  ag_program squeue;
  *knows = true;
  ag_status status = ag_program_run(arguments, SECONDS, &squeue);
  if (status == AG_IO_ERROR) return ag_text_append(text, "not known: %s", ag_message());
  if (status != AG_OK) return status;
  if (squeue.code == 0 && squeue.output.bytes[0] != '\0') {
    status = append_state(squeue.output.bytes, text);
  } else if (squeue.code == 0 || strstr(squeue.errors.bytes, "Invalid job id") != NULL) {
    *knows = false;
  } else {
    status = ag_text_append(text, "not known: squeue failed: %.*s",
                            (int)ag_minimum(strcspn(squeue.errors.bytes, "\n"), 256),
                            squeue.errors.bytes);
  }
  ag_program_clear(&squeue);
  return status;
}

/* ---- sacct ---- */

static ag_status ask_sacct(const char *jobs, ag_text *text)
{
  const char *const arguments[] = {
      "sacct",       "--noheader", "--allocations",
      "--parsable2", jobs,         "--format=State,ExitCode,End,NodeList",
      NULL};
  ag_program sacct;
  ag_status status = ag_program_run(arguments, SECONDS, &sacct);
  if (status == AG_IO_ERROR) return ag_text_append(text, "squeue does not know it any more");
  if (status != AG_OK) return status;
  if (sacct.code == 0 && sacct.output.bytes[0] != '\0') {
    answer found;
    split(sacct.output.bytes, &found);
    status = ag_text_append(text, "%s at %s, exit code %s", found.fields[0], found.fields[2],
                            found.fields[1]);
    if (status == AG_OK && found.fields[3][0] != '\0') {
      status = ag_text_append(text, ", on %s", found.fields[3]);
    }
  } else {
    status = ag_text_append(text, "squeue does not know it any more, nor does sacct");
  }
  ag_program_clear(&sacct);
  return status;
}

/* ---- the line ---- */

ag_status ag_report_slurm(const ag_ledger *ledger, ag_text *text)
{
  static const char option[] = "--jobs=";
  ag_status status = AG_OK;
  char jobs[JOB_SIZE]; /* the option for both programs */
  bool knows = true;
  const ag_provenance *run = &ledger->provenance;
  if (ledger->runs == 0 || run->slurm_job_id[0] == '\0') return AG_OK;
  if (strstr(run->slurm_job_id, " + ") != NULL) return AG_OK; /* merged: no job writes here */
  if (run->slurm_array_job_id[0] == '\0') {
    snprintf(jobs, sizeof jobs, "%s%s", option, run->slurm_job_id);
  } else {
    snprintf(jobs, sizeof jobs, "%s%s_%s", option, run->slurm_array_job_id,
             run->slurm_array_task_id);
  }
  AG_TRY(ag_text_append(text, "slurm    job %s", jobs + sizeof option - 1));
  if (run->slurm_restart_count > 0) {
    AG_TRY(ag_text_append(text, ", restart %u", run->slurm_restart_count));
  }
  AG_TRY(ag_text_append(text, ": "));
  AG_TRY(ask_squeue(jobs, text, &knows));
  if (!knows) AG_TRY(ask_sacct(jobs, text));
  AG_TRY(ag_text_append(text, "\n"));
cleanup:
  return status;
}
