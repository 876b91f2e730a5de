/* The sanity gates of a ledger: the points that are done, model by model, and what /gates says. */
#include "store/results_file.h"

/* ---- from the ledger --------------------------------------------------------------------------
 */

/* Whether an attack sees another model than the one that judges, or what does not judge. */
static bool is_transferred(const ag_plan *plan, const ag_point *point)
{
  ag_neighbours_wish wish;
  const ag_entry *defense = &plan->job->defenses[plan->models[point->model].defense];
  return point->source != point->model || (ag_defense_neighbours(defense, &wish) && !wish.attacked);
}

/* The points of a model that are done; they lie side by side. points: all of a model fit. */
static ag_status collect(const ag_ledger *ledger, size_t model, ag_gate_point *points,
                         size_t *count)
{
  ag_status status = AG_OK;
  const ag_job *job = ledger->plan->job;
  const size_t per_model = job->attack_count * job->epsilon_count;
  for (size_t i = model * per_model; i < (model + 1) * per_model; ++i) {
    const ag_point *point = &ledger->plan->points[i];
    ag_gate_point *gate = &points[*count];
    ag_outcome *outcomes = NULL;
    ag_attack_cost cost;
    double seconds = 0;
    if (ag_ledger_point(ledger, i) != AG_PROGRESS_DONE) continue;
    AG_TRY(ag_ledger_outcomes(ledger, i, &outcomes, &gate->count, &cost, &seconds));
    gate->outcomes = outcomes;
    gate->attack = &job->attacks[point->attack];
    gate->epsilon = job->epsilons[point->epsilon].value;
    gate->epsilon_text = job->epsilons[point->epsilon].text;
    gate->transferred = is_transferred(ledger->plan, point);
    ++*count;
  }
cleanup:
  return status;
}

static void release(ag_gate_point *points, size_t count)
{
  for (size_t i = 0; i < count; ++i)
    ag_release(&points[i].outcomes);
}

ag_status ag_ledger_gates(const ag_ledger *ledger, ag_gates *gates)
{
  ag_status status = AG_OK;
  const ag_plan *plan = ledger->plan;
  ag_gate_point *points = NULL;
  size_t count = 0;
  ag_gates_start(gates);
  AG_TRY(ag_allocate(plan->job->attack_count * plan->job->epsilon_count, sizeof *points, &points));
  for (size_t i = 0; i < plan->model_count; ++i) {
    AG_TRY(collect(ledger, i, points, &count));
    ag_gates_take(gates, &(ag_gate_model){.name = plan->models[i].name,
                                          .classes = plan->dataset.classes,
                                          .point_count = count,
                                          .points = points});
    release(points, count);
    count = 0;
  }
  ag_gates_conclude(gates);
cleanup:
  release(points, count);
  ag_release(&points);
  return status;
}

/* ---- to the file ------------------------------------------------------------------------------
 */

typedef struct gate_row {
  const char *gate, *verdict, *text;
} gate_row;

ag_status ag_results_gates(hid_t file, const ag_ledger *ledger)
{
  static const ag_column columns[] = {{"gate", AG_COLUMN_TEXT, offsetof(gate_row, gate)},
                                      {"verdict", AG_COLUMN_TEXT, offsetof(gate_row, verdict)},
                                      {"text", AG_COLUMN_TEXT, offsetof(gate_row, text)}};
  ag_gates gates;
  gate_row rows[AG_GATES];
  const ag_status status = ag_ledger_gates(ledger, &gates);
  if (status != AG_OK) return status;
  for (size_t i = 0; i < AG_GATES; ++i) {
    const ag_gate *gate = &gates.gates[i];
    rows[i] = (gate_row){gate->name, ag_gate_verdict_text(gate->verdict), gate->text};
  }
  return ag_results_table(file, "gates",
                          &(ag_rows){.columns = columns,
                                     .column_count = sizeof columns / sizeof *columns,
                                     .rows = rows,
                                     .row_size = sizeof *rows,
                                     .row_count = AG_GATES});
}
