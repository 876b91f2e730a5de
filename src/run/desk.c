/* Orders in, reports out. */
#include "run/desk.h"

#include <stdio.h>
#include <time.h>

/* Seconds between two signs of life. */
static const double ALIVE_PERIOD = 1;

/* ---- memory ---- */

/* Room for what a rank may have on its way: a report of the largest part for each that it holds,
 * and signs of life that nobody has taken for minutes; on rank 0 also orders for every rank. */
static size_t outgoing_bytes(const ag_session *session)
{
  enum { PARTS = 4, SIGNS = 1024, ORDERS = 4 };
  const ag_settings *training = &session->job->training.settings;
  /* No team has more ranks than a batch has images. */
  const size_t team = ag_minimum(session->team.size, ag_settings_count(training, "batch"));
  const size_t overhead = MPI_BSEND_OVERHEAD;
  const size_t order = sizeof(ag_order_message) + team * sizeof(uint32_t) + 2 * overhead;
  const size_t orders = session->team.rank == 0 ? session->team.size * ORDERS * order : 0;
  return PARTS * (ag_report_capacity(session->plan) + overhead) +
         SIGNS * (sizeof(ag_report) + overhead) + orders;
}

ag_status ag_desk_create(ag_session *session, ag_coordinator *coordinator, ag_desk *self)
{
  ag_status status = AG_OK;
  const size_t bytes = outgoing_bytes(session);
  *self = (ag_desk){.session = session,
                    .coordinator = coordinator,
                    .started = ag_clock_seconds(),
                    .reported = ag_clock_seconds()};
  AG_TRY(ag_allocate(session->team.size, sizeof *self->order.team, &self->order.team));
  AG_TRY(ag_allocate(ag_report_capacity(session->plan), 1, &self->report));
  AG_TRY(ag_allocate(bytes, 1, &self->outgoing));
  MPI_Buffer_attach(self->outgoing, (int)bytes);
cleanup:
  return status;
}

void ag_desk_clear(ag_desk *self)
{
  void *buffer = NULL;
  int bytes = 0;
  if (self->outgoing != NULL) MPI_Buffer_detach(&buffer, &bytes); /* when all is delivered */
  ag_release(&self->outgoing);
  ag_release(&self->report);
  ag_release(&self->order.team);
}

/* ---- reports ---- */

void ag_desk_report_start(ag_desk *self, ag_report_kind kind, uint64_t subject)
{
  *self->report = (ag_report){.kind = (uint32_t)kind, .subject = subject};
}

void ag_desk_report_status(ag_desk *self, ag_status status)
{
  self->report->status = (uint32_t)status;
  if (status == AG_OK) return;
  snprintf(self->report->message, sizeof self->report->message, "%.500s", ag_message());
}

static void send(ag_desk *self, const ag_report *report)
{
  MPI_Bsend(report, (int)ag_report_bytes(report), MPI_BYTE, 0, AG_TAG_REPORT,
            self->session->team.communicator);
  self->reported = ag_clock_seconds();
}

void ag_desk_report_send(ag_desk *self)
{
  send(self, self->report);
}

static void report_interruption(ag_desk *self)
{
  const ag_report report = {.kind = AG_REPORT_INTERRUPTED};
  self->told = true;
  send(self, &report);
}

/* What was done since the last sign of life. */
static void report_life(ag_desk *self)
{
  const ag_report report = {.kind = AG_REPORT_ALIVE, .images = self->images, .flops = self->flops};
  self->images = 0;
  self->flops = 0;
  send(self, &report);
}

/* ---- epochs ---- */

void ag_desk_report_span(ag_desk *self, size_t model, uint32_t epoch, double from, double to)
{
  ag_desk_report_start(self, AG_REPORT_SPAN, model);
  self->report->epoch.epoch = epoch;
  self->report->start = from - self->started;
  self->report->seconds = to - from;
  ag_desk_report_send(self);
}

void ag_desk_report_epoch(ag_desk *self, size_t model, const ag_epoch *row)
{
  ag_desk_report_start(self, AG_REPORT_EPOCH, model);
  self->report->epoch = *row;
  self->report->images = self->images; /* epochs may be shorter than the time between two signs */
  self->report->flops = self->flops;
  self->images = 0;
  self->flops = 0;
  ++self->unanswered;
  ag_desk_report_send(self);
}

static void take_answer(ag_desk *self)
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

bool ag_desk_epochs_recorded(ag_desk *self)
{
  while (self->unanswered > 0)
    ag_desk_between(self);
  return !self->epoch_lost;
}

/* ---- orders ---- */

static void take_stop(ag_desk *self)
{
  int waiting = 0;
  MPI_Comm communicator = self->session->team.communicator;
  MPI_Iprobe(0, AG_TAG_STOP, communicator, &waiting, MPI_STATUS_IGNORE);
  if (!waiting) return;
  MPI_Recv(NULL, 0, MPI_BYTE, 0, AG_TAG_STOP, communicator, MPI_STATUS_IGNORE);
  self->told = true; /* it came from there */
  ag_interrupt_request();
}

void ag_desk_between(void *desk)
{
  ag_desk *self = desk;
  if (self->coordinator != NULL) ag_coordinator_poll(self->coordinator);
  take_stop(self);
  take_answer(self);
  if (ag_interrupted() && !self->told) report_interruption(self);
  if (ag_clock_seconds() - self->reported >= ALIVE_PERIOD) report_life(self);
}

/* Takes in an order that has come. */
static bool receive_order(ag_desk *self)
{
  int waiting = 0;
  MPI_Comm communicator = self->session->team.communicator;
  ag_desk_order *order = &self->order;
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

void ag_desk_wait(ag_desk *self)
{
  /* Long enough to leave a shared core to others, short beside any work. */
  static const struct timespec nap = {.tv_nsec = 200000};
  const double start = ag_clock_seconds();
  while (!self->has_order) {
    ag_desk_between(self);
    self->has_order = receive_order(self);
    if (!self->has_order) nanosleep(&nap, NULL);
  }
  self->idle += ag_clock_seconds() - start;
}

void ag_desk_take(ag_desk *self)
{
  self->has_order = false;
}
