/* Joined folders as a folder of their own. The job comes last: what has none is no result folder.
 */
#include "store/keyed.h"
#include "store/merge.h"

#include <string.h>

/* ---- models --------------------------------------------------------------------------------- */

/* Whether a file holds the parameters that the journal tells of. */
static ag_status check_model(const ag_merging *all, size_t index, const char *path)
{
  ag_status status = AG_OK;
  ag_network *network = NULL;
  ag_digest digest;
  const ag_digest *expected = &all->ledger->models[index].record.parameters;
  AG_TRY(ag_plan_network(all->plan, &all->plan->models[index].layers, &network));
  AG_TRY(ag_model_load(network, path, NULL));
  AG_TRY(ag_network_digest(network, &digest));
  if (memcmp(&digest, expected, sizeof digest) != 0) {
    status = ag_fail(AG_BAD_MODEL, "it holds another model than the journal tells of");
  }
cleanup:
  ag_network_destroy(&network);
  return status;
}

/* The bytes as they are; the copy is what is checked. */
static ag_status copy_model(const ag_merging *all, size_t index, const char *folder)
{
  ag_status status = AG_OK;
  const size_t source = all->model_from[index];
  char name[2 * AG_NAME_SIZE];
  char from[AG_PATH_SIZE];
  char to[AG_PATH_SIZE];
  char *bytes = NULL;
  size_t size = 0;
  ag_merge_model_name(all, source, index, name);
  AG_TRY(ag_path_join(from, sizeof from, "%s/models/%s.h5", all->sources[source].path, name));
  AG_TRY(ag_path_join(to, sizeof to, "%s/models/%s.h5", folder, all->plan->models[index].name));
  AG_TRY(ag_file_read(from, &bytes, &size));
  AG_TRY(ag_file_write(to, bytes, size));
  status = check_model(all, index, to);
  if (status != AG_OK) status = ag_fail_within(status, "%s", from);
cleanup:
  ag_release(&bytes);
  return status;
}

/* A training that no source has finished goes on from where one has come furthest. */
static ag_status copy_checkpoint(const ag_merging *all, size_t index, const char *folder)
{
  ag_status status = AG_OK;
  const ag_model_unit *model = &all->plan->models[index];
  ag_network *network = NULL;
  ag_checkpoint best = {0};
  ag_checkpoint next = {0};
  bool any = false;
  AG_TRY(ag_plan_network(all->plan, &model->layers, &network));
  for (size_t i = 0; i < all->count; ++i) {
    char name[2 * AG_NAME_SIZE];
    bool found = false;
    if (!ag_merge_model_name(all, i, index, name)) continue;
    AG_TRY(ag_checkpoint_load(all->sources[i].path, name, &model->key, ag_network_floats(network),
                              &found, &next));
    if (!found) continue;
    if (any && next.state.position.steps <= best.state.position.steps) {
      ag_checkpoint_clear(&next);
      continue;
    }
    if (any) ag_checkpoint_clear(&best);
    best = next;
    any = true;
  }
  if (any) AG_TRY(ag_checkpoint_save(folder, model->name, &best));
cleanup:
  if (any) ag_checkpoint_clear(&best);
  ag_network_destroy(&network);
  return status;
}

static ag_status copy_models(const ag_merging *all, const char *folder)
{
  ag_status status = AG_OK;
  char models[AG_PATH_SIZE];
  AG_TRY(ag_path_join(models, sizeof models, "%s/models", folder));
  AG_TRY(ag_folder_create(models));
  for (size_t i = 0; i < all->plan->model_count; ++i) {
    AG_TRY(ag_interrupt_check());
    if (all->plan->models[i].from_file) continue;
    AG_TRY(all->ledger->models[i].progress == AG_PROGRESS_DONE ? copy_model(all, i, folder)
                                                               : copy_checkpoint(all, i, folder));
  }
cleanup:
  return status;
}

/* ---- journal ------------------------------------------------------------------------------ */

static ag_status add(ag_journal *journal, ag_record_kind kind, const ag_digest *key,
                     const void *payload, size_t size)
{
  return ag_journal_add(journal,
                        &(ag_record){.kind = kind, .key = *key, .payload = payload, .size = size});
}

static ag_status add_model(ag_journal *journal, const ag_model_unit *unit,
                           const ag_model_state *model)
{
  ag_status status = AG_OK;
  const ag_digest *key = &unit->key;
  const size_t bytes = (1 + unit->layers.count) * sizeof *model->bounds;
  for (size_t i = 0; i < model->epoch_count; ++i)
    AG_TRY(add(journal, AG_RECORD_EPOCH, key, &model->epochs[i], sizeof *model->epochs));
  if (model->progress == AG_PROGRESS_DONE) {
    if (model->bounds != NULL) AG_TRY(add(journal, AG_RECORD_BOUNDS, key, model->bounds, bytes));
    AG_TRY(add(journal, AG_RECORD_MODEL, key, &model->record, sizeof model->record));
  } else if (model->progress == AG_PROGRESS_FAILED) {
    AG_TRY(add(journal, AG_RECORD_FAILURE, key, model->failure, strlen(model->failure)));
  }
cleanup:
  return status;
}

static ag_status add_unit(const ag_merging *all, ag_journal *journal, size_t index)
{
  ag_status status = AG_OK;
  const ag_digest *key = &all->plan->units[index].key;
  const ag_unit_state *unit = &all->ledger->units[index];
  ag_unit_record *record = NULL;
  const size_t outcomes = unit->record.outcomes * sizeof *unit->outcomes;
  if (unit->progress == AG_PROGRESS_FAILED) {
    return add(journal, AG_RECORD_FAILURE, key, unit->failure, strlen(unit->failure));
  }
  if (unit->progress != AG_PROGRESS_DONE) return AG_OK;
  const size_t size = unit->has_details ? ag_unit_record_size(all->plan, index)
                                        : sizeof *record + outcomes;
  AG_TRY(ag_allocate(size, 1, &record));
  *record = unit->record;
  memcpy(record + 1, unit->outcomes, outcomes);
  if (unit->has_details) {
    const ag_details from = ag_unit_details(all->ledger, index);
    const ag_details to = ag_unit_record_details(all->plan, index, record);
    ag_details_copy(&from, &to);
  }
  AG_TRY(add(journal, AG_RECORD_UNIT, key, record, size));
cleanup:
  ag_release(&record);
  return status;
}

/* Two defenses may name the same model's file: their work has one key, and one record. */
static ag_status add_work(const ag_merging *all, ag_journal *journal)
{
  ag_status status = AG_OK;
  const ag_plan *plan = all->plan;
  ag_keyed *models = NULL;
  ag_keyed *units = NULL;
  AG_TRY(ag_keyed_models(plan, &models));
  AG_TRY(ag_keyed_units(plan, &units));
  for (size_t i = 0; i < plan->model_count; ++i) {
    const ag_digest *key = &plan->models[i].key;
    if (ag_keyed_find(models, plan->model_count, key) != i) continue;
    AG_TRY(add_model(journal, &all->plan->models[i], &all->ledger->models[i]));
  }
  for (size_t i = 0; i < plan->unit_count; ++i) {
    const ag_digest *key = &plan->units[i].key;
    if (ag_keyed_find(units, plan->unit_count, key) != i) continue;
    AG_TRY(add_unit(all, journal, i));
  }
cleanup:
  ag_release(&units);
  ag_release(&models);
  return status;
}

static ag_status write_journal(const ag_merging *all, const char *folder)
{
  ag_status status = AG_OK;
  ag_journal *journal = NULL;
  ag_provenance run;
  ag_merge_provenance(all, &run);
  AG_TRY(ag_journal_open(folder, &journal));
  if (run.dataset_sha256[0] != '\0') {
    AG_TRY(add(journal, AG_RECORD_RUN, &(ag_digest){{0}}, &run, sizeof run));
  }
  AG_TRY(add_work(all, journal));
  AG_TRY(ag_journal_synchronise(journal));
cleanup:
  ag_journal_close(&journal);
  return status;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* The results show what the new journal says, read back. */
static ag_status write_results(const ag_merging *all, const char *folder, const char *job)
{
  ag_status status = AG_OK;
  ag_ledger *ledger = NULL;
  AG_TRY(ag_ledger_create(all->plan, &ledger));
  AG_TRY(ag_journal_read(folder, ag_ledger_take, ledger));
  AG_TRY(ag_results_write(folder, ledger, job));
cleanup:
  ag_ledger_destroy(&ledger);
  return status;
}

ag_status ag_merge_write(const ag_merging *all, const char *folder)
{
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  ag_text job = {0};
  AG_TRY(ag_job_print(all->job, &job));
  AG_TRY(copy_models(all, folder));
  AG_TRY(write_journal(all, folder));
  AG_TRY(ag_interrupt_check());
  AG_TRY(write_results(all, folder, job.bytes));
  AG_TRY(ag_path_join(path, sizeof path, "%s/job.yaml", folder));
  AG_TRY(ag_file_write(path, job.bytes, job.length));
cleanup:
  ag_text_clear(&job);
  return status;
}
