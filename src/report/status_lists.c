/* The lists of a status' screen, a line for each item. */
#include "report/status.h"

#include <stdio.h>
#include <string.h>

enum { NAME_COLUMNS = 20 };

static size_t letters(const char *text)
{
  size_t count = 0;
  for (; *text != '\0'; ++text)
    count += ((unsigned char)*text & 0xc0) != 0x80;
  return count;
}

/* A column that fits the longest name, or as much of it as there is room for. */
static size_t name_columns(const ag_status_view *view)
{
  size_t widest = 0;
  for (size_t i = 0; i < view->ledger->plan->model_count; ++i) {
    const size_t length = letters(view->models[i].name);
    widest = length > widest ? length : widest;
  }
  for (size_t i = 0; i < view->ledger->plan->job->attack_count; ++i) {
    const size_t length = letters(view->attacks[i].name);
    widest = length > widest ? length : widest;
  }
  return ag_minimum(widest, NAME_COLUMNS);
}

/* "  name      bar  ". */
static ag_status append_bar(const ag_status_view *view, const ag_screen *screen, const char *name,
                            double share, ag_text *text)
{
  char bar[AG_BAR_SIZE];
  const size_t columns = name_columns(view);
  const bool fits = letters(name) <= columns;
  const size_t head = ag_utf8_clip(name, fits ? columns : columns / 2 - 1);
  const char *tail = fits ? "" : name + ag_utf8_tail(name, columns - columns / 2 - 1);
  const size_t blanks = fits ? columns - letters(name) : 0;
  ag_bar_draw(share, ag_minimum(screen->columns / 4, 40), screen->unicode, bar);
  return ag_text_append(text, "  %.*s%s%s%*s  %s  ", (int)head, name, fits ? "" : "..", tail,
                        (int)blanks, "", bar);
}

/* ---- models -------------------------------------------------------------------------------- */

/* What goes on first, what is done last. */
static int model_order(const ag_status_view *view, size_t index)
{
  const ag_model_status *model = &view->models[index];
  if (model->ranks > 0) return 0;
  if (model->progress == AG_PROGRESS_FAILED) return 1;
  if (model->progress == AG_PROGRESS_MISSING) return 2;
  return model->units_done < model->units ? 3 : 4;
}

/* " by 3 ranks, 0 the first of them". */
static ag_status append_team(const ag_status_view *view, size_t model, ag_text *text)
{
  const size_t count = view->models[model].ranks;
  for (size_t i = 0; i < view->rank_count; ++i) {
    const ag_rank_status *rank = &view->ranks[i];
    if (rank->task != AG_LIVE_TRAINING || rank->model != model) continue;
    if (count == 1) return ag_text_append(text, " on rank %zu", i);
    return ag_text_append(text, " on %zu ranks from %zu", count, i);
  }
  return AG_OK;
}

static ag_status append_training(const ag_status_view *view, size_t index, ag_text *text)
{
  const ag_model_status *model = &view->models[index];
  if (model->from_file) return ag_text_append(text, "from a file");
  if (model->ranks > 0) {
    const size_t epoch = ag_minimum(model->epochs + 1, view->epochs);
    const ag_status status = ag_text_append(text, "epoch %zu of %zu", epoch, view->epochs);
    return status == AG_OK ? append_team(view, index, text) : status;
  }
  if (model->progress == AG_PROGRESS_FAILED) return ag_text_append(text, "failed");
  if (model->progress == AG_PROGRESS_DONE) return ag_text_append(text, "trained");
  if (model->epochs > 0) {
    return ag_text_append(text, "%zu of %zu epochs done", model->epochs, view->epochs);
  }
  return ag_text_append(text, "not begun");
}

static ag_status append_model(const ag_status_view *view, const ag_screen *screen, size_t index,
                              ag_text *text)
{
  ag_status status = AG_OK;
  const ag_model_status *model = &view->models[index];
  AG_TRY(append_bar(view, screen, model->name, model->share, text));
  AG_TRY(append_training(view, index, text));
  if (model->progress == AG_PROGRESS_DONE) {
    AG_TRY(ag_text_append(text, ", %zu of %zu units", model->units_done, model->units));
  }
  if (model->units_failed > 0) {
    AG_TRY(ag_text_append(text, ", %zu failed", model->units_failed));
  }
cleanup:
  return status;
}

/* ---- attacks ------------------------------------------------------------------------------- */

static int attack_order(const ag_status_view *view, size_t index)
{
  const ag_attack_status *attack = &view->attacks[index];
  if (attack->ranks > 0) return 0;
  if (attack->units_failed > 0) return 1;
  return attack->units_done < attack->units ? 2 : 3;
}

static ag_status append_attack(const ag_status_view *view, const ag_screen *screen, size_t index,
                               ag_text *text)
{
  ag_status status = AG_OK;
  const ag_attack_status *attack = &view->attacks[index];
  const double share = attack->units > 0 ? (double)attack->units_done / (double)attack->units : 1;
  AG_TRY(append_bar(view, screen, attack->name, share, text));
  AG_TRY(ag_text_append(text, "%zu of %zu units", attack->units_done, attack->units));
  if (attack->units_failed > 0) {
    AG_TRY(ag_text_append(text, ", %zu failed", attack->units_failed));
  }
  if (attack->ranks > 0) {
    AG_TRY(ag_text_append(text, ", %zu rank%s at it", attack->ranks,
                          ag_plural(attack->ranks, "", "s")));
  }
cleanup:
  return status;
}

/* ---- ranks --------------------------------------------------------------------------------- */

void ag_status_task(const ag_status_view *view, const ag_rank_status *rank, char text[AG_UNIT_TEXT])
{
  const ag_plan *plan = view->ledger->plan;
  if (rank->task == AG_LIVE_WAITING) {
    snprintf(text, AG_UNIT_TEXT, "waiting");
  } else if (rank->task == AG_LIVE_TRAINING && rank->model != SIZE_MAX) {
    snprintf(text, AG_UNIT_TEXT, "training %s", plan->models[rank->model].name);
  } else if (rank->unit != SIZE_MAX && rank->count > 0) {
    char epsilon[AG_NAME_SIZE];
    const ag_point *point = &plan->points[plan->units[rank->unit].point];
    ag_plan_describe_epsilon(plan, rank->unit, " at epsilon ", epsilon);
    snprintf(text, AG_UNIT_TEXT, "%s, %s%s, images %zu to %zu", plan->models[point->model].name,
             plan->job->attacks[point->attack].name, epsilon, rank->first,
             rank->first + rank->count - 1);
  } else {
    snprintf(text, AG_UNIT_TEXT, "what the folder's job does not have");
  }
}

/* Hosts tell something where there are several. */
static bool are_hosts_many(const ag_status_view *view)
{
  for (size_t i = 1; i < view->rank_count; ++i) {
    if (strcmp(view->ranks[i].host, view->ranks[0].host) != 0) return true;
  }
  return false;
}

static ag_status append_rank(const ag_status_view *view, const ag_screen *screen, size_t index,
                             ag_text *text)
{
  ag_status status = AG_OK;
  const ag_rank_status *rank = &view->ranks[index];
  char task[AG_UNIT_TEXT];
  char seconds[AG_DURATION_SIZE];
  (void)screen;
  ag_status_task(view, rank, task);
  ag_duration_text(rank->seconds, seconds);
  AG_TRY(ag_text_append(text, "  %6zu  ", index));
  if (are_hosts_many(view)) AG_TRY(ag_text_append(text, "%s  ", rank->host));
  AG_TRY(ag_text_append(text, "%s, %s", task, seconds));
cleanup:
  return status;
}

/* ---- failures and gates -----------------------------------------------------------------------
 */

void ag_status_failed(const ag_status_view *view, const ag_failure_status *failure,
                      char text[AG_UNIT_TEXT])
{
  const ag_plan *plan = view->ledger->plan;
  if (failure->model != SIZE_MAX) {
    snprintf(text, AG_UNIT_TEXT, "%s", plan->models[failure->model].name);
  } else {
    ag_plan_describe_unit(plan, failure->unit, text);
  }
}

static ag_status append_failure(const ag_status_view *view, const ag_screen *screen, size_t index,
                                ag_text *text)
{
  const ag_failure_status *failure = &view->failures[index];
  char what[AG_UNIT_TEXT];
  (void)screen;
  ag_status_failed(view, failure, what);
  return ag_text_append(text, "failed   %s: %s", what, failure->reason);
}

/* The gate of that place among those that failed. */
static const ag_gate *failed_gate(const ag_status_view *view, size_t index)
{
  for (size_t i = 0; i < AG_GATES; ++i) {
    const ag_gate *gate = &view->gates.gates[i];
    if (gate->verdict == AG_GATE_FAILED && index-- == 0) return gate;
  }
  return NULL;
}

static ag_status append_gate(const ag_status_view *view, const ag_screen *screen, size_t index,
                             ag_text *text)
{
  const ag_gate *gate = failed_gate(view, index);
  (void)screen;
  return gate == NULL ? AG_OK : ag_text_append(text, "  failed  %s: %s", gate->name, gate->text);
}

void ag_status_lists(const ag_status_view *view, ag_status_list lists[AG_STATUS_LISTS])
{
  const ag_plan *plan = view->ledger->plan;
  size_t gates = 0;
  while (view->has_gates && failed_gate(view, gates) != NULL)
    ++gates;
  lists[AG_LIST_MODELS] = (ag_status_list){plan->model_count, model_order, append_model};
  lists[AG_LIST_ATTACKS] = (ag_status_list){plan->job->attack_count, attack_order, append_attack};
  lists[AG_LIST_RANKS] = (ag_status_list){view->rank_count, NULL, append_rank};
  lists[AG_LIST_FAILURES] = (ag_status_list){view->failure_count, NULL, append_failure};
  lists[AG_LIST_GATES] = (ag_status_list){gates, NULL, append_gate};
}
