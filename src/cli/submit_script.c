/* The batch script: directives put into the template, and words quoted for the shell. */
#include "cli/submit.h"

#include <ctype.h>
#include <string.h>

/* ---- directives ---- */

bool ag_directive_is_safe(const char *text)
{
  static const char others[] = "._+,:/@%=-";
  if (text[0] == '\0' || text[0] == '-') return false;
  for (; *text != '\0'; ++text) {
    if (!isalnum((unsigned char)*text) && strchr(others, *text) == NULL) return false;
  }
  return true;
}

ag_status ag_directive_check(const char *what, const char *text)
{
  if (ag_directive_is_safe(text)) return AG_OK;
  return ag_fail(AG_INVALID_ARGUMENT,
                 "%s is '%s'; expected letters, digits and any of ._+,:/@%%=- (not first)", what,
                 text);
}

static const char mark[] = "#SBATCH";

static size_t line_length(const char *line)
{
  return strcspn(line, "\n");
}

/* The name of a directive's line; its length, 0 where the line is none. */
static size_t directive_name(const char *line, const char **name)
{
  const char *at = line + sizeof mark - 1;
  if (strncmp(line, mark, sizeof mark - 1) != 0 || (*at != ' ' && *at != '\t')) return 0;
  at += strspn(at, " \t");
  if (strncmp(at, "--", 2) != 0) return 0;
  *name = at + 2;
  return strcspn(*name, "= \t\n");
}

static const ag_directive *find(const char *name, size_t length, size_t count,
                                const ag_directive *directives)
{
  for (size_t i = 0; i < count; ++i) {
    const ag_directive *one = &directives[i];
    if (one->value != NULL && strlen(one->name) == length && strncmp(one->name, name, length) == 0)
      return one;
  }
  return NULL;
}

static bool has(const char *pattern, const char *wanted)
{
  for (const char *line = pattern; *line != '\0';) {
    const char *name = NULL;
    const size_t length = directive_name(line, &name);
    if (length > 0 && strlen(wanted) == length && strncmp(wanted, name, length) == 0) return true;
    line += line_length(line);
    line += *line == '\n';
  }
  return false;
}

/* Where the line behind the last directive begins; without any, the second line. */
static const char *end_of_directives(const char *pattern)
{
  const char *end = NULL;
  const char *second = NULL;
  for (const char *line = pattern; *line != '\0';) {
    const char *name = NULL;
    const bool is_directive = directive_name(line, &name) > 0;
    line += line_length(line);
    line += *line == '\n';
    if (second == NULL) second = line;
    if (is_directive) end = line;
  }
  if (end != NULL) return end;
  return second == NULL ? pattern : second;
}

/* ---- the script ---- */

ag_status ag_script_quote(const char *word, ag_text *text)
{
  ag_status status = AG_OK;
  AG_TRY(ag_text_append(text, "'"));
  while (*word != '\0') {
    const size_t plain = strcspn(word, "'\n");
    AG_TRY(ag_text_append(text, "%.*s", (int)plain, word));
    word += plain;
    if (*word == '\'') AG_TRY(ag_text_append(text, "'\\''"));
    if (*word == '\n') AG_TRY(ag_text_append(text, "'$'\\n''"));
    word += *word != '\0';
  }
  AG_TRY(ag_text_append(text, "'"));
cleanup:
  return status;
}

static ag_status append_line(const char *line, size_t length, size_t count,
                             const ag_directive *directives, ag_text *text)
{
  const char *name = NULL;
  const size_t name_length = directive_name(line, &name);
  const ag_directive *one = name == NULL ? NULL : find(name, name_length, count, directives);
  if (one == NULL) return ag_text_append(text, "%.*s\n", (int)length, line);
  return ag_text_append(text, "%s --%s=%s\n", mark, one->name, one->value);
}

static ag_status append_missing(const char *pattern, size_t count, const ag_directive *directives,
                                ag_text *text)
{
  ag_status status = AG_OK;
  for (size_t i = 0; status == AG_OK && i < count; ++i) {
    const ag_directive *one = &directives[i];
    if (one->value == NULL || has(pattern, one->name)) continue;
    status = ag_text_append(text, "%s --%s=%s\n", mark, one->name, one->value);
  }
  return status;
}

ag_status ag_script_write(const char *pattern, size_t count, const ag_directive *directives,
                          const char *lines, ag_text *text)
{
  ag_status status = AG_OK;
  const char *line = pattern;
  const char *end = end_of_directives(pattern);
  for (size_t i = 0; i < count; ++i) {
    if (directives[i].value == NULL) continue;
    AG_TRY(ag_directive_check(directives[i].name, directives[i].value));
  }
  while (line < end) {
    const size_t length = line_length(line);
    AG_TRY(append_line(line, length, count, directives, text));
    line += length + (line[length] == '\n');
  }
  AG_TRY(append_missing(pattern, count, directives, text));
  AG_TRY(ag_text_append(text, "%s%s", lines, line));
cleanup:
  return status;
}
