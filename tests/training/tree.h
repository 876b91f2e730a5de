/* The tree over a batch's shards, told another way than in src/training/shard_tree.c. */
#ifndef ADVGRID_TEST_TREE_H
#define ADVGRID_TEST_TREE_H

#include "support/fixture.h"

#include "training/shard_tree.h"

enum { SHARDS_MAXIMUM = 100 };

/* Every number of shards up to 40, and two that are larger. */
static const size_t shard_counts[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14,
                                      15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
                                      29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 64, 100};
enum { SHARD_COUNTS = sizeof shard_counts / sizeof *shard_counts };

static inline size_t tree_length(ag_shard_range range)
{
  return range.end - range.first;
}

static inline bool tree_same(ag_shard_range a, ag_shard_range b)
{
  return a.first == b.first && a.end == b.end;
}

static inline bool tree_within(ag_shard_range outer, ag_shard_range inner)
{
  return outer.first <= inner.first && inner.end <= outer.end;
}

/* The largest power of two below n. */
static inline size_t tree_left_of(size_t n)
{
  size_t bits = 0;
  while (((n - 1) >> (bits + 1)) != 0)
    ++bits;
  return (size_t)1 << bits;
}

static inline bool tree_is_node(ag_shard_range range, size_t shards)
{
  ag_shard_range node = {0, shards};
  while (!tree_same(node, range) && tree_length(node) > 1 && tree_within(node, range)) {
    const size_t cut = node.first + tree_left_of(tree_length(node));
    if (range.first < cut) {
      node.end = cut;
    } else {
      node.first = cut;
    }
  }
  return tree_same(node, range);
}

/* The node that the range's is a part of; the range is not all. */
static inline ag_shard_range tree_parent_of(ag_shard_range range, size_t shards)
{
  ag_shard_range node = {0, shards};
  for (;;) {
    const size_t cut = node.first + tree_left_of(tree_length(node));
    const ag_shard_range next = range.first < cut ? (ag_shard_range){node.first, cut}
                                                  : (ag_shard_range){cut, node.end};
    if (tree_same(next, range)) return node;
    node = next;
  }
}

#endif
