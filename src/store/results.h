/* The result file's inside, shared by its parts; what knows HDF5 is in results*.c alone. */
#ifndef ADVGRID_STORE_RESULTS_H
#define ADVGRID_STORE_RESULTS_H

/** The version of the HDF5 library that runs, "1.10.8". */
void ag_results_library(char out[32]);

#endif
