/* Text that grows, and the nearest of several words. */
#include "advgrid/base.h"

#include <stdio.h>
#include <string.h>

/* The capacity of a text that an append has failed on. */
static const size_t BROKEN = SIZE_MAX;

ag_status ag_text_append(ag_text *text, const char *format, ...)
{
  if (text->capacity == BROKEN) {
    return ag_fail(AG_OUT_OF_MEMORY, "a text lacks what could not be appended before");
  }
  va_list arguments;
  va_start(arguments, format);
  va_list again;
  va_copy(again, arguments);
  const int needed = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  ag_status status = AG_OK;
  if (needed < 0) {
    status = ag_fail(AG_INVALID_ARGUMENT, "text that cannot be formatted");
    goto cleanup;
  }
  const size_t wanted = text->length + (size_t)needed + 1;
  if (wanted > text->capacity) {
    char *grown = NULL;
    AG_TRY(ag_allocate(2 * wanted, 1, &grown));
    if (text->length > 0) memcpy(grown, text->bytes, text->length);
    ag_release(&text->bytes);
    text->bytes = grown;
    text->capacity = 2 * wanted;
  }
  vsnprintf(text->bytes + text->length, (size_t)needed + 1, format, again);
  text->length += (size_t)needed;
cleanup:
  va_end(again);
  if (status != AG_OK) text->capacity = BROKEN;
  return status;
}

void ag_text_clear(ag_text *text)
{
  ag_release(&text->bytes);
  text->length = 0;
  text->capacity = 0;
}

/* Edit distance with swaps of neighbours (Damerau 1964, the restricted form); words
 * longer than a name are cut, which only makes them seem nearer. */
static size_t edit_distance(const char *a, const char *b)
{
  size_t rows[3][AG_NAME_SIZE + 1];
  const size_t m = ag_minimum(strlen(a), AG_NAME_SIZE);
  const size_t n = ag_minimum(strlen(b), AG_NAME_SIZE);
  for (size_t j = 0; j <= n; ++j)
    rows[0][j] = j;
  for (size_t i = 1; i <= m; ++i) {
    size_t *now = rows[i % 3];
    const size_t *last = rows[(i + 2) % 3];
    const size_t *before = rows[(i + 1) % 3];
    now[0] = i;
    for (size_t j = 1; j <= n; ++j) {
      now[j] =
          ag_minimum(last[j - 1] + (a[i - 1] != b[j - 1]), ag_minimum(last[j], now[j - 1]) + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        now[j] = ag_minimum(now[j], before[j - 2] + 1);
      }
    }
  }
  return rows[m % 3][n];
}

const char *ag_text_nearest(const char *word, const char *const *candidates, size_t count)
{
  const char *nearest = NULL;
  size_t least = strlen(word) / 3 + 2;
  for (size_t i = 0; i < count; ++i) {
    const size_t distance = edit_distance(word, candidates[i]);
    if (distance < least) {
      least = distance;
      nearest = candidates[i];
    }
  }
  return nearest;
}
