/* The rows of the table of convolutions: a variant's Winograd, and this one for any shape. */
#ifndef ADVGRID_KERNELS_CONVOLUTION_H
#define ADVGRID_KERNELS_CONVOLUTION_H

#include "kernels/variant.h"

extern const ag_convolution_kernel ag_convolution_im2col;

#endif
