/* The part of the tree over a batch's shards that a rank adds up: whatever ranks and lanes have,
 * and in whatever order lanes get to it, the parts join to the one value that the whole tree has.
 * Values are hashes, so that every order of adding has a value of its own. */
#include "training/tree.h"

enum { LANES_MAXIMUM = 7 };
static const size_t rank_counts[] = {1, 2, 3, 4, 5, 8, 12};
static const size_t lane_counts[] = {1, 2, 3, 4, LANES_MAXIMUM};
enum {
  RANK_COUNTS = sizeof rank_counts / sizeof *rank_counts,
  LANE_COUNTS = sizeof lane_counts / sizeof *lane_counts
};

/* Not associative, not commutative, and 0, which is nothing, joins to the other. */
static uint64_t join(uint64_t left, uint64_t right)
{
  if (left == 0) return right;
  if (right == 0) return left;
  uint64_t mixed = (left ^ (left >> 31)) * 0x9E3779B97F4A7C15U + right;
  mixed = (mixed ^ (mixed >> 29)) * 0xBF58476D1CE4E5B9U;
  return (mixed ^ (mixed >> 32)) | 1;
}

static uint64_t value_of_shard(size_t shard)
{
  return join(shard + 1, 12345);
}

static uint64_t value_of(ag_shard_range node)
{
  if (tree_length(node) == 1) return value_of_shard(node.first);
  const size_t cut = node.first + tree_left_of(tree_length(node));
  return join(value_of((ag_shard_range){node.first, cut}),
              value_of((ag_shard_range){cut, node.end}));
}

/* ---- a forest, as it is told ---- */

/* The range of a node's parent lies around it and is cut beside it, and so its buffers say. */
static void check_parent(const ag_shard_forest *forest, const ag_shard_node *node)
{
  const ag_shard_node *parent = &forest->nodes[node->parent];
  assert_true(node->parent < forest->node_count);
  assert_true(tree_same(parent->range, tree_parent_of(node->range, forest->shards)));
  if (node->range.first == parent->range.first) {
    assert_int_equal(parent->buffer, node->buffer);
  } else {
    assert_int_equal(parent->other, node->buffer);
  }
}

static void check_leaves(const ag_shard_forest *forest, bool *is_leaf)
{
  size_t next = forest->own.first;
  for (size_t lane = 0; lane < forest->lanes; ++lane) {
    const ag_shard_range shards = ag_shard_forest_lane(forest, lane);
    assert_int_equal(shards.first, next);
    next = shards.end;
    for (size_t shard = shards.first; shard < shards.end; ++shard) {
      const uint32_t leaf = forest->leaves[shard - forest->own.first];
      assert_true(leaf < forest->node_count);
      const ag_shard_range range = forest->nodes[leaf].range;
      assert_true(range.first <= shard && shard < range.end);
      assert_true(tree_within(shards, range) && tree_length(range) <= 2);
      /* Two shards of a node in one lane are one leaf. */
      if (tree_length(range) == 1 && forest->shards > 1) {
        const ag_shard_range pair = tree_parent_of(range, forest->shards);
        assert_true(tree_length(pair) > 2 || !tree_within(shards, pair));
      }
      is_leaf[leaf] = true;
    }
  }
  assert_int_equal(next, forest->own.end);
}

/* What lies within `range`, which is one lane's or all, are the roots from the next one on. */
static void check_roots_of(const ag_shard_forest *forest, ag_shard_range range, size_t *next)
{
  ag_shard_range roots[SHARDS_MAXIMUM];
  const size_t count = ag_shard_roots(forest->shards, range, roots);
  assert_true(*next + count <= forest->root_count);
  for (size_t i = 0; i < count; ++i) {
    const ag_shard_node *root = &forest->nodes[forest->roots[(*next)++]];
    assert_true(tree_same(root->range, roots[i]));
    assert_int_equal(root->parent, AG_NO_NODE);
  }
}

static void check_forest(const ag_shard_forest *forest, bool joined)
{
  bool is_leaf[2 * SHARDS_MAXIMUM] = {false};
  size_t roots = 0;
  check_leaves(forest, is_leaf);
  if (joined) check_roots_of(forest, forest->own, &roots);
  for (size_t lane = 0; lane < forest->lanes && !joined; ++lane)
    check_roots_of(forest, ag_shard_forest_lane(forest, lane), &roots);
  assert_int_equal(roots, forest->root_count);
  size_t without_parent = 0;
  for (size_t i = 0; i < forest->node_count; ++i) {
    const ag_shard_node *node = &forest->nodes[i];
    assert_true(tree_is_node(node->range, forest->shards));
    assert_true(node->buffer < forest->buffers);
    if (!is_leaf[i]) assert_true(node->other < forest->buffers && node->other != node->buffer);
    if (node->parent == AG_NO_NODE) {
      ++without_parent;
    } else {
      check_parent(forest, node);
    }
  }
  assert_int_equal(without_parent, forest->root_count);
}

/* ---- a forest, as lanes go through it ---- */

/* What a lane does next. */
typedef enum phase { WRITE, CLIMB, MOVE, DONE } phase;

typedef struct walker {
  size_t shard, end;
  uint32_t node;
  phase phase;
} walker;

typedef struct walk {
  const ag_shard_forest *forest;
  walker lanes[LANES_MAXIMUM];
  size_t busy, done; /* lanes; roots */
  uint64_t buffers[2 * SHARDS_MAXIMUM];
  bool arrived[2 * SHARDS_MAXIMUM];
} walk;

static void next_shard(walk *all, walker *lane)
{
  lane->phase = ++lane->shard < lane->end ? WRITE : DONE;
  all->busy -= lane->phase == DONE;
}

/* One step of one lane, as small as threads could see it. A leaf begins in a buffer that holds
 * nothing, and what is moved is there. */
static void take_step(walk *all, walker *lane)
{
  const ag_shard_forest *forest = all->forest;
  if (lane->phase == WRITE) {
    lane->node = forest->leaves[lane->shard - forest->own.first];
    const ag_shard_node *leaf = &forest->nodes[lane->node];
    uint64_t *buffer = &all->buffers[leaf->buffer];
    assert_int_equal(*buffer == 0, lane->shard == leaf->range.first);
    *buffer = join(*buffer, value_of_shard(lane->shard));
    lane->phase = CLIMB;
    if (lane->shard + 1 < leaf->range.end) next_shard(all, lane);
  } else if (lane->phase == CLIMB) {
    const uint32_t parent = forest->nodes[lane->node].parent;
    if (parent == AG_NO_NODE) {
      ++all->done;
      next_shard(all, lane);
      return;
    }
    lane->node = parent;
    lane->phase = MOVE;
    all->arrived[parent] = !all->arrived[parent];
    if (all->arrived[parent]) next_shard(all, lane); /* the other part is not there yet */
  } else {
    const ag_shard_node *node = &forest->nodes[lane->node];
    assert_true(all->buffers[node->buffer] != 0 && all->buffers[node->other] != 0);
    all->buffers[node->buffer] = join(all->buffers[node->buffer], all->buffers[node->other]);
    all->buffers[node->other] = 0;
    lane->phase = CLIMB;
  }
}

/* Which lane goes on: the first that can, the last, or for other turns one that is drawn, which
 * then keeps going for a while. */
static walker *choose(walk *all, size_t turn, ag_random *random, walker *last)
{
  const size_t lanes = all->forest->lanes;
  if (turn >= 2 && last != NULL && last->phase != DONE &&
      ag_random_below(random, (uint32_t)turn) != 0) {
    return last;
  }
  size_t lane = turn == 0 ? 0 : turn == 1 ? lanes - 1 : ag_random_below(random, (uint32_t)lanes);
  while (all->lanes[lane].phase == DONE)
    lane = turn == 1 ? lane - 1 : (lane + 1) % lanes;
  return &all->lanes[lane];
}

/* Leaves the roots' values at `values`. */
static void simulate(const ag_shard_forest *forest, size_t turn, uint64_t *values)
{
  walk all = {.forest = forest};
  walker *last = NULL;
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, (uint32_t)turn, (uint32_t)forest->shards);
  for (size_t i = 0; i < forest->lanes; ++i) {
    const ag_shard_range shards = ag_shard_forest_lane(forest, i);
    const bool empty = tree_length(shards) == 0;
    all.lanes[i] = (walker){shards.first, shards.end, 0, empty ? DONE : WRITE};
    all.busy += !empty;
  }
  while (all.busy > 0) {
    last = choose(&all, turn, &random, last);
    take_step(&all, last);
  }
  assert_int_equal(all.done, forest->root_count);
  for (size_t i = 0; i < forest->root_count; ++i) {
    uint64_t *buffer = &all.buffers[forest->nodes[forest->roots[i]].buffer];
    values[i] = *buffer;
    assert_true(values[i] == value_of(forest->nodes[forest->roots[i]].range));
    *buffer = 0;
  }
  for (size_t i = 0; i < forest->buffers; ++i)
    assert_true(all.buffers[i] == 0);
  for (size_t i = 0; i < forest->node_count; ++i)
    assert_false(all.arrived[i]);
}

/* ---- all ranks' parts together ---- */

enum { TURNS = 5 };

typedef struct parts {
  size_t count;
  ag_shard_range ranges[SHARDS_MAXIMUM];
  uint64_t values[TURNS][SHARDS_MAXIMUM];
} parts;

static uint64_t value_of_parts(const parts *all, const uint64_t *values, ag_shard_range node,
                               size_t *next)
{
  if (tree_same(all->ranges[*next], node)) return values[(*next)++];
  const size_t cut = node.first + tree_left_of(tree_length(node));
  const uint64_t left = value_of_parts(all, values, (ag_shard_range){node.first, cut}, next);
  return join(left, value_of_parts(all, values, (ag_shard_range){cut, node.end}, next));
}

/* One rank's forest: as it is told, and as lanes go through it in several orders. */
static void add_rank(size_t shards, ag_shard_range own, size_t lanes, bool joined, parts *all)
{
  ag_shard_forest forest;
  assert_int_equal(ag_shard_forest_create(shards, own, lanes, joined, &forest), AG_OK);
  check_forest(&forest, joined);
  for (size_t turn = 0; turn < TURNS; ++turn)
    simulate(&forest, turn, all->values[turn] + all->count);
  for (size_t i = 0; i < forest.root_count; ++i)
    all->ranges[all->count++] = forest.nodes[forest.roots[i]].range;
  ag_shard_forest_clear(&forest);
}

static void all_parts_join_to_the_tree(size_t shards, size_t ranks, size_t lanes, bool joined)
{
  parts all = {0};
  const ag_shard_range batch = {0, shards};
  for (size_t rank = 0; rank < ranks; ++rank)
    add_rank(shards, ag_shard_share(batch, rank, ranks), lanes, joined, &all);
  assert_true(all.ranges[all.count - 1].end == shards);
  for (size_t turn = 0; turn < TURNS; ++turn) {
    size_t next = 0;
    assert_true(value_of_parts(&all, all.values[turn], batch, &next) == value_of(batch));
    assert_int_equal(next, all.count);
  }
}

static void ranks_and_lanes_add_up_the_tree(void **state)
{
  (void)state;
  for (size_t s = 0; s < SHARD_COUNTS; ++s) {
    for (size_t r = 0; r < RANK_COUNTS; ++r) {
      for (size_t l = 0; l < LANE_COUNTS; ++l) {
        all_parts_join_to_the_tree(shard_counts[s], rank_counts[r], lane_counts[l], false);
        all_parts_join_to_the_tree(shard_counts[s], rank_counts[r], lane_counts[l], true);
      }
    }
  }
  assert_int_equal(ag_live_blocks(), 0);
}

/* A lane holds one part-sum a level of the tree at most, not one a shard. */
static void buffers_are_few(void **state)
{
  (void)state;
  for (size_t shards = 1; shards <= SHARDS_MAXIMUM; ++shards) {
    size_t levels = 1;
    ag_shard_forest forest;
    while ((size_t)1 << levels < shards)
      ++levels;
    assert_int_equal(ag_shard_forest_create(shards, (ag_shard_range){0, shards}, 1, true, &forest),
                     AG_OK);
    assert_true(forest.buffers <= levels);
    ag_shard_forest_clear(&forest);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranks_and_lanes_add_up_the_tree),
      cmocka_unit_test(buffers_are_few),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
