/* Text of unknown origin, made safe to show: valid UTF-8 without control characters. */
#include "advgrid/base.h"

#include <string.h>

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

enum { REPLACEMENT = 3 };

/* Bytes of the character that starts here, 0 where none does: no overlong forms, no surrogates,
 * nothing beyond U+10FFFF (Unicode 15, table 3-7). */
static size_t character_bytes(const unsigned char *bytes, size_t left)
{
  const unsigned char first = bytes[0];
  size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) length = 2;
  if (first >= 0xe0 && first <= 0xef) length = 3;
  if (first >= 0xf0 && first <= 0xf4) length = 4;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  if (length == 0 || length > left || bytes[1] < low || bytes[1] > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (bytes[i] < 0x80 || bytes[i] > 0xbf) return 0;
  }
  return length;
}

/* Marks that turn the direction of the text around them: U+202A to 202E, U+2066 to 2069. */
static bool turns_text(const unsigned char *bytes, size_t length)
{
  if (length != 3 || bytes[0] != 0xe2) return false;
  return (bytes[1] == 0x80 && bytes[2] >= 0xaa && bytes[2] <= 0xae) ||
         (bytes[1] == 0x81 && bytes[2] >= 0xa6 && bytes[2] <= 0xa9);
}

static bool is_control(const unsigned char *bytes, size_t length)
{
  if (length == 1) return (bytes[0] < ' ' && bytes[0] != '\n') || bytes[0] == 0x7f;
  return length == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0;
}

size_t ag_utf8_clean(const char *bytes, size_t size, char *out)
{
  const unsigned char *from = (const unsigned char *)bytes;
  size_t put = 0;
  for (size_t i = 0; i < size;) {
    const size_t length = character_bytes(from + i, size - i);
    if (length == 0 || turns_text(from + i, length)) {
      memcpy(out + put, replacement, REPLACEMENT);
      put += REPLACEMENT;
    } else if (is_control(from + i, length)) {
      out[put++] = ' ';
    } else {
      memcpy(out + put, bytes + i, length);
      put += length;
    }
    i += length == 0 ? 1 : length;
  }
  out[put] = '\0';
  return put;
}

static bool starts_character(char byte)
{
  return ((unsigned char)byte & 0xc0) != 0x80;
}

size_t ag_utf8_clip(const char *text, size_t characters)
{
  size_t length = 0;
  for (size_t seen = 0; text[length] != '\0'; ++length) {
    if (starts_character(text[length]) && ++seen > characters) break;
  }
  return length;
}

size_t ag_utf8_tail(const char *text, size_t characters)
{
  size_t start = strlen(text);
  for (size_t seen = 0; start > 0 && seen < characters; --start)
    seen += starts_character(text[start - 1]);
  return start;
}
