/* What a sum of gradients works in: who has which shards of a batch, and where sums lie. */
#include "training/gradient_state.h"

/* Parts that a rank sends to each other one. */
static size_t parts_of(const ag_batch_plan *of, size_t rank)
{
  size_t count = 0;
  for (size_t i = 0; i < of->part_count; ++i)
    count += of->parts[i].rank == rank;
  return count;
}

/* The roots of every rank. */
static ag_status list_parts(const ag_team *team, ag_batch_plan *of)
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
          (ag_batch_part){.range = own ? forest->nodes[forest->roots[i]].range : roots[i],
                          .rank = rank,
                          .ordinal = i};
    }
  }
cleanup:
  ag_release(&roots);
  return status;
}

static ag_status create_plan(ag_gradient_sum *self, size_t shards, ag_batch_plan *of)
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
static void place_parts(const ag_gradient_sum *self, ag_batch_plan *of)
{
  size_t received = 0;
  for (size_t i = 0; i < of->part_count; ++i) {
    ag_batch_part *one = &of->parts[i];
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
  for (size_t i = 0; i < self->partition.slice_count; ++i) {
    if (!self->partition.slices[i].factored) continue;
    self->places[i] = self->factored_floats;
    self->factored_floats += self->partition.slices[i].floats;
  }
  AG_TRY(ag_allocate(self->factored_floats, sizeof *self->factored, &self->factored));
cleanup:
  return status;
}

/* Cuts the network up. */
static ag_status create_partition(ag_gradient_sum *self)
{
  ag_status status = AG_OK;
  bool factored[AG_LAYERS_MAXIMUM] = {false};
  const ag_batches *batches = &self->batches;
  const size_t *sizes = batches->images;
  const size_t most = sizes[0] > sizes[1] ? sizes[0] : sizes[1];
  const size_t layers = ag_network_layer_count(self->network);
  AG_TRY(ag_allocate(layers, sizeof(ag_factor_sum *), &self->factors));
  for (size_t layer = 0; layer < layers; ++layer) {
    factored[layer] = batches->factors != AG_FACTORS_UNUSED &&
                      ag_factors_pay(self->network, layer, batches->shard, most);
    if (!factored[layer]) continue;
    AG_TRY(ag_factor_sum_create(self->network, layer, self->team, ag_pool_threads(self->pool),
                                batches->shard, ag_batch_shards(batches, most),
                                &self->factors[layer]));
  }
  AG_TRY(ag_partition_create(self->network, self->team->size, factored, batches->factors,
                             &self->partition));
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

/* Messages that are on their way at once: a batch's parts and factors, or the shares of
 * ag_exchange_gather. */
static size_t messages_of(const ag_gradient_sum *self)
{
  const size_t shares = ag_exchange_gather_messages(&self->partition);
  size_t parts = 0;
  for (size_t i = 0; i < 2; ++i) {
    const ag_batch_plan *of = &self->plans[i];
    const size_t sent = parts_of(of, self->team->rank) * (self->team->size - 1);
    const size_t messages = self->partition.layers *
                            (sent + of->part_count - of->forest.root_count);
    if (messages > parts) parts = messages;
  }
  for (size_t layer = 0; layer < self->partition.layers; ++layer) {
    if (self->factors[layer] != NULL) parts += ag_factor_sum_messages(self->factors[layer]);
  }
  return parts > shares ? parts : shares;
}

static size_t longest_of(const ag_gradient_sum *self)
{
  size_t longest = ag_partition_longest(&self->partition);
  for (size_t layer = 0; layer < self->partition.layers; ++layer) {
    if (self->factors[layer] == NULL) continue;
    const size_t floats = ag_factor_sum_floats(self->factors[layer]);
    if (floats > longest) longest = floats;
  }
  return longest;
}

static ag_status create_memory(ag_gradient_sum *self)
{
  ag_status status = AG_OK;
  size_t nodes = 0;
  const size_t layers = self->partition.layers;
  AG_TRY(place_slices(self));
  for (size_t i = 0; i < 2; ++i) {
    AG_TRY(create_plan(self, ag_batch_shards(&self->batches, self->batches.images[i]),
                       &self->plans[i]));
    if (self->plans[i].forest.node_count > nodes) nodes = self->plans[i].forest.node_count;
  }
  AG_TRY(create_blocks(self->buffer_count, ag_network_floats(self->network), &self->buffers));
  AG_TRY(create_blocks(self->received_count, self->own_floats, &self->received));
  for (size_t i = 0; i < 2; ++i)
    place_parts(self, &self->plans[i]);
  AG_TRY(ag_allocate(nodes * layers, sizeof *self->arrived, &self->arrived));
  AG_TRY(ag_allocate(layers, sizeof *self->done, &self->done));
  AG_TRY(ag_allocate(layers, sizeof *self->sent, &self->sent));
  AG_TRY(ag_allocate(ag_pool_threads(self->pool), sizeof *self->shards, &self->shards));
  AG_TRY(ag_allocate(self->partition.slice_count, sizeof *self->totals, &self->totals));
  AG_TRY(ag_exchange_create(self->team, messages_of(self), longest_of(self), &self->exchange));
cleanup:
  return status;
}

ag_status ag_gradient_sum_create(const ag_network *network, ag_pool *pool, const ag_team *team,
                                 const ag_batches *batches, ag_gradient_sum **out)
{
  ag_status status = AG_OK;
  ag_gradient_sum *self = NULL;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  self->pool = pool;
  self->team = team;
  self->network = network;
  self->batches = *batches;
  AG_TRY(create_partition(self));
  AG_TRY(create_memory(self));
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
  ag_release(&self->factored);
  ag_release(&self->places);
  for (size_t layer = 0; self->factors != NULL && layer < ag_network_layer_count(self->network);
       ++layer) {
    ag_factor_sum_destroy(&self->factors[layer]);
  }
  ag_release(&self->factors);
  ag_partition_clear(&self->partition);
  ag_release(out);
}
