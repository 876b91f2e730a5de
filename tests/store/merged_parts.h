/* Result folders with parts of a job, made by hand, and what comes of merging them. */
#ifndef ADVGRID_TEST_MERGED_PARTS_H
#define ADVGRID_TEST_MERGED_PARTS_H

#include "store/edited_job.h"

#include <dirent.h>

enum { EPOCHS = 2, UNIT_IMAGES = 40 };

/* What a folder is made with beside its job. */
typedef struct making {
  size_t left;          /* units at the end that are not done */
  bool untrained;       /* one epoch of each model, and nothing else */
  uint64_t other_model; /* added to what the parameters are drawn from */
  float other_margin;   /* added to the first outcome of the first unit */
  uint64_t other_cost;  /* added to the first unit's gradients */
  uint8_t gradient;     /* of all outcomes, an ag_first_gradient */
  double other_loss;    /* added to the first epoch's */
  double seconds;       /* of everything */
  uint8_t images;       /* in the place of the usual digest of the images; 0: that */
  const char *host, *kernels;
  const char *task; /* of Slurm's array 12; NULL: of none */
  uint32_t restarts;
  uint32_t ranks;
} making;

static inline void join_path(char path[AG_PATH_SIZE], const char *folder, const char *name)
{
  assert_int_equal(ag_path_join(path, AG_PATH_SIZE, "%s/%s", folder, name), AG_OK);
}

/* A model's parameters and their file. */
static inline ag_digest make_model(const char *folder, const ag_plan *plan, size_t index,
                                   uint64_t other)
{
  static const float mean[3] = {0.5F, 0.5F, 0.5F};
  static const float deviation[3] = {0.25F, 0.25F, 0.25F};
  ag_network *network = NULL;
  ag_digest digest;
  char path[AG_PATH_SIZE];
  char key[AG_DIGEST_TEXT_SIZE];
  const ag_model_unit *model = &plan->models[index];
  assert_int_equal(ag_plan_network(plan, &model->layers, &network), AG_OK);
  ag_network_initialise(network, 100 * (uint64_t)model->key.bytes[0] + other, mean, deviation);
  assert_int_equal(ag_network_digest(network, &digest), AG_OK);
  ag_digest_text(&model->key, key);
  assert_int_equal(ag_path_join(path, sizeof path, "%s/models/%s.h5", folder, model->name), AG_OK);
  assert_int_equal(ag_model_save(network, path, "linear", key), AG_OK);
  ag_network_destroy(&network);
  return digest;
}

static inline void put_epochs(ag_journal *journal, const ag_digest *key, const making *how)
{
  for (uint32_t i = 1; i <= (how->untrained ? 1 : EPOCHS); ++i) {
    const ag_epoch epoch = {.epoch = i,
                            .loss = 1.0 / i + (i == 1 ? how->other_loss : 0),
                            .train_accuracy = 0.1 * i,
                            .seconds = how->seconds};
    put(journal, AG_RECORD_EPOCH, key, &epoch, sizeof epoch);
  }
}

/* Outcomes that depend on the unit's key. */
static inline void put_outcomes(ag_journal *journal, const ag_unit *unit, const ag_digest *model,
                                const making *how, bool first)
{
  struct {
    ag_unit_record head;
    ag_outcome outcomes[UNIT_IMAGES];
  } done = {.head = {.outcomes = (uint32_t)unit->count,
                     .seconds = how->seconds,
                     .cost.gradients = unit->count + (first ? how->other_cost : 0),
                     .model = *model}};
  assert_true(unit->count <= UNIT_IMAGES);
  for (size_t i = 0; i < unit->count; ++i) {
    done.outcomes[i] = (ag_outcome){.index = (uint32_t)(unit->first + i),
                                    .label = unit->key.bytes[i % AG_DIGEST_SIZE] % 10,
                                    .gradient = how->gradient,
                                    .margin = (float)unit->key.bytes[1]};
  }
  if (first) done.outcomes[0].margin += how->other_margin;
  put(journal, AG_RECORD_UNIT, &unit->key, &done,
      sizeof done.head + unit->count * sizeof *done.outcomes);
}

static inline void put_work(const char *folder, const ag_plan *plan, const making *how)
{
  ag_journal *journal = NULL;
  assert_int_equal(ag_journal_open(folder, &journal), AG_OK);
  ag_provenance run = {.ranks = how->ranks, .threads = 1};
  snprintf(run.hosts, sizeof run.hosts, "%s", part(how->host, "here"));
  if (how->task != NULL) {
    snprintf(run.slurm_array_job_id, sizeof run.slurm_array_job_id, "12");
    snprintf(run.slurm_array_task_id, sizeof run.slurm_array_task_id, "%s", how->task);
  }
  run.slurm_restart_count = how->restarts;
  snprintf(run.kernels, sizeof run.kernels, "%s", part(how->kernels, "avx2"));
  ag_digest_text(&(ag_digest){.bytes = {how->images == 0 ? 1 : how->images}}, run.dataset_sha256);
  put(journal, AG_RECORD_RUN, &(ag_digest){0}, &run, sizeof run);
  for (size_t i = 0; i < plan->model_count; ++i) {
    const ag_digest *key = &plan->models[i].key;
    put_epochs(journal, key, how);
    if (how->untrained) continue;
    const ag_model_record record = {.seconds = how->seconds,
                                    .parameters = make_model(folder, plan, i, how->other_model)};
    put(journal, AG_RECORD_MODEL, key, &record, sizeof record);
    const ag_span span = {.epoch = 1, .start = (double)i, .seconds = 1};
    put(journal, AG_RECORD_SPAN, key, &span, sizeof span);
    const size_t per_model = plan->unit_count / plan->model_count;
    for (size_t u = i * per_model; u < (i + 1) * per_model && u + how->left < plan->unit_count; ++u)
      put_outcomes(journal, &plan->units[u], &record.parameters, how, u == 0);
  }
  ag_journal_close(&journal);
}

/** Makes folder/name, the result folder of a job. */
static inline void make_part(const char *folder, const char *name, const parts *of,
                             const making *how)
{
  char path[AG_PATH_SIZE];
  char file[AG_PATH_SIZE];
  ag_text text = {0};
  ag_inputs inputs = {.dataset.bytes = {how->images == 0 ? 1 : how->images}};
  ag_plan *plan = NULL;
  ag_job *job = make_job(of);
  join_path(path, folder, name);
  join_path(file, path, "models");
  assert_int_equal(ag_folder_create(file), AG_OK);
  join_path(file, path, "job.yaml");
  assert_int_equal(ag_job_print(job, &text), AG_OK);
  assert_int_equal(ag_file_write(file, text.bytes, text.length), AG_OK);
  ag_text_clear(&text);
  assert_int_equal(ag_model_files_digest(job, &inputs.models), AG_OK);
  assert_int_equal(ag_plan_create(job, &inputs, &plan), AG_OK);
  put_work(path, plan, how);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
  ag_release(&inputs.models);
}

/* ---- merging -------------------------------------------------------------------------------- */

/** Merges folder/NAME for each name, separated by spaces, to folder/merged. */
static inline ag_status merge(const char *folder, const char *names)
{
  enum { FOLDERS = 4 };
  char paths[FOLDERS][AG_PATH_SIZE];
  char output[AG_PATH_SIZE];
  const char *list[FOLDERS];
  size_t count = 0;
  for (const char *name = names; *name != '\0'; name += strspn(name, " ")) {
    const int length = (int)strcspn(name, " ");
    assert_true(count < FOLDERS);
    snprintf(paths[count], AG_PATH_SIZE, "%s/%.*s", folder, length, name);
    list[count] = paths[count];
    ++count;
    name += length;
  }
  join_path(output, folder, "merged");
  return ag_merge(list, count, output);
}

/** Entries of a folder. */
static inline size_t count_entries(const char *path)
{
  size_t count = 0;
  DIR *entries = opendir(path);
  assert_non_null(entries);
  for (const struct dirent *entry = NULL; (entry = readdir(entries)) != NULL;)
    count += entry->d_name[0] != '.';
  closedir(entries);
  return count;
}

/** Refused with this status and a message that holds the text, and nothing is left behind. */
static inline void expect_refused(const char *folder, const char *names, ag_status status,
                                  const char *text)
{
  const size_t before = count_entries(folder);
  assert_int_equal(merge(folder, names), status);
  if (strstr(ag_message(), text) == NULL) fail_msg("'%s' is not in: %s", text, ag_message());
  assert_int_equal(count_entries(folder), before);
}

static inline void expect_merged(const char *folder, const char *names)
{
  if (merge(folder, names) != AG_OK) fail_msg("%s", ag_message());
}

/* How many records of a kind a journal has, and how many of them repeat an earlier key. */
typedef struct tally {
  ag_record_kind kind;
  size_t count, twice;
  ag_digest keys[200];
} tally;

static inline ag_status tally_record(void *context, const ag_record *record)
{
  tally *all = context;
  if (record->kind != all->kind) return AG_OK;
  for (size_t i = 0; i < all->count; ++i)
    all->twice += memcmp(&all->keys[i], &record->key, sizeof record->key) == 0;
  assert_true(all->count < 200);
  all->keys[all->count++] = record->key;
  return AG_OK;
}

/** That many records of that kind are in folder/merged, each of a key of its own but epochs. */
static inline void expect_records(const char *folder, ag_record_kind kind, size_t count)
{
  tally all = {.kind = kind};
  char path[AG_PATH_SIZE];
  join_path(path, folder, "merged");
  assert_int_equal(ag_journal_read(path, tally_record, &all), AG_OK);
  assert_int_equal(all.count, count);
  if (kind != AG_RECORD_EPOCH) assert_int_equal(all.twice, 0);
}

#endif
