/* What results.h5 has of a point's details: /examples, /latent, /neighbours and /draws, each with a
 * group of the point's key, as /samples has. */
#include "store/results_file.h"

#include <string.h>

/* A point on its way into the file. */
typedef struct writer {
  hid_t file;
  const char *key;
  const ag_dataset *dataset;
  const ag_outcome *outcomes;
  const ag_point_details *from;
} writer;

enum { PATH_SIZE = AG_DIGEST_TEXT_SIZE + 2 * AG_NAME_SIZE };

/* ---- pieces ---- */

static ag_status write_array(const writer *self, const char *group, const char *name, hid_t type,
                             const size_t *sides, size_t rank, const void *values)
{
  char path[PATH_SIZE];
  ag_hdf5_array array = {
      .name = path, .file_type = type, .memory_type = type, .rank = rank, .values = values};
  memcpy(array.dimensions, sides, rank * sizeof *sides);
  const ag_status status = ag_path_join(path, sizeof path, "%s/%s/%s", group, self->key, name);
  return status == AG_OK ? ag_hdf5_write_array(self->file, &array) : status;
}

/* Columns of the first `count` outcomes. */
static ag_status write_columns(const writer *self, const char *group, const ag_column *columns,
                               size_t column_count, size_t count)
{
  char path[PATH_SIZE];
  const ag_status status = ag_path_join(path, sizeof path, "%s/%s", group, self->key);
  if (status != AG_OK) return status;
  return ag_results_columns(self->file, path,
                            &(ag_rows){.columns = columns,
                                       .column_count = column_count,
                                       .rows = self->outcomes,
                                       .row_size = sizeof *self->outcomes,
                                       .row_count = count});
}

/* Both sides of a kind of floats, [images, sides of a value]. */
static ag_status write_sides(const writer *self, const char *group, ag_detail kind,
                             const char *const names[AG_SIDES], const size_t *sides, size_t rank)
{
  ag_status status = AG_OK;
  const ag_details *details = &self->from->details;
  size_t all[AG_HDF5_RANK_MAXIMUM] = {ag_details_images(details, kind)};
  if (rank > 0) memcpy(all + 1, sides, rank * sizeof *sides);
  for (ag_side side = 0; side < AG_SIDES && status == AG_OK; ++side) {
    status = write_array(self, group, names[side], H5T_NATIVE_FLOAT, all, rank + 1,
                         ag_details_value(details, kind, side, 0));
  }
  return status;
}

static ag_status open_group(const writer *self, const char *group, hid_t *id)
{
  ag_status status = AG_OK;
  char path[PATH_SIZE];
  AG_TRY(ag_path_join(path, sizeof path, "%s/%s", group, self->key));
  AG_HDF5_TRY(*id = H5Gopen2(self->file, path, H5P_DEFAULT), "cannot open /%s", path);
cleanup:
  return status;
}

typedef struct number {
  const char *name;
  double value;
} number;

static ag_status write_numbers(hid_t group, const number *numbers, size_t count)
{
  ag_status status = AG_OK;
  for (size_t i = 0; i < count && status == AG_OK; ++i)
    status = ag_hdf5_write_scalar(group, numbers[i].name, H5T_NATIVE_DOUBLE, &numbers[i].value);
  return status;
}

/* ---- groups ---- */

static const ag_column index_column = {"index", AG_COLUMN_INDEX, offsetof(ag_outcome, index)};

static ag_status write_examples(const writer *self)
{
  static const char group[] = "examples";
  static const char *const pixels[] = {"clean", "adversarial"};
  static const char *const probabilities[] = {"clean_probabilities", "probabilities"};
  ag_status status = AG_OK;
  const ag_column columns[] = {index_column,
                               {"label", AG_COLUMN_BYTE, offsetof(ag_outcome, label)}};
  const ag_shape shape = self->dataset->shape;
  const size_t sides[] = {shape.height, shape.width, shape.channels};
  const size_t images = ag_details_images(&self->from->details, AG_DETAIL_PIXELS);
  AG_TRY(write_columns(self, group, columns, sizeof columns / sizeof *columns, images));
  AG_TRY(write_sides(self, group, AG_DETAIL_PIXELS, pixels, sides, 3));
  AG_TRY(
      write_sides(self, group, AG_DETAIL_PROBABILITIES, probabilities, &self->dataset->classes, 1));
cleanup:
  return status;
}

/* The points themselves, and where they lie on the plane in which the clean ones vary most. */
static ag_status write_latent(const writer *self)
{
  static const char group[] = "latent";
  static const char *const names[] = {"clean", "attacked"};
  ag_status status = AG_OK;
  const ag_column columns[] = {index_column,
                               {"label", AG_COLUMN_BYTE, offsetof(ag_outcome, label)},
                               {"prediction", AG_COLUMN_BYTE, offsetof(ag_outcome, prediction)}};
  const ag_details *details = &self->from->details;
  const size_t images = ag_details_images(details, AG_DETAIL_POINT);
  const size_t floats = details->form->kinds[AG_DETAIL_POINT].bytes / sizeof(float);
  const size_t plane[] = {images, 2};
  double *clean = NULL;
  double *attacked = NULL;
  double shares[2];
  hid_t id = H5I_INVALID_HID;
  AG_TRY(ag_allocate(2 * images, sizeof *clean, &clean));
  AG_TRY(ag_allocate(2 * images, sizeof *attacked, &attacked));
  AG_TRY(ag_principal_plane(
      images, floats, ag_details_value(details, AG_DETAIL_POINT, AG_SIDE_CLEAN, 0),
      ag_details_value(details, AG_DETAIL_POINT, AG_SIDE_ATTACKED, 0), clean, attacked, shares));
  AG_TRY(write_columns(self, group, columns, sizeof columns / sizeof *columns, images));
  AG_TRY(write_sides(self, group, AG_DETAIL_POINT, names, &floats, 1));
  AG_TRY(write_array(self, group, "clean_2d", H5T_NATIVE_DOUBLE, plane, 2, clean));
  AG_TRY(write_array(self, group, "attacked_2d", H5T_NATIVE_DOUBLE, plane, 2, attacked));
  AG_TRY(open_group(self, group, &id));
  AG_TRY(ag_hdf5_write_text(id, "layer", details->form->layer));
  AG_TRY(ag_hdf5_write_numbers(id, "explained_variance", shares, 2));
cleanup:
  ag_hdf5_close(&id, &status);
  ag_release(&attacked);
  ag_release(&clean);
  return status;
}

static double mean_distance(const ag_details *details, ag_side side)
{
  const size_t images = ag_details_images(details, AG_DETAIL_DISTANCE);
  const float *distances = ag_details_value(details, AG_DETAIL_DISTANCE, side, 0);
  double sum = 0;
  for (size_t i = 0; i < images; ++i)
    sum += (double)distances[i];
  return sum / (double)images;
}

static ag_status write_neighbours(const writer *self)
{
  static const char group[] = "neighbours";
  static const char *const names[] = {"clean_distance", "attacked_distance"};
  ag_status status = AG_OK;
  const ag_details *details = &self->from->details;
  const number means[] = {{"mean_clean_distance", mean_distance(details, AG_SIDE_CLEAN)},
                          {"mean_attacked_distance", mean_distance(details, AG_SIDE_ATTACKED)}};
  hid_t id = H5I_INVALID_HID;
  AG_TRY(
      write_columns(self, group, &index_column, 1, ag_details_images(details, AG_DETAIL_DISTANCE)));
  AG_TRY(write_sides(self, group, AG_DETAIL_DISTANCE, names, NULL, 0));
  AG_TRY(open_group(self, group, &id));
  AG_TRY(write_numbers(id, means, sizeof means / sizeof *means));
cleanup:
  ag_hdf5_close(&id, &status);
  return status;
}

static ag_status write_draws(const writer *self)
{
  static const char group[] = "draws";
  ag_status status = AG_OK;
  ag_point_draws draws = {0};
  hid_t id = H5I_INVALID_HID;
  AG_TRY(ag_point_draws_take(self->from, self->outcomes, &draws));
  const number numbers[] = {{"mean", draws.summary.mean},
                            {"low", draws.summary.interval.low},
                            {"high", draws.summary.interval.high}};
  const uint32_t images = (uint32_t)ag_details_images(&self->from->details, AG_DETAIL_DRAWS);
  AG_TRY(write_array(self, group, "clean_correct", H5T_NATIVE_UINT32, &draws.draws, 1,
                     draws.clean_correct));
  AG_TRY(write_array(self, group, "robust_correct", H5T_NATIVE_UINT32, &draws.draws, 1,
                     draws.robust_correct));
  AG_TRY(open_group(self, group, &id));
  AG_TRY(ag_hdf5_write_scalar(id, "images", H5T_NATIVE_UINT32, &images));
  AG_TRY(write_numbers(id, numbers, sizeof numbers / sizeof *numbers));
cleanup:
  ag_hdf5_close(&id, &status);
  ag_point_draws_clear(&draws);
  return status;
}

ag_status ag_results_details(hid_t file, const ag_ledger *ledger, size_t point, const char *key,
                             const ag_outcome *outcomes, size_t count)
{
  ag_status status = AG_OK;
  ag_point_details from = {0};
  const writer self = {file, key, &ledger->plan->dataset, outcomes, &from};
  AG_TRY(ag_ledger_details(ledger, point, outcomes, count, &from));
  if (from.has[AG_DETAIL_PIXELS]) AG_TRY(write_examples(&self));
  if (from.has[AG_DETAIL_POINT]) AG_TRY(write_latent(&self));
  if (from.has[AG_DETAIL_DISTANCE]) AG_TRY(write_neighbours(&self));
  if (from.has[AG_DETAIL_DRAWS]) AG_TRY(write_draws(&self));
cleanup:
  ag_point_details_clear(&from);
  return status;
}
