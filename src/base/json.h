/* base/json.h: JSON (RFC 8259) piece by piece, on one line. */
#ifndef ADVGRID_BASE_JSON_H
#define ADVGRID_BASE_JSON_H

#include "advgrid/base.h"

/* Text that is being written; start it as {.text = &text}. */
typedef struct ag_json {
  ag_text *text;    /* borrowed */
  ag_status status; /* the first failure; nothing is written behind it */
  bool comma;       /* stands before what comes next */
} ag_json;

/* name: of a member of an object; NULL in an array, and for the whole. Names are plain words. */

/** Begins an object ('{') or an array ('['), and ends it ('}', ']'). */
void ag_json_open(ag_json *json, const char *name, char bracket);
void ag_json_close(ag_json *json, char bracket);
/** A text of unknown origin: what is no UTF-8 becomes U+FFFD, control characters blanks. NULL is
 *  null. */
void ag_json_text(ag_json *json, const char *name, const char *text);
/** A number in as few digits as give it back; null where it is not finite. */
void ag_json_number(ag_json *json, const char *name, double value);
void ag_json_count(ag_json *json, const char *name, uint64_t value);
void ag_json_flag(ag_json *json, const char *name, bool value);
void ag_json_null(ag_json *json, const char *name);

#endif
