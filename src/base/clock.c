/* Time and the log's lines. */
#include "advgrid/base.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

double ag_clock_seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void ag_clock_timestamp(char out[AG_TIMESTAMP_SIZE])
{
  const time_t now = time(NULL);
  struct tm parts;
  gmtime_r(&now, &parts);
  strftime(out, AG_TIMESTAMP_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

void ag_log(const char *format, ...)
{
  char line[2304];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  /* A run's bars, which stand where the cursor is, make room. */
  fprintf(stderr, "%sadvgrid: %s\n", isatty(STDERR_FILENO) == 1 ? "\r\033[J" : "", line);
}
