/* Opening a run: every rank reads the same text, shares the same dataset and makes the same
 * plan; rank 0 holds the journal and says what is done already. */
#include "run/session.h"
#include "run/unit.h"

#include <stdio.h>
#include <string.h>

/* ---- job and dataset ---- */

/* Rank 0 reads the file and checks it, so that a mistake is reported once. */
static ag_status read_job(ag_session *session)
{
  ag_status status = AG_OK;
  const char *path = session->request->job_path;
  uint64_t size = 0;
  if (session->team.rank == 0) {
    size_t bytes = 0;
    status = ag_job_load(path, &session->job_text, &bytes, &session->job);
    size = bytes;
  }
  AG_TRY(ag_ranks_agree(session->team.communicator, status));
  MPI_Bcast(&size, 1, MPI_UINT64_T, 0, session->team.communicator);
  if (session->team.rank != 0) status = ag_allocate(size + 1, 1, &session->job_text);
  AG_TRY(ag_ranks_agree(session->team.communicator, status));
  MPI_Bcast(session->job_text, (int)size, MPI_CHAR, 0, session->team.communicator);
  if (session->team.rank != 0) {
    status = ag_job_read(session->job_text, size, path, &session->job);
  }
  if (status == AG_OK && session->request->data_folder != NULL) {
    status = ag_job_use_cifar10(session->job);
  }
cleanup:
  return status;
}

static ag_status check_data_folder(const ag_session *session)
{
  const char *folder = session->request->data_folder;
  if (session->team.rank != 0 || folder == NULL || ag_cifar10_is_in(folder)) return AG_OK;
  return ag_fail(AG_INVALID_ARGUMENT,
                 "-d %s: no CIFAR-10 in its binary format there (data_batch_1.bin ...)", folder);
}

static ag_status load_dataset(ag_session *session)
{
  ag_status status = AG_OK;
  size_t bytes = 0;
  MPI_Comm communicator = session->team.communicator;
  AG_TRY(ag_dataset_describe(&session->job->dataset, &session->dataset, &bytes));
  AG_TRY(
      ag_ranks_agree(communicator, ag_node_memory_create(communicator, bytes, &session->memory)));
  if (session->team.rank == 0) {
    status = ag_dataset_load(&session->job->dataset, session->request->data_folder,
                             session->memory.block);
    if (status == AG_OK) {
      status = ag_digest_compute(session->memory.block, bytes, &session->inputs.dataset);
    }
  }
  AG_TRY(ag_ranks_agree(communicator, status));
  AG_TRY(ag_node_memory_spread(&session->memory, bytes));
  MPI_Bcast(&session->inputs.dataset, sizeof session->inputs.dataset, MPI_BYTE, 0, communicator);
  ag_dataset_attach(&session->dataset, session->memory.block);
cleanup:
  return status;
}

/* Rank 0 reads the files that defenses name, once before anything is trained. */
static ag_status digest_models(ag_session *session)
{
  ag_status status = AG_OK;
  MPI_Comm communicator = session->team.communicator;
  const size_t count = session->job->defense_count;
  if (session->team.rank == 0) {
    status = ag_model_files_digest(session->job, &session->inputs.models);
  } else {
    status = ag_allocate(count, sizeof(ag_digest), &session->inputs.models);
  }
  AG_TRY(ag_ranks_agree(communicator, status));
  MPI_Bcast(session->inputs.models, (int)(count * sizeof(ag_digest)), MPI_BYTE, 0, communicator);
cleanup:
  return status;
}

static ag_status start_threads(ag_session *session)
{
  size_t threads = session->request->threads;
  if (threads == 0) threads = ag_threads_choose(session->team.communicator);
  const ag_status status = ag_gemm_prepare(threads);
  return status == AG_OK ? ag_pool_create(threads, &session->pool) : status;
}

/* ---- the result folder, on rank 0 ---- */

ag_status ag_session_record(ag_session *session, const ag_record *record)
{
  const ag_status status = ag_journal_append(session->journal, record);
  return status == AG_OK ? ag_ledger_take(session->ledger, record) : status;
}

static ag_status record_run(ag_session *session, const char *hosts)
{
  ag_provenance provenance = {0};
  int length = 0;
  char library[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  ag_provenance_collect(&provenance);
  MPI_Get_library_version(library, &length);
  snprintf(provenance.mpi, sizeof provenance.mpi, "%.*s", (int)strcspn(library, ","), library);
  snprintf(provenance.hosts, sizeof provenance.hosts, "%s", hosts);
  provenance.ranks = (uint32_t)session->team.size;
  provenance.threads = (uint32_t)ag_pool_threads(session->pool);
  ag_digest_text(&session->inputs.dataset, provenance.dataset_sha256);
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

static ag_status open_folder(ag_session *session, const char *hosts)
{
  ag_status status = AG_OK;
  char models[AG_PATH_SIZE];
  const char *folder = session->request->folder;
  AG_TRY(ag_path_join(models, sizeof models, "%s/models", folder));
  AG_TRY(ag_folder_create(models));
  AG_TRY(ag_journal_open(folder, &session->journal));
  AG_TRY(ag_ledger_create(session->plan, &session->ledger));
  AG_TRY(ag_journal_read(folder, ag_ledger_take, session->ledger));
  AG_TRY(write_job(session));
  AG_TRY(record_run(session, hosts));
cleanup:
  return status;
}

/* ---- what is left to do ---- */

static bool model_file_is_there(const ag_session *session, size_t model)
{
  char path[AG_PATH_SIZE];
  return ag_model_path(session->plan, model, session->request->folder, sizeof path, path) ==
             AG_OK &&
         ag_file_exists(path);
}

static void close_done(ag_session *session)
{
  const ag_plan *plan = session->plan;
  double flops = 0;
  for (size_t i = 0; i < plan->model_count; ++i) {
    const bool trained = session->ledger->models[i].progress == AG_PROGRESS_DONE &&
                         model_file_is_there(session, i);
    session->model_closed[i] = trained || plan->models[i].flops == 0;
    if (!session->model_closed[i]) flops += plan->models[i].flops;
  }
  for (size_t i = 0; i < plan->unit_count; ++i) {
    session->unit_closed[i] = session->ledger->units[i].progress == AG_PROGRESS_DONE;
    if (!session->unit_closed[i]) flops += plan->units[i].flops;
  }
  ag_meter_start(&session->meter, true, flops);
}

static ag_status find_open_work(ag_session *session)
{
  ag_status status = AG_OK;
  const ag_plan *plan = session->plan;
  MPI_Comm communicator = session->team.communicator;
  AG_TRY(ag_allocate(plan->model_count, 1, &session->model_closed));
  AG_TRY(ag_allocate(plan->unit_count, 1, &session->unit_closed));
  if (session->team.rank == 0) close_done(session);
  MPI_Bcast(session->model_closed, (int)plan->model_count, MPI_BYTE, 0, communicator);
  MPI_Bcast(session->unit_closed, (int)plan->unit_count, MPI_BYTE, 0, communicator);
cleanup:
  return status;
}

ag_status ag_session_open(ag_session *session, const ag_run_request *request, MPI_Comm communicator)
{
  ag_status status = AG_OK;
  char hosts[1024];
  memset(session, 0, sizeof *session);
  session->request = request;
  session->team = ag_team_of(communicator);
  session->memory.window = MPI_WIN_NULL;
  session->memory.node = MPI_COMM_NULL;
  session->memory.leaders = MPI_COMM_NULL;
  AG_TRY(ag_ranks_agree(communicator, check_data_folder(session)));
  AG_TRY(ag_ranks_agree(communicator, read_job(session)));
  AG_TRY(ag_ranks_agree(communicator, start_threads(session)));
  AG_TRY(ag_ranks_agree(communicator, load_dataset(session)));
  AG_TRY(digest_models(session));
  AG_TRY(
      ag_ranks_agree(communicator, ag_plan_create(session->job, &session->inputs, &session->plan)));
  AG_TRY(ag_ranks_agree(communicator, ag_models_check(session)));
  ag_hosts_gather(communicator, sizeof hosts, hosts);
  if (session->team.rank == 0) status = open_folder(session, hosts);
  AG_TRY(ag_ranks_agree(communicator, status));
  AG_TRY(ag_ranks_agree(communicator, find_open_work(session)));
cleanup:
  return status;
}

void ag_session_close(ag_session *session)
{
  ag_meter_end(&session->meter);
  ag_release(&session->unit_closed);
  ag_release(&session->model_closed);
  ag_ledger_destroy(&session->ledger);
  ag_journal_close(&session->journal);
  ag_pool_destroy(&session->pool);
  ag_plan_destroy(&session->plan);
  ag_node_memory_destroy(&session->memory);
  ag_release(&session->inputs.models);
  ag_job_destroy(&session->job);
  ag_release(&session->job_text);
}
