/* The grid of a result file: its sides, and a point for each of its cells. */
#include "store/results_read.h"

#include <math.h>
#include <string.h>

static const size_t CELLS_MAXIMUM = 1000000;

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

ag_status ag_results_read_grid(ag_results *results)
{
  ag_status status = AG_OK;
  AG_TRY(read_names(results, "grid/defense", &results->defense_count, &results->defenses));
  AG_TRY(read_names(results, "grid/attack", &results->attack_count, &results->attacks));
  AG_TRY(read_epsilons(results));
  AG_TRY(read_seeds(results));
  AG_TRY(start_points(results));
cleanup:
  return status;
}

/* ---- places in it ------------------------------------------------------------------------------
 */

const ag_read_point *ag_results_point(const ag_results *results, size_t defense, size_t attack,
                                      size_t epsilon, size_t seed)
{
  const size_t row = (defense * results->attack_count + attack) * results->epsilon_count + epsilon;
  return &results->points[row * results->seed_count + seed];
}

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
