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

/* Of entries[count] of `size` bytes, each with its key `offset` bytes behind its start. */
static ag_status create(const void *entries, size_t count, size_t size, size_t offset,
                        ag_keyed **out)
{
  const ag_status status = ag_allocate(count, sizeof **out, out);
  if (status != AG_OK) return status;
  for (size_t i = 0; i < count; ++i) {
    (*out)[i].index = i;
    memcpy(&(*out)[i].key, (const char *)entries + i * size + offset, sizeof(ag_digest));
  }
  qsort(*out, count, sizeof **out, compare);
  return AG_OK;
}

ag_status ag_keyed_models(const ag_plan *plan, ag_keyed **out)
{
  return create(plan->models, plan->model_count, sizeof *plan->models, offsetof(ag_model_unit, key),
                out);
}

ag_status ag_keyed_points(const ag_plan *plan, ag_keyed **out)
{
  return create(plan->points, plan->point_count, sizeof *plan->points, offsetof(ag_point, key),
                out);
}

ag_status ag_keyed_units(const ag_plan *plan, ag_keyed **out)
{
  return create(plan->units, plan->unit_count, sizeof *plan->units, offsetof(ag_unit, key), out);
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
