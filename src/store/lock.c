/* DIR/lock: text that names the run that writes to a result folder, and the kernel's lock on that
 * file. Either alone may fail: text outlives a crash, and the kernel's locks may be missing or
 * known to one host only. Who is in doubt stays out. */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 512, TRIES = 10, PAUSE_MILLISECONDS = 20 };

struct ag_lock {
  char path[AG_PATH_SIZE];
  ag_lock_rules rules;
  int file;
  bool taken;
  char line[LINE_SIZE]; /* what the file says as long as it is ours */
  double touched;
};

/* What a lock's line says. */
typedef struct holder {
  char host[AG_LOCK_HOST_SIZE];
  int pid;
  char started[AG_TIMESTAMP_SIZE];
  unsigned long long ticks; /* 0: not known */
  bool shared;
} holder;

static const char shared_word[] = "shared";
static const char alone_word[] = "alone";

static void pause_for(double seconds)
{
  struct timespec left = {.tv_sec = (time_t)seconds};
  left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

/* ---- processes of this host -------------------------------------------------------- */

/* A whole number and nothing else. */
static bool read_number(const char *text, unsigned long long *value)
{
  const size_t digits = strspn(text, "0123456789");
  if (digits == 0 || text[digits] != '\0') return false;
  errno = 0;
  *value = strtoull(text, NULL, 10);
  return errno == 0;
}

/* From /proc/PID/stat: the state's letter, 0 where there is no such file, and the start. */
static char process_look(int pid, unsigned long long *ticks)
{
  char path[64];
  char text[1024] = "";
  char state = 0;
  char start[24] = "";
  *ticks = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "re");
  if (file == NULL) return 0;
  const size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[size] = '\0';
  /* The second field is the program's name in brackets, whatever that is; the start is the 22nd. */
  const char *rest = strrchr(text, ')');
  if (rest == NULL) return 0;
  sscanf(rest,
         ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %23s",
         &state, start);
  if (!read_number(start, ticks)) *ticks = 0;
  return state;
}

typedef enum life { LIFE_GONE, LIFE_GOES_ON, LIFE_UNKNOWN } life;

static life process_life(const holder *who)
{
  unsigned long long ticks = 0;
  const char state = process_look(who->pid, &ticks);
  if (state == 0) {
    const bool gone = kill(who->pid, 0) != 0 && errno == ESRCH;
    return gone ? LIFE_GONE : LIFE_UNKNOWN;
  }
  if (state == 'Z' || state == 'X') return LIFE_GONE; /* killed, and not yet waited for */
  if (who->ticks == 0 || ticks == 0) return LIFE_UNKNOWN;
  return ticks == who->ticks ? LIFE_GOES_ON : LIFE_GONE;
}

/* ---- the line ---------------------------------------------------------------------------- */

static void write_line(ag_lock *lock)
{
  unsigned long long ticks = 0;
  char started[AG_TIMESTAMP_SIZE];
  process_look((int)getpid(), &ticks);
  ag_clock_timestamp(started);
  snprintf(lock->line, sizeof lock->line, "%s %d %s %llu %s\n", lock->rules.host, (int)getpid(),
           started, ticks, lock->rules.shared ? shared_word : alone_word);
}

/* False where the text is no whole line of a lock. */
static bool read_line(const char *text, holder *who)
{
  char pid[24];
  char ticks[24];
  char reach[8];
  int end = 0;
  unsigned long long number = 0;
  if (sscanf(text, "%255s %23s %23s %23s %7s%n", who->host, pid, who->started, ticks, reach,
             &end) != 5 ||
      strcmp(text + end, "\n") != 0 || !read_number(pid, &number) || number == 0 ||
      number > INT_MAX || !read_number(ticks, &who->ticks)) {
    return false;
  }
  who->pid = (int)number;
  who->shared = strcmp(reach, shared_word) == 0;
  return who->shared || strcmp(reach, alone_word) == 0;
}

/* Reads what the path says now, which over NFS another open shows best. False: it cannot be read,
 * and errno says why. Zeros within the text count as damage. */
static bool read_text(const char *path, char text[LINE_SIZE], size_t *size)
{
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t got = read(file, text, LINE_SIZE - 1);
  const int reason = errno;
  close(file);
  errno = reason;
  if (got < 0) return false;
  *size = (size_t)got;
  text[got] = '\0';
  return true;
}

static bool is_ours(const ag_lock *lock, bool *readable)
{
  char text[LINE_SIZE];
  size_t size = 0;
  *readable = read_text(lock->path, text, &size);
  return *readable && strcmp(text, lock->line) == 0;
}

/* ---- refusing ---------------------------------------------------------------------------- */

/* Why a lock is not to be had; age < 0: its holder lives, for all that can be known. */
static ag_status refuse(const ag_lock *lock, const char *text, double age)
{
  holder who;
  char name[LINE_SIZE + 64] = "its lock does not say which";
  if (read_line(text, &who)) {
    snprintf(name, sizeof name, "process %d on %s, since %s", who.pid, who.host, who.started);
  }
  if (age < 0) {
    return ag_fail(AG_IO_ERROR, "%s: another advgrid is running on this folder: %s", lock->path,
                   name);
  }
  return ag_fail(AG_IO_ERROR,
                 "%s: another advgrid may be running on this folder: %s. Its last sign of life is "
                 "%.0f s old; after %.0f s without one it is taken for dead. If you know that it "
                 "is, remove that file",
                 lock->path, name, age, lock->rules.stale_seconds);
}

/* Seconds since the file was touched, by the clock of the file system that keeps it: hosts' clocks
 * differ. */
static ag_status file_age(const ag_lock *lock, double *age)
{
  char path[AG_PATH_SIZE];
  struct stat then;
  struct stat now;
  const ag_status status = ag_path_join(path, sizeof path, "%s.%d", lock->path, (int)getpid());
  if (status != AG_OK) return status;
  const int probe = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  const bool known = probe >= 0 && futimens(probe, NULL) == 0 && fstat(probe, &now) == 0 &&
                     fstat(lock->file, &then) == 0;
  const int reason = errno;
  if (probe >= 0) {
    close(probe);
    unlink(path);
  }
  if (!known) return ag_fail(AG_IO_ERROR, "cannot write %s: %s", path, strerror(reason));
  *age = (double)(now.st_mtim.tv_sec - then.st_mtim.tv_sec) +
         1e-9 * (double)(now.st_mtim.tv_nsec - then.st_mtim.tv_nsec);
  if (*age < 0) *age = 0;
  return AG_OK;
}

/* Fails where the lock's text is that of a holder who lives or may; *stale: one who does not. The
 * kernel gave us its lock, where rules.kernel is still set. */
static ag_status judge(const ag_lock *lock, const char *text, size_t size, bool *stale)
{
  holder who;
  double age = 0;
  const bool whole = read_line(text, &who);
  *stale = size > 0; /* an empty one was released */
  if (size == 0) return AG_OK;
  /* With a lock that every host sees no one else can have it now. */
  if (lock->rules.kernel && lock->rules.shared && (!whole || who.shared)) return AG_OK;
  if (whole && strcmp(who.host, lock->rules.host) == 0) {
    const life now = process_life(&who);
    if (now == LIFE_GONE) return AG_OK;
    if (now == LIFE_GOES_ON) return refuse(lock, text, -1);
  }
  const ag_status status = file_age(lock, &age);
  if (status != AG_OK) return status;
  return age >= lock->rules.stale_seconds ? AG_OK : refuse(lock, text, age);
}

/* ---- taking ------------------------------------------------------------------------------ */

/* The kernel's lock; *busy: another has it. Where there are no such locks, rules.kernel ends. Who
 * only looks at the lock has it for a moment: hence some patience. */
static void lock_by_kernel(ag_lock *lock, bool *busy)
{
  *busy = false;
  if (!lock->rules.kernel) return;
  for (int i = 0; i < TRIES; ++i) {
    if (flock(lock->file, LOCK_EX | LOCK_NB) == 0) return;
    *busy = errno == EWOULDBLOCK;
    if (!*busy && errno != EINTR) break;
    pause_for(1e-3 * PAUSE_MILLISECONDS);
  }
  lock->rules.kernel = *busy;
}

/* Opens the file that the path names once it is locked: the one before may have been removed by a
 * holder who left. */
static ag_status open_file(ag_lock *lock, bool *busy)
{
  for (int i = 0; i < TRIES; ++i) {
    struct stat own;
    struct stat named;
    lock->file = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock->file < 0) {
      return ag_fail(AG_IO_ERROR, "cannot open %s: %s", lock->path, strerror(errno));
    }
    lock_by_kernel(lock, busy);
    if (fstat(lock->file, &own) == 0 && stat(lock->path, &named) == 0 &&
        own.st_ino == named.st_ino && own.st_dev == named.st_dev) {
      return AG_OK;
    }
    close(lock->file);
    lock->file = -1;
  }
  return ag_fail(AG_IO_ERROR, "cannot open %s: others take and leave it all the time", lock->path);
}

/* sync: other hosts are to see it soon, and judge by it; where the kernel's lock reaches them it is
 * only for people. */
static bool write_at_start(int file, const char *bytes, size_t size, bool sync)
{
  for (size_t done = 0; done < size;) {
    const ssize_t put = pwrite(file, bytes + done, size - done, (off_t)done);
    if (put < 0 && errno != EINTR) return false;
    if (put > 0) done += (size_t)put;
  }
  return ftruncate(file, (off_t)size) == 0 && (!sync || fsync(file) == 0);
}

static ag_status put_line(ag_lock *lock)
{
  if (write_at_start(lock->file, lock->line, strlen(lock->line), !lock->rules.shared)) return AG_OK;
  const ag_status status = ag_fail(AG_IO_ERROR, "cannot write %s: %s", lock->path, strerror(errno));
  if (ftruncate(lock->file, 0) != 0) unlink(lock->path); /* no half line is left behind */
  return status;
}

/* Writes who we are. Where no kernel says who was first, the last to write has the lock. */
static ag_status claim(ag_lock *lock)
{
  char text[LINE_SIZE] = "";
  size_t size = 0;
  if (!lock->rules.kernel) lock->rules.shared = false;
  write_line(lock);
  const ag_status status = put_line(lock);
  if (status != AG_OK || lock->rules.shared) return status;
  pause_for(lock->rules.settle_seconds);
  if (read_text(lock->path, text, &size) && strcmp(text, lock->line) == 0) return AG_OK;
  return refuse(lock, text, -1);
}

static void tell_stale(const ag_lock *lock, const char *text)
{
  holder who;
  if (read_line(text, &who)) {
    ag_log("%s: left behind by process %d on %s, started %s, which is gone: taken over", lock->path,
           who.pid, who.host, who.started);
  } else {
    ag_log("%s: damaged, and nobody holds it: taken over", lock->path);
  }
}

ag_status ag_lock_take(const char *folder, const ag_lock_rules *rules, ag_lock **out)
{
  ag_status status = AG_OK;
  ag_lock *lock = NULL;
  char text[LINE_SIZE] = "";
  size_t size = 0;
  bool busy = false;
  bool stale = false;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *lock, &lock));
  lock->file = -1;
  lock->rules = *rules;
  AG_TRY(ag_path_join(lock->path, sizeof lock->path, "%s/lock", folder));
  AG_TRY(open_file(lock, &busy));
  const bool readable = read_text(lock->path, text, &size);
  if (busy) {
    status = refuse(lock, text, -1);
    goto cleanup;
  }
  if (!readable) {
    status = ag_fail(AG_IO_ERROR, "cannot read %s: %s", lock->path, strerror(errno));
    goto cleanup;
  }
  AG_TRY(judge(lock, text, size, &stale));
  if (stale) tell_stale(lock, text);
  AG_TRY(claim(lock));
  lock->taken = true;
  lock->touched = ag_clock_seconds();
  *out = lock;
cleanup:
  if (status != AG_OK) ag_lock_release(&lock);
  return status;
}

ag_status ag_lock_keep(ag_lock *lock)
{
  const double now = ag_clock_seconds();
  bool readable = false;
  if (now - lock->touched < lock->rules.touch_seconds) return AG_OK;
  lock->touched = now;
  if (!is_ours(lock, &readable) && (readable || errno == ENOENT)) {
    return ag_fail(AG_IO_ERROR, "%s was %s: this run stops, so that no two write to one folder",
                   lock->path, readable ? "taken over by another advgrid" : "removed");
  }
  /* A file that cannot be touched or read at this moment is no reason to stop. */
  (void)futimens(lock->file, NULL);
  return AG_OK;
}

void ag_lock_release(ag_lock **out)
{
  ag_lock *lock = *out;
  bool readable = false;
  if (lock == NULL) return;
  if (lock->taken && is_ours(lock, &readable) && unlink(lock->path) != 0) {
    (void)!ftruncate(lock->file, 0); /* in a folder that has become read-only */
  }
  if (lock->file >= 0) close(lock->file);
  ag_release(out);
}
