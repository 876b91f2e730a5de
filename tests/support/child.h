/* Work in a forked child, which may be spoiled (limits, another user) or held open. */
#ifndef ADVGRID_TEST_CHILD_H
#define ADVGRID_TEST_CHILD_H

#include "support/fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/** Runs work in a child; returns what it returned (0 .. 255). */
static inline int child_run(int (*work)(void *context), void *context)
{
  int result = 0;
  fflush(NULL);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) _exit(work(context));
  assert_int_equal(waitpid(child, &result, 0), child);
  assert_true(WIFEXITED(result));
  return WEXITSTATUS(result);
}

/** Files of this process cannot grow beyond so many bytes: what a full disk looks like. */
static inline bool child_limit_files(size_t bytes)
{
  const struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
  signal(SIGXFSZ, SIG_IGN);
  return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

/** Becomes a user whom permissions bind; root is bound by none. */
static inline bool child_drop_privileges(void)
{
  return geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0);
}

/* A child that says when it is ready, and stays until it is told to go. */
typedef struct test_holder {
  pid_t pid;
  int go;
} test_holder;

/** Starts one and waits until `prepare` has returned (0: all well). It ends by _exit, so that what
 *  it holds is not given back in good order. */
static inline test_holder child_hold(int (*prepare)(void *context), void *context)
{
  int ready[2] = {-1, -1};
  int go[2] = {-1, -1};
  char byte = 0;
  assert_true(pipe(ready) == 0 && pipe(go) == 0);
  fflush(NULL);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    close(ready[0]);
    close(go[1]);
    byte = (char)prepare(context);
    if (write(ready[1], &byte, 1) == 1) (void)!read(go[0], &byte, 1);
    _exit(0);
  }
  close(ready[1]);
  close(go[0]);
  assert_int_equal(read(ready[0], &byte, 1), 1);
  assert_int_equal(byte, 0);
  close(ready[0]);
  return (test_holder){child, go[1]};
}

/** Tells it to go and waits for its end. */
static inline void child_end(test_holder *holder)
{
  close(holder->go);
  assert_int_equal(waitpid(holder->pid, NULL, 0), holder->pid);
}

#endif
