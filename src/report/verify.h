/* The parts of `advgrid verify`: what differs is counted by part of the result, and the first
 * difference of each part is kept in words. */
#ifndef ADVGRID_REPORT_VERIFY_H
#define ADVGRID_REPORT_VERIFY_H

#include "advgrid/base.h"
#include "network/hdf5_support.h"

/* ---- findings ------------------------------------------------------------------ */

/* In the order of cause and effect: the first part that differs says where the two runs parted. */
typedef enum ag_part {
  AG_PART_JOB, /* root attributes of results.h5 */
  AG_PART_TRAINING,
  AG_PART_MODELS,
  AG_PART_SAMPLES,
  AG_PART_RESULTS,
  AG_PART_GRID,
  AG_PART_OTHERS,
  AG_PARTS
} ag_part;

typedef struct ag_findings {
  const char *folders[2];
  size_t counts[AG_PARTS];                    /* differences */
  ag_text first[AG_PARTS];                    /* one line, without its end */
  size_t points, samples, models, parameters; /* that both have */
} ag_findings;

/** Counts a difference. Returns the text to describe it in where it is the part's first, or
 *  NULL. */
ag_text *ag_findings_add(ag_findings *findings, ag_part part);

/* ---- names ------------------------------------------------------------------------- */

enum { AG_IN_FIRST = 1, AG_IN_SECOND = 2, AG_IN_BOTH = 3 };

typedef struct ag_place_name {
  const char *text; /* borrowed of the list; valid once it is sorted */
  size_t offset;
  unsigned where; /* AG_IN_..., or 0 where a name is merely expected */
} ag_place_name;

/* Names of things in two places; start it as {0}. */
typedef struct ag_names {
  ag_place_name *entries;
  size_t count, capacity;
  ag_text bytes;
} ag_names;

/** Copies text. */
ag_status ag_names_add(ag_names *names, const char *text, unsigned where);
/** Sorts, a folder right before what is in it, and makes one entry of those of one name. */
void ag_names_sort(ag_names *names);
void ag_names_clear(ag_names *names);

/* ---- values -------------------------------------------------------------------------- */

/* A dataset or an attribute, read in the type of its file, so that its bits stay. */
typedef struct ag_values {
  hid_t type, space;
  size_t rank, count, size; /* size: bytes of a value */
  hsize_t sides[H5S_MAX_RANK];
  bool references; /* to places in the file: not read, for they mean nothing elsewhere */
  char *bytes;
} ag_values;

/** Freed by ag_values_clear, also after a failure. */
ag_status ag_values_read(hid_t object, ag_values *values);
void ag_values_clear(ag_values *values);

/* A member of a table's rows; of what is no table the whole value, named "". */
typedef struct ag_field {
  char *name;
  hid_t type;
  size_t offset, size;
  bool is_text; /* of any length: a pointer */
} ag_field;

typedef struct ag_fields {
  ag_field *entries;
  size_t count;
} ag_fields;

/** All fields, or all but what ag_is_circumstance names. Freed by ag_fields_clear, also after a
 *  failure. Fails with AG_BAD_STORE where a field holds what cannot be compared. */
ag_status ag_fields_list(const ag_values *values, bool all, ag_fields *fields);
void ag_fields_clear(ag_fields *fields);
bool ag_field_equal(const ag_field *field, const char *first, const char *second);

/** True for what tells when, where or by whom a run was done rather than what came of it. */
bool ag_is_circumstance(const char *name);

/** Appends a value as a person reads it, floats with all their digits. */
ag_status ag_value_append(ag_text *text, hid_t type, const void *value);
/** Appends ": X in A, Y in B"; of texts the first lines that differ. */
ag_status ag_value_append_both(ag_text *text, hid_t type, const char *const values[2],
                               const char *const folders[2]);
/** Appends "32-bit float" or the like. */
ag_status ag_type_append(ag_text *text, hid_t type);

/* ---- points ----------------------------------------------------------------------------- */

/* What a row of /results says of the point it belongs to. */
typedef struct ag_point_name {
  char key[AG_DIGEST_TEXT_SIZE];
  char defense[AG_NAME_SIZE + 1], attack[AG_NAME_SIZE + 1];
  double epsilon;
  uint64_t seed;
} ag_point_name;

typedef struct ag_point_names {
  ag_point_name *rows; /* as in the file */
  size_t count;
} ag_point_names;

enum { AG_NO_ROW = -1 };

/** Reads /results of the file at path; fails with AG_BAD_STORE where there is no such table.
 *  Freed by ag_release(&names->rows). */
ag_status ag_point_names_read(hid_t file, const char *path, ag_point_names *names);
/** The point of a key, from the first of the two lists that has it; NULL where none has. */
const ag_point_name *ag_point_names_find(const ag_point_names names[2], const char *key,
                                         size_t length);
/** partners[side][row]: the row of the other side with the same defense, attack, epsilon and
 *  seed, or AG_NO_ROW. Overwritten; as long as the lists. */
ag_status ag_point_names_match(const ag_point_names names[2], ptrdiff_t *const partners[2]);
/** Appends " (none, pgd, epsilon 0.1, seed 1)". */
ag_status ag_point_name_append(ag_text *text, const ag_point_name *point);

/* ---- files --------------------------------------------------------------------------------- */

/* Two files that should be the same. All borrowed. */
typedef struct ag_file_pair {
  ag_findings *findings;
  const char *name; /* "results.h5" */
  hid_t files[2];
  const ag_point_names *points; /* two; NULL: a model file */
} ag_file_pair;

/* Where in them. */
typedef struct ag_place {
  const ag_file_pair *pair;
  const char *path;      /* "samples/KEY/margin"; the root's is "." */
  const char *attribute; /* of it, or NULL */
} ag_place;

/** Compares every dataset and attribute. */
ag_status ag_file_pair_compare(const ag_file_pair *pair);
ag_part ag_place_part(const ag_place *place);
/** Appends "results.h5: /samples/KEY/margin". */
ag_status ag_place_append(ag_text *text, const ag_place *place);
/** Adds the file on that side and the place to a failure's message. */
ag_status ag_place_fail(ag_status status, const ag_place *place, size_t side);
/** Appends the point a place belongs to, where it does. */
ag_status ag_place_append_point(ag_text *text, const ag_place *place);
/** Compares what was read there. */
ag_status ag_place_compare(const ag_place *place, const ag_values values[2]);

#endif
