/* A folder in which jobs are run, edited, and run again, by records alone. */
#ifndef ADVGRID_TEST_EDITED_JOB_H
#define ADVGRID_TEST_EDITED_JOB_H

#include "support/folder.h"

#include "advgrid/store.h"

enum { TEXT_SIZE = 4096 };

/* The parts of a job, of which a test changes some; what is NULL is as usual. */
typedef struct parts {
  const char *seeds, *dataset, *model, *training, *defenses, *attacks, *epsilons, *evaluation;
  const char *kernels;
} parts;

static inline const char *part(const char *given, const char *usual)
{
  return given == NULL ? usual : given;
}

#define USUAL_DATASET \
  "{kind: synthetic, training_images: 400, test_images: 300, validation_images: 100}"

static inline ag_job *make_job(const parts *of)
{
  char text[TEXT_SIZE];
  snprintf(text, sizeof text,
           "name: edited\n%s\ndataset: %s\nmodel: %s\ntraining: %s\ndefenses: %s\nattacks: %s\n"
           "epsilons: %s\nevaluation: %s\n%s\n",
           part(of->seeds, "seed: 1"), part(of->dataset, USUAL_DATASET),
           part(of->model, "{kind: linear}"),
           part(of->training, "{epochs: 12, batch: 64, shard: 16}"),
           part(of->defenses,
                "[{kind: none}, {kind: gaussian-noise, name: noise, after: normalize, draws: 4}]"),
           part(of->attacks, "[{kind: fgsm}, {kind: pgd, steps: 20}]"),
           part(of->epsilons, "[0, 8/255, 0.1]"), part(of->evaluation, "{images: 120, block: 40}"),
           part(of->kernels, ""));
  ag_job *job = NULL;
  if (ag_job_read(text, strlen(text), "job.yaml", &job) != AG_OK) fail_msg("%s", ag_message());
  return job;
}
enum { POINTS = 12, POINT_UNITS = 3 };

/* A folder in which jobs are run, and the last of them. */
typedef struct fixture {
  char *folder;
  ag_inputs inputs;
  ag_job *job;
  ag_plan *plan;
  ag_ledger *ledger;
} fixture;

static inline void forget_job(fixture *all)
{
  ag_ledger_destroy(&all->ledger);
  ag_plan_destroy(&all->plan);
  ag_job_destroy(&all->job);
  ag_release(&all->inputs.models);
}

/* Reads a job and what the journal knows of it. */
static inline void open_job(fixture *all, const parts *of)
{
  forget_job(all);
  all->job = make_job(of);
  assert_int_equal(ag_model_files_digest(all->job, &all->inputs.models), AG_OK);
  assert_int_equal(ag_plan_create(all->job, &all->inputs, &all->plan), AG_OK);
  assert_int_equal(ag_ledger_create(all->plan, &all->ledger), AG_OK);
  assert_int_equal(ag_journal_read(all->folder, ag_ledger_take, all->ledger), AG_OK);
}

static inline void put(ag_journal *journal, ag_record_kind kind, const ag_digest *key,
                       const void *payload, size_t size)
{
  const ag_record record = {.kind = kind, .key = *key, .payload = payload, .size = size};
  assert_int_equal(ag_journal_append(journal, &record), AG_OK);
}

static inline void put_unit(ag_journal *journal, const ag_plan *plan, const ag_unit *unit)
{
  const ag_digest trained = {{0}};
  struct {
    ag_unit_record head;
    ag_outcome outcomes[200];
  } done = {.head = {.outcomes = (uint32_t)unit->count}};
  assert_true(unit->count <= 200);
  assert_int_equal(ag_attacked_digest(plan, unit->point, &trained, &trained, &done.head.model),
                   AG_OK);
  for (size_t i = 0; i < unit->count; ++i)
    done.outcomes[i].index = (uint32_t)(unit->first + i);
  put(journal, AG_RECORD_UNIT, &unit->key, &done,
      sizeof done.head + unit->count * sizeof *done.outcomes);
}

/* What a run of the job does: its YAML, and records of all that is open but the last `left` units.
 */
static inline void run_job(fixture *all, size_t left)
{
  char path[AG_PATH_SIZE];
  ag_journal *journal = NULL;
  ag_text text = {0};
  ag_provenance run = {0};
  const ag_model_record trained = {0};
  assert_int_equal(ag_path_join(path, sizeof path, "%s/job.yaml", all->folder), AG_OK);
  assert_int_equal(ag_job_print(all->job, &text), AG_OK);
  assert_int_equal(ag_file_write(path, text.bytes, text.length), AG_OK);
  ag_text_clear(&text);
  assert_int_equal(ag_journal_open(all->folder, &journal), AG_OK);
  ag_digest_text(&all->inputs.dataset, run.dataset_sha256);
  put(journal, AG_RECORD_RUN, &(ag_digest){0}, &run, sizeof run);
  for (size_t i = 0; i < all->plan->model_count; ++i) {
    if (all->plan->models[i].from_file || all->ledger->models[i].progress != AG_PROGRESS_MISSING) {
      continue;
    }
    put(journal, AG_RECORD_MODEL, &all->plan->models[i].key, &trained, sizeof trained);
  }
  for (size_t i = 0; i + left < all->plan->unit_count; ++i) {
    if (all->ledger->units[i].progress == AG_PROGRESS_MISSING) {
      put_unit(journal, all->plan, &all->plan->units[i]);
    }
  }
  ag_journal_close(&journal);
}

/* A folder in which that job was run. */
static inline fixture start(const parts *of, size_t left)
{
  fixture all = {.folder = folder_create(), .inputs.dataset.bytes = {1}};
  open_job(&all, of);
  run_job(&all, left);
  return all;
}

static inline void finish(fixture *all)
{
  forget_job(all);
  folder_remove(all->folder);
  assert_int_equal(ag_live_blocks(), 0);
}

#endif
