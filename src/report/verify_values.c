/* Datasets and attributes as verify compares them: bit for bit, field for field; and how a person
 * reads their values. */
#include "report/verify.h"

#include <stdio.h>
#include <string.h>

/* ---- what is left out -------------------------------------------------------------- */

/* Attributes, columns and names at a file's root. The kernels are told where something differs:
 * they may be why. */
static const char *const circumstances[] = {
    "advgrid_version",
    "git_commit",
    "hosts",
    "cpu",
    "kernels",
    "mpi",
    "blas",
    "hdf5",
    "ranks",
    "threads",
    "restarts",
    "slurm_job_id",
    "slurm_array_job_id",
    "slurm_array_task_id",
    "slurm_nodes",
    "slurm_restart_count",
    "timeline",
};

/* "seconds", "hidden_seconds". */
static bool is_time(const char *name)
{
  static const char unit[] = "seconds";
  const size_t length = strlen(name);
  const size_t end = sizeof unit - 1;
  if (length < end || strcmp(name + length - end, unit) != 0) return false;
  return length == end || name[length - end - 1] == '_';
}

bool ag_is_circumstance(const char *name)
{
  for (size_t i = 0; i < sizeof circumstances / sizeof *circumstances; ++i) {
    if (strcmp(name, circumstances[i]) == 0) return true;
  }
  return is_time(name);
}

/* ---- reading ------------------------------------------------------------------------ */

static ag_status read_bytes(hid_t object, bool attribute, ag_values *values)
{
  ag_status status = AG_OK;
  AG_TRY(ag_allocate(values->count, values->size, &values->bytes));
  if (values->count == 0) goto cleanup;
  if (attribute) {
    AG_HDF5_TRY(H5Aread(object, values->type, values->bytes), "cannot be read");
  } else {
    AG_HDF5_TRY(H5Dread(object, values->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values->bytes),
                "cannot be read");
  }
cleanup:
  return status;
}

ag_status ag_values_read(hid_t object, ag_values *values)
{
  ag_status status = AG_OK;
  const bool attribute = H5Iget_type(object) == H5I_ATTR;
  hssize_t count = 0;
  int rank = 0;
  *values = (ag_values){.type = H5I_INVALID_HID, .space = H5I_INVALID_HID};
  AG_HDF5_TRY(values->type = attribute ? H5Aget_type(object) : H5Dget_type(object),
              "its type cannot be read");
  AG_HDF5_TRY(values->space = attribute ? H5Aget_space(object) : H5Dget_space(object),
              "its shape cannot be read");
  AG_HDF5_TRY(count = H5Sget_simple_extent_npoints(values->space), "its shape cannot be read");
  AG_HDF5_TRY(rank = H5Sget_simple_extent_dims(values->space, values->sides, NULL),
              "its shape cannot be read");
  values->rank = (size_t)rank;
  values->count = (size_t)count;
  values->size = H5Tget_size(values->type);
  values->references = H5Tdetect_class(values->type, H5T_REFERENCE) > 0;
  if (!values->references) AG_TRY(read_bytes(object, attribute, values));
cleanup:
  return status;
}

void ag_values_clear(ag_values *values)
{
  ag_status ignored = AG_OK;
  const bool holds_pointers = values->bytes != NULL && values->count > 0 &&
                              (H5Tdetect_class(values->type, H5T_STRING) > 0 ||
                               H5Tdetect_class(values->type, H5T_VLEN) > 0);
  if (holds_pointers)
    (void)H5Dvlen_reclaim(values->type, values->space, H5P_DEFAULT, values->bytes);
  ag_release(&values->bytes);
  ag_hdf5_close(&values->space, &ignored);
  ag_hdf5_close(&values->type, &ignored);
}

/* ---- fields --------------------------------------------------------------------------- */

/* Plain bits, or a text of any length. Pointers deeper inside are no bits to compare. */
static ag_status classify(ag_field *field)
{
  const H5T_class_t class = H5Tget_class(field->type);
  field->size = H5Tget_size(field->type);
  field->is_text = class == H5T_STRING && H5Tis_variable_str(field->type) > 0;
  const bool deep = class != H5T_STRING && H5Tdetect_class(field->type, H5T_STRING) > 0;
  if (deep || H5Tdetect_class(field->type, H5T_VLEN) > 0) {
    return ag_fail(AG_BAD_STORE, "%s%s cannot be compared: a list of any length or nested texts",
                   field->name[0] == '\0' ? "" : "column ", field->name);
  }
  return AG_OK;
}

static ag_status add_field(ag_fields *fields, const char *name, hid_t type, size_t offset,
                           size_t row_size)
{
  ag_status status = AG_OK;
  ag_field *field = &fields->entries[fields->count++];
  *field = (ag_field){.type = type, .offset = offset};
  AG_HDF5_TRY(type, "a column's type cannot be read");
  AG_TRY(ag_allocate(strlen(name) + 1, 1, &field->name));
  memcpy(field->name, name, strlen(name));
  AG_TRY(classify(field));
  if (offset > row_size || field->size > row_size - offset) { /* only in a damaged file */
    status = ag_fail(AG_BAD_STORE, "column %s lies outside of its row", name);
  }
cleanup:
  return status;
}

ag_status ag_fields_list(const ag_values *values, bool all, ag_fields *fields)
{
  ag_status status = AG_OK;
  char *name = NULL;
  *fields = (ag_fields){0};
  if (H5Tget_class(values->type) != H5T_COMPOUND) {
    AG_TRY(ag_allocate(1, sizeof *fields->entries, &fields->entries));
    AG_TRY(add_field(fields, "", H5Tcopy(values->type), 0, values->size));
    goto cleanup;
  }
  const int members = H5Tget_nmembers(values->type);
  AG_TRY(ag_allocate((size_t)members, sizeof *fields->entries, &fields->entries));
  for (unsigned i = 0; i < (unsigned)members; ++i) {
    name = H5Tget_member_name(values->type, i);
    if (name == NULL) {
      status = ag_hdf5_fail(AG_HDF5_FAILED, "a column's name cannot be read");
      goto cleanup;
    }
    if (all || !ag_is_circumstance(name)) {
      AG_TRY(add_field(fields, name, H5Tget_member_type(values->type, i),
                       H5Tget_member_offset(values->type, i), values->size));
    }
    H5free_memory(name);
    name = NULL;
  }
cleanup:
  if (name != NULL) H5free_memory(name);
  return status;
}

void ag_fields_clear(ag_fields *fields)
{
  ag_status ignored = AG_OK;
  for (size_t i = 0; i < fields->count; ++i) {
    ag_hdf5_close(&fields->entries[i].type, &ignored);
    ag_release(&fields->entries[i].name);
  }
  ag_release(&fields->entries);
  fields->count = 0;
}

/* A text of any length as HDF5 reads it; what was never written is empty. */
static const char *text_at(const char *value)
{
  const char *text = NULL;
  memcpy(&text, value, sizeof text);
  return text == NULL ? "" : text;
}

bool ag_field_equal(const ag_field *field, const char *first, const char *second)
{
  if (field->is_text) return strcmp(text_at(first), text_at(second)) == 0;
  return memcmp(first, second, field->size) == 0;
}
