/* A job from its file to its result file. */
#include "run/models.h"
#include "run/open_work.h"

static ag_status write_results(ag_session *session)
{
  ag_text job = {0};
  if (session->team.rank != 0) return AG_OK;
  ag_meter_end(&session->meter);
  ag_status status = ag_job_print(session->job, &job);
  if (status == AG_OK) {
    status = ag_results_write(session->request->folder, session->ledger, job.bytes);
  }
  ag_text_clear(&job);
  if (status != AG_OK || session->failures == 0) return status;
  return ag_fail(AG_UNITS_FAILED, "%zu models or units failed; run the command again to retry",
                 session->failures);
}

ag_status ag_run(const ag_run_request *request, MPI_Comm communicator)
{
  ag_status status = AG_OK;
  ag_session session;
  AG_TRY(ag_session_open(&session, request, communicator));
  AG_TRY(ag_ranks_agree(communicator, ag_models_check(&session)));
  AG_TRY(ag_session_open_folder(&session));
  AG_TRY(ag_open_models_find(&session));
  AG_TRY(ag_models_train(&session));
  ag_open_units_find(&session);
  status = session.team.rank == 0 ? ag_units_coordinate(&session) : ag_units_work(&session);
  AG_TRY(ag_ranks_agree(communicator, status));
  AG_TRY(ag_ranks_agree(communicator, write_results(&session)));
cleanup:
  ag_session_close(&session);
  return status;
}
