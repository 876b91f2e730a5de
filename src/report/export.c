/* advgrid export: the tables of results.h5 as files that any program reads. All are written under
 * names of their own first, so that a full disk leaves what was there. */
#include "advgrid/report.h"
#include "report/csv.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A table of results.h5, and its file. */
static const struct {
  const char *dataset, *file;
} tables[] = {{"results", "points.csv"},
              {"gates", "gates.csv"},
              {"ranks", "ranks.csv"},
              {"timeline", "timeline.csv"},
              {"failures", "failures.csv"}};
enum { TABLES = sizeof tables / sizeof *tables, NAME_SIZE = 128 };

static const char training_file[] = "training.csv";
static const char new_suffix[] = ".new"; /* of a file that waits for the others */

/* The datasets of a point's samples, in the order of an outcome; others come behind them. */
static const char *const sample_columns[] = {
    "index", "label", "clean_prediction", "prediction", "clean_margin", "margin", "linf", "l2"};
enum { SAMPLE_COLUMNS = sizeof sample_columns / sizeof *sample_columns };

typedef struct exporter {
  const char *folder; /* of the result */
  hid_t file;
  ag_names written; /* names under csv/ */
  ag_text *told;
} exporter;

/* ---- files ------------------------------------------------------------------------------- */

static ag_status path_of(const exporter *self, const char *name, const char *suffix,
                         char path[AG_PATH_SIZE])
{
  return ag_path_join(path, AG_PATH_SIZE, "%s/csv/%s%s", self->folder, name, suffix);
}

/* Writes a file that waits; name: under csv/. */
static ag_status keep(exporter *self, const char *name, const ag_text *text)
{
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  AG_TRY(path_of(self, name, new_suffix, path));
  AG_TRY(ag_names_add(&self->written, name, AG_IN_FIRST));
  AG_TRY(ag_file_write(path, text->bytes, text->length));
cleanup:
  return status;
}

/* ag_names keeps texts one behind the other, each ended by a zero. */
static const char *name_at(const ag_names *names, size_t i)
{
  return names->bytes.bytes + names->entries[i].offset;
}

static void discard(const exporter *self)
{
  char path[AG_PATH_SIZE];
  for (size_t i = 0; i < self->written.count; ++i) {
    if (path_of(self, name_at(&self->written, i), new_suffix, path) == AG_OK) (void)unlink(path);
  }
}

static ag_status publish(const exporter *self)
{
  char from[AG_PATH_SIZE];
  char to[AG_PATH_SIZE];
  ag_status status = AG_OK;
  for (size_t i = 0; i < self->written.count; ++i) {
    AG_TRY(path_of(self, name_at(&self->written, i), new_suffix, from));
    AG_TRY(path_of(self, name_at(&self->written, i), "", to));
    if (rename(from, to) != 0) {
      status = ag_fail(AG_IO_ERROR, "cannot write %s: %s", to, strerror(errno));
      goto cleanup;
    }
  }
cleanup:
  return status;
}

static bool is_written(const exporter *self, const char *name)
{
  for (size_t i = 0; i < self->written.count; ++i) {
    if (strcmp(name_at(&self->written, i), name) == 0) return true;
  }
  return false;
}

/* What an earlier export has left of a table that results.h5 does not have any more. */
static void remove_old(const exporter *self, const char *name)
{
  char path[AG_PATH_SIZE];
  if (!is_written(self, name) && path_of(self, name, "", path) == AG_OK) (void)unlink(path);
}

/* ---- tables ------------------------------------------------------------------------------- */

static ag_status tell(const exporter *self, const char *name, size_t rows)
{
  return ag_text_append(self->told, "%s/csv/%s  %zu row%s\n", self->folder, name, rows,
                        ag_plural(rows, "", "s"));
}

static ag_status export_table(exporter *self, const char *dataset, const char *name)
{
  ag_status status = AG_OK;
  ag_csv csv = {0};
  ag_text text = {0};
  if (H5Lexists(self->file, dataset, H5P_DEFAULT) <= 0) return AG_OK;
  AG_TRY(ag_csv_create(1, &csv));
  AG_TRY(ag_csv_add(&csv, self->file, dataset, dataset));
  AG_TRY(ag_csv_put_heading(&csv, NULL, &text));
  AG_TRY(ag_csv_put_rows(&csv, NULL, &text));
  AG_TRY(keep(self, name, &text));
  AG_TRY(tell(self, name, csv.row_count));
cleanup:
  ag_text_clear(&text);
  ag_csv_clear(&csv);
  return status;
}

static herr_t add_link(hid_t group, const char *name, const H5L_info_t *information, void *context)
{
  (void)group;
  (void)information;
  return ag_names_add(context, name, AG_IN_FIRST) == AG_OK ? 0 : -1;
}

/* The names in a group, sorted; none where there is no such group. */
static ag_status list_group(hid_t file, const char *path, ag_names *names)
{
  ag_status status = AG_OK;
  hid_t group = H5I_INVALID_HID;
  if (H5Lexists(file, path, H5P_DEFAULT) <= 0) return AG_OK;
  group = H5Gopen2(file, path, H5P_DEFAULT);
  if (group < 0) return ag_hdf5_fail(AG_BAD_STORE, "/%s is no group", path);
  if (H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, add_link, names) < 0) {
    status = ag_hdf5_fail(AG_BAD_STORE, "/%s cannot be read", path);
  }
  ag_hdf5_close(&group, &status);
  if (status == AG_OK) ag_names_sort(names);
  return status;
}

/* The epochs of a model behind those of the others, with its name in the first column. */
static ag_status append_training(exporter *self, const char *model, const ag_csv *first,
                                 ag_text *text, size_t *rows)
{
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  ag_csv csv = {0};
  AG_TRY(ag_path_join(path, sizeof path, "training/%s", model));
  AG_TRY(ag_csv_create(1, &csv));
  AG_TRY(ag_csv_add(&csv, self->file, path, "value"));
  bool same = csv.column_count == first->column_count;
  for (size_t i = 0; same && i < csv.column_count; ++i)
    same = strcmp(csv.columns[i].name, first->columns[i].name) == 0;
  if (!same) {
    status = ag_fail(AG_BAD_STORE, "/%s has other columns than the trainings before it", path);
    goto cleanup;
  }
  AG_TRY(ag_csv_put_rows(&csv, model, text));
  *rows += csv.row_count;
cleanup:
  ag_csv_clear(&csv);
  return status;
}

static ag_status export_training(exporter *self)
{
  ag_status status = AG_OK;
  ag_names models = {0};
  ag_csv first = {0};
  ag_text text = {0};
  size_t rows = 0;
  char path[AG_PATH_SIZE];
  AG_TRY(list_group(self->file, "training", &models));
  if (models.count == 0) goto cleanup;
  AG_TRY(ag_path_join(path, sizeof path, "training/%s", models.entries[0].text));
  AG_TRY(ag_csv_create(1, &first));
  AG_TRY(ag_csv_add(&first, self->file, path, "value"));
  AG_TRY(ag_csv_put_heading(&first, "model", &text));
  for (size_t i = 0; i < models.count; ++i)
    AG_TRY(append_training(self, models.entries[i].text, &first, &text, &rows));
  AG_TRY(keep(self, training_file, &text));
  AG_TRY(tell(self, training_file, rows));
cleanup:
  ag_text_clear(&text);
  ag_csv_clear(&first);
  ag_names_clear(&models);
  return status;
}

/* ---- samples ------------------------------------------------------------------------------ */

static bool is_sample_column(const char *name)
{
  for (size_t i = 0; i < SAMPLE_COLUMNS; ++i) {
    if (strcmp(sample_columns[i], name) == 0) return true;
  }
  return false;
}

static ag_status add_sample_column(const exporter *self, const char *key, const char *name,
                                   ag_csv *csv)
{
  char path[AG_PATH_SIZE];
  ag_status status = ag_path_join(path, sizeof path, "samples/%s/%s", key, name);
  if (status == AG_OK && H5Lexists(self->file, path, H5P_DEFAULT) > 0) {
    status = ag_csv_add(csv, self->file, path, name);
  }
  return status;
}

/* key: becomes a file's name. */
static ag_status export_point(exporter *self, const char *key)
{
  ag_status status = AG_OK;
  ag_digest digest;
  ag_names names = {0};
  ag_csv csv = {0};
  ag_text text = {0};
  char path[AG_PATH_SIZE];
  if (!ag_digest_read(key, &digest)) {
    return ag_fail(AG_BAD_STORE, "/samples/%.80s is named after no point", key);
  }
  AG_TRY(ag_path_join(path, sizeof path, "samples/%s", key));
  AG_TRY(list_group(self->file, path, &names));
  AG_TRY(ag_csv_create(names.count, &csv));
  for (size_t i = 0; i < SAMPLE_COLUMNS; ++i)
    AG_TRY(add_sample_column(self, key, sample_columns[i], &csv));
  for (size_t i = 0; i < names.count; ++i) {
    if (is_sample_column(names.entries[i].text)) continue;
    AG_TRY(add_sample_column(self, key, names.entries[i].text, &csv));
  }
  AG_TRY(ag_csv_put_heading(&csv, NULL, &text));
  AG_TRY(ag_csv_put_rows(&csv, NULL, &text));
  AG_TRY(ag_path_join(path, sizeof path, "samples/%s.csv", key));
  AG_TRY(keep(self, path, &text));
cleanup:
  ag_text_clear(&text);
  ag_csv_clear(&csv);
  ag_names_clear(&names);
  return status;
}

static ag_status export_samples(exporter *self)
{
  ag_status status = AG_OK;
  ag_names keys = {0};
  char path[AG_PATH_SIZE];
  AG_TRY(ag_path_join(path, sizeof path, "%s/csv/samples", self->folder));
  AG_TRY(ag_folder_create(path));
  AG_TRY(list_group(self->file, "samples", &keys));
  for (size_t i = 0; i < keys.count; ++i)
    AG_TRY(export_point(self, keys.entries[i].text));
  AG_TRY(ag_text_append(self->told, "%s  %zu file%s\n", path, keys.count,
                        ag_plural(keys.count, "", "s")));
cleanup:
  ag_names_clear(&keys);
  return status;
}

/* Of points that results.h5 does not have any more; files of other names are not ours. */
static void remove_old_samples(const exporter *self)
{
  char path[AG_PATH_SIZE];
  if (path_of(self, "samples", "", path) != AG_OK) return;
  DIR *folder = opendir(path);
  if (folder == NULL) return;
  for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
    char key[AG_DIGEST_TEXT_SIZE];
    char name[NAME_SIZE];
    ag_digest digest;
    snprintf(key, sizeof key, "%.64s", entry->d_name);
    if (!ag_digest_read(key, &digest) || strcmp(entry->d_name + strlen(key), ".csv") != 0) continue;
    snprintf(name, sizeof name, "samples/%s.csv", key);
    remove_old(self, name);
  }
  closedir(folder);
}

/* ---- the whole ------------------------------------------------------------------------------ */

static ag_status open_results(const char *folder, hid_t *file)
{
  char path[AG_PATH_SIZE];
  const ag_status status = ag_path_join(path, sizeof path, "%s/results.h5", folder);
  if (status != AG_OK) return status;
  if (!ag_file_exists(path)) {
    return ag_fail(AG_INVALID_ARGUMENT, "%s has no results.h5 to export", folder);
  }
  return ag_hdf5_open(path, AG_BAD_STORE, file);
}

static ag_status export_all(exporter *self, bool samples)
{
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  AG_TRY(ag_path_join(path, sizeof path, "%s/csv", self->folder));
  AG_TRY(ag_folder_create(path));
  for (size_t i = 0; i < TABLES; ++i)
    AG_TRY(export_table(self, tables[i].dataset, tables[i].file));
  AG_TRY(export_training(self));
  if (samples) AG_TRY(export_samples(self));
cleanup:
  return status;
}

ag_status ag_export_csv(const char *folder, bool samples, ag_text *text)
{
  ag_status status = AG_OK;
  ag_hdf5_printing printing;
  exporter self = {.folder = folder, .file = H5I_INVALID_HID, .told = text};
  ag_hdf5_printing_stop(&printing);
  AG_TRY(open_results(folder, &self.file));
  status = export_all(&self, samples);
  if (status == AG_OK) status = publish(&self);
  if (status != AG_OK) {
    discard(&self);
    goto cleanup;
  }
  for (size_t i = 0; i < TABLES; ++i)
    remove_old(&self, tables[i].file);
  remove_old(&self, training_file);
  if (samples) remove_old_samples(&self);
cleanup:
  ag_names_clear(&self.written);
  ag_hdf5_close(&self.file, &status);
  ag_hdf5_printing_resume(&printing);
  return status == AG_BAD_STORE ? ag_fail_within(status, "%s/results.h5", folder) : status;
}
