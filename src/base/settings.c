/* The values that a job gives to a row of a table, checked against the row's options. */
#include "advgrid/base.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t option_count(const ag_option *options)
{
  size_t count = 0;
  while (options != NULL && options[count].name != NULL)
    ++count;
  assert(count <= AG_OPTIONS_MAXIMUM);
  return count;
}

/* Reads one decimal number that starts at *text and moves *text behind it. */
static bool read_decimal(const char **text, double *value)
{
  /* strtod also takes hexadecimal, "inf" and "nan", which no job means. */
  if (strspn(*text, "+-.0123456789eE") == 0) return false;
  char *end = NULL;
  errno = 0;
  *value = strtod(*text, &end);
  if (end == *text || !isfinite(*value)) return false;
  *text = end;
  return true;
}

ag_status ag_number_read(const char *text, double *value)
{
  const char *rest = text;
  double denominator = 1;
  if (strlen(text) >= AG_VALUE_SIZE || strspn(text, "+-.0123456789eE/") != strlen(text) ||
      !read_decimal(&rest, value)) {
    return ag_fail(AG_BAD_JOB, "'%.80s' is not a number; expected one like 0.03 or 8/255", text);
  }
  if (*rest == '/') {
    ++rest;
    if (!read_decimal(&rest, &denominator) || *rest != '\0') {
      return ag_fail(AG_BAD_JOB, "'%s' is not a fraction of two numbers like 8/255", text);
    }
    if (denominator == 0) return ag_fail(AG_BAD_JOB, "'%s' divides by zero", text);
  }
  if (*rest != '\0') {
    return ag_fail(AG_BAD_JOB, "'%s' is not a number; expected one like 0.03 or 8/255", text);
  }
  *value /= denominator;
  if (!isfinite(*value)) return ag_fail(AG_BAD_JOB, "'%s' is out of range", text);
  return AG_OK;
}

static ag_status set_number(const ag_option *option, const char *text, double *number)
{
  *number = 0;
  if (option->words != NULL && strcmp(text, option->words[0]) == 0) return AG_OK;
  const ag_status status = ag_number_read(text, number);
  if (status != AG_OK) return ag_fail_within(status, "'%s'", option->name);
  if (option->type == AG_OPTION_COUNT && *number != floor(*number)) {
    return ag_fail(AG_BAD_JOB, "'%s' is %s; expected a whole number", option->name, text);
  }
  if (*number < option->minimum || *number > option->maximum) {
    return ag_fail(AG_BAD_JOB, "'%s' is %s; expected %.10g to %.10g", option->name, text,
                   option->minimum, option->maximum);
  }
  return AG_OK;
}

static ag_status set_flag(const ag_option *option, const char *text, double *number)
{
  if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
    return ag_fail(AG_BAD_JOB, "'%s' is '%s'; expected true or false", option->name, text);
  }
  *number = strcmp(text, "true") == 0;
  return AG_OK;
}

static ag_status set_word(const ag_option *option, const char *text)
{
  char known[AG_VALUE_SIZE] = "";
  size_t count = 0;
  for (; option->words[count] != NULL; ++count) {
    if (strcmp(option->words[count], text) == 0) return AG_OK;
    const size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s", count > 0 ? ", " : "",
             option->words[count]);
  }
  const char *nearest = ag_text_nearest(text, option->words, count);
  if (nearest == NULL) {
    return ag_fail(AG_BAD_JOB, "'%s' is '%s'; expected one of %s", option->name, text, known);
  }
  return ag_fail(AG_BAD_JOB, "'%s' is '%s'; did you mean '%s'?", option->name, text, nearest);
}

static ag_status fail_unknown(const ag_option *options, const char *name)
{
  const char *names[AG_OPTIONS_MAXIMUM];
  const size_t count = option_count(options);
  for (size_t i = 0; i < count; ++i)
    names[i] = options[i].name;
  const char *nearest = ag_text_nearest(name, names, count);
  if (nearest == NULL) return ag_fail(AG_BAD_JOB, "unknown key '%s'", name);
  return ag_fail(AG_BAD_JOB, "unknown key '%s'; did you mean '%s'?", name, nearest);
}

ag_status ag_settings_set(ag_settings *settings, const char *name, const char *text)
{
  const size_t count = option_count(settings->options);
  size_t index = 0;
  while (index < count && strcmp(settings->options[index].name, name) != 0)
    ++index;
  if (index == count) return fail_unknown(settings->options, name);
  const ag_option *option = &settings->options[index];
  if (strlen(text) >= AG_VALUE_SIZE) {
    return ag_fail(AG_BAD_JOB, "'%s' is longer than %d characters", name, AG_VALUE_SIZE - 1);
  }
  if (text[0] == '\0') return ag_fail(AG_BAD_JOB, "'%s' has no value", name);
  ag_status status = AG_OK;
  double number = 0;
  switch (option->type) {
  case AG_OPTION_NUMBER:
  case AG_OPTION_COUNT: status = set_number(option, text, &number); break;
  case AG_OPTION_FLAG: status = set_flag(option, text, &number); break;
  case AG_OPTION_WORD: status = set_word(option, text); break;
  case AG_OPTION_TEXT: break;
  }
  if (status != AG_OK) return status;
  settings->numbers[index] = number;
  memcpy(settings->texts[index], text, strlen(text) + 1);
  return AG_OK;
}

void ag_settings_start(ag_settings *settings, const ag_option *options)
{
  memset(settings, 0, sizeof *settings);
  settings->options = options;
  for (size_t i = 0; i < option_count(options); ++i) {
    if (options[i].initial == NULL || options[i].initial[0] == '\0') continue;
    const ag_status status = ag_settings_set(settings, options[i].name, options[i].initial);
    assert(status == AG_OK && "a default that its own option refuses");
    (void)status;
  }
}

ag_status ag_settings_check(const ag_settings *settings)
{
  for (size_t i = 0; i < option_count(settings->options); ++i) {
    if (settings->options[i].initial == NULL && settings->texts[i][0] == '\0') {
      return ag_fail(AG_BAD_JOB, "'%s' is missing (%s)", settings->options[i].name,
                     settings->options[i].help);
    }
  }
  return AG_OK;
}

static size_t find_option(const ag_settings *settings, const char *name)
{
  for (size_t i = 0; i < option_count(settings->options); ++i) {
    if (strcmp(settings->options[i].name, name) == 0) return i;
  }
  assert(!"an option that the row does not list");
  return 0;
}

double ag_settings_number(const ag_settings *settings, const char *name)
{
  return settings->numbers[find_option(settings, name)];
}

size_t ag_settings_count(const ag_settings *settings, const char *name)
{
  return (size_t)settings->numbers[find_option(settings, name)];
}

bool ag_settings_flag(const ag_settings *settings, const char *name)
{
  return settings->numbers[find_option(settings, name)] != 0;
}

const char *ag_settings_word(const ag_settings *settings, const char *name)
{
  return settings->texts[find_option(settings, name)];
}

bool ag_settings_has(const ag_settings *settings, const char *name)
{
  return ag_settings_word(settings, name)[0] != '\0';
}

bool ag_value_is_same(const ag_settings *one, const ag_settings *other, size_t i)
{
  const char *a = one->texts[i];
  const char *b = other->texts[i];
  if (ag_option_is_text(&one->options[i])) return strcmp(a, b) == 0;
  return (a[0] == '\0') == (b[0] == '\0') && one->numbers[i] == other->numbers[i];
}

void ag_entry_start(ag_entry *entry, const ag_kind *kind)
{
  memset(entry, 0, sizeof *entry);
  entry->kind = kind;
  snprintf(entry->name, sizeof entry->name, "%s", kind->name);
  ag_settings_start(&entry->settings, kind->options);
}

const ag_kind *ag_kind_find(ag_kind_table table, const char *name)
{
  const ag_kind *kind = NULL;
  for (size_t i = 0; (kind = table(i)) != NULL; ++i) {
    if (strcmp(kind->name, name) == 0) return kind;
  }
  return NULL;
}
