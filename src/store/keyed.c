/* Keys that are sorted once, to be found by halving. */
#include "store/keyed.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
  const ag_keyed *first = a;
  const ag_keyed *second = b;
  const int order = memcmp(first->key.bytes, second->key.bytes, AG_DIGEST_SIZE);
  if (order != 0) return order;
  return (first->index > second->index) - (first->index < second->index);
}

void ag_keyed_sort(ag_keyed *entries, size_t count)
{
  qsort(entries, count, sizeof *entries, compare);
}

size_t ag_keyed_first(const ag_keyed *entries, size_t count, const ag_digest *key)
{
  size_t low = 0;
  while (low < count) {
    const size_t middle = low + (count - low) / 2;
    if (memcmp(entries[middle].key.bytes, key->bytes, AG_DIGEST_SIZE) < 0) {
      low = middle + 1;
    } else {
      count = middle;
    }
  }
  return low;
}

size_t ag_keyed_find(const ag_keyed *entries, size_t count, const ag_digest *key)
{
  const size_t place = ag_keyed_first(entries, count, key);
  const bool found = place < count && memcmp(&entries[place].key, key, sizeof *key) == 0;
  return found ? entries[place].index : SIZE_MAX;
}
