/* The job file as libyaml's document: syntax errors in words of ours, and the line of a place. */
#include "plan/job_document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAXIMUM = 32 };

size_t ag_job_node_line(const yaml_node_t *node)
{
  return node == NULL ? 1 : node->start_mark.line + 1;
}

ag_status ag_job_at_line(ag_job_document *document, ag_status status, size_t line)
{
  if (status != AG_BAD_JOB && status != AG_INVALID_ARGUMENT) return status;
  return ag_fail_within(AG_BAD_JOB, "%s:%zu", document->path, line);
}

/* The value of a key, and in *line where that key stands; NULL where there is none. */
static yaml_node_t *find_key(yaml_document_t *yaml, const yaml_node_t *mapping, const char *key,
                             size_t length, size_t *line)
{
  if (mapping->type != YAML_MAPPING_NODE) return NULL;
  const yaml_node_pair_t *end = mapping->data.mapping.pairs.top;
  for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < end; ++pair) {
    const yaml_node_t *name = yaml_document_get_node(yaml, pair->key);
    if (name->type == YAML_SCALAR_NODE && name->data.scalar.length == length &&
        memcmp(name->data.scalar.value, key, length) == 0) {
      *line = ag_job_node_line(name);
      return yaml_document_get_node(yaml, pair->value);
    }
  }
  return NULL;
}

static size_t line_of(ag_job_document *document, const char *place)
{
  yaml_node_t *node = yaml_document_get_root_node(&document->yaml);
  size_t line = ag_job_node_line(node);
  while (node != NULL && *place != '\0') {
    if (*place == '[') {
      char *end = NULL;
      const size_t index = strtoul(place + 1, &end, 10);
      place = end + 1; /* behind the bracket */
      const yaml_node_item_t *items = node->data.sequence.items.start;
      if (node->type != YAML_SEQUENCE_NODE ||
          index >= (size_t)(node->data.sequence.items.top - items)) {
        break;
      }
      node = yaml_document_get_node(&document->yaml, items[index]);
      line = ag_job_node_line(node);
    } else {
      if (*place == '.') ++place;
      const size_t length = strcspn(place, ".[");
      node = find_key(&document->yaml, node, place, length, &line);
      place += length;
    }
  }
  return line;
}

ag_status ag_job_at(ag_job_document *document, ag_status status, const char *place, ...)
{
  if (status == AG_OK) return status;
  char written[4 * AG_NAME_SIZE];
  va_list arguments;
  va_start(arguments, place);
  vsnprintf(written, sizeof written, place, arguments);
  va_end(arguments);
  return ag_job_at_line(document, status, line_of(document, written));
}

/* What libyaml has to say, in one line. */
static ag_status fail_syntax(ag_job_document *document, const yaml_parser_t *parser,
                             const char *text, size_t size)
{
  size_t line = parser->problem_mark.line + 1;
  if (parser->error == YAML_MEMORY_ERROR) {
    return ag_fail(AG_OUT_OF_MEMORY, "out of memory reading %s", document->path);
  }
  if (parser->error == YAML_READER_ERROR) { /* it knows the byte, but not the line */
    line = 1;
    for (size_t i = 0; i < parser->problem_offset && i < size; ++i)
      line += text[i] == '\n';
    const ag_status status = ag_fail(AG_BAD_JOB, "%s (byte %zu of the file); expected UTF-8 text",
                                     parser->problem, parser->problem_offset + 1);
    return ag_job_at_line(document, status, line);
  }
  const size_t byte = parser->problem_mark.index; /* counts characters: near enough to look */
  const bool tab = byte < size && text[byte] == '\t';
  const ag_status status =
      ag_fail(AG_BAD_JOB, "this is no YAML: %s%s%s%s%s",
              parser->problem != NULL ? parser->problem : "it cannot be parsed",
              parser->context != NULL ? " (" : "", parser->context != NULL ? parser->context : "",
              parser->context != NULL ? ")" : "",
              tab ? "; there is a tab, and YAML indents by spaces" : "");
  return ag_job_at_line(document, status, line);
}

/* Goes through the events of the whole file. libyaml takes time that grows with the square of the
 * depth, so a file that is nested without end is refused here, at its first bracket too many. */
static ag_status scan(ag_job_document *document, yaml_parser_t *parser, const char *text,
                      size_t size)
{
  size_t depth = 0;
  size_t documents = 0;
  for (bool more = true; more;) {
    yaml_event_t event;
    if (!yaml_parser_parse(parser, &event)) return fail_syntax(document, parser, text, size);
    const size_t line = event.start_mark.line + 1;
    const yaml_event_type_t type = event.type;
    yaml_event_delete(&event);
    depth += type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT;
    depth -= type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT;
    documents += type == YAML_DOCUMENT_START_EVENT;
    more = type != YAML_STREAM_END_EVENT;
    if (depth > DEPTH_MAXIMUM) {
      const ag_status status =
          ag_fail(AG_BAD_JOB, "the job is nested more than %d levels deep", DEPTH_MAXIMUM);
      return ag_job_at_line(document, status, line);
    }
    if (documents > 1) {
      const ag_status status = ag_fail(AG_BAD_JOB, "a second YAML document; expected one job");
      return ag_job_at_line(document, status, line);
    }
  }
  return AG_OK;
}

static ag_status load(ag_job_document *document, yaml_parser_t *parser, const char *text,
                      size_t size)
{
  if (!yaml_parser_load(parser, &document->yaml)) {
    return fail_syntax(document, parser, text, size);
  }
  document->loaded = true;
  if (yaml_document_get_root_node(&document->yaml) != NULL) return AG_OK;
  const ag_status status =
      ag_fail(AG_BAD_JOB, "the job is empty; expected at least 'attacks' and 'epsilons'");
  return ag_job_at_line(document, status, 1);
}

/* A step over the text by a parser of its own. */
static ag_status parse(ag_job_document *document, const char *text, size_t size,
                       ag_status (*step)(ag_job_document *, yaml_parser_t *, const char *, size_t))
{
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser)) return ag_fail(AG_OUT_OF_MEMORY, "libyaml cannot start");
  yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
  const ag_status status = step(document, &parser, text, size);
  yaml_parser_delete(&parser);
  return status;
}

ag_status ag_job_document_create(const char *text, size_t size, const char *path,
                                 ag_job_document **out)
{
  ag_status status = AG_OK;
  ag_job_document *document = NULL;
  *out = NULL;
  if (size > AG_JOB_SIZE_MAXIMUM) {
    return ag_fail(AG_BAD_JOB, "%s:1: the file has %zu bytes; expected at most %d", path, size,
                   AG_JOB_SIZE_MAXIMUM);
  }
  AG_TRY(ag_allocate(1, sizeof *document, &document));
  document->path = path;
  AG_TRY(parse(document, text, size, scan));
  AG_TRY(parse(document, text, size, load));
cleanup:
  *out = document;
  if (status != AG_OK) ag_job_document_destroy(out);
  return status;
}

void ag_job_document_destroy(ag_job_document **out)
{
  if (*out == NULL) return;
  if ((*out)->loaded) yaml_document_delete(&(*out)->yaml);
  ag_release(out);
}
