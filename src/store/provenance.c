/* What a run is made with and on: versions, processor, libraries, kernels, batch job.
 * Every answer has a plain fallback, since a run must not fail for want of one; only memory may
 * be short. */
#include "store/provenance.h"
#include "advgrid/kernels.h"
#include "network/hdf5_support.h"

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

/* ---- batch job ---------------------------------------------------------------- */

static void set_variable(char *field, size_t size, const char *name)
{
  const char *value = getenv(name);
  set_text(field, size, value == NULL ? "" : value);
}

static void find_slurm_job(ag_provenance *provenance)
{
  const char *restarts = getenv("SLURM_RESTART_COUNT"); /* not there before the first */
#define SET(field, name) set_variable(provenance->field, sizeof provenance->field, name)
  SET(slurm_job_id, "SLURM_JOB_ID");
  SET(slurm_array_job_id, "SLURM_ARRAY_JOB_ID");
  SET(slurm_array_task_id, "SLURM_ARRAY_TASK_ID");
  SET(slurm_nodes, "SLURM_JOB_NODELIST");
#undef SET
  provenance->slurm_restart_count = restarts == NULL ? 0 : (uint32_t)strtoul(restarts, NULL, 10);
}

void ag_provenance_collect(ag_provenance *provenance)
{
  set_text(provenance->version, sizeof provenance->version, ADVGRID_VERSION);
  set_text(provenance->git_commit, sizeof provenance->git_commit, ADVGRID_GIT_COMMIT);
  find_cpu(provenance->cpu, sizeof provenance->cpu);
  set_text(provenance->blas, sizeof provenance->blas, ag_gemm_library());
  ag_hdf5_version(provenance->hdf5);
  find_slurm_job(provenance);
  ag_clock_timestamp(provenance->started);
}

/* ---- kernels --------------------------------------------------------------- */

/* "avx512; conv1 im2col, conv2 winograd" */
static ag_status append_network(ag_text *text, const ag_network *network)
{
  ag_status status = AG_OK;
  const char *between = "; ";
  AG_TRY(ag_text_append(text, "%s", ag_variant_name(ag_network_variant(network))));
  for (size_t i = 0; i < ag_network_layer_count(network); ++i) {
    const char *kernel = ag_network_layer_kernel(network, i);
    if (kernel[0] == '\0') continue;
    AG_TRY(ag_text_append(text, "%s%s %s", between, ag_network_layer_name(network, i), kernel));
    between = ", ";
  }
cleanup:
  return status;
}

static ag_status append_model(ag_text *text, const ag_plan *plan, const ag_model_unit *model)
{
  ag_network *network = NULL;
  ag_status status =
      ag_network_create(&model->layers, plan->dataset.shape, plan->dataset.classes, &network);
  if (status == AG_OK) status = append_network(text, network);
  ag_network_destroy(&network);
  return status;
}

/* all: of every defense, by its name; first: of the first. Seeds make no difference. */
static ag_status append_models(const ag_plan *plan, ag_text *all, ag_text *first, bool *same)
{
  ag_status status = AG_OK;
  *same = true;
  for (size_t i = 0; i < plan->model_count; ++i) {
    const ag_model_unit *model = &plan->models[i];
    if (model->seed > 0) continue;
    AG_TRY(ag_text_append(all, "%s%s: ", first->length > 0 ? " | " : "",
                          plan->job->defenses[model->defense].name));
    const size_t start = all->length;
    AG_TRY(append_model(all, plan, model));
    if (first->length == 0) {
      AG_TRY(ag_text_append(first, "%s", all->bytes + start));
    } else if (strcmp(all->bytes + start, first->bytes) != 0) {
      *same = false;
    }
  }
cleanup:
  return status;
}

ag_status ag_provenance_kernels(const ag_plan *plan, ag_provenance *provenance)
{
  static const char rest[] = "...";
  enum { SIZE = sizeof provenance->kernels };
  ag_text all = {0};
  ag_text first = {0};
  bool same = false;
  const ag_status status = append_models(plan, &all, &first, &same);
  if (status == AG_OK) {
    const ag_text *told = same ? &first : &all;
    set_text(provenance->kernels, SIZE, told->bytes);
    if (told->length >= SIZE) memcpy(provenance->kernels + SIZE - sizeof rest, rest, sizeof rest);
  }
  ag_text_clear(&first);
  ag_text_clear(&all);
  return status;
}

/* ---- reading ----------------------------------------------------------------- */

/* A run's record before a member came: of that size, and what it held lies where it lay. */
enum { BEFORE_KERNELS = 1956, BEFORE_SLURM = 2980 };
#define HOLDS(size, member)                                              \
  (offsetof(ag_provenance, member) + _Alignof(ag_provenance) > (size) && \
   offsetof(ag_provenance, member) <= (size))
_Static_assert(HOLDS(BEFORE_KERNELS, kernels), "the first runs");
_Static_assert(HOLDS(BEFORE_SLURM, slurm_restart_count), "runs with kernels");
#undef HOLDS

/* Whoever wrote the record, its texts end. */
static void terminate_texts(ag_provenance *provenance)
{
#define END(field) provenance->field[sizeof provenance->field - 1] = '\0'
  END(version);
  END(git_commit);
  END(cpu);
  END(mpi);
  END(blas);
  END(hdf5);
  END(slurm_job_id);
  END(hosts);
  END(started);
  END(dataset_sha256);
  END(kernels);
  END(slurm_array_job_id);
  END(slurm_array_task_id);
  END(slurm_nodes);
#undef END
}

ag_status ag_provenance_read(const ag_record *record, ag_provenance *provenance)
{
  size_t size = sizeof *provenance;
  if (record->size == BEFORE_KERNELS) {
    size = offsetof(ag_provenance, kernels);
  } else if (record->size == BEFORE_SLURM) {
    size = offsetof(ag_provenance, slurm_restart_count);
  } else if (record->size != size) {
    return ag_fail(AG_BAD_STORE, "the record of a run has %zu bytes; expected %zu", record->size,
                   size);
  }
  memset(provenance, 0, sizeof *provenance);
  memcpy(provenance, record->payload, size);
  terminate_texts(provenance);
  return AG_OK;
}
