/* Status codes and the calling thread's message.
 * A message is written where the failure is found and completed on the way up by
 * whoever knows the file or the unit; main prints it once. */
#include "advgrid/base.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_SIZE = 2048 };
static _Thread_local char message[MESSAGE_SIZE];

ag_status ag_fail(ag_status status, const char *format, ...)
{
  /* Written aside first: an argument may be the message before. */
  char next[MESSAGE_SIZE];
  assert(status != AG_OK);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(next, sizeof next, format, arguments);
  va_end(arguments);
  memcpy(message, next, sizeof message);
  return status;
}

ag_status ag_fail_within(ag_status status, const char *format, ...)
{
  char inner[MESSAGE_SIZE];
  memcpy(inner, message, sizeof inner);
  va_list arguments;
  va_start(arguments, format);
  int used = vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  if (used >= 0 && (size_t)used < sizeof message) {
    snprintf(message + used, sizeof message - (size_t)used, ": %.1900s", inner);
  }
  return status;
}

const char *ag_message(void)
{
  return message;
}

const char *ag_status_text(ag_status status)
{
#define TEXT(name, text, code) text,
  static const char *const texts[] = {AG_STATUS_TABLE(TEXT)};
#undef TEXT
  return status < AG_STATUS_COUNT ? texts[status] : "unknown status";
}

int ag_status_exit_code(ag_status status)
{
#define CODE(name, text, code) code,
  static const int codes[] = {AG_STATUS_TABLE(CODE)};
#undef CODE
  return status < AG_STATUS_COUNT ? codes[status] : 1;
}
