/* Two HDF5 files, object by object: whatever they hold is compared, but for what tells of the
 * circumstances of a run, and for references, which are places in a file. */
#include "report/verify.h"

#include <string.h>

static ag_status note_lone(const ag_place *place, unsigned where)
{
  ag_status status = AG_OK;
  ag_findings *findings = place->pair->findings;
  ag_text *text = ag_findings_add(findings, ag_place_part(place));
  if (text == NULL) return AG_OK;
  AG_TRY(ag_place_append(text, place));
  AG_TRY(ag_place_append_point(text, place));
  AG_TRY(ag_text_append(text, ": only in %s", findings->folders[where == AG_IN_FIRST ? 0 : 1]));
cleanup:
  return status;
}

/* ---- attributes and datasets ------------------------------------------------------------ */

/* What goes into the line that says that all is equal. */
static void count_values(const ag_place *place, const ag_values *values)
{
  ag_findings *findings = place->pair->findings;
  const ag_part part = ag_place_part(place);
  const char *name = strrchr(place->path, '/');
  if (place->attribute != NULL) return;
  if (part == AG_PART_MODELS) findings->parameters += values->count;
  if (part == AG_PART_SAMPLES && name != NULL && strcmp(name, "/index") == 0) {
    findings->samples += values->count;
  }
}

/* objects: datasets or attributes. */
static ag_status compare_values(const ag_place *place, const hid_t objects[2])
{
  ag_status status = AG_OK;
  ag_values values[2] = {{.type = H5I_INVALID_HID, .space = H5I_INVALID_HID},
                         {.type = H5I_INVALID_HID, .space = H5I_INVALID_HID}};
  for (size_t side = 0; side < 2; ++side) {
    status = ag_values_read(objects[side], &values[side]);
    if (status != AG_OK) {
      status = ag_place_fail(status, place, side);
      goto cleanup;
    }
  }
  count_values(place, &values[0]);
  AG_TRY(ag_place_compare(place, values));
cleanup:
  ag_values_clear(&values[1]);
  ag_values_clear(&values[0]);
  return status;
}

/* A list that HDF5 fills, and why that ended early. */
typedef struct listing {
  ag_names *names;
  unsigned where;
  ag_status status;
} listing;

static herr_t add_attribute(hid_t object, const char *name, const H5A_info_t *information,
                            void *context)
{
  (void)object;
  (void)information;
  listing *self = context;
  self->status = ag_names_add(self->names, name, self->where);
  return self->status == AG_OK ? 0 : -1;
}

static ag_status compare_attribute(const ag_place *place, const hid_t objects[2])
{
  ag_status status = AG_OK;
  hid_t attributes[2] = {H5I_INVALID_HID, H5I_INVALID_HID};
  for (size_t side = 0; side < 2; ++side) {
    attributes[side] = H5Aopen(objects[side], place->attribute, H5P_DEFAULT);
    if (attributes[side] < 0) {
      status = ag_place_fail(ag_hdf5_fail(AG_BAD_STORE, "cannot be opened"), place, side);
      goto cleanup;
    }
  }
  AG_TRY(compare_values(place, attributes));
cleanup:
  ag_hdf5_close(&attributes[1], &status);
  ag_hdf5_close(&attributes[0], &status);
  return status;
}

static ag_status compare_attributes(const ag_place *object, const hid_t objects[2])
{
  ag_status status = AG_OK;
  ag_names names = {0};
  for (size_t side = 0; side < 2; ++side) {
    listing list = {&names, side == 0 ? AG_IN_FIRST : AG_IN_SECOND, AG_OK};
    const herr_t result =
        H5Aiterate2(objects[side], H5_INDEX_NAME, H5_ITER_INC, NULL, add_attribute, &list);
    AG_TRY(list.status);
    if (result < 0) {
      status = ag_place_fail(ag_hdf5_fail(AG_BAD_STORE, "has damaged attributes"), object, side);
      goto cleanup;
    }
  }
  ag_names_sort(&names);
  for (size_t i = 0; i < names.count; ++i) {
    const ag_place_name *name = &names.entries[i];
    const ag_place place = {object->pair, object->path, name->text};
    if (ag_is_circumstance(name->text)) continue;
    AG_TRY(name->where == AG_IN_BOTH ? compare_attribute(&place, objects)
                                     : note_lone(&place, name->where));
  }
cleanup:
  ag_names_clear(&names);
  return status;
}

/* ---- objects ------------------------------------------------------------------------------- */

static const char *kind_text(H5I_type_t kind)
{
  if (kind == H5I_GROUP) return "a group";
  return kind == H5I_DATASET ? "a dataset" : "a type";
}

static ag_status note_kinds(const ag_place *place, const H5I_type_t kinds[2])
{
  ag_status status = AG_OK;
  ag_findings *findings = place->pair->findings;
  ag_text *text = ag_findings_add(findings, ag_place_part(place));
  if (text == NULL) return AG_OK;
  AG_TRY(ag_place_append(text, place));
  AG_TRY(ag_text_append(text, ": %s in %s, %s in %s", kind_text(kinds[0]), findings->folders[0],
                        kind_text(kinds[1]), findings->folders[1]));
cleanup:
  return status;
}

static ag_status compare_objects(const ag_place *place)
{
  ag_status status = AG_OK;
  hid_t objects[2] = {H5I_INVALID_HID, H5I_INVALID_HID};
  H5I_type_t kinds[2];
  for (size_t side = 0; side < 2; ++side) {
    objects[side] = H5Oopen(place->pair->files[side], place->path, H5P_DEFAULT);
    if (objects[side] < 0) {
      status = ag_place_fail(ag_hdf5_fail(AG_BAD_STORE, "cannot be opened"), place, side);
      goto cleanup;
    }
    kinds[side] = H5Iget_type(objects[side]);
  }
  if (kinds[0] != kinds[1]) {
    AG_TRY(note_kinds(place, kinds));
    goto cleanup;
  }
  if (kinds[0] == H5I_DATASET) AG_TRY(compare_values(place, objects));
  AG_TRY(compare_attributes(place, objects));
cleanup:
  ag_hdf5_close(&objects[1], &status);
  ag_hdf5_close(&objects[0], &status);
  return status;
}

static herr_t add_object(hid_t file, const char *name, const H5O_info_t *information, void *context)
{
  (void)file;
  (void)information;
  listing *self = context;
  self->status = ag_names_add(self->names, name, self->where);
  return self->status == AG_OK ? 0 : -1;
}

static bool is_within(const char *name, const char *above)
{
  const size_t length = strlen(above);
  return strncmp(name, above, length) == 0 && name[length] == '/';
}

/* At the root alone: elsewhere the name is a path. The gates follow from what is compared, and
 * results of before there were any are still results. */
static bool is_passed_over(const ag_file_pair *pair, const char *name)
{
  return ag_is_circumstance(name) || (pair->points != NULL && strcmp(name, "gates") == 0);
}

/* What lies in a group that one file has alone is no further difference. */
static ag_status compare_listed(const ag_file_pair *pair, const ag_names *names)
{
  ag_status status = AG_OK;
  const char *passed = NULL; /* the last group of which nothing is looked at */
  for (size_t i = 0; i < names->count && status == AG_OK; ++i) {
    const ag_place_name *name = &names->entries[i];
    const ag_place place = {pair, name->text, NULL};
    if (passed != NULL && is_within(name->text, passed)) continue;
    const bool skipped = is_passed_over(pair, name->text);
    if (name->where == AG_IN_BOTH && !skipped) {
      status = compare_objects(&place);
      continue;
    }
    passed = name->text;
    if (!skipped) status = note_lone(&place, name->where);
  }
  return status;
}

ag_status ag_file_pair_compare(const ag_file_pair *pair)
{
  ag_status status = AG_OK;
  ag_names names = {0};
  for (size_t side = 0; side < 2; ++side) {
    listing list = {&names, side == 0 ? AG_IN_FIRST : AG_IN_SECOND, AG_OK};
    const herr_t result =
        H5Ovisit2(pair->files[side], H5_INDEX_NAME, H5_ITER_INC, add_object, &list, H5O_INFO_BASIC);
    AG_TRY(list.status);
    if (result < 0) {
      status =
          ag_hdf5_fail(AG_BAD_STORE, "%s/%s is damaged", pair->findings->folders[side], pair->name);
      goto cleanup;
    }
  }
  ag_names_sort(&names);
  AG_TRY(compare_listed(pair, &names));
cleanup:
  ag_names_clear(&names);
  return status;
}
