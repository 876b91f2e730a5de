/* Rank 0's second task: it hands out the work, one order ahead, and records what comes back. */
#ifndef ADVGRID_RUN_COORDINATOR_H
#define ADVGRID_RUN_COORDINATOR_H

#include "run/session.h"

typedef struct ag_coordinator ag_coordinator;

/** For the open work of the session, which is borrowed. Rank 0 alone, as all here. */
ag_status ag_coordinator_create(ag_session *session, ag_coordinator **coordinator);
void ag_coordinator_destroy(ag_coordinator **coordinator);

/** Takes in what ranks have reported, answers, and looks whether all live. Never waits. */
void ag_coordinator_poll(ag_coordinator *coordinator);
/** Waits for the last report of every rank. */
void ag_coordinator_finish(ag_coordinator *coordinator);
/** The failure that ended the run, AG_INTERRUPTED where it was told to stop with work left, or
 *  AG_OK: all work was tried. */
ag_status ag_coordinator_status(const ag_coordinator *coordinator);

#endif
