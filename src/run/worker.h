/* What every rank does, rank 0 too: it waits for orders of the coordinator, carries them out, and
 * reports. */
#ifndef ADVGRID_RUN_WORKER_H
#define ADVGRID_RUN_WORKER_H

#include "run/coordinator.h"
#include "run/messages.h"
#include "run/session.h"

/* An order as it came. */
typedef struct ag_worker_order {
  ag_order_message head;
  uint32_t *team; /* [head.team_size], the leader first; room for the largest team */
} ag_worker_order;

typedef struct ag_worker {
  ag_session *session;
  ag_coordinator *coordinator; /* on rank 0; NULL on the others */
  ag_worker_order order;       /* the last that came */
  bool has_order;              /* and was not taken yet */
  ag_report *report;           /* with room for the outcomes of the largest part */
  void *outgoing;              /* MPI's buffer of messages on their way */
  bool told;                   /* the coordinator, of an interruption */
  size_t unanswered;           /* epochs that were reported; of the answers ... */
  bool epoch_lost;             /* ... one said that the journal could not be written */
  uint64_t images;             /* since the last report, and their operations */
  double flops;
  double reported; /* when */
  double started, idle;
} ag_worker;

/** Carries out orders until the last one. Collective. Fails with what makes this rank unable to go
 *  on, of which the coordinator is told. */
ag_status ag_worker_run(ag_session *session, ag_coordinator *coordinator);

/* ---- for those who carry out an order ---- */

/** To be called often while an order is carried out: lets messages pass, and on rank 0 the
 *  coordinator do its work. */
void ag_worker_between(void *worker);
/** Waits for the next order, which stays until ag_worker_take. */
void ag_worker_wait(ag_worker *worker);
void ag_worker_take(ag_worker *worker);
/** Sends worker->report, which ag_worker_report_start has zeroed, of that kind. */
void ag_worker_report_start(ag_worker *worker, ag_report_kind kind, uint64_t subject);
void ag_worker_report_status(ag_worker *worker, ag_status status);
void ag_worker_report_send(ag_worker *worker);

/** Reports an epoch of a training that this rank leads. */
void ag_worker_report_epoch(ag_worker *worker, size_t model, const ag_epoch *row);
/** Waits until the journal has all epochs that were reported; false where it could not be written.
 *  A training must not go on from a checkpoint behind an epoch that nobody has a record of. */
bool ag_worker_epochs_recorded(ag_worker *worker);

/** Does the part of a unit that was ordered (run/attacks.c). */
typedef struct ag_attacker ag_attacker;
ag_status ag_attacker_create(ag_worker *worker, ag_attacker **attacker);
void ag_attacker_destroy(ag_attacker **attacker);
void ag_attacker_run(ag_attacker *attacker);

/** Takes part in the training that was ordered, until this rank is free again (run/teamwork.c). */
void ag_teamwork_run(ag_worker *worker);

#endif
