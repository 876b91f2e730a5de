/* The floor of the benchmark, in operations counted by hand. */
#include "network/build.h"

#include "run/bench.h"

static ag_bench_floor floor_of(const ag_layer_description *layers, size_t count, ag_shape input,
                               size_t classes)
{
  ag_network *network = build_network(layers, count, input, classes);
  const ag_bench_floor floor = ag_bench_floor_of(network);
  ag_network_destroy(&network);
  return floor;
}

static void base_is_mostly_winograd(void **state)
{
  (void)state;
  ag_network *network = build_architecture("base", (ag_shape){32, 32, 3}, 10);
  const ag_bench_floor floor = ag_bench_floor_of(network);
  ag_network_destroy(&network);
  const double first = 2.0 * 32 * 32 * 9 * 3 * 32; /* three channels: no Winograd */
  const double winograd =
      2.0 * 36 * (64 * (32 * 64) + 16 * (64 * 128 + 128 * 128) + 4 * (128 * 256 + 256 * 256));
  const double dense = 2.0 * (4 * 4 * 256 * 512 + 512 * 10);
  const double forward = first + winograd + dense;
  assert_true(floor.works[AG_BENCH_FORWARD] == forward);
  assert_true(floor.works[AG_BENCH_PGD] == 2 * forward);
  assert_true(floor.works[AG_BENCH_TRAIN] == 3 * forward - first);
  assert_true(floor.forward[0] == 0 && floor.backward[0] == 0); /* normalize */
  assert_true(floor.forward[1] == first && floor.backward[1] == first);
  assert_true(floor.forward[3] == 2.0 * 36 * 64 * 32 * 64);
  assert_true(floor.backward[3] == 2 * floor.forward[3]);
}

/* A layer of the kernel, stride and channels given, on 10 x 10, and a dense one behind it. */
static ag_bench_floor floor_behind(size_t kernel, size_t stride, size_t in, size_t out)
{
  const ag_layer_description layers[] = {
      {.kind = "normalize", .name = "normalize"},
      {.kind = "convolution", .name = "conv1", .channels = in, .kernel = 1, .stride = 1},
      {.kind = "convolution", .name = "conv2", .channels = out, .kernel = kernel, .stride = stride},
      {.kind = "dense", .name = "dense1", .channels = 5},
  };
  return floor_of(layers, COUNT_OF(layers), (ag_shape){10, 10, 1}, 5);
}

static void tiles_at_the_edge_are_whole(void **state)
{
  (void)state;
  /* No padding: outputs are 8 x 8, in 4 tiles, and the gradient of the inputs is of the same. */
  const ag_bench_floor floor = floor_behind(3, 1, 16, 24);
  assert_true(floor.forward[2] == 2.0 * 36 * 4 * 16 * 24);
  assert_true(floor.backward[2] == 2.0 * 36 * (4 + 4) * 16 * 24);
}

static void other_convolutions_are_plain_products(void **state)
{
  (void)state;
  assert_true(floor_behind(3, 1, 15, 16).forward[2] == 2.0 * 64 * 9 * 15 * 16);
  assert_true(floor_behind(3, 1, 16, 15).forward[2] == 2.0 * 64 * 9 * 16 * 15);
  assert_true(floor_behind(3, 2, 16, 16).forward[2] == 2.0 * 16 * 9 * 16 * 16);
  assert_true(floor_behind(5, 1, 16, 16).forward[2] == 2.0 * 36 * 25 * 16 * 16);
}

static void nothing_below_the_first_learning_layer(void **state)
{
  (void)state;
  const ag_bench_floor floor = floor_behind(3, 1, 16, 24);
  const double first = 2.0 * 100 * 16;
  assert_true(floor.backward[1] == first); /* its weights; training needs no gradient of pixels */
  const double dense = 2.0 * 64 * 24 * 5;
  const double input_gradient = first + 2.0 * 36 * 4 * 16 * 24 + dense;
  assert_true(floor.works[AG_BENCH_PGD] == floor.works[AG_BENCH_FORWARD] + input_gradient);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(base_is_mostly_winograd),
      cmocka_unit_test(tiles_at_the_edge_are_whole),
      cmocka_unit_test(other_convolutions_are_plain_products),
      cmocka_unit_test(nothing_below_the_first_learning_layer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
