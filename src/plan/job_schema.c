/* libcyaml's schema of a job file, built from the tables of kinds: a mapping with a `kind` takes
 * the options of all kinds of its table, each as text. A new row needs no change here. */
#include "plan/job_schema.h"
#include "plan/complaint.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ag_kind_table ag_job_schema_table(const ag_job_schema *schema, const cyaml_schema_field_t *fields)
{
  for (size_t i = 0; i < schema->entry_count; ++i) {
    if (schema->entries[i].fields == fields) return schema->entries[i].table;
  }
  return NULL;
}

static size_t option_count(const ag_option *options)
{
  size_t count = 0;
  while (options != NULL && options[count].name != NULL)
    ++count;
  return count;
}

/* Fields that all mappings take at most. */
static size_t field_maximum(const ag_kind_table *tables, size_t count)
{
  enum { OTHER_FIELDS = 64 }; /* keys that are no options, and the ends of lists */
  size_t fields = OTHER_FIELDS + option_count(ag_training_options) +
                  option_count(ag_evaluation_options) + option_count(ag_kernel_options);
  for (size_t i = 0; i < count; ++i) {
    const ag_kind *kind = NULL;
    for (size_t row = 0; (kind = tables[i](row)) != NULL; ++row)
      fields += option_count(kind->options);
  }
  return fields;
}

/* A mapping being built: its fields follow each other in the schema's array. */
typedef struct builder {
  ag_job_schema *schema;
  size_t first, slots;
} builder;

static builder begin(ag_job_schema *schema)
{
  return (builder){.schema = schema, .first = schema->used};
}

static void add(builder *mapping, const char *key, size_t slots, cyaml_schema_value_t value)
{
  ag_job_schema *schema = mapping->schema;
  assert(schema->used < schema->capacity);
  value.flags |= CYAML_FLAG_OPTIONAL; /* what must be there is checked before */
  schema->fields[schema->used++] = (cyaml_schema_field_t){
      .key = key,
      .data_offset = (uint32_t)(mapping->slots * sizeof(ag_job_slot)),
      .count_offset = (uint32_t)((mapping->slots + 1) * sizeof(ag_job_slot)),
      .count_size = sizeof(size_t),
      .value = value,
  };
  mapping->slots += slots;
}

static void add_text(builder *mapping, const char *key)
{
  add(mapping, key, 1, mapping->schema->text);
}

static void add_list(builder *mapping, const char *key, const cyaml_schema_value_t *entry,
                     uint32_t minimum)
{
  const bool text = entry->type == CYAML_STRING;
  add(mapping, key, 2,
      (cyaml_schema_value_t){.type = CYAML_SEQUENCE,
                             .flags = CYAML_FLAG_POINTER,
                             .data_size = text ? (uint32_t)sizeof(char *) : entry->data_size,
                             .sequence = {entry, minimum, AG_JOB_LIST_MAXIMUM}});
}

static void add_options(builder *mapping, const ag_option *options)
{
  for (size_t i = 0; i < option_count(options); ++i) {
    bool known = false;
    for (size_t k = mapping->first; k < mapping->schema->used; ++k)
      known = known || strcmp(mapping->schema->fields[k].key, options[i].name) == 0;
    if (!known) add_text(mapping, options[i].name);
  }
}

static cyaml_schema_value_t finish(builder *mapping)
{
  ag_job_schema *schema = mapping->schema;
  assert(schema->used < schema->capacity);
  schema->fields[schema->used++] = (cyaml_schema_field_t){.key = NULL};
  return (cyaml_schema_value_t){
      .type = CYAML_MAPPING,
      .flags = CYAML_FLAG_DEFAULT,
      .data_size = (uint32_t)(mapping->slots * sizeof(ag_job_slot)),
      .mapping = {&schema->fields[mapping->first]},
  };
}

static cyaml_schema_value_t by_pointer(cyaml_schema_value_t value)
{
  value.flags |= CYAML_FLAG_POINTER;
  return value;
}

static cyaml_schema_value_t build_entry(ag_job_schema *schema, ag_kind_table table, bool named)
{
  builder mapping = begin(schema);
  add_text(&mapping, "kind");
  if (named) add_text(&mapping, "name");
  const ag_kind *kind = NULL;
  for (size_t row = 0; (kind = table(row)) != NULL; ++row)
    add_options(&mapping, kind->options);
  const cyaml_schema_value_t value = finish(&mapping);
  assert(schema->entry_count < AG_JOB_ENTRY_MAPPINGS);
  schema->entries[schema->entry_count++] = (ag_job_entry_fields){value.mapping.fields, table};
  return value;
}

static void build(ag_job_schema *schema)
{
  schema->text = (cyaml_schema_value_t){.type = CYAML_STRING,
                                        .flags = CYAML_FLAG_POINTER,
                                        .data_size = sizeof(char),
                                        .string = {0, CYAML_UNLIMITED}};
  /* Inner mappings first, since the fields of a mapping lie side by side. */
  const cyaml_schema_value_t dataset = build_entry(schema, ag_dataset_table, false);
  const cyaml_schema_value_t model = build_entry(schema, ag_architecture_table, false);
  const cyaml_schema_value_t optimizer = build_entry(schema, ag_optimizer_table, false);
  const cyaml_schema_value_t schedule = build_entry(schema, ag_schedule_table, false);
  schema->defense = build_entry(schema, ag_defense_table, true);
  schema->attack = build_entry(schema, ag_attack_table, true);

  builder training = begin(schema);
  add_options(&training, ag_training_options);
  add(&training, "optimizer", 1, by_pointer(optimizer));
  add(&training, "schedule", 1, by_pointer(schedule));
  add_list(&training, "augmentation", &schema->text, 0);
  const cyaml_schema_value_t training_value = finish(&training);

  builder evaluation = begin(schema);
  add_options(&evaluation, ag_evaluation_options);
  const cyaml_schema_value_t evaluation_value = finish(&evaluation);

  builder kernels = begin(schema);
  add_options(&kernels, ag_kernel_options);
  const cyaml_schema_value_t kernels_value = finish(&kernels);

  builder run = begin(schema);
  add_options(&run, ag_run_options);
  const cyaml_schema_value_t run_value = finish(&run);

  builder root = begin(schema);
  add_text(&root, "name");
  add_text(&root, "seed");
  add_list(&root, "seeds", &schema->text, 1);
  add(&root, "dataset", 1, by_pointer(dataset));
  add(&root, "model", 1, by_pointer(model));
  add(&root, "training", 1, by_pointer(training_value));
  add_list(&root, "defenses", &schema->defense, 1);
  add_list(&root, "attacks", &schema->attack, 1);
  add_list(&root, "epsilons", &schema->text, 1);
  add(&root, "evaluation", 1, by_pointer(evaluation_value));
  add(&root, "kernels", 1, by_pointer(kernels_value));
  add(&root, "run", 1, by_pointer(run_value));
  schema->root = by_pointer(finish(&root));
}

ag_status ag_job_schema_create(ag_job_schema **out)
{
  static const ag_kind_table tables[] = {ag_dataset_table,   ag_architecture_table,
                                         ag_optimizer_table, ag_schedule_table,
                                         ag_defense_table,   ag_attack_table};
  ag_status status = AG_OK;
  ag_job_schema *schema = NULL;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *schema, &schema));
  *out = schema;
  schema->capacity = field_maximum(tables, sizeof tables / sizeof tables[0]);
  AG_TRY(ag_allocate(schema->capacity, sizeof *schema->fields, &schema->fields));
  build(schema);
cleanup:
  if (status != AG_OK) ag_job_schema_destroy(out);
  return status;
}

/* ---- loading -------------------------------------------------------------------------- */

void ag_job_schema_destroy(ag_job_schema **out)
{
  ag_job_schema *schema = *out;
  if (schema == NULL) return;
  ag_complaint heard = {0};
  const cyaml_config_t config = ag_complaint_listen(&heard);
  if (schema->loaded != NULL) cyaml_free(&config, &schema->root, schema->loaded, 0);
  ag_release(&schema->fields);
  ag_release(out);
}

ag_status ag_job_schema_load(ag_job_schema *schema, const char *text, size_t size,
                             ag_job_document *document, ag_job_mapping *root)
{
  assert(schema->loaded == NULL);
  ag_complaint heard = {0};
  const cyaml_config_t config = ag_complaint_listen(&heard);
  const cyaml_err_t error =
      cyaml_load_data((const uint8_t *)text, size, &config, &schema->root, &schema->loaded, NULL);
  if (error == CYAML_ERR_OOM) return ag_fail(AG_OUT_OF_MEMORY, "out of memory reading the job");
  if (error != CYAML_OK || schema->loaded == NULL) {
    const ag_status status =
        ag_fail(AG_BAD_JOB, "libcyaml refuses the job: %s (%s)", cyaml_strerror(error), heard.text);
    return ag_job_at_line(document, status, heard.line > 0 ? heard.line : 1);
  }
  *root = (ag_job_mapping){schema->root.mapping.fields, schema->loaded};
  return AG_OK;
}

static const cyaml_schema_field_t *find(const ag_job_mapping *mapping, const char *key,
                                        const ag_job_slot **slot)
{
  const cyaml_schema_field_t *field = mapping->fields;
  while (field->key != NULL && strcmp(field->key, key) != 0)
    ++field;
  assert(field->key != NULL && "a key that the schema does not know");
  *slot = mapping->slots + field->data_offset / sizeof(ag_job_slot);
  return field;
}

const char *ag_job_text(const ag_job_mapping *mapping, const char *key)
{
  const ag_job_slot *slot = NULL;
  (void)find(mapping, key, &slot);
  return slot->text;
}

bool ag_job_inner(const ag_job_mapping *mapping, const char *key, ag_job_mapping *inner)
{
  const ag_job_slot *slot = NULL;
  const cyaml_schema_field_t *field = find(mapping, key, &slot);
  *inner = (ag_job_mapping){field->value.mapping.fields, slot->slots};
  return slot->slots != NULL;
}

size_t ag_job_list_count(const ag_job_mapping *mapping, const char *key)
{
  const ag_job_slot *slot = NULL;
  (void)find(mapping, key, &slot);
  return slot[0].slots == NULL ? 0 : slot[1].count;
}

const char *ag_job_list_text(const ag_job_mapping *mapping, const char *key, size_t index)
{
  const ag_job_slot *slot = NULL;
  (void)find(mapping, key, &slot);
  return slot->texts[index];
}

ag_job_mapping ag_job_list_mapping(const ag_job_mapping *mapping, const char *key, size_t index)
{
  const ag_job_slot *slot = NULL;
  const cyaml_schema_field_t *field = find(mapping, key, &slot);
  const cyaml_schema_value_t *entry = field->value.sequence.entry;
  return (ag_job_mapping){entry->mapping.fields,
                          slot->slots + index * (entry->data_size / sizeof(ag_job_slot))};
}
