/* The sum of a batch's gradients: who adds what when, and the other ranks' parts. */
#include "training/gradient_state.h"

#include <assert.h>
#include <string.h>

const ag_partition *ag_gradient_sum_partition(const ag_gradient_sum *self)
{
  return &self->partition;
}

ag_exchange *ag_gradient_sum_exchange(const ag_gradient_sum *self)
{
  return self->exchange;
}

void ag_gradient_sum_penalise(ag_gradient_sum *self, ag_penalty *penalty)
{
  self->penalty = penalty;
}

/* ---- while the batch is computed ---- */

/* The message that brings a part's layer. */
static size_t tag_of(const ag_gradient_sum *self, const ag_batch_part *one, size_t layer)
{
  return one->ordinal * self->partition.layers + layer;
}

/* Asks for this rank's share of the others' parts. */
static void receive_parts(ag_gradient_sum *self)
{
  for (size_t layer = self->partition.layers; layer-- > 0;) {
    const ag_slice_run run = ag_partition_share(&self->partition, layer, self->team->rank);
    for (size_t i = 0; i < self->current->part_count; ++i) {
      const ag_batch_part *one = &self->current->parts[i];
      if (one->rank == self->team->rank || run.floats == 0) continue;
      ag_exchange_receive(self->exchange, one->rank, tag_of(self, one, layer),
                          one->values + self->places[run.first], run.floats);
    }
  }
}

void ag_gradient_sum_set_up(const ag_gradient_sum *self, ag_workspace *workspace)
{
  for (size_t layer = 0; layer < self->partition.layers; ++layer) {
    if (self->factors[layer] != NULL) ag_workspace_factor(workspace, layer);
  }
}

void ag_gradient_sum_begin(ag_gradient_sum *self, size_t images)
{
  const size_t shards = ag_batch_shards(&self->batches, images);
  self->current = &self->plans[self->plans[0].forest.shards == shards ? 0 : 1];
  assert(self->current->forest.shards == shards);
  for (size_t layer = 0; layer < self->partition.layers; ++layer) {
    atomic_store(&self->done[layer], 0);
    self->sent[layer] = false;
    if (self->factors[layer] != NULL) {
      ag_factor_sum_begin(self->factors[layer], images, self->exchange);
    }
  }
  self->factor_messages = ag_exchange_started(self->exchange);
  if (self->team->size > 1) receive_parts(self);
}

ag_shard_range ag_gradient_sum_lane(const ag_gradient_sum *self, size_t lane)
{
  return ag_shard_forest_lane(&self->current->forest, lane);
}

static uint32_t leaf_of(const ag_shard_forest *forest, size_t shard)
{
  return forest->leaves[shard - forest->own.first];
}

float *ag_gradient_sum_target(ag_gradient_sum *self, size_t lane, size_t shard)
{
  const ag_shard_forest *forest = &self->current->forest;
  self->shards[lane] = shard;
  return self->buffers[forest->nodes[leaf_of(forest, shard)].buffer];
}

/* sum += values, and values = 0. */
static void add_and_clear(size_t floats, float *restrict values, float *restrict sum)
{
  for (size_t i = 0; i < floats; ++i) {
    sum[i] += values[i];
    values[i] = 0;
  }
}

void ag_gradient_sum_add(ag_gradient_sum *self, size_t lane, size_t layer,
                         const ag_workspace *workspace)
{
  const ag_shard_forest *forest = &self->current->forest;
  if (self->factors[layer] != NULL) {
    const ag_factors factors = ag_workspace_factors(self->network, workspace, layer);
    ag_factor_sum_put(self->factors[layer], self->shards[lane], &factors);
  }
  const ag_slice_run run = ag_partition_layer(&self->partition, layer);
  uint32_t index = leaf_of(forest, self->shards[lane]);
  if (run.floats == 0 || self->shards[lane] + 1 < forest->nodes[index].range.end) return;
  while (forest->nodes[index].parent != AG_NO_NODE) {
    index = forest->nodes[index].parent;
    atomic_uchar *arrived = &self->arrived[index * self->partition.layers + layer];
    if (atomic_fetch_xor(arrived, 1) == 0) return; /* whoever brings the other part goes on */
    const ag_shard_node *node = &forest->nodes[index];
    add_and_clear(run.floats, self->buffers[node->other] + run.offset,
                  self->buffers[node->buffer] + run.offset);
  }
  atomic_fetch_add(&self->done[layer], 1);
}

/* Sends a layer of this rank's parts to the ranks that add them up. */
static void send_layer(ag_gradient_sum *self, size_t layer)
{
  const ag_team *team = self->team;
  self->sent[layer] = true;
  for (size_t turn = 1; turn < team->size; ++turn) {
    const size_t rank = (team->rank + turn) % team->size;
    const ag_slice_run run = ag_partition_share(&self->partition, layer, rank);
    for (size_t i = 0; i < self->current->part_count && run.floats > 0; ++i) {
      const ag_batch_part *one = &self->current->parts[i];
      if (one->rank != team->rank) continue;
      ag_exchange_send(self->exchange, rank, tag_of(self, one, layer), one->values + run.offset,
                       run.floats);
    }
  }
}

void ag_gradient_sum_progress(ag_gradient_sum *self)
{
  if (self->team->size == 1) return;
  const size_t roots = self->current->forest.root_count;
  for (size_t layer = self->partition.layers; layer-- > 0;) {
    if (self->factors[layer] != NULL) {
      ag_factor_sum_send(self->factors[layer], false, self->exchange);
    }
    if (!self->sent[layer] && atomic_load(&self->done[layer]) == roots) send_layer(self, layer);
  }
  ag_exchange_progress(self->exchange);
}

/* ---- when it is ---- */

static float *values_of(const ag_gradient_sum *self, const ag_batch_part *one, size_t slice)
{
  const bool own = one->rank == self->team->rank;
  return one->values + (own ? self->partition.slices[slice].offset : self->places[slice]);
}

/* The sum over a node's shards, of which *next is the first part: it comes to lie in that part. */
static float *add_node(const ag_gradient_sum *self, size_t slice, ag_shard_range node, size_t *next)
{
  const ag_batch_part *first = &self->current->parts[*next];
  if (first->range.end == node.end) {
    ++*next;
    return values_of(self, first, slice);
  }
  const size_t cut = ag_shard_cut(node);
  float *left = add_node(self, slice, (ag_shard_range){node.first, cut}, next);
  float *right = add_node(self, slice, (ag_shard_range){cut, node.end}, next);
  add_and_clear(self->partition.slices[slice].floats, right, left);
  return left;
}

/* A slice's sum, which a thread of the pool makes. */
static float *total_of(const ag_gradient_sum *self, size_t index, size_t thread)
{
  const ag_slice *slice = &self->partition.slices[index];
  const ag_shard_range all = {0, self->current->forest.shards};
  size_t next = 0;
  if (!slice->factored) return add_node(self, index, all, &next);
  const ag_factors shape = ag_network_layer_factors(self->network, slice->layer);
  float *total = self->factored + self->places[index];
  ag_factor_sum_rows(self->factors[slice->layer], slice->row, slice->floats / shape.outputs, thread,
                     total);
  return total;
}

static void add_slice(const ag_gradient_sum *self, size_t index, size_t thread)
{
  const ag_slice *slice = &self->partition.slices[index];
  self->squares[index] = 0;
  if (!ag_slice_is_own(slice, self->team->rank)) return;
  float *total = total_of(self, index, thread);
  if (self->penalty != NULL) ag_penalty_add(self->penalty, slice->offset, slice->floats, total);
  self->totals[index] = total;
  if (!slice->averaged && (slice->rank != AG_EVERY_RANK || self->team->rank == 0)) {
    self->squares[index] = ag_gradient_squares(slice->floats, self->totals[index]);
  }
}

static ag_status add_summed(void *context, size_t item, size_t thread)
{
  add_slice(context, item, thread);
  return AG_OK;
}

static ag_status add_factored(void *context, size_t item, size_t thread)
{
  const ag_gradient_sum *self = context;
  add_slice(self, ag_partition_summed(&self->partition) + item, thread);
  return AG_OK;
}

static void let_messages_pass(void *context)
{
  const ag_gradient_sum *self = context;
  ag_exchange_progress(self->exchange);
}

static ag_status measure_penalty(void *context, size_t item, size_t thread)
{
  const ag_gradient_sum *self = context;
  (void)thread;
  ag_penalty_measure(self->penalty, item);
  return AG_OK;
}

/* Every rank for itself: it takes less time than to tell the others. */
static void settle_penalty(ag_gradient_sum *self)
{
  if (self->penalty == NULL) return;
  (void)ag_pool_run(self->pool, ag_penalty_parts(self->penalty), measure_penalty, let_messages_pass,
                    self);
  ag_penalty_settle(self->penalty);
}

void ag_gradient_sum_complete(ag_gradient_sum *self, double *squares)
{
  for (size_t layer = self->partition.layers; self->team->size > 1 && layer-- > 0;) {
    if (!self->sent[layer]) send_layer(self, layer);
    if (self->factors[layer] != NULL) {
      ag_factor_sum_send(self->factors[layer], true, self->exchange);
    }
  }
  const size_t summed = ag_partition_summed(&self->partition);
  self->squares = squares;
  settle_penalty(self);
  /* Factors left early. While they are multiplied out, the last layers' part-sums arrive. */
  ag_exchange_wait_first(self->exchange, self->factor_messages);
  (void)ag_pool_run(self->pool, self->partition.slice_count - summed, add_factored,
                    let_messages_pass, self);
  ag_exchange_wait(self->exchange);
  (void)ag_pool_run(self->pool, summed, add_summed, NULL, self);
}

const float *ag_gradient_sum_slice(const ag_gradient_sum *self, size_t slice)
{
  return self->totals[slice];
}

void ag_gradient_sum_clear(ag_gradient_sum *self, size_t index)
{
  const ag_slice *slice = &self->partition.slices[index];
  const bool own = slice->rank == self->team->rank;
  for (size_t i = 0; i < self->current->part_count; ++i) {
    const ag_batch_part *one = &self->current->parts[i];
    if (one->rank != self->team->rank || (own && i > 0)) continue; /* adding has left zeros */
    memset(values_of(self, one, index), 0, slice->floats * sizeof(float));
  }
}
