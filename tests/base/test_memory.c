/* Memory: aligned, zeroed, counted, and refused where a size does not fit. */
#include "support/fixture.h"

/* The address sanitizer would end the program where malloc returns NULL; read at its start. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
  return "allocator_may_return_null=1";
}

static void blocks_are_aligned_and_zero(void **state)
{
  (void)state;
  for (size_t size = 1; size < 300; ++size) {
    uint8_t *block = NULL;
    assert_int_equal(ag_allocate(size, 1, &block), AG_OK);
    assert_int_equal((uintptr_t)block % AG_ALIGNMENT, 0);
    for (size_t i = 0; i < size; ++i)
      assert_int_equal(block[i], 0);
    memset(block, 0xff, size); /* so that the next block of this memory shows it */
    ag_release(&block);
    assert_null(block);
  }
}

/* From 4 MiB on a block, its bookkeeping included, begins on a huge page; below it need not. */
static void large_blocks_are_aligned_and_zero(void **state)
{
  (void)state;
  const size_t huge_page = (size_t)2 << 20;
  const size_t sizes[] = {2 * huge_page - AG_ALIGNMENT - 1, 2 * huge_page - AG_ALIGNMENT,
                          2 * huge_page, 3 * huge_page + 1, 10 * huge_page - 7};
  for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; ++i) {
    const size_t size = sizes[i / 2];
    const size_t bytes = ag_live_bytes();
    uint8_t *block = NULL;
    assert_int_equal(ag_allocate(size, 1, &block), AG_OK);
    assert_int_equal(ag_live_bytes(), bytes + size);
    assert_int_equal((uintptr_t)block % AG_ALIGNMENT, 0);
    if (i >= 2) assert_int_equal((uintptr_t)block % huge_page, AG_ALIGNMENT);
    for (size_t k = 0; k < size; ++k) {
      if (block[k] != 0) fail_msg("byte %zu of %zu is %u", k, size, block[k]);
    }
    memset(block, 0xff, size); /* the next round may get this memory again */
    ag_release(&block);
    assert_int_equal(ag_live_bytes(), bytes);
  }
}

static void balance_counts_blocks_and_bytes(void **state)
{
  (void)state;
  float *one = NULL;
  char *two = NULL;
  double *none = NULL;
  const size_t blocks = ag_live_blocks();
  const size_t bytes = ag_live_bytes();
  assert_int_equal(ag_allocate(10, sizeof *one, &one), AG_OK);
  assert_int_equal(ag_live_blocks(), blocks + 1);
  assert_int_equal(ag_live_bytes(), bytes + 40);
  assert_int_equal(ag_allocate(7, 1, &two), AG_OK);
  assert_int_equal(ag_live_blocks(), blocks + 2);
  assert_int_equal(ag_live_bytes(), bytes + 47);
  ag_release(&one);
  assert_int_equal(ag_live_blocks(), blocks + 1);
  assert_int_equal(ag_live_bytes(), bytes + 7);
  ag_release(&one); /* NULL by now */
  ag_release(&none);
  ag_release(&two);
  assert_int_equal(ag_live_blocks(), blocks);
  assert_int_equal(ag_live_bytes(), bytes);
}

static void nothing_is_a_block_too(void **state)
{
  (void)state;
  const size_t blocks = ag_live_blocks();
  void *block = NULL;
  assert_int_equal(ag_allocate(0, 8, &block), AG_OK);
  assert_non_null(block);
  assert_int_equal(ag_live_blocks(), blocks + 1);
  ag_release(&block);
  assert_int_equal(ag_live_blocks(), blocks);
}

static void refuse(size_t count, size_t size)
{
  const size_t blocks = ag_live_blocks();
  const size_t bytes = ag_live_bytes();
  int somewhere = 0;
  void *block = &somewhere;
  assert_int_equal(ag_allocate(count, size, &block), AG_OUT_OF_MEMORY);
  assert_null(block);
  assert_non_null(strstr(ag_message(), "out of memory"));
  assert_int_equal(ag_live_blocks(), blocks);
  assert_int_equal(ag_live_bytes(), bytes);
}

static void sizes_that_do_not_fit_are_refused(void **state)
{
  (void)state;
  refuse(SIZE_MAX / 2 + 2, 2); /* the product is 2 in size_t */
  refuse(SIZE_MAX / 4, 8);
  refuse(SIZE_MAX, 1); /* no room for the bookkeeping */
  refuse(SIZE_MAX - 64, 1);
  refuse((size_t)1 << 50, 1); /* more than there is */
}

static void round_up_reaches_the_next_multiple(void **state)
{
  (void)state;
  assert_int_equal(ag_round_up(0, 8), 0);
  assert_int_equal(ag_round_up(1, 8), 8);
  assert_int_equal(ag_round_up(8, 8), 8);
  assert_int_equal(ag_round_up(9, 8), 16);
  assert_int_equal(ag_round_up(5, 1), 5);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_are_aligned_and_zero),
      cmocka_unit_test(large_blocks_are_aligned_and_zero),
      cmocka_unit_test(balance_counts_blocks_and_bytes),
      cmocka_unit_test(nothing_is_a_block_too),
      cmocka_unit_test(sizes_that_do_not_fit_are_refused),
      cmocka_unit_test(round_up_reaches_the_next_multiple),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
