/* The rows of the table of convolutions, each in the file named after it. */
#ifndef ADVGRID_KERNELS_CONVOLUTION_H
#define ADVGRID_KERNELS_CONVOLUTION_H

#include "advgrid/kernels.h"

extern const ag_convolution_kernel ag_convolution_winograd_avx512, ag_convolution_winograd_avx2;

/** Row `index` of the table, the fastest first; NULL after the last, which takes any shape. */
const ag_convolution_kernel *ag_convolution_row(size_t index);

#endif
