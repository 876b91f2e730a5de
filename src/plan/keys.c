/* Keys: SHA-256 of a text that says all a result depends on and nothing else, so that an edited
 * job keeps what the edit does not touch. Names are left out, and numbers are written by value:
 * 0.5 and 5e-1 agree. Stored results depend on these texts: a change needs another version. */
#include "plan/keys.h"

#include <string.h>

static const char *const version = "advgrid-2";

/* Options that say where a dataset or a model lies, not what it is: its digest or its key says
 * that. */
static const char *const dataset_place = "path";
static const char *const model_place = "file";
static const char *const source_place = "from";

bool ag_entry_is_same(const ag_entry *one, const ag_entry *other)
{
  if (one->kind != other->kind) return false;
  const ag_option *options = one->settings.options;
  for (size_t i = 0; options != NULL && options[i].name != NULL; ++i) {
    if (!ag_value_is_same(&one->settings, &other->settings, i)) return false;
  }
  return true;
}

/* "{steps=10;step_size=;}": what was not given stays empty, which is not zero; what came late stays
 * out until it does something. Texts go with their length, so that none can pretend to be more than
 * one value. */
static ag_status append_settings(ag_text *text, const ag_settings *settings, const char *without)
{
  ag_status status = AG_OK;
  ag_settings initial;
  ag_settings_start(&initial, settings->options);
  AG_TRY(ag_text_append(text, "{"));
  for (size_t i = 0; settings->options != NULL && settings->options[i].name != NULL; ++i) {
    const ag_option *option = &settings->options[i];
    const char *value = settings->texts[i];
    if (without != NULL && strcmp(option->name, without) == 0) continue;
    if (option->late && ag_value_is_same(settings, &initial, i)) continue;
    AG_TRY(ag_text_append(text, "%s=", option->name));
    if (value[0] != '\0' && ag_option_is_text(option)) {
      AG_TRY(ag_text_append(text, "%zu:%s", strlen(value), value));
    } else if (value[0] != '\0') {
      AG_TRY(ag_text_append(text, "%.17g", settings->numbers[i] + 0.0));
    }
    AG_TRY(ag_text_append(text, ";"));
  }
  AG_TRY(ag_text_append(text, "}\n"));
cleanup:
  return status;
}

static ag_status append_entry(ag_text *text, const char *role, const ag_entry *entry,
                              const char *without)
{
  const ag_status status = ag_text_append(text, "%s %s", role, entry->kind->name);
  return status != AG_OK ? status : append_settings(text, &entry->settings, without);
}

static ag_status append_digest(ag_text *text, const char *role, const ag_digest *digest)
{
  char written[AG_DIGEST_TEXT_SIZE] = "";
  if (digest != NULL) ag_digest_text(digest, written);
  return ag_text_append(text, "%s %s\n", role, written);
}

static ag_status append_dataset(ag_text *text, const ag_job *job, const ag_inputs *inputs)
{
  const ag_status status = append_entry(text, "dataset", &job->dataset, dataset_place);
  if (status != AG_OK) return status;
  return append_digest(text, "dataset_sha256", inputs == NULL ? NULL : &inputs->dataset);
}

static ag_status append_training(ag_text *text, const ag_training *training)
{
  ag_status status = AG_OK;
  AG_TRY(ag_text_append(text, "training "));
  AG_TRY(append_settings(text, &training->settings, NULL));
  AG_TRY(append_entry(text, "optimizer", &training->optimizer, NULL));
  AG_TRY(append_entry(text, "schedule", &training->schedule, NULL));
  AG_TRY(ag_text_append(text, "augmentation %u\n", training->augmentation));
cleanup:
  return status;
}

/* Only what is asked for: "auto" was all there was once, and says nothing about what it comes to.
 */
static ag_status append_kernels(ag_text *text, const ag_settings *kernels)
{
  bool asked = false;
  ag_settings initial;
  ag_settings_start(&initial, kernels->options);
  for (size_t i = 0; kernels->options[i].name != NULL; ++i)
    asked = asked || !ag_value_is_same(kernels, &initial, i);
  if (!asked) return AG_OK;
  const ag_status status = ag_text_append(text, "kernels ");
  return status != AG_OK ? status : append_settings(text, kernels, NULL);
}

/* Attacks on networks whose verdict may be another than what they are told were others once; so was
 * what chose the best epoch of one that is trained adversarially. */
static ag_status append_attacks(ag_text *text, const ag_entry *defense, bool trains)
{
  ag_neighbours_wish wish;
  ag_adversarial how;
  const bool random = ag_defense_draws(defense).random;
  const bool again = trains ? random && ag_defense_adversarial(defense, &how)
                            : random || ag_defense_neighbours(defense, &wish);
  return again ? ag_text_append(text, "attacks 2\n") : AG_OK;
}

ag_status ag_key_of_model(const ag_job *job, const ag_inputs *inputs, size_t defense, size_t seed,
                          ag_digest *key)
{
  ag_status status = AG_OK;
  ag_text text = {0};
  const ag_entry *entry = &job->defenses[defense];
  AG_TRY(ag_text_append(&text, "%s model\n", version));
  if (ag_settings_has(&entry->settings, model_place)) {
    AG_TRY(append_digest(&text, "file_sha256", inputs == NULL ? NULL : &inputs->models[defense]));
  } else {
    AG_TRY(append_dataset(&text, job, inputs));
    AG_TRY(append_training(&text, &job->training));
    AG_TRY(append_kernels(&text, &job->kernels));
  }
  AG_TRY(append_entry(&text, "model", &job->model, NULL));
  AG_TRY(append_entry(&text, "defense", entry, model_place));
  AG_TRY(append_attacks(&text, entry, true));
  AG_TRY(ag_text_append(&text, "seed %llu\n", (unsigned long long)job->seeds[seed]));
  AG_TRY(ag_digest_compute(text.bytes, text.length, key));
cleanup:
  ag_text_clear(&text);
  return status;
}

ag_status ag_key_of_attack(const ag_job *job, const ag_inputs *inputs, const ag_model_unit *model,
                           const ag_model_unit *source, size_t attack, const ag_epsilon *epsilon,
                           ag_digest *attacked)
{
  ag_status status = AG_OK;
  ag_text text = {0};
  AG_TRY(ag_text_append(&text, "%s attack\n", version));
  AG_TRY(append_digest(&text, "model", &model->key));
  if (source != model) AG_TRY(append_digest(&text, "source", &source->key));
  AG_TRY(append_dataset(&text, job, inputs));
  AG_TRY(append_entry(&text, "attack", &job->attacks[attack], source_place));
  AG_TRY(append_attacks(&text, &job->defenses[model->defense], false));
  if (epsilon != NULL) AG_TRY(ag_text_append(&text, "epsilon %.17g\n", epsilon->value));
  AG_TRY(ag_text_append(&text, "seed %llu\nshard %zu\n",
                        (unsigned long long)job->seeds[model->seed],
                        ag_settings_count(&job->training.settings, "shard")));
  AG_TRY(append_kernels(&text, &job->kernels));
  AG_TRY(ag_digest_compute(text.bytes, text.length, attacked));
cleanup:
  ag_text_clear(&text);
  return status;
}

ag_status ag_key_of_images(const ag_digest *attacked, size_t first, size_t count, ag_digest *key)
{
  ag_status status = AG_OK;
  ag_text text = {0};
  AG_TRY(ag_text_append(&text, "%s images\n", version));
  AG_TRY(append_digest(&text, "attack", attacked));
  AG_TRY(ag_text_append(&text, "first %zu\ncount %zu\n", first, count));
  AG_TRY(ag_digest_compute(text.bytes, text.length, key));
cleanup:
  ag_text_clear(&text);
  return status;
}
