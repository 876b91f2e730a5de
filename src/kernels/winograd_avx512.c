/* Winograd's convolution for AVX-512. */
#include "kernels/convolution.h"

#ifdef __x86_64__

#define ROW ag_convolution_winograd_avx512
#define ROW_NAME "winograd-avx512"
#define RUNS_HERE (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
#define WIDE 16

#include "kernels/winograd_body.h"

#endif
