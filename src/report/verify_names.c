/* Names of things that are in one of two places or in both. */
#include "report/verify.h"

#include <stdlib.h>
#include <string.h>

static ag_status grow(ag_names *names)
{
  ag_place_name *grown = NULL;
  const size_t capacity = 2 * names->capacity + 64;
  const ag_status status = ag_allocate(capacity, sizeof *grown, &grown);
  if (status != AG_OK) return status;
  if (names->count > 0) memcpy(grown, names->entries, names->count * sizeof *grown);
  ag_release(&names->entries);
  names->entries = grown;
  names->capacity = capacity;
  return AG_OK;
}

ag_status ag_names_add(ag_names *names, const char *text, unsigned where)
{
  ag_status status = AG_OK;
  if (names->count == names->capacity) AG_TRY(grow(names));
  names->entries[names->count++] = (ag_place_name){.offset = names->bytes.length, .where = where};
  AG_TRY(ag_text_append(&names->bytes, "%s%c", text, '\0'));
cleanup:
  return status;
}

/* The slash before all other bytes, so that nothing comes between a folder and its own. */
static int compare(const void *a, const void *b)
{
  const char *x = ((const ag_place_name *)a)->text;
  const char *y = ((const ag_place_name *)b)->text;
  while (*x != '\0' && *x == *y) {
    ++x;
    ++y;
  }
  const int left = *x == '/' ? 1 : (unsigned char)*x + (*x != '\0');
  const int right = *y == '/' ? 1 : (unsigned char)*y + (*y != '\0');
  return left - right;
}

void ag_names_sort(ag_names *names)
{
  size_t kept = 0;
  if (names->count == 0) return;
  for (size_t i = 0; i < names->count; ++i)
    names->entries[i].text = names->bytes.bytes + names->entries[i].offset;
  qsort(names->entries, names->count, sizeof *names->entries, compare);
  for (size_t i = 1; i < names->count; ++i) {
    if (strcmp(names->entries[i].text, names->entries[kept].text) == 0) {
      names->entries[kept].where |= names->entries[i].where;
    } else {
      names->entries[++kept] = names->entries[i];
    }
  }
  names->count = kept + 1;
}

void ag_names_clear(ag_names *names)
{
  ag_release(&names->entries);
  ag_text_clear(&names->bytes);
  *names = (ag_names){0};
}
