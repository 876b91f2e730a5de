/* store/keyed.h: entries of a plan, to be found by key. */
#ifndef ADVGRID_STORE_KEYED_H
#define ADVGRID_STORE_KEYED_H

#include "advgrid/plan.h"

typedef struct ag_keyed {
  ag_digest key;
  size_t index;
} ag_keyed;

/** All entries of a plan, sorted by key and the same key by index. *out: owned by the caller, freed
 *  by ag_release. */
ag_status ag_keyed_models(const ag_plan *plan, ag_keyed **out);
ag_status ag_keyed_points(const ag_plan *plan, ag_keyed **out);
ag_status ag_keyed_units(const ag_plan *plan, ag_keyed **out);
/** The first of sorted entries whose key is not below `key`; count where there is none. */
size_t ag_keyed_first(const ag_keyed *entries, size_t count, const ag_digest *key);
/** The lowest index with that key; SIZE_MAX where there is none. */
size_t ag_keyed_find(const ag_keyed *entries, size_t count, const ag_digest *key);

#endif
