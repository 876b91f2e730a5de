/* Orders in, reports out. */
#include "run/worker.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Seconds between two signs of life. */
static const double ALIVE_PERIOD = 1;

size_t ag_report_bytes(const ag_report *report)
{
  return sizeof *report + report->outcomes * sizeof(ag_outcome);
}

size_t ag_report_capacity(const ag_plan *plan)
{
  size_t most = 0;
  for (size_t i = 0; i < plan->unit_count; ++i) {
    if (plan->units[i].count > most) most = plan->units[i].count;
  }
  return sizeof(ag_report) + most * sizeof(ag_outcome);
}

/* ---- reports ---- */

void ag_worker_report_start(ag_worker *self, ag_report_kind kind, uint64_t subject)
{
  *self->report = (ag_report){.kind = (uint32_t)kind, .subject = subject};
}

void ag_worker_report_status(ag_worker *self, ag_status status)
{
  self->report->status = (uint32_t)status;
  if (status == AG_OK) return;
  snprintf(self->report->message, sizeof self->report->message, "%.500s", ag_message());
}

void ag_worker_report_send(ag_worker *self)
{
  MPI_Bsend(self->report, (int)ag_report_bytes(self->report), MPI_BYTE, 0, AG_TAG_REPORT,
            self->session->team.communicator);
  self->reported = ag_clock_seconds();
}

static void report_interruption(ag_worker *self)
{
  ag_report report = {.kind = AG_REPORT_INTERRUPTED};
  self->told = true;
  MPI_Bsend(&report, sizeof report, MPI_BYTE, 0, AG_TAG_REPORT, self->session->team.communicator);
}

/* What was done since the last sign of life. */
static void report_life(ag_worker *self)
{
  const ag_report report = {.kind = AG_REPORT_ALIVE, .images = self->images, .flops = self->flops};
  self->images = 0;
  self->flops = 0;
  self->reported = ag_clock_seconds();
  MPI_Bsend(&report, sizeof report, MPI_BYTE, 0, AG_TAG_REPORT, self->session->team.communicator);
}

/* ---- epochs ---- */

void ag_worker_report_epoch(ag_worker *self, size_t model, const ag_epoch *row)
{
  ag_worker_report_start(self, AG_REPORT_EPOCH, model);
  self->report->epoch = *row;
  ++self->unanswered;
  ag_worker_report_send(self);
}

static void take_answer(ag_worker *self)
{
  int waiting = 0;
  int recorded = 0;
  MPI_Comm communicator = self->session->team.communicator;
  if (self->unanswered == 0) return;
  MPI_Iprobe(0, AG_TAG_EPOCH, communicator, &waiting, MPI_STATUS_IGNORE);
  if (!waiting) return;
  MPI_Recv(&recorded, 1, MPI_INT, 0, AG_TAG_EPOCH, communicator, MPI_STATUS_IGNORE);
  if (recorded == 0) self->epoch_lost = true;
  --self->unanswered;
}

bool ag_worker_epochs_recorded(ag_worker *self)
{
  while (self->unanswered > 0)
    ag_worker_between(self);
  return !self->epoch_lost;
}

/* ---- orders ---- */

static void take_stop(ag_worker *self)
{
  int waiting = 0;
  MPI_Comm communicator = self->session->team.communicator;
  MPI_Iprobe(0, AG_TAG_STOP, communicator, &waiting, MPI_STATUS_IGNORE);
  if (!waiting) return;
  MPI_Recv(NULL, 0, MPI_BYTE, 0, AG_TAG_STOP, communicator, MPI_STATUS_IGNORE);
  self->told = true; /* it came from there */
  ag_interrupt_request();
}

void ag_worker_between(void *worker)
{
  ag_worker *self = worker;
  if (self->coordinator != NULL) ag_coordinator_poll(self->coordinator);
  take_stop(self);
  take_answer(self);
  if (ag_interrupted() && !self->told) report_interruption(self);
  if (ag_clock_seconds() - self->reported >= ALIVE_PERIOD) report_life(self);
}

/* Takes in an order that has come. */
static bool receive_order(ag_worker *self)
{
  int waiting = 0;
  MPI_Comm communicator = self->session->team.communicator;
  ag_worker_order *order = &self->order;
  MPI_Iprobe(0, AG_TAG_ORDER, communicator, &waiting, MPI_STATUS_IGNORE);
  if (!waiting) return false;
  MPI_Recv(&order->head, sizeof order->head, MPI_BYTE, 0, AG_TAG_ORDER, communicator,
           MPI_STATUS_IGNORE);
  if (order->head.team_size > 0) {
    MPI_Recv(order->team, (int)order->head.team_size, MPI_UINT32_T, 0, AG_TAG_ORDER, communicator,
             MPI_STATUS_IGNORE);
  }
  return true;
}

void ag_worker_wait(ag_worker *self)
{
  /* Long enough to leave a shared core to others, short beside any work. */
  static const struct timespec nap = {.tv_nsec = 200000};
  const double start = ag_clock_seconds();
  while (!self->has_order) {
    ag_worker_between(self);
    self->has_order = receive_order(self);
    if (!self->has_order) nanosleep(&nap, NULL);
  }
  self->idle += ag_clock_seconds() - start;
}

void ag_worker_take(ag_worker *self)
{
  self->has_order = false;
}

/* ---- the whole ---- */

/* Room for what a rank may have on its way: a report of the largest part for each that it holds,
 * and signs of life that nobody has taken for minutes; on rank 0 also orders for every rank. */
static size_t outgoing_bytes(const ag_session *session, size_t team)
{
  enum { PARTS = 4, SIGNS = 1024, ORDERS = 4 };
  const size_t overhead = MPI_BSEND_OVERHEAD;
  const size_t order = sizeof(ag_order_message) + team * sizeof(uint32_t) + 2 * overhead;
  const size_t orders = session->team.rank == 0 ? session->team.size * ORDERS * order : 0;
  return PARTS * (ag_report_capacity(session->plan) + overhead) +
         SIGNS * (sizeof(ag_report) + overhead) + orders;
}

static ag_status create_memory(ag_worker *self)
{
  ag_status status = AG_OK;
  const ag_session *session = self->session;
  const size_t bytes = outgoing_bytes(session, session->team.size);
  AG_TRY(ag_allocate(session->team.size, sizeof *self->order.team, &self->order.team));
  AG_TRY(ag_allocate(ag_report_capacity(session->plan), 1, &self->report));
  AG_TRY(ag_allocate(bytes, 1, &self->outgoing));
  MPI_Buffer_attach(self->outgoing, (int)bytes);
cleanup:
  return status;
}

static void destroy_memory(ag_worker *self)
{
  void *buffer = NULL;
  int bytes = 0;
  if (self->outgoing != NULL) MPI_Buffer_detach(&buffer, &bytes); /* when all is delivered */
  ag_release(&self->outgoing);
  ag_release(&self->report);
  ag_release(&self->order.team);
}

static void report_leave(ag_worker *self)
{
  ag_worker_report_start(self, AG_REPORT_LEFT, 0);
  self->report->seconds = ag_clock_seconds() - self->started;
  self->report->idle = self->idle;
  self->report->images = self->images;
  self->report->flops = self->flops;
  ag_worker_report_send(self);
}

static void work(ag_worker *self, ag_attacker *attacker)
{
  for (;;) {
    ag_worker_wait(self);
    if (self->order.head.kind == AG_ORDER_END) return;
    if (self->order.head.kind == AG_ORDER_TRAIN) {
      ag_teamwork_run(self);
    } else {
      ag_worker_take(self);
      ag_attacker_run(attacker);
    }
  }
}

ag_status ag_worker_run(ag_session *session, ag_coordinator *coordinator)
{
  ag_worker self = {.session = session, .coordinator = coordinator};
  ag_attacker *attacker = NULL;
  ag_status status = create_memory(&self);
  if (status == AG_OK) status = ag_attacker_create(&self, &attacker);
  status = ag_ranks_agree(session->team.communicator, status);
  if (status == AG_OK) {
    self.started = ag_clock_seconds();
    self.reported = self.started;
    work(&self, attacker);
    report_leave(&self);
    if (coordinator != NULL) ag_coordinator_finish(coordinator);
  }
  ag_attacker_destroy(&attacker);
  destroy_memory(&self);
  return status;
}
