/* Places in a pair of files, as findings and failures name them. */
#include "report/verify.h"

#include <string.h>

ag_text *ag_findings_add(ag_findings *findings, ag_part part)
{
  return ++findings->counts[part] == 1 ? &findings->first[part] : NULL;
}

ag_part ag_place_part(const ag_place *place)
{
  static const struct {
    const char *name;
    ag_part part;
  } parts[] = {{".", AG_PART_JOB},
               {"training", AG_PART_TRAINING},
               {"samples", AG_PART_SAMPLES},
               {"results", AG_PART_RESULTS},
               {"grid", AG_PART_GRID}};
  const size_t length = strcspn(place->path, "/");
  if (place->pair->points == NULL) return AG_PART_MODELS;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; ++i) {
    const char *name = parts[i].name;
    if (strlen(name) == length && memcmp(name, place->path, length) == 0) return parts[i].part;
  }
  return AG_PART_OTHERS;
}

ag_status ag_place_append(ag_text *text, const ag_place *place)
{
  const bool root = strcmp(place->path, ".") == 0;
  const char *path = root ? "" : place->path;
  if (place->attribute == NULL) {
    return ag_text_append(text, "%s: /%s", place->pair->name, path);
  }
  if (root) return ag_text_append(text, "%s: attribute %s", place->pair->name, place->attribute);
  return ag_text_append(text, "%s: attribute %s of /%s", place->pair->name, place->attribute, path);
}

/* "samples/KEY/margin" and whatever else goes by the keys of points. */
ag_status ag_place_append_point(ag_text *text, const ag_place *place)
{
  const char *slash = strchr(place->path, '/');
  if (place->pair->points == NULL || slash == NULL) return AG_OK;
  const ag_point_name *point =
      ag_point_names_find(place->pair->points, slash + 1, strcspn(slash + 1, "/"));
  return point == NULL ? AG_OK : ag_point_name_append(text, point);
}

ag_status ag_place_fail(ag_status status, const ag_place *place, size_t side)
{
  if (status != AG_BAD_STORE && status != AG_HDF5_FAILED) return status;
  return ag_fail_within(status, "%s/%s: %s%s/%s", place->pair->findings->folders[side],
                        place->pair->name, place->attribute == NULL ? "" : place->attribute,
                        place->attribute == NULL ? "" : " of ",
                        strcmp(place->path, ".") == 0 ? "" : place->path);
}
