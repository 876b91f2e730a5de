/* The result folder of a run, on rank 0: the journal, what it says is done, and the results. */
#include "run/models.h"

#include <stdio.h>
#include <string.h>

ag_status ag_session_record(ag_session *session, const ag_record *record)
{
  const ag_status status = ag_journal_append(session->journal, record);
  return status == AG_OK ? ag_ledger_take(session->ledger, record) : status;
}

ag_status ag_session_add(ag_session *session, const ag_record *record)
{
  const ag_status status = ag_journal_add(session->journal, record);
  return status == AG_OK ? ag_ledger_take(session->ledger, record) : status;
}

ag_status ag_session_record_failure(ag_session *session, const ag_digest *key, const char *reason)
{
  ++session->failures;
  return ag_session_record(session, &(ag_record){.kind = AG_RECORD_FAILURE,
                                                 .key = *key,
                                                 .payload = reason,
                                                 .size = strlen(reason)});
}

static ag_status record_run(ag_session *session)
{
  ag_provenance provenance = {0};
  int length = 0;
  char library[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  ag_provenance_collect(&provenance);
  MPI_Get_library_version(library, &length);
  snprintf(provenance.mpi, sizeof provenance.mpi, "%.*s", (int)strcspn(library, ","), library);
  ag_hosts_list(session->hosts, session->team.size, sizeof provenance.hosts, provenance.hosts);
  provenance.ranks = (uint32_t)session->team.size;
  provenance.threads = (uint32_t)ag_pool_threads(session->pool);
  ag_digest_text(&session->inputs.dataset, provenance.dataset_sha256);
  const ag_status status = ag_provenance_kernels(session->plan, &provenance);
  if (status != AG_OK) return status;
  return ag_session_record(
      session,
      &(ag_record){.kind = AG_RECORD_RUN, .payload = &provenance, .size = sizeof provenance});
}

/* The job with every default and the dataset that is really used: it can be run again as it is. */
static ag_status write_job(const ag_session *session)
{
  ag_text text = {0};
  char path[AG_PATH_SIZE];
  ag_status status = ag_job_print(session->job, &text);
  if (status == AG_OK) {
    status = ag_path_join(path, sizeof path, "%s/job.yaml", session->request->folder);
  }
  if (status == AG_OK) status = ag_file_write(path, text.bytes, text.length);
  ag_text_clear(&text);
  return status;
}

/* Says, before anything is done again, what of the finished work an edited job does not keep. */
static ag_status tell_changes(const ag_session *session)
{
  ag_text lines = {0};
  const ag_status status =
      ag_changes_tell(session->request->folder, session->ledger, &session->inputs.dataset, &lines);
  for (const char *line = lines.bytes; status == AG_OK && line != NULL && *line != '\0';) {
    const size_t length = strcspn(line, "\n");
    ag_log("%.*s", (int)length, line);
    line += length + (line[length] == '\n');
  }
  ag_text_clear(&lines);
  return status;
}

static ag_status find_closed_models(ag_session *session)
{
  ag_status status = AG_OK;
  const ag_plan *plan = session->plan;
  AG_TRY(ag_allocate(plan->model_count, 1, &session->model_closed));
  for (size_t i = 0; i < plan->model_count; ++i) {
    bool closed = plan->models[i].from_file;
    if (!closed) AG_TRY(ag_model_is_trained(session, i, &closed));
    session->model_closed[i] = closed;
  }
cleanup:
  return status;
}

static ag_status open_folder(ag_session *session)
{
  ag_status status = AG_OK;
  char models[AG_PATH_SIZE];
  const char *folder = session->request->folder;
  AG_TRY(ag_path_join(models, sizeof models, "%s/models", folder));
  AG_TRY(ag_folder_create(models));
  AG_TRY(ag_journal_open(folder, &session->journal));
  AG_TRY(ag_ledger_create(session->plan, &session->ledger));
  AG_TRY(ag_journal_read(folder, ag_ledger_take, session->ledger));
  AG_TRY(tell_changes(session));
  AG_TRY(write_job(session));
  AG_TRY(record_run(session));
  AG_TRY(find_closed_models(session));
  ag_meter_start(&session->meter);
cleanup:
  return status;
}

ag_status ag_session_open_folder(ag_session *session)
{
  MPI_Comm communicator = session->team.communicator;
  ag_status status = ag_hosts_gather(communicator, &session->hosts);
  if (status != AG_OK) return status;
  if (session->team.rank == 0) status = open_folder(session);
  return ag_ranks_agree(communicator, status);
}

ag_status ag_session_write_results(const ag_session *session)
{
  ag_text job = {0};
  ag_status status = ag_job_print(session->job, &job);
  if (status == AG_OK) {
    status = ag_results_write(session->request->folder, session->ledger, job.bytes);
  }
  ag_text_clear(&job);
  return status;
}
