/* Doing one unit of attack: the network it needs, an evaluator a thread, and the result. */
#ifndef ADVGRID_RUN_UNIT_H
#define ADVGRID_RUN_UNIT_H

#include "advgrid/evaluation.h"
#include "advgrid/plan.h"
#include "run/messages.h"

typedef struct ag_unit_runner ag_unit_runner;

/** plan, dataset, pool: borrowed. folder: of the results, borrowed. */
ag_status ag_unit_runner_create(const ag_plan *plan, const ag_dataset *dataset, const char *folder,
                                ag_pool *pool, ag_unit_runner **runner);
void ag_unit_runner_destroy(ag_unit_runner **runner);

/** Attacks the unit's images, a shard to a thread at a time. result: overwritten, a header with
 *  room for a block of outcomes behind it; a failure is written there, not returned.
 *  between(context): called between this thread's shards; may be NULL. Not collective. */
void ag_unit_run(ag_unit_runner *runner, size_t unit, void (*between)(void *), void *context,
                 ag_result_header *result);
/** Bytes of the largest result that the plan's units give. */
size_t ag_result_capacity(const ag_plan *plan);
/** Bytes of a result with the outcomes that it has. */
size_t ag_result_bytes(const ag_result_header *result);
/** The outcomes behind a header. */
ag_outcome *ag_result_outcomes(ag_result_header *result);

/** The file of a plan's model: in the folder, or the one that the job names. */
ag_status ag_model_path(const ag_plan *plan, size_t model, const char *folder, size_t size,
                        char *path);

#endif
