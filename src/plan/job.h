/* plan/job.h: how a job file becomes an ag_job.
 * libyaml's document is checked first, since it knows the line of everything; libcyaml then loads
 * the values by a schema that is built from the tables of kinds; job.c turns them into a job. */
#ifndef ADVGRID_PLAN_JOB_H
#define ADVGRID_PLAN_JOB_H

#include "advgrid/plan.h"

/** The options of `evaluation:`. */
extern const ag_option ag_evaluation_options[];

enum { AG_JOB_SIZE_MAXIMUM = 1 << 20, AG_JOB_LIST_MAXIMUM = 1000 };

/* ---- words ----------------------------------------------------------------------- */

/** Fails with AG_BAD_JOB and "what; did you mean 'nearest'?", or with all the words known. */
ag_status ag_job_fail_unknown(const char *what, const char *word, const char *const *known,
                              size_t count);
/** Fails with AG_BAD_JOB where a name would not do as the name of a file. */
ag_status ag_job_name_check(const char *name);
/** False where UTF-8 text holds what cannot be written back as it is: a control character, a
 *  separator of lines. */
bool ag_job_text_is_printable(const char *text);

/* ---- the document ------------------------------------------------------------------ */

typedef struct ag_job_document ag_job_document;

/** Parses YAML; path: borrowed. Fails with AG_BAD_JOB, path, line and what is wrong. */
ag_status ag_job_document_create(const char *text, size_t size, const char *path,
                                 ag_job_document **out);
void ag_job_document_destroy(ag_job_document **out);
/** Puts "path:line: " in front of the message where status is not AG_OK; a wrong argument becomes
 *  AG_BAD_JOB. The line is that of a place such as "attacks[1].steps", or of the nearest part
 *  above it that is there. */
ag_status ag_job_at(ag_job_document *document, ag_status status, const char *place, ...)
    __attribute__((format(printf, 3, 4)));
ag_status ag_job_at_line(ag_job_document *document, ag_status status, size_t line);

/* ---- schema and values ----------------------------------------------------------------- */

/* A mapping is loaded as an array of slots: one for a text or a mapping, two for a list. */
typedef union ag_job_slot {
  char *text;
  union ag_job_slot *slots;
  char **texts;
  size_t count;
} ag_job_slot;

/* A mapping that was loaded, and how to find a key in it. Borrowed from the schema. */
typedef struct ag_job_mapping {
  const struct cyaml_schema_field *fields;
  const ag_job_slot *slots;
} ag_job_mapping;

typedef struct ag_job_schema ag_job_schema;

ag_status ag_job_schema_create(ag_job_schema **out);
/** Also frees what was loaded. */
void ag_job_schema_destroy(ag_job_schema **out);
/** Refuses what the schema does not know, in words of ours and with the line. */
ag_status ag_job_check(ag_job_document *document, const ag_job_schema *schema);
/** Loads the values, once a schema; root: borrowed from the schema. */
ag_status ag_job_schema_load(ag_job_schema *schema, const char *text, size_t size,
                             ag_job_document *document, ag_job_mapping *root);

/* The value of a key, which the schema must know (asserted): NULL, false or 0 where the job
 * does not give it. */
const char *ag_job_text(const ag_job_mapping *mapping, const char *key);
bool ag_job_inner(const ag_job_mapping *mapping, const char *key, ag_job_mapping *inner);
size_t ag_job_list_count(const ag_job_mapping *mapping, const char *key);
const char *ag_job_list_text(const ag_job_mapping *mapping, const char *key, size_t index);
ag_job_mapping ag_job_list_mapping(const ag_job_mapping *mapping, const char *key, size_t index);

/* ---- seeds and epsilons -------------------------------------------------------------- */

/** Fill in the job's seeds (default: 1) and its epsilons, which must be there. */
ag_status ag_job_read_seeds(ag_job_document *document, const ag_job_mapping *root, ag_job *job);
ag_status ag_job_read_epsilons(ag_job_document *document, const ag_job_mapping *root, ag_job *job);

#endif
