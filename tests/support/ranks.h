/* Tests whose ranks work together. Alone such a program is a team of one; CTest starts it under
 * mpirun too, with the number of ranks as its argument: were they each alone, nothing would show.
 */
#ifndef ADVGRID_TEST_RANKS_H
#define ADVGRID_TEST_RANKS_H

#include "support/fixture.h"

#include <mpi.h>

/* Open MPI keeps memory until the end; our own is counted in ranks_run. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
  return "detect_leaks=0";
}

/* Test by test: where one fails on a rank, the others would wait for it for ever. */
static inline int ranks_run(int argc, char **argv, const struct CMUnitTest *tests, size_t count)
{
  int provided = 0;
  int ranks = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (argc > 1 && strtol(argv[1], NULL, 10) != ranks) {
    print_error("%s ranks were started, and know of %d\n", argv[1], ranks);
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  for (size_t i = 0; i < count; ++i) {
    const int failed = _cmocka_run_group_tests(tests[i].name, &tests[i], 1, NULL, NULL);
    if (failed != 0 || ag_live_blocks() != 0) {
      print_error("%s: %d failed, %zu blocks of memory are left\n", tests[i].name, failed,
                  ag_live_blocks());
      MPI_Abort(MPI_COMM_WORLD, 1);
    }
  }
  return MPI_Finalize();
}

#endif
