/* A status as JSON, for scripts: names and meanings stay, what comes new is added. */
#include "base/json.h"
#include "report/status.h"

#include <stdio.h>
#include <string.h>

static const int SCHEMA_VERSION = 1;

static void put_model(const ag_status_view *view, size_t index, ag_json *json)
{
  static const char *const states[] = {"open", "done", "failed"};
  const ag_model_status *model = &view->models[index];
  const bool trains = model->ranks > 0;
  ag_json_open(json, NULL, '{');
  ag_json_text(json, "name", model->name);
  ag_json_text(json, "state", trains ? "training" : states[model->progress]);
  ag_json_flag(json, "from_file", model->from_file);
  ag_json_number(json, "share", model->share);
  ag_json_count(json, "epochs_done", model->epochs);
  ag_json_count(json, "epochs", view->epochs);
  ag_json_count(json, "ranks", model->ranks);
  ag_json_count(json, "units", model->units);
  ag_json_count(json, "units_done", model->units_done);
  ag_json_count(json, "units_failed", model->units_failed);
  ag_json_close(json, '}');
}

static void put_attack(const ag_attack_status *attack, ag_json *json)
{
  ag_json_open(json, NULL, '{');
  ag_json_text(json, "name", attack->name);
  ag_json_count(json, "ranks", attack->ranks);
  ag_json_count(json, "units", attack->units);
  ag_json_count(json, "units_done", attack->units_done);
  ag_json_count(json, "units_failed", attack->units_failed);
  ag_json_close(json, '}');
}

/* What a unit is of; null where there is none. */
static void put_place(const ag_status_view *view, size_t model, size_t unit, ag_json *json)
{
  const ag_plan *plan = view->ledger->plan;
  const ag_point *point = unit == SIZE_MAX ? NULL : &plan->points[plan->units[unit].point];
  const bool has_epsilon = point != NULL &&
                           ag_attack_takes_epsilon(&plan->job->attacks[point->attack]);
  ag_json_text(json, "model", model == SIZE_MAX ? NULL : plan->models[model].name);
  ag_json_text(json, "attack", point == NULL ? NULL : plan->job->attacks[point->attack].name);
  if (has_epsilon) {
    ag_json_number(json, "epsilon", plan->job->epsilons[point->epsilon].value);
  } else {
    ag_json_null(json, "epsilon");
  }
}

static void put_rank(const ag_status_view *view, size_t index, ag_json *json)
{
  static const char *const tasks[] = {"waiting", "training", "attacking"};
  const ag_rank_status *rank = &view->ranks[index];
  ag_json_open(json, NULL, '{');
  ag_json_count(json, "rank", index);
  ag_json_text(json, "host", rank->host);
  ag_json_text(json, "task", tasks[rank->task]);
  put_place(view, rank->model, rank->unit, json);
  ag_json_count(json, "first_image", rank->first);
  ag_json_count(json, "images", rank->count);
  ag_json_number(json, "seconds", rank->seconds);
  ag_json_close(json, '}');
}

static void put_failure(const ag_status_view *view, const ag_failure_status *failure, ag_json *json)
{
  const ag_plan *plan = view->ledger->plan;
  const size_t unit = failure->unit;
  const size_t model = unit == SIZE_MAX ? failure->model
                                        : plan->points[plan->units[unit].point].model;
  char what[AG_UNIT_TEXT];
  ag_status_failed(view, failure, what);
  ag_json_open(json, NULL, '{');
  ag_json_text(json, "what", what);
  put_place(view, model, unit, json);
  ag_json_text(json, "reason", failure->reason);
  ag_json_close(json, '}');
}

static void put_lists(const ag_status_view *view, ag_json *json)
{
  ag_json_open(json, "models", '[');
  for (size_t i = 0; i < view->ledger->plan->model_count; ++i)
    put_model(view, i, json);
  ag_json_close(json, ']');
  ag_json_open(json, "attacks", '[');
  for (size_t i = 0; i < view->ledger->plan->job->attack_count; ++i)
    put_attack(&view->attacks[i], json);
  ag_json_close(json, ']');
  ag_json_open(json, "ranks", '[');
  for (size_t i = 0; i < view->rank_count; ++i)
    put_rank(view, i, json);
  ag_json_close(json, ']');
  ag_json_open(json, "failures", '[');
  for (size_t i = 0; i < view->failure_count; ++i)
    put_failure(view, &view->failures[i], json);
  ag_json_close(json, ']');
  ag_json_open(json, "gates", '[');
  for (size_t i = 0; view->has_gates && i < AG_GATES; ++i) {
    const ag_gate *gate = &view->gates.gates[i];
    ag_json_open(json, NULL, '{');
    ag_json_text(json, "gate", gate->name);
    ag_json_text(json, "verdict", ag_gate_verdict_text(gate->verdict));
    ag_json_text(json, "text", gate->text);
    ag_json_close(json, '}');
  }
  ag_json_close(json, ']');
}

static void put_run(const ag_status_view *view, ag_json *json)
{
  const ag_provenance *last = &view->ledger->provenance;
  if (view->ledger->runs == 0) {
    ag_json_null(json, "run");
    return;
  }
  ag_json_open(json, "run", '{');
  ag_json_count(json, "number", view->ledger->runs);
  ag_json_text(json, "started", last->started);
  ag_json_text(json, "hosts", last->hosts);
  ag_json_count(json, "ranks", last->ranks);
  ag_json_count(json, "threads", last->threads);
  ag_json_close(json, '}');
}

/* Numbers of a run that goes on, null otherwise. */
static void put_pace(const ag_status_view *view, ag_json *json)
{
  const ag_live *live = view->live;
  if (live == NULL) {
    ag_json_null(json, "pace");
    return;
  }
  ag_json_open(json, "pace", '{');
  ag_json_number(json, "elapsed_seconds", live->elapsed);
  ag_json_number(json, "age_seconds", view->age);
  ag_json_number(json, "images_per_second", live->images_per_second);
  if (live->left.is_known) {
    ag_json_number(json, "seconds_left", live->left.seconds);
    ag_json_number(json, "seconds_left_low", live->left.low);
    ag_json_number(json, "seconds_left_high", live->left.high);
  } else {
    ag_json_null(json, "seconds_left");
    ag_json_null(json, "seconds_left_low");
    ag_json_null(json, "seconds_left_high");
  }
  ag_json_close(json, '}');
}

static void put_tally(const char *name, size_t all, size_t done, size_t failed, ag_json *json)
{
  ag_json_open(json, name, '{');
  ag_json_count(json, "all", all);
  ag_json_count(json, "done", done);
  ag_json_count(json, "failed", failed);
  ag_json_close(json, '}');
}

/* The line of a screen without its first word. */
static void put_slurm(const char *line, ag_json *json)
{
  char text[1024];
  const char *said = line + strcspn(line, " ");
  said += strspn(said, " ");
  snprintf(text, sizeof text, "%.*s", (int)strcspn(said, "\n"), said);
  ag_json_text(json, "slurm", line[0] == '\0' ? NULL : text);
}

ag_status ag_status_json(const ag_status_view *view, const char *folder, const char *slurm,
                         ag_text *text)
{
  const ag_plan *plan = view->ledger->plan;
  ag_json json = {.text = text};
  ag_json_open(&json, NULL, '{');
  ag_json_count(&json, "schema_version", (uint64_t)SCHEMA_VERSION);
  ag_json_text(&json, "folder", folder);
  ag_json_text(&json, "job", plan->job->name);
  ag_json_text(&json, "state", ag_run_state_text(view->state));
  ag_json_number(&json, "share", view->share);
  ag_json_open(&json, "totals", '{');
  put_tally("models", plan->model_count, view->models_done, view->models_failed, &json);
  put_tally("units", plan->unit_count, view->units_done, view->units_failed, &json);
  ag_json_close(&json, '}');
  put_run(view, &json);
  put_pace(view, &json);
  put_lists(view, &json);
  put_slurm(slurm, &json);
  ag_json_close(&json, '}');
  if (json.status == AG_OK) json.status = ag_text_append(text, "\n");
  return json.status;
}
