/* Opening a run: every rank reads the same text, shares the same dataset and makes the same plan.
 */
#include "run/session.h"
#include "run/placement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- job and dataset ---- */

/* Makes an option's path absolute, so that DIR/job.yaml means the same from anywhere. One that does
 * not fit stays as it is. */
static void make_absolute(ag_settings *settings, const char *option, const char *path)
{
  char absolute[AG_PATH_SIZE];
  if (realpath(path, absolute) != NULL) ag_settings_set(settings, option, absolute);
}

static void make_paths_absolute(const ag_session *session)
{
  ag_job *job = session->job;
  if (session->request->data_folder != NULL) {
    make_absolute(&job->dataset.settings, "path", session->request->data_folder);
  }
  for (size_t i = 0; i < job->defense_count; ++i) {
    ag_settings *defense = &job->defenses[i].settings;
    if (ag_settings_has(defense, "file")) {
      make_absolute(defense, "file", ag_settings_word(defense, "file"));
    }
  }
}

/* Says, once, what is kept of the job beyond what was asked for. */
static void tell_kept(const ag_session *session)
{
  if (session->team.rank != 0) return;
  for (size_t i = 0; i < session->job->defense_count; ++i) {
    const char *name = session->job->defenses[i].name;
    if (strcmp(name, session->request->defense) == 0) continue;
    ag_log("defense '%s' is kept too: an attack takes its images from it", name);
  }
}

/* Leaves of the job what the request asks for. */
static ag_status reduce_job(ag_session *session)
{
  ag_status status = AG_OK;
  const ag_run_request *request = session->request;
  if (request->seed != NULL) AG_TRY(ag_job_keep_seed(session->job, request->seed));
  if (request->defense != NULL) {
    AG_TRY(ag_job_keep_defense(session->job, request->defense));
    tell_kept(session);
  }
cleanup:
  return status == AG_OK ? status : ag_fail_within(status, "%s", request->job_path);
}

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
  if (status == AG_OK) status = reduce_job(session);
  if (status == AG_OK && session->request->data_folder != NULL) {
    status = ag_job_use_cifar10(session->job);
  }
  if (status == AG_OK) make_paths_absolute(session);
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

/* Rank 0 decides who does what. */
static ag_status read_machine(ag_session *session)
{
  const char *path = session->request->machine;
  if (session->team.rank != 0 || path == NULL) return AG_OK;
  const ag_status status = ag_allocate(1, sizeof *session->machine, &session->machine);
  return status == AG_OK ? ag_machine_read(path, session->machine) : status;
}

/* On each rank, whose processors may differ, and before anything is read or written. */
static ag_status check_kernels(const ag_session *session)
{
  char host[MPI_MAX_PROCESSOR_NAME] = "";
  int length = 0;
  const ag_variant *variant = NULL;
  const ag_kernel_choice choice = ag_kernel_choice_of(&session->job->kernels);
  const ag_status status = ag_kernel_choice_variant(&choice, &variant);
  if (status == AG_OK) return AG_OK;
  MPI_Get_processor_name(host, &length);
  return ag_fail_within(status, "%s: kernels: on %s", session->request->job_path, host);
}

/* Instruction sets agree to rounding, not to the bit. Collective. */
static void warn_of_mixed_kernels(const ag_session *session)
{
  char first[16] = "";
  const ag_variant *variant = NULL;
  const ag_kernel_choice choice = ag_kernel_choice_of(&session->job->kernels);
  if (ag_kernel_choice_variant(&choice, &variant) != AG_OK) return; /* check_kernels comes first */
  snprintf(first, sizeof first, "%s", ag_variant_name(variant));
  MPI_Bcast(first, sizeof first, MPI_CHAR, 0, session->team.communicator);
  const int same = strcmp(first, ag_variant_name(variant)) == 0;
  int all_same = 0;
  MPI_Allreduce(&same, &all_same, 1, MPI_INT, MPI_MIN, session->team.communicator);
  if (session->team.rank != 0 || all_same != 0) return;
  ag_log("the ranks' processors differ: where the first runs %s kernels, others do not; what they"
         " compute agrees to rounding. For the same bits name an instruction set that all have in"
         " the job, kernels: {instructions: avx2}",
         first);
}

static ag_status load_dataset(ag_session *session)
{
  ag_status status = AG_OK;
  size_t bytes = 0;
  MPI_Comm communicator = session->team.communicator;
  AG_TRY(ag_dataset_describe(&session->job->dataset, &session->dataset, &bytes));
  AG_TRY(ag_node_memory_create(communicator, bytes, &session->memory));
  if (session->team.rank == 0) {
    status = ag_dataset_load(&session->job->dataset, session->request->data_folder,
                             session->memory.block);
    if (status == AG_OK) {
      status = ag_digest_compute(session->memory.block, bytes, &session->inputs.dataset);
    }
  }
  AG_TRY(ag_ranks_agree(communicator, status));
  ag_node_memory_spread(&session->memory, bytes);
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
  const size_t shards = ag_settings_count(&session->job->evaluation, "block") /
                        ag_settings_count(&session->job->training.settings, "shard");
  if (session->team.rank == 0 && threads > shards && threads > 1) {
    ag_log("a rank has %zu threads, but a block of images has work for %zu: raise 'block' or "
           "take more ranks",
           threads, shards > 0 ? shards : 1);
  }
  if (session->team.rank == 0) ag_placement_warn_of_blas(threads);
  return ag_pool_create(threads, &session->pool);
}

ag_status ag_session_open(ag_session *session, const ag_run_request *request, MPI_Comm communicator)
{
  ag_status status = AG_OK;
  memset(session, 0, sizeof *session);
  session->request = request;
  session->team = ag_team_of(communicator);
  session->memory.window = MPI_WIN_NULL;
  session->memory.node = MPI_COMM_NULL;
  session->memory.leaders = MPI_COMM_NULL;
  AG_TRY(ag_ranks_agree(communicator, check_data_folder(session)));
  AG_TRY(ag_ranks_agree(communicator, read_machine(session)));
  AG_TRY(ag_ranks_agree(communicator, read_job(session)));
  AG_TRY(ag_ranks_agree(communicator, check_kernels(session)));
  warn_of_mixed_kernels(session);
  AG_TRY(ag_ranks_agree(communicator, start_threads(session)));
  AG_TRY(ag_placement_warn(communicator, ag_pool_threads(session->pool)));
  AG_TRY(ag_ranks_agree(communicator, load_dataset(session)));
  AG_TRY(digest_models(session));
  AG_TRY(
      ag_ranks_agree(communicator, ag_plan_create(session->job, &session->inputs, &session->plan)));
cleanup:
  return status;
}

void ag_session_close(ag_session *session)
{
  ag_meter_end(&session->meter);
  ag_release(&session->machine);
  ag_release(&session->model_closed);
  ag_release(&session->hosts);
  ag_ledger_destroy(&session->ledger);
  ag_journal_close(&session->journal);
  ag_pool_destroy(&session->pool);
  ag_plan_destroy(&session->plan);
  ag_node_memory_destroy(&session->memory);
  ag_release(&session->inputs.models);
  ag_job_destroy(&session->job);
  ag_release(&session->job_text);
}
