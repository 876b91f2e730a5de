/* A new folder for a test to write in, removed with all that is in it. */
#ifndef ADVGRID_TEST_FOLDER_H
#define ADVGRID_TEST_FOLDER_H

#include "support/fixture.h"

#include <ftw.h>
#include <unistd.h>

/** A new empty folder; its name is owned by the caller, freed by folder_remove. */
static inline char *folder_create(void)
{
  const char *above = getenv("TMPDIR");
  char *name = (char *)test_bytes(AG_PATH_SIZE);
  snprintf(name, AG_PATH_SIZE, "%s/advgrid-test-XXXXXX", above == NULL ? P_tmpdir : above);
  assert_non_null(mkdtemp(name));
  return name;
}

static inline int remove_entry(const char *path, const struct stat *information, int kind,
                               struct FTW *where)
{
  (void)information;
  (void)kind;
  (void)where;
  return remove(path);
}

static inline void folder_remove(char *name)
{
  assert_int_equal(nftw(name, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
  free(name);
}

#endif
