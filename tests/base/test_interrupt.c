/* Signals that ask the program to stop, each in a process of its own: the mark they leave stays. */
#include "support/fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a child answers that listens and gets the signal; 0: only asks for the same. */
static int answer_of(int signal)
{
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    ag_interrupt_listen();
    if (ag_interrupted()) _exit(2);
    if (signal == 0) ag_interrupt_request();
    if (signal != 0 && raise(signal) != 0) _exit(3);
    _exit(ag_interrupted() ? 0 : 1);
  }
  int state = 0;
  assert_int_equal(waitpid(child, &state, 0), child);
  return WIFEXITED(state) ? WEXITSTATUS(state) : 128;
}

static void signals_leave_a_mark(void **state)
{
  (void)state;
  assert_int_equal(answer_of(SIGTERM), 0);
  assert_int_equal(answer_of(SIGINT), 0);
  assert_int_equal(answer_of(SIGUSR1), 0);
  assert_int_equal(answer_of(SIGCHLD), 1); /* any other means nothing */
}

static void a_request_is_the_same(void **state)
{
  (void)state;
  assert_int_equal(answer_of(0), 0);
  assert_false(ag_interrupted()); /* it was another process */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(signals_leave_a_mark),
      cmocka_unit_test(a_request_is_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
