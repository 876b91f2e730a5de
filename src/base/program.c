/* Other programs, such as Slurm's commands: started without a shell, bounded in time, and what they
 * write bounded in size and made safe to show. */
#include "advgrid/base.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT, ERRORS, STREAMS, CHUNK = 4096, CHUNKS = 64, PAUSE_MILLISECONDS = 20 };

/* They wait until the program is ended. */
static const int asking[] = {SIGINT, SIGTERM, SIGHUP};

/* A program that goes on. */
typedef struct running {
  const char *name, *folder;
  pid_t process; /* and its group */
  int state;     /* as waitpid gives it */
  int pipes[STREAMS][2];
  sigset_t mask; /* the caller's */
} running;

static void close_end(int *end)
{
  if (*end >= 0) close(*end);
  *end = -1;
}

/* ---- start ---- */

static ag_status open_pipes(running *run)
{
  for (size_t i = 0; i < STREAMS; ++i) {
    if (pipe2(run->pipes[i], O_CLOEXEC) != 0 || fcntl(run->pipes[i][0], F_SETFL, O_NONBLOCK) != 0) {
      return ag_fail(AG_IO_ERROR, "cannot start %s: %s", run->name, strerror(errno));
    }
  }
  return AG_OK;
}

/* In a group of its own, so that what it starts ends with it. posix_spawn's lists are memory. */
static int spawn(running *run, const char *const *arguments)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int reason = posix_spawn_file_actions_init(&actions);
  if (reason != 0) return reason;
  reason = posix_spawnattr_init(&attributes);
  if (reason != 0) goto cleanup;
  reason = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (reason == 0) {
    reason = posix_spawn_file_actions_adddup2(&actions, run->pipes[OUTPUT][1], STDOUT_FILENO);
  }
  if (reason == 0) {
    reason = posix_spawn_file_actions_adddup2(&actions, run->pipes[ERRORS][1], STDERR_FILENO);
  }
  if (reason == 0 && run->folder != NULL)
    reason = posix_spawn_file_actions_addchdir_np(&actions, run->folder);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setsigmask(&attributes, &run->mask);
  if (reason == 0) {
    char **vector = NULL; /* which posix_spawn declares writable and does not write */
    memcpy(&vector, &arguments, sizeof vector);
    reason = posix_spawnp(&run->process, run->name, &actions, &attributes, vector, environ);
  }
  posix_spawnattr_destroy(&attributes);
cleanup:
  posix_spawn_file_actions_destroy(&actions);
  return reason;
}

static ag_status start(running *run, const char *const *arguments)
{
  const ag_status status = open_pipes(run);
  if (status != AG_OK) return status;
  const int reason = spawn(run, arguments);
  close_end(&run->pipes[OUTPUT][1]);
  close_end(&run->pipes[ERRORS][1]);
  if (reason == 0) return AG_OK;
  if (reason == ENOENT && strchr(run->name, '/') == NULL &&
      (run->folder == NULL || ag_file_exists(run->folder))) {
    return ag_fail(AG_IO_ERROR, "%s is not in PATH", run->name);
  }
  return ag_fail(AG_IO_ERROR, "cannot start %s: %s", run->name, strerror(reason));
}

/* ---- what it writes ---- */

/* Terminals obey control characters, and take some bytes beyond ASCII for such. */
static void make_plain(char *bytes, size_t size)
{
  for (size_t i = 0; i < size; ++i) {
    const bool printable = bytes[i] >= ' ' && bytes[i] <= '~';
    if (!printable && bytes[i] != '\n' && bytes[i] != '\t') bytes[i] = '?';
  }
}

/* Takes what there is, as much as a pipe holds; what is over the limit is read and dropped, so that
 * the program does not wait for its reader. */
static ag_status drain(int *pipe, ag_text *text)
{
  char bytes[CHUNK];
  for (size_t i = 0; *pipe >= 0 && i < CHUNKS; ++i) {
    const ssize_t got = read(*pipe, bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return AG_OK;
    if (got <= 0) {
      close_end(pipe);
      return AG_OK;
    }
    const size_t kept = ag_minimum((size_t)got, AG_PROGRAM_OUTPUT_MAXIMUM - text->length);
    make_plain(bytes, kept);
    const ag_status status = ag_text_append(text, "%.*s", (int)kept, bytes);
    if (status != AG_OK) return status;
  }
  return AG_OK;
}

/* ---- end ---- */

/* SIGKILL to its group; one that the kernel holds on to does not die, and is not waited for. */
static void stop(running *run)
{
  kill(-run->process, SIGKILL);
  for (size_t i = 0; i < CHUNKS && waitpid(run->process, NULL, WNOHANG) == 0; ++i)
    poll(NULL, 0, PAUSE_MILLISECONDS);
}

/* Whether the user asks this program to end: what it has started is ended first. */
static bool is_asked_to_end(void)
{
  sigset_t pending;
  sigpending(&pending);
  for (size_t i = 0; i < sizeof asking / sizeof *asking; ++i) {
    if (sigismember(&pending, asking[i]) == 1) return true;
  }
  return false;
}

static ag_status follow(running *run, double seconds, ag_program *program)
{
  const double end = ag_clock_seconds() + seconds;
  for (;;) {
    const pid_t ended = waitpid(run->process, &run->state, WNOHANG);
    if (ended < 0)
      return ag_fail(AG_IO_ERROR, "cannot wait for %s: %s", run->name, strerror(errno));
    ag_status status = drain(&run->pipes[OUTPUT][0], &program->output);
    if (status == AG_OK) status = drain(&run->pipes[ERRORS][0], &program->errors);
    if (ended > 0) return status;
    if (status == AG_OK && is_asked_to_end()) status = ag_fail(AG_INTERRUPTED, "interrupted");
    if (status == AG_OK && ag_clock_seconds() > end) {
      status = ag_fail(AG_IO_ERROR, "%s gave no answer within %g s", run->name, seconds);
    }
    if (status != AG_OK) {
      stop(run);
      return status;
    }
    struct pollfd readable[STREAMS] = {{.fd = run->pipes[OUTPUT][0], .events = POLLIN},
                                       {.fd = run->pipes[ERRORS][0], .events = POLLIN}};
    poll(readable, STREAMS, PAUSE_MILLISECONDS); /* without a pipe that is left it waits as well */
  }
}

ag_status ag_program_run(const char *const *arguments, double seconds, ag_program *program)
{
  return ag_program_run_in(NULL, arguments, seconds, program);
}

ag_status ag_program_run_in(const char *folder, const char *const *arguments, double seconds,
                            ag_program *program)
{
  running run = {
      .name = arguments[0], .folder = folder, .process = -1, .pipes = {{-1, -1}, {-1, -1}}};
  ag_status status = AG_OK;
  *program = (ag_program){0};
  sigset_t waiting;
  sigemptyset(&waiting);
  for (size_t i = 0; i < sizeof asking / sizeof *asking; ++i)
    sigaddset(&waiting, asking[i]);
  pthread_sigmask(SIG_BLOCK, &waiting, &run.mask);
  AG_TRY(ag_text_append(&program->output, "%s", ""));
  AG_TRY(ag_text_append(&program->errors, "%s", ""));
  AG_TRY(start(&run, arguments));
  AG_TRY(follow(&run, seconds, program));
  program->code = WIFSIGNALED(run.state) ? 128 + WTERMSIG(run.state) : WEXITSTATUS(run.state);
cleanup:
  for (size_t i = 0; i < STREAMS; ++i) {
    close_end(&run.pipes[i][0]);
    close_end(&run.pipes[i][1]);
  }
  pthread_sigmask(SIG_SETMASK, &run.mask, NULL); /* a signal that waited comes now */
  if (status != AG_OK) ag_program_clear(program);
  return status;
}

void ag_program_clear(ag_program *program)
{
  ag_text_clear(&program->output);
  ag_text_clear(&program->errors);
}
