/* In which order a batch's gradients are added, whoever computes them. Pure. */
#ifndef ADVGRID_TRAINING_SHARD_TREE_H
#define ADVGRID_TRAINING_SHARD_TREE_H

#include "advgrid/base.h"

/* The sum of a batch is that of a binary tree over its shards, the same for any number of ranks and
 * threads: a node over [first, end) is its left part plus its right one, cut as ag_shard_cut says.
 * Why a tree and not integers: int64 would double what is sent, and turning 13 MB of floats into
 * 26 MB of integers and back for each shard costs more than the shard's weight gradients. In a tree
 * neighbouring shards add in place at no cost, a rank sends one part-sum where its shards make up a
 * node, and floats keep their 24 bits whatever a gradient's size. */

/* Shards [first, end) of a batch. */
typedef struct ag_shard_range {
  size_t first, end;
} ag_shard_range;

/** Where the node over a range of at least two shards is cut: behind the largest power of two that
 *  leaves something. */
size_t ag_shard_cut(ag_shard_range range);

/** Part `index` of `parts` of a range, in order, as even as whole shards are; may be empty. */
ag_shard_range ag_shard_share(ag_shard_range range, size_t index, size_t parts);

/** The largest nodes of the tree over `shards` that lie within `own`, in order: what whoever holds
 *  these shards can add up alone. roots: NULL, or room for them; returns their number. */
size_t ag_shard_roots(size_t shards, ag_shard_range own, ag_shard_range *roots);

enum { AG_NO_NODE = UINT32_MAX };

/* A node of what a rank adds up. */
typedef struct ag_shard_node {
  ag_shard_range range;
  uint32_t parent;        /* AG_NO_NODE: a root */
  uint32_t buffer, other; /* the sum lies in the left part's buffer; the right part's joins it */
} ag_shard_node;

/* The nodes within a rank's shards. A lane (a thread) takes a run of them in order; two neighbours
 * of one node in one lane are a leaf, the second being added to the first's buffer in place. */
typedef struct ag_shard_forest {
  size_t shards; /* of the batch */
  ag_shard_range own;
  size_t lanes, node_count, root_count, buffers;
  ag_shard_node *nodes; /* [node_count] */
  uint32_t *leaves;     /* [own shards] the leaf each is in */
  uint32_t *roots;      /* [root_count] in order */
} ag_shard_forest;

/** joined: nodes may span lanes, whose threads then add them up as they meet; else each lane's
 *  largest nodes are roots. forest: owned by the caller, also after a failure. */
ag_status ag_shard_forest_create(size_t shards, ag_shard_range own, size_t lanes, bool joined,
                                 ag_shard_forest *forest);
void ag_shard_forest_clear(ag_shard_forest *forest);
/** The shards of a lane. */
ag_shard_range ag_shard_forest_lane(const ag_shard_forest *forest, size_t lane);

#endif
