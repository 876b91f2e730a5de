/* A unit's record: ag_unit_record, its outcomes, and behind them the details of its images. One
 * record holds all, so that a unit is there whole or not at all, and once. What details follow is
 * said in front of them: a later job may want fewer, and takes what it wants, or more, and then the
 * record is none of its own. Records from before there were details end behind the outcomes. */
#include "store/unit_record.h"

#include <stdio.h>
#include <string.h>

/* What stands in front of the details. */
typedef struct details_head {
  uint32_t kinds; /* AG_DETAILS, when it was written */
  uint32_t reserved;
  char layer[AG_NAME_SIZE]; /* of points */
  struct {
    uint64_t images, bytes; /* the first so many of the unit; of one of them and side */
  } of[AG_DETAILS];
} details_head;

_Static_assert(AG_DETAILS == 5 && sizeof(details_head) == 152, "the journal's details");

static const ag_details_form *form_of(const ag_plan *plan, size_t unit)
{
  return ag_plan_details(plan, &plan->points[plan->units[unit].point]);
}

/* As the plan wants them. */
static ag_details wanted(const ag_plan *plan, size_t unit, void *block)
{
  const ag_unit *of = &plan->units[unit];
  return (ag_details){form_of(plan, unit), of->first, of->count, block};
}

static size_t plain_size(const ag_unit *unit)
{
  return sizeof(ag_unit_record) + unit->count * sizeof(ag_outcome);
}

/* ---- writing ---- */

size_t ag_unit_record_size(const ag_plan *plan, size_t unit)
{
  const ag_details details = wanted(plan, unit, NULL);
  return plain_size(&plan->units[unit]) + sizeof(details_head) + ag_details_bytes(&details);
}

ag_details ag_unit_record_details(const ag_plan *plan, size_t unit, ag_unit_record *record)
{
  char *place = (char *)record + plain_size(&plan->units[unit]);
  const ag_details details = wanted(plan, unit, place + sizeof(details_head));
  details_head head = {.kinds = AG_DETAILS};
  snprintf(head.layer, sizeof head.layer, "%s", details.form->layer);
  for (ag_detail kind = 0; kind < AG_DETAILS; ++kind) {
    head.of[kind].images = ag_details_images(&details, kind);
    head.of[kind].bytes = head.of[kind].images > 0 ? details.form->kinds[kind].bytes : 0;
  }
  memcpy(place, &head, sizeof head);
  return details;
}

ag_details ag_unit_details(const ag_ledger *ledger, size_t unit)
{
  return wanted(ledger->plan, unit, ledger->units[unit].details);
}

/* ---- reading ---- */

/* Whether the job itself asks for details of the unit: some come without being asked for. */
static bool is_asked_for(const ag_details *details)
{
  for (ag_detail kind = 0; kind < AG_DETAILS; ++kind) {
    if (details->form->kinds[kind].asked && ag_details_images(details, kind) > 0) return true;
  }
  return false;
}

/* The form of what follows a head. */
static void read_form(const details_head *head, size_t first, ag_details_form *form)
{
  *form = (ag_details_form){0};
  memcpy(form->layer, head->layer, sizeof form->layer);
  for (ag_detail kind = 0; kind < AG_DETAILS; ++kind) {
    form->kinds[kind].images = first + (size_t)head->of[kind].images;
    form->kinds[kind].bytes = (size_t)head->of[kind].bytes;
  }
}

static bool has_all(const ag_details *there, const ag_details *want)
{
  for (ag_detail kind = 0; kind < AG_DETAILS; ++kind) {
    const size_t images = ag_details_images(want, kind);
    if (images == 0) continue;
    if (ag_details_images(there, kind) < images ||
        there->form->kinds[kind].bytes != want->form->kinds[kind].bytes) {
      return false;
    }
    if (kind == AG_DETAIL_POINT && strcmp(there->form->layer, want->form->layer) != 0) return false;
  }
  return true;
}

/* Whether sizes make sense, before anything is computed with them. */
static bool is_sound(const details_head *head, size_t images, size_t size)
{
  if (head->kinds != AG_DETAILS || memchr(head->layer, '\0', sizeof head->layer) == NULL) {
    return false;
  }
  for (ag_detail kind = 0; kind < AG_DETAILS; ++kind) {
    if (head->of[kind].images > images || head->of[kind].bytes > size ||
        (head->of[kind].images == 0) != (head->of[kind].bytes == 0)) {
      return false;
    }
  }
  return true;
}

/* Of details that lie behind a head, a block of those that are wanted. */
static ag_status take_wanted(ag_details *there, const void *bytes, ag_details *want, void **block)
{
  ag_status status = AG_OK;
  const size_t size = ag_details_bytes(there);
  AG_TRY(ag_allocate(size, 1, &there->block));
  memcpy(there->block, bytes, size);
  AG_TRY(ag_allocate(ag_details_bytes(want), 1, &want->block));
  ag_details_copy(there, want);
  *block = want->block;
cleanup:
  ag_release(&there->block);
  return status;
}

ag_status ag_unit_details_read(const ag_plan *plan, size_t unit, const void *bytes, size_t size,
                               ag_unit_state *state, bool *enough)
{
  details_head head;
  ag_details_form form;
  ag_details want = wanted(plan, unit, NULL);
  state->has_details = size > 0;
  state->details = NULL;
  *enough = size > 0 || !is_asked_for(&want);
  if (size == 0) return AG_OK;
  if (size < sizeof head) {
    return ag_fail(AG_BAD_STORE,
                   "the record of a unit has %zu bytes behind its outcomes; expected "
                   "none, or %zu and more",
                   size, sizeof head);
  }
  memcpy(&head, bytes, sizeof head);
  size -= sizeof head;
  if (!is_sound(&head, want.count, size)) {
    return ag_fail(AG_BAD_STORE, "the details of a unit are not those of %zu images", want.count);
  }
  read_form(&head, want.first, &form);
  ag_details there = {&form, want.first, want.count, NULL};
  if (ag_details_bytes(&there) != size) {
    return ag_fail(AG_BAD_STORE, "the details of a unit have %zu bytes; expected %zu", size,
                   ag_details_bytes(&there));
  }
  *enough = has_all(&there, &want);
  if (!*enough) return AG_OK;
  return take_wanted(&there, (const char *)bytes + sizeof head, &want, &state->details);
}
