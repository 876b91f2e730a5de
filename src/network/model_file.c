/* Model files: a network's parameters in HDF5, in the layout that PyTorch uses.
 * A file is checked against the network in every name, shape and value before any of it
 * reaches the network. */
#include "network/hdf5_support.h"
#include "network/network.h"

#include <hdf5_hl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SCHEMA_VERSION = 1, SHAPE_TEXT = 128 };

/* The sides of a parameter in the file; returns how many there are. */
static size_t file_dimensions(const ag_parameter *parameter, size_t out[AG_HDF5_RANK_MAXIMUM])
{
  out[0] = parameter->out;
  switch (parameter->layout) {
  case AG_LAYOUT_VECTOR: return 1;
  case AG_LAYOUT_DENSE: out[1] = parameter->in * parameter->height * parameter->width; return 2;
  case AG_LAYOUT_CONVOLUTION: break;
  }
  out[1] = parameter->in;
  out[2] = parameter->height;
  out[3] = parameter->width;
  return 4;
}

/* ---- saving ------------------------------------------------------------------- */

static ag_status save_parameter(hid_t file, const ag_parameter *parameter, const float *block,
                                float *values)
{
  ag_hdf5_array array = {.name = parameter->name,
                         .file_type = H5T_IEEE_F32LE,
                         .memory_type = H5T_NATIVE_FLOAT,
                         .values = values};
  array.rank = file_dimensions(parameter, array.dimensions);
  ag_parameter_export(parameter, block, values);
  return ag_hdf5_write_array(file, &array);
}

static ag_status save_attributes(hid_t file, const ag_network *network, const char *architecture,
                                 const char *key)
{
  ag_status status = AG_OK;
  const ag_shape input = ag_network_input(network);
  const int schema = SCHEMA_VERSION;
  const int classes = (int)ag_network_classes(network);
  const int sides[3] = {(int)input.height, (int)input.width, (int)input.channels};
  AG_TRY(ag_hdf5_write_integers(file, "schema_version", &schema, 1));
  AG_TRY(ag_hdf5_write_text(file, "architecture", architecture));
  AG_TRY(ag_hdf5_write_text(file, "key", key));
  AG_TRY(ag_hdf5_write_integers(file, "classes", &classes, 1));
  AG_TRY(ag_hdf5_write_integers(file, "input", sides, 3));
cleanup:
  return status;
}

/* Floats of the longest parameter in the file's order. */
static size_t longest_parameter(const ag_network *network)
{
  size_t longest = 0;
  for (size_t i = 0; i < ag_network_parameter_count(network); ++i) {
    const size_t floats = ag_parameter_file_floats(ag_network_parameter(network, i));
    if (floats > longest) longest = floats;
  }
  return longest;
}

ag_status ag_model_save(const ag_network *network, const char *path, const char *architecture,
                        const char *key)
{
  ag_status status = AG_OK;
  ag_hdf5_printing printing;
  hid_t file = H5I_INVALID_HID;
  float *values = NULL;
  ag_hdf5_printing_stop(&printing);
  AG_TRY(ag_allocate(longest_parameter(network), sizeof *values, &values));
  AG_TRY(ag_hdf5_create(path, &file));
  AG_TRY(save_attributes(file, network, architecture, key));
  for (size_t i = 0; i < ag_network_parameter_count(network); ++i) {
    AG_TRY(save_parameter(file, ag_network_parameter(network, i), network->block, values));
  }
  AG_TRY(ag_hdf5_save(file, path));
cleanup:
  ag_hdf5_close(&file, &status);
  ag_release(&values);
  ag_hdf5_printing_resume(&printing);
  return status == AG_HDF5_FAILED ? ag_fail_within(status, "cannot write %s", path) : status;
}

/* ---- loading -------------------------------------------------------------------- */

/* "[64, 32, 3, 3]"; a scalar is "[]". */
static void shape_text(size_t rank, const size_t *dimensions, char out[SHAPE_TEXT])
{
  size_t used = (size_t)snprintf(out, SHAPE_TEXT, "[");
  for (size_t i = 0; i < rank && used < SHAPE_TEXT; ++i) {
    used +=
        (size_t)snprintf(out + used, SHAPE_TEXT - used, "%s%zu", i == 0 ? "" : ", ", dimensions[i]);
  }
  if (used < SHAPE_TEXT) snprintf(out + used, SHAPE_TEXT - used, "]");
}

/* Checks that a dataset (type invalid: none) holds floating-point numbers in the parameter's
 * shape. */
static ag_status check_dataset(const char *path, const ag_parameter *parameter, hid_t type,
                               hid_t space)
{
  size_t expected[AG_HDF5_RANK_MAXIMUM] = {0};
  size_t found[H5S_MAX_RANK] = {0};
  hsize_t sides[H5S_MAX_RANK] = {0};
  char expected_text[SHAPE_TEXT];
  char found_text[SHAPE_TEXT];
  const size_t rank = file_dimensions(parameter, expected);
  shape_text(rank, expected, expected_text);
  if (type == H5I_INVALID_HID) {
    return ag_fail(AG_BAD_MODEL, "%s: %s is missing; expected float32 %s", path, parameter->name,
                   expected_text);
  }
  if (H5Tget_class(type) != H5T_FLOAT) {
    return ag_fail(AG_BAD_MODEL, "%s: %s is not of floating-point numbers; expected float32 %s",
                   path, parameter->name, expected_text);
  }
  const int found_rank = H5Sget_simple_extent_dims(space, sides, NULL);
  if (found_rank < 0) {
    return ag_hdf5_fail(AG_BAD_MODEL, "%s: %s cannot be read", path, parameter->name);
  }
  for (int i = 0; i < found_rank; ++i)
    found[i] = (size_t)sides[i];
  if ((size_t)found_rank == rank && memcmp(found, expected, rank * sizeof *found) == 0) {
    return AG_OK;
  }
  shape_text((size_t)found_rank, found, found_text);
  return ag_fail(AG_BAD_MODEL, "%s: %s is %s; expected %s", path, parameter->name, found_text,
                 expected_text);
}

static bool is_in_range(ag_range range, float value)
{
  switch (range) {
  case AG_RANGE_NOT_NEGATIVE: return value >= 0;
  case AG_RANGE_POSITIVE: return value > 0;
  case AG_RANGE_ANY: break;
  }
  return true;
}

static ag_status check_values(const char *path, const ag_parameter *parameter, const float *values)
{
  static const char *const expected[] = {
      [AG_RANGE_NOT_NEGATIVE] = "numbers of at least 0", [AG_RANGE_POSITIVE] = "numbers above 0"};
  const size_t count = ag_parameter_file_floats(parameter);
  for (size_t i = 0; i < count; ++i) {
    if (!isfinite(values[i])) {
      return ag_fail(AG_BAD_MODEL, "%s: %s has %s at value %zu of %zu; expected finite numbers",
                     path, parameter->name, isnan(values[i]) ? "a NaN" : "an infinity", i, count);
    }
    if (!is_in_range(parameter->range, values[i])) {
      return ag_fail(AG_BAD_MODEL, "%s: %s has %g at value %zu of %zu; expected %s", path,
                     parameter->name, (double)values[i], i, count, expected[parameter->range]);
    }
  }
  return AG_OK;
}

/* Reads one parameter into values, in the file's order. */
static ag_status load_parameter(hid_t file, const char *path, const ag_parameter *parameter,
                                float *values)
{
  ag_status status = AG_OK;
  const char *name = parameter->name;
  hid_t dataset = H5I_INVALID_HID;
  hid_t type = H5I_INVALID_HID;
  hid_t space = H5I_INVALID_HID;
  if (H5LTpath_valid(file, name, true) <= 0) return check_dataset(path, parameter, type, space);
  if ((dataset = H5Dopen2(file, name, H5P_DEFAULT)) < 0 || (type = H5Dget_type(dataset)) < 0 ||
      (space = H5Dget_space(dataset)) < 0) {
    status = ag_hdf5_fail(AG_BAD_MODEL, "%s: %s cannot be opened as a dataset", path, name);
    goto cleanup;
  }
  AG_TRY(check_dataset(path, parameter, type, space));
  if (H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
    status = ag_hdf5_fail(AG_BAD_MODEL, "%s: %s cannot be read", path, name);
    goto cleanup;
  }
  AG_TRY(check_values(path, parameter, values));
cleanup:
  ag_hdf5_close(&space, &status);
  ag_hdf5_close(&type, &status);
  ag_hdf5_close(&dataset, &status);
  return status;
}

typedef struct extra_search {
  const ag_network *network;
  const char *path;
  ag_status status;
} extra_search;

/* Ends the walk over a file's objects at a dataset that is no parameter. */
static herr_t find_extra(hid_t file, const char *name, const H5O_info_t *information, void *context)
{
  (void)file;
  extra_search *search = context;
  if (information->type != H5O_TYPE_DATASET) return 0;
  for (size_t i = 0; i < ag_network_parameter_count(search->network); ++i) {
    if (strcmp(ag_network_parameter(search->network, i)->name, name) == 0) return 0;
  }
  search->status =
      ag_fail(AG_BAD_MODEL, "%s: %s is not a parameter of this network", search->path, name);
  return 1;
}

static ag_status check_extra(hid_t file, const char *path, const ag_network *network)
{
  extra_search search = {.network = network, .path = path, .status = AG_OK};
  if (H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, find_extra, &search, H5O_INFO_BASIC) < 0) {
    return ag_hdf5_fail(AG_BAD_MODEL, "%s is damaged", path);
  }
  return search.status;
}

/* ---- attributes, which a file made elsewhere need not have ------------------------ */

/* Opens an attribute of the root; *type is invalid where there is none. */
static ag_status open_attribute(hid_t file, const char *path, const char *name, hid_t *attribute,
                                hid_t *type)
{
  ag_status status = AG_OK;
  hid_t space = H5I_INVALID_HID;
  if (H5Aexists(file, name) == 0) return AG_OK;
  if ((*attribute = H5Aopen(file, name, H5P_DEFAULT)) < 0 ||
      (space = H5Aget_space(*attribute)) < 0 || H5Sget_simple_extent_npoints(space) != 1 ||
      (*type = H5Aget_type(*attribute)) < 0) {
    status = ag_fail(AG_BAD_MODEL, "%s: the attribute %s is not a single value", path, name);
  }
  ag_hdf5_close(&space, &status);
  return status;
}

static ag_status check_schema(hid_t file, const char *path)
{
  ag_status status = AG_OK;
  int version = 0;
  hid_t attribute = H5I_INVALID_HID;
  hid_t type = H5I_INVALID_HID;
  AG_TRY(open_attribute(file, path, "schema_version", &attribute, &type));
  if (type < 0) goto cleanup;
  if (H5Tget_class(type) != H5T_INTEGER || H5Aread(attribute, H5T_NATIVE_INT, &version) < 0 ||
      version != SCHEMA_VERSION) {
    status = ag_fail(AG_BAD_MODEL, "%s: schema_version is %d; expected %d", path, version,
                     SCHEMA_VERSION);
  }
cleanup:
  ag_hdf5_close(&type, &status);
  ag_hdf5_close(&attribute, &status);
  return status;
}

/* Reads a text of the given type, fixed or variable in length, as far as it fits a key. */
static herr_t read_text(hid_t attribute, hid_t type, char key[AG_DIGEST_TEXT_SIZE])
{
  char *text = NULL;
  const size_t size = H5Tget_size(type);
  if (H5Tis_variable_str(type) > 0) {
    if (H5Aread(attribute, type, &text) < 0) return -1;
    snprintf(key, AG_DIGEST_TEXT_SIZE, "%s", text == NULL ? "" : text);
    return H5free_memory(text);
  }
  if (ag_allocate(size + 1, 1, &text) != AG_OK) return -1;
  const herr_t result = H5Aread(attribute, type, text);
  snprintf(key, AG_DIGEST_TEXT_SIZE, "%s", text);
  ag_release(&text);
  return result;
}

static ag_status load_key(hid_t file, const char *path, char key[AG_DIGEST_TEXT_SIZE])
{
  ag_status status = AG_OK;
  hid_t attribute = H5I_INVALID_HID;
  hid_t type = H5I_INVALID_HID;
  key[0] = '\0';
  AG_TRY(open_attribute(file, path, "key", &attribute, &type));
  if (type < 0) goto cleanup;
  if (H5Tget_class(type) != H5T_STRING || read_text(attribute, type, key) < 0) {
    status = ag_fail(AG_BAD_MODEL, "%s: the attribute key is not a text", path);
  }
cleanup:
  ag_hdf5_close(&type, &status);
  ag_hdf5_close(&attribute, &status);
  return status;
}

ag_status ag_model_load(ag_network *network, const char *path, char key[AG_DIGEST_TEXT_SIZE])
{
  ag_status status = AG_OK;
  ag_hdf5_printing printing;
  hid_t file = H5I_INVALID_HID;
  float *values = NULL;
  float *block = NULL;
  char found_key[AG_DIGEST_TEXT_SIZE];
  ag_hdf5_printing_stop(&printing);
  AG_TRY(ag_hdf5_open(path, AG_BAD_MODEL, &file));
  AG_TRY(check_schema(file, path));
  AG_TRY(load_key(file, path, found_key));
  AG_TRY(ag_allocate(longest_parameter(network), sizeof *values, &values));
  AG_TRY(ag_allocate(network->floats, sizeof *block, &block));
  /* The padding stays as the network has it. */
  memcpy(block, network->block, network->floats * sizeof *block);
  for (size_t i = 0; i < ag_network_parameter_count(network); ++i) {
    const ag_parameter *parameter = ag_network_parameter(network, i);
    AG_TRY(load_parameter(file, path, parameter, values));
    ag_parameter_import(parameter, values, block);
  }
  AG_TRY(check_extra(file, path, network));
  memcpy(network->block, block, network->floats * sizeof *block);
  network->ready = AG_READY_FOR_NOTHING;
  if (key != NULL) memcpy(key, found_key, sizeof found_key);
cleanup:
  ag_hdf5_close(&file, &status);
  ag_release(&block);
  ag_release(&values);
  ag_hdf5_printing_resume(&printing);
  return status == AG_HDF5_FAILED ? ag_fail_within(status, "%s", path) : status;
}
