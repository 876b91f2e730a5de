/* Text that is written piece by piece, HTML or gnuplot's, with what comes from a result file
 * escaped for where it stands. */
#ifndef ADVGRID_REPORT_SHEET_H
#define ADVGRID_REPORT_SHEET_H

#include "advgrid/base.h"

/* After a failure nothing more is written; who uses the text asks for the status first. Start it
 * as {0}, free it by ag_sheet_clear. */
typedef struct ag_sheet {
  ag_text text;
  ag_status status;
} ag_sheet;

void ag_sheet_clear(ag_sheet *sheet);
/** printf-like and as it is: for what this program says. */
void ag_sheet_put(ag_sheet *sheet, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** A text of a result file as HTML, between tags or in a quoted attribute. */
void ag_sheet_html(ag_sheet *sheet, const char *text);
/** Its first `characters` alone, and a mark where there are more. */
void ag_sheet_clipped(ag_sheet *sheet, const char *text, size_t characters);
/** The same of a name: its first 64 characters, in an element that keeps its direction inside. */
void ag_sheet_name(ag_sheet *sheet, const char *name);
/** A text as gnuplot's quoted string, on one line, of at most so many characters: of a longer one
 *  the first and the last. */
void ag_sheet_gnuplot(ag_sheet *sheet, const char *text, size_t characters);
/** Base64 (RFC 4648). */
void ag_sheet_base64(ag_sheet *sheet, const void *bytes, size_t size);
/** Writes it to a file, whole or not at all. */
ag_status ag_sheet_write(const ag_sheet *sheet, const char *path);

enum { AG_SLUG_SIZE = 33, AG_NUMBER_SIZE = 32 };
/** A name as part of a file's: a-z, 0-9 and '-' alone, empty where nothing is left. */
void ag_slug(const char *name, char slug[AG_SLUG_SIZE]);
/** An epsilon as a job writes it: "0.1", "8/255". */
void ag_epsilon_text(double epsilon, char text[AG_NUMBER_SIZE]);

#endif
