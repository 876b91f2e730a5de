/* /training of a result file: the epochs of each model, in the order of the grid's defenses. */
#include "store/results_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 1024 }; /* no name of ours comes near; longer ones are cut */

static ag_status read_epochs(ag_results *results, hid_t group, const char *name,
                             ag_read_training *training)
{
#define COLUMN(member)                       \
  {                                          \
#member, offsetof(ag_read_epoch, member) \
  }
  static const struct {
    const char *name;
    size_t offset;
  } columns[] = {COLUMN(epoch),
                 COLUMN(loss),
                 COLUMN(learning_rate),
                 COLUMN(train_accuracy),
                 COLUMN(validation_accuracy),
                 COLUMN(robust_validation_accuracy),
                 COLUMN(seconds),
                 COLUMN(hidden_seconds),
                 COLUMN(exposed_seconds)};
#undef COLUMN
  ag_read_table table;
  ag_status status = AG_OK;
  AG_TRY(ag_read_table_open(group, name, &table));
  AG_TRY(ag_allocate(table.count, sizeof *training->epochs, &training->epochs));
  training->epoch_count = table.count;
  for (size_t i = 0; i < sizeof columns / sizeof *columns; ++i) {
    void *first = (char *)training->epochs + columns[i].offset;
    AG_TRY(ag_read_numbers(&table, columns[i].name, first, sizeof *training->epochs));
  }
  AG_TRY(ag_results_keep(results, name, strlen(name), &training->name));
cleanup:
  ag_read_table_close(&table);
  return status;
}

static ag_status read_bounds(ag_results *results, hid_t group, const char *name,
                             ag_read_training *training)
{
  ag_read_table table = {H5I_INVALID_HID, H5I_INVALID_HID, 0};
  ag_status status = AG_OK;
  const size_t size = sizeof *training->bounds;
  AG_TRY(ag_read_table_open(group, name, &table));
  if (table.count == 0) goto cleanup;
  AG_TRY(ag_allocate(table.count, size, &training->bounds));
  training->bound_count = table.count;
  AG_TRY(ag_read_texts(results, &table, "layer", &training->bounds->layer, size));
  AG_TRY(ag_read_numbers(&table, "bound", &training->bounds->bound, size));
cleanup:
  ag_read_table_close(&table);
  return status;
}

/* A model is called after its defense, with "-seedN" where there are several. */
static void find_sides(const ag_results *results, ag_read_training *training)
{
  char name[NAME];
  training->defense = AG_NO_SIDE;
  training->seed = AG_NO_SIDE;
  for (size_t d = 0; d < results->defense_count; ++d) {
    for (size_t s = 0; s < results->seed_count; ++s) {
      int length = snprintf(name, sizeof name, "%s", results->defenses[d]);
      if (results->seed_count > 1) {
        length = snprintf(name, sizeof name, "%s-seed%llu", results->defenses[d],
                          (unsigned long long)results->seeds[s]);
      }
      if (length >= NAME || strcmp(name, training->name) != 0) continue;
      training->defense = d;
      training->seed = s;
      return;
    }
  }
}

static int compare_trainings(const void *a, const void *b)
{
  const ag_read_training *x = a;
  const ag_read_training *y = b;
  if (x->defense != y->defense) return x->defense < y->defense ? -1 : 1;
  if (x->seed != y->seed) return x->seed < y->seed ? -1 : 1;
  return strcmp(x->name, y->name);
}

ag_status ag_results_read_trainings(ag_results *results)
{
  ag_status status = AG_OK;
  hid_t group = H5I_INVALID_HID;
  hid_t bounds = H5I_INVALID_HID;
  H5G_info_t information;
  char name[NAME];
  if (H5Lexists(results->file, "training", H5P_DEFAULT) <= 0) return AG_OK;
  group = H5Gopen2(results->file, "training", H5P_DEFAULT);
  if (group < 0) return AG_OK;
  if (H5Lexists(results->file, "lipschitz", H5P_DEFAULT) > 0)
    bounds = H5Gopen2(results->file, "lipschitz", H5P_DEFAULT);
  AG_HDF5_TRY(H5Gget_info(group, &information), "/training cannot be read");
  AG_TRY(ag_allocate((size_t)information.nlinks, sizeof *results->trainings, &results->trainings));
  for (hsize_t i = 0; i < information.nlinks; ++i) {
    ag_read_training *training = &results->trainings[results->training_count];
    AG_HDF5_TRY(H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name,
                                   H5P_DEFAULT),
                "/training cannot be read");
    ++results->training_count;
    AG_TRY(read_epochs(results, group, name, training));
    if (training->epoch_count == 0) {
      ag_release(&training->epochs);
      --results->training_count;
      continue;
    }
    find_sides(results, training);
    if (bounds >= 0) AG_TRY(read_bounds(results, bounds, name, training));
  }
  if (results->training_count > 0) {
    qsort(results->trainings, results->training_count, sizeof *results->trainings,
          compare_trainings);
  }
cleanup:
  ag_hdf5_close(&bounds, &status);
  ag_hdf5_close(&group, &status);
  return status;
}
