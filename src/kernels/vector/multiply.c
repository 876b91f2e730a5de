/* The matrix product, held in registers: blocks of a few rows by two vectors of columns.
 * Operands come as their makers leave them: nothing is packed here. */
#include "kernels/vector/vector.h"

/* Rows of a block: as many sums as the registers hold beside a row of b and one value of a. */
enum { ROWS = WIDE == 16 ? 8 : 6 };

typedef float half __attribute__((vector_size(WIDE * 2), aligned(4), may_alias));

#define PANEL_NAME panel_of_two
#define VECTOR wide
#define PARTS 2
#include "kernels/vector/multiply_panel.h"

#define PANEL_NAME panel_of_one
#define VECTOR wide
#define PARTS 1
#include "kernels/vector/multiply_panel.h"

#define PANEL_NAME panel_of_half
#define VECTOR half
#define PARTS 1
#include "kernels/vector/multiply_panel.h"

void ag_multiply(size_t m, size_t n, size_t depth, const float *a, size_t row_stride, size_t step,
                 const float *b, size_t ldb, bool accumulate, float *c, size_t ldc)
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
