/* Checks a job's document against the schema before libcyaml loads it: libcyaml would refuse the
 * same, but without the nearest word and what was expected. */
#include "plan/job_document.h"
#include "plan/job_schema.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* A list or mapping of the document that is being walked; the schema is only so deep. */
typedef struct frame {
  const yaml_node_t *node;
  const cyaml_schema_value_t *schema;
  const char *key;     /* of the value, or of the list it is an entry of; NULL: the job itself */
  const ag_kind *kind; /* of an entry; NULL: no entry */
  bool item;
  size_t line, next;
} frame;

enum { DEPTH_MAXIMUM = 8, LABEL_SIZE = 2 * AG_NAME_SIZE, KEYS_MAXIMUM = 512 };

typedef struct checker {
  ag_job_document *document;
  const ag_job_schema *schema;
  frame frames[DEPTH_MAXIMUM];
  size_t depth;
} checker;

static void label(const frame *place, char out[LABEL_SIZE])
{
  if (place->key == NULL) {
    snprintf(out, LABEL_SIZE, "the job");
  } else {
    snprintf(out, LABEL_SIZE, "%s'%.64s'", place->item ? "an entry of " : "", place->key);
  }
}

static const char *node_text(const yaml_node_t *node)
{
  return (const char *)node->data.scalar.value;
}

static size_t pair_count(const yaml_node_t *mapping)
{
  return (size_t)(mapping->data.mapping.pairs.top - mapping->data.mapping.pairs.start);
}

static size_t item_count(const yaml_node_t *list)
{
  return (size_t)(list->data.sequence.items.top - list->data.sequence.items.start);
}

/* ---- shapes -------------------------------------------------------------------------- */

static ag_status fail_shape(const frame *place, const char *expected)
{
  char what[LABEL_SIZE];
  label(place, what);
  const yaml_node_t *node = place->node;
  if (node->type == YAML_SEQUENCE_NODE) {
    return ag_fail(AG_BAD_JOB, "%s is a list; expected %s", what, expected);
  }
  if (node->type == YAML_MAPPING_NODE) {
    return ag_fail(AG_BAD_JOB, "%s is a mapping; expected %s", what, expected);
  }
  if (node->data.scalar.length == 0) {
    return ag_fail(AG_BAD_JOB, "%s has no value; expected %s", what, expected);
  }
  return ag_fail(AG_BAD_JOB, "%s is '%.80s'; expected %s", what, node_text(node), expected);
}

static ag_status check_text(const frame *place)
{
  const yaml_node_t *node = place->node;
  if (node->type != YAML_SCALAR_NODE || node->data.scalar.length == 0) {
    return fail_shape(place, "a single value");
  }
  if (memchr(node_text(node), '\0', node->data.scalar.length) != NULL) {
    char what[LABEL_SIZE];
    label(place, what);
    return ag_fail(AG_BAD_JOB, "%s holds a zero byte", what);
  }
  return AG_OK;
}

static ag_status check_list(const frame *place)
{
  if (place->node->type != YAML_SEQUENCE_NODE) {
    return fail_shape(place, place->schema->sequence.entry->type == CYAML_STRING
                                 ? "a list like [a, b]"
                                 : "a list of mappings like [{kind: ...}]");
  }
  const size_t count = item_count(place->node);
  if (count < place->schema->sequence.min) {
    return ag_fail(AG_BAD_JOB, "'%s' is empty; expected at least one entry", place->key);
  }
  if (count > place->schema->sequence.max) {
    return ag_fail(AG_BAD_JOB, "'%s' has %zu entries; expected at most %u", place->key, count,
                   place->schema->sequence.max);
  }
  return AG_OK;
}

/* ---- kinds and keys -------------------------------------------------------------------- */

static const yaml_node_t *find_value(checker *check, const yaml_node_t *mapping, const char *name)
{
  const yaml_node_pair_t *pairs = mapping->data.mapping.pairs.start;
  for (size_t i = 0; i < pair_count(mapping); ++i) {
    const yaml_node_t *key = yaml_document_get_node(&check->document->yaml, pairs[i].key);
    if (key->type == YAML_SCALAR_NODE && strcmp(node_text(key), name) == 0) {
      return yaml_document_get_node(&check->document->yaml, pairs[i].value);
    }
  }
  return NULL;
}

static size_t kind_names(ag_kind_table table, const char *names[KEYS_MAXIMUM])
{
  size_t count = 0;
  const ag_kind *kind = NULL;
  while (count < KEYS_MAXIMUM && (kind = table(count)) != NULL)
    names[count++] = kind->name;
  return count;
}

static ag_status check_kind(checker *check, frame *place, ag_kind_table table)
{
  char where[LABEL_SIZE];
  char what[2 * LABEL_SIZE];
  const char *names[KEYS_MAXIMUM];
  const size_t count = kind_names(table, names);
  label(place, where);
  const yaml_node_t *node = find_value(check, place->node, "kind");
  if (node == NULL) {
    snprintf(what, sizeof what, "%s has no 'kind'", where);
    return ag_job_fail_unknown(what, "", names, count);
  }
  const frame kind = {.node = node, .key = "kind"};
  const ag_status status = check_text(&kind);
  place->line = ag_job_node_line(node); /* better than the entry's */
  if (status != AG_OK) return status;
  place->kind = ag_kind_find(table, node_text(node));
  if (place->kind != NULL) return AG_OK;
  snprintf(what, sizeof what, "%s is of the unknown kind '%.80s'", where, node_text(node));
  return ag_job_fail_unknown(what, node_text(node), names, count);
}

static ag_status check_mapping(checker *check, frame *place)
{
  const ag_kind_table table = ag_job_schema_table(check->schema, place->schema->mapping.fields);
  if (place->node->type != YAML_MAPPING_NODE) {
    return fail_shape(place, table != NULL        ? "a mapping like {kind: ...}"
                             : place->key == NULL ? "a mapping with 'attacks', 'epsilons', ..."
                                                  : "a mapping of keys and values");
  }
  return table != NULL ? check_kind(check, place, table) : AG_OK;
}

static bool kind_has(const ag_kind *kind, const char *name)
{
  for (const ag_option *option = kind->options; option != NULL && option->name != NULL; ++option) {
    if (strcmp(option->name, name) == 0) return true;
  }
  return false;
}

static const cyaml_schema_field_t *find_field(const frame *place, const char *name)
{
  const cyaml_schema_field_t *field = place->schema->mapping.fields;
  while (field->key != NULL && strcmp(field->key, name) != 0)
    ++field;
  return field->key != NULL ? field : NULL;
}

/* Keys that an entry takes whatever its kind; the schema has them before all options. */
static bool is_common(const char *name)
{
  return strcmp(name, "kind") == 0 || strcmp(name, "name") == 0;
}

static ag_status fail_other_kind(const ag_kind *kind, const char *name)
{
  ag_text list = {0};
  for (const ag_option *option = kind->options; option != NULL && option->name != NULL; ++option)
    ag_text_append(&list, "%s%s", list.length > 0 ? ", " : "", option->name);
  const ag_status status = ag_fail(AG_BAD_JOB, "'%s' is no option of %s; it has %s", name,
                                   kind->name, list.length > 0 ? list.bytes : "no options");
  ag_text_clear(&list);
  return status;
}

static ag_status fail_key(const frame *place, const char *name)
{
  char where[LABEL_SIZE];
  char what[2 * LABEL_SIZE];
  const char *known[KEYS_MAXIMUM];
  size_t count = 0;
  const cyaml_schema_field_t *field = place->schema->mapping.fields;
  for (; field->key != NULL && count < KEYS_MAXIMUM; ++field) {
    if (place->kind == NULL || is_common(field->key) || kind_has(place->kind, field->key)) {
      known[count++] = field->key;
    }
  }
  label(place, where);
  snprintf(what, sizeof what, "unknown key '%.80s' in %s", name,
           place->kind != NULL ? place->kind->name : where);
  return ag_job_fail_unknown(what, name, known, count);
}

/* The key whose turn it is: the part learns what its value must be. */
static ag_status check_key(checker *check, const frame *place, const yaml_node_t *key, frame *part)
{
  if (key->type != YAML_SCALAR_NODE || strlen(node_text(key)) != key->data.scalar.length) {
    return ag_fail(AG_BAD_JOB, "a key that is no word");
  }
  const cyaml_schema_field_t *field = find_field(place, node_text(key));
  if (field == NULL) return fail_key(place, node_text(key));
  if (place->kind != NULL && !is_common(field->key) && !kind_has(place->kind, field->key)) {
    return fail_other_kind(place->kind, field->key);
  }
  for (size_t i = 0; i + 1 < place->next; ++i) {
    const yaml_node_pair_t *pair = place->node->data.mapping.pairs.start + i;
    const yaml_node_t *earlier = yaml_document_get_node(&check->document->yaml, pair->key);
    if (strcmp(node_text(earlier), node_text(key)) == 0) {
      return ag_fail(AG_BAD_JOB, "'%s' is given twice; it stands on line %zu already", field->key,
                     ag_job_node_line(earlier));
    }
  }
  part->schema = &field->value;
  part->key = field->key;
  return AG_OK;
}

/* ---- the walk ----------------------------------------------------------------------------- */

/* Checks a value, and has its parts checked next where it has parts. */
static ag_status enter(checker *check, frame *place)
{
  ag_status status = AG_OK;
  assert(place->schema != NULL && "a value whose key was not checked");
  switch (place->schema->type) {
  case CYAML_MAPPING: status = check_mapping(check, place); break;
  case CYAML_SEQUENCE: status = check_list(place); break;
  default: return check_text(place);
  }
  if (status == AG_OK && check->depth == DEPTH_MAXIMUM) {
    status = ag_fail(AG_BAD_JOB, "more than %d levels", DEPTH_MAXIMUM);
  }
  if (status == AG_OK) check->frames[check->depth++] = *place;
  return status;
}

/* Makes the next part of a frame; false where there is none left. */
static bool advance(checker *check, frame *parent, frame *part, ag_status *status)
{
  yaml_document_t *yaml = &check->document->yaml;
  if (parent->schema->type == CYAML_SEQUENCE) {
    if (parent->next == item_count(parent->node)) return false;
    const yaml_node_item_t item = parent->node->data.sequence.items.start[parent->next++];
    *part = (frame){.node = yaml_document_get_node(yaml, item),
                    .schema = parent->schema->sequence.entry,
                    .key = parent->key,
                    .item = true};
    part->line = ag_job_node_line(part->node);
    return true;
  }
  if (parent->next == pair_count(parent->node)) return false;
  const yaml_node_pair_t pair = parent->node->data.mapping.pairs.start[parent->next++];
  const yaml_node_t *key = yaml_document_get_node(yaml, pair.key);
  *part = (frame){.node = yaml_document_get_node(yaml, pair.value), .line = ag_job_node_line(key)};
  *status = check_key(check, parent, key, part);
  return true;
}

ag_status ag_job_check(ag_job_document *document, const ag_job_schema *schema)
{
  checker check = {.document = document, .schema = schema};
  const yaml_node_t *root = yaml_document_get_root_node(&document->yaml);
  frame part = {.node = root, .schema = &schema->root, .line = ag_job_node_line(root)};
  ag_status status = enter(&check, &part);
  while (status == AG_OK && check.depth > 0) {
    frame *top = &check.frames[check.depth - 1];
    if (!advance(&check, top, &part, &status)) {
      --check.depth;
    } else if (status == AG_OK) {
      status = enter(&check, &part);
    }
  }
  return ag_job_at_line(document, status, part.line);
}
