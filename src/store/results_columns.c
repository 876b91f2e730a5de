/* Columns, attributes and texts of a result file that may hold anything: what is not there or of
 * another kind is missing, which is success. */
#include "store/results_read.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* More than any job has: a file that says so is none of ours, and memory is not asked for it. */
static const size_t ROWS_MAXIMUM = 10000000;
static const size_t BYTES_MAXIMUM = (size_t)1 << 30;
static const size_t TEXT_MAXIMUM = 1 << 20;

/* ---- texts -------------------------------------------------------------------------------- */

static ag_status make_room(ag_results *results)
{
  ag_status status = AG_OK;
  char **grown = NULL;
  if (results->text_count < results->text_capacity) return AG_OK;
  const size_t capacity = 2 * results->text_capacity + 64;
  AG_TRY(ag_allocate(capacity, sizeof *grown, &grown));
  if (results->text_count > 0) memcpy(grown, results->texts, results->text_count * sizeof *grown);
  ag_release(&results->texts);
  results->texts = grown;
  results->text_capacity = capacity;
cleanup:
  return status;
}

ag_status ag_results_keep(ag_results *results, const char *bytes, size_t size, const char **text)
{
  ag_status status = AG_OK;
  char *copy = NULL;
  char *fitting = NULL;
  const size_t taken = ag_minimum(size, TEXT_MAXIMUM);
  AG_TRY(make_room(results));
  AG_TRY(ag_allocate(3 * taken + 1, 1, &copy));
  const size_t length = ag_utf8_clean(bytes, taken, copy);
  AG_TRY(ag_allocate(length + 1, 1, &fitting));
  memcpy(fitting, copy, length);
  results->texts[results->text_count++] = fitting;
  *text = fitting;
cleanup:
  ag_release(&copy);
  return status;
}

/* ---- tables ------------------------------------------------------------------------------- */

ag_status ag_read_table_open(hid_t parent, const char *name, ag_read_table *table)
{
  ag_status status = AG_OK;
  hid_t space = H5I_INVALID_HID;
  hssize_t count = 0;
  *table = (ag_read_table){.dataset = H5I_INVALID_HID, .type = H5I_INVALID_HID};
  if (H5Lexists(parent, name, H5P_DEFAULT) <= 0) goto cleanup;
  table->dataset = H5Dopen2(parent, name, H5P_DEFAULT);
  if (table->dataset < 0) goto cleanup; /* a group, perhaps */
  AG_HDF5_TRY(table->type = H5Dget_type(table->dataset), "/%s cannot be read", name);
  AG_HDF5_TRY(space = H5Dget_space(table->dataset), "/%s cannot be read", name);
  AG_HDF5_TRY(count = H5Sget_simple_extent_npoints(space), "/%s cannot be read", name);
  if (H5Sget_simple_extent_ndims(space) != 1) goto cleanup;
  if ((size_t)count > ROWS_MAXIMUM) {
    status = ag_fail(AG_BAD_STORE, "/%s has %lld rows", name, (long long)count);
    goto cleanup;
  }
  table->count = (size_t)count;
cleanup:
  ag_hdf5_close(&space, &status);
  return status;
}

void ag_read_table_close(ag_read_table *table)
{
  ag_status ignored = AG_OK;
  ag_hdf5_close(&table->type, &ignored);
  ag_hdf5_close(&table->dataset, &ignored);
  table->count = 0;
}

/* The type of a column in the file; < 0 where there is none. */
static hid_t column_type(const ag_read_table *table, const char *column)
{
  const bool compound = H5Tget_class(table->type) == H5T_COMPOUND;
  if (column == NULL) return compound ? H5I_INVALID_HID : H5Tcopy(table->type);
  const int index = compound ? H5Tget_member_index(table->type, column) : -1;
  return index < 0 ? H5I_INVALID_HID : H5Tget_member_type(table->type, (unsigned)index);
}

/* What a column is read as: of a table a struct of this one member. */
static ag_status memory_type(const char *column, hid_t value, hid_t *type)
{
  ag_status status = AG_OK;
  if (column == NULL) {
    AG_HDF5_TRY(*type = H5Tcopy(value), "cannot make a type");
  } else {
    AG_HDF5_TRY(*type = H5Tcreate(H5T_COMPOUND, H5Tget_size(value)), "cannot make a type");
    AG_HDF5_TRY(H5Tinsert(*type, column, 0, value), "cannot make a type");
  }
cleanup:
  return status;
}

static bool is_number(hid_t type)
{
  const H5T_class_t class = H5Tget_class(type);
  return class == H5T_INTEGER || class == H5T_FLOAT;
}

/* All rows of a column as `value`; bytes: owned by the caller, NULL where there is none. */
static ag_status read_column(const ag_read_table *table, const char *column, hid_t value,
                             hid_t *type, char **bytes)
{
  ag_status status = AG_OK;
  const size_t size = H5Tget_size(value);
  if (size == 0 || table->count > BYTES_MAXIMUM / size) {
    return ag_fail(AG_BAD_STORE, "column %s is too large", column == NULL ? "" : column);
  }
  AG_TRY(memory_type(column, value, type));
  AG_TRY(ag_allocate(table->count, size, bytes));
  if (H5Dread(table->dataset, *type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *bytes) < 0) {
    status = ag_hdf5_fail(AG_BAD_STORE, "column %s cannot be read", column == NULL ? "" : column);
    ag_release(bytes);
  }
cleanup:
  return status;
}

ag_status ag_read_numbers(const ag_read_table *table, const char *column, double *out,
                          size_t stride)
{
  ag_status status = AG_OK;
  hid_t type = H5I_INVALID_HID;
  char *values = NULL;
  if (table->count == 0) return AG_OK;
  hid_t own = column_type(table, column);
  if (own >= 0 && is_number(own))
    AG_TRY(read_column(table, column, H5T_NATIVE_DOUBLE, &type, &values));
  for (size_t i = 0; i < table->count; ++i) {
    double value = (double)NAN;
    if (values != NULL) memcpy(&value, values + i * sizeof value, sizeof value);
    memcpy((char *)out + i * stride, &value, sizeof value);
  }
cleanup:
  ag_release(&values);
  ag_hdf5_close(&type, &status);
  ag_hdf5_close(&own, &status);
  return status;
}

/* Row i of texts that were read as `own`. */
static ag_status keep_row(ag_results *results, const char *bytes, hid_t own, size_t i,
                          const char **text)
{
  const size_t size = H5Tget_size(own);
  if (H5Tis_variable_str(own) <= 0) {
    return ag_results_keep(results, bytes + i * size, strnlen(bytes + i * size, size), text);
  }
  const char *pointer = NULL;
  memcpy(&pointer, bytes + i * sizeof pointer, sizeof pointer);
  return pointer == NULL ? AG_OK : ag_results_keep(results, pointer, strlen(pointer), text);
}

ag_status ag_read_texts(ag_results *results, const ag_read_table *table, const char *column,
                        const char **out, size_t stride)
{
  ag_status status = AG_OK;
  hid_t type = H5I_INVALID_HID;
  hid_t space = H5I_INVALID_HID;
  char *bytes = NULL;
  if (table->count == 0) return AG_OK;
  hid_t own = column_type(table, column);
  if (own >= 0 && H5Tget_class(own) == H5T_STRING)
    AG_TRY(read_column(table, column, own, &type, &bytes));
  for (size_t i = 0; i < table->count; ++i) {
    const char *text = "";
    if (bytes != NULL) AG_TRY(keep_row(results, bytes, own, i, &text));
    *(const char **)(void *)((char *)out + i * stride) = text;
  }
cleanup:
  if (bytes != NULL && H5Tis_variable_str(own) > 0) {
    space = H5Dget_space(table->dataset);
    (void)H5Dvlen_reclaim(type, space, H5P_DEFAULT, bytes);
  }
  ag_release(&bytes);
  ag_hdf5_close(&space, &status);
  ag_hdf5_close(&type, &status);
  ag_hdf5_close(&own, &status);
  return status;
}
