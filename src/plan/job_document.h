/* plan/job_document.h: the document's inside, for what builds it and what checks it. */
#ifndef ADVGRID_PLAN_JOB_DOCUMENT_H
#define ADVGRID_PLAN_JOB_DOCUMENT_H

#include "plan/job.h"

#include <yaml.h>

struct ag_job_document {
  const char *path;
  yaml_document_t yaml;
  bool loaded; /* yaml is to be deleted */
};

/** The line a node begins on, from 1. */
size_t ag_job_node_line(const yaml_node_t *node);

#endif
