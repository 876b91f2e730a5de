/* Escaping: no text of a result file becomes code, neither the page's nor gnuplot's. */
#include "report/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_CHARACTERS = 64 };

void ag_sheet_clear(ag_sheet *sheet)
{
  ag_text_clear(&sheet->text);
  sheet->status = AG_OK;
}

void ag_sheet_put(ag_sheet *sheet, const char *format, ...)
{
  char small[512];
  va_list arguments;
  if (sheet->status != AG_OK) return;
  va_start(arguments, format);
  va_list again;
  va_copy(again, arguments);
  const int length = vsnprintf(small, sizeof small, format, arguments);
  va_end(arguments);
  if (length < 0) {
    sheet->status = ag_fail(AG_INVALID_ARGUMENT, "text that cannot be formatted");
  } else if ((size_t)length < sizeof small) {
    sheet->status = ag_text_append(&sheet->text, "%s", small);
  } else {
    char *large = NULL;
    sheet->status = ag_allocate((size_t)length + 1, 1, &large);
    if (sheet->status == AG_OK) {
      vsnprintf(large, (size_t)length + 1, format, again);
      sheet->status = ag_text_append(&sheet->text, "%s", large);
    }
    ag_release(&large);
  }
  va_end(again);
}

/* ---- HTML ------------------------------------------------------------------------------- */

static const char *html_entity(char character)
{
  switch (character) {
  case '&': return "&amp;";
  case '<': return "&lt;";
  case '>': return "&gt;";
  case '"': return "&quot;";
  case '\'': return "&#39;";
  default: return NULL;
  }
}

static void put_html(ag_sheet *sheet, const char *text, size_t length)
{
  size_t from = 0;
  for (size_t i = 0; i < length; ++i) {
    const char *entity = html_entity(text[i]);
    if (entity == NULL) continue;
    ag_sheet_put(sheet, "%.*s%s", (int)(i - from), text + from, entity);
    from = i + 1;
  }
  ag_sheet_put(sheet, "%.*s", (int)(length - from), text + from);
}

void ag_sheet_html(ag_sheet *sheet, const char *text)
{
  put_html(sheet, text, strlen(text));
}

void ag_sheet_clipped(ag_sheet *sheet, const char *text, size_t characters)
{
  const size_t length = ag_utf8_clip(text, characters);
  put_html(sheet, text, length);
  ag_sheet_put(sheet, "%s", text[length] == '\0' ? "" : "&hellip;");
}

void ag_sheet_name(ag_sheet *sheet, const char *name)
{
  ag_sheet_put(sheet, "<bdi>");
  ag_sheet_clipped(sheet, name, NAME_CHARACTERS);
  ag_sheet_put(sheet, "</bdi>");
}

/* ---- gnuplot ----------------------------------------------------------------------------- */

/* In gnuplot's single quotes nothing is special but the quote itself, which cannot be doubled at a
 * text's start (5.4 takes it for the end). So neither it nor what is special elsewhere, its double
 * quote, backquote and backslash, ever gets there: their look-alikes do. */
static void put_gnuplot(ag_sheet *sheet, const char *text, size_t length)
{
  for (size_t i = 0; i < length; ++i) {
    switch (text[i]) {
    case '\'':
    case '`': ag_sheet_put(sheet, "\xe2\x80\x99"); break;  /* U+2019 */
    case '"': ag_sheet_put(sheet, "\xe2\x80\x9d"); break;  /* U+201D */
    case '\\': ag_sheet_put(sheet, "\xe2\x88\x96"); break; /* U+2216 */
    case '\n': ag_sheet_put(sheet, " "); break;
    default: ag_sheet_put(sheet, "%c", text[i]);
    }
  }
}

/* Names often differ at their ends alone. */
void ag_sheet_gnuplot(ag_sheet *sheet, const char *text, size_t characters)
{
  const bool fits = text[ag_utf8_clip(text, characters)] == '\0';
  const size_t head = ag_utf8_clip(text, fits ? characters : characters / 2);
  const char *tail = text + ag_utf8_tail(text, characters - characters / 2 - 1);
  ag_sheet_put(sheet, "'");
  put_gnuplot(sheet, text, head);
  if (!fits) {
    ag_sheet_put(sheet, "\xe2\x80\xa6"); /* U+2026 */
    put_gnuplot(sheet, tail, strlen(tail));
  }
  ag_sheet_put(sheet, "'");
}

/* ---- bytes ---------------------------------------------------------------------------------- */

void ag_sheet_base64(ag_sheet *sheet, const void *bytes, size_t size)
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  enum { GROUPS = 100, GROUP = 3, DIGITS = 4 };
  const unsigned char *from = bytes;
  char line[GROUPS * DIGITS + 1];
  size_t put = 0;
  for (size_t i = 0; i < size; i += GROUP) {
    const size_t left = ag_minimum(size - i, GROUP);
    uint32_t value = 0;
    for (size_t j = 0; j < GROUP; ++j)
      value = value << 8 | (j < left ? from[i + j] : 0);
    for (size_t j = 0; j < DIGITS; ++j)
      line[put++] = j <= left ? digits[value >> (18 - 6 * j) & 63] : '=';
    if (put == sizeof line - 1 || i + GROUP >= size) {
      ag_sheet_put(sheet, "%.*s", (int)put, line);
      put = 0;
    }
  }
}

ag_status ag_sheet_write(const ag_sheet *sheet, const char *path)
{
  if (sheet->status != AG_OK) return sheet->status;
  return ag_file_write(path, sheet->text.bytes == NULL ? "" : sheet->text.bytes,
                       sheet->text.length);
}

/* ---- names of files, numbers ------------------------------------------------------------------
 */

void ag_slug(const char *name, char slug[AG_SLUG_SIZE])
{
  size_t length = 0;
  for (const char *c = name; *c != '\0' && length < AG_SLUG_SIZE - 1; ++c) {
    const bool upper = *c >= 'A' && *c <= 'Z';
    const bool plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');
    if (plain || upper) {
      slug[length++] = (char)(upper ? *c - 'A' + 'a' : *c);
    } else if (length > 0 && slug[length - 1] != '-') {
      slug[length++] = '-';
    }
  }
  while (length > 0 && slug[length - 1] == '-')
    --length;
  slug[length] = '\0';
}

void ag_epsilon_text(double epsilon, char text[AG_NUMBER_SIZE])
{
  snprintf(text, AG_NUMBER_SIZE, "%.4g", epsilon);
  if (fabs(strtod(text, NULL) - epsilon) <= 1e-9 * fabs(epsilon)) return;
  const double levels = round(255 * epsilon);
  if (levels > 0 && fabs(255 * epsilon - levels) < 1e-6)
    snprintf(text, AG_NUMBER_SIZE, "%.0f/255", levels);
}
