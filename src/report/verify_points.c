/* The points that /results names: what a key of /samples means, and which rows belong together. */
#include "report/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ag_point_name as HDF5 converts a row to it. */
static ag_status make_type(hid_t *type)
{
  static const struct {
    const char *name;
    size_t offset, text; /* bytes, or 0: a number */
  } members[] = {
      {"key", offsetof(ag_point_name, key), AG_DIGEST_TEXT_SIZE},
      {"defense", offsetof(ag_point_name, defense), AG_NAME_SIZE + 1},
      {"attack", offsetof(ag_point_name, attack), AG_NAME_SIZE + 1},
      {"epsilon", offsetof(ag_point_name, epsilon), 0},
      {"seed", offsetof(ag_point_name, seed), 0},
  };
  ag_status status = AG_OK;
  hid_t member = H5I_INVALID_HID;
  AG_HDF5_TRY(*type = H5Tcreate(H5T_COMPOUND, sizeof(ag_point_name)), "cannot make a table");
  for (size_t i = 0; i < sizeof members / sizeof *members; ++i) {
    if (members[i].text > 0) {
      AG_HDF5_TRY(member = H5Tcopy(H5T_C_S1), "cannot make a table");
      AG_HDF5_TRY(H5Tset_size(member, members[i].text), "cannot make a table");
      AG_HDF5_TRY(H5Tset_cset(member, H5T_CSET_UTF8), "cannot make a table");
    } else {
      const bool whole = members[i].offset == offsetof(ag_point_name, seed);
      AG_HDF5_TRY(member = H5Tcopy(whole ? H5T_NATIVE_UINT64 : H5T_NATIVE_DOUBLE),
                  "cannot make a table");
    }
    AG_HDF5_TRY(H5Tinsert(*type, members[i].name, members[i].offset, member),
                "cannot make a table");
    ag_hdf5_close(&member, &status);
  }
cleanup:
  ag_hdf5_close(&member, &status);
  return status;
}

/* Whether the rows have all that a point's name takes; HDF5 itself leaves out what they lack. */
static bool has_columns(hid_t dataset)
{
  static const char *const names[] = {"key", "defense", "attack", "epsilon", "seed"};
  const hid_t type = H5Dget_type(dataset);
  bool all = type >= 0 && H5Tget_class(type) == H5T_COMPOUND;
  for (size_t i = 0; all && i < sizeof names / sizeof *names; ++i)
    all = H5Tget_member_index(type, names[i]) >= 0;
  if (type >= 0) H5Tclose(type);
  return all;
}

ag_status ag_point_names_read(hid_t file, const char *path, ag_point_names *names)
{
  ag_status status = AG_OK;
  hid_t dataset = H5I_INVALID_HID;
  hid_t space = H5I_INVALID_HID;
  hid_t type = H5I_INVALID_HID;
  hssize_t count = 0;
  if (H5Lexists(file, "results", H5P_DEFAULT) <= 0 ||
      (dataset = H5Dopen2(file, "results", H5P_DEFAULT)) < 0 || !has_columns(dataset) ||
      (space = H5Dget_space(dataset)) < 0 || H5Sget_simple_extent_ndims(space) != 1 ||
      (count = H5Sget_simple_extent_npoints(space)) < 0) {
    status = ag_fail(AG_BAD_STORE, "%s has no table /results with a row a point", path);
    goto cleanup;
  }
  AG_TRY(make_type(&type));
  AG_TRY(ag_allocate((size_t)count, sizeof *names->rows, &names->rows));
  names->count = (size_t)count;
  if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, names->rows) < 0) {
    status = ag_hdf5_fail(AG_BAD_STORE, "%s: /results cannot be read", path);
  }
cleanup:
  ag_hdf5_close(&type, &status);
  ag_hdf5_close(&space, &status);
  ag_hdf5_close(&dataset, &status);
  return status;
}

const ag_point_name *ag_point_names_find(const ag_point_names names[2], const char *key,
                                         size_t length)
{
  for (size_t side = 0; side < 2; ++side) {
    for (size_t i = 0; i < names[side].count; ++i) {
      const ag_point_name *row = &names[side].rows[i];
      if (strlen(row->key) == length && memcmp(row->key, key, length) == 0) return row;
    }
  }
  return NULL;
}

/* ---- rows that belong together ------------------------------------------------------- */

static int compare_points(const ag_point_name *x, const ag_point_name *y)
{
  int order = strcmp(x->defense, y->defense);
  if (order == 0) order = strcmp(x->attack, y->attack);
  if (order == 0) order = (x->epsilon > y->epsilon) - (x->epsilon < y->epsilon);
  if (order == 0) order = (x->seed > y->seed) - (x->seed < y->seed);
  return order;
}

typedef struct sorted_row {
  const ag_point_name *point;
} sorted_row;

static int compare_rows(const void *a, const void *b)
{
  const ag_point_name *x = ((const sorted_row *)a)->point;
  const ag_point_name *y = ((const sorted_row *)b)->point;
  const int order = compare_points(x, y);
  return order != 0 ? order : (x > y) - (x < y); /* then as in the file */
}

static ag_status sort_rows(const ag_point_names *names, sorted_row **sorted)
{
  const ag_status status = ag_allocate(names->count, sizeof(sorted_row), sorted);
  if (status != AG_OK || names->count == 0) return status;
  for (size_t i = 0; i < names->count; ++i)
    (*sorted)[i].point = &names->rows[i];
  qsort(*sorted, names->count, sizeof(sorted_row), compare_rows);
  return AG_OK;
}

ag_status ag_point_names_match(const ag_point_names names[2], ptrdiff_t *const partners[2])
{
  ag_status status = AG_OK;
  sorted_row *sorted[2] = {NULL, NULL};
  for (size_t side = 0; side < 2; ++side) {
    AG_TRY(sort_rows(&names[side], &sorted[side]));
    for (size_t i = 0; i < names[side].count; ++i)
      partners[side][i] = AG_NO_ROW;
  }
  for (size_t i = 0, j = 0; i < names[0].count && j < names[1].count;) {
    const ag_point_name *x = sorted[0][i].point;
    const ag_point_name *y = sorted[1][j].point;
    const int order = compare_points(x, y);
    if (order == 0) {
      partners[0][x - names[0].rows] = y - names[1].rows;
      partners[1][y - names[1].rows] = x - names[0].rows;
    }
    i += order <= 0;
    j += order >= 0;
  }
cleanup:
  ag_release(&sorted[1]);
  ag_release(&sorted[0]);
  return status;
}

ag_status ag_point_name_append(ag_text *text, const ag_point_name *point)
{
  return ag_text_append(text, " (%s, %s, epsilon %.9g, seed %llu)", point->defense, point->attack,
                        point->epsilon, (unsigned long long)point->seed);
}
