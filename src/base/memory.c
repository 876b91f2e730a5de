/* Aligned, zeroed memory with a balance.
 * Each block carries its size in the alignment's worth of bytes in front of it, so
 * that the number of live bytes is known without a table. */
#include "advgrid/base.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Blocks of two huge pages and more begin on one and ask for them: a workspace is walked from end
 * to end for each shard, and small pages are more than the translation buffers hold. */
enum { HUGE_PAGE = 2 << 20, HUGE_BLOCK = 2 * HUGE_PAGE };

static atomic_size_t live_blocks;
static atomic_size_t live_bytes;

/* On a multiple of AG_ALIGNMENT or, where that pays, of a huge page; or NULL. */
static void *allocate_aligned(size_t bytes)
{
  const bool huge = bytes >= HUGE_BLOCK;
  void *block = NULL;
  if (posix_memalign(&block, huge ? HUGE_PAGE : AG_ALIGNMENT, bytes) != 0) return NULL;
#ifdef MADV_HUGEPAGE
  /* A wish: where it fails, small pages serve. */
  if (huge) (void)madvise(block, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
  return block;
}

ag_status ag_allocate(size_t count, size_t size, void *block)
{
  void *const none = NULL;
  memcpy(block, &none, sizeof none);
  size_t bytes = 0;
  size_t padded = 0;
  if (__builtin_mul_overflow(count, size, &bytes) ||
      __builtin_add_overflow(bytes, (size_t)AG_ALIGNMENT, &padded)) {
    return ag_fail(AG_OUT_OF_MEMORY, "out of memory: %zu x %zu bytes were asked for", count, size);
  }
  char *start = allocate_aligned(padded);
  if (start == NULL) {
    return ag_fail(AG_OUT_OF_MEMORY, "out of memory: %zu bytes were asked for", bytes);
  }
  memcpy(start, &bytes, sizeof bytes);
  char *usable = start + AG_ALIGNMENT;
  memset(usable, 0, bytes);
  memcpy(block, &usable, sizeof usable);
  atomic_fetch_add(&live_blocks, 1);
  atomic_fetch_add(&live_bytes, bytes);
  return AG_OK;
}

void ag_release(void *block)
{
  char *usable = NULL;
  memcpy(&usable, block, sizeof usable);
  if (usable == NULL) return;
  char *start = usable - AG_ALIGNMENT;
  size_t bytes = 0;
  memcpy(&bytes, start, sizeof bytes);
  atomic_fetch_sub(&live_blocks, 1);
  atomic_fetch_sub(&live_bytes, bytes);
  free(start);
  usable = NULL;
  memcpy(block, &usable, sizeof usable);
}

size_t ag_live_blocks(void)
{
  return atomic_load(&live_blocks);
}

size_t ag_live_bytes(void)
{
  return atomic_load(&live_bytes);
}
