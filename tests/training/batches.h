/* Batches of gradients that are drawn instead of computed, and taken by a team's ranks and threads
 * into a sum; and that sum by its definition. */
#ifndef ADVGRID_TEST_BATCHES_H
#define ADVGRID_TEST_BATCHES_H

#include "network/build.h"
#include "support/ranks.h"
#include "training/tree.h"

#include "training/gradient_sum.h"

#include <sched.h>

/** Averaged statistics, layers without parameters, a dense layer of several slices, of which the
 *  last is not whole: 41344 weights. */
static inline ag_network *batches_network(void)
{
  const ag_layer_description layers[] = {
      {.kind = "normalize", .name = "normalize"},
      {.kind = "convolution",
       .name = "conv1",
       .channels = 6,
       .kernel = 3,
       .stride = 1,
       .padding = 1},
      {.kind = "batch-normalisation", .name = "norm1"},
      {.kind = "relu", .name = "relu1"},
      {.kind = "max-pooling", .name = "pool1", .kernel = 2, .stride = 2},
      {.kind = "dropout", .name = "dropout1", .strength = 0.5},
      {.kind = "dense", .name = "dense1", .channels = 10},
  };
  return build_network(layers, COUNT_OF(layers), (ag_shape){34, 38, 3}, 10);
}

typedef struct batches {
  const ag_network *network;
  ag_team team;
  ag_pool *pool;
  ag_gradient_sum *sum;
  const ag_partition *partition;
  double *squares, *all_squares; /* [slices] of this rank, of all */
  /* The batch in hand. */
  float *const *parts; /* [shards] */
  bool progress;
} batches;

/** Borrows the network; owned by the caller, ended by batches_stop. */
static inline batches *batches_start(const ag_network *network, MPI_Comm communicator,
                                     size_t threads, const size_t sizes[2])
{
  batches *b = (batches *)test_bytes(sizeof *b);
  b->network = network;
  b->team = ag_team_of(communicator);
  b->progress = true;
  assert_int_equal(ag_pool_create(threads, &b->pool), AG_OK);
  const ag_batches all = {.shard = 1, .images = {sizes[0], sizes[1]}};
  if (ag_gradient_sum_create(network, b->pool, &b->team, &all, &b->sum) != AG_OK) {
    fail_msg("%s", ag_message());
  }
  b->partition = ag_gradient_sum_partition(b->sum);
  b->squares = (double *)test_bytes(b->partition->slice_count * sizeof(double));
  b->all_squares = (double *)test_bytes(b->partition->slice_count * sizeof(double));
  return b;
}

static inline void batches_stop(batches *b)
{
  free(b->all_squares);
  free(b->squares);
  ag_gradient_sum_destroy(&b->sum);
  assert_null(b->sum);
  ag_pool_destroy(&b->pool);
  free(b);
}

/** New gradients of all that is trained or averaged, the same on every rank: in [-1, 1), and with
 *  `spread` of sizes so different that every order of adding them has a sum of its own. */
static inline float *batches_draw(const ag_network *network, uint32_t stream, bool spread)
{
  float *gradients = test_floats(ag_network_floats(network));
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, stream, 3);
  for (size_t p = 0; p < ag_network_parameter_count(network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(network, p);
    if (!parameter->trained && !parameter->averaged) continue;
    float *values = gradients + parameter->offset;
    for (size_t i = 0; i < parameter->floats; ++i) {
      values[i] = 2 * ag_random_uniform(&random) - 1;
      if (spread) values[i] = ldexpf(values[i], (int)ag_random_below(&random, 25) - 12);
    }
  }
  return gradients;
}

/** `shards` of them, from the stream on; freed by batches_free. */
static inline float **batches_draw_all(const ag_network *network, uint32_t stream, size_t shards,
                                       bool spread)
{
  float **parts = (float **)test_bytes(shards * sizeof *parts);
  for (size_t i = 0; i < shards; ++i)
    parts[i] = batches_draw(network, stream + (uint32_t)i, spread);
  return parts;
}

static inline void batches_free(float **parts, size_t shards)
{
  for (size_t i = 0; i < shards; ++i)
    free(parts[i]);
  free(parts);
}

/** The tree's sum over parts[node], by its definition; owned by the caller. */
static inline float *batches_tree(float *const *parts, ag_shard_range node, size_t floats)
{
  if (tree_length(node) == 1) return test_copy(parts[node.first], floats);
  const size_t cut = node.first + tree_left_of(tree_length(node));
  float *left = batches_tree(parts, (ag_shard_range){node.first, cut}, floats);
  float *right = batches_tree(parts, (ag_shard_range){cut, node.end}, floats);
  for (size_t i = 0; i < floats; ++i)
    left[i] += right[i];
  free(right);
  return left;
}

/* A layer's part of a shard, as a backward pass adds it. */
static inline void batches_add_layer(const batches *b, size_t layer, const float *part,
                                     float *target)
{
  const ag_slice_run run = ag_partition_layer(b->partition, layer);
  for (size_t s = run.first; s < run.end; ++s) {
    const ag_slice *slice = &b->partition->slices[s];
    for (size_t i = slice->offset; i < slice->offset + slice->floats; ++i)
      target[i] += part[i];
  }
}

static inline ag_status batches_lane(void *context, size_t lane, size_t thread)
{
  const batches *b = (const batches *)context;
  const ag_shard_range shards = ag_gradient_sum_lane(b->sum, lane);
  (void)thread;
  for (size_t shard = shards.first; shard < shards.end; ++shard) {
    float *target = ag_gradient_sum_target(b->sum, lane, shard);
    for (size_t layer = b->partition->layers; layer-- > ag_network_first_trained(b->network);) {
      batches_add_layer(b, layer, b->parts[shard], target);
      for (size_t turns = (7 * shard + 3 * layer + lane) % 4; turns > 0; --turns)
        sched_yield(); /* so that lanes meet in many ways */
      ag_gradient_sum_add(b->sum, lane, layer, NULL);
      if (lane == 0 && b->progress) ag_gradient_sum_progress(b->sum);
    }
  }
  return AG_OK;
}

/** Adds up a batch; returns the norm of the trained part. Collective. */
static inline double batches_take(batches *b, float *const *parts, size_t shards)
{
  const size_t slices = b->partition->slice_count;
  double norm = 0;
  b->parts = parts;
  for (size_t i = 0; i < slices; ++i)
    b->squares[i] = NAN;
  ag_gradient_sum_begin(b->sum, shards);
  assert_int_equal(ag_pool_run(b->pool, ag_pool_threads(b->pool), batches_lane, NULL, b), AG_OK);
  ag_gradient_sum_complete(b->sum, b->squares);
  ag_team_sum(&b->team, slices, b->squares, b->all_squares);
  for (size_t i = 0; i < slices; ++i)
    norm += b->all_squares[i];
  return sqrt(norm);
}

static inline void batches_clear(const batches *b)
{
  for (size_t i = 0; i < b->partition->slice_count; ++i)
    ag_gradient_sum_clear(b->sum, i);
}

#endif
