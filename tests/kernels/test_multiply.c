/* The product of the kernels over vectors, by every instruction set that this machine runs: against
 * loops in double, with either operand laid out in every way that it takes. */
#include "support/fixture.h"

#include "kernels/variant.h"

/* The variant under test. */
static const ag_variant *variant;

enum { ROWS = 20, COLUMNS = 72, LAYOUTS = 16 };
static const size_t depths[] = {1, 2, 3, 5, 8, 17, 31, 40};
enum { DEPTHS = sizeof depths / sizeof depths[0] };

/* The operands of one product, each array ending with its last element; between rows lie floats
 * that are no part of it, NaN so that one that is read shows. */
typedef struct product {
  size_t m, n, depth;
  size_t row_stride, step, ldb, ldc;
  bool packed, accumulate;
  float *a, *b, *panels, *c;
} product;

/* Element (row, column) of the same matrices whatever the layout and the number of rows. */
static float element(uint32_t stream, size_t row, size_t column)
{
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, stream, (uint32_t)(row * 1000 + column));
  return 2.0F * ag_random_uniform(&random) - 1.0F;
}

/* b in panels of two vectors of columns, what is left in one of half as many, and so on: each panel
 * is [depth, its columns], one behind the other. New, owned by the caller. */
static float *pack(size_t depth, size_t n, const float *b, size_t ldb)
{
  float *panels = test_floats(depth * n);
  float *to = panels;
  size_t first = 0;
  for (size_t width = 2 * variant->lanes; first < n; width /= 2) {
    for (; first + width <= n; first += width) {
      for (size_t p = 0; p < depth; ++p, to += width)
        memcpy(to, b + p * ldb + first, width * sizeof *to);
    }
  }
  return panels;
}

static float *nothing(size_t floats)
{
  float *values = test_floats(floats);
  for (size_t i = 0; i < floats; ++i)
    values[i] = NAN;
  return values;
}

/* The last m of ROWS rows. layout: bits for a transposed, b packed, c accumulated, rows apart. */
static product start(size_t m, size_t n, size_t depth, size_t layout)
{
  const bool transposed = layout & 1;
  const size_t apart = layout & 8 ? 5 : 0;
  product d = {.m = m,
               .n = n,
               .depth = depth,
               .row_stride = transposed ? 1 : depth + apart,
               .step = transposed ? m + apart : 1,
               .ldb = n + apart,
               .ldc = n + apart,
               .packed = layout & 2,
               .accumulate = layout & 4};
  d.a = nothing((m - 1) * d.row_stride + (depth - 1) * d.step + 1);
  d.b = nothing((depth - 1) * d.ldb + n);
  d.c = nothing((m - 1) * d.ldc + n);
  for (size_t i = 0; i < m; ++i) {
    const size_t row = ROWS - m + i;
    for (size_t p = 0; p < depth; ++p)
      d.a[i * d.row_stride + p * d.step] = element(1, row, p);
    for (size_t j = 0; d.accumulate && j < n; ++j)
      d.c[i * d.ldc + j] = element(3, row, j);
  }
  for (size_t p = 0; p < depth; ++p) {
    for (size_t j = 0; j < n; ++j)
      d.b[p * d.ldb + j] = element(2, p, j);
  }
  d.panels = pack(depth, n, d.b, d.ldb);
  return d;
}

static void stop(product *d)
{
  free(d->a);
  free(d->b);
  free(d->panels);
  free(d->c);
}

static void run(const product *d)
{
  variant->multiply(d->m, d->n, d->depth, d->a, d->row_stride, d->step,
                    d->packed ? d->panels : d->b, d->packed ? 0 : d->ldb, d->accumulate, d->c,
                    d->ldc);
}

static void agrees_with_loops(void **state)
{
  (void)state;
  for (size_t n = AG_CHANNEL_BLOCK; n <= COLUMNS; n += AG_CHANNEL_BLOCK) {
    for (size_t index = 0; index < (size_t)DEPTHS * LAYOUTS; ++index) {
      product d = start(ROWS, n, depths[index / LAYOUTS], index % LAYOUTS);
      run(&d);
      for (size_t i = 0; i < d.m; ++i) {
        for (size_t j = 0; j < n; ++j) {
          double want = d.accumulate ? (double)element(3, i, j) : 0.0;
          for (size_t p = 0; p < d.depth; ++p)
            want += (double)d.a[i * d.row_stride + p * d.step] * (double)d.b[p * d.ldb + j];
          assert_number_close((double)d.c[i * d.ldc + j], want, 3e-6, 1e-6);
        }
        for (size_t j = n; i + 1 < d.m && j < d.ldc; ++j)
          assert_true(isnan(d.c[i * d.ldc + j])); /* not written */
      }
      stop(&d);
    }
  }
}

/* The same bits in every layout, whichever rows come along. */
static void rows_do_not_depend_on_company_or_layout(void **state)
{
  (void)state;
  for (size_t n = AG_CHANNEL_BLOCK; n <= COLUMNS; n += AG_CHANNEL_BLOCK) {
    for (size_t index = 0; index < (size_t)DEPTHS * LAYOUTS; ++index) {
      const size_t depth = depths[index / LAYOUTS];
      const size_t layout = index % LAYOUTS;
      product all = start(ROWS, n, depth, layout & 4); /* plain, accumulated or not */
      run(&all);
      for (size_t m = 1; m <= ROWS; ++m) {
        product some = start(m, n, depth, layout);
        run(&some);
        for (size_t i = 0; i < m; ++i)
          assert_same_bits(some.c + i * some.ldc, all.c + (ROWS - m + i) * all.ldc, n);
        stop(&some);
      }
      stop(&all);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(agrees_with_loops),
      cmocka_unit_test(rows_do_not_depend_on_company_or_layout),
  };
  static const char *const variants[] = {"avx512", "avx2", "baseline"};
  int failed = 0;
  for (size_t i = 0; i < sizeof variants / sizeof *variants; ++i) {
    variant = ag_variant_find(variants[i]);
    if (variant != NULL) failed += cmocka_run_group_tests_name(variants[i], tests, NULL, NULL);
  }
  return failed;
}
