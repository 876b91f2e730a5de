/* The models of a run: checked, trained, saved. */
#ifndef ADVGRID_RUN_MODELS_H
#define ADVGRID_RUN_MODELS_H

#include "run/session.h"

/** True where the journal has the model as trained and its file holds just those parameters. A
 *  file that is missing, damaged or another model's is said, and is no failure. Rank 0 alone. */
ag_status ag_model_is_trained(ag_session *session, size_t model, bool *trained);

/** Checks on rank 0 that every model file that a defense names fits its network. */
ag_status ag_models_check(const ag_session *session);

/** Trains every model that is not trained, all ranks together, one after the other. A model
 *  whose training fails by its numbers is recorded as failed. Collective. */
ag_status ag_models_train(ag_session *session);

#endif
