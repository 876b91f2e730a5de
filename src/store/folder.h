/* store/folder.h: parts of a result folder. */
#ifndef ADVGRID_STORE_FOLDER_H
#define ADVGRID_STORE_FOLDER_H

#include "advgrid/store.h"

/** The job that was run there last. Fails with AG_INVALID_ARGUMENT where the folder is no result
 *  folder. */
ag_status ag_folder_job(const char *path, ag_job **job);
/** The record of the last run there; zeros where there was none. Overwritten. */
ag_status ag_folder_last_run(const char *path, ag_provenance *run);

#endif
