/* The words of a job file: names, and what is said about a word that is not known. */
#include "plan/job.h"

#include <string.h>

ag_status ag_job_fail_unknown(const char *what, const char *word, const char *const *known,
                              size_t count)
{
  const char *nearest = ag_text_nearest(word, known, count);
  if (nearest != NULL) return ag_fail(AG_BAD_JOB, "%s; did you mean '%s'?", what, nearest);
  ag_text list = {0};
  for (size_t i = 0; i < count; ++i)
    ag_text_append(&list, "%s%s", i > 0 ? ", " : "", known[i]);
  const ag_status status = ag_fail(AG_BAD_JOB, "%s; expected %s%s", what,
                                   count > 1 ? "one of " : "", count > 0 ? list.bytes : "none");
  ag_text_clear(&list);
  return status;
}

static bool is_name_character(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

ag_status ag_job_name_check(const char *name)
{
  const size_t length = strlen(name);
  if (length >= AG_NAME_SIZE) {
    return ag_fail(AG_BAD_JOB, "name '%.20s...' has %zu characters; expected at most %d", name,
                   length, AG_NAME_SIZE - 1);
  }
  if (name[0] == '.') {
    return ag_fail(AG_BAD_JOB, "name '%s' begins with '.'; expected a letter, a digit, '-' or '_'",
                   name);
  }
  for (size_t i = 0; i < length; ++i) {
    if (!is_name_character(name[i])) {
      return ag_fail(AG_BAD_JOB,
                     "name '%s' cannot be the name of a file; expected letters, digits, '-', '_' "
                     "and '.' alone",
                     name);
    }
  }
  return AG_OK;
}

bool ag_job_text_is_printable(const char *text)
{
  for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; ++c) {
    if (*c < 0x20 || *c == 0x7f) return false;
    if (c[0] == 0xc2 && c[1] < 0xa0) return false;                        /* U+0080 .. U+009F */
    if (c[0] == 0xe2 && c[1] == 0x80 && (c[2] | 1) == 0xa9) return false; /* U+2028, U+2029 */
    if (c[0] == 0xef && c[1] == 0xbf && c[2] >= 0xbe) return false;       /* U+FFFE, U+FFFF */
  }
  return true;
}
