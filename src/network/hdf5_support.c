/* What the model and the result files share of HDF5.
 * Files are built and read in memory: all input and output is that of base/. */
#include "network/hdf5_support.h"

#include <stdio.h>
#include <string.h>

enum {
  COMPRESSED_FROM = 1000, /* values */
  CHUNK_BYTES = 256 << 10,
  COMPRESSION = 4,
  FILE_GROWTH = 1 << 20
};

void ag_hdf5_version(char out[32])
{
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  memset(out, 0, 32);
  if (H5get_libversion(&major, &minor, &release) < 0) return;
  snprintf(out, 32, "%u.%u.%u", major, minor, release);
}

/* ---- errors ---------------------------------------------------------------- */

void ag_hdf5_printing_stop(ag_hdf5_printing *before)
{
  if (H5Eget_auto2(H5E_DEFAULT, &before->function, &before->context) < 0) {
    *before = (ag_hdf5_printing){0};
  }
  (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void ag_hdf5_printing_resume(const ag_hdf5_printing *before)
{
  (void)H5Eset_auto2(H5E_DEFAULT, before->function, before->context);
}

/* The first call is for the innermost entry: it is kept, and ends the walk. */
static herr_t keep_message(unsigned level, const H5E_error2_t *error, void *context)
{
  (void)level;
  snprintf(context, 512, "%s", error->desc == NULL ? "" : error->desc);
  return 1;
}

ag_status ag_hdf5_fail(ag_status status, const char *format, ...)
{
  char reason[512] = "";
  char text[1024];
  (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_message, reason);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (reason[0] == '\0') return ag_fail(status, "%s", text);
  return ag_fail(status, "%s: %s", text, reason);
}

void ag_hdf5_close(hid_t *id, ag_status *status)
{
  if (*id >= 0 && H5Idec_ref(*id) < 0 && *status == AG_OK) {
    *status = ag_hdf5_fail(AG_HDF5_FAILED, "cannot close");
  }
  *id = H5I_INVALID_HID;
}

/* ---- files ------------------------------------------------------------------- */

/* HDF5 tells files in memory apart by their names, and looks on the disk for them all the same:
 * below a regular file there can be none. */
static ag_status memory_name(char out[AG_PATH_SIZE], const char *path)
{
  return ag_path_join(out, AG_PATH_SIZE, "%s/memory", path);
}

/* Settings for a file in memory; with `size` bytes of one that is there, where size > 0. */
static ag_status memory_access(char *bytes, size_t size, hid_t *access)
{
  ag_status status = AG_OK;
  AG_HDF5_TRY(*access = H5Pcreate(H5P_FILE_ACCESS), "cannot set up a file in memory");
  AG_HDF5_TRY(H5Pset_fapl_core(*access, FILE_GROWTH, false), "cannot set up a file in memory");
  if (size > 0) {
    AG_HDF5_TRY(H5Pset_file_image(*access, bytes, size), "cannot set up a file in memory");
  }
cleanup:
  if (status != AG_OK) ag_hdf5_close(access, &status);
  return status;
}

ag_status ag_hdf5_create(const char *path, hid_t *file)
{
  ag_status status = AG_OK;
  char name[AG_PATH_SIZE];
  hid_t access = H5I_INVALID_HID;
  *file = H5I_INVALID_HID;
  AG_TRY(memory_name(name, path));
  AG_TRY(memory_access(NULL, 0, &access));
  AG_HDF5_TRY(*file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, access),
              "cannot create a file in memory");
cleanup:
  ag_hdf5_close(&access, &status);
  if (status != AG_OK) ag_hdf5_close(file, &status);
  return status;
}

ag_status ag_hdf5_image(hid_t file, size_t room, char **bytes, size_t *size)
{
  ag_status status = AG_OK;
  ssize_t length = 0;
  *bytes = NULL;
  AG_HDF5_TRY(H5Fflush(file, H5F_SCOPE_GLOBAL), "cannot complete the file");
  AG_HDF5_TRY(length = H5Fget_file_image(file, NULL, 0), "cannot complete the file");
  AG_TRY(ag_allocate((size_t)length + room, 1, bytes));
  AG_HDF5_TRY(H5Fget_file_image(file, *bytes, (size_t)length), "cannot complete the file");
  *size = (size_t)length;
cleanup:
  if (status != AG_OK) ag_release(bytes);
  return status;
}

ag_status ag_hdf5_save(hid_t file, const char *path)
{
  ag_status status = AG_OK;
  char *bytes = NULL;
  size_t size = 0;
  AG_TRY(ag_hdf5_image(file, 0, &bytes, &size));
  AG_TRY(ag_file_write(path, bytes, size));
cleanup:
  ag_release(&bytes);
  return status;
}

ag_status ag_hdf5_open_image(const char *path, char *bytes, size_t size, ag_status damaged,
                             hid_t *file)
{
  ag_status status = AG_OK;
  char name[AG_PATH_SIZE];
  hid_t access = H5I_INVALID_HID;
  *file = H5I_INVALID_HID;
  if (size == 0) return ag_fail(damaged, "%s is empty", path);
  AG_TRY(memory_name(name, path));
  AG_TRY(memory_access(bytes, size, &access)); /* copies the bytes */
  *file = H5Fopen(name, H5F_ACC_RDONLY, access);
  if (*file < 0) {
    status = ag_hdf5_fail(damaged, "%s is not an HDF5 file, or a damaged one", path);
  }
cleanup:
  ag_hdf5_close(&access, &status);
  if (status != AG_OK) ag_hdf5_close(file, &status);
  return status;
}

ag_status ag_hdf5_open(const char *path, ag_status damaged, hid_t *file)
{
  char *bytes = NULL;
  size_t size = 0;
  *file = H5I_INVALID_HID;
  ag_status status = ag_file_read(path, &bytes, &size);
  if (status == AG_OK) status = ag_hdf5_open_image(path, bytes, size, damaged, file);
  ag_release(&bytes);
  return status;
}

/* ---- attributes ---------------------------------------------------------------- */

ag_status ag_hdf5_text_type(hid_t *type)
{
  ag_status status = AG_OK;
  AG_HDF5_TRY(*type = H5Tcopy(H5T_C_S1), "cannot make a text type");
  AG_HDF5_TRY(H5Tset_size(*type, H5T_VARIABLE), "cannot make a text type");
  AG_HDF5_TRY(H5Tset_cset(*type, H5T_CSET_UTF8), "cannot make a text type");
cleanup:
  if (status != AG_OK) ag_hdf5_close(type, &status);
  return status;
}

static ag_status write_attribute(hid_t object, const char *name, hid_t type, hid_t space,
                                 const void *values)
{
  ag_status status = AG_OK;
  hid_t attribute = H5I_INVALID_HID;
  AG_HDF5_TRY(attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT),
              "cannot create the attribute %s", name);
  AG_HDF5_TRY(H5Awrite(attribute, type, values), "cannot write the attribute %s", name);
cleanup:
  ag_hdf5_close(&attribute, &status);
  return status;
}

ag_status ag_hdf5_write_text(hid_t object, const char *name, const char *text)
{
  ag_status status = AG_OK;
  hid_t type = H5I_INVALID_HID;
  hid_t space = H5I_INVALID_HID;
  AG_TRY(ag_hdf5_text_type(&type));
  AG_HDF5_TRY(space = H5Screate(H5S_SCALAR), "cannot make a scalar");
  AG_TRY(write_attribute(object, name, type, space, &text));
cleanup:
  ag_hdf5_close(&space, &status);
  ag_hdf5_close(&type, &status);
  return status;
}

/* One value: a scalar. */
static ag_status write_values(hid_t object, const char *name, hid_t type, const void *values,
                              size_t count)
{
  ag_status status = AG_OK;
  const hsize_t length = count;
  hid_t space = H5I_INVALID_HID;
  AG_HDF5_TRY(space = count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &length, NULL),
              "cannot make a space");
  AG_TRY(write_attribute(object, name, type, space, values));
cleanup:
  ag_hdf5_close(&space, &status);
  return status;
}

ag_status ag_hdf5_write_integers(hid_t object, const char *name, const int *values, size_t count)
{
  return write_values(object, name, H5T_NATIVE_INT, values, count);
}

ag_status ag_hdf5_write_numbers(hid_t object, const char *name, const double *values, size_t count)
{
  return write_values(object, name, H5T_NATIVE_DOUBLE, values, count);
}

ag_status ag_hdf5_write_scalar(hid_t object, const char *name, hid_t type, const void *value)
{
  ag_status status = AG_OK;
  hid_t space = H5I_INVALID_HID;
  AG_HDF5_TRY(space = H5Screate(H5S_SCALAR), "cannot make a scalar");
  AG_TRY(write_attribute(object, name, type, space, value));
cleanup:
  ag_hdf5_close(&space, &status);
  return status;
}

ag_status ag_hdf5_read_scalar(hid_t object, const char *name, hid_t type, void *value)
{
  ag_status status = AG_OK;
  hid_t attribute = H5I_INVALID_HID;
  hid_t space = H5I_INVALID_HID;
  AG_HDF5_TRY(attribute = H5Aopen(object, name, H5P_DEFAULT), "cannot open the attribute %s", name);
  AG_HDF5_TRY(space = H5Aget_space(attribute), "cannot open the attribute %s", name);
  if (H5Sget_simple_extent_npoints(space) != 1) {
    status = ag_fail(AG_HDF5_FAILED, "the attribute %s is not a single value", name);
    goto cleanup;
  }
  AG_HDF5_TRY(H5Aread(attribute, type, value), "cannot read the attribute %s", name);
cleanup:
  ag_hdf5_close(&space, &status);
  ag_hdf5_close(&attribute, &status);
  return status;
}

/* ---- datasets -------------------------------------------------------------------- */

/* Halves the longest side of the whole array until a chunk is small enough. */
static void choose_chunk(size_t rank, const hsize_t *dimensions, size_t value, hsize_t *chunk)
{
  memcpy(chunk, dimensions, rank * sizeof *chunk);
  for (;;) {
    size_t bytes = value;
    size_t longest = 0;
    for (size_t i = 0; i < rank; ++i) {
      bytes *= (size_t)chunk[i];
      if (chunk[i] > chunk[longest]) longest = i;
    }
    if (bytes <= CHUNK_BYTES || chunk[longest] == 1) return;
    chunk[longest] = (chunk[longest] + 1) / 2;
  }
}

static ag_status set_storage(hid_t properties, const ag_hdf5_array *array,
                             const hsize_t *dimensions)
{
  ag_status status = AG_OK;
  hsize_t chunk[AG_HDF5_RANK_MAXIMUM];
  size_t values = 1;
  for (size_t i = 0; i < array->rank; ++i)
    values *= array->dimensions[i];
  if (array->plain || values <= COMPRESSED_FROM) return AG_OK;
  choose_chunk(array->rank, dimensions, H5Tget_size(array->file_type), chunk);
  AG_HDF5_TRY(H5Pset_chunk(properties, (int)array->rank, chunk), "cannot set chunks");
  AG_HDF5_TRY(H5Pset_shuffle(properties), "cannot set the shuffle filter");
  AG_HDF5_TRY(H5Pset_deflate(properties, COMPRESSION), "cannot set compression");
cleanup:
  return status;
}

ag_status ag_hdf5_write_array(hid_t parent, const ag_hdf5_array *array)
{
  ag_status status = AG_OK;
  hsize_t dimensions[AG_HDF5_RANK_MAXIMUM];
  hid_t space = H5I_INVALID_HID;
  hid_t properties = H5I_INVALID_HID;
  hid_t links = H5I_INVALID_HID;
  hid_t dataset = H5I_INVALID_HID;
  for (size_t i = 0; i < array->rank; ++i)
    dimensions[i] = array->dimensions[i];
  AG_HDF5_TRY(space = H5Screate_simple((int)array->rank, dimensions, NULL), "cannot make a space");
  AG_HDF5_TRY(properties = H5Pcreate(H5P_DATASET_CREATE), "cannot set up a dataset");
  AG_TRY(set_storage(properties, array, dimensions));
  AG_HDF5_TRY(links = H5Pcreate(H5P_LINK_CREATE), "cannot set up a dataset");
  AG_HDF5_TRY(H5Pset_create_intermediate_group(links, 1), "cannot set up a dataset");
  AG_HDF5_TRY(H5Pset_char_encoding(links, H5T_CSET_UTF8), "cannot set up a dataset");
  AG_HDF5_TRY(dataset = H5Dcreate2(parent, array->name, array->file_type, space, links, properties,
                                   H5P_DEFAULT),
              "cannot create %s", array->name);
  AG_HDF5_TRY(H5Dwrite(dataset, array->memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, array->values),
              "cannot write %s", array->name);
cleanup:
  ag_hdf5_close(&dataset, &status);
  ag_hdf5_close(&links, &status);
  ag_hdf5_close(&properties, &status);
  ag_hdf5_close(&space, &status);
  return status;
}
