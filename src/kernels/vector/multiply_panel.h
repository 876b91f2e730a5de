/* One panel of columns of a product, PARTS vectors of type VECTOR wide: function PANEL_NAME. Part
 * of multiply.c, which includes it for each width. */
#define BLOCK_NAME AG_EXPANDED(PANEL_NAME, block)

/* c[rows, the panel's columns] (+)= a b, rows a constant of at most ROWS. */
static inline __attribute__((always_inline)) void
BLOCK_NAME(size_t rows, size_t depth, const float *a, size_t row_stride, size_t step,
           const float *b, size_t ldb, bool accumulate, float *c, size_t ldc)
{
  enum { FLOATS = sizeof(VECTOR) / sizeof(float) };
  VECTOR sums[ROWS][PARTS];
#pragma GCC unroll 16
  for (size_t i = 0; i < rows; ++i) {
#pragma GCC unroll 16
    for (size_t v = 0; v < PARTS; ++v)
      sums[i][v] = (VECTOR){0};
  }
  for (size_t p = 0; p < depth; ++p) {
    VECTOR row[PARTS];
#pragma GCC unroll 16
    for (size_t v = 0; v < PARTS; ++v)
      row[v] = *(const VECTOR *)(const void *)(b + p * ldb + v * FLOATS);
#pragma GCC unroll 16
    for (size_t i = 0; i < rows; ++i) {
      const float value = a[i * row_stride + p * step];
#pragma GCC unroll 16
      for (size_t v = 0; v < PARTS; ++v)
        sums[i][v] += value * row[v];
    }
  }
#pragma GCC unroll 16
  for (size_t i = 0; i < rows; ++i) {
#pragma GCC unroll 16
    for (size_t v = 0; v < PARTS; ++v) {
      VECTOR *to = (VECTOR *)(void *)(c + i * ldc + v * FLOATS);
      if (accumulate) sums[i][v] += *to;
      *to = sums[i][v];
    }
  }
}

/* All m rows. */
static void PANEL_NAME(size_t m, size_t depth, const float *a, size_t row_stride, size_t step,
                       const float *b, size_t ldb, bool accumulate, float *c, size_t ldc)
{
  size_t i = 0;
  for (; i + ROWS <= m; i += ROWS)
    BLOCK_NAME(ROWS, depth, a + i * row_stride, row_stride, step, b, ldb, accumulate, c + i * ldc,
               ldc);
  for (; i + 2 <= m; i += 2)
    BLOCK_NAME(2, depth, a + i * row_stride, row_stride, step, b, ldb, accumulate, c + i * ldc,
               ldc);
  if (i < m)
    BLOCK_NAME(1, depth, a + i * row_stride, row_stride, step, b, ldb, accumulate, c + i * ldc,
               ldc);
}

#undef BLOCK_NAME
#undef PANEL_NAME
#undef VECTOR
#undef PARTS
