/* What is left to do: rank 0 asks its ledger and the model files, and tells the others. */
#include "run/open_work.h"
#include "run/models.h"

/* The meter counts what earlier runs have done as done. */
static void start_meter(ag_session *session)
{
  const ag_plan *plan = session->plan;
  double done = 0;
  for (size_t i = 0; i < plan->model_count; ++i) {
    if (session->model_closed[i]) done += plan->models[i].flops;
  }
  for (size_t i = 0; i < plan->unit_count; ++i) {
    if (session->ledger->units[i].progress == AG_PROGRESS_DONE) done += plan->units[i].flops;
  }
  ag_meter_start(&session->meter, true, plan->training_flops + plan->attack_flops, done);
}

ag_status ag_open_models_find(ag_session *session)
{
  ag_status status = AG_OK;
  const ag_plan *plan = session->plan;
  AG_TRY(ag_allocate(plan->model_count, 1, &session->model_closed));
  AG_TRY(ag_allocate(plan->unit_count, 1, &session->unit_closed));
  for (size_t i = 0; i < plan->model_count && session->team.rank == 0; ++i) {
    bool closed = plan->models[i].from_file;
    if (!closed) AG_TRY(ag_model_is_trained(session, i, &closed));
    session->model_closed[i] = closed;
  }
  if (session->team.rank == 0) start_meter(session);
cleanup:
  status = ag_ranks_agree(session->team.communicator, status);
  if (status != AG_OK) return status;
  MPI_Bcast(session->model_closed, (int)plan->model_count, MPI_BYTE, 0, session->team.communicator);
  return AG_OK;
}

void ag_open_units_find(ag_session *session)
{
  const ag_plan *plan = session->plan;
  for (size_t i = 0; i < plan->unit_count && session->team.rank == 0; ++i) {
    const size_t model = plan->points[plan->units[i].point].model;
    session->unit_closed[i] = session->ledger->units[i].progress == AG_PROGRESS_DONE ||
                              session->ledger->models[model].progress == AG_PROGRESS_FAILED;
  }
  MPI_Bcast(session->unit_closed, (int)plan->unit_count, MPI_BYTE, 0, session->team.communicator);
}
