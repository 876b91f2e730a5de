/* store/lock.h: DIR/lock, by which one run at a time writes to a result folder. Its line says who
 * holds it, "HOST PID STARTED TICKS REACH": TICKS is when the process started, as its kernel counts
 * (a pid comes again), REACH whether the kernel's lock on the file is seen from every host. */
#ifndef ADVGRID_STORE_LOCK_H
#define ADVGRID_STORE_LOCK_H

#include "advgrid/base.h"

#include <stdio.h>
#include <sys/types.h>

enum { AG_LOCK_HOST_SIZE = 256 };

/* What a process that takes a lock goes by. */
typedef struct ag_lock_rules {
  char host[AG_LOCK_HOST_SIZE];
  bool kernel;           /* ask the kernel for a lock on the file as well */
  bool shared;           /* which then holds on every host that sees the folder */
  double stale_seconds;  /* without a sign of life from another host: dead */
  double touch_seconds;  /* between two signs of life */
  double settle_seconds; /* to wait for another who took it at the same moment, where not shared */
} ag_lock_rules;

/** The rules for a folder: this host, and what its file system's locks are worth. */
void ag_lock_rules_of(const char *folder, ag_lock_rules *rules);
/** Whether locks on the file system of a device reach every host, by `mounts`, in the form of
 *  /proc/self/mountinfo. False where it is not known. */
bool ag_lock_reach(FILE *mounts, dev_t device);

typedef struct ag_lock ag_lock;

/** Takes folder/lock. One whose holder is gone is taken over, with a line in the log. Fails with
 *  AG_IO_ERROR, naming host, pid and start, where another run holds it, or may. */
ag_status ag_lock_take(const char *folder, const ag_lock_rules *rules, ag_lock **lock);
/** Shows that the holder lives; cheap, since it does something every touch_seconds only. Fails with
 *  AG_IO_ERROR where the lock was taken over or removed. */
ag_status ag_lock_keep(ag_lock *lock);
/** Frees it; accepts NULL. */
void ag_lock_release(ag_lock **lock);

#endif
