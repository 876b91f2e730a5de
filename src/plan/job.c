/* From the values of a job file to a checked ag_job. */
#include "plan/job.h"
#include "plan/details.h"
#include "plan/keys.h"
#include "plan/source.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* What reading a job goes by. */
typedef struct reader {
  ag_job_document *document;
  ag_job_mapping root;
  ag_job *job;
} reader;

/* ---- parts ------------------------------------------------------------------------- */

static ag_status read_options(const reader *from, const ag_job_mapping *mapping, const char *place,
                              ag_settings *settings)
{
  ag_status status = AG_OK;
  for (const ag_option *option = settings->options; option != NULL && option->name != NULL;
       ++option) {
    const char *text = ag_job_text(mapping, option->name);
    if (text == NULL) continue;
    status = ag_settings_set(settings, option->name, text);
    if (status == AG_OK && !ag_job_text_is_printable(text)) {
      status = ag_fail(AG_BAD_JOB, "'%s' holds a control character", option->name);
    }
    AG_TRY(ag_job_at(from->document, status, "%s.%s", place, option->name));
  }
  AG_TRY(ag_job_at(from->document, ag_settings_check(settings), "%s", place));
cleanup:
  return status;
}

static ag_status read_entry(const reader *from, const ag_job_mapping *mapping, ag_kind_table table,
                            const char *place, ag_entry *entry)
{
  const ag_kind *kind = ag_kind_find(table, ag_job_text(mapping, "kind"));
  assert(kind != NULL && "an entry that was not checked");
  ag_entry_start(entry, kind);
  return read_options(from, mapping, place, &entry->settings);
}

/* An entry that may be left out; initial: the kind it has then. */
static ag_status read_single(const reader *from, const ag_job_mapping *mapping, const char *key,
                             ag_kind_table table, const char *initial, const char *place,
                             ag_entry *entry)
{
  ag_job_mapping inner;
  if (ag_job_inner(mapping, key, &inner)) return read_entry(from, &inner, table, place, entry);
  const ag_kind *kind = ag_kind_find(table, initial);
  assert(kind != NULL && "a default that its table does not have");
  ag_entry_start(entry, kind);
  return ag_job_at(from->document, ag_settings_check(&entry->settings), "%s", place);
}

/* Names must differ, since they name files, and so must what they stand for, since two that are
 * the same would share their keys. */
static ag_status check_twins(const char *key, const ag_entry *entries, size_t last)
{
  for (size_t i = 0; i < last; ++i) {
    if (strcmp(entries[i].name, entries[last].name) == 0) {
      return ag_fail(AG_BAD_JOB, "two %s are named '%s'; give one of them a name", key,
                     entries[last].name);
    }
    if (ag_entry_is_same(&entries[i], &entries[last])) {
      return ag_fail(AG_BAD_JOB, "%s '%s' and '%s' are the same", key, entries[i].name,
                     entries[last].name);
    }
  }
  return AG_OK;
}

static ag_status read_list(const reader *from, const char *key, ag_kind_table table,
                           ag_entry **entries, size_t *out_count)
{
  ag_status status = AG_OK;
  const size_t count = ag_job_list_count(&from->root, key);
  AG_TRY(ag_allocate(count, sizeof **entries, entries));
  *out_count = count;
  for (size_t i = 0; i < count; ++i) {
    char place[AG_NAME_SIZE];
    snprintf(place, sizeof place, "%s[%zu]", key, i);
    ag_entry *entry = &(*entries)[i];
    const ag_job_mapping mapping = ag_job_list_mapping(&from->root, key, i);
    AG_TRY(read_entry(from, &mapping, table, place, entry));
    const char *name = ag_job_text(&mapping, "name");
    if (name != NULL) {
      AG_TRY(ag_job_at(from->document, ag_job_name_check(name), "%s.name", place));
      /* Cleared first: files hold all the bytes of a name. */
      memset(entry->name, 0, sizeof entry->name);
      snprintf(entry->name, sizeof entry->name, "%s", name);
    }
    AG_TRY(ag_job_at(from->document, check_twins(key, *entries, i), "%s", place));
  }
cleanup:
  return status;
}

/* ---- sections ----------------------------------------------------------------------------- */

static ag_status read_augmentation(const reader *from, const ag_job_mapping *training)
{
  static const char *const words[] = {"flip", "crop"};
  static const unsigned changes[] = {AG_AUGMENT_FLIP, AG_AUGMENT_CROP};
  enum { WORDS = sizeof words / sizeof words[0] };
  for (size_t i = 0; i < ag_job_list_count(training, "augmentation"); ++i) {
    const char *text = ag_job_list_text(training, "augmentation", i);
    size_t word = 0;
    while (word < WORDS && strcmp(words[word], text) != 0)
      ++word;
    ag_status status = AG_OK;
    if (word == WORDS) {
      char what[AG_VALUE_SIZE];
      snprintf(what, sizeof what, "unknown augmentation '%.80s'", text);
      status = ag_job_fail_unknown(what, text, words, WORDS);
    } else if ((from->job->training.augmentation & changes[word]) != 0) {
      status = ag_fail(AG_BAD_JOB, "augmentation '%s' is given twice", text);
    } else {
      from->job->training.augmentation |= changes[word];
    }
    if (status != AG_OK) {
      return ag_job_at(from->document, status, "training.augmentation[%zu]", i);
    }
  }
  return AG_OK;
}

static ag_status read_training(const reader *from)
{
  ag_status status = AG_OK;
  ag_training *training = &from->job->training;
  ag_job_mapping mapping;
  ag_settings_start(&training->settings, ag_training_options);
  if (!ag_job_inner(&from->root, "training", &mapping)) {
    ag_entry_start(&training->optimizer, ag_kind_find(ag_optimizer_table, "sgd"));
    ag_entry_start(&training->schedule, ag_kind_find(ag_schedule_table, "one-cycle"));
    return AG_OK;
  }
  AG_TRY(read_options(from, &mapping, "training", &training->settings));
  AG_TRY(read_single(from, &mapping, "optimizer", ag_optimizer_table, "sgd", "training.optimizer",
                     &training->optimizer));
  AG_TRY(read_single(from, &mapping, "schedule", ag_schedule_table, "one-cycle",
                     "training.schedule", &training->schedule));
  AG_TRY(read_augmentation(from, &mapping));
  const size_t batch = ag_settings_count(&training->settings, "batch");
  const size_t shard = ag_settings_count(&training->settings, "shard");
  if (shard > batch && ag_job_text(&mapping, "shard") == NULL) {
    /* The default is a whole batch where that is less. */
    AG_TRY(ag_settings_set(&training->settings, "shard",
                           ag_settings_word(&training->settings, "batch")));
  } else if (shard > batch) {
    status = ag_fail(AG_BAD_JOB,
                     "'shard' is %zu and 'batch' %zu; expected shards of at most a batch", shard,
                     batch);
    AG_TRY(ag_job_at(from->document, status, "training.shard"));
  }
cleanup:
  return status;
}

static ag_status read_evaluation_options(const reader *from, size_t test_images)
{
  ag_status status = AG_OK;
  ag_settings *settings = &from->job->evaluation;
  ag_job_mapping mapping;
  ag_settings_start(settings, ag_evaluation_options);
  /* The default is what there is where that is less. */
  if (test_images < ag_settings_count(settings, "images")) {
    char text[32];
    snprintf(text, sizeof text, "%zu", test_images);
    AG_TRY(ag_settings_set(settings, "images", text));
  }
  if (!ag_job_inner(&from->root, "evaluation", &mapping)) return AG_OK;
  AG_TRY(read_options(from, &mapping, "evaluation", settings));
  const size_t images = ag_settings_count(settings, "images");
  if (images > test_images) {
    status = ag_fail(AG_BAD_JOB, "'images' is %zu; expected at most the dataset's %zu test images",
                     images, test_images);
    AG_TRY(ag_job_at(from->document, status, "evaluation.images"));
  }
cleanup:
  return status;
}

static ag_status read_evaluation(const reader *from, const ag_dataset *dataset)
{
  const ag_status status = read_evaluation_options(from, dataset->test.count);
  if (status != AG_OK) return status;
  return ag_job_at(from->document, ag_details_check(from->job, dataset), "evaluation.latent");
}

/* A section that is nothing but options. */
static ag_status read_section(const reader *from, const char *name, const ag_option *options,
                              ag_settings *settings)
{
  ag_job_mapping mapping;
  ag_settings_start(settings, options);
  if (!ag_job_inner(&from->root, name, &mapping)) return AG_OK;
  return read_options(from, &mapping, name, settings);
}

static ag_status read_defenses(const reader *from, size_t classes)
{
  ag_status status = AG_OK;
  ag_job *job = from->job;
  if (ag_job_list_count(&from->root, "defenses") > 0) {
    AG_TRY(read_list(from, "defenses", ag_defense_table, &job->defenses, &job->defense_count));
  } else {
    AG_TRY(ag_allocate(1, sizeof *job->defenses, &job->defenses));
    job->defense_count = 1;
    ag_entry_start(&job->defenses[0], ag_kind_find(ag_defense_table, "none"));
  }
  for (size_t i = 0; i < job->defense_count; ++i) {
    const ag_entry *defense = &job->defenses[i];
    ag_layer_list layers;
    status = ag_defense_layers(defense, &job->model, classes, &layers);
    if (status == AG_OK) continue;
    /* The message names the option, where one is to blame. */
    char place[2 * AG_NAME_SIZE];
    snprintf(place, sizeof place, "defenses[%zu]", i);
    for (const ag_option *option = defense->kind->options; option != NULL && option->name != NULL;
         ++option) {
      char quoted[AG_NAME_SIZE];
      snprintf(quoted, sizeof quoted, "'%.60s'", option->name);
      if (strstr(ag_message(), quoted) == NULL) continue;
      snprintf(place, sizeof place, "defenses[%zu].%.60s", i, option->name);
      break;
    }
    AG_TRY(ag_job_at(from->document, status, "%s", place));
  }
cleanup:
  return status;
}

/* A radius is certified by the noise that a defense adds to the pixels, and by that alone, and for
 * what most draws say. */
static ag_status check_radius(const ag_job *job, const ag_entry *attack, size_t classes)
{
  for (size_t i = 0; i < job->defense_count; ++i) {
    ag_layer_list layers;
    const ag_status status = ag_defense_layers(&job->defenses[i], &job->model, classes, &layers);
    if (status != AG_OK) return status;
    if (ag_pixel_noise(&layers.layers[0]) <= 0) {
      return ag_fail(AG_BAD_JOB,
                     "attack '%s' certifies networks with noise on the pixels, and defense '%s' "
                     "adds none; expected defenses with 'after: pixels' and a 'sigma' over 0",
                     attack->name, job->defenses[i].name);
    }
    if (ag_defense_draws(&job->defenses[i]).majority) continue;
    return ag_fail(AG_BAD_JOB,
                   "attack '%s' certifies the class of most draws, and defense '%s' predicts that "
                   "of their mean logits; expected 'vote: majority'",
                   attack->name, job->defenses[i].name);
  }
  return AG_OK;
}

static ag_status read_attacks(const reader *from, size_t classes)
{
  ag_status status = AG_OK;
  ag_job *job = from->job;
  AG_TRY(read_list(from, "attacks", ag_attack_table, &job->attacks, &job->attack_count));
  for (size_t i = 0; i < job->attack_count; ++i) {
    if (ag_attack_of(&job->attacks[i])->finds != AG_FINDS_RADIUS) continue;
    AG_TRY(
        ag_job_at(from->document, check_radius(job, &job->attacks[i], classes), "attacks[%zu]", i));
  }
  AG_TRY(ag_job_check_sources(from->document, job));
cleanup:
  return status;
}

/* ---- the job ------------------------------------------------------------------------------- */

static ag_status read_name(const reader *from)
{
  const char *name = ag_job_text(&from->root, "name");
  if (name == NULL) name = "job";
  const ag_status status = ag_job_at(from->document, ag_job_name_check(name), "name");
  if (status == AG_OK) snprintf(from->job->name, sizeof from->job->name, "%s", name);
  return status;
}

static ag_status check_required(const reader *from)
{
  static const char *const required[] = {"attacks", "epsilons"};
  for (size_t i = 0; i < sizeof required / sizeof required[0]; ++i) {
    if (ag_job_list_count(&from->root, required[i]) > 0) continue;
    const ag_status status =
        ag_fail(AG_BAD_JOB, "the job has no '%s'; expected at least one", required[i]);
    return ag_job_at(from->document, status, "%s", "");
  }
  return AG_OK;
}

static ag_status read_dataset(const reader *from, ag_dataset *dataset)
{
  ag_status status = AG_OK;
  ag_job *job = from->job;
  size_t bytes = 0;
  AG_TRY(read_single(from, &from->root, "dataset", ag_dataset_table, "synthetic", "dataset",
                     &job->dataset));
  AG_TRY(ag_job_at(from->document, ag_dataset_describe(&job->dataset, dataset, &bytes), "dataset"));
cleanup:
  return status;
}

static ag_status read_job(const reader *from)
{
  ag_status status = AG_OK;
  ag_job *job = from->job;
  ag_dataset dataset;
  AG_TRY(read_name(from));
  AG_TRY(check_required(from));
  AG_TRY(ag_job_read_seeds(from->document, &from->root, job));
  AG_TRY(read_dataset(from, &dataset));
  AG_TRY(
      read_single(from, &from->root, "model", ag_architecture_table, "base", "model", &job->model));
  AG_TRY(read_training(from));
  AG_TRY(read_defenses(from, dataset.classes));
  AG_TRY(read_attacks(from, dataset.classes));
  AG_TRY(ag_job_read_epsilons(from->document, &from->root, job));
  AG_TRY(read_evaluation(from, &dataset));
  AG_TRY(read_section(from, "kernels", ag_kernel_options, &from->job->kernels));
  AG_TRY(read_section(from, "run", ag_run_options, &from->job->run));
cleanup:
  return status;
}

/* A message is one line whatever the job holds. */
static ag_status in_one_line(ag_status status)
{
  if (status == AG_OK) return status;
  char message[2048];
  snprintf(message, sizeof message, "%s", ag_message());
  for (char *c = message; *c != '\0'; ++c) {
    if ((*c > 0 && *c < ' ') || *c == 0x7f) *c = ' ';
  }
  return ag_fail(status, "%s", message);
}

ag_status ag_job_read(const char *text, size_t size, const char *path, ag_job **job)
{
  ag_status status = AG_OK;
  ag_job_schema *schema = NULL;
  reader from = {0};
  *job = NULL;
  AG_TRY(ag_job_document_create(text, size, path, &from.document));
  AG_TRY(ag_job_schema_create(&schema));
  AG_TRY(ag_job_check(from.document, schema));
  AG_TRY(ag_job_schema_load(schema, text, size, from.document, &from.root));
  AG_TRY(ag_allocate(1, sizeof **job, job));
  from.job = *job;
  AG_TRY(read_job(&from));
cleanup:
  ag_job_schema_destroy(&schema);
  ag_job_document_destroy(&from.document);
  if (status != AG_OK) ag_job_destroy(job);
  return in_one_line(status);
}

void ag_job_destroy(ag_job **job)
{
  if (*job == NULL) return;
  ag_release(&(*job)->seeds);
  ag_release(&(*job)->defenses);
  ag_release(&(*job)->attacks);
  ag_release(&(*job)->epsilons);
  ag_release(job);
}

ag_status ag_job_use_cifar10(ag_job *job)
{
  static const char *const counts[] = {"training_images", "test_images", "validation_images"};
  ag_status status = AG_OK;
  ag_entry cifar10;
  ag_dataset dataset;
  size_t bytes = 0;
  const ag_kind *kind = ag_kind_find(ag_dataset_table, "cifar10");
  assert(kind != NULL);
  if (job->dataset.kind == kind) return AG_OK;
  ag_entry_start(&cifar10, kind);
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; ++i) {
    const char *text = ag_settings_word(&job->dataset.settings, counts[i]);
    status = ag_settings_set(&cifar10.settings, counts[i], text);
    if (status != AG_OK) return ag_fail_within(status, "dataset cifar10");
  }
  AG_TRY(ag_dataset_describe(&cifar10, &dataset, &bytes));
  job->dataset = cifar10;
cleanup:
  return status;
}
