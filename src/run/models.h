/* The models of a run: their networks and their files. */
#ifndef ADVGRID_RUN_MODELS_H
#define ADVGRID_RUN_MODELS_H

#include "run/session.h"

/** True where the journal has the model as trained and its file holds just those parameters. A
 *  file that is missing, damaged or another model's is said, and is no failure. Rank 0 alone. */
ag_status ag_model_is_trained(ag_session *session, size_t model, bool *trained);

/** Checks on rank 0 that every model file that a defense names fits its network. */
ag_status ag_models_check(const ag_session *session);

/** A model's network as it begins; owned by the caller. */
ag_status ag_model_network_create(const ag_session *session, size_t model, ag_network **network);
/** The file of a plan's model: in the folder, or the one that the job names. */
ag_status ag_model_path(const ag_plan *plan, size_t model, const char *folder, size_t size,
                        char *path);
/** Writes it, whole or not at all. */
ag_status ag_model_write(const ag_session *session, size_t model, const ag_network *network);
/** The Lipschitz bounds of a network and of its layers, where its defense is about them; returns
 * how many, or 0. */
size_t ag_model_bounds(const ag_session *session, size_t model, const ag_network *network,
                       double bounds[1 + AG_LAYERS_MAXIMUM]);
/** Tells them in the log. */
void ag_model_tell_bounds(const ag_session *session, size_t model, const double *bounds);

#endif
