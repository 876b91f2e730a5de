/* /timeline of a result file: when each rank did what. */
#include "store/results_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* More ranks or runs than any job has. */
static const double NUMBER_MAXIMUM = 1e6;

/* A row as the file has it. */
typedef struct timeline_row {
  double run, rank, start, seconds, seed;
  const char *kind, *defense, *attack;
} timeline_row;

static bool is_number_of(double value)
{
  return value >= 0 && value <= NUMBER_MAXIMUM && value == floor(value);
}

static bool is_time(double value)
{
  return isfinite(value) && value >= 0;
}

/* A row that says no time or no rank is passed over. */
static void take_row(ag_results *results, const timeline_row *row)
{
  if (!is_number_of(row->run) || !is_number_of(row->rank) || !is_time(row->start) ||
      !is_time(row->seconds)) {
    return;
  }
  results->spans[results->span_count++] = (ag_read_span){
      .run = row->run,
      .rank = row->rank,
      .start = row->start,
      .seconds = row->seconds,
      .trains = strcmp(row->kind, "training") == 0,
      .defense = ag_results_find_name(results->defenses, results->defense_count, row->defense),
      .attack = ag_results_find_name(results->attacks, results->attack_count, row->attack),
      .seed = ag_results_find_seed(results, row->seed)};
}

static int compare(const void *a, const void *b)
{
  const ag_read_span *x = a;
  const ag_read_span *y = b;
  const double one[] = {x->run, x->rank, x->start};
  const double other[] = {y->run, y->rank, y->start};
  for (size_t i = 0; i < sizeof one / sizeof *one; ++i) {
    if (one[i] != other[i]) return one[i] < other[i] ? -1 : 1;
  }
  return 0;
}

static ag_status read_rows(ag_results *results, const ag_read_table *table, timeline_row *rows)
{
  const size_t size = sizeof *rows;
  ag_status status = AG_OK;
  AG_TRY(ag_read_numbers(table, "run", &rows->run, size));
  AG_TRY(ag_read_numbers(table, "rank", &rows->rank, size));
  AG_TRY(ag_read_numbers(table, "start", &rows->start, size));
  AG_TRY(ag_read_numbers(table, "seconds", &rows->seconds, size));
  AG_TRY(ag_read_numbers(table, "seed", &rows->seed, size));
  AG_TRY(ag_read_texts(results, table, "kind", &rows->kind, size));
  AG_TRY(ag_read_texts(results, table, "defense", &rows->defense, size));
  AG_TRY(ag_read_texts(results, table, "attack", &rows->attack, size));
cleanup:
  return status;
}

ag_status ag_results_read_timeline(ag_results *results)
{
  ag_read_table table;
  ag_status status = AG_OK;
  timeline_row *rows = NULL;
  AG_TRY(ag_read_table_open(results->file, "timeline", &table));
  if (table.count == 0) goto cleanup;
  AG_TRY(ag_allocate(table.count, sizeof *rows, &rows));
  AG_TRY(ag_allocate(table.count, sizeof *results->spans, &results->spans));
  AG_TRY(read_rows(results, &table, rows));
  for (size_t i = 0; i < table.count; ++i)
    take_row(results, &rows[i]);
  if (results->span_count > 0)
    qsort(results->spans, results->span_count, sizeof *results->spans, compare);
cleanup:
  ag_release(&rows);
  ag_read_table_close(&table);
  return status;
}
