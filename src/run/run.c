/* A job from its file to its result file. */
#include "run/coordinator.h"
#include "run/launch.h"
#include "run/models.h"
#include "run/worker.h"

/* All ranks together, rank 0 handing out the work. */
static ag_status work(ag_session *session)
{
  ag_status status = AG_OK;
  ag_coordinator *coordinator = NULL;
  if (session->team.rank == 0) status = ag_coordinator_create(session, &coordinator);
  status = ag_ranks_agree(session->team.communicator, status);
  if (status == AG_OK) status = ag_worker_run(session, coordinator);
  if (status == AG_OK && coordinator != NULL) status = ag_coordinator_status(coordinator);
  ag_coordinator_destroy(&coordinator);
  return ag_ranks_agree(session->team.communicator, status);
}

/* What the request is strict about, once the results are there. */
static ag_status check_gates(const ag_session *session)
{
  ag_gates gates;
  size_t failed = 0;
  if (!session->request->strict) return AG_OK;
  const ag_status status = ag_ledger_gates(session->ledger, &gates);
  if (status != AG_OK) return status;
  for (size_t i = 0; i < AG_GATES; ++i)
    failed += gates.gates[i].verdict == AG_GATE_FAILED;
  if (failed == 0) return AG_OK;
  return ag_fail(AG_GATES_FAILED, "%zu sanity gate%s failed", failed, ag_plural(failed, "", "s"));
}

static ag_status write_results(ag_session *session)
{
  if (session->team.rank != 0) return AG_OK;
  ag_meter_end(&session->meter);
  const ag_status status = ag_session_write_results(session);
  if (status != AG_OK) return status;
  if (session->failures == 0) return check_gates(session);
  return ag_fail(AG_UNITS_FAILED, "%zu models or units failed; run the command again to retry",
                 session->failures);
}

ag_status ag_run(const ag_run_request *request, MPI_Comm communicator)
{
  ag_session session;
  ag_interrupt_listen();
  ag_status status = ag_launch_agree(communicator, request->ranks, false);
  if (status != AG_OK) return status;
  AG_TRY(ag_session_open(&session, request, communicator));
  AG_TRY(ag_ranks_agree(communicator, ag_models_check(&session)));
  AG_TRY(ag_session_open_folder(&session));
  AG_TRY(work(&session));
  AG_TRY(ag_ranks_agree(communicator, write_results(&session)));
cleanup:
  ag_session_close(&session);
  return status;
}
