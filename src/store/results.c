/* The result file: results.h5 as a view of the ledger.
 * It is built in memory from nothing each time and replaces the old one whole. */
#include "store/results_file.h"

#include <stdio.h>
#include <string.h>

enum { SCHEMA_VERSION = 1, FAILURE_NAME = 4 * AG_NAME_SIZE + 128 };

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* ---- root attributes ---------------------------------------------------------- */

static bool is_complete(const ag_ledger *ledger)
{
  for (size_t i = 0; i < ledger->plan->point_count; ++i) {
    if (ag_ledger_point(ledger, i) != AG_PROGRESS_DONE) return false;
  }
  return true;
}

static ag_status write_root(hid_t file, const ag_ledger *ledger, const char *job_text)
{
  ag_status status = AG_OK;
  const ag_provenance *run = &ledger->provenance;
  ag_digest digest;
  char digest_text[AG_DIGEST_TEXT_SIZE];
  AG_TRY(ag_digest_compute(job_text, strlen(job_text), &digest));
  ag_digest_text(&digest, digest_text);
  const struct {
    const char *name, *text;
  } texts[] = {{"advgrid_version", run->version},
               {"git_commit", run->git_commit},
               {"job", job_text},
               {"job_digest", digest_text},
               {"dataset", ledger->plan->job->dataset.name},
               {"dataset_sha256", run->dataset_sha256},
               {"hosts", run->hosts},
               {"cpu", run->cpu},
               {"kernels", run->kernels},
               {"mpi", run->mpi},
               {"blas", run->blas},
               {"hdf5", run->hdf5},
               {"slurm_job_id", run->slurm_job_id},
               {"slurm_array_job_id", run->slurm_array_job_id},
               {"slurm_array_task_id", run->slurm_array_task_id},
               {"slurm_nodes", run->slurm_nodes}};
  const struct {
    const char *name;
    int value;
  } integers[] = {{"schema_version", SCHEMA_VERSION},
                  {"complete", is_complete(ledger)},
                  {"ranks", (int)run->ranks},
                  {"threads", (int)run->threads},
                  {"restarts", ledger->runs == 0 ? 0 : (int)(ledger->runs - 1)},
                  {"slurm_restart_count", (int)run->slurm_restart_count}};
  for (size_t i = 0; i < COUNT_OF(texts); ++i)
    AG_TRY(ag_hdf5_write_text(file, texts[i].name, texts[i].text));
  for (size_t i = 0; i < COUNT_OF(integers); ++i)
    AG_TRY(ag_hdf5_write_integers(file, integers[i].name, &integers[i].value, 1));
cleanup:
  return status;
}

/* ---- points ----------------------------------------------------------------------- */

/* Zeros behind the name: readers take all the bytes of a field. */
static void copy_name(const char *name, char field[AG_NAME_SIZE])
{
  memset(field, 0, AG_NAME_SIZE);
  memcpy(field, name, strnlen(name, AG_NAME_SIZE));
}

static void fill_row(const ag_ledger *ledger, size_t index, const ag_outcome *outcomes,
                     size_t count, ag_result_row *row)
{
  const ag_plan *plan = ledger->plan;
  const ag_point *point = &plan->points[index];
  const ag_model_unit *model = &plan->models[point->model];
  const ag_summary summary = ag_summarise(outcomes, count);
  ag_digest_text(&point->key, row->key);
  copy_name(plan->job->defenses[model->defense].name, row->defense);
  copy_name(plan->job->attacks[point->attack].name, row->attack);
  row->epsilon = plan->job->epsilons[point->epsilon].value;
  row->seed = plan->job->seeds[model->seed];
  row->images = summary.images;
  row->clean_correct = summary.clean_correct;
  row->robust_correct = summary.robust_correct;
  row->clean_accuracy = summary.clean_accuracy;
  row->robust_accuracy = summary.robust_accuracy;
  row->robust_accuracy_of_correct = summary.robust_accuracy_of_correct; /* NaN of none */
  row->ci_low = summary.interval.low;
  row->ci_high = summary.interval.high;
  row->mean_linf = summary.mean_linf;
  row->max_linf = summary.max_linf;
  row->mean_l2 = summary.mean_l2;
}

/* /samples/KEY and the details; points that are the same work under two names share them. */
static ag_status write_samples(hid_t file, const ag_ledger *ledger, size_t point, const char *key,
                               const ag_outcome *outcomes, size_t count)
{
  static const ag_column columns[] = {
      {"index", AG_COLUMN_INDEX, offsetof(ag_outcome, index)},
      {"label", AG_COLUMN_BYTE, offsetof(ag_outcome, label)},
      {"clean_prediction", AG_COLUMN_BYTE, offsetof(ag_outcome, clean_prediction)},
      {"prediction", AG_COLUMN_BYTE, offsetof(ag_outcome, prediction)},
      {"clean_margin", AG_COLUMN_SINGLE, offsetof(ag_outcome, clean_margin)},
      {"margin", AG_COLUMN_SINGLE, offsetof(ag_outcome, margin)},
      {"linf", AG_COLUMN_SINGLE, offsetof(ag_outcome, linf)},
      {"l2", AG_COLUMN_SINGLE, offsetof(ag_outcome, l2)}};
  ag_status status = AG_OK;
  htri_t there = 0;
  char folder[AG_DIGEST_TEXT_SIZE + sizeof "samples/"];
  AG_TRY(ag_path_join(folder, sizeof folder, "samples/%s", key));
  AG_HDF5_TRY(there = H5Lexists(file, folder, H5P_DEFAULT), "cannot look for %s", folder);
  if (there > 0) goto cleanup;
  AG_TRY(ag_results_columns(file, folder,
                            &(ag_rows){.columns = columns,
                                       .column_count = COUNT_OF(columns),
                                       .rows = outcomes,
                                       .row_size = sizeof *outcomes,
                                       .row_count = count}));
  AG_TRY(ag_results_details(file, ledger, point, key, outcomes, count));
cleanup:
  return status;
}

/* A point that is done: its row and its samples. */
static ag_status write_point(hid_t file, const ag_ledger *ledger, size_t index, ag_result_row *row)
{
  ag_status status = AG_OK;
  ag_outcome *outcomes = NULL;
  size_t count = 0;
  ag_attack_cost cost;
  AG_TRY(ag_ledger_outcomes(ledger, index, &outcomes, &count, &cost, &row->seconds));
  fill_row(ledger, index, outcomes, count, row);
  row->gradients = cost.gradients;
  row->forwards = cost.forwards;
  AG_TRY(write_samples(file, ledger, index, row->key, outcomes, count));
cleanup:
  ag_release(&outcomes);
  return status;
}

static ag_status write_results(hid_t file, const ag_result_row *rows, size_t count)
{
#define COLUMN(member, kind)                       \
  {                                                \
#member, kind, offsetof(ag_result_row, member) \
  }
  static const ag_column columns[] = {COLUMN(key, AG_COLUMN_NAME),
                                      COLUMN(defense, AG_COLUMN_NAME),
                                      COLUMN(attack, AG_COLUMN_NAME),
                                      COLUMN(epsilon, AG_COLUMN_NUMBER),
                                      COLUMN(seed, AG_COLUMN_COUNT),
                                      COLUMN(images, AG_COLUMN_COUNT),
                                      COLUMN(clean_correct, AG_COLUMN_COUNT),
                                      COLUMN(robust_correct, AG_COLUMN_COUNT),
                                      COLUMN(clean_accuracy, AG_COLUMN_NUMBER),
                                      COLUMN(robust_accuracy, AG_COLUMN_NUMBER),
                                      COLUMN(robust_accuracy_of_correct, AG_COLUMN_NUMBER),
                                      COLUMN(ci_low, AG_COLUMN_NUMBER),
                                      COLUMN(ci_high, AG_COLUMN_NUMBER),
                                      COLUMN(mean_linf, AG_COLUMN_NUMBER),
                                      COLUMN(max_linf, AG_COLUMN_NUMBER),
                                      COLUMN(mean_l2, AG_COLUMN_NUMBER),
                                      COLUMN(gradients, AG_COLUMN_COUNT),
                                      COLUMN(forwards, AG_COLUMN_COUNT),
                                      COLUMN(seconds, AG_COLUMN_NUMBER)};
#undef COLUMN
  return ag_results_table(file, "results",
                          &(ag_rows){.columns = columns,
                                     .column_count = COUNT_OF(columns),
                                     .rows = rows,
                                     .row_size = sizeof *rows,
                                     .row_count = count});
}

/* /results, /grid and /samples. */
static ag_status write_points(hid_t file, const ag_ledger *ledger)
{
  ag_status status = AG_OK;
  const ag_plan *plan = ledger->plan;
  ag_grid grid = {0};
  ag_result_row *rows = NULL;
  size_t count = 0;
  AG_TRY(ag_grid_start(plan->job, &grid));
  AG_TRY(ag_allocate(plan->point_count, sizeof *rows, &rows));
  for (size_t i = 0; i < plan->point_count; ++i) {
    const size_t place = ag_grid_place(&grid, plan, i);
    const ag_progress progress = ag_ledger_point(ledger, i);
    grid.status[place] = (int8_t)progress;
    if (progress != AG_PROGRESS_DONE) continue;
    AG_TRY(write_point(file, ledger, i, &rows[count]));
    grid.accuracy[place] = rows[count].robust_accuracy;
    ++count;
  }
  AG_TRY(write_results(file, rows, count));
  AG_TRY(ag_grid_write(file, plan->job, &grid));
cleanup:
  ag_release(&rows);
  ag_grid_clear(&grid);
  return status;
}

/* ---- models and failures -------------------------------------------------------------- */

static ag_status write_training(hid_t file, const ag_model_unit *unit, const ag_model_state *model)
{
#define COLUMN(member, kind)                  \
  {                                           \
#member, kind, offsetof(ag_epoch, member) \
  }
  static const ag_column columns[] = {COLUMN(epoch, AG_COLUMN_INDEX),
                                      COLUMN(loss, AG_COLUMN_NUMBER),
                                      COLUMN(learning_rate, AG_COLUMN_NUMBER),
                                      COLUMN(train_accuracy, AG_COLUMN_NUMBER),
                                      COLUMN(validation_accuracy, AG_COLUMN_NUMBER),
                                      COLUMN(robust_validation_accuracy, AG_COLUMN_NUMBER),
                                      COLUMN(seconds, AG_COLUMN_NUMBER),
                                      COLUMN(hidden_seconds, AG_COLUMN_NUMBER),
                                      COLUMN(exposed_seconds, AG_COLUMN_NUMBER)};
#undef COLUMN
  char name[sizeof unit->name + sizeof "training/"];
  ag_status status = ag_path_join(name, sizeof name, "training/%s", unit->name);
  if (status != AG_OK) return status;
  return ag_results_table(file, name,
                          &(ag_rows){.columns = columns,
                                     .column_count = COUNT_OF(columns),
                                     .rows = model->epochs,
                                     .row_size = sizeof *model->epochs,
                                     .row_count = model->epoch_count});
}

typedef struct failure_row {
  const char *name, *reason;
  char buffer[FAILURE_NAME];
} failure_row;

static void name_failed_unit(const ag_plan *plan, size_t index, failure_row *row)
{
  const ag_unit *unit = &plan->units[index];
  const ag_point *point = &plan->points[unit->point];
  char epsilon[AG_NAME_SIZE];
  ag_plan_describe_epsilon(plan, index, ", epsilon ", epsilon);
  snprintf(row->buffer, sizeof row->buffer, "%s, %s%s, images %zu to %zu",
           plan->models[point->model].name, plan->job->attacks[point->attack].name, epsilon,
           unit->first, unit->first + unit->count - 1);
  row->name = row->buffer;
}

static size_t collect_failures(const ag_ledger *ledger, failure_row *rows)
{
  const ag_plan *plan = ledger->plan;
  size_t count = 0;
  for (size_t i = 0; i < plan->model_count; ++i) {
    if (ledger->models[i].progress != AG_PROGRESS_FAILED) continue;
    if (rows != NULL) {
      rows[count].name = plan->models[i].name;
      rows[count].reason = ledger->models[i].failure;
    }
    ++count;
  }
  for (size_t i = 0; i < plan->unit_count; ++i) {
    if (ledger->units[i].progress != AG_PROGRESS_FAILED) continue;
    if (rows != NULL) {
      name_failed_unit(plan, i, &rows[count]);
      rows[count].reason = ledger->units[i].failure;
    }
    ++count;
  }
  return count;
}

static ag_status write_failures(hid_t file, const ag_ledger *ledger)
{
  static const ag_column columns[] = {{"name", AG_COLUMN_TEXT, offsetof(failure_row, name)},
                                      {"reason", AG_COLUMN_TEXT, offsetof(failure_row, reason)}};
  ag_status status = AG_OK;
  failure_row *rows = NULL;
  const size_t count = collect_failures(ledger, NULL);
  if (count == 0) return AG_OK;
  AG_TRY(ag_allocate(count, sizeof *rows, &rows));
  collect_failures(ledger, rows);
  AG_TRY(ag_results_table(file, "failures",
                          &(ag_rows){.columns = columns,
                                     .column_count = COUNT_OF(columns),
                                     .rows = rows,
                                     .row_size = sizeof *rows,
                                     .row_count = count}));
cleanup:
  ag_release(&rows);
  return status;
}

/* ---- ranks ----------------------------------------------------------------------------- */

typedef struct rank_row {
  uint32_t rank;
  ag_rank_times times;
} rank_row;

static ag_status write_ranks(hid_t file, const ag_ledger *ledger)
{
  static const ag_column columns[] = {
      {"rank", AG_COLUMN_INDEX, offsetof(rank_row, rank)},
      {"seconds", AG_COLUMN_NUMBER, offsetof(rank_row, times.seconds)},
      {"idle_seconds", AG_COLUMN_NUMBER, offsetof(rank_row, times.idle)}};
  ag_status status = AG_OK;
  rank_row *rows = NULL;
  if (ledger->rank_count == 0) return AG_OK;
  AG_TRY(ag_allocate(ledger->rank_count, sizeof *rows, &rows));
  for (size_t i = 0; i < ledger->rank_count; ++i)
    rows[i] = (rank_row){(uint32_t)i, ledger->ranks[i]};
  AG_TRY(ag_results_table(file, "ranks",
                          &(ag_rows){.columns = columns,
                                     .column_count = COUNT_OF(columns),
                                     .rows = rows,
                                     .row_size = sizeof *rows,
                                     .row_count = ledger->rank_count}));
cleanup:
  ag_release(&rows);
  return status;
}

/* ---- the whole ------------------------------------------------------------------------- */

static ag_status create_group(hid_t file, const char *name)
{
  ag_status status = AG_OK;
  hid_t group = H5I_INVALID_HID;
  AG_HDF5_TRY(group = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
              "cannot create /%s", name);
cleanup:
  ag_hdf5_close(&group, &status);
  return status;
}

static ag_status build(hid_t file, const ag_ledger *ledger, const char *job_text)
{
  ag_status status = AG_OK;
  AG_TRY(write_root(file, ledger, job_text));
  AG_TRY(create_group(file, "samples"));
  AG_TRY(create_group(file, "training"));
  AG_TRY(write_points(file, ledger));
  for (size_t i = 0; i < ledger->plan->model_count; ++i) {
    if (ledger->models[i].epoch_count == 0) continue;
    AG_TRY(write_training(file, &ledger->plan->models[i], &ledger->models[i]));
    AG_TRY(ag_results_bounds(file, &ledger->plan->models[i], &ledger->models[i]));
  }
  AG_TRY(ag_results_gates(file, ledger));
  AG_TRY(write_failures(file, ledger));
  AG_TRY(write_ranks(file, ledger));
  AG_TRY(ag_results_timeline(file, ledger));
cleanup:
  return status;
}

ag_status ag_results_write(const char *folder, const ag_ledger *ledger, const char *job_text)
{
  ag_status status = AG_OK;
  ag_hdf5_printing printing;
  char path[AG_PATH_SIZE];
  hid_t file = H5I_INVALID_HID;
  ag_hdf5_printing_stop(&printing);
  AG_TRY(ag_path_join(path, sizeof path, "%s/results.h5", folder));
  AG_TRY(ag_hdf5_create(path, &file));
  AG_TRY(build(file, ledger, job_text));
  AG_TRY(ag_hdf5_save(file, path));
cleanup:
  ag_hdf5_close(&file, &status);
  ag_hdf5_printing_resume(&printing);
  return status == AG_HDF5_FAILED ? ag_fail_within(status, "cannot write %s", path) : status;
}
