/* The rate that no kernel can exceed: fused multiply-adds that wait for nothing. */
#ifndef ADVGRID_KERNELS_FMA_PEAK_H
#define ADVGRID_KERNELS_FMA_PEAK_H

#include <stddef.h>

/** Runs `rounds` of multiply-adds in registers, in independent chains of the widest vectors that
 *  this processor has, and returns their floating-point operations, two each. sum: receives the
 *  sum of the chains, so that the compiler cannot leave the work out. */
double ag_fma_chains(size_t rounds, float *sum);

/** The instruction set that ag_fma_chains uses here: "avx512", "avx2" or "baseline". Static. */
const char *ag_fma_instructions(void);

#endif
