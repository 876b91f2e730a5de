/* A result folder as it stands: its job, the plan that follows, and what the journal says; and what
 * is asked of several of them before a new folder is written. */
#include "store/folder.h"
#include "store/provenance.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* ---- several folders, and a new one
 * ---------------------------------------------------------------- */

/* Two names of one folder would wait for each other's lock, or compare equal, and say nothing of
 * use. */
ag_status ag_folders_check_apart(const char *const *folders, size_t count)
{
  for (size_t i = 0; i < count; ++i) {
    struct stat one;
    if (stat(folders[i], &one) != 0) continue; /* which is said when it is opened */
    for (size_t k = 0; k < i; ++k) {
      struct stat other;
      if (stat(folders[k], &other) != 0 || one.st_ino != other.st_ino ||
          one.st_dev != other.st_dev) {
        continue;
      }
      return ag_fail(AG_INVALID_ARGUMENT, "%s and %s are the same folder", folders[k], folders[i]);
    }
  }
  return AG_OK;
}

static bool is_empty(DIR *entries)
{
  for (const struct dirent *entry = NULL; (entry = readdir(entries)) != NULL;) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) return false;
  }
  return true;
}

/* What is there stays there: a result folder too, since it may hold what no other has. */
ag_status ag_folder_check_output(const char *output, const char *const *own, size_t count)
{
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  DIR *entries = opendir(output);
  if (entries == NULL && errno == ENOENT) return AG_OK;
  if (entries == NULL) {
    return ag_fail(AG_INVALID_ARGUMENT, "cannot write the folder %s: %s", output, strerror(errno));
  }
  const bool empty = is_empty(entries);
  closedir(entries);
  if (empty) return AG_OK;
  bool ours = false;
  for (size_t i = 0; i < count; ++i) {
    AG_TRY(ag_path_join(path, sizeof path, "%s/%s", output, own[i]));
    ours = ours || ag_file_exists(path);
  }
  AG_TRY(ag_path_join(path, sizeof path, "%s/job.yaml", output));
  const bool job = ag_file_exists(path);
  AG_TRY(ag_path_join(path, sizeof path, "%s/results.h5", output));
  const bool results = job || ag_file_exists(path);
  if (ours && !results) return AG_OK;
  status = ag_fail(AG_INVALID_ARGUMENT, "%s %s; expected a new or an empty folder%s%s", output,
                   results ? "is a result folder already" : "is not empty",
                   count == 0 ? "" : ", or one with a ", count == 0 ? "" : own[0]);
cleanup:
  return status;
}

/* The folder itself, without links, or the nearest one above it that is there. real: freed by free;
 * NULL where the rest of the path leads up again, so that none can say where it will be. */
static ag_status find_place(const char *path, char **real)
{
  char above[AG_PATH_SIZE];
  const ag_status status = ag_path_join(above, sizeof above, "%s", path);
  *real = NULL;
  if (status != AG_OK) return status;
  while ((*real = realpath(above, NULL)) == NULL) {
    char *slash = strrchr(above, '/');
    const char *last = slash == NULL ? above : slash + 1;
    if (strcmp(last, "..") == 0 || strcmp(above, ".") == 0 || slash == above) {
      return ag_fail(AG_INVALID_ARGUMENT, "cannot write the folder %s: %s", path, strerror(errno));
    }
    if (slash == NULL) memcpy(above, ".", sizeof ".");
    if (slash != NULL) *slash = '\0';
  }
  return AG_OK;
}

ag_status ag_folder_check_outside(const char *output, const char *const *folders, size_t count)
{
  char *place = NULL;
  ag_status status = find_place(output, &place);
  for (size_t i = 0; i < count && status == AG_OK; ++i) {
    char *folder = realpath(folders[i], NULL);
    if (folder == NULL) continue; /* which is said when it is opened */
    const size_t length = strlen(folder);
    if (strncmp(place, folder, length) == 0 && (place[length] == '/' || place[length] == '\0')) {
      status = ag_fail(AG_INVALID_ARGUMENT, "%s is within %s, in which nothing is changed", output,
                       folders[i]);
    }
    free(folder);
  }
  free(place);
  return status;
}
