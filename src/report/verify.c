/* advgrid verify: whether two result folders hold the same results, bit for bit. Goes through
 * results.h5 and every model file, and says what was found. */
#include "report/verify.h"
#include "advgrid/report.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* ---- results.h5 ------------------------------------------------------------------------- */

static ag_status open_results(const char *folder, hid_t *file, ag_point_names *points)
{
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  struct stat information;
  if (stat(folder, &information) != 0) {
    return ag_fail(AG_IO_ERROR, "cannot open the folder %s: %s", folder, strerror(errno));
  }
  if (!S_ISDIR(information.st_mode)) return ag_fail(AG_IO_ERROR, "%s is no folder", folder);
  AG_TRY(ag_path_join(path, sizeof path, "%s/results.h5", folder));
  if (!ag_file_exists(path)) {
    return ag_fail(AG_IO_ERROR,
                   "%s has no results.h5: it is no result folder, or its run has not"
                   " ended",
                   folder);
  }
  AG_TRY(ag_hdf5_open(path, AG_BAD_STORE, file));
  AG_TRY(ag_point_names_read(*file, path, points));
cleanup:
  return status;
}

/* The root's attribute, where it is a text or a number; *value stays invalid where it is not. */
static ag_status read_attribute(hid_t file, const char *name, ag_values *value)
{
  ag_status status = AG_OK;
  hid_t attribute = H5I_INVALID_HID;
  if (H5Aexists(file, name) <= 0) return AG_OK;
  AG_HDF5_TRY(attribute = H5Aopen(file, name, H5P_DEFAULT), "cannot open the attribute %s", name);
  AG_TRY(ag_values_read(attribute, value));
cleanup:
  ag_hdf5_close(&attribute, &status);
  return status;
}

static ag_status append_attribute(hid_t file, const char *name, ag_text *text)
{
  ag_values value = {.type = H5I_INVALID_HID, .space = H5I_INVALID_HID};
  ag_status status = read_attribute(file, name, &value);
  if (status == AG_OK && value.bytes != NULL && value.count == 1) {
    status = ag_value_append(text, value.type, value.bytes);
  }
  if (status == AG_OK) status = ag_text_append(text, "%s", ""); /* never NULL */
  ag_values_clear(&value);
  return status;
}

static ag_status is_complete(hid_t file, bool *complete)
{
  ag_text text = {0};
  const ag_status status = append_attribute(file, "complete", &text);
  *complete = status == AG_OK && strcmp(text.bytes, "1") == 0;
  ag_text_clear(&text);
  return status;
}

/* ---- models ------------------------------------------------------------------------------- */

static ag_status list_models(const char *folder, unsigned where, ag_names *names)
{
  static const char ending[] = ".h5";
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  DIR *models = NULL;
  AG_TRY(ag_path_join(path, sizeof path, "%s/models", folder));
  models = opendir(path);
  if (models == NULL && errno == ENOENT) return AG_OK;
  if (models == NULL) {
    return ag_fail(AG_IO_ERROR, "cannot open the folder %s: %s", path, strerror(errno));
  }
  for (const struct dirent *entry = NULL; (entry = readdir(models)) != NULL;) {
    const size_t length = strlen(entry->d_name);
    const size_t end = sizeof ending - 1;
    if (length <= end || strcmp(entry->d_name + length - end, ending) != 0) continue;
    AG_TRY(ag_names_add(names, entry->d_name, where));
  }
cleanup:
  if (models != NULL) closedir(models);
  return status;
}

typedef struct trained_models {
  ag_names *names;
  ag_status status;
} trained_models;

static herr_t expect_model(hid_t group, const char *name, const H5L_info_t *information,
                           void *context)
{
  (void)group;
  (void)information;
  char file[AG_PATH_SIZE];
  trained_models *self = context;
  self->status = ag_path_join(file, sizeof file, "%s.h5", name);
  if (self->status == AG_OK) self->status = ag_names_add(self->names, file, 0);
  return self->status == AG_OK ? 0 : -1;
}

/* Where a job is complete, each model that it trained has a file. */
static ag_status expect_models(hid_t file, ag_names *names)
{
  ag_status status = AG_OK;
  bool complete = false;
  trained_models models = {names, AG_OK};
  AG_TRY(is_complete(file, &complete));
  if (!complete || H5Lexists(file, "training", H5P_DEFAULT) <= 0) return AG_OK;
  const herr_t result = H5Literate_by_name(file, "training", H5_INDEX_NAME, H5_ITER_INC, NULL,
                                           expect_model, &models, H5P_DEFAULT);
  AG_TRY(models.status);
  AG_HDF5_TRY(result, "/training cannot be read");
cleanup:
  return status;
}

static ag_status compare_model(ag_findings *findings, const char *name)
{
  ag_status status = AG_OK;
  char below[AG_PATH_SIZE];
  char path[AG_PATH_SIZE];
  ag_file_pair pair = {findings, below, {H5I_INVALID_HID, H5I_INVALID_HID}, NULL};
  AG_TRY(ag_path_join(below, sizeof below, "models/%s", name));
  for (size_t side = 0; side < 2; ++side) {
    AG_TRY(ag_path_join(path, sizeof path, "%s/%s", findings->folders[side], below));
    AG_TRY(ag_hdf5_open(path, AG_BAD_MODEL, &pair.files[side]));
  }
  AG_TRY(ag_file_pair_compare(&pair));
  ++findings->models;
cleanup:
  ag_hdf5_close(&pair.files[1], &status);
  ag_hdf5_close(&pair.files[0], &status);
  return status;
}

static ag_status compare_models(ag_findings *findings, const hid_t files[2])
{
  ag_status status = AG_OK;
  ag_names names = {0};
  for (size_t side = 0; side < 2; ++side) {
    AG_TRY(list_models(findings->folders[side], side == 0 ? AG_IN_FIRST : AG_IN_SECOND, &names));
    AG_TRY(expect_models(files[side], &names));
  }
  ag_names_sort(&names);
  for (size_t i = 0; i < names.count; ++i) {
    const ag_place_name *name = &names.entries[i];
    if (name->where == AG_IN_BOTH) {
      AG_TRY(compare_model(findings, name->text));
    } else if (name->where == 0) {
      status = ag_fail(AG_BAD_MODEL, "models/%s is missing in both %s and %s", name->text,
                       findings->folders[0], findings->folders[1]);
      goto cleanup;
    } else {
      ag_text *text = ag_findings_add(findings, AG_PART_MODELS);
      if (text == NULL) continue;
      AG_TRY(ag_text_append(text, "models/%s: only in %s", name->text,
                            findings->folders[name->where == AG_IN_FIRST ? 0 : 1]));
    }
  }
cleanup:
  ag_names_clear(&names);
  return status;
}

/* ---- what was found -------------------------------------------------------------------------- */

static ag_status append_equal(const ag_findings *findings, hid_t file, ag_text *text)
{
  bool complete = false;
  const ag_status status = is_complete(file, &complete);
  if (status != AG_OK) return status;
  return ag_text_append(text, "equal: %zu points, %zu samples, %zu models, %zu parameters%s\n",
                        findings->points, findings->samples, findings->models, findings->parameters,
                        complete ? "" : "; neither job is complete");
}

/* "and 7 more: training 3, samples 4". */
static ag_status append_counts(const ag_findings *findings, ag_part told, ag_text *text)
{
  static const char *const parts[AG_PARTS] = {
      [AG_PART_JOB] = "job",         [AG_PART_TRAINING] = "training", [AG_PART_MODELS] = "models",
      [AG_PART_SAMPLES] = "samples", [AG_PART_RESULTS] = "results",   [AG_PART_GRID] = "grid",
      [AG_PART_OTHERS] = "others"};
  ag_status status = AG_OK;
  size_t more = 0;
  const char *separator = ":";
  for (size_t part = 0; part < AG_PARTS; ++part)
    more += findings->counts[part] - (part == told);
  if (more == 0) return AG_OK;
  AG_TRY(ag_text_append(text, "and %zu more", more));
  for (size_t part = told; part < AG_PARTS; ++part) {
    const size_t count = findings->counts[part] - (part == told);
    if (count == 0) continue;
    AG_TRY(ag_text_append(text, "%s %s %zu", separator, parts[part], count));
    separator = ",";
  }
  AG_TRY(ag_text_append(text, "\n"));
cleanup:
  return status;
}

/* Other kernels round otherwise: no difference by themselves, but a likely reason of one. */
static ag_status append_kernels(const ag_findings *findings, const hid_t files[2], ag_text *text)
{
  ag_status status = AG_OK;
  ag_text kernels[2] = {{0}, {0}};
  for (size_t side = 0; side < 2; ++side)
    AG_TRY(append_attribute(files[side], "kernels", &kernels[side]));
  if (strcmp(kernels[0].bytes, kernels[1].bytes) == 0) goto cleanup;
  AG_TRY(ag_text_append(text, "a likely reason: the kernels are '%s' in %s, '%s' in %s\n",
                        kernels[0].bytes, findings->folders[0], kernels[1].bytes,
                        findings->folders[1]));
cleanup:
  ag_text_clear(&kernels[1]);
  ag_text_clear(&kernels[0]);
  return status;
}

static ag_status conclude(const ag_findings *findings, const hid_t files[2], ag_text *text,
                          bool *equal)
{
  ag_status status = AG_OK;
  ag_part first = AG_PART_JOB;
  while (first < AG_PARTS && findings->counts[first] == 0)
    ++first;
  *equal = first == AG_PARTS;
  if (*equal) return append_equal(findings, files[0], text);
  AG_TRY(ag_text_append(text, "different: %s\n", findings->first[first].bytes));
  AG_TRY(append_counts(findings, first, text));
  AG_TRY(append_kernels(findings, files, text));
cleanup:
  return status;
}

ag_status ag_verify(const char *first, const char *second, ag_text *text, bool *equal)
{
  ag_status status = AG_OK;
  ag_hdf5_printing printing;
  ag_findings findings = {.folders = {first, second}};
  ag_point_names points[2] = {{0}, {0}};
  ag_file_pair pair = {&findings, "results.h5", {H5I_INVALID_HID, H5I_INVALID_HID}, points};
  *equal = false;
  /* What a damaged file keeps HDF5 from closing, it would complain of when the program ends. */
  (void)H5dont_atexit();
  ag_hdf5_printing_stop(&printing);
  for (size_t side = 0; side < 2; ++side)
    AG_TRY(open_results(findings.folders[side], &pair.files[side], &points[side]));
  AG_TRY(ag_file_pair_compare(&pair));
  AG_TRY(compare_models(&findings, pair.files));
  AG_TRY(conclude(&findings, pair.files, text, equal));
cleanup:
  for (size_t side = 0; side < 2; ++side) {
    ag_release(&points[side].rows);
    ag_hdf5_close(&pair.files[side], &status);
  }
  for (size_t part = 0; part < AG_PARTS; ++part)
    ag_text_clear(&findings.first[part]);
  ag_hdf5_printing_resume(&printing);
  return status;
}
