/* What is left to do. */
#ifndef ADVGRID_RUN_OPEN_WORK_H
#define ADVGRID_RUN_OPEN_WORK_H

#include "run/session.h"

/** Fills in session->model_closed on every rank: models that need no training. Starts the meter.
 *  Collective. Fails with AG_OUT_OF_MEMORY, or AG_ELSEWHERE. */
ag_status ag_open_models_find(ag_session *session);

/** Fills in session->unit_closed on every rank: units that need not or cannot be done. Collective;
 *  after the models are trained. */
void ag_open_units_find(ag_session *session);

#endif
