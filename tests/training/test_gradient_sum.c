/* The sum of a batch's gradients over threads and ranks: to the bit that of the tree over shards,
 * which every rank adds up alone to compare. */
#include "training/batches.h"

enum { THREADS = 3 };

/* Sizes of the batches of one sum, in shards: fewer than ranks, as many, more; of which the second
 * is the larger one, or the same. */
static const size_t sizes[][2] = {{13, 5}, {3, 1}, {2, 2}, {1, 4}, {16, 9}, {7, 8}};

/* The gathered slices of all ranks against the whole sum; the rest of the block is not touched. */
static void check_sum(const batches *b, const float *want)
{
  const size_t floats = ag_network_floats(b->network);
  float *block = test_floats(floats);
  for (size_t s = 0; s < b->partition->slice_count; ++s) {
    const ag_slice *slice = &b->partition->slices[s];
    if (slice->rank != b->team.rank) continue;
    assert_same_bits(ag_gradient_sum_slice(b->sum, s), want + slice->offset, slice->floats);
    memcpy(block + slice->offset, ag_gradient_sum_slice(b->sum, s), slice->floats * sizeof *block);
  }
  ag_exchange_gather(ag_gradient_sum_exchange(b->sum), b->partition, block);
  assert_same_bits(block, want, floats);
  free(block);
}

static void check_squares(const batches *b, const float *want)
{
  for (size_t s = 0; s < b->partition->slice_count; ++s) {
    const ag_slice *slice = &b->partition->slices[s];
    const double all = slice->averaged ? 0
                                       : ag_gradient_squares(slice->floats, want + slice->offset);
    assert_true(b->squares[s] == (slice->rank == b->team.rank ? all : 0));
    assert_true(b->all_squares[s] == all);
  }
}

/* One after the other they would have another sum: where there are four shards, that shows. */
static void check_order_matters(float *const *parts, size_t shards, const float *want,
                                size_t floats)
{
  if (shards < 4) return;
  float *other = test_copy(parts[0], floats);
  for (size_t shard = 1; shard < shards; ++shard) {
    for (size_t i = 0; i < floats; ++i)
      other[i] += parts[shard][i];
  }
  assert_memory_not_equal(other, want, floats * sizeof *want);
  free(other);
}

/* Batches of both sizes, taken in turns. */
static void check_batches(const ag_network *network, const size_t batch[2])
{
  const size_t floats = ag_network_floats(network);
  float **parts[2];
  float *want[2];
  for (size_t k = 0; k < 2; ++k) {
    parts[k] = batches_draw_all(network, (uint32_t)(100 * k + batch[k]), batch[k], true);
    want[k] = batches_tree(parts[k], (ag_shard_range){0, batch[k]}, floats);
    check_order_matters(parts[k], batch[k], want[k], floats);
  }
  for (size_t threads = 1; threads <= THREADS; ++threads) {
    batches *b = batches_start(network, MPI_COMM_WORLD, threads, batch);
    for (size_t turn = 0; turn < 5; ++turn) {
      const size_t k = turn % 2;
      b->progress = turn != 2; /* then nothing is sent before the end */
      const double norm = batches_take(b, parts[k], batch[k]);
      assert_true(isfinite(norm) && norm > 0);
      check_sum(b, want[k]);
      check_squares(b, want[k]);
      batches_clear(b);
    }
    batches_stop(b);
  }
  for (size_t k = 0; k < 2; ++k) {
    batches_free(parts[k], batch[k]);
    free(want[k]);
  }
}

static void the_sum_is_that_of_the_tree(void **state)
{
  (void)state;
  ag_network *network = batches_network();
  for (size_t i = 0; i < COUNT_OF(sizes); ++i)
    check_batches(network, sizes[i]);
  ag_network_destroy(&network);
}

static bool is_finite(const float *values, size_t count)
{
  for (size_t i = 0; i < count; ++i) {
    if (!isfinite(values[i])) return false;
  }
  return true;
}

/* A gradient that is no number comes through to where it is looked for, on every rank. */
static void what_is_not_finite_shows(void **state)
{
  (void)state;
  static const size_t batch[2] = {6, 6};
  ag_network *network = batches_network();
  for (size_t shard = 0; shard < batch[0]; ++shard) {
    float **parts = batches_draw_all(network, 1, batch[0], false);
    batches *b = batches_start(network, MPI_COMM_WORLD, 2, batch);
    const ag_slice *slice = &b->partition->slices[shard % 2];
    assert_false(slice->averaged);
    parts[shard][slice->offset] = INFINITY;
    const double norm = batches_take(b, parts, batch[0]);
    assert_true(isinf(norm) || isnan(norm));
    if (slice->rank == b->team.rank) {
      assert_false(is_finite(ag_gradient_sum_slice(b->sum, shard % 2), slice->floats));
    }
    batches_stop(b);
    batches_free(parts, batch[0]);
  }
  ag_network_destroy(&network);
}

static ag_status leave_out(void *context, size_t lane, size_t thread)
{
  const batches *b = (const batches *)context;
  if (b->team.rank % 2 == 0 || lane == 0) return AG_OK; /* as interrupted lanes do */
  return batches_lane(context, lane, thread);
}

/* Lanes may stop early: no rank waits for ever then, and no memory is lost. */
static void an_interrupted_batch_ends(void **state)
{
  (void)state;
  static const size_t batch[2] = {9, 9};
  ag_network *network = batches_network();
  float **parts = batches_draw_all(network, 1, batch[0], false);
  for (size_t threads = 1; threads <= THREADS; ++threads) {
    batches *b = batches_start(network, MPI_COMM_WORLD, threads, batch);
    b->parts = parts;
    ag_gradient_sum_begin(b->sum, batch[0]);
    assert_int_equal(ag_pool_run(b->pool, threads, leave_out, NULL, b), AG_OK);
    ag_gradient_sum_complete(b->sum, b->squares);
    assert_int_equal(ag_team_agree(&b->team, AG_OK), AG_OK);
    batches_stop(b);
  }
  batches_free(parts, batch[0]);
  ag_network_destroy(&network);
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_sum_is_that_of_the_tree),
      cmocka_unit_test(what_is_not_finite_shows),
      cmocka_unit_test(an_interrupted_batch_ends),
  };
  return ranks_run(argc, argv, tests, COUNT_OF(tests));
}
