/* advgrid status: how far the job in a result folder is, once or again and again. */
#include "report/status.h"
#include "cli/commands.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char documentation[] =
    "Print how far the job in a result folder is, from its journal and, while it runs, from what"
    " rank 0 writes every two seconds to DIR/progress; without locks, and from any machine that "
    "sees"
    " the folder. Where Slurm ran it last, also what squeue says of that job."
    "\v"
    "What does not fit a screen is cut, unless --all asks for it: of what is no terminal 24 lines,"
    " or $LINES. With --watch the screen is redrawn until the job is done; what is no terminal gets"
    " a line whenever something has changed, and with --json an object.\n"
    "\n"
    "  advgrid status results/quickstart\n"
    "  advgrid status results/quickstart --watch\n"
    "  advgrid status results/quickstart --json | python3 -m json.tool\n";

enum { KEY_JSON = 256 }; /* an option without a letter */

static const struct argp_option options[] = {
    {"all", 'a', NULL, 0, "whole lists, and the sanity gates in full", 0},
    {"watch", 'w', NULL, 0, "again and again, until the job is done", 0},
    {"json", KEY_JSON, NULL, 0, "one JSON object, described in results/README.md", 0},
    {0},
};

typedef struct watcher {
  const char *path;
  bool all, watches, json;
  /* What was read last. */
  ag_folder folder;
  bool is_read;
  struct stat journal, job; /* as they were then */
  ag_live live;
  ag_text slurm;
  double asked_slurm;
  ag_text shown; /* the line that was printed last */
} watcher;

static error_t parse(int key, char *argument, struct argp_state *state)
{
  watcher *self = state->input;
  switch (key) {
  case 'a': self->all = true; return 0;
  case 'w': self->watches = true; return 0;
  case KEY_JSON: self->json = true; return 0;
  case ARGP_KEY_ARG:
    if (state->arg_num > 0) argp_error(state, "one folder is expected, '%s' is more", argument);
    self->path = argument;
    return 0;
  case ARGP_KEY_NO_ARGS: argp_error(state, "a result folder is missing"); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Takes note of a file; true where it is the one that was noted before, unchanged. */
static bool is_same_file(const char *folder, const char *name, struct stat *noted)
{
  char path[AG_PATH_SIZE];
  struct stat now;
  memset(&now, 0, sizeof now);
  if (ag_path_join(path, sizeof path, "%s/%s", folder, name) == AG_OK) (void)stat(path, &now);
  const bool same = now.st_ino == noted->st_ino && now.st_size == noted->st_size &&
                    now.st_mtim.tv_sec == noted->st_mtim.tv_sec &&
                    now.st_mtim.tv_nsec == noted->st_mtim.tv_nsec;
  *noted = now;
  return same;
}

/* Reads the folder where it has changed: what came meanwhile is read the next time. */
static ag_status read_folder(watcher *self)
{
  const bool same_job = is_same_file(self->path, "job.yaml", &self->job);
  const bool same_journal = is_same_file(self->path, "journal", &self->journal);
  if (self->is_read && same_job && same_journal) return AG_OK;
  if (self->is_read) ag_folder_clear(&self->folder);
  const ag_status status = ag_folder_read(self->path, &self->folder);
  self->is_read = status == AG_OK;
  return status;
}

/* A program that answers within seconds is not asked at every turn. */
static ag_status ask_slurm(watcher *self)
{
  static const double period = 30;
  const double now = ag_clock_seconds();
  if (self->asked_slurm > 0 && now - self->asked_slurm < period) return AG_OK;
  self->asked_slurm = now;
  ag_text_clear(&self->slurm);
  return ag_report_slurm(self->folder.ledger, &self->slurm);
}

static ag_status look(watcher *self, ag_status_view *view)
{
  ag_status status = AG_OK;
  bool found = false;
  /* First what goes on, so that it is never newer than the journal's last run. */
  ag_live_clear(&self->live);
  AG_TRY(ag_live_read(self->path, &found, &self->live));
  AG_TRY(read_folder(self));
  AG_TRY(ask_slurm(self));
  AG_TRY(ag_status_view_make(self->folder.ledger, found ? &self->live : NULL, (uint64_t)time(NULL),
                             view));
cleanup:
  return status;
}

/* ---- printing ------------------------------------------------------------------------------- */

static const char *slurm_line(const watcher *self)
{
  return self->slurm.length > 0 ? self->slurm.bytes : "";
}

static ag_status show_once(const watcher *self, const ag_status_view *view)
{
  ag_text text = {0};
  const ag_screen screen = ag_screen_of(STDOUT_FILENO);
  ag_status status = self->json
                         ? ag_status_json(view, self->path, slurm_line(self), &text)
                         : ag_status_screen(view, &screen, self->all, slurm_line(self), &text);
  if (status == AG_OK) status = ag_command_print(&text);
  ag_text_clear(&text);
  return status;
}

/* In the place of the last screen, line by line, so that nothing flickers. */
static ag_status redraw(const watcher *self, const ag_status_view *view, bool first)
{
  ag_status status = AG_OK;
  ag_text text = {0};
  ag_text drawn = {0};
  const ag_screen screen = ag_screen_of(STDOUT_FILENO);
  AG_TRY(ag_status_screen(view, &screen, self->all, slurm_line(self), &text));
  AG_TRY(ag_text_append(&drawn, first ? "\033[H\033[2J" : "\033[H"));
  for (const char *line = text.bytes; *line != '\0';) {
    const size_t length = strcspn(line, "\n");
    AG_TRY(ag_text_append(&drawn, "%.*s\033[K\n", (int)length, line));
    line += length + (line[length] == '\n');
  }
  AG_TRY(ag_text_append(&drawn, "\033[J"));
  AG_TRY(ag_command_print(&drawn));
cleanup:
  ag_text_clear(&drawn);
  ag_text_clear(&text);
  return status;
}

/* What makes a line worth printing: not the time that passes. */
static ag_status describe(const ag_status_view *view, ag_text *text)
{
  size_t epochs = 0;
  for (size_t i = 0; i < view->ledger->plan->model_count; ++i)
    epochs += view->models[i].epochs;
  return ag_text_append(text, "%d %zu %zu %zu %zu %zu %zu", (int)view->state, view->ledger->runs,
                        epochs, view->models_done, view->models_failed, view->units_done,
                        view->units_failed);
}

static ag_status print_change(watcher *self, const ag_status_view *view)
{
  ag_status status = AG_OK;
  ag_text now = {0};
  ag_text line = {0};
  char time_of_day[AG_TIMESTAMP_SIZE];
  AG_TRY(describe(view, &now));
  if (self->shown.length > 0 && strcmp(self->shown.bytes, now.bytes) == 0) goto cleanup;
  ag_clock_timestamp(time_of_day);
  if (self->json) {
    AG_TRY(ag_status_json(view, self->path, slurm_line(self), &line));
  } else {
    AG_TRY(ag_text_append(&line, "%s  ", time_of_day));
    AG_TRY(ag_status_line(view, &line));
  }
  AG_TRY(ag_command_print(&line));
  ag_text_clear(&self->shown);
  self->shown = now;
  now = (ag_text){0};
cleanup:
  ag_text_clear(&line);
  ag_text_clear(&now);
  return status;
}

/* ---- again and again ------------------------------------------------------------------------ */

/* Two seconds, and so long that most of the time is nothing done. */
static void rest(double cost)
{
  const double seconds = fmax(2, 10 * cost);
  struct timespec left = {.tv_sec = (time_t)seconds,
                          .tv_nsec = (long)((seconds - floor(seconds)) * 1e9)};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

static ag_status watch(watcher *self)
{
  const bool draws = !self->json && ag_screen_of(STDOUT_FILENO).terminal;
  bool is_over = false;
  for (bool first = true; !is_over; first = false) {
    ag_status_view view = {0};
    const double start = ag_clock_seconds();
    ag_status status = look(self, &view);
    if (status == AG_OK) {
      status = draws ? redraw(self, &view, first) : print_change(self, &view);
    }
    is_over = view.state == AG_RUN_DONE;
    ag_status_view_clear(&view);
    if (status != AG_OK) return status;
    if (!is_over) rest(ag_clock_seconds() - start);
  }
  return AG_OK;
}

static ag_status show(watcher *self)
{
  ag_status_view view = {0};
  ag_status status = look(self, &view);
  if (status == AG_OK) status = show_once(self, &view);
  ag_status_view_clear(&view);
  return status;
}

int ag_command_status(int argc, char **argv)
{
  static const struct argp argp = {options, parse, "DIR", documentation, NULL, NULL, NULL};
  watcher self = {.is_read = false};
  ag_command_parse(&argp, argc, argv, &self);
  const ag_status status = self.watches ? watch(&self) : show(&self);
  if (status != AG_OK) ag_log("%s", ag_message());
  ag_text_clear(&self.shown);
  ag_text_clear(&self.slurm);
  ag_live_clear(&self.live);
  if (self.is_read) ag_folder_clear(&self.folder);
  return ag_status_exit_code(status);
}
