/* Signals that ask the program to stop: they leave a mark, and work looks at it. A signal reaches a
 * whole process, so this is the one place where the program keeps something global. */
#include "advgrid/base.h"

#include <signal.h>
#include <stdatomic.h>

static atomic_bool requested;

static void note(int signal)
{
  (void)signal;
  atomic_store(&requested, true); /* lock-free, as a handler needs it */
}

_Static_assert(ATOMIC_BOOL_LOCK_FREE == 2, "a signal handler sets it");

void ag_interrupt_listen(void)
{
  static const int signals[] = {SIGTERM, SIGINT, SIGUSR1};
  struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; ++i)
    sigaction(signals[i], &action, NULL); /* fails for no signal that exists */
}

void ag_interrupt_request(void)
{
  atomic_store(&requested, true);
}

bool ag_interrupted(void)
{
  return atomic_load_explicit(&requested, memory_order_relaxed);
}

ag_status ag_interrupt_check(void)
{
  return ag_interrupted() ? ag_fail(AG_INTERRUPTED, "interrupted") : AG_OK;
}
