/* plan/heap.h: numbered things by a key, the largest key first. */
#ifndef ADVGRID_PLAN_HEAP_H
#define ADVGRID_PLAN_HEAP_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ag_heap_entry {
  double key;
  size_t index; /* of two with the same key the lower is first */
} ag_heap_entry;

/* Start it with room for all that it will hold at once: nothing is allocated later. */
typedef struct ag_heap {
  ag_heap_entry *entries; /* owned by whoever made the room; entries[0] is the first */
  size_t count;
} ag_heap;

void ag_heap_push(ag_heap *heap, double key, size_t index);
/** False where it is empty. */
bool ag_heap_pop(ag_heap *heap, ag_heap_entry *first);
/** Gives the first one a smaller key; the heap must not be empty. */
void ag_heap_lower_first(ag_heap *heap, double key);

#endif
