/* /grid: the results as arrays over [defense, attack, epsilon, seed], each side with a
 * dimension scale that holds its names or values. */
#include "store/results_file.h"

#include <hdf5_hl.h>
#include <math.h>

static const char *const side_names[AG_HDF5_RANK_MAXIMUM] = {"defense", "attack", "epsilon",
                                                             "seed"};

ag_status ag_grid_start(const ag_job *job, ag_grid *grid)
{
  ag_status status = AG_OK;
  size_t cells = 1;
  *grid = (ag_grid){
      .dimensions = {job->defense_count, job->attack_count, job->epsilon_count, job->seed_count}};
  for (size_t i = 0; i < AG_HDF5_RANK_MAXIMUM; ++i)
    cells *= grid->dimensions[i];
  AG_TRY(ag_allocate(cells, sizeof *grid->accuracy, &grid->accuracy));
  AG_TRY(ag_allocate(cells, sizeof *grid->status, &grid->status));
  for (size_t i = 0; i < cells; ++i)
    grid->accuracy[i] = (double)NAN;
cleanup:
  if (status != AG_OK) ag_grid_clear(grid);
  return status;
}

void ag_grid_clear(ag_grid *grid)
{
  ag_release(&grid->accuracy);
  ag_release(&grid->status);
}

size_t ag_grid_place(const ag_grid *grid, const ag_plan *plan, size_t index)
{
  const ag_point *point = &plan->points[index];
  const ag_model_unit *model = &plan->models[point->model];
  const size_t at[AG_HDF5_RANK_MAXIMUM] = {model->defense, point->attack, point->epsilon,
                                           model->seed};
  size_t place = 0;
  for (size_t i = 0; i < AG_HDF5_RANK_MAXIMUM; ++i)
    place = place * grid->dimensions[i] + at[i];
  return place;
}

static ag_status write_scale(hid_t group, size_t side, hid_t type, const void *values, size_t count)
{
  ag_status status = AG_OK;
  const char *name = side_names[side];
  hid_t scale = H5I_INVALID_HID;
  AG_TRY(ag_hdf5_write_array(group, &(ag_hdf5_array){.name = name,
                                                     .file_type = type,
                                                     .memory_type = type,
                                                     .rank = 1,
                                                     .dimensions = {count},
                                                     .values = values}));
  AG_HDF5_TRY(scale = H5Dopen2(group, name, H5P_DEFAULT), "cannot open grid/%s", name);
  AG_HDF5_TRY(H5DSset_scale(scale, name), "cannot make grid/%s a dimension scale", name);
cleanup:
  ag_hdf5_close(&scale, &status);
  return status;
}

/* The scales' values; entries are structs, of which each scale takes one member. */
static ag_status write_scales(hid_t group, const ag_job *job)
{
  ag_status status = AG_OK;
  hid_t text = H5I_INVALID_HID;
  const char **names = NULL;
  double *epsilons = NULL;
  AG_TRY(ag_hdf5_text_type(&text));
  AG_TRY(ag_allocate(job->defense_count + job->attack_count, sizeof *names, &names));
  AG_TRY(ag_allocate(job->epsilon_count, sizeof *epsilons, &epsilons));
  const char **attacks = names + job->defense_count;
  for (size_t i = 0; i < job->defense_count; ++i)
    names[i] = job->defenses[i].name;
  for (size_t i = 0; i < job->attack_count; ++i)
    attacks[i] = job->attacks[i].name;
  for (size_t i = 0; i < job->epsilon_count; ++i)
    epsilons[i] = job->epsilons[i].value;
  AG_TRY(write_scale(group, 0, text, names, job->defense_count));
  AG_TRY(write_scale(group, 1, text, attacks, job->attack_count));
  AG_TRY(write_scale(group, 2, H5T_NATIVE_DOUBLE, epsilons, job->epsilon_count));
  AG_TRY(write_scale(group, 3, H5T_NATIVE_UINT64, job->seeds, job->seed_count));
cleanup:
  ag_release(&epsilons);
  ag_release(&names);
  ag_hdf5_close(&text, &status);
  return status;
}

static ag_status attach_scales(hid_t group, const char *name)
{
  ag_status status = AG_OK;
  hid_t dataset = H5I_INVALID_HID;
  hid_t scale = H5I_INVALID_HID;
  AG_HDF5_TRY(dataset = H5Dopen2(group, name, H5P_DEFAULT), "cannot open grid/%s", name);
  for (unsigned i = 0; i < AG_HDF5_RANK_MAXIMUM; ++i) {
    AG_HDF5_TRY(scale = H5Dopen2(group, side_names[i], H5P_DEFAULT), "cannot open grid/%s",
                side_names[i]);
    AG_HDF5_TRY(H5DSattach_scale(dataset, scale, i), "cannot attach grid/%s to grid/%s",
                side_names[i], name);
    AG_HDF5_TRY(H5DSset_label(dataset, i, side_names[i]), "cannot label grid/%s", name);
    ag_hdf5_close(&scale, &status);
  }
cleanup:
  ag_hdf5_close(&scale, &status);
  ag_hdf5_close(&dataset, &status);
  return status;
}

static ag_status write_cells(hid_t group, const char *name, const ag_grid *grid, hid_t type,
                             const void *values)
{
  ag_hdf5_array array = {.name = name,
                         .file_type = type,
                         .memory_type = type,
                         .rank = AG_HDF5_RANK_MAXIMUM,
                         .values = values};
  for (size_t i = 0; i < AG_HDF5_RANK_MAXIMUM; ++i)
    array.dimensions[i] = grid->dimensions[i];
  const ag_status status = ag_hdf5_write_array(group, &array);
  return status == AG_OK ? attach_scales(group, name) : status;
}

ag_status ag_grid_write(hid_t file, const ag_job *job, const ag_grid *grid)
{
  ag_status status = AG_OK;
  hid_t group = H5I_INVALID_HID;
  AG_HDF5_TRY(group = H5Gcreate2(file, "grid", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
              "cannot create /grid");
  AG_TRY(write_scales(group, job));
  AG_TRY(write_cells(group, "robust_accuracy", grid, H5T_NATIVE_DOUBLE, grid->accuracy));
  AG_TRY(write_cells(group, "status", grid, H5T_NATIVE_INT8, grid->status));
cleanup:
  ag_hdf5_close(&group, &status);
  return status;
}
