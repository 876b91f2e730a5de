/* JSON piece by piece. */
#include "base/json.h"
#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void append(ag_json *json, const char *text)
{
  if (json->status == AG_OK) json->status = ag_text_append(json->text, "%s", text);
}

/* What stands before a value. */
static void begin(ag_json *json, const char *name)
{
  if (json->comma) append(json, ", ");
  json->comma = true;
  if (name == NULL) return;
  append(json, "\"");
  append(json, name);
  append(json, "\": ");
}

void ag_json_open(ag_json *json, const char *name, char bracket)
{
  const char text[2] = {bracket, '\0'};
  begin(json, name);
  append(json, text);
  json->comma = false;
}

void ag_json_close(ag_json *json, char bracket)
{
  const char text[2] = {bracket, '\0'};
  append(json, text);
  json->comma = true;
}

/* Clean text has no control character but the newline. */
static void append_escaped(ag_json *json, const char *text)
{
  for (const char *at = text; *at != '\0' && json->status == AG_OK;) {
    const size_t plain = strcspn(at, "\"\\\n");
    json->status = ag_text_append(json->text, "%.*s", (int)plain, at);
    at += plain;
    if (*at == '\0') return;
    append(json, *at == '\n' ? "\\n" : *at == '"' ? "\\\"" : "\\\\");
    ++at;
  }
}

void ag_json_text(ag_json *json, const char *name, const char *text)
{
  char *clean = NULL;
  if (text == NULL) {
    ag_json_null(json, name);
    return;
  }
  const size_t size = strlen(text);
  begin(json, name);
  if (json->status == AG_OK) json->status = ag_allocate(size + 1, 3, &clean);
  if (json->status != AG_OK) return;
  (void)ag_utf8_clean(text, size, clean);
  append(json, "\"");
  append_escaped(json, clean);
  append(json, "\"");
  ag_release(&clean);
}

void ag_json_number(ag_json *json, const char *name, double value)
{
  char text[AG_DIGITS_SIZE];
  if (!isfinite(value)) {
    ag_json_null(json, name);
    return;
  }
  ag_double_text(value, text);
  begin(json, name);
  append(json, text);
}

void ag_json_count(ag_json *json, const char *name, uint64_t value)
{
  char text[24];
  snprintf(text, sizeof text, "%llu", (unsigned long long)value);
  begin(json, name);
  append(json, text);
}

void ag_json_flag(ag_json *json, const char *name, bool value)
{
  begin(json, name);
  append(json, value ? "true" : "false");
}

void ag_json_null(ag_json *json, const char *name)
{
  begin(json, name);
  append(json, "null");
}
