/* A job as YAML with every default filled in, in the form a person would write it. */
#include "plan/job.h"

#include <ctype.h>
#include <string.h>

/* True where YAML takes the text as it is, in a list or a mapping on one line too. */
static bool is_plain(const char *text)
{
  static const char others[] = "_./+-";
  for (const char *c = text; *c != '\0'; ++c) {
    if (!isalnum((unsigned char)*c) && strchr(others, *c) == NULL) return false;
  }
  const char *start = text + (text[0] == '-' || text[0] == '+');
  return isalnum((unsigned char)*start) || *start == '.' || text[0] == '/';
}

static ag_status append_value(ag_text *text, const char *value)
{
  ag_status status = AG_OK;
  if (is_plain(value)) return ag_text_append(text, "%s", value);
  AG_TRY(ag_text_append(text, "\""));
  for (const char *c = value; *c != '\0'; ++c)
    AG_TRY(ag_text_append(text, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c));
  AG_TRY(ag_text_append(text, "\""));
cleanup:
  return status;
}

/* "steps: 20, restarts: 1" behind what is there; options without a value are left out. */
static ag_status append_options(ag_text *text, const ag_settings *settings, const char *before,
                                const char *between)
{
  ag_status status = AG_OK;
  for (size_t i = 0; settings->options != NULL && settings->options[i].name != NULL; ++i) {
    if (settings->texts[i][0] == '\0') continue;
    AG_TRY(ag_text_append(text, "%s%s: ", before, settings->options[i].name));
    AG_TRY(append_value(text, settings->texts[i]));
    before = between;
  }
cleanup:
  return status;
}

static ag_status append_entry(ag_text *text, const char *before, const ag_entry *entry)
{
  ag_status status = AG_OK;
  AG_TRY(ag_text_append(text, "%s{kind: ", before));
  AG_TRY(append_value(text, entry->kind->name));
  if (strcmp(entry->name, entry->kind->name) != 0) {
    AG_TRY(ag_text_append(text, ", name: "));
    AG_TRY(append_value(text, entry->name));
  }
  AG_TRY(append_options(text, &entry->settings, ", ", ", "));
  AG_TRY(ag_text_append(text, "}\n"));
cleanup:
  return status;
}

static ag_status append_training(ag_text *text, const ag_training *training)
{
  ag_status status = AG_OK;
  const bool flip = (training->augmentation & AG_AUGMENT_FLIP) != 0;
  const bool crop = (training->augmentation & AG_AUGMENT_CROP) != 0;
  AG_TRY(ag_text_append(text, "training:"));
  AG_TRY(append_options(text, &training->settings, "\n  ", "\n  "));
  AG_TRY(append_entry(text, "\n  optimizer: ", &training->optimizer));
  AG_TRY(append_entry(text, "  schedule: ", &training->schedule));
  AG_TRY(ag_text_append(text, "  augmentation: [%s%s%s]\n", flip ? "flip" : "",
                        flip && crop ? ", " : "", crop ? "crop" : ""));
cleanup:
  return status;
}

static ag_status append_seeds(ag_text *text, const ag_job *job)
{
  ag_status status = AG_OK;
  if (job->seed_count == 1) {
    return ag_text_append(text, "seed: %llu\n", (unsigned long long)job->seeds[0]);
  }
  for (size_t i = 0; i < job->seed_count; ++i) {
    AG_TRY(ag_text_append(text, "%s%llu", i == 0 ? "seeds: [" : ", ",
                          (unsigned long long)job->seeds[i]));
  }
  AG_TRY(ag_text_append(text, "]\n"));
cleanup:
  return status;
}

static ag_status append_list(ag_text *text, const char *key, const ag_entry *entries, size_t count)
{
  ag_status status = AG_OK;
  AG_TRY(ag_text_append(text, "%s:\n", key));
  for (size_t i = 0; i < count; ++i)
    AG_TRY(append_entry(text, "  - ", &entries[i]));
cleanup:
  return status;
}

static ag_status append_epsilons(ag_text *text, const ag_job *job)
{
  ag_status status = AG_OK;
  for (size_t i = 0; i < job->epsilon_count; ++i) {
    AG_TRY(ag_text_append(text, "%s", i == 0 ? "epsilons: [" : ", "));
    AG_TRY(append_value(text, job->epsilons[i].text));
  }
  AG_TRY(ag_text_append(text, "]\n"));
cleanup:
  return status;
}

ag_status ag_job_print(const ag_job *job, ag_text *text)
{
  ag_status status = AG_OK;
  AG_TRY(ag_text_append(text, "name: "));
  AG_TRY(append_value(text, job->name));
  AG_TRY(ag_text_append(text, "\n"));
  AG_TRY(append_seeds(text, job));
  AG_TRY(append_entry(text, "dataset: ", &job->dataset));
  AG_TRY(append_entry(text, "model: ", &job->model));
  AG_TRY(append_training(text, &job->training));
  AG_TRY(append_list(text, "defenses", job->defenses, job->defense_count));
  AG_TRY(append_list(text, "attacks", job->attacks, job->attack_count));
  AG_TRY(append_epsilons(text, job));
  AG_TRY(append_options(text, &job->evaluation, "evaluation: {", ", "));
  AG_TRY(append_options(text, &job->kernels, "}\nkernels: {", ", "));
  AG_TRY(append_options(text, &job->run, "}\nrun: {", ", "));
  AG_TRY(ag_text_append(text, "}\n"));
cleanup:
  return status;
}
