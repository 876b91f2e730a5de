/* A job reduced to one of its seeds or one of its defenses: what an element of a batch array runs.
 * Keys know neither the place in a list nor the other entries, so that they stay as they were. */
#include "plan/source.h"

#include <stdio.h>
#include <string.h>

/* "seed '7' is none of the job's: 1, 2, 3"; list: what the job has, cleared. */
static ag_status fail_unknown(const char *what, const char *word, ag_text *list)
{
  const ag_status status = ag_fail(AG_INVALID_ARGUMENT, "%s '%.80s' is none of the job's: %s", what,
                                   word, list->bytes == NULL ? "" : list->bytes);
  ag_text_clear(list);
  return status;
}

ag_status ag_job_keep_seed(ag_job *job, const char *seed)
{
  ag_text list = {0};
  for (size_t i = 0; i < job->seed_count; ++i) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)job->seeds[i]);
    if (strcmp(text, seed) == 0) {
      job->seeds[0] = job->seeds[i];
      job->seed_count = 1;
      ag_text_clear(&list);
      return AG_OK;
    }
    ag_text_append(&list, "%s%s", i > 0 ? ", " : "", text);
  }
  return fail_unknown("seed", seed, &list);
}

/* The defense that is kept, or one that an attack needs. */
static bool is_needed(const ag_job *job, size_t defense, size_t kept)
{
  bool needed = defense == kept;
  for (size_t i = 0; i < job->attack_count; ++i)
    needed = needed || ag_job_source(job, i) == defense;
  return needed;
}

static ag_status keep_needed(ag_job *job, size_t kept)
{
  ag_status status = AG_OK;
  ag_entry *defenses = NULL;
  size_t count = 0;
  AG_TRY(ag_allocate(job->defense_count, sizeof *defenses, &defenses));
  for (size_t i = 0; i < job->defense_count; ++i) {
    if (is_needed(job, i, kept)) defenses[count++] = job->defenses[i];
  }
  ag_release(&job->defenses);
  job->defenses = defenses;
  job->defense_count = count;
cleanup:
  return status;
}

ag_status ag_job_keep_defense(ag_job *job, const char *name)
{
  ag_text list = {0};
  for (size_t i = 0; i < job->defense_count; ++i) {
    if (strcmp(job->defenses[i].name, name) == 0) {
      ag_text_clear(&list);
      return keep_needed(job, i);
    }
    ag_text_append(&list, "%s%s", i > 0 ? ", " : "", job->defenses[i].name);
  }
  return fail_unknown("defense", name, &list);
}
