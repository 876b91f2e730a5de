/* Details in their block of memory: where a value lies, and what goes from one block to another. */
#include "evaluation/outcome.h"

#include <assert.h>
#include <string.h>

size_t ag_details_images(const ag_details *details, ag_detail kind)
{
  if (details->form == NULL || details->form->kinds[kind].bytes == 0) return 0;
  const size_t images = details->form->kinds[kind].images;
  return images <= details->first ? 0 : ag_minimum(images - details->first, details->count);
}

/* Of one side. */
static size_t kind_bytes(const ag_details *details, ag_detail kind)
{
  return ag_details_images(details, kind) * (details->form->kinds[kind].bytes);
}

/* Of all kinds before `end`. */
static size_t bytes_before(const ag_details *details, ag_detail end)
{
  size_t bytes = 0;
  for (ag_detail kind = 0; details->form != NULL && kind < end; ++kind)
    bytes += AG_SIDES * kind_bytes(details, kind);
  return bytes;
}

size_t ag_details_bytes(const ag_details *details)
{
  return bytes_before(details, AG_DETAILS);
}

void *ag_details_value(const ag_details *details, ag_detail kind, ag_side side, size_t image)
{
  assert(image < ag_details_images(details, kind));
  return (char *)details->block + bytes_before(details, kind) + side * kind_bytes(details, kind) +
         image * details->form->kinds[kind].bytes;
}

void ag_details_copy(const ag_details *part, const ag_details *whole)
{
  assert(part->first >= whole->first);
  const size_t offset = part->first - whole->first;
  for (ag_detail kind = 0; kind < AG_DETAILS; ++kind) {
    const size_t room = ag_details_images(whole, kind);
    if (room <= offset) continue;
    const size_t images = ag_minimum(ag_details_images(part, kind), room - offset);
    if (images == 0) continue;
    const size_t bytes = images * whole->form->kinds[kind].bytes;
    assert(part->form->kinds[kind].bytes == whole->form->kinds[kind].bytes);
    for (ag_side side = 0; side < AG_SIDES; ++side) {
      memcpy(ag_details_value(whole, kind, side, offset), ag_details_value(part, kind, side, 0),
             bytes);
    }
  }
}

void ag_details_at(const ag_entry *attack, double epsilon, const ag_outcome *outcomes,
                   const ag_details *details)
{
  for (ag_detail kind = 0; kind < AG_DETAILS; ++kind) {
    for (size_t i = 0; i < ag_details_images(details, kind); ++i) {
      if (!ag_outcome_is_beyond(attack, epsilon, &outcomes[i])) continue;
      memcpy(ag_details_value(details, kind, AG_SIDE_ATTACKED, i),
             ag_details_value(details, kind, AG_SIDE_CLEAN, i), details->form->kinds[kind].bytes);
    }
  }
}
