/* A binary heap in an array: the children of entry i are 2 i + 1 and 2 i + 2, and none is before
 * its parent. */
#include "plan/heap.h"

#include <assert.h>

static bool is_before(const ag_heap_entry *one, const ag_heap_entry *other)
{
  return one->key > other->key || (one->key == other->key && one->index < other->index);
}

/* Puts `moved` where entry i was, or below it. */
static void sink(ag_heap *heap, size_t i, ag_heap_entry moved)
{
  ag_heap_entry *entries = heap->entries;
  for (;;) {
    size_t child = 2 * i + 1;
    if (child >= heap->count) break;
    if (child + 1 < heap->count && is_before(&entries[child + 1], &entries[child])) ++child;
    if (!is_before(&entries[child], &moved)) break;
    entries[i] = entries[child];
    i = child;
  }
  entries[i] = moved;
}

void ag_heap_push(ag_heap *heap, double key, size_t index)
{
  ag_heap_entry *entries = heap->entries;
  const ag_heap_entry pushed = {key, index};
  size_t i = heap->count++;
  while (i > 0 && is_before(&pushed, &entries[(i - 1) / 2])) {
    entries[i] = entries[(i - 1) / 2];
    i = (i - 1) / 2;
  }
  entries[i] = pushed;
}

bool ag_heap_pop(ag_heap *heap, ag_heap_entry *first)
{
  if (heap->count == 0) return false;
  *first = heap->entries[0];
  --heap->count;
  if (heap->count > 0) sink(heap, 0, heap->entries[heap->count]);
  return true;
}

void ag_heap_lower_first(ag_heap *heap, double key)
{
  assert(heap->count > 0 && key <= heap->entries[0].key);
  sink(heap, 0, (ag_heap_entry){key, heap->entries[0].index});
}
