/* A dense weight's gradient out of factors: to the bit the tree's sum of what each shard's backward
 * pass would leave, whichever ranks have the shards. */
#include "training/batches.h"

#include "training/factors.h"

enum { INPUTS = 500, OUTPUTS = 130, SHARD = 3, SHARDS = 11, THREADS = 2, LAYER = 1 };

/* Its weight has several slices, the last one not whole. */
static ag_network *make_network(void)
{
  const ag_layer_description layers[] = {
      {.kind = "normalize", .name = "normalize"},
      {.kind = "dense", .name = "dense1", .channels = OUTPUTS},
      {.kind = "dense", .name = "dense2", .channels = 10},
  };
  return build_network(layers, COUNT_OF(layers), (ag_shape){1, 1, INPUTS}, 10);
}

/* A shard's factors, the same on every rank; freed by free_factors. */
static ag_factors draw(const ag_network *network, size_t images, size_t shard)
{
  ag_factors factors = ag_network_layer_factors(network, LAYER);
  factors.count = ag_minimum(SHARD, images - shard * SHARD);
  float *x = test_floats(factors.count * factors.inputs);
  float *dy = test_floats(factors.count * factors.outputs);
  test_fill(x, factors.count * factors.inputs, (uint32_t)shard, -1, 1);
  test_fill(dy, factors.count * factors.outputs, 100 + (uint32_t)shard, -1, 1);
  factors.x = x;
  factors.dy = dy;
  return factors;
}

static void free_factors(const ag_factors *factors)
{
  free((void *)(uintptr_t)factors->x);
  free((void *)(uintptr_t)factors->dy);
}

/* The whole weight's gradient of each shard alone, added along the tree. */
static float *make_want(const ag_network *network, size_t images, size_t shards, size_t floats)
{
  const ag_dense_kernel *kernel = ag_variant_dense(ag_network_variant(network));
  float **parts = (float **)test_bytes(shards * sizeof *parts);
  for (size_t shard = 0; shard < shards; ++shard) {
    const ag_factors one = draw(network, images, shard);
    float *scratch = test_floats(kernel->scratch_floats(one.count, one.inputs, one.outputs));
    parts[shard] = test_floats(floats);
    kernel->weight_gradient(one.count, one.inputs, one.outputs, 0, one.inputs, one.x, one.dy,
                            parts[shard], scratch);
    free(scratch);
    free_factors(&one);
  }
  float *want = batches_tree(parts, (ag_shard_range){0, shards}, floats);
  batches_free(parts, shards);
  return want;
}

/* One batch: this rank's shards are put, the last one late, and all rows come out. */
static void take_batch(const ag_network *network, const ag_team *team, size_t images,
                       ag_factor_sum *sum, ag_exchange *exchange)
{
  const ag_factors shape = ag_network_layer_factors(network, LAYER);
  const size_t floats = shape.inputs * shape.outputs;
  const size_t shards = (images + SHARD - 1) / SHARD;
  const ag_shard_range own = ag_shard_share((ag_shard_range){0, shards}, team->rank, team->size);
  float *want = make_want(network, images, shards, floats);
  float *got = test_floats(floats);
  ag_factor_sum_begin(sum, images, exchange);
  for (size_t shard = own.first; shard < own.end; ++shard) {
    const ag_factors one = draw(network, images, shard);
    ag_factor_sum_put(sum, shard, &one);
    if (shard + 1 < own.end) ag_factor_sum_send(sum, false, exchange);
    free_factors(&one);
  }
  ag_factor_sum_send(sum, true, exchange);
  ag_exchange_wait(exchange);
  const size_t most = ag_slice_rows(shape.outputs);
  for (size_t row = 0; row < shape.inputs; row += most) {
    ag_factor_sum_rows(sum, row, ag_minimum(shape.inputs - row, most), row / most % THREADS,
                       got + row * shape.outputs);
  }
  assert_same_bits(got, want, floats);
  free(got);
  free(want);
}

static void rows_are_those_of_the_tree(void **state)
{
  (void)state;
  static const size_t sizes[] = {SHARD * SHARDS, SHARD * 4 - 1, 1, SHARD * SHARDS - 2, SHARD * 2};
  ag_network *network = make_network();
  const ag_team team = ag_team_of(MPI_COMM_WORLD);
  ag_factor_sum *sum = NULL;
  ag_exchange *exchange = NULL;
  assert_int_equal(ag_factor_sum_create(network, LAYER, &team, THREADS, SHARD, SHARDS, &sum),
                   AG_OK);
  assert_int_equal(
      ag_exchange_create(&team, ag_factor_sum_messages(sum), ag_factor_sum_floats(sum), &exchange),
      AG_OK);
  for (size_t i = 0; i < COUNT_OF(sizes); ++i)
    take_batch(network, &team, sizes[i], sum, exchange);
  ag_exchange_destroy(&exchange);
  ag_factor_sum_destroy(&sum);
  assert_null(sum);
  ag_network_destroy(&network);
}

/* Factors are taken where they are less than half of what they make. */
static void they_are_taken_where_they_pay(void **state)
{
  (void)state;
  ag_network *network = make_network();
  const ag_factors shape = ag_network_layer_factors(network, LAYER);
  const size_t limit = shape.inputs * shape.outputs / (2 * (shape.inputs + shape.outputs));
  assert_true(ag_factors_pay(network, LAYER, SHARD, limit - 1));
  assert_false(ag_factors_pay(network, LAYER, SHARD, limit + 1));
  assert_false(ag_factors_pay(network, 0, 1, 1)); /* not dense */
  ag_network_destroy(&network);
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_are_those_of_the_tree),
      cmocka_unit_test(they_are_taken_where_they_pay),
  };
  return ranks_run(argc, argv, tests, COUNT_OF(tests));
}
