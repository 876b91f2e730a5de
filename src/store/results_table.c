/* Arrays of structs as HDF5: one compound table, or one dataset a member. */
#include "store/results_file.h"

#include <stdio.h>
#include <string.h>

/* Each owned by the caller; < 0 where HDF5 fails. */
static hid_t column_type(ag_column_kind kind)
{
  hid_t type = H5I_INVALID_HID;
  switch (kind) {
  case AG_COLUMN_BYTE: return H5Tcopy(H5T_NATIVE_UINT8);
  case AG_COLUMN_INDEX: return H5Tcopy(H5T_NATIVE_UINT32);
  case AG_COLUMN_COUNT: return H5Tcopy(H5T_NATIVE_UINT64);
  case AG_COLUMN_SINGLE: return H5Tcopy(H5T_NATIVE_FLOAT);
  case AG_COLUMN_NUMBER: return H5Tcopy(H5T_NATIVE_DOUBLE);
  case AG_COLUMN_NAME:
  case AG_COLUMN_TEXT: break;
  }
  const size_t size = kind == AG_COLUMN_NAME ? AG_NAME_SIZE : H5T_VARIABLE;
  type = H5Tcopy(H5T_C_S1);
  if (type < 0) return type;
  if (H5Tset_size(type, size) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0 ||
      H5Tset_strpad(type, kind == AG_COLUMN_NAME ? H5T_STR_NULLPAD : H5T_STR_NULLTERM) < 0) {
    H5Tclose(type);
    return H5I_INVALID_HID;
  }
  return type;
}

/* The struct as it lies in memory, and packed for the file. */
static ag_status table_types(const ag_rows *rows, hid_t *memory_type, hid_t *file_type)
{
  ag_status status = AG_OK;
  hid_t member = H5I_INVALID_HID;
  AG_HDF5_TRY(*memory_type = H5Tcreate(H5T_COMPOUND, rows->row_size), "cannot make a table");
  for (size_t i = 0; i < rows->column_count; ++i) {
    const ag_column *column = &rows->columns[i];
    AG_HDF5_TRY(member = column_type(column->kind), "cannot make the column %s", column->name);
    AG_HDF5_TRY(H5Tinsert(*memory_type, column->name, column->offset, member),
                "cannot make the column %s", column->name);
    ag_hdf5_close(&member, &status);
  }
  AG_HDF5_TRY(*file_type = H5Tcopy(*memory_type), "cannot make a table");
  AG_HDF5_TRY(H5Tpack(*file_type), "cannot make a table");
cleanup:
  ag_hdf5_close(&member, &status);
  return status;
}

ag_status ag_results_table(hid_t parent, const char *name, const ag_rows *rows)
{
  ag_status status = AG_OK;
  hid_t memory_type = H5I_INVALID_HID;
  hid_t file_type = H5I_INVALID_HID;
  AG_TRY(table_types(rows, &memory_type, &file_type));
  AG_TRY(ag_hdf5_write_array(parent, &(ag_hdf5_array){.name = name,
                                                      .file_type = file_type,
                                                      .memory_type = memory_type,
                                                      .rank = 1,
                                                      .dimensions = {rows->row_count},
                                                      .values = rows->rows}));
cleanup:
  ag_hdf5_close(&file_type, &status);
  ag_hdf5_close(&memory_type, &status);
  return status;
}

static ag_status write_column(hid_t parent, const char *folder, const ag_rows *rows,
                              const ag_column *column)
{
  ag_status status = AG_OK;
  hid_t type = H5I_INVALID_HID;
  char *values = NULL;
  char name[2 * AG_DIGEST_TEXT_SIZE + AG_NAME_SIZE];
  AG_TRY(ag_path_join(name, sizeof name, "%s/%s", folder, column->name));
  AG_HDF5_TRY(type = column_type(column->kind), "cannot make the column %s", name);
  const size_t size = H5Tget_size(type);
  AG_TRY(ag_allocate(rows->row_count, size, &values));
  for (size_t i = 0; i < rows->row_count; ++i) {
    memcpy(values + i * size, (const char *)rows->rows + i * rows->row_size + column->offset, size);
  }
  AG_TRY(ag_hdf5_write_array(parent, &(ag_hdf5_array){.name = name,
                                                      .file_type = type,
                                                      .memory_type = type,
                                                      .rank = 1,
                                                      .dimensions = {rows->row_count},
                                                      .values = values}));
cleanup:
  ag_release(&values);
  ag_hdf5_close(&type, &status);
  return status;
}

ag_status ag_results_columns(hid_t parent, const char *folder, const ag_rows *rows)
{
  ag_status status = AG_OK;
  for (size_t i = 0; i < rows->column_count && status == AG_OK; ++i)
    status = write_column(parent, folder, rows, &rows->columns[i]);
  return status;
}
