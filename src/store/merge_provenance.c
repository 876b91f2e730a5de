/* What joined folders were made with and on, told as one run. */
#include "store/merge.h"

#include <string.h>

static const char rest[] = "...";

/* Whether a text is one of those in a list, which are kept apart by `between`. */
static bool is_listed(const char *list, const char *between, const char *text, size_t length)
{
  while (*list != '\0') {
    const char *end = strstr(list, between);
    const size_t own = end == NULL ? strlen(list) : (size_t)(end - list);
    if (own == length && memcmp(list, text, length) == 0) return true;
    list += own + (end == NULL ? 0 : strlen(between));
  }
  return false;
}

/* Appends a text that the field does not have yet. One that does not fit ends the list in "...". */
static void add_text(char *field, size_t size, const char *between, const char *text, size_t length)
{
  const size_t used = strlen(field);
  const char *before = used > 0 ? between : "";
  const size_t end = used < sizeof rest ? 0 : used - (sizeof rest - 1);
  if (length == 0 || is_listed(field, between, text, length)) return;
  if (used + strlen(before) + length < size) {
    snprintf(field + used, size - used, "%s%.*s", before, (int)length, text);
  } else if (strcmp(field + end, rest) != 0) {
    const size_t place = ag_minimum(used, size - sizeof rest);
    memset(field + place, 0, size - place);
    memcpy(field + place, rest, sizeof rest);
  }
}

/* The same for each text of a list, such as an earlier merge has left. */
static void add_list(char *field, size_t size, const char *between, const char *list)
{
  for (const char *end = NULL; (end = strstr(list, between)) != NULL; list = end + strlen(between))
    add_text(field, size, between, list, (size_t)(end - list));
  add_text(field, size, between, list, strlen(list));
}

void ag_merge_provenance(const ag_merging *all, ag_provenance *joined)
{
  memset(joined, 0, sizeof *joined);
  for (size_t i = 0; i < all->count; ++i) {
    const ag_provenance *run = &all->sources[i].run;
    if (run->dataset_sha256[0] == '\0') continue; /* nothing was run there */
#define ADD(field) add_list(joined->field, sizeof joined->field, " + ", run->field)
    ADD(version);
    ADD(git_commit);
    ADD(cpu);
    ADD(mpi);
    ADD(blas);
    ADD(hdf5);
    ADD(slurm_job_id);
    ADD(slurm_array_job_id);
    ADD(slurm_array_task_id);
    ADD(slurm_nodes);
    ADD(kernels);
#undef ADD
    add_list(joined->hosts, sizeof joined->hosts, ",", run->hosts);
    if (strcmp(run->started, joined->started) > 0) {
      memcpy(joined->started, run->started, sizeof joined->started);
    }
    joined->slurm_restart_count += run->slurm_restart_count;
    if (run->ranks > joined->ranks) joined->ranks = run->ranks;
    if (run->threads > joined->threads) joined->threads = run->threads;
    memcpy(joined->dataset_sha256, run->dataset_sha256, sizeof joined->dataset_sha256);
  }
}
