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

/* Results on their way to rank 0, which may be busy: two, so that one is sent while the next is
 * made. */
typedef struct outbox {
  ag_result_header *results[2];
  MPI_Request requests[2];
} outbox;

static ag_status create_outbox(const ag_plan *plan, outbox *box)
{
  ag_status status = AG_OK;
  for (size_t i = 0; i < 2; ++i) {
    AG_TRY(ag_allocate(ag_result_capacity(plan), 1, &box->results[i]));
    box->requests[i] = MPI_REQUEST_NULL;
  }
cleanup:
  return status;
}

static void work(const ag_session *session, ag_unit_runner *runner, outbox *box)
{
  uint64_t unit = AG_NO_UNIT;
  for (size_t i = 0; (unit = next_unit(session)) != AG_NO_UNIT; i = 1 - i) {
    MPI_Wait(&box->requests[i], MPI_STATUS_IGNORE);
    ag_unit_run(runner, (size_t)unit, NULL, NULL, box->results[i]);
    MPI_Isend(box->results[i], (int)ag_result_bytes(box->results[i]), MPI_BYTE, 0, AG_TAG_RESULT,
              session->team.communicator, &box->requests[i]);
  }
  MPI_Waitall(2, box->requests, MPI_STATUSES_IGNORE);
}

ag_status ag_units_work(ag_session *session)
{
  ag_status status = AG_OK;
  ag_unit_runner *runner = NULL;
  outbox box = {0};
  AG_TRY(create_outbox(session->plan, &box));
  AG_TRY(ag_unit_runner_create(session->plan, &session->dataset, session->request->folder,
                               session->pool, &runner));
cleanup:
  status = ag_ranks_agree(session->team.communicator, status);
  if (status == AG_OK) work(session, runner, &box);
  ag_unit_runner_destroy(&runner);
  ag_release(&box.results[1]);
  ag_release(&box.results[0]);
  return status;
}
