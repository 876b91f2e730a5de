/* A rank's desk: the coordinator's orders come in, the rank's reports go out. */
#ifndef ADVGRID_RUN_DESK_H
#define ADVGRID_RUN_DESK_H

#include "run/coordinator.h"
#include "run/messages.h"
#include "run/session.h"

/* An order as it came. */
typedef struct ag_desk_order {
  ag_order_message head;
  uint32_t *team; /* [head.team_size], the leader first; room for the largest team */
} ag_desk_order;

typedef struct ag_desk {
  ag_session *session;
  ag_coordinator *coordinator; /* on rank 0; NULL on the others */
  ag_desk_order order;         /* the last that came */
  bool has_order;              /* and was not taken yet */
  ag_report *report;           /* with room for all that the largest part brings home */
  void *outgoing;              /* MPI's buffer of messages on their way */
  bool told;                   /* the coordinator, of an interruption */
  size_t unanswered;           /* epochs that were reported; of the answers ... */
  bool epoch_lost;             /* ... one said that the journal could not be written */
  uint64_t images;             /* since the last report, and their operations */
  double flops;
  double reported; /* when */
  double started;  /* the run did, for all ranks together */
  double idle;
} ag_desk;

/** Sets a desk up. coordinator: NULL but on rank 0. Borrows both. desk: owned by the caller, also
 *  after a failure. */
ag_status ag_desk_create(ag_session *session, ag_coordinator *coordinator, ag_desk *desk);
/** Returns when all reports are delivered. */
void ag_desk_clear(ag_desk *desk);

/** To be called often while an order is carried out: lets messages pass, and on rank 0 the
 *  coordinator do its work. */
void ag_desk_between(void *desk);
/** Waits for the next order, which stays until ag_desk_take. */
void ag_desk_wait(ag_desk *desk);
void ag_desk_take(ag_desk *desk);
/** Sends desk->report, which ag_desk_report_start has zeroed, of that kind. */
void ag_desk_report_start(ag_desk *desk, ag_report_kind kind, uint64_t subject);
void ag_desk_report_status(ag_desk *desk, ag_status status);
void ag_desk_report_send(ag_desk *desk);

/** Reports that this rank has trained, in that epoch, between two times of its clock. */
void ag_desk_report_span(ag_desk *desk, size_t model, uint32_t epoch, double from, double to);
/** Reports an epoch of a training that this rank leads. */
void ag_desk_report_epoch(ag_desk *desk, size_t model, const ag_epoch *row);
/** Waits until the journal has all epochs that were reported; false where it could not be written.
 *  A training must not go on from a checkpoint behind an epoch that nobody has a record of. */
bool ag_desk_epochs_recorded(ag_desk *desk);

#endif
