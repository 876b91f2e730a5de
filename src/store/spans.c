/* When which rank did what: the spans that a ledger keeps, and /timeline of the result file. */
#include "store/spans.h"
#include "store/results_file.h"

#include <math.h>
#include <string.h>

/* The memory doubles where their number is a power of two (or none). */
ag_status ag_spans_append(ag_ledger *ledger, const ag_work_span *span)
{
  const size_t count = ledger->span_count;
  if ((count & (count - 1)) == 0) {
    ag_work_span *grown = NULL;
    const ag_status status = ag_allocate(count == 0 ? 1 : 2 * count, sizeof *grown, &grown);
    if (status != AG_OK) return status;
    if (count > 0) memcpy(grown, ledger->spans, count * sizeof *grown);
    ag_release(&ledger->spans);
    ledger->spans = grown;
  }
  ledger->spans[ledger->span_count++] = *span;
  return AG_OK;
}

/* ---- to the file ------------------------------------------------------------------------------
 */

typedef struct timeline_row {
  uint32_t run;
  ag_span span;
  char kind[AG_NAME_SIZE], defense[AG_NAME_SIZE], attack[AG_NAME_SIZE];
  double epsilon;
  uint64_t seed;
} timeline_row;

static void name_model(const ag_plan *plan, size_t index, timeline_row *row)
{
  const ag_model_unit *model = &plan->models[index];
  memcpy(row->defense, plan->job->defenses[model->defense].name,
         strnlen(plan->job->defenses[model->defense].name, AG_NAME_SIZE));
  row->seed = plan->job->seeds[model->seed];
}

static void name_unit(const ag_plan *plan, size_t index, timeline_row *row)
{
  const ag_point *point = &plan->points[plan->units[index].point];
  const ag_entry *attack = &plan->job->attacks[point->attack];
  name_model(plan, point->model, row);
  memcpy(row->attack, attack->name, strnlen(attack->name, AG_NAME_SIZE));
  if (ag_attack_takes_epsilon(attack)) row->epsilon = plan->job->epsilons[point->epsilon].value;
}

/* row: zeros. */
static void fill_row(const ag_plan *plan, const ag_work_span *work, timeline_row *row)
{
  const bool trains = work->span.epoch > 0;
  const char *kind = trains ? "training" : "attack";
  row->run = (uint32_t)work->run;
  row->span = work->span;
  row->epsilon = (double)NAN;
  memcpy(row->kind, kind, strlen(kind));
  if (work->index == AG_NOT_IN_PLAN) return;
  if (trains) {
    name_model(plan, work->index, row);
  } else {
    name_unit(plan, work->index, row);
  }
}

ag_status ag_results_timeline(hid_t file, const ag_ledger *ledger)
{
  static const ag_column columns[] = {
      {"run", AG_COLUMN_INDEX, offsetof(timeline_row, run)},
      {"rank", AG_COLUMN_INDEX, offsetof(timeline_row, span.rank)},
      {"start", AG_COLUMN_NUMBER, offsetof(timeline_row, span.start)},
      {"seconds", AG_COLUMN_NUMBER, offsetof(timeline_row, span.seconds)},
      {"kind", AG_COLUMN_NAME, offsetof(timeline_row, kind)},
      {"defense", AG_COLUMN_NAME, offsetof(timeline_row, defense)},
      {"seed", AG_COLUMN_COUNT, offsetof(timeline_row, seed)},
      {"epoch", AG_COLUMN_INDEX, offsetof(timeline_row, span.epoch)},
      {"attack", AG_COLUMN_NAME, offsetof(timeline_row, attack)},
      {"epsilon", AG_COLUMN_NUMBER, offsetof(timeline_row, epsilon)},
      {"first_image", AG_COLUMN_INDEX, offsetof(timeline_row, span.first)},
      {"images", AG_COLUMN_INDEX, offsetof(timeline_row, span.images)}};
  ag_status status = AG_OK;
  timeline_row *rows = NULL;
  if (ledger->span_count == 0) return AG_OK;
  AG_TRY(ag_allocate(ledger->span_count, sizeof *rows, &rows));
  for (size_t i = 0; i < ledger->span_count; ++i)
    fill_row(ledger->plan, &ledger->spans[i], &rows[i]);
  AG_TRY(ag_results_table(file, "timeline",
                          &(ag_rows){.columns = columns,
                                     .column_count = sizeof columns / sizeof *columns,
                                     .rows = rows,
                                     .row_size = sizeof *rows,
                                     .row_count = ledger->span_count}));
cleanup:
  ag_release(&rows);
  return status;
}
