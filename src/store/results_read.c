/* results.h5 from its root to its last table: the grid says what the job has, /results what is
 * done. */
#include "store/results_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t CELLS_MAXIMUM = 1000000;

/* ---- the grid ------------------------------------------------------------------------------ */

static ag_status read_names(ag_results *results, const char *side, size_t *count,
                            const char ***names)
{
  ag_read_table table;
  ag_status status = AG_OK;
  AG_TRY(ag_read_table_open(results->file, side, &table));
  *count = table.count;
  AG_TRY(ag_allocate(table.count, sizeof **names, names));
  AG_TRY(ag_read_texts(results, &table, NULL, *names, sizeof **names));
cleanup:
  ag_read_table_close(&table);
  return status;
}

static ag_status read_epsilons(ag_results *results)
{
  ag_read_table table;
  ag_status status = AG_OK;
  AG_TRY(ag_read_table_open(results->file, "grid/epsilon", &table));
  results->epsilon_count = table.count;
  AG_TRY(ag_allocate(table.count, sizeof *results->epsilons, &results->epsilons));
  AG_TRY(ag_read_numbers(&table, NULL, results->epsilons, sizeof *results->epsilons));
cleanup:
  ag_read_table_close(&table);
  return status;
}

/* As they are: a double has not the digits of every seed. */
static ag_status read_seeds(ag_results *results)
{
  ag_read_table table;
  ag_status status = AG_OK;
  AG_TRY(ag_read_table_open(results->file, "grid/seed", &table));
  results->seed_count = table.count;
  AG_TRY(ag_allocate(table.count, sizeof *results->seeds, &results->seeds));
  if (table.count > 0 && H5Tget_class(table.type) == H5T_INTEGER) {
    AG_HDF5_TRY(
        H5Dread(table.dataset, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, results->seeds),
        "grid/seed cannot be read");
  }
cleanup:
  ag_read_table_close(&table);
  return status;
}

static ag_status count_cells(ag_results *results)
{
  const size_t sides[] = {results->defense_count, results->attack_count, results->epsilon_count,
                          results->seed_count};
  size_t cells = 1;
  for (size_t i = 0; i < sizeof sides / sizeof *sides; ++i) {
    if (sides[i] == 0) return ag_fail(AG_BAD_STORE, "it has no grid of points");
    if (cells > CELLS_MAXIMUM / sides[i]) return ag_fail(AG_BAD_STORE, "its grid is too large");
    cells *= sides[i];
  }
  results->point_count = cells;
  return AG_OK;
}

/* Every cell, with what /grid/status says of it but for what is done: that /results says. */
static ag_status start_points(ag_results *results)
{
  ag_status status = AG_OK;
  const double none = (double)NAN;
  size_t sides[AG_HDF5_RANK_MAXIMUM];
  float *states = NULL;
  AG_TRY(count_cells(results));
  AG_TRY(ag_allocate(results->point_count, sizeof *results->points, &results->points));
  AG_TRY(ag_read_array(results->file, "grid/status", AG_HDF5_RANK_MAXIMUM, sides, &states));
  const bool known = states != NULL && sides[0] == results->defense_count &&
                     sides[1] == results->attack_count && sides[2] == results->epsilon_count &&
                     sides[3] == results->seed_count;
  for (size_t i = 0; i < results->point_count; ++i) {
    const bool failed = known && states[i] == (float)AG_PROGRESS_FAILED;
    const size_t e = i / results->seed_count;
    const size_t a = e / results->epsilon_count;
    results->points[i] = (ag_read_point){failed ? AG_PROGRESS_FAILED : AG_PROGRESS_MISSING,
                                         a / results->attack_count,
                                         a % results->attack_count,
                                         e % results->epsilon_count,
                                         i % results->seed_count,
                                         "",
                                         none,
                                         none,
                                         none,
                                         none,
                                         none,
                                         none,
                                         none,
                                         none,
                                         none,
                                         none,
                                         none,
                                         none,
                                         none,
                                         none};
  }
cleanup:
  ag_release(&states);
  return status;
}

const ag_read_point *ag_results_point(const ag_results *results, size_t defense, size_t attack,
                                      size_t epsilon, size_t seed)
{
  const size_t row = (defense * results->attack_count + attack) * results->epsilon_count + epsilon;
  return &results->points[row * results->seed_count + seed];
}

/* ---- rows of /results ------------------------------------------------------------------------ */

/* A row, and where it belongs. */
typedef struct result_row {
  ag_read_point point;
  const char *defense, *attack;
  double epsilon, seed;
} result_row;

size_t ag_results_find_name(const char *const *names, size_t count, const char *name)
{
  for (size_t i = 0; i < count; ++i) {
    if (strcmp(names[i], name) == 0) return i;
  }
  return AG_NO_SIDE;
}

size_t ag_results_find_seed(const ag_results *results, double seed)
{
  for (size_t i = 0; i < results->seed_count; ++i) {
    if ((double)results->seeds[i] == seed) return i;
  }
  return AG_NO_SIDE;
}

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
  AG_TRY(ag_read_numbers(&table, "rank", &results->ranks->rank, size));
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
  AG_TRY(read_names(results, "grid/defense", &results->defense_count, &results->defenses));
  AG_TRY(read_names(results, "grid/attack", &results->attack_count, &results->attacks));
  AG_TRY(read_epsilons(results));
  AG_TRY(read_seeds(results));
  AG_TRY(start_points(results));
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
