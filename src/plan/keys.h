/* plan/keys.h: digests of all that a model, a point or a unit depends on. */
#ifndef ADVGRID_PLAN_KEYS_H
#define ADVGRID_PLAN_KEYS_H

#include "advgrid/plan.h"

/** True where two entries mean the same, whatever their names and however values are written. */
bool ag_entry_is_same(const ag_entry *one, const ag_entry *other);

/** inputs: may be NULL. The key is overwritten. */
ag_status ag_key_of_model(const ag_job *job, const ag_inputs *inputs, size_t defense, size_t seed,
                          ag_digest *key);
/** attacked: the key of an attack on all images that there may be. source: the model that it sees,
 *  which is `model` where it has no other. epsilon: NULL where none is part of it. */
ag_status ag_key_of_attack(const ag_job *job, const ag_inputs *inputs, const ag_model_unit *model,
                           const ag_model_unit *source, size_t attack, const ag_epsilon *epsilon,
                           ag_digest *attacked);
/** Of the images first .. first + count - 1: a unit's are a block, a point's are all. */
ag_status ag_key_of_images(const ag_digest *attacked, size_t first, size_t count, ag_digest *key);

#endif
