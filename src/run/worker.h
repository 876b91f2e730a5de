/* What every rank does, rank 0 too: it carries out the coordinator's orders. */
#ifndef ADVGRID_RUN_WORKER_H
#define ADVGRID_RUN_WORKER_H

#include "run/coordinator.h"

/** Carries out orders until the last one. coordinator: NULL but on rank 0. Collective. Fails where
 *  this rank cannot begin, or another cannot; what fails later the coordinator is told. */
ag_status ag_worker_run(ag_session *session, ag_coordinator *coordinator);

#endif
