/* What the code under test says in its log, kept to be looked at. */
#ifndef ADVGRID_TEST_LOG_H
#define ADVGRID_TEST_LOG_H

#include "support/fixture.h"

#include <unistd.h>

/* Where stderr goes while its lines are kept. */
typedef struct test_log {
  FILE *kept;
  int before;
} test_log;

static inline test_log log_start(void)
{
  test_log log = {.kept = tmpfile(), .before = dup(STDERR_FILENO)};
  assert_non_null(log.kept);
  fflush(stderr);
  assert_true(log.before >= 0 && dup2(fileno(log.kept), STDERR_FILENO) >= 0);
  return log;
}

/** Ends it; what was said is cut off at `size` bytes. */
static inline void log_end(test_log *log, char *text, size_t size)
{
  fflush(stderr);
  assert_true(dup2(log->before, STDERR_FILENO) >= 0);
  close(log->before);
  rewind(log->kept);
  text[fread(text, 1, size - 1, log->kept)] = '\0';
  fclose(log->kept);
}

#endif
