/* Reports in, orders out: the schedule says who does what, the journal keeps what was done. */
#include "run/coordinator.h"
#include "plan/workload.h"
#include "run/account.h"
#include "run/messages.h"
#include "run/records.h"

#include <stdio.h>
#include <string.h>

/* What is known of a rank. */
typedef struct rank_state {
  double heard; /* when it last reported */
  bool stalled; /* which was said */
  bool left;
  char task[AG_TASK_SIZE]; /* what it was told to do last */
  ag_rank_times times;
} rank_state;

struct ag_coordinator {
  ag_session *session;
  ag_schedule *schedule;
  ag_records *records;
  ag_account *account;
  ag_report *report; /* the one that came, with room for what it brings */
  rank_state *ranks; /* [ranks] */
  size_t left;       /* ranks that are through */
  uint32_t *team;    /* [ranks] of an order */
  bool stopping, interrupted;
  ag_status status; /* the failure that ends the run */
  char message[AG_REPORT_MESSAGE_SIZE];
  double looked; /* when all ranks' lives were */
};

/* ---- creation ---- */

/* What earlier runs have done. */
static void mark_done(const ag_session *session, ag_work *work)
{
  const ag_plan *plan = session->plan;
  for (size_t i = 0; i < plan->model_count; ++i)
    work->models[i].ready = session->model_closed[i] != 0;
  for (size_t i = 0; i < plan->unit_count; ++i)
    work->units[i].done = session->ledger->units[i].progress == AG_PROGRESS_DONE;
}

static ag_status create_schedule(ag_coordinator *self)
{
  ag_work work;
  const ag_session *session = self->session;
  ag_status status = ag_work_create(session->plan, session->team.size,
                                    ag_pool_threads(session->pool), session->machine, &work);
  if (status == AG_OK) {
    mark_done(session, &work);
    status = ag_schedule_create(&work.load, &self->schedule);
  }
  ag_work_clear(&work);
  return status;
}

ag_status ag_coordinator_create(ag_session *session, ag_coordinator **out)
{
  ag_status status = AG_OK;
  ag_coordinator *self = NULL;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  self->session = session;
  AG_TRY(create_schedule(self));
  AG_TRY(ag_records_create(session, &self->records));
  AG_TRY(ag_account_create(session, self->schedule, &self->account));
  AG_TRY(ag_allocate(ag_report_capacity(session->plan), 1, &self->report));
  AG_TRY(ag_allocate(session->team.size, sizeof *self->team, &self->team));
  AG_TRY(ag_allocate(session->team.size, sizeof *self->ranks, &self->ranks));
  for (size_t rank = 0; rank < session->team.size; ++rank)
    self->ranks[rank].heard = ag_clock_seconds();
cleanup:
  if (status != AG_OK) ag_coordinator_destroy(out);
  return status;
}

void ag_coordinator_destroy(ag_coordinator **out)
{
  ag_coordinator *self = *out;
  if (self == NULL) return;
  ag_release(&self->ranks);
  ag_release(&self->team);
  ag_release(&self->report);
  ag_account_destroy(&self->account);
  ag_records_destroy(&self->records);
  ag_schedule_destroy(&self->schedule);
  ag_release(out);
}

/* ---- orders ---- */

static void send_order(ag_coordinator *self, const ag_order *order)
{
  MPI_Comm communicator = self->session->team.communicator;
  const bool trains = order->kind == AG_ORDER_TRAIN;
  const bool told = trains && !order->same_team;
  const ag_order_message message = {.kind = (uint32_t)order->kind,
                                    .same_team = order->same_team,
                                    .unit = order->unit,
                                    .first_shard = order->first_shard,
                                    .shard_count = order->shard_count,
                                    .model = order->model,
                                    .team_size = told ? order->team_size : 0};
  MPI_Bsend(&message, sizeof message, MPI_BYTE, (int)order->rank, AG_TAG_ORDER, communicator);
  for (size_t i = 0; told && i < order->team_size; ++i)
    self->team[i] = (uint32_t)order->team[i];
  if (told) {
    MPI_Bsend(self->team, (int)order->team_size, MPI_UINT32_T, (int)order->rank, AG_TAG_ORDER,
              communicator);
  }
  ag_records_task(self->records, order, self->ranks[order->rank].task);
  ag_account_order(self->account, order);
}

static void send_orders(ag_coordinator *self)
{
  ag_order order;
  while (ag_schedule_order(self->schedule, &order))
    send_order(self, &order);
}

/* Nothing new is begun, and what is in hand is left where it can be taken up again. */
static void stop(ag_coordinator *self)
{
  if (self->stopping) return;
  self->stopping = true;
  ag_schedule_stop(self->schedule);
  for (size_t rank = 0; rank < self->session->team.size; ++rank)
    MPI_Bsend(NULL, 0, MPI_BYTE, (int)rank, AG_TAG_STOP, self->session->team.communicator);
}

/* The run cannot go on: what was recorded stays. The first reason counts, but for one that only
 * says that there is another. */
static void give_up(ag_coordinator *self, ag_status status, const char *message)
{
  if (self->status == AG_OK || self->status == AG_ELSEWHERE) {
    self->status = status;
    snprintf(self->message, sizeof self->message, "%s", message);
  }
  stop(self);
}

static void check(ag_coordinator *self, ag_status status)
{
  if (status != AG_OK) give_up(self, status, ag_message());
}

/* ---- reports ---- */

/* Where the numbers of a piece of work are at fault the others go on. Any other failure is the
 * rank's, which would fail the next piece too. */
static bool is_own_fault(ag_status status)
{
  return status == AG_NOT_FINITE || status == AG_BOUND_BROKEN;
}

static void take_part(ag_coordinator *self, size_t rank, ag_report *report)
{
  const ag_status status = (ag_status)report->status;
  const size_t unit = (size_t)report->subject;
  if (status == AG_OK) {
    ag_schedule_part_done(self->schedule, rank, unit, report->first_shard);
    check(self, ag_records_part(self->records, rank, report));
    return;
  }
  /* Other parts of it may have closed it before. */
  const bool open = ag_schedule_unit_state(self->schedule, unit) == AG_WORK_OPEN;
  ag_schedule_part_failed(self->schedule, rank, unit, report->first_shard);
  if (status == AG_INTERRUPTED) return;
  if (!is_own_fault(status)) {
    give_up(self, status, report->message);
  } else if (open && !self->stopping) {
    const bool closed = ag_schedule_unit_state(self->schedule, unit) == AG_WORK_FAILED;
    check(self, ag_records_part_failed(self->records, report, closed));
  }
}

static void take_model(ag_coordinator *self, const ag_report *report)
{
  const ag_status status = (ag_status)report->status;
  const size_t model = (size_t)report->subject;
  if (status == AG_OK) {
    check(self, ag_records_model(self->records, report));
    ag_schedule_model_done(self->schedule, model);
    return;
  }
  if (!is_own_fault(status)) give_up(self, status, report->message);
  ag_schedule_model_failed(self->schedule, model);
  if (self->stopping) return;
  const bool closed = ag_schedule_model_state(self->schedule, model) == AG_WORK_FAILED;
  check(self, ag_records_model_failed(self->records, report, closed));
}

/* Whoever trains makes no checkpoint behind it before it is in the journal. */
static void take_epoch(ag_coordinator *self, size_t rank, const ag_report *report)
{
  const ag_status status = ag_records_epoch(self->records, report);
  const int recorded = status == AG_OK;
  check(self, status);
  MPI_Bsend(&recorded, 1, MPI_INT, (int)rank, AG_TAG_EPOCH, self->session->team.communicator);
}

static void take_segment(ag_coordinator *self, const ag_report *report)
{
  if (report->status == AG_INTERRUPTED) {
    self->interrupted = true;
    stop(self);
  }
  ag_schedule_segment_done(self->schedule, (size_t)report->subject,
                           report->flops / AG_NOMINAL_FLOPS);
}

static void take_leave(ag_coordinator *self, size_t rank, const ag_report *report)
{
  self->ranks[rank].times = (ag_rank_times){report->seconds, report->idle};
  self->ranks[rank].left = true;
  ++self->left;
}

static void take_report(ag_coordinator *self, size_t rank, ag_report *report)
{
  rank_state *state = &self->ranks[rank];
  state->heard = ag_clock_seconds();
  state->stalled = false;
  switch ((ag_report_kind)report->kind) {
  case AG_REPORT_ALIVE: break;
  case AG_REPORT_PART: take_part(self, rank, report); break;
  case AG_REPORT_SPAN: check(self, ag_records_span(self->records, rank, report)); break;
  case AG_REPORT_EPOCH: take_epoch(self, rank, report); break;
  case AG_REPORT_SEGMENT: take_segment(self, report); break;
  case AG_REPORT_MODEL: take_model(self, report); break;
  case AG_REPORT_INTERRUPTED:
    self->interrupted = true;
    stop(self);
    break;
  case AG_REPORT_BROKEN: give_up(self, (ag_status)report->status, report->message); break;
  case AG_REPORT_LEFT: take_leave(self, rank, report); break;
  }
  ag_account_report(self->account, rank, report);
}

static bool receive_report(ag_coordinator *self)
{
  int waiting = 0;
  MPI_Status from;
  MPI_Comm communicator = self->session->team.communicator;
  MPI_Iprobe(MPI_ANY_SOURCE, AG_TAG_REPORT, communicator, &waiting, &from);
  if (!waiting) return false;
  MPI_Recv(self->report, (int)ag_report_capacity(self->session->plan), MPI_BYTE, from.MPI_SOURCE,
           AG_TAG_REPORT, communicator, MPI_STATUS_IGNORE);
  take_report(self, (size_t)from.MPI_SOURCE, self->report);
  return true;
}

/* ---- ranks that show no sign of life ---- */

static void look_after_ranks(ag_coordinator *self)
{
  const double now = ag_clock_seconds();
  const double limit = ag_settings_number(&self->session->job->run, "stall_seconds");
  if (now - self->looked < 1) return;
  self->looked = now;
  check(self, ag_journal_keep(self->session->journal));
  for (size_t rank = 0; rank < self->session->team.size; ++rank) {
    rank_state *state = &self->ranks[rank];
    if (state->left || state->stalled || now - state->heard < limit) continue;
    state->stalled = true;
    ag_meter_say(&self->session->meter, "rank %zu on %s has shown no progress for %.0f s: %s", rank,
                 self->session->hosts[rank].name, now - state->heard, state->task);
  }
}

/* ---- the whole ---- */

void ag_coordinator_poll(ag_coordinator *self)
{
  while (receive_report(self))
    send_orders(self);
  if (ag_interrupted() && !self->stopping) {
    self->interrupted = true;
    stop(self);
  }
  send_orders(self);
  look_after_ranks(self);
  ag_account_look(self->account);
}

void ag_coordinator_finish(ag_coordinator *self)
{
  ag_status status = AG_OK;
  ag_rank_times *times = NULL;
  const size_t ranks = self->session->team.size;
  while (self->left < ranks)
    ag_coordinator_poll(self);
  AG_TRY(ag_allocate(ranks, sizeof *times, &times));
  for (size_t rank = 0; rank < ranks; ++rank)
    times[rank] = self->ranks[rank].times;
  AG_TRY(ag_session_record(
      self->session,
      &(ag_record){.kind = AG_RECORD_RANKS, .payload = times, .size = ranks * sizeof *times}));
cleanup:
  ag_release(&times);
  check(self, status);
}

ag_status ag_coordinator_status(const ag_coordinator *self)
{
  if (self->status != AG_OK) return ag_fail(self->status, "%s", self->message);
  if (!self->interrupted || !ag_schedule_has_open(self->schedule)) return AG_OK;
  return ag_fail(AG_INTERRUPTED, "interrupted: the same command goes on from here");
}
