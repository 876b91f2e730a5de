/* A result folder as it stands: its job, the plan that follows, and what the journal says. */
#include "store/folder.h"
#include "store/provenance.h"

#include <string.h>

static ag_status digest_file(const char *path, ag_digest *digest)
{
  char *bytes = NULL;
  size_t size = 0;
  ag_status status = ag_file_read(path, &bytes, &size);
  if (status == AG_OK) status = ag_digest_compute(bytes, size, digest);
  ag_release(&bytes);
  return status;
}

ag_status ag_model_files_digest(const ag_job *job, ag_digest **models)
{
  ag_status status = AG_OK;
  AG_TRY(ag_allocate(job->defense_count, sizeof **models, models));
  for (size_t i = 0; i < job->defense_count; ++i) {
    const ag_entry *defense = &job->defenses[i];
    if (!ag_settings_has(&defense->settings, "file")) continue;
    status = digest_file(ag_settings_word(&defense->settings, "file"), &(*models)[i]);
    if (status != AG_OK) {
      status = ag_fail_within(status, "defense '%s'", defense->name);
      goto cleanup;
    }
  }
cleanup:
  if (status != AG_OK) ag_release(models);
  return status;
}

/* Keeps the last run's provenance, which names the dataset that the keys depend on. */
static ag_status keep_provenance(void *context, const ag_record *record)
{
  return record->kind == AG_RECORD_RUN ? ag_provenance_read(record, context) : AG_OK;
}

ag_status ag_job_load(const char *path, char **text, size_t *size, ag_job **job)
{
  ag_status status = ag_file_read(path, text, size);
  if (status != AG_OK) return ag_fail(AG_INVALID_ARGUMENT, "%s", ag_message());
  status = ag_job_read(*text, *size, path, job);
  if (status != AG_OK) ag_release(text);
  return status;
}

ag_status ag_folder_job(const char *path, ag_job **job)
{
  char file[AG_PATH_SIZE];
  char *text = NULL;
  size_t size = 0;
  ag_status status = ag_path_join(file, sizeof file, "%s/job.yaml", path);
  if (status == AG_OK && !ag_file_exists(file)) {
    status = ag_fail(AG_INVALID_ARGUMENT, "%s is no result folder: it has no job.yaml", path);
  }
  if (status == AG_OK) status = ag_job_load(file, &text, &size, job);
  ag_release(&text);
  return status;
}

ag_status ag_folder_last_run(const char *path, ag_provenance *run)
{
  memset(run, 0, sizeof *run);
  return ag_journal_read(path, keep_provenance, run);
}

ag_status ag_folder_read(const char *path, ag_folder *folder)
{
  ag_status status = AG_OK;
  ag_provenance run;
  ag_inputs inputs = {0};
  memset(folder, 0, sizeof *folder);
  AG_TRY(ag_folder_job(path, &folder->job));
  AG_TRY(ag_folder_last_run(path, &run));
  const bool known = ag_digest_read(run.dataset_sha256, &inputs.dataset);
  AG_TRY(ag_model_files_digest(folder->job, &inputs.models));
  AG_TRY(ag_plan_create(folder->job, known ? &inputs : NULL, &folder->plan));
  AG_TRY(ag_ledger_create(folder->plan, &folder->ledger));
  AG_TRY(ag_journal_read(path, ag_ledger_take, folder->ledger));
cleanup:
  ag_release(&inputs.models);
  if (status != AG_OK) ag_folder_clear(folder);
  return status;
}

void ag_folder_clear(ag_folder *folder)
{
  ag_ledger_destroy(&folder->ledger);
  ag_plan_destroy(&folder->plan);
  ag_job_destroy(&folder->job);
}
