/* Columns of HDF5 datasets as CSV (RFC 4180): lines end with CR LF, cells that hold commas, quotes
 * or line ends are quoted. Numbers have the digits that give them back. */
#include "report/csv.h"
#include "base/number.h"

#include <string.h>

enum { NUMBER_BYTES = 8 };

/* ---- life -------------------------------------------------------------------------------- */

ag_status ag_csv_create(size_t datasets, ag_csv *csv)
{
  ag_status status = AG_OK;
  *csv = (ag_csv){.dataset_capacity = datasets};
  AG_TRY(ag_allocate(datasets, sizeof *csv->values, &csv->values));
  AG_TRY(ag_allocate(datasets, sizeof *csv->fields, &csv->fields));
cleanup:
  return status;
}

void ag_csv_clear(ag_csv *csv)
{
  for (size_t i = 0; i < csv->column_count; ++i)
    ag_release(&csv->columns[i].numbers);
  for (size_t i = 0; i < csv->dataset_count; ++i) {
    ag_fields_clear(&csv->fields[i]);
    ag_values_clear(&csv->values[i]);
  }
  ag_release(&csv->columns);
  ag_release(&csv->fields);
  ag_release(&csv->values);
  *csv = (ag_csv){0};
}

/* ---- columns ------------------------------------------------------------------------------ */

static ag_status read_kind(const ag_field *field, ag_csv_column *column, hid_t *native)
{
  const H5T_class_t class = H5Tget_class(field->type);
  const size_t size = field->size;
  if (class == H5T_STRING) {
    column->kind = AG_CSV_TEXT;
    column->any_length = field->is_text;
  } else if (class == H5T_FLOAT && size <= NUMBER_BYTES) {
    column->kind = size <= sizeof(float) ? AG_CSV_SINGLE : AG_CSV_NUMBER;
    *native = size <= sizeof(float) ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE;
  } else if (class == H5T_INTEGER && size <= NUMBER_BYTES) {
    const bool is_signed = H5Tget_sign(field->type) == H5T_SGN_2;
    column->kind = is_signed ? AG_CSV_WHOLE : AG_CSV_COUNT;
    *native = is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64;
  } else {
    return ag_fail(AG_BAD_STORE, "column %s holds neither numbers nor texts", column->name);
  }
  return AG_OK;
}

/* Numbers of the file's type, packed, become those of this machine in place. */
static ag_status convert(const ag_values *values, const ag_field *field, hid_t native,
                         ag_csv_column *column)
{
  ag_status status = AG_OK;
  AG_TRY(ag_allocate(values->count, NUMBER_BYTES, &column->numbers));
  for (size_t i = 0; i < values->count; ++i) {
    memcpy(column->numbers + i * field->size, values->bytes + i * values->size + field->offset,
           field->size);
  }
  AG_HDF5_TRY(H5Tconvert(field->type, native, values->count, column->numbers, NULL, H5P_DEFAULT),
              "column %s cannot be converted", column->name);
cleanup:
  return status;
}

static ag_status add_column(ag_csv *csv, const ag_values *values, const ag_field *field,
                            const char *name)
{
  ag_csv_column *column = &csv->columns[csv->column_count++];
  hid_t native = H5I_INVALID_HID;
  *column = (ag_csv_column){.name = field->name[0] == '\0' ? name : field->name,
                            .texts = values->count == 0 ? NULL : values->bytes + field->offset,
                            .stride = values->size,
                            .size = field->size};
  const ag_status status = read_kind(field, column, &native);
  if (status != AG_OK || column->kind == AG_CSV_TEXT) return status;
  return convert(values, field, native, column);
}

static ag_status grow(ag_csv *csv, size_t more)
{
  ag_csv_column *grown = NULL;
  const ag_status status = ag_allocate(csv->column_count + more, sizeof *grown, &grown);
  if (status != AG_OK) return status;
  if (csv->column_count > 0) memcpy(grown, csv->columns, csv->column_count * sizeof *grown);
  ag_release(&csv->columns);
  csv->columns = grown;
  return AG_OK;
}

static ag_status check_shape(const ag_csv *csv, const ag_values *values)
{
  if (values->references || values->rank != 1) {
    return ag_fail(AG_BAD_STORE, "is no table and no list of values");
  }
  if (csv->dataset_count > 1 && values->count != csv->row_count) {
    return ag_fail(AG_BAD_STORE, "has %zu values; expected %zu, as beside it", values->count,
                   csv->row_count);
  }
  return AG_OK;
}

ag_status ag_csv_add(ag_csv *csv, hid_t parent, const char *path, const char *name)
{
  ag_status status = AG_OK;
  hid_t dataset = H5I_INVALID_HID;
  const size_t index = csv->dataset_count++;
  ag_values *values = &csv->values[index];
  ag_fields *fields = &csv->fields[index];
  *values = (ag_values){.type = H5I_INVALID_HID, .space = H5I_INVALID_HID};
  dataset = H5Dopen2(parent, path, H5P_DEFAULT);
  if (dataset < 0) return ag_hdf5_fail(AG_BAD_STORE, "/%s cannot be opened", path);
  AG_TRY(ag_values_read(dataset, values));
  AG_TRY(check_shape(csv, values));
  AG_TRY(ag_fields_list(values, true, fields));
  csv->row_count = values->count;
  AG_TRY(grow(csv, fields->count));
  for (size_t i = 0; i < fields->count; ++i)
    AG_TRY(add_column(csv, values, &fields->entries[i], name));
cleanup:
  ag_hdf5_close(&dataset, &status);
  return status == AG_OK ? AG_OK : ag_fail_within(status, "/%s", path);
}

/* ---- cells --------------------------------------------------------------------------------- */

static ag_status put_text(ag_text *text, const char *bytes, size_t size)
{
  ag_status status = AG_OK;
  if (memchr(bytes, '"', size) == NULL && memchr(bytes, ',', size) == NULL &&
      memchr(bytes, '\n', size) == NULL && memchr(bytes, '\r', size) == NULL) {
    return ag_text_append(text, "%.*s", (int)size, bytes);
  }
  AG_TRY(ag_text_append(text, "\""));
  for (size_t i = 0; i < size; ++i)
    AG_TRY(ag_text_append(text, bytes[i] == '"' ? "\"\"" : "%c", bytes[i]));
  AG_TRY(ag_text_append(text, "\""));
cleanup:
  return status;
}

static ag_status put_string(ag_text *text, const char *string)
{
  return put_text(text, string, strlen(string));
}

static ag_status put_cell(const ag_csv_column *column, size_t row, ag_text *text)
{
  char digits[AG_DIGITS_SIZE];
  int64_t whole = 0;
  uint64_t count = 0;
  float single = 0;
  double number = 0;
  const char *string = NULL;
  switch (column->kind) {
  case AG_CSV_WHOLE:
    memcpy(&whole, column->numbers + row * sizeof whole, sizeof whole);
    return ag_text_append(text, "%lld", (long long)whole);
  case AG_CSV_COUNT:
    memcpy(&count, column->numbers + row * sizeof count, sizeof count);
    return ag_text_append(text, "%llu", (unsigned long long)count);
  case AG_CSV_SINGLE:
    memcpy(&single, column->numbers + row * sizeof single, sizeof single);
    ag_single_text(single, digits);
    return ag_text_append(text, "%s", digits);
  case AG_CSV_NUMBER:
    memcpy(&number, column->numbers + row * sizeof number, sizeof number);
    ag_double_text(number, digits);
    return ag_text_append(text, "%s", digits);
  case AG_CSV_TEXT: break;
  }
  const char *bytes = column->texts + row * column->stride;
  if (!column->any_length) return put_text(text, bytes, strnlen(bytes, column->size));
  memcpy(&string, bytes, sizeof string);
  return string == NULL ? AG_OK : put_string(text, string);
}

ag_status ag_csv_put_heading(const ag_csv *csv, const char *first, ag_text *text)
{
  ag_status status = AG_OK;
  if (first != NULL) AG_TRY(put_string(text, first));
  for (size_t i = 0; i < csv->column_count; ++i) {
    if (i > 0 || first != NULL) AG_TRY(ag_text_append(text, ","));
    AG_TRY(put_string(text, csv->columns[i].name));
  }
  AG_TRY(ag_text_append(text, "\r\n"));
cleanup:
  return status;
}

ag_status ag_csv_put_rows(const ag_csv *csv, const char *first, ag_text *text)
{
  ag_status status = AG_OK;
  for (size_t row = 0; row < csv->row_count; ++row) {
    if (first != NULL) AG_TRY(put_string(text, first));
    for (size_t i = 0; i < csv->column_count; ++i) {
      if (i > 0 || first != NULL) AG_TRY(ag_text_append(text, ","));
      AG_TRY(put_cell(&csv->columns[i], row, text));
    }
    AG_TRY(ag_text_append(text, "\r\n"));
  }
cleanup:
  return status;
}
