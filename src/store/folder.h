/* store/folder.h: parts of a result folder, and where a new folder may be written. */
#ifndef ADVGRID_STORE_FOLDER_H
#define ADVGRID_STORE_FOLDER_H

#include "advgrid/store.h"

/** The job that was run there last. Fails with AG_INVALID_ARGUMENT where the folder is no result
 *  folder. */
ag_status ag_folder_job(const char *path, ag_job **job);
/** The record of the last run there; zeros where there was none. Overwritten. */
ag_status ag_folder_last_run(const char *path, ag_provenance *run);

/** Fails with AG_INVALID_ARGUMENT where two of them are one folder, under whatever names. */
ag_status ag_folders_check_apart(const char *const *folders, size_t count);
/** Fails with AG_INVALID_ARGUMENT where output is there and has something in it, for that stays
 *  there. A folder with one of `own`, paths within it, may be written again, if it holds no
 * results; own: [count]. */
ag_status ag_folder_check_output(const char *output, const char *const *own, size_t count);
/** Fails with AG_INVALID_ARGUMENT where output is, or will be, one of the folders or in one. */
ag_status ag_folder_check_outside(const char *output, const char *const *folders, size_t count);

#endif
