/* advgrid merge: result folders joined to a new one. Nothing is written before all of them have
 * been read and agree, and then beside the new folder's name, which it takes when it is whole. */
#include "store/merge.h"
#include "store/folder.h"
#include "store/match.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the sources ---------------------------------------------------------------------------- */

/* Keeps runs out for as long as it is read. Where nobody can write, there is nothing to keep out.
 */
static ag_status lock_source(ag_merge_source *source)
{
  char path[AG_PATH_SIZE];
  ag_lock_rules rules;
  const ag_status status = ag_path_join(path, sizeof path, "%s/lock", source->path);
  if (status != AG_OK) return status;
  if (!ag_file_exists(path) && access(source->path, W_OK) != 0) return AG_OK;
  ag_lock_rules_of(source->path, &rules);
  return ag_lock_take(source->path, &rules, &source->lock);
}

static ag_status open_sources(ag_merging *all, const char *const *folders)
{
  ag_status status = AG_OK;
  AG_TRY(ag_folders_check_apart(folders, all->count));
  AG_TRY(ag_allocate(all->count, sizeof *all->sources, &all->sources));
  for (size_t i = 0; i < all->count; ++i) {
    ag_merge_source *source = &all->sources[i];
    source->path = folders[i];
    AG_TRY(ag_folder_job(source->path, &source->job));
    AG_TRY(lock_source(source));
    AG_TRY(ag_folder_last_run(source->path, &source->run));
  }
cleanup:
  return status;
}

static ag_status join_jobs(ag_merging *all)
{
  ag_status status = AG_OK;
  ag_job_part *parts = NULL;
  AG_TRY(ag_allocate(all->count, sizeof *parts, &parts));
  for (size_t i = 0; i < all->count; ++i)
    parts[i] = (ag_job_part){all->sources[i].job, all->sources[i].path};
  AG_TRY(ag_job_join(parts, all->count, &all->job));
cleanup:
  ag_release(&parts);
  return status;
}

/* The digest of the images that all ran on, which is part of every key. A folder in which no run
 * came so far that it knew it has no work either. */
static ag_status find_images(ag_merging *all, bool *known)
{
  size_t first = 0;
  *known = false;
  for (size_t i = 0; i < all->count; ++i) {
    ag_digest images;
    if (!ag_digest_read(all->sources[i].run.dataset_sha256, &images)) continue;
    if (!*known) {
      all->inputs.dataset = images;
      first = i;
      *known = true;
    } else if (!ag_is_same_key(&images, &all->inputs.dataset)) {
      return ag_fail(AG_INVALID_ARGUMENT, "the dataset has other images in %s than in %s",
                     all->sources[first].path, all->sources[i].path);
    }
  }
  return AG_OK;
}

static ag_status make_plan(ag_merging *all)
{
  ag_status status = AG_OK;
  bool known = false;
  AG_TRY(join_jobs(all));
  AG_TRY(find_images(all, &known));
  AG_TRY(ag_model_files_digest(all->job, &all->inputs.models));
  AG_TRY(ag_plan_create(all->job, known ? &all->inputs : NULL, &all->plan));
  AG_TRY(ag_ledger_create(all->plan, &all->ledger));
  AG_TRY(ag_allocate(all->plan->model_count, sizeof *all->model_from, &all->model_from));
  AG_TRY(ag_allocate(all->plan->unit_count, sizeof *all->unit_from, &all->unit_from));
cleanup:
  return status;
}

static ag_status read_sources(ag_merging *all, const char *const *folders)
{
  ag_status status = AG_OK;
  AG_TRY(open_sources(all, folders));
  AG_TRY(make_plan(all));
  for (size_t i = 0; i < all->count; ++i) {
    AG_TRY(ag_interrupt_check());
    AG_TRY(ag_merge_take(all, i));
  }
  AG_TRY(ag_merge_check_models(all));
cleanup:
  return status;
}

static void finish(ag_merging *all)
{
  ag_release(&all->unit_from);
  ag_release(&all->model_from);
  ag_ledger_destroy(&all->ledger);
  ag_plan_destroy(&all->plan);
  ag_release(&all->inputs.models);
  ag_job_destroy(&all->job);
  for (size_t i = 0; all->sources != NULL && i < all->count; ++i) {
    ag_lock_release(&all->sources[i].lock);
    ag_job_destroy(&all->sources[i].job);
  }
  ag_release(&all->sources);
}

/* ---- the new folder ----------------------------------------------------------------------- */

/* A new folder beside the output, with the permissions of any other. */
static ag_status create_beside(const char *output, char folder[AG_PATH_SIZE])
{
  enum { TRIES = 100 };
  ag_status status = AG_OK;
  char above[AG_PATH_SIZE];
  AG_TRY(ag_path_join(above, sizeof above, "%s", output));
  char *slash = strrchr(above, '/');
  if (slash != NULL && slash != above) {
    *slash = '\0';
    AG_TRY(ag_folder_create(above));
  }
  for (int i = 0; i < TRIES; ++i) {
    AG_TRY(ag_path_join(folder, AG_PATH_SIZE, "%s.merging-%d-%d", output, (int)getpid(), i));
    if (mkdir(folder, 0777) == 0) return AG_OK;
    if (errno != EEXIST) break;
  }
  status = ag_fail(AG_IO_ERROR, "cannot create folder %s: %s", folder, strerror(errno));
cleanup:
  return status;
}

static ag_status take_name(const char *folder, const char *output)
{
  char above[AG_PATH_SIZE];
  const ag_status status = ag_folder_synchronise(folder);
  if (status != AG_OK) return status;
  if (rename(folder, output) != 0) {
    return ag_fail(AG_IO_ERROR, "cannot write the folder %s: %s", output, strerror(errno));
  }
  const char *slash = strrchr(output, '/');
  const int length = slash == NULL || slash == output ? 1 : (int)(slash - output);
  snprintf(above, sizeof above, "%.*s", length, slash == NULL ? "." : output);
  return ag_folder_synchronise(above);
}

/* A failure leaves nothing; a power cut leaves a folder of another name. */
static ag_status write_output(const ag_merging *all, const char *output)
{
  char reason[AG_PATH_SIZE];
  char folder[AG_PATH_SIZE];
  ag_status status = create_beside(output, folder);
  if (status != AG_OK) return status;
  status = ag_merge_write(all, folder);
  if (status == AG_OK) status = take_name(folder, output);
  if (status == AG_OK || !ag_file_exists(folder)) return status;
  snprintf(reason, sizeof reason, "%s", ag_message());
  if (ag_folder_remove(folder) != AG_OK) ag_log("%s", ag_message());
  return ag_fail(status, "%s", reason);
}

ag_status ag_merge(const char *const *folders, size_t count, const char *output)
{
  ag_status status = AG_OK;
  ag_merging all = {.count = count};
  char path[AG_PATH_SIZE];
  AG_TRY(ag_path_join(path, sizeof path, "%s", output));
  for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; --end)
    path[end - 1] = '\0';
  AG_TRY(ag_folder_check_output(path, NULL, 0));
  AG_TRY(read_sources(&all, folders));
  AG_TRY(write_output(&all, path));
cleanup:
  finish(&all);
  return status;
}
