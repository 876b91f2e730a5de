/* The matrix product, held in registers: blocks of a few rows by two vectors of columns.
 * Operands come as their makers leave them: nothing is packed here. */
#include "kernels/vector/vector.h"

/* Rows of a block: as many sums as the registers hold beside a row of b and one value of a. */
enum { ROWS = WIDE == 16 ? 8 : 6 };

typedef float half __attribute__((vector_size(WIDE * 2), aligned(4), may_alias));

/* c[rows, parts vectors] (+)= a b. */
#define UNROLLED _Pragma("GCC unroll 16")
#define DEFINE_BLOCK(name, vector, rows, parts)                                              \
  static inline void name(size_t depth, const float *a, size_t row_stride, size_t step,      \
                          const float *b, size_t ldb, bool accumulate, float *c, size_t ldc) \
  {                                                                                          \
    enum { FLOATS = sizeof(vector) / sizeof(float) };                                        \
    vector sums[rows][parts];                                                                \
    UNROLLED for (size_t i = 0; i < (rows); ++i)                                             \
    {                                                                                        \
      UNROLLED for (size_t v = 0; v < (parts); ++v) sums[i][v] = (vector){0};                \
    }                                                                                        \
    if (accumulate) {                                                                        \
      UNROLLED for (size_t i = 0; i < (rows); ++i)                                           \
      {                                                                                      \
        UNROLLED for (size_t v = 0; v < (parts); ++v)                                        \
            sums[i][v] = *(const vector *)(const void *)(c + i * ldc + v * FLOATS);          \
      }                                                                                      \
    }                                                                                        \
    for (size_t p = 0; p < depth; ++p) {                                                     \
      vector row[parts];                                                                     \
      UNROLLED for (size_t v = 0; v < (parts); ++v)                                          \
          row[v] = *(const vector *)(const void *)(b + p * ldb + v * FLOATS);                \
      UNROLLED for (size_t i = 0; i < (rows); ++i)                                           \
      {                                                                                      \
        const float value = a[i * row_stride + p * step];                                    \
        UNROLLED for (size_t v = 0; v < (parts); ++v) sums[i][v] += value * row[v];          \
      }                                                                                      \
    }                                                                                        \
    UNROLLED for (size_t i = 0; i < (rows); ++i)                                             \
    {                                                                                        \
      UNROLLED for (size_t v = 0; v < (parts); ++v) *                                        \
          (vector *)(void *)(c + i * ldc + v * FLOATS) = sums[i][v];                         \
    }                                                                                        \
  }

/* All m rows of one panel of columns, which is `width` wide. */
#define DEFINE_PANEL(name, vector, parts)                                                       \
  DEFINE_BLOCK(name##_rows, vector, ROWS, parts)                                                \
  DEFINE_BLOCK(name##_pair, vector, 2, parts)                                                   \
  DEFINE_BLOCK(name##_one, vector, 1, parts)                                                    \
  static void name(size_t m, size_t depth, const float *a, size_t row_stride, size_t step,      \
                   const float *b, size_t ldb, bool accumulate, float *c, size_t ldc)           \
  {                                                                                             \
    size_t i = 0;                                                                               \
    for (; i + ROWS <= m; i += ROWS)                                                            \
      name##_rows(depth, a + i * row_stride, row_stride, step, b, ldb, accumulate, c + i * ldc, \
                  ldc);                                                                         \
    for (; i + 2 <= m; i += 2)                                                                  \
      name##_pair(depth, a + i * row_stride, row_stride, step, b, ldb, accumulate, c + i * ldc, \
                  ldc);                                                                         \
    if (i < m)                                                                                  \
      name##_one(depth, a + i * row_stride, row_stride, step, b, ldb, accumulate, c + i * ldc,  \
                 ldc);                                                                          \
  }

DEFINE_PANEL(panel_of_two, wide, 2)
DEFINE_PANEL(panel_of_one, wide, 1)
DEFINE_PANEL(panel_of_half, half, 1)

void AG_VECTOR(multiply)(size_t m, size_t n, size_t depth, const float *a, size_t row_stride,
                         size_t step, const float *b, size_t ldb, bool accumulate, float *c,
                         size_t ldc)
{
  const bool packed = ldb == 0;
  size_t j = 0;
  for (; j + PANEL <= n; j += PANEL)
    panel_of_two(m, depth, a, row_stride, step, packed ? b + j * depth : b + j,
                 packed ? PANEL : ldb, accumulate, c + j, ldc);
  for (; j + WIDE <= n; j += WIDE)
    panel_of_one(m, depth, a, row_stride, step, packed ? b + j * depth : b + j, packed ? WIDE : ldb,
                 accumulate, c + j, ldc);
  for (; j + WIDE / 2 <= n; j += WIDE / 2)
    panel_of_half(m, depth, a, row_stride, step, packed ? b + j * depth : b + j,
                  packed ? WIDE / 2 : ldb, accumulate, c + j, ldc);
}
