/* The parts of the result file: tables and columns of arrays of structs, and the grid. */
#ifndef ADVGRID_STORE_RESULTS_FILE_H
#define ADVGRID_STORE_RESULTS_FILE_H

#include "advgrid/store.h"
#include "network/hdf5_support.h"

/* ---- tables ----------------------------------------------------------------- */

typedef enum ag_column_kind {
  AG_COLUMN_BYTE,   /* uint8_t */
  AG_COLUMN_INDEX,  /* uint32_t */
  AG_COLUMN_COUNT,  /* uint64_t */
  AG_COLUMN_SINGLE, /* float */
  AG_COLUMN_NUMBER, /* double */
  AG_COLUMN_NAME,   /* char[64], UTF-8, with zeros behind it */
  AG_COLUMN_TEXT    /* char *, UTF-8 of any length */
} ag_column_kind;

/* A member of a struct and its column's name. */
typedef struct ag_column {
  const char *name;
  ag_column_kind kind;
  size_t offset;
} ag_column;

/* Rows as structs in memory; all borrowed. */
typedef struct ag_rows {
  const ag_column *columns;
  size_t column_count;
  const void *rows;
  size_t row_size, row_count;
} ag_rows;

/** Writes rows as one compound table. */
ag_status ag_results_table(hid_t parent, const char *name, const ag_rows *rows);
/** Writes each column (numbers alone) as a dataset folder/NAME. */
ag_status ag_results_columns(hid_t parent, const char *folder, const ag_rows *rows);

/** Writes /gates, what ag_ledger_gates finds: a gate a row. */
ag_status ag_results_gates(hid_t file, const ag_ledger *ledger);

/** Writes /lipschitz/NAME: the network, then a layer a row; nothing where they were not measured.
 */
ag_status ag_results_bounds(hid_t file, const ag_model_unit *unit, const ag_model_state *model);

/** Writes /timeline: a row for each of the ledger's spans; nothing where there are none. */
ag_status ag_results_timeline(hid_t file, const ag_ledger *ledger);

/** Writes what a done point's images brought home besides its outcomes[count]: see the file. */
ag_status ag_results_details(hid_t file, const ag_ledger *ledger, size_t point, const char *key,
                             const ag_outcome *outcomes, size_t count);

/* ---- points and the grid ------------------------------------------------------- */

/* A row of /results. */
typedef struct ag_result_row {
  char key[AG_DIGEST_TEXT_SIZE];
  char defense[AG_NAME_SIZE], attack[AG_NAME_SIZE];
  double epsilon;
  uint64_t seed, images, clean_correct, robust_correct;
  double clean_accuracy, robust_accuracy, robust_accuracy_of_correct, ci_low, ci_high;
  double mean_linf, max_linf, mean_l2;
  uint64_t gradients, forwards;
  double seconds;
} ag_result_row;

/* Accuracies and states by [defense, attack, epsilon, seed]. */
typedef struct ag_grid {
  size_t dimensions[AG_HDF5_RANK_MAXIMUM];
  double *accuracy; /* NaN where there is none */
  int8_t *status;   /* ag_progress */
} ag_grid;

/** All missing; freed by ag_grid_clear. */
ag_status ag_grid_start(const ag_job *job, ag_grid *grid);
void ag_grid_clear(ag_grid *grid);
/** Where a point of the plan lies in the arrays. */
size_t ag_grid_place(const ag_grid *grid, const ag_plan *plan, size_t point);
/** Writes /grid with its dimension scales. */
ag_status ag_grid_write(hid_t file, const ag_job *job, const ag_grid *grid);

#endif
