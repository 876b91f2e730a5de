/* A status as a screen: what there is always, and lists, which share the lines that are left. */
#include "report/status.h"

#include <stdio.h>
#include <string.h>

/* ---- lines --------------------------------------------------------------------------------- */

/* Letters that this screen does not have. */
static void replace_foreign(char *text)
{
  char *to = text;
  for (const char *at = text; *at != '\0'; ++at) {
    const unsigned char byte = (unsigned char)*at;
    if (byte < 0x80) *to++ = *at;
    if (byte >= 0xc0) *to++ = '?';
  }
  *to = '\0';
}

/* Appends a line as this screen can show it: cleaned, cut to its columns, ended. */
static ag_status put_line(const ag_screen *screen, const ag_text *line, ag_text *text)
{
  ag_status status = AG_OK;
  char *clean = NULL;
  AG_TRY(ag_allocate(line->length + 1, 3, &clean));
  (void)ag_utf8_clean(line->bytes, line->length, clean);
  for (char *at = clean; *at != '\0'; ++at) {
    if (*at == '\n') *at = ' ';
  }
  if (!screen->unicode) replace_foreign(clean);
  const size_t length = screen->terminal ? ag_utf8_clip(clean, screen->columns) : strlen(clean);
  AG_TRY(ag_text_append(text, "%.*s\n", (int)length, clean));
cleanup:
  ag_release(&clean);
  return status;
}

/* ---- what there is always ------------------------------------------------------------------- */

/* ", 2 failed". */
static ag_status append_failed(size_t failed, ag_text *line)
{
  return failed == 0 ? AG_OK : ag_text_append(line, ", %zu failed", failed);
}

static ag_status append_tally(const char *what, size_t done, size_t all, size_t failed,
                              ag_text *line)
{
  const ag_status status = ag_text_append(line, "%-8s %6zu of %zu done", what, done, all);
  return status == AG_OK ? append_failed(failed, line) : status;
}

static ag_status append_left(const ag_forecast *left, ag_text *line)
{
  char middle[AG_DURATION_SIZE];
  char low[AG_DURATION_SIZE];
  char high[AG_DURATION_SIZE];
  if (!left->is_known) return ag_text_append(line, "time left not known yet");
  ag_duration_round(left->seconds, middle);
  ag_duration_round(left->low, low);
  ag_duration_round(left->high, high);
  return ag_text_append(line, "%s left (%s to %s)", middle, low, high);
}

static ag_status append_state(const ag_status_view *view, ag_text *line)
{
  char age[AG_DURATION_SIZE];
  char rate[AG_RATE_SIZE];
  ag_status status = ag_text_append(line, "%-8s ", ag_run_state_text(view->state));
  if (status != AG_OK) return status;
  ag_duration_text(view->age, age);
  switch (view->state) {
  case AG_RUN_DONE: return ag_text_append(line, "nothing is left to do");
  case AG_RUN_STOPPED: return ag_text_append(line, "no run goes on; the same command continues it");
  case AG_RUN_SILENT:
    return ag_text_append(line, "no sign of life for %s: killed, or the hosts' clocks differ", age);
  case AG_RUN_GOES_ON: break;
  }
  ag_rate_text(view->live->images_per_second, rate);
  status = append_left(&view->live->left, line);
  if (status == AG_OK) status = ag_text_append(line, "  %s", rate);
  return status != AG_OK || view->age < 10 ? status : ag_text_append(line, "  seen %s ago", age);
}

static ag_status append_title(const ag_status_view *view, const ag_screen *screen, ag_text *line)
{
  char bar[AG_BAR_SIZE];
  ag_bar_draw(view->share, ag_minimum(screen->columns / 4, 40), screen->unicode, bar);
  return ag_text_append(line, "%s  %s  %.1f %% of the estimated work done",
                        view->ledger->plan->job->name, bar, 100 * view->share);
}

static ag_status append_run(const ag_status_view *view, ag_text *line)
{
  const ag_provenance *last = &view->ledger->provenance;
  if (view->ledger->runs == 0) return ag_text_append(line, "no run has started yet");
  return ag_text_append(line, "run %zu   started %s on %s, %u rank%s of %u thread%s",
                        view->ledger->runs, last->started, last->hosts, last->ranks,
                        ag_plural(last->ranks, "", "s"), last->threads,
                        ag_plural(last->threads, "", "s"));
}

static ag_status append_ranks(const ag_status_view *view, ag_text *line)
{
  size_t tasks[3] = {0};
  for (size_t i = 0; i < view->rank_count; ++i)
    ++tasks[view->ranks[i].task];
  return ag_text_append(line, "%-8s %6zu: %zu training, %zu attacking, %zu waiting", "ranks",
                        view->rank_count, tasks[AG_LIVE_TRAINING], tasks[AG_LIVE_ATTACKING],
                        tasks[AG_LIVE_WAITING]);
}

static ag_status append_gates(const ag_status_view *view, ag_text *line)
{
  size_t verdicts[3] = {0};
  for (size_t i = 0; i < AG_GATES; ++i)
    ++verdicts[view->gates.gates[i].verdict];
  ag_status status = ag_text_append(line, "%-8s %6zu passed", "gates", verdicts[AG_GATE_PASSED]);
  if (status == AG_OK) status = append_failed(verdicts[AG_GATE_FAILED], line);
  if (status != AG_OK) return status;
  return ag_text_append(line, ", %zu not applicable", verdicts[AG_GATE_NOT_APPLICABLE]);
}

/* ---- lists ---------------------------------------------------------------------------------- */

/* A list and what stands over it. */
typedef struct section {
  ag_text heading; /* no bytes: none */
  ag_status_list list;
  size_t lines; /* that the list may take */
} section;

static ag_status put_items(const ag_status_view *view, const ag_screen *screen, const section *part,
                           size_t shown, const bool *is_shown, ag_text *text)
{
  ag_status status = AG_OK;
  ag_text line = {0};
  for (size_t i = 0; i < part->list.count; ++i) {
    if (!is_shown[i]) continue;
    ag_text_clear(&line);
    AG_TRY(part->list.append(view, screen, i, &line));
    AG_TRY(put_line(screen, &line, text));
  }
  ag_text_clear(&line);
  if (shown == part->list.count || part->lines == 0) goto cleanup;
  AG_TRY(ag_text_append(&line, "  ... and %zu more", part->list.count - shown));
  AG_TRY(put_line(screen, &line, text));
cleanup:
  ag_text_clear(&line);
  return status;
}

/* Marks those with the lowest order, of equal ones the first. */
static void choose(const ag_status_view *view, const ag_status_list *list, size_t wanted,
                   bool *is_shown)
{
  size_t marked = 0;
  for (int level = 0; marked < wanted; ++level) {
    for (size_t i = 0; i < list->count && marked < wanted; ++i) {
      const int order = list->order == NULL ? 0 : list->order(view, i);
      if (order != level) continue;
      is_shown[i] = true;
      ++marked;
    }
  }
}

static ag_status put_list(const ag_status_view *view, const ag_screen *screen, const section *part,
                          ag_text *text)
{
  ag_status status = AG_OK;
  bool *is_shown = NULL;
  const bool whole = part->lines >= part->list.count;
  const size_t shown = whole ? part->list.count : part->lines > 0 ? part->lines - 1 : 0;
  AG_TRY(ag_allocate(part->list.count, sizeof *is_shown, &is_shown));
  choose(view, &part->list, shown, is_shown);
  AG_TRY(put_items(view, screen, part, shown, is_shown, text));
cleanup:
  ag_release(&is_shown);
  return status;
}

/* Each list in turn gets one more line, until none is left or all have what they take. */
static void share_lines(section sections[AG_STATUS_LISTS], size_t lines)
{
  bool given = true;
  while (given && lines > 0) {
    given = false;
    for (size_t i = 0; i < AG_STATUS_LISTS && lines > 0; ++i) {
      if (sections[i].lines == sections[i].list.count) continue;
      ++sections[i].lines;
      --lines;
      given = true;
    }
  }
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static ag_status make_headings(const ag_status_view *view, section sections[AG_STATUS_LISTS])
{
  ag_status status = AG_OK;
  const ag_plan *plan = view->ledger->plan;
  AG_TRY(append_tally("models", view->models_done, plan->model_count, view->models_failed,
                      &sections[AG_LIST_MODELS].heading));
  AG_TRY(append_tally("units", view->units_done, plan->unit_count, view->units_failed,
                      &sections[AG_LIST_ATTACKS].heading));
  if (view->rank_count > 0) AG_TRY(append_ranks(view, &sections[AG_LIST_RANKS].heading));
  if (view->has_gates) AG_TRY(append_gates(view, &sections[AG_LIST_GATES].heading));
cleanup:
  return status;
}

/* The lines over the lists; *count of them. */
static ag_status put_head(const ag_status_view *view, const ag_screen *screen, size_t *count,
                          ag_text *text)
{
  ag_status status = AG_OK;
  ag_text lines[3] = {{0}};
  AG_TRY(append_title(view, screen, &lines[0]));
  AG_TRY(append_state(view, &lines[1]));
  AG_TRY(append_run(view, &lines[2]));
  for (*count = 0; *count < sizeof lines / sizeof *lines; ++*count)
    AG_TRY(put_line(screen, &lines[*count], text));
cleanup:
  for (size_t i = 0; i < sizeof lines / sizeof *lines; ++i)
    ag_text_clear(&lines[i]);
  return status;
}

static ag_status put_sections(const ag_status_view *view, const ag_screen *screen,
                              const section sections[AG_STATUS_LISTS], ag_text *text)
{
  ag_status status = AG_OK;
  for (size_t i = 0; i < AG_STATUS_LISTS; ++i) {
    if (sections[i].heading.length > 0) AG_TRY(put_line(screen, &sections[i].heading, text));
    AG_TRY(put_list(view, screen, &sections[i], text));
  }
cleanup:
  return status;
}

ag_status ag_status_screen(const ag_status_view *view, const ag_screen *screen, bool all,
                           const char *slurm, ag_text *text)
{
  ag_status status = AG_OK;
  ag_status_list lists[AG_STATUS_LISTS];
  section sections[AG_STATUS_LISTS] = {{.lines = 0}};
  size_t fixed = 0;
  ag_text last = {0};
  ag_status_lists(view, lists);
  AG_TRY(make_headings(view, sections));
  AG_TRY(put_head(view, screen, &fixed, text));
  fixed += slurm[0] != '\0' ? 2 : 1; /* where the cursor is, or a shell's prompt */
  for (size_t i = 0; i < AG_STATUS_LISTS; ++i) {
    fixed += sections[i].heading.length > 0;
    sections[i].list = lists[i];
    if (all) sections[i].lines = lists[i].count;
  }
  if (!all) share_lines(sections, screen->rows > fixed ? screen->rows - fixed : 0);
  AG_TRY(put_sections(view, screen, sections, text));
  if (slurm[0] != '\0') {
    AG_TRY(ag_text_append(&last, "%.*s", (int)strcspn(slurm, "\n"), slurm));
    AG_TRY(put_line(screen, &last, text));
  }
  if (all) AG_TRY(ag_report_gates(view->ledger, text));
cleanup:
  ag_text_clear(&last);
  for (size_t i = 0; i < AG_STATUS_LISTS; ++i)
    ag_text_clear(&sections[i].heading);
  return status;
}

ag_status ag_status_line(const ag_status_view *view, ag_text *text)
{
  ag_status status = AG_OK;
  const ag_plan *plan = view->ledger->plan;
  AG_TRY(ag_text_append(text, "%5.1f %%  ", 100 * view->share));
  AG_TRY(append_tally("models", view->models_done, plan->model_count, view->models_failed, text));
  AG_TRY(ag_text_append(text, "  "));
  AG_TRY(append_tally("units", view->units_done, plan->unit_count, view->units_failed, text));
  AG_TRY(ag_text_append(text, "  "));
  AG_TRY(append_state(view, text));
  AG_TRY(ag_text_append(text, "\n"));
cleanup:
  return status;
}
