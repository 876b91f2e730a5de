/* What a run is made with and on: versions, processor, libraries, batch job.
 * Every answer has a plain fallback, since a run must not fail for want of one. */
#include "advgrid/kernels.h"
#include "advgrid/store.h"
#include "store/results.h"

#include <advgrid_commit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fills the whole field, zeros behind the text, so that the journal's bytes are defined. */
static void set_text(char *field, size_t size, const char *text)
{
  memset(field, 0, size);
  snprintf(field, size, "%s", text);
}

/* The first "model name" of Linux's list of processors. */
static void find_cpu(char *field, size_t size)
{
  static const char name[] = "model name";
  char line[512];
  set_text(field, size, "unknown");
  FILE *file = fopen("/proc/cpuinfo", "re");
  if (file == NULL) return;
  while (fgets(line, sizeof line, file) != NULL) {
    const char *colon = strchr(line, ':');
    if (strncmp(line, name, sizeof name - 1) != 0 || colon == NULL) continue;
    line[strcspn(line, "\n")] = '\0';
    set_text(field, size, colon + 1 + strspn(colon + 1, " \t"));
    break;
  }
  fclose(file);
}

void ag_provenance_collect(ag_provenance *provenance)
{
  const char *job = getenv("SLURM_JOB_ID");
  set_text(provenance->version, sizeof provenance->version, ADVGRID_VERSION);
  set_text(provenance->git_commit, sizeof provenance->git_commit, ADVGRID_GIT_COMMIT);
  find_cpu(provenance->cpu, sizeof provenance->cpu);
  set_text(provenance->blas, sizeof provenance->blas, ag_gemm_library());
  ag_results_library(provenance->hdf5);
  set_text(provenance->slurm_job_id, sizeof provenance->slurm_job_id, job == NULL ? "" : job);
  ag_clock_timestamp(provenance->started);
}
