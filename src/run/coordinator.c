/* Rank 0 in the attack phase: hands out units one ahead, records what comes back, and works
 * itself, answering the others between two shards. */
#include "run/messages.h"
#include "run/session.h"
#include "run/unit.h"

#include <assert.h>
#include <string.h>

/* Units a worker holds: the one it does, and the one that waits for it. */
enum { AHEAD = 2 };

typedef struct coordinator {
  ag_session *session;
  ag_scheduler *scheduler;
  ag_unit_runner *runner;
  ag_result_header *own, *received; /* results, with room for their outcomes */
  size_t dismissed;                 /* workers that were told that no more comes */
  ag_status status;                 /* the first failure: nothing is handed out after it */
} coordinator;

static void send_unit(const coordinator *self, size_t rank, uint64_t unit)
{
  MPI_Send(&unit, 1, MPI_UINT64_T, (int)rank, AG_TAG_ASSIGN, self->session->team.communicator);
}

/* Gives a worker what it may hold, and dismisses it once it holds nothing. */
static void supply(coordinator *self, size_t rank)
{
  size_t unit = 0;
  while (self->status == AG_OK && ag_scheduler_held(self->scheduler, rank) < AHEAD &&
         ag_scheduler_next(self->scheduler, rank, &unit)) {
    send_unit(self, rank, unit);
  }
  if (ag_scheduler_held(self->scheduler, rank) == 0) {
    send_unit(self, rank, AG_NO_UNIT);
    ++self->dismissed;
  }
}

static ag_status record_done(ag_session *session, size_t rank, const ag_result_header *result,
                             const ag_outcome *outcomes)
{
  ag_status status = AG_OK;
  char *payload = NULL;
  const ag_unit_record record = {(uint32_t)rank, result->outcomes, result->seconds, result->cost,
                                 result->model};
  const size_t bytes = result->outcomes * sizeof *outcomes;
  AG_TRY(ag_allocate(sizeof record + bytes, 1, &payload));
  memcpy(payload, &record, sizeof record);
  memcpy(payload + sizeof record, outcomes, bytes);
  AG_TRY(ag_session_record(session, &(ag_record){.kind = AG_RECORD_UNIT,
                                                 .key = session->plan->units[result->unit].key,
                                                 .payload = payload,
                                                 .size = sizeof record + bytes}));
cleanup:
  ag_release(&payload);
  return status;
}

static ag_status record_failed(ag_session *session, const ag_result_header *result)
{
  const ag_unit *unit = &session->plan->units[result->unit];
  const ag_point *point = &session->plan->points[unit->point];
  ag_meter_say(&session->meter, "%s, %s at epsilon %s, images %zu to %zu failed: %s",
               session->plan->models[point->model].name, session->job->attacks[point->attack].name,
               session->job->epsilons[point->epsilon].text, unit->first,
               unit->first + unit->count - 1, result->message);
  return ag_session_record_failure(session, &unit->key, result->message);
}

/* Where a unit's own numbers are at fault the others go on. Any other failure is the rank's, which
 * would fail the next unit too: the run ends, and what is recorded stays. */
static ag_status record_result(ag_session *session, size_t rank, ag_result_header *result)
{
  const ag_status status = (ag_status)result->status;
  if (status == AG_OK) return record_done(session, rank, result, ag_result_outcomes(result));
  if (status == AG_NOT_FINITE || status == AG_BOUND_BROKEN) return record_failed(session, result);
  return ag_fail(status, "%s on rank %zu: %s", ag_status_text(status), rank, result->message);
}

/* A unit came back. */
static void take_result(coordinator *self, size_t rank, ag_result_header *result)
{
  ag_session *session = self->session;
  const ag_unit *unit = &session->plan->units[result->unit];
  ag_scheduler_finish(self->scheduler, rank, result->unit);
  if (self->status != AG_OK) return;
  self->status = record_result(session, rank, result);
  ag_meter_advance(&session->meter, unit->flops, unit->count);
}

static void receive(coordinator *self, int source)
{
  MPI_Status from;
  MPI_Recv(self->received, (int)ag_result_capacity(self->session->plan), MPI_BYTE, source,
           AG_TAG_RESULT, self->session->team.communicator, &from);
  take_result(self, (size_t)from.MPI_SOURCE, self->received);
  supply(self, (size_t)from.MPI_SOURCE);
}

/* Answers every worker that has written. */
static void poll(void *context)
{
  coordinator *self = context;
  for (;;) {
    int waiting = 0;
    MPI_Status from;
    MPI_Iprobe(MPI_ANY_SOURCE, AG_TAG_RESULT, self->session->team.communicator, &waiting, &from);
    if (!waiting) return;
    receive(self, from.MPI_SOURCE);
  }
}

/* Works while there are units, then waits until every worker is dismissed. */
static void coordinate(coordinator *self)
{
  const size_t ranks = self->session->team.size;
  size_t unit = 0;
  for (size_t rank = 1; rank < ranks; ++rank)
    supply(self, rank);
  while (self->status == AG_OK && ag_scheduler_next(self->scheduler, 0, &unit)) {
    ag_unit_run(self->runner, unit, poll, self, self->own);
    take_result(self, 0, self->own);
    poll(self);
  }
  while (self->dismissed < ranks - 1)
    receive(self, MPI_ANY_SOURCE);
}

static ag_status create_scheduler(const ag_session *session, ag_scheduler **scheduler)
{
  ag_status status = AG_OK;
  const ag_plan *plan = session->plan;
  double *costs = NULL;
  bool *done = NULL;
  AG_TRY(ag_allocate(plan->unit_count, sizeof *costs, &costs));
  AG_TRY(ag_allocate(plan->unit_count, sizeof *done, &done));
  for (size_t i = 0; i < plan->unit_count; ++i) {
    costs[i] = plan->units[i].flops;
    done[i] = session->unit_closed[i] != 0;
  }
  status = ag_scheduler_create(costs, done, plan->unit_count, session->team.size, scheduler);
cleanup:
  ag_release(&done);
  ag_release(&costs);
  return status;
}

ag_status ag_units_coordinate(ag_session *session)
{
  ag_status status = AG_OK;
  coordinator self = {.session = session};
  ag_meter_activity(&session->meter, "attacking");
  AG_TRY(create_scheduler(session, &self.scheduler));
  AG_TRY(ag_allocate(ag_result_capacity(session->plan), 1, &self.own));
  AG_TRY(ag_allocate(ag_result_capacity(session->plan), 1, &self.received));
  AG_TRY(ag_unit_runner_create(session->plan, &session->dataset, session->request->folder,
                               session->pool, &self.runner));
cleanup:
  status = ag_ranks_agree(session->team.communicator, status);
  if (status == AG_OK) {
    assert(self.own != NULL && self.received != NULL);
    coordinate(&self);
    status = self.status;
  }
  ag_unit_runner_destroy(&self.runner);
  ag_release(&self.received);
  ag_release(&self.own);
  ag_scheduler_destroy(&self.scheduler);
  return status;
}
