/* plan/job_schema.h: the schema's inside, for what builds it and what checks a document by it. */
#ifndef ADVGRID_PLAN_JOB_SCHEMA_H
#define ADVGRID_PLAN_JOB_SCHEMA_H

#include "plan/job.h"

#include <cyaml/cyaml.h>

/* A mapping with a `kind`: its fields are the options of all kinds of a table. */
typedef struct ag_job_entry_fields {
  const cyaml_schema_field_t *fields;
  ag_kind_table table;
} ag_job_entry_fields;

enum { AG_JOB_ENTRY_MAPPINGS = 6 };

struct ag_job_schema {
  cyaml_schema_field_t *fields; /* all mappings' fields, each list ended by a NULL key */
  size_t used, capacity;
  ag_job_entry_fields entries[AG_JOB_ENTRY_MAPPINGS];
  size_t entry_count;
  cyaml_schema_value_t text, defense, attack; /* entries of lists */
  cyaml_schema_value_t root;
  cyaml_data_t *loaded;
};

/** The table behind a mapping's fields; NULL where it is no entry. */
ag_kind_table ag_job_schema_table(const ag_job_schema *schema, const cyaml_schema_field_t *fields);

#endif
