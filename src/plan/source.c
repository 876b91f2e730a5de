/* Attacks by the images of another model: which of the job's defenses that is. */
#include "plan/source.h"

#include <stdio.h>
#include <string.h>

size_t ag_job_source(const ag_job *job, size_t attack)
{
  const char *name = ag_attack_source(&job->attacks[attack]);
  for (size_t i = 0; name != NULL && i < job->defense_count; ++i) {
    if (strcmp(job->defenses[i].name, name) == 0) return i;
  }
  return SIZE_MAX;
}

static ag_status fail_unknown(const ag_job *job, const ag_entry *attack)
{
  ag_status status = AG_OK;
  char what[AG_VALUE_SIZE];
  const char **names = NULL;
  const char *source = ag_attack_source(attack);
  AG_TRY(ag_allocate(job->defense_count, sizeof *names, &names));
  for (size_t i = 0; i < job->defense_count; ++i)
    names[i] = job->defenses[i].name;
  snprintf(what, sizeof what,
           "attack '%s' takes its images from '%.80s', which is no defense of the job",
           attack->name, source);
  status = ag_job_fail_unknown(what, source, names, job->defense_count);
cleanup:
  ag_release(&names);
  return status;
}

ag_status ag_job_check_sources(ag_job_document *document, const ag_job *job)
{
  for (size_t i = 0; i < job->attack_count; ++i) {
    const ag_entry *attack = &job->attacks[i];
    if (ag_attack_source(attack) == NULL || ag_job_source(job, i) != SIZE_MAX) continue;
    return ag_job_at(document, fail_unknown(job, attack), "attacks[%zu].from", i);
  }
  return AG_OK;
}
