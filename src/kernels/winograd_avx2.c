/* Winograd's convolution for AVX2 and FMA. */
#include "kernels/convolution.h"

#ifdef __x86_64__

#define ROW ag_convolution_winograd_avx2
#define ROW_NAME "winograd-avx2"
#define RUNS_HERE (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#define WIDE 8

#include "kernels/winograd_body.h"

#endif
