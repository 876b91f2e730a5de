/* The tree over a batch's shards, and the part of it that one rank adds up. */
#include "training/shard_tree.h"

#include <assert.h>

static size_t length(ag_shard_range range)
{
  return range.end - range.first;
}

static bool contains(ag_shard_range outer, ag_shard_range inner)
{
  return outer.first <= inner.first && inner.end <= outer.end;
}

size_t ag_shard_cut(ag_shard_range range)
{
  size_t left = 1;
  assert(length(range) >= 2);
  while (2 * left < length(range))
    left *= 2;
  return range.first + left;
}

ag_shard_range ag_shard_share(ag_shard_range range, size_t index, size_t parts)
{
  /* Rounded up: of fewer shards than threads the first, which sends messages, has one. */
  return (ag_shard_range){range.first + ag_divide_up(length(range) * index, parts),
                          range.first + ag_divide_up(length(range) * (index + 1), parts)};
}

static size_t find_roots(ag_shard_range node, ag_shard_range own, ag_shard_range *roots)
{
  if (node.end <= own.first || own.end <= node.first) return 0;
  if (contains(own, node)) {
    if (roots != NULL) *roots = node;
    return 1;
  }
  const size_t cut = ag_shard_cut(node);
  const size_t left = find_roots((ag_shard_range){node.first, cut}, own, roots);
  return left +
         find_roots((ag_shard_range){cut, node.end}, own, roots == NULL ? NULL : roots + left);
}

size_t ag_shard_roots(size_t shards, ag_shard_range own, ag_shard_range *roots)
{
  if (length(own) == 0) return 0;
  return find_roots((ag_shard_range){0, shards}, own, roots);
}

/* ---- a rank's forest ---- */

/* The forest being made, and each lane's buffers: shards come in the order in which its lane takes
 * them, so that what is free here is free then. */
typedef struct builder {
  ag_shard_forest *forest;
  size_t lane;       /* of the shard before */
  uint32_t free[64]; /* buffers of the lane that hold nothing */
  size_t free_count;
} builder;

ag_shard_range ag_shard_forest_lane(const ag_shard_forest *forest, size_t lane)
{
  return ag_shard_share(forest->own, lane, forest->lanes);
}

static size_t lane_of(const ag_shard_forest *forest, size_t shard)
{
  size_t lane = 0;
  while (shard >= ag_shard_forest_lane(forest, lane).end)
    ++lane;
  return lane;
}

/* The one lane that has all shards of a range, or `lanes`. */
static size_t lane_of_all(const ag_shard_forest *forest, ag_shard_range range)
{
  const size_t lane = lane_of(forest, range.first);
  return contains(ag_shard_forest_lane(forest, lane), range) ? lane : forest->lanes;
}

static uint32_t take_buffer(builder *self, size_t lane)
{
  if (lane != self->lane) self->free_count = 0; /* lanes share none */
  self->lane = lane;
  if (self->free_count > 0) return self->free[--self->free_count];
  return (uint32_t)self->forest->buffers++;
}

/* Makes the node over a range and all below it; returns its index. */
static uint32_t make_node(builder *self, ag_shard_range range, uint32_t parent)
{
  ag_shard_forest *forest = self->forest;
  const size_t lane = lane_of_all(forest, range);
  const uint32_t index = (uint32_t)forest->node_count++;
  ag_shard_node *node = &forest->nodes[index];
  *node = (ag_shard_node){.range = range, .parent = parent};
  if (length(range) == 1 || (length(range) == 2 && lane < forest->lanes)) {
    node->buffer = take_buffer(self, lane);
    for (size_t shard = range.first; shard < range.end; ++shard)
      forest->leaves[shard - forest->own.first] = index;
    return index;
  }
  const size_t cut = ag_shard_cut(range);
  const uint32_t left = make_node(self, (ag_shard_range){range.first, cut}, index);
  const uint32_t right = make_node(self, (ag_shard_range){cut, range.end}, index);
  node->buffer = forest->nodes[left].buffer;
  node->other = forest->nodes[right].buffer;
  if (lane < forest->lanes) self->free[self->free_count++] = node->other;
  return index;
}

/* The roots within a range: all of the rank, or one lane. */
static void make_roots(builder *self, ag_shard_range node, ag_shard_range within)
{
  ag_shard_forest *forest = self->forest;
  if (node.end <= within.first || within.end <= node.first) return;
  if (contains(within, node)) {
    forest->roots[forest->root_count] = make_node(self, node, AG_NO_NODE);
    ++forest->root_count;
    return;
  }
  const size_t cut = ag_shard_cut(node);
  make_roots(self, (ag_shard_range){node.first, cut}, within);
  make_roots(self, (ag_shard_range){cut, node.end}, within);
}

ag_status ag_shard_forest_create(size_t shards, ag_shard_range own, size_t lanes, bool joined,
                                 ag_shard_forest *forest)
{
  ag_status status = AG_OK;
  *forest = (ag_shard_forest){.shards = shards, .own = own, .lanes = lanes};
  builder self = {.forest = forest, .lane = lanes};
  assert(own.end <= shards && shards < UINT32_MAX / 2);
  /* A binary tree has fewer than twice as many nodes as leaves. */
  AG_TRY(ag_allocate(2 * length(own), sizeof *forest->nodes, &forest->nodes));
  AG_TRY(ag_allocate(length(own), sizeof *forest->leaves, &forest->leaves));
  AG_TRY(ag_allocate(length(own), sizeof *forest->roots, &forest->roots));
  const ag_shard_range all = {0, shards};
  if (length(own) == 0) goto cleanup;
  if (joined) make_roots(&self, all, own);
  for (size_t lane = 0; !joined && lane < lanes; ++lane) {
    const ag_shard_range within = ag_shard_forest_lane(forest, lane);
    if (length(within) > 0) make_roots(&self, all, within);
  }
cleanup:
  return status;
}

void ag_shard_forest_clear(ag_shard_forest *forest)
{
  ag_release(&forest->roots);
  ag_release(&forest->leaves);
  ag_release(&forest->nodes);
}
