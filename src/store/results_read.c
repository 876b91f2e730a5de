/* results.h5 from its root to its last table, and what its smaller tables hold. */
#include "store/results_read.h"

#include <math.h>
#include <string.h>

/* ---- rows of /results ------------------------------------------------------------------------ */

/* A row, and where it belongs. */
typedef struct result_row {
  ag_read_point point;
  const char *defense, *attack;
  double epsilon, seed;
} result_row;

/* Takes a row to its cell; one that the grid does not have is passed over. */
static void take_row(ag_results *results, const result_row *row)
{
  const size_t d = ag_results_find_name(results->defenses, results->defense_count, row->defense);
  const size_t a = ag_results_find_name(results->attacks, results->attack_count, row->attack);
  const size_t s = ag_results_find_seed(results, row->seed);
  size_t e = 0;
  while (e < results->epsilon_count && results->epsilons[e] != row->epsilon)
    ++e;
  if (d == AG_NO_SIDE || a == AG_NO_SIDE || e == results->epsilon_count || s == AG_NO_SIDE ||
      !(row->point.images > 0)) {
    return;
  }
  const size_t place = (size_t)(ag_results_point(results, d, a, e, s) - results->points);
  ag_read_point *point = &results->points[place];
  *point = row->point;
  point->progress = AG_PROGRESS_DONE;
  point->defense = d;
  point->attack = a;
  point->epsilon = e;
  point->seed = s;
}

static ag_status read_row_numbers(const ag_read_table *table, result_row *rows)
{
#define COLUMN(member)                          \
  {                                             \
#member, offsetof(result_row, point.member) \
  }
  static const struct {
    const char *name;
    size_t offset;
  } columns[] = {COLUMN(images),
                 COLUMN(clean_correct),
                 COLUMN(robust_correct),
                 COLUMN(clean_accuracy),
                 COLUMN(robust_accuracy),
                 COLUMN(robust_accuracy_of_correct),
                 COLUMN(ci_low),
                 COLUMN(ci_high),
                 COLUMN(mean_linf),
                 COLUMN(max_linf),
                 COLUMN(mean_l2),
                 COLUMN(gradients),
                 COLUMN(forwards),
                 COLUMN(seconds),
                 {"epsilon", offsetof(result_row, epsilon)},
                 {"seed", offsetof(result_row, seed)}};
#undef COLUMN
  ag_status status = AG_OK;
  for (size_t i = 0; i < sizeof columns / sizeof *columns; ++i) {
    void *first = (char *)rows + columns[i].offset;
    AG_TRY(ag_read_numbers(table, columns[i].name, first, sizeof *rows));
  }
cleanup:
  return status;
}

static ag_status read_rows(ag_results *results)
{
  ag_read_table table;
  ag_status status = AG_OK;
  result_row *rows = NULL;
  AG_TRY(ag_read_table_open(results->file, "results", &table));
  if (table.count == 0) goto cleanup;
  AG_TRY(ag_allocate(table.count, sizeof *rows, &rows));
  AG_TRY(ag_read_texts(results, &table, "key", &rows->point.key, sizeof *rows));
  AG_TRY(ag_read_texts(results, &table, "defense", &rows->defense, sizeof *rows));
  AG_TRY(ag_read_texts(results, &table, "attack", &rows->attack, sizeof *rows));
  AG_TRY(read_row_numbers(&table, rows));
  for (size_t i = 0; i < table.count; ++i)
    take_row(results, &rows[i]);
cleanup:
  ag_release(&rows);
  ag_read_table_close(&table);
  return status;
}

/* ---- the smaller tables ------------------------------------------------------------------------
 */

static ag_status read_gates(ag_results *results)
{
  ag_read_table table;
  ag_status status = AG_OK;
  AG_TRY(ag_read_table_open(results->file, "gates", &table));
  const size_t size = sizeof *results->gates;
  AG_TRY(ag_allocate(table.count, size, &results->gates));
  results->gate_count = table.count;
  if (table.count == 0) goto cleanup;
  AG_TRY(ag_read_texts(results, &table, "gate", &results->gates->gate, size));
  AG_TRY(ag_read_texts(results, &table, "verdict", &results->gates->verdict, size));
  AG_TRY(ag_read_texts(results, &table, "text", &results->gates->text, size));
cleanup:
  ag_read_table_close(&table);
  return status;
}

static ag_status read_failures(ag_results *results)
{
  ag_read_table table;
  ag_status status = AG_OK;
  AG_TRY(ag_read_table_open(results->file, "failures", &table));
  const size_t size = sizeof *results->failures;
  AG_TRY(ag_allocate(table.count, size, &results->failures));
  results->failure_count = table.count;
  if (table.count == 0) goto cleanup;
  AG_TRY(ag_read_texts(results, &table, "name", &results->failures->name, size));
  AG_TRY(ag_read_texts(results, &table, "reason", &results->failures->reason, size));
cleanup:
  ag_read_table_close(&table);
  return status;
}

static ag_status read_ranks(ag_results *results)
{
  ag_read_table table;
  ag_status status = AG_OK;
  AG_TRY(ag_read_table_open(results->file, "ranks", &table));
  const size_t size = sizeof *results->ranks;
  AG_TRY(ag_allocate(table.count, size, &results->ranks));
  results->rank_count = table.count;
  if (table.count == 0) goto cleanup;
  AG_TRY(ag_read_numbers(&table, "seconds", &results->ranks->seconds, size));
  AG_TRY(ag_read_numbers(&table, "idle_seconds", &results->ranks->idle_seconds, size));
cleanup:
  ag_read_table_close(&table);
  return status;
}

/* ---- the whole ---------------------------------------------------------------------------------
 */

const char *ag_results_attribute(const ag_results *results, const char *name)
{
  for (size_t i = 0; i < results->attribute_count; ++i) {
    if (strcmp(results->attributes[i].name, name) == 0) return results->attributes[i].text;
  }
  return "";
}

ag_status ag_results_read(const char *path, ag_results *results)
{
  ag_status status = AG_OK;
  *results = (ag_results){.file = H5I_INVALID_HID};
  AG_TRY(ag_hdf5_open(path, AG_BAD_STORE, &results->file));
  AG_TRY(ag_results_read_attributes(results));
  AG_TRY(ag_results_read_grid(results));
  AG_TRY(read_rows(results));
  AG_TRY(ag_results_read_trainings(results));
  AG_TRY(read_gates(results));
  AG_TRY(read_failures(results));
  AG_TRY(read_ranks(results));
  AG_TRY(ag_results_read_timeline(results));
cleanup:
  if (status == AG_HDF5_FAILED) status = ag_fail(AG_BAD_STORE, "%s", ag_message());
  return status == AG_BAD_STORE ? ag_fail_within(status, "%s", path) : status;
}

void ag_results_clear(ag_results *results)
{
  ag_status ignored = AG_OK;
  for (size_t i = 0; i < results->training_count; ++i) {
    ag_release(&results->trainings[i].epochs);
    ag_release(&results->trainings[i].bounds);
  }
  for (size_t i = 0; i < results->text_count; ++i)
    ag_release(&results->texts[i]);
  ag_release(&results->texts);
  ag_release(&results->trainings);
  ag_release(&results->spans);
  ag_release(&results->ranks);
  ag_release(&results->failures);
  ag_release(&results->gates);
  ag_release(&results->points);
  ag_release(&results->seeds);
  ag_release(&results->epsilons);
  ag_release(&results->attacks);
  ag_release(&results->defenses);
  ag_release(&results->attributes);
  ag_hdf5_close(&results->file, &ignored);
}
