/* store/keyed.h: entries of a plan, to be found by key. */
#ifndef ADVGRID_STORE_KEYED_H
#define ADVGRID_STORE_KEYED_H

#include "advgrid/base.h"

typedef struct ag_keyed {
  ag_digest key;
  size_t index;
} ag_keyed;

/** Sorts by key, and the same key by index. */
void ag_keyed_sort(ag_keyed *entries, size_t count);
/** The first of sorted entries whose key is not below `key`; count where there is none. */
size_t ag_keyed_first(const ag_keyed *entries, size_t count, const ag_digest *key);
/** The lowest index with that key; SIZE_MAX where there is none. */
size_t ag_keyed_find(const ag_keyed *entries, size_t count, const ag_digest *key);

#endif
