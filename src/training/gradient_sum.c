/* The sum of a batch's gradients: buffers, who adds what when, and the other ranks' parts. */
#include "training/gradient_sum.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

/* A part of a batch's sum as one rank has it. */
typedef struct part {
  ag_shard_range range;
  size_t rank, ordinal; /* of the rank's parts */
  float *values;        /* own: a buffer like the network's block; another rank's: own slices, one
                           behind the other */
} part;

/* What batches of one size come to. */
typedef struct batch_plan {
  ag_shard_forest forest;
  size_t part_count;
  part *parts; /* of all ranks, in the order of their shards; in a team of one, of all lanes */
} batch_plan;

struct ag_gradient_sum {
  ag_pool *pool;
  const ag_team *team;
  ag_partition partition;
  size_t own_floats;
  size_t *places; /* [slices] of this rank: where each lies among them */
  batch_plan plans[2];
  size_t buffer_count, received_count;
  float **buffers, **received;
  atomic_uchar *arrived; /* [nodes, layers] whether one of the node's parts is there */
  atomic_size_t *done;   /* [layers] roots that are complete */
  bool *sent;            /* [layers] */
  ag_exchange *exchange;
  /* The batch in hand. */
  const batch_plan *current;
  size_t *shards;       /* [lanes] each is in */
  const float **totals; /* [slices] of this rank's */
  double *squares;
};

/* ---- memory ---- */

/* Parts that a rank sends to each other one. */
static size_t parts_of(const batch_plan *of, size_t rank)
{
  size_t count = 0;
  for (size_t i = 0; i < of->part_count; ++i)
    count += of->parts[i].rank == rank;
  return count;
}

/* The roots of every rank. */
static ag_status list_parts(const ag_team *team, batch_plan *of)
{
  ag_status status = AG_OK;
  const ag_shard_forest *forest = &of->forest;
  const ag_shard_range all = {0, forest->shards};
  ag_shard_range *roots = NULL;
  AG_TRY(ag_allocate(forest->shards, sizeof *roots, &roots));
  AG_TRY(ag_allocate(forest->shards, sizeof *of->parts, &of->parts));
  for (size_t rank = 0; rank < team->size; ++rank) {
    const bool own = rank == team->rank;
    const size_t count =
        own ? forest->root_count
            : ag_shard_roots(forest->shards, ag_shard_share(all, rank, team->size), roots);
    for (size_t i = 0; i < count; ++i) {
      of->parts[of->part_count++] =
          (part){.range = own ? forest->nodes[forest->roots[i]].range : roots[i],
                 .rank = rank,
                 .ordinal = i};
    }
  }
cleanup:
  ag_release(&roots);
  return status;
}

static ag_status create_plan(ag_gradient_sum *self, size_t shards, batch_plan *of)
{
  ag_status status = AG_OK;
  const ag_team *team = self->team;
  const ag_shard_range own = ag_shard_share((ag_shard_range){0, shards}, team->rank, team->size);
  /* Between threads of a rank alone the slices are added in parallel, at the end. */
  AG_TRY(ag_shard_forest_create(shards, own, ag_pool_threads(self->pool), team->size > 1,
                                &of->forest));
  AG_TRY(list_parts(team, of));
  const size_t received = of->part_count - of->forest.root_count;
  if (of->forest.buffers > self->buffer_count) self->buffer_count = of->forest.buffers;
  if (received > self->received_count) self->received_count = received;
cleanup:
  return status;
}

/* Says where each part's values lie. */
static void place_parts(const ag_gradient_sum *self, batch_plan *of)
{
  size_t received = 0;
  for (size_t i = 0; i < of->part_count; ++i) {
    part *one = &of->parts[i];
    if (one->rank == self->team->rank) {
      one->values = self->buffers[of->forest.nodes[of->forest.roots[one->ordinal]].buffer];
    } else {
      one->values = self->received[received++];
    }
  }
}

static ag_status place_slices(ag_gradient_sum *self)
{
  ag_status status = AG_OK;
  AG_TRY(ag_allocate(self->partition.slice_count, sizeof *self->places, &self->places));
  for (size_t layer = 0; layer < self->partition.layers; ++layer) {
    const ag_slice_run run = ag_partition_share(&self->partition, layer, self->team->rank);
    for (size_t slice = run.first; slice < run.end; ++slice)
      self->places[slice] = self->own_floats + self->partition.slices[slice].offset - run.offset;
    self->own_floats += run.floats;
  }
cleanup:
  return status;
}

static ag_status create_blocks(size_t count, size_t floats, float ***blocks)
{
  ag_status status = AG_OK;
  AG_TRY(ag_allocate(count, sizeof **blocks, blocks));
  for (size_t i = 0; i < count; ++i)
    AG_TRY(ag_allocate(floats, sizeof(float), &(*blocks)[i]));
cleanup:
  return status;
}

/* Messages that are on their way at once: a batch's parts, or the shares of ag_exchange_gather. */
static size_t messages_of(const ag_gradient_sum *self)
{
  size_t most = ag_exchange_gather_messages(&self->partition);
  for (size_t i = 0; i < 2; ++i) {
    const batch_plan *of = &self->plans[i];
    const size_t sent = parts_of(of, self->team->rank) * (self->team->size - 1);
    const size_t messages = self->partition.layers *
                            (sent + of->part_count - of->forest.root_count);
    if (messages > most) most = messages;
  }
  return most;
}

static ag_status create_memory(ag_gradient_sum *self, const ag_network *network,
                               const size_t batches[2])
{
  ag_status status = AG_OK;
  size_t nodes = 0;
  const size_t layers = self->partition.layers;
  AG_TRY(place_slices(self));
  for (size_t i = 0; i < 2; ++i) {
    AG_TRY(create_plan(self, batches[i], &self->plans[i]));
    if (self->plans[i].forest.node_count > nodes) nodes = self->plans[i].forest.node_count;
  }
  AG_TRY(create_blocks(self->buffer_count, ag_network_floats(network), &self->buffers));
  AG_TRY(create_blocks(self->received_count, self->own_floats, &self->received));
  for (size_t i = 0; i < 2; ++i)
    place_parts(self, &self->plans[i]);
  AG_TRY(ag_allocate(nodes * layers, sizeof *self->arrived, &self->arrived));
  AG_TRY(ag_allocate(layers, sizeof *self->done, &self->done));
  AG_TRY(ag_allocate(layers, sizeof *self->sent, &self->sent));
  AG_TRY(ag_allocate(ag_pool_threads(self->pool), sizeof *self->shards, &self->shards));
  AG_TRY(ag_allocate(self->partition.slice_count, sizeof *self->totals, &self->totals));
  AG_TRY(ag_exchange_create(self->team, messages_of(self), &self->exchange));
cleanup:
  return status;
}

ag_status ag_gradient_sum_create(const ag_network *network, ag_pool *pool, const ag_team *team,
                                 const size_t batches[2], ag_gradient_sum **out)
{
  ag_status status = AG_OK;
  ag_gradient_sum *self = NULL;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  self->pool = pool;
  self->team = team;
  AG_TRY(ag_partition_create(network, team->size, &self->partition));
  AG_TRY(create_memory(self, network, batches));
cleanup:
  if (status != AG_OK) ag_gradient_sum_destroy(out);
  return status;
}

static void destroy_blocks(size_t count, float ***blocks)
{
  for (size_t i = 0; *blocks != NULL && i < count; ++i)
    ag_release(&(*blocks)[i]);
  ag_release(blocks);
}

void ag_gradient_sum_destroy(ag_gradient_sum **out)
{
  ag_gradient_sum *self = *out;
  if (self == NULL) return;
  ag_exchange_destroy(&self->exchange);
  ag_release(&self->totals);
  ag_release(&self->shards);
  ag_release(&self->sent);
  ag_release(&self->done);
  ag_release(&self->arrived);
  destroy_blocks(self->received_count, &self->received);
  destroy_blocks(self->buffer_count, &self->buffers);
  for (size_t i = 0; i < 2; ++i) {
    ag_release(&self->plans[i].parts);
    ag_shard_forest_clear(&self->plans[i].forest);
  }
  ag_release(&self->places);
  ag_partition_clear(&self->partition);
  ag_release(out);
}

const ag_partition *ag_gradient_sum_partition(const ag_gradient_sum *self)
{
  return &self->partition;
}

ag_exchange *ag_gradient_sum_exchange(const ag_gradient_sum *self)
{
  return self->exchange;
}

/* ---- while the batch is computed ---- */

/* The message that brings a part's layer. */
static size_t tag_of(const ag_gradient_sum *self, const part *one, size_t layer)
{
  return one->ordinal * self->partition.layers + layer;
}

/* Asks for this rank's share of the others' parts. */
static void receive_parts(ag_gradient_sum *self)
{
  for (size_t layer = self->partition.layers; layer-- > 0;) {
    const ag_slice_run run = ag_partition_share(&self->partition, layer, self->team->rank);
    for (size_t i = 0; i < self->current->part_count; ++i) {
      const part *one = &self->current->parts[i];
      if (one->rank == self->team->rank || run.floats == 0) continue;
      ag_exchange_receive(self->exchange, one->rank, tag_of(self, one, layer),
                          one->values + self->places[run.first], run.floats);
    }
  }
}

void ag_gradient_sum_begin(ag_gradient_sum *self, size_t shards)
{
  self->current = &self->plans[self->plans[0].forest.shards == shards ? 0 : 1];
  assert(self->current->forest.shards == shards);
  for (size_t layer = 0; layer < self->partition.layers; ++layer) {
    atomic_store(&self->done[layer], 0);
    self->sent[layer] = false;
  }
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
static void move(size_t floats, float *restrict values, float *restrict sum)
{
  for (size_t i = 0; i < floats; ++i) {
    sum[i] += values[i];
    values[i] = 0;
  }
}

void ag_gradient_sum_add(ag_gradient_sum *self, size_t lane, size_t layer)
{
  const ag_shard_forest *forest = &self->current->forest;
  const ag_slice_run run = ag_partition_layer(&self->partition, layer);
  uint32_t index = leaf_of(forest, self->shards[lane]);
  if (run.floats == 0 || self->shards[lane] + 1 < forest->nodes[index].range.end) return;
  while (forest->nodes[index].parent != AG_NO_NODE) {
    index = forest->nodes[index].parent;
    atomic_uchar *arrived = &self->arrived[index * self->partition.layers + layer];
    if (atomic_fetch_xor(arrived, 1) == 0) return; /* whoever brings the other part goes on */
    const ag_shard_node *node = &forest->nodes[index];
    move(run.floats, self->buffers[node->other] + run.offset,
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
      const part *one = &self->current->parts[i];
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
    if (!self->sent[layer] && atomic_load(&self->done[layer]) == roots) send_layer(self, layer);
  }
  ag_exchange_progress(self->exchange);
}

/* ---- when it is ---- */

static float *values_of(const ag_gradient_sum *self, const part *one, size_t slice)
{
  const bool own = one->rank == self->team->rank;
  return one->values + (own ? self->partition.slices[slice].offset : self->places[slice]);
}

/* The sum over a node's shards, of which *next is the first part: it comes to lie in that part. */
static float *add_node(const ag_gradient_sum *self, size_t slice, ag_shard_range node, size_t *next)
{
  const part *first = &self->current->parts[*next];
  if (first->range.end == node.end) {
    ++*next;
    return values_of(self, first, slice);
  }
  const size_t cut = ag_shard_cut(node);
  float *left = add_node(self, slice, (ag_shard_range){node.first, cut}, next);
  float *right = add_node(self, slice, (ag_shard_range){cut, node.end}, next);
  move(self->partition.slices[slice].floats, right, left);
  return left;
}

static ag_status add_slice(void *context, size_t index, size_t thread)
{
  const ag_gradient_sum *self = context;
  const ag_slice *slice = &self->partition.slices[index];
  const ag_shard_range all = {0, self->current->forest.shards};
  size_t next = 0;
  (void)thread;
  self->squares[index] = 0;
  if (slice->rank != self->team->rank) return AG_OK;
  self->totals[index] = add_node(self, index, all, &next);
  if (!slice->averaged) {
    self->squares[index] = ag_gradient_squares(slice->floats, self->totals[index]);
  }
  return AG_OK;
}

void ag_gradient_sum_complete(ag_gradient_sum *self, double *squares)
{
  for (size_t layer = self->partition.layers; self->team->size > 1 && layer-- > 0;) {
    if (!self->sent[layer]) send_layer(self, layer);
  }
  ag_exchange_wait(self->exchange);
  self->squares = squares;
  (void)ag_pool_run(self->pool, self->partition.slice_count, add_slice, NULL, self);
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
    const part *one = &self->current->parts[i];
    if (one->rank != self->team->rank || (own && i > 0)) continue; /* adding has left zeros */
    memset(values_of(self, one, index), 0, slice->floats * sizeof(float));
  }
}
