/* store/merge.h: result folders on their way into a new one. */
#ifndef ADVGRID_STORE_MERGE_H
#define ADVGRID_STORE_MERGE_H

#include "advgrid/store.h"
#include "store/lock.h"

/* One of the folders that are joined. */
typedef struct ag_merge_source {
  const char *path; /* borrowed */
  ag_job *job;
  ag_lock *lock;     /* NULL where this process could not write either */
  ag_provenance run; /* the last; zeros where there was none */
} ag_merge_source;

typedef struct ag_merging {
  size_t count;
  ag_merge_source *sources; /* [count] */
  ag_job *job;
  ag_inputs inputs;
  ag_plan *plan;
  ag_ledger *ledger; /* what all sources have */
  /* The source that the ledger's models and units came from first. */
  size_t *model_from; /* [models] */
  size_t *unit_from;  /* [units] */
} ag_merging;

/** What a model of the joined plan is called in a source: its name has "-seedN" in one folder and
 *  not in another. False where the source's job does not have it. */
bool ag_merge_model_name(const ag_merging *all, size_t source, size_t model,
                         char name[2 * AG_NAME_SIZE]);

/** Takes what a source has of the joined plan into the ledger. Fails with AG_INVALID_ARGUMENT,
 *  naming the model or the unit and both folders, where what is there already has other content. */
ag_status ag_merge_take(ag_merging *all, size_t source);
/** Whether all units attacked the models that are there now; fails likewise. */
ag_status ag_merge_check_models(const ag_merging *all);

/** What the sources' last runs were made with and on: each value that several have once, the most
 *  ranks and threads, the restarts of all, the latest start. What does not fit ends in "...".
 * Overwritten. */
void ag_merge_provenance(const ag_merging *all, ag_provenance *joined);

/** Writes the ledger as a result folder: the models' files, checkpoints of what is not trained,
 *  journal, results.h5 and, last, the job. folder: there and empty. Fails with AG_BAD_MODEL where a
 *  source's file does not hold the model that its journal tells of. */
ag_status ag_merge_write(const ag_merging *all, const char *folder);

#endif
