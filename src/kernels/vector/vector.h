/* What the files of this folder share. Each is compiled once for every instruction set, with that
 * set's flags and AG_VARIANT its name; the vectors are as wide as the set has them. */
#ifndef ADVGRID_KERNELS_VECTOR_VECTOR_H
#define ADVGRID_KERNELS_VECTOR_VECTOR_H

#include "kernels/variant.h"

#include <string.h>

#define AG_JOINED(variant, name) ag_##variant##_##name
#define AG_EXPANDED(variant, name) AG_JOINED(variant, name)
/* The name of this variant's own function or table: ag_avx2_multiply. */
#define AG_VECTOR(name) AG_EXPANDED(AG_VARIANT, name)

#if defined __AVX512F__
enum { WIDE = 16 };
#elif defined __AVX2__
enum { WIDE = 8 };
#else
enum { WIDE = 4 };
#endif

typedef float wide __attribute__((vector_size(WIDE * 4), aligned(4), may_alias));
typedef int32_t wide_mask __attribute__((vector_size(WIDE * 4), aligned(4), may_alias));
typedef uint8_t wide_bytes __attribute__((vector_size(WIDE), aligned(1), may_alias));

static inline wide load(const float *from)
{
  return *(const wide *)(const void *)from;
}

static inline void store(float *to, wide value)
{
  *(wide *)(void *)to = value;
}

/* Asks for the cache line `bytes` behind an address, which need not be one of the array's. */
static inline void fetch(const void *from, size_t bytes)
{
  /* As a number, since a pointer may not leave its array. */
  __builtin_prefetch(
      (const void *)((uintptr_t)from + bytes)); /* NOLINT(performance-no-int-to-ptr) */
}

/* The same for a line that will be written. */
static inline void fetch_to_write(const void *from, size_t bytes)
{
  enum { WRITE = 1 };
  __builtin_prefetch(
      (const void *)((uintptr_t)from + bytes), /* NOLINT(performance-no-int-to-ptr) */
      WRITE);
}

/* value where mask, else 0. */
static inline wide keep(wide_mask mask, wide value)
{
  return (wide)(mask & (wide_mask)value);
}

/* yes where mask, else no. */
static inline wide either(wide_mask mask, wide yes, wide no)
{
  return (wide)((mask & (wide_mask)yes) | (~mask & (wide_mask)no));
}

/* Where value is no NaN. */
static inline wide_mask is_number(wide value)
{
  const wide same = value;
  return value == same;
}

static inline wide_mask load_bytes(const uint8_t *from)
{
  return __builtin_convertvector(*(const wide_bytes *)(const void *)from, wide_mask);
}

static inline void store_bytes(uint8_t *to, wide_mask value)
{
  *(wide_bytes *)(void *)to = __builtin_convertvector(value, wide_bytes);
}

/* Columns that a product takes at once: the width of a panel of packed weights. */
enum { PANEL = 2 * WIDE };

/* Where element (row, column) of a [depth, n] matrix lies in its panels: runs of PANEL columns,
 * then of half as many and so on, each [depth, its columns]. n: a multiple of AG_CHANNEL_BLOCK. */
static inline size_t packed_place(size_t depth, size_t n, size_t row, size_t column)
{
  size_t width = PANEL;
  while (n - column / width * width < width)
    width /= 2;
  const size_t first = column / width * width;
  return first * depth + row * width + (column - first);
}

/* c[m, n] (+)= a b over `depth`, n a multiple of AG_CHANNEL_BLOCK. Element (i, p) of a lies at
 * i * row_stride + p * step. b: [depth, n] from row to row `ldb`, or in panels where ldb is 0.
 * Every element is one sum in the order of p, whatever its row and whatever rows are beside it; it
 * is complete before it is added to c. */
#define ag_multiply AG_VECTOR(multiply)
void ag_multiply(size_t m, size_t n, size_t depth, const float *a, size_t row_stride, size_t step,
                 const float *b, size_t ldb, bool accumulate, float *c, size_t ldc);

/* See ag_variant. */
double AG_VECTOR(fma_chains)(size_t rounds, float *sum);

extern const ag_convolution_kernel AG_VECTOR(winograd), AG_VECTOR(im2col);
extern const ag_dense_kernel AG_VECTOR(dense);
extern const ag_batch_norm_kernel AG_VECTOR(batch_norm);

#endif
