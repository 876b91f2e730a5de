/* Two datasets or attributes of one name: their types, shapes and values. */
#include "report/verify.h"

#include <string.h>

/* Two tables, and a column or the value that both have. */
typedef struct comparison {
  const ag_place *place;
  const ag_values *values; /* two */
  const ag_field *fields[2];
  const ag_fields *all; /* of the first */
} comparison;

static ag_text *add(const ag_place *place)
{
  return ag_findings_add(place->pair->findings, ag_place_part(place));
}

static const char *folder(const ag_place *place, size_t side)
{
  return place->pair->findings->folders[side];
}

/* ---- types and shapes ------------------------------------------------------------------ */

static ag_status note_missing_column(const ag_place *place, const char *name, size_t side)
{
  ag_status status = AG_OK;
  ag_text *text = add(place);
  if (text == NULL) return AG_OK;
  AG_TRY(ag_place_append(text, place));
  if (name[0] == '\0') {
    AG_TRY(ag_text_append(text, " is a table in %s alone", folder(place, 1 - side)));
  } else {
    AG_TRY(ag_text_append(text, ", column %s: only in %s", name, folder(place, side)));
  }
cleanup:
  return status;
}

static ag_status note_types(const ag_place *place, const char *column, hid_t first, hid_t second)
{
  ag_status status = AG_OK;
  ag_text *text = add(place);
  if (text == NULL) return AG_OK;
  AG_TRY(ag_place_append(text, place));
  if (column[0] != '\0') AG_TRY(ag_text_append(text, ", column %s", column));
  AG_TRY(ag_text_append(text, " differs in type: "));
  AG_TRY(ag_type_append(text, first));
  AG_TRY(ag_text_append(text, " in %s, ", folder(place, 0)));
  AG_TRY(ag_type_append(text, second));
  AG_TRY(ag_text_append(text, " in %s", folder(place, 1)));
cleanup:
  return status;
}

static ag_status append_shape(ag_text *text, const ag_values *values)
{
  ag_status status = ag_text_append(text, "[");
  for (size_t i = 0; i < values->rank && status == AG_OK; ++i) {
    status =
        ag_text_append(text, "%s%llu", i == 0 ? "" : ", ", (unsigned long long)values->sides[i]);
  }
  return status == AG_OK ? ag_text_append(text, "]") : status;
}

static bool same_shape(const ag_values values[2])
{
  return values[0].rank == values[1].rank && values[0].count == values[1].count &&
         memcmp(values[0].sides, values[1].sides, values[0].rank * sizeof *values[0].sides) == 0;
}

static ag_status note_shapes(const ag_place *place, const ag_values values[2])
{
  ag_status status = AG_OK;
  ag_text *text = add(place);
  if (text == NULL) return AG_OK;
  AG_TRY(ag_place_append(text, place));
  AG_TRY(ag_text_append(text, " is of shape "));
  AG_TRY(append_shape(text, &values[0]));
  AG_TRY(ag_text_append(text, " in %s, ", folder(place, 0)));
  AG_TRY(append_shape(text, &values[1]));
  AG_TRY(ag_text_append(text, " in %s", folder(place, 1)));
  AG_TRY(ag_place_append_point(text, place));
cleanup:
  return status;
}

/* ---- where a value lies --------------------------------------------------------------------- */

/* A name or a value of a dimension of /grid, from the dataset beside it that is its scale. */
static ag_status append_scale(ag_text *text, const ag_place *place, const char *name, size_t at)
{
  ag_status status = AG_OK;
  ag_values scale = {.type = H5I_INVALID_HID, .space = H5I_INVALID_HID};
  hid_t dataset = H5I_INVALID_HID;
  char path[AG_NAME_SIZE];
  AG_TRY(ag_path_join(path, sizeof path, "grid/%s", name));
  dataset = H5Dopen2(place->pair->files[0], path, H5P_DEFAULT);
  if (dataset < 0) goto cleanup;
  AG_TRY(ag_values_read(dataset, &scale));
  if (at < scale.count) AG_TRY(ag_value_append(text, scale.type, scale.bytes + at * scale.size));
cleanup:
  ag_values_clear(&scale);
  ag_hdf5_close(&dataset, &status);
  return status;
}

static ag_status append_cell(ag_text *text, const ag_place *place, const size_t at[4])
{
  ag_status status = AG_OK;
  AG_TRY(ag_text_append(text, " ("));
  AG_TRY(append_scale(text, place, "defense", at[0]));
  AG_TRY(ag_text_append(text, ", "));
  AG_TRY(append_scale(text, place, "attack", at[1]));
  AG_TRY(ag_text_append(text, ", epsilon "));
  AG_TRY(append_scale(text, place, "epsilon", at[2]));
  AG_TRY(ag_text_append(text, ", seed "));
  AG_TRY(append_scale(text, place, "seed", at[3]));
  AG_TRY(ag_text_append(text, ")"));
cleanup:
  return status;
}

/* "[3, 0, 17]", and the point where there is one. */
static ag_status append_index(ag_text *text, const comparison *self, size_t element)
{
  ag_status status = AG_OK;
  const ag_values *values = &self->values[0];
  size_t at[H5S_MAX_RANK] = {0};
  for (size_t i = values->rank; i > 0; --i) {
    at[i - 1] = element % (size_t)values->sides[i - 1];
    element /= (size_t)values->sides[i - 1];
  }
  for (size_t i = 0; i < values->rank; ++i)
    AG_TRY(ag_text_append(text, "%s%zu", i == 0 ? "[" : ", ", at[i]));
  if (values->rank > 0) AG_TRY(ag_text_append(text, "]"));
  if (ag_place_part(self->place) == AG_PART_GRID && values->rank == 4) {
    AG_TRY(append_cell(text, self->place, at));
  } else {
    AG_TRY(ag_place_append_point(text, self->place));
  }
cleanup:
  return status;
}

/* " row 3 (epoch 4), loss". */
static ag_status append_row(ag_text *text, const comparison *self, size_t row)
{
  ag_status status = AG_OK;
  const ag_values *values = &self->values[0];
  const ag_field *head = &self->all->entries[0];
  AG_TRY(ag_text_append(text, " row %zu", row));
  if (self->place->pair->points != NULL && strcmp(self->place->path, "results") == 0) {
    AG_TRY(ag_point_name_append(text, &self->place->pair->points[0].rows[row]));
  } else {
    AG_TRY(ag_text_append(text, " (%s ", head->name));
    AG_TRY(ag_value_append(text, head->type, values->bytes + row * values->size + head->offset));
    AG_TRY(ag_text_append(text, ")"));
  }
  AG_TRY(ag_text_append(text, ", %s", self->fields[0]->name));
cleanup:
  return status;
}

/* ---- values ------------------------------------------------------------------------------------
 */

static ag_status compare_value(const comparison *self, size_t first, size_t second)
{
  ag_status status = AG_OK;
  const char *both[2];
  const size_t at[2] = {first, second};
  for (size_t side = 0; side < 2; ++side) {
    const ag_values *values = &self->values[side];
    both[side] = values->bytes + at[side] * values->size + self->fields[side]->offset;
  }
  if (ag_field_equal(self->fields[0], both[0], both[1])) return AG_OK;
  ag_text *text = add(self->place);
  if (text == NULL) return AG_OK;
  AG_TRY(ag_place_append(text, self->place));
  if (self->fields[0]->name[0] == '\0') {
    AG_TRY(append_index(text, self, first));
  } else {
    AG_TRY(append_row(text, self, first));
  }
  AG_TRY(ag_value_append_both(text, self->fields[0]->type, both,
                              self->place->pair->findings->folders));
cleanup:
  return status;
}

/* Plain bits without gaps, as most are. */
static bool is_all_equal(const comparison *self)
{
  const ag_values *values = self->values;
  const ag_field *field = self->fields[0];
  return field->name[0] == '\0' && !field->is_text &&
         memcmp(values[0].bytes, values[1].bytes, values[0].count * values[0].size) == 0;
}

/* partners: of the first's rows, AG_NO_ROW where there is none; NULL: each with its like. */
static ag_status compare_all(const comparison *self, const ptrdiff_t *partners)
{
  ag_status status = AG_OK;
  if (partners == NULL && is_all_equal(self)) return AG_OK;
  for (size_t i = 0; i < self->values[0].count && status == AG_OK; ++i) {
    if (partners != NULL && partners[i] == AG_NO_ROW) continue;
    status = compare_value(self, i, partners == NULL ? i : (size_t)partners[i]);
  }
  return status;
}

static const ag_field *find(const ag_fields *fields, const char *name)
{
  for (size_t i = 0; i < fields->count; ++i) {
    if (strcmp(fields->entries[i].name, name) == 0) return &fields->entries[i];
  }
  return NULL;
}

/* Column by column. Of two that differ in type the values are not looked at. */
static ag_status compare_fields(const ag_place *place, const ag_values values[2],
                                const ag_fields fields[2], const ptrdiff_t *partners)
{
  ag_status status = AG_OK;
  for (size_t i = 0; i < fields[1].count; ++i) {
    const char *name = fields[1].entries[i].name;
    if (find(&fields[0], name) == NULL) AG_TRY(note_missing_column(place, name, 1));
  }
  for (size_t i = 0; i < fields[0].count; ++i) {
    comparison self = {.place = place, .values = values, .all = &fields[0]};
    self.fields[0] = &fields[0].entries[i];
    self.fields[1] = find(&fields[1], self.fields[0]->name);
    if (self.fields[1] == NULL) {
      AG_TRY(note_missing_column(place, self.fields[0]->name, 0));
    } else if (H5Tequal(self.fields[0]->type, self.fields[1]->type) <= 0) {
      AG_TRY(note_types(place, self.fields[0]->name, self.fields[0]->type, self.fields[1]->type));
    } else {
      AG_TRY(compare_all(&self, partners));
    }
  }
cleanup:
  return status;
}

/* ---- points
 * ---------------------------------------------------------------------------------------- */

/* Points that one side has alone. */
static ag_status note_lone_rows(const ag_place *place, ptrdiff_t *const partners[2])
{
  ag_status status = AG_OK;
  const ag_point_names *points = place->pair->points;
  for (size_t side = 0; side < 2; ++side) {
    for (size_t i = 0; i < points[side].count; ++i) {
      ag_text *text = partners[side][i] == AG_NO_ROW ? add(place) : NULL;
      if (text == NULL) continue;
      AG_TRY(ag_place_append(text, place));
      AG_TRY(ag_text_append(text, " row %zu", i));
      AG_TRY(ag_point_name_append(text, &points[side].rows[i]));
      AG_TRY(ag_text_append(text, ": done in %s, missing in %s", folder(place, side),
                            folder(place, 1 - side)));
    }
  }
cleanup:
  return status;
}

/* A row with that of the same point, so that one that is missing does not shift the rest. */
static ag_status compare_points(const ag_place *place, const ag_values values[2],
                                const ag_fields fields[2])
{
  ag_status status = AG_OK;
  ptrdiff_t *partners[2] = {NULL, NULL};
  const ag_point_names *points = place->pair->points;
  for (size_t side = 0; side < 2; ++side)
    AG_TRY(ag_allocate(points[side].count, sizeof *partners[side], &partners[side]));
  AG_TRY(ag_point_names_match(points, partners));
  AG_TRY(note_lone_rows(place, partners));
  AG_TRY(compare_fields(place, values, fields, partners[0]));
  for (size_t i = 0; i < points[0].count; ++i)
    place->pair->findings->points += partners[0][i] != AG_NO_ROW;
cleanup:
  ag_release(&partners[1]);
  ag_release(&partners[0]);
  return status;
}

ag_status ag_place_compare(const ag_place *place, const ag_values values[2])
{
  ag_status status = AG_OK;
  ag_fields fields[2] = {{0}, {0}};
  if (values[0].references || values[1].references) {
    if (values[0].references == values[1].references) return AG_OK;
    return note_types(place, "", values[0].type, values[1].type);
  }
  for (size_t side = 0; side < 2; ++side) {
    status = ag_fields_list(&values[side], false, &fields[side]);
    if (status != AG_OK) {
      status = ag_place_fail(status, place, side);
      goto cleanup;
    }
  }
  if (place->pair->points != NULL && place->attribute == NULL &&
      strcmp(place->path, "results") == 0) {
    AG_TRY(compare_points(place, values, fields));
  } else if (same_shape(values)) {
    AG_TRY(compare_fields(place, values, fields, NULL));
  } else {
    AG_TRY(note_shapes(place, values));
  }
cleanup:
  ag_fields_clear(&fields[1]);
  ag_fields_clear(&fields[0]);
  return status;
}
