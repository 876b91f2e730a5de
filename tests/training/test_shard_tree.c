/* The tree over a batch's shards: where nodes are cut, and what a run of shards holds of them. */
#include "training/tree.h"

static void a_cut_is_behind_a_power_of_two(void **state)
{
  (void)state;
  for (size_t n = 2; n < 300; ++n) {
    for (size_t first = 0; first < 20; first += 7)
      assert_int_equal(ag_shard_cut((ag_shard_range){first, first + n}), first + tree_left_of(n));
  }
}

static void shares_cover_and_are_even(void **state)
{
  (void)state;
  for (size_t n = 0; n <= 50; ++n) {
    for (size_t parts = 1; parts <= 12; ++parts) {
      size_t next = 3;
      for (size_t i = 0; i < parts; ++i) {
        const ag_shard_range part = ag_shard_share((ag_shard_range){3, 3 + n}, i, parts);
        assert_int_equal(part.first, next);
        assert_in_range(tree_length(part), n / parts, (n + parts - 1) / parts);
        next = part.end;
      }
      assert_int_equal(next, 3 + n);
    }
  }
}

/* The roots within [first, end): nodes, one behind the other, none a part of another node in it. */
static void check_roots(size_t shards, ag_shard_range own)
{
  ag_shard_range roots[SHARDS_MAXIMUM];
  const size_t count = ag_shard_roots(shards, own, roots);
  assert_int_equal(ag_shard_roots(shards, own, NULL), count);
  size_t next = own.first;
  for (size_t i = 0; i < count; ++i) {
    assert_int_equal(roots[i].first, next);
    assert_true(tree_is_node(roots[i], shards));
    assert_true(tree_length(roots[i]) == shards ||
                !tree_within(own, tree_parent_of(roots[i], shards)));
    next = roots[i].end;
  }
  assert_int_equal(next, own.end);
}

static void roots_are_the_largest_nodes_within(void **state)
{
  (void)state;
  for (size_t k = 0; k < SHARD_COUNTS; ++k) {
    const size_t shards = shard_counts[k];
    for (size_t first = 0; first <= shards; ++first) {
      for (size_t end = first; end <= shards; ++end)
        check_roots(shards, (ag_shard_range){first, end});
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_cut_is_behind_a_power_of_two),
      cmocka_unit_test(shares_cover_and_are_even),
      cmocka_unit_test(roots_are_the_largest_nodes_within),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
