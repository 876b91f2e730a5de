/* One writer: a folder that is held is refused by name, one that is left or whose holder is gone is
 * taken, with the kernel's locks and without, and what cannot be known is decided by age. */
#include "support/child.h"
#include "support/folder.h"
#include "support/log.h"

#include "store/lock.h"

#include <fcntl.h>
#include <time.h>

enum { TEXT_SIZE = 1024 };

typedef struct fixture {
  char *folder;
  char path[AG_PATH_SIZE];
  ag_lock_rules rules; /* as on a local disk */
} fixture;

static fixture start(void)
{
  fixture all = {.folder = folder_create(),
                 .rules = {.host = "here",
                           .kernel = true,
                           .shared = true,
                           .stale_seconds = 100,
                           .settle_seconds = 0}};
  assert_int_equal(ag_path_join(all.path, sizeof all.path, "%s/lock", all.folder), AG_OK);
  return all;
}

static void finish(fixture *all)
{
  folder_remove(all->folder);
  assert_int_equal(ag_live_blocks(), 0);
}

static void put(const fixture *all, const char *text, size_t size, double age)
{
  struct timespec times[2];
  assert_int_equal(ag_file_write(all->path, text, size), AG_OK);
  clock_gettime(CLOCK_REALTIME, &times[0]);
  times[0].tv_sec -= (time_t)age;
  times[1] = times[0];
  assert_int_equal(utimensat(AT_FDCWD, all->path, times, 0), 0);
}

static void put_text(const fixture *all, const char *text, double age)
{
  put(all, text, strlen(text), age);
}

/* The lock is refused, and the message has these words. */
static void refused(const fixture *all, const char *word, const char *other)
{
  ag_lock *lock = NULL;
  assert_int_equal(ag_lock_take(all->folder, &all->rules, &lock), AG_IO_ERROR);
  assert_null(lock);
  assert_non_null(strstr(ag_message(), all->path));
  assert_non_null(strstr(ag_message(), "another advgrid"));
  if (strstr(ag_message(), word) == NULL || strstr(ag_message(), other) == NULL) {
    fail_msg("'%s' or '%s' is not in: %s", word, other, ag_message());
  }
}

/* The lock is taken and given back; the log has these words, and none where there are none. */
static void taken(const fixture *all, const char *words)
{
  ag_lock *lock = NULL;
  char said[TEXT_SIZE];
  test_log log = log_start();
  const ag_status status = ag_lock_take(all->folder, &all->rules, &lock);
  log_end(&log, said, sizeof said);
  if (status != AG_OK) fail_msg("%s", ag_message());
  if (strstr(said, words) == NULL || (words[0] == '\0' && said[0] != '\0')) fail_msg("%s", said);
  ag_lock_release(&lock);
  assert_null(lock);
  assert_false(ag_file_exists(all->path));
}

static int hold(void *context)
{
  const fixture *all = context;
  ag_lock *lock = NULL;
  return ag_lock_take(all->folder, &all->rules, &lock) == AG_OK ? 0 : 1;
}

/* With and without locks of the kernel: a living child holds it, a dead one does not. */
static void held_until_the_end(void **state)
{
  (void)state;
  for (int kernel = 0; kernel < 2; ++kernel) {
    fixture all = start();
    char pid[32];
    all.rules.kernel = kernel == 1;
    test_holder child = child_hold(hold, &all);
    snprintf(pid, sizeof pid, "process %d on here, since 2", (int)child.pid);
    refused(&all, pid, "is running");
    refused(&all, pid, "is running");
    child_end(&child);
    snprintf(pid, sizeof pid, "process %d on here", (int)child.pid);
    taken(&all, pid);
    taken(&all, "");
    finish(&all);
  }
}

/* Killed and not waited for yet, it is still in the table of processes. */
static void a_zombie_holds_nothing(void **state)
{
  (void)state;
  fixture all = start();
  all.rules.kernel = false;
  test_holder child = child_hold(hold, &all);
  siginfo_t information;
  assert_int_equal(kill(child.pid, SIGKILL), 0);
  assert_int_equal(waitid(P_PID, (id_t)child.pid, &information, WEXITED | WNOWAIT), 0);
  taken(&all, "which is gone: taken over");
  child_end(&child);
  finish(&all);
}

static void twice_in_one_process(void **state)
{
  (void)state;
  for (int kernel = 0; kernel < 2; ++kernel) {
    fixture all = start();
    ag_lock *lock = NULL;
    char *text = NULL;
    size_t size = 0;
    all.rules.kernel = kernel == 1;
    assert_int_equal(ag_lock_take(all.folder, &all.rules, &lock), AG_OK);
    refused(&all, "on here", "is running");
    assert_int_equal(ag_file_read(all.path, &text, &size), AG_OK);
    assert_non_null(strstr(text, all.rules.kernel ? " shared\n" : " alone\n"));
    ag_release(&text);
    ag_lock_release(&lock);
    ag_lock_release(&lock);
    taken(&all, "");
    finish(&all);
  }
}

/* A pid that came again: its process started at another time than the lock says. */
static void another_process_of_that_number(void **state)
{
  (void)state;
  fixture all = start();
  char text[TEXT_SIZE];
  all.rules.kernel = false;
  snprintf(text, sizeof text, "here %d 2026-01-31T12:00:00Z 1 alone\n", (int)getpid());
  put_text(&all, text, 0);
  taken(&all, "started 2026-01-31T12:00:00Z");
  /* Where the start is not known, only age tells. */
  snprintf(text, sizeof text, "here %d 2026-01-31T12:00:00Z 0 alone\n", (int)getpid());
  put_text(&all, text, 50);
  refused(&all, "on here, since 2026-01-31T12:00:00Z", "100 s");
  put_text(&all, text, 101);
  taken(&all, "taken over");
  finish(&all);
}

/* Another host's, where its kernel and ours need not know of each other. */
static void another_host_by_age(void **state)
{
  (void)state;
  static const struct {
    bool kernel, shared;
    const char *reach;
  } cases[] = {{false, false, "alone"},
               {true, false, "alone"},
               {true, false, "shared"},
               {true, true, "alone"},
               {false, true, "shared"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    fixture all = start();
    char text[TEXT_SIZE];
    all.rules.kernel = cases[i].kernel;
    all.rules.shared = cases[i].shared;
    snprintf(text, sizeof text, "node7 4711 2026-01-31T12:00:00Z 99 %s\n", cases[i].reach);
    put_text(&all, text, 40);
    refused(&all, "process 4711 on node7, since 2026-01-31T12:00:00Z", "4");
    assert_non_null(strstr(ag_message(), "after 100 s"));
    assert_true(strstr(ag_message(), " 40 s old") || strstr(ag_message(), " 41 s old"));
    put_text(&all, text, -50); /* from the future */
    refused(&all, "node7", " 0 s old");
    put_text(&all, text, 101);
    taken(&all, "process 4711 on node7");
    finish(&all);
  }
}

/* With a kernel's lock that all hosts see, nobody can have it but us: no waiting. */
static void another_host_by_shared_lock(void **state)
{
  (void)state;
  fixture all = start();
  put_text(&all, "node7 4711 2026-01-31T12:00:00Z 99 shared\n", 0);
  taken(&all, "process 4711 on node7, started 2026-01-31T12:00:00Z, which is gone: taken over");
  finish(&all);
}

static void damaged(void **state)
{
  (void)state;
  static const char whole[] = "node7 4711 2026-01-31T12:00:00Z 99 alone\n";
  fixture all = start();
  char zeros[64] = {0};
  char longer[2000];
  memset(longer, 'x', sizeof longer);
  for (size_t cut = 1; cut < sizeof whole - 1; ++cut) {
    all.rules.shared = true;
    put(&all, whole, cut, 0);
    taken(&all, "damaged, and nobody holds it: taken over");
    all.rules.shared = false;
    put(&all, whole, cut, 0);
    refused(&all, "does not say which", "remove that file");
  }
  put(&all, zeros, sizeof zeros, 101);
  taken(&all, "damaged");
  put(&all, zeros, sizeof zeros, 0);
  refused(&all, "does not say which", "100 s");
  put(&all, longer, sizeof longer, 0);
  refused(&all, "does not say which", "100 s");
  put(&all, "", 0, 0);
  taken(&all, "");
  put_text(&all, "node7 -1 2026-01-31T12:00:00Z 99 alone\n", 0);
  refused(&all, "does not say which", "100 s");
  /* Damaged while it is held. */
  all.rules.shared = true;
  all.rules.kernel = true;
  assert_int_equal(unlink(all.path), 0);
  test_holder child = child_hold(hold, &all);
  const int file = open(all.path, O_WRONLY | O_TRUNC | O_CLOEXEC);
  assert_true(file >= 0 && close(file) == 0);
  refused(&all, "is running", "does not say which");
  child_end(&child);
  finish(&all);
}

/* A run whose lock was taken over, or removed, says so and leaves the other's alone. */
static void lost(void **state)
{
  (void)state;
  static const char other[] = "node7 4711 2026-01-31T12:00:00Z 99 alone\n";
  fixture all = start();
  ag_lock *lock = NULL;
  char *text = NULL;
  size_t size = 0;
  assert_int_equal(ag_lock_take(all.folder, &all.rules, &lock), AG_OK);
  assert_int_equal(ag_lock_keep(lock), AG_OK);
  put_text(&all, other, 0);
  assert_int_equal(ag_lock_keep(lock), AG_IO_ERROR);
  assert_non_null(strstr(ag_message(), "taken over by another advgrid"));
  ag_lock_release(&lock);
  assert_int_equal(ag_file_read(all.path, &text, &size), AG_OK);
  assert_string_equal(text, other);
  ag_release(&text);
  put_text(&all, other, 101);
  assert_int_equal(ag_lock_take(all.folder, &all.rules, &lock), AG_OK);
  assert_int_equal(unlink(all.path), 0);
  assert_int_equal(ag_lock_keep(lock), AG_IO_ERROR);
  assert_non_null(strstr(ag_message(), "removed"));
  ag_lock_release(&lock);
  finish(&all);
}

static double age_of(const fixture *all)
{
  struct stat information;
  assert_int_equal(stat(all->path, &information), 0);
  return (double)(time(NULL) - information.st_mtim.tv_sec);
}

/* Touched when its time has come, and not before. */
static void touched(void **state)
{
  (void)state;
  fixture all = start();
  ag_lock *lock = NULL;
  const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
  assert_int_equal(ag_lock_take(all.folder, &all.rules, &lock), AG_OK);
  assert_int_equal(utimensat(AT_FDCWD, all.path, old, 0), 0);
  assert_int_equal(ag_lock_keep(lock), AG_OK);
  assert_true(age_of(&all) < 60);
  ag_lock_release(&lock);
  all.rules.touch_seconds = 1000;
  assert_int_equal(ag_lock_take(all.folder, &all.rules, &lock), AG_OK);
  assert_int_equal(utimensat(AT_FDCWD, all.path, old, 0), 0);
  assert_int_equal(ag_lock_keep(lock), AG_OK);
  assert_true(age_of(&all) > 1000);
  ag_lock_release(&lock);
  finish(&all);
}

static void cannot_be_written(void **state)
{
  (void)state;
  fixture all = start();
  ag_lock *lock = NULL;
  char nowhere[AG_PATH_SIZE];
  assert_int_equal(ag_path_join(nowhere, sizeof nowhere, "%s/nowhere", all.folder), AG_OK);
  assert_int_equal(ag_lock_take(nowhere, &all.rules, &lock), AG_IO_ERROR);
  assert_null(lock);
  assert_non_null(strstr(ag_message(), nowhere));
  finish(&all);
}

/* In a child: no room for the line; nothing is left that others would stumble over. */
static int take_with_no_room(void *context)
{
  const fixture *all = context;
  ag_lock *lock = NULL;
  if (!child_limit_files(10)) return 2;
  if (ag_lock_take(all->folder, &all->rules, &lock) != AG_IO_ERROR) return 3;
  if (strstr(ag_message(), "cannot write") == NULL) return 4;
  return strstr(ag_message(), all->path) != NULL ? 0 : 5;
}

static void no_room(void **state)
{
  (void)state;
  fixture all = start();
  assert_int_equal(child_run(take_with_no_room, &all), 0);
  taken(&all, "");
  finish(&all);
}

/* In a child: waits for the start, tells whether it has the lock, and keeps it to the end. */
static void contend(const fixture *all, const int start_pipe[2], const int told[2],
                    const int end_pipe[2])
{
  ag_lock *lock = NULL;
  char byte = 0;
  close(start_pipe[1]);
  close(end_pipe[1]);
  (void)!read(start_pipe[0], &byte, 1);
  byte = ag_lock_take(all->folder, &all->rules, &lock) == AG_OK;
  (void)!write(told[1], &byte, 1);
  (void)!read(end_pipe[0], &byte, 1);
  _exit(0);
}

/* Several at once, again and again: one has it, and no other. */
static void one_of_many(void **state)
{
  (void)state;
  enum { AT_ONCE = 6, ROUNDS = 10 };
  fixture all = start();
  for (int round = 0; round < ROUNDS; ++round) {
    int pipes[3][2]; /* start, told, end */
    int winners = 0;
    for (int i = 0; i < 3; ++i)
      assert_int_equal(pipe(pipes[i]), 0);
    fflush(NULL);
    for (int i = 0; i < AT_ONCE; ++i) {
      const pid_t child = fork();
      assert_true(child >= 0);
      if (child == 0) contend(&all, pipes[0], pipes[1], pipes[2]);
    }
    close(pipes[0][1]);
    for (int i = 0; i < AT_ONCE; ++i) {
      char won = 0;
      assert_int_equal(read(pipes[1][0], &won, 1), 1);
      winners += won;
    }
    assert_int_equal(winners, 1);
    close(pipes[2][1]);
    for (int i = 0; i < AT_ONCE; ++i)
      assert_true(wait(NULL) > 0);
    for (int i = 0; i < 6; ++i) {
      if (i != 1 && i != 5) close(pipes[i / 2][i % 2]);
    }
    taken(&all, "which is gone");
  }
  finish(&all);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(held_until_the_end),
      cmocka_unit_test(a_zombie_holds_nothing),
      cmocka_unit_test(twice_in_one_process),
      cmocka_unit_test(another_process_of_that_number),
      cmocka_unit_test(another_host_by_age),
      cmocka_unit_test(another_host_by_shared_lock),
      cmocka_unit_test(damaged),
      cmocka_unit_test(lost),
      cmocka_unit_test(touched),
      cmocka_unit_test(cannot_be_written),
      cmocka_unit_test(no_room),
      cmocka_unit_test(one_of_many),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
