/* Attributes and arrays of a result file, as far as they are what one expects of it. */
#include "store/results_read.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const size_t VALUES_MAXIMUM = (size_t)1 << 28;

/* ---- attributes ------------------------------------------------------------------------------ */

static ag_status keep_text(ag_results *results, hid_t attribute, hid_t type, const char **text)
{
  ag_status status = AG_OK;
  char *fixed = NULL;
  char *variable = NULL;
  const size_t size = H5Tget_size(type);
  if (H5Tis_variable_str(type) > 0) {
    if (H5Aread(attribute, type, &variable) < 0 || variable == NULL) goto cleanup;
    AG_TRY(ag_results_keep(results, variable, strlen(variable), text));
  } else {
    AG_TRY(ag_allocate(size + 1, 1, &fixed));
    if (H5Aread(attribute, type, fixed) < 0) goto cleanup;
    AG_TRY(ag_results_keep(results, fixed, strlen(fixed), text));
  }
cleanup:
  if (variable != NULL) (void)H5free_memory(variable);
  ag_release(&fixed);
  return status;
}

static ag_status keep_number(ag_results *results, hid_t attribute, const char **text)
{
  double value = 0;
  char buffer[64];
  if (H5Aread(attribute, H5T_NATIVE_DOUBLE, &value) < 0) return AG_OK;
  const int length = snprintf(buffer, sizeof buffer, "%.15g", value);
  return ag_results_keep(results, buffer, (size_t)length, text);
}

static ag_status keep_attribute(ag_results *results, hid_t attribute)
{
  ag_status status = AG_OK;
  ag_read_attribute entry = {"", NULL};
  char name[AG_VALUE_SIZE] = "";
  hid_t type = H5I_INVALID_HID;
  hid_t space = H5I_INVALID_HID;
  AG_HDF5_TRY(type = H5Aget_type(attribute), "an attribute cannot be read");
  AG_HDF5_TRY(space = H5Aget_space(attribute), "an attribute cannot be read");
  if (H5Sget_simple_extent_npoints(space) != 1) goto cleanup;
  AG_HDF5_TRY(H5Aget_name(attribute, sizeof name, name), "an attribute cannot be read");
  AG_TRY(ag_results_keep(results, name, strlen(name), &entry.name));
  const H5T_class_t class = H5Tget_class(type);
  if (class == H5T_STRING) AG_TRY(keep_text(results, attribute, type, &entry.text));
  if (class == H5T_INTEGER || class == H5T_FLOAT)
    AG_TRY(keep_number(results, attribute, &entry.text));
  if (entry.text != NULL) results->attributes[results->attribute_count++] = entry;
cleanup:
  ag_hdf5_close(&space, &status);
  ag_hdf5_close(&type, &status);
  return status;
}

ag_status ag_results_read_attributes(ag_results *results)
{
  ag_status status = AG_OK;
  hid_t attribute = H5I_INVALID_HID;
  H5O_info_t information;
  AG_HDF5_TRY(H5Oget_info2(results->file, &information, H5O_INFO_NUM_ATTRS),
              "the root cannot be read");
  AG_TRY(ag_allocate((size_t)information.num_attrs, sizeof *results->attributes,
                     &results->attributes));
  for (hsize_t i = 0; i < information.num_attrs; ++i) {
    AG_HDF5_TRY(attribute = H5Aopen_by_idx(results->file, ".", H5_INDEX_NAME, H5_ITER_INC, i,
                                           H5P_DEFAULT, H5P_DEFAULT),
                "an attribute cannot be read");
    AG_TRY(keep_attribute(results, attribute));
    ag_hdf5_close(&attribute, &status);
  }
cleanup:
  ag_hdf5_close(&attribute, &status);
  return status;
}

void ag_read_attribute_numbers(hid_t object, const char *name, double *values, size_t count)
{
  ag_status ignored = AG_OK;
  hid_t space = H5I_INVALID_HID;
  hid_t type = H5I_INVALID_HID;
  for (size_t i = 0; i < count; ++i)
    values[i] = (double)NAN;
  if (H5Aexists(object, name) <= 0) return;
  hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  if (attribute >= 0) space = H5Aget_space(attribute);
  if (attribute >= 0) type = H5Aget_type(attribute);
  if (space >= 0 && type >= 0 && H5Sget_simple_extent_npoints(space) == (hssize_t)count &&
      (H5Tget_class(type) == H5T_FLOAT || H5Tget_class(type) == H5T_INTEGER)) {
    (void)H5Aread(attribute, H5T_NATIVE_DOUBLE, values);
  }
  ag_hdf5_close(&type, &ignored);
  ag_hdf5_close(&space, &ignored);
  ag_hdf5_close(&attribute, &ignored);
}

ag_status ag_read_attribute_text(ag_results *results, hid_t object, const char *name,
                                 const char **text)
{
  ag_status status = AG_OK;
  hid_t type = H5I_INVALID_HID;
  hid_t space = H5I_INVALID_HID;
  *text = "";
  if (H5Aexists(object, name) <= 0) return AG_OK;
  hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  if (attribute < 0) return AG_OK;
  AG_HDF5_TRY(type = H5Aget_type(attribute), "an attribute cannot be read");
  AG_HDF5_TRY(space = H5Aget_space(attribute), "an attribute cannot be read");
  if (H5Sget_simple_extent_npoints(space) == 1 && H5Tget_class(type) == H5T_STRING)
    AG_TRY(keep_text(results, attribute, type, text));
cleanup:
  ag_hdf5_close(&space, &status);
  ag_hdf5_close(&type, &status);
  ag_hdf5_close(&attribute, &status);
  return status;
}

/* ---- arrays ------------------------------------------------------------------------------------
 */

/* Whether it is of that rank and of numbers; sides, count: overwritten. */
static ag_status take_shape(hid_t dataset, size_t rank, size_t *sides, size_t *count, bool *fits)
{
  ag_status status = AG_OK;
  hsize_t lengths[H5S_MAX_RANK];
  hid_t type = H5I_INVALID_HID;
  hid_t space = H5I_INVALID_HID;
  *fits = false;
  *count = 1;
  AG_HDF5_TRY(type = H5Dget_type(dataset), "a dataset cannot be read");
  AG_HDF5_TRY(space = H5Dget_space(dataset), "a dataset cannot be read");
  if (H5Tget_class(type) != H5T_INTEGER && H5Tget_class(type) != H5T_FLOAT) goto cleanup;
  if (H5Sget_simple_extent_dims(space, lengths, NULL) != (int)rank) goto cleanup;
  for (size_t i = 0; i < rank; ++i) {
    if (lengths[i] > 0 && *count > VALUES_MAXIMUM / lengths[i]) goto cleanup;
    sides[i] = (size_t)lengths[i];
    *count *= sides[i];
  }
  *fits = *count > 0;
cleanup:
  ag_hdf5_close(&space, &status);
  ag_hdf5_close(&type, &status);
  return status;
}

ag_status ag_read_array(hid_t parent, const char *name, size_t rank, size_t *sides, float **values)
{
  ag_status status = AG_OK;
  size_t count = 0;
  bool fits = false;
  *values = NULL;
  if (H5Lexists(parent, name, H5P_DEFAULT) <= 0) return AG_OK;
  hid_t dataset = H5Dopen2(parent, name, H5P_DEFAULT);
  if (dataset < 0) return AG_OK;
  AG_TRY(take_shape(dataset, rank, sides, &count, &fits));
  if (!fits) goto cleanup;
  AG_TRY(ag_allocate(count, sizeof **values, values));
  if (H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, *values) < 0) {
    status = ag_hdf5_fail(AG_BAD_STORE, "%s cannot be read", name);
    ag_release(values);
  }
cleanup:
  ag_hdf5_close(&dataset, &status);
  return status;
}
