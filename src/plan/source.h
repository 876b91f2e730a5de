/* plan/source.h: attacks that make their images on the model of a defense of the job, the source,
 * and not on the model that is judged. */
#ifndef ADVGRID_PLAN_SOURCE_H
#define ADVGRID_PLAN_SOURCE_H

#include "plan/job.h"

/** The source's index among the job's defenses; SIZE_MAX where the attack has none. */
size_t ag_job_source(const ag_job *job, size_t attack);
/** Fails with AG_BAD_JOB, path and line, where the job does not have a source. */
ag_status ag_job_check_sources(ag_job_document *document, const ag_job *job);

#endif
