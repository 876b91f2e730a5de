/* Every other rank in the attack phase: does the units that rank 0 sends until none comes. */
#include "run/messages.h"
#include "run/session.h"
#include "run/unit.h"

/* The next unit, which rank 0 has usually sent while the last one was done. */
static uint64_t next_unit(const ag_session *session)
{
  uint64_t unit = AG_NO_UNIT;
  MPI_Recv(&unit, 1, MPI_UINT64_T, 0, AG_TAG_ASSIGN, session->team.communicator, MPI_STATUS_IGNORE);
  return unit;
}

ag_status ag_units_work(ag_session *session)
{
  ag_status status = AG_OK;
  ag_unit_runner *runner = NULL;
  ag_result_header *result = NULL;
  const size_t bytes = ag_result_bytes(session->plan);
  AG_TRY(ag_allocate(bytes, 1, &result));
  AG_TRY(ag_unit_runner_create(session->plan, &session->dataset, session->request->folder,
                               session->pool, &runner));
cleanup:
  status = ag_ranks_agree(session->team.communicator, status);
  uint64_t unit = AG_NO_UNIT;
  while (status == AG_OK && (unit = next_unit(session)) != AG_NO_UNIT) {
    ag_unit_run(runner, (size_t)unit, NULL, NULL, result);
    MPI_Send(result, (int)bytes, MPI_BYTE, 0, AG_TAG_RESULT, session->team.communicator);
  }
  ag_unit_runner_destroy(&runner);
  ag_release(&result);
  return status;
}
