/* Datasets of a result file as CSV (RFC 4180): whatever columns they have, by name. */
#ifndef ADVGRID_REPORT_CSV_H
#define ADVGRID_REPORT_CSV_H

#include "report/verify.h"

/* What a column's cells are read as. */
typedef enum ag_csv_kind {
  AG_CSV_WHOLE,  /* int64_t */
  AG_CSV_COUNT,  /* uint64_t */
  AG_CSV_SINGLE, /* float */
  AG_CSV_NUMBER, /* double */
  AG_CSV_TEXT
} ag_csv_kind;

typedef struct ag_csv_column {
  const char *name; /* borrowed */
  ag_csv_kind kind;
  char *numbers;     /* [rows] of 8 bytes; NULL of texts */
  const char *texts; /* the first, the others `stride` bytes apart; borrowed of the values */
  size_t stride, size;
  bool any_length; /* texts are pointers */
} ag_csv_column;

/* A table, or several datasets side by side. Start it as {0}. */
typedef struct ag_csv {
  size_t dataset_count, dataset_capacity, column_count, row_count;
  ag_values *values; /* [dataset_count], as the next is */
  ag_fields *fields;
  ag_csv_column *columns;
} ag_csv;

/** Room for so many datasets. csv: freed by ag_csv_clear, also after a failure. */
ag_status ag_csv_create(size_t datasets, ag_csv *csv);
void ag_csv_clear(ag_csv *csv);
/** Adds parent/path of one dimension: the columns of a table, or one called `name`, which is
 *  borrowed. Fails with AG_BAD_STORE where it is anything else, or has other rows than those before
 *  it. */
ag_status ag_csv_add(ag_csv *csv, hid_t parent, const char *path, const char *name);

/** Appends the names of the columns, behind `first` where that is not NULL. */
ag_status ag_csv_put_heading(const ag_csv *csv, const char *first, ag_text *text);
/** Appends all rows, each behind the cell `first` where that is not NULL. */
ag_status ag_csv_put_rows(const ag_csv *csv, const char *first, ag_text *text);

#endif
