/* Factors of a dense weight's gradient: kept by shard, sent, and multiplied at the end. */
#include "training/factors.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

/* Tags of messages: behind all others, and no larger than every MPI has them. */
enum { TAGS = 16384 };
_Static_assert(TAGS + AG_LAYERS_MAXIMUM * AG_FACTOR_SHARDS <= 32768, "the tags that MPI promises");

struct ag_factor_sum {
  const ag_team *team;
  const ag_dense_kernel *kernel;
  size_t layer, inputs, outputs;
  size_t shard, shards;  /* images of one; at most so many */
  size_t stride;         /* floats from one shard's x to the next one's; dy lies behind x */
  float *values;         /* [shards, stride] */
  atomic_bool *put;      /* [shards] of this rank */
  bool *sent;            /* [shards] of this rank */
  size_t depth;          /* of the tree */
  size_t scratch_floats; /* of the kernel */
  size_t partial_floats; /* of a slice */
  size_t thread_floats;
  float *memory; /* [threads, thread_floats]: the kernel's scratch, a sum for each level */
  /* The batch in hand. */
  size_t images;
  ag_shard_range all, own;
};

static size_t depth_of(size_t shards)
{
  size_t depth = 1;
  while (((size_t)1 << depth) < shards)
    ++depth;
  return depth;
}

ag_status ag_factor_sum_create(const ag_network *network, size_t layer, const ag_team *team,
                               size_t threads, size_t shard, size_t shards, ag_factor_sum **out)
{
  ag_status status = AG_OK;
  ag_factor_sum *self = NULL;
  const ag_factors shape = ag_network_layer_factors(network, layer);
  *out = NULL;
  assert(shards <= AG_FACTOR_SHARDS);
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  *self = (ag_factor_sum){.team = team,
                          .kernel = ag_variant_dense(ag_network_variant(network)),
                          .layer = layer,
                          .inputs = shape.inputs,
                          .outputs = shape.outputs,
                          .shard = shard,
                          .shards = shards,
                          .stride = shard * (shape.inputs + shape.outputs),
                          .depth = depth_of(shards)};
  self->scratch_floats = self->kernel->scratch_floats(shard, shape.inputs, shape.outputs);
  self->partial_floats = ag_slice_rows(shape.outputs) * shape.outputs;
  self->thread_floats = self->scratch_floats + self->depth * self->partial_floats;
  AG_TRY(ag_allocate(shards * self->stride, sizeof(float), &self->values));
  AG_TRY(ag_allocate(shards, sizeof *self->put, &self->put));
  AG_TRY(ag_allocate(shards, sizeof *self->sent, &self->sent));
  AG_TRY(ag_allocate(threads * self->thread_floats, sizeof(float), &self->memory));
cleanup:
  if (status != AG_OK) ag_factor_sum_destroy(out);
  return status;
}

void ag_factor_sum_destroy(ag_factor_sum **out)
{
  ag_factor_sum *self = *out;
  if (self == NULL) return;
  ag_release(&self->memory);
  ag_release(&self->sent);
  ag_release(&self->put);
  ag_release(&self->values);
  ag_release(out);
}

/* At worst one rank has all shards and sends them to every other. */
size_t ag_factor_sum_messages(const ag_factor_sum *self)
{
  return self->shards * self->team->size;
}

size_t ag_factor_sum_floats(const ag_factor_sum *self)
{
  return self->stride;
}

/* ---- on their way ---- */

static size_t tag_of(const ag_factor_sum *self, size_t shard)
{
  return TAGS + self->layer * AG_FACTOR_SHARDS + shard;
}

void ag_factor_sum_begin(ag_factor_sum *self, size_t images, ag_exchange *exchange)
{
  const ag_team *team = self->team;
  self->images = images;
  self->all = (ag_shard_range){0, ag_divide_up(images, self->shard)};
  self->own = ag_shard_share(self->all, team->rank, team->size);
  for (size_t shard = self->own.first; shard < self->own.end; ++shard) {
    atomic_store(&self->put[shard], false);
    self->sent[shard] = false;
  }
  for (size_t rank = 0; rank < team->size; ++rank) {
    const ag_shard_range theirs = ag_shard_share(self->all, rank, team->size);
    for (size_t shard = theirs.first; shard < theirs.end && rank != team->rank; ++shard) {
      ag_exchange_receive(exchange, rank, tag_of(self, shard), self->values + shard * self->stride,
                          self->stride);
    }
  }
}

void ag_factor_sum_put(ag_factor_sum *self, size_t shard, const ag_factors *factors)
{
  float *x = self->values + shard * self->stride;
  const size_t inputs = factors->count * self->inputs;
  const size_t outputs = factors->count * self->outputs;
  assert(factors->count <= self->shard);
  memcpy(x, factors->x, inputs * sizeof *x);
  memcpy(x + self->shard * self->inputs, factors->dy, outputs * sizeof *x);
  atomic_store(&self->put[shard], true);
}

void ag_factor_sum_send(ag_factor_sum *self, bool all, ag_exchange *exchange)
{
  const ag_team *team = self->team;
  for (size_t shard = self->own.first; shard < self->own.end; ++shard) {
    if (self->sent[shard] || !(all || atomic_load(&self->put[shard]))) continue;
    self->sent[shard] = true;
    for (size_t turn = 1; turn < team->size; ++turn) {
      ag_exchange_send(exchange, (team->rank + turn) % team->size, tag_of(self, shard),
                       self->values + shard * self->stride, self->stride);
    }
  }
}

/* ---- the sum ---- */

/* Rows of the gradient that are being made. */
typedef struct row_run {
  size_t first, rows;
  float *scratch, *partials; /* a thread's */
} row_run;

static void add_shard(const ag_factor_sum *self, const row_run *run, size_t shard, float *sum)
{
  const float *x = self->values + shard * self->stride;
  const size_t count = ag_minimum(self->shard, self->images - shard * self->shard);
  self->kernel->weight_gradient(count, self->inputs, self->outputs, run->first, run->rows, x,
                                x + self->shard * self->inputs, sum, run->scratch);
}

/* sum, of zeros, becomes a node's. Neighbours of one node add in place: what a product adds is
 * complete before. level: partials below it are taken. */
static void add_node(const ag_factor_sum *self, const row_run *run, ag_shard_range node,
                     size_t level, float *sum)
{
  if (node.end - node.first <= 2) {
    for (size_t shard = node.first; shard < node.end; ++shard)
      add_shard(self, run, shard, sum);
    return;
  }
  const size_t cut = ag_shard_cut(node);
  const size_t floats = run->rows * self->outputs;
  float *right = run->partials + level * self->partial_floats;
  assert(level < self->depth);
  add_node(self, run, (ag_shard_range){node.first, cut}, level, sum);
  memset(right, 0, floats * sizeof *right);
  add_node(self, run, (ag_shard_range){cut, node.end}, level + 1, right);
  for (size_t i = 0; i < floats; ++i)
    sum[i] += right[i];
}

void ag_factor_sum_rows(const ag_factor_sum *self, size_t first, size_t rows, size_t thread,
                        float *gradient)
{
  float *memory = self->memory + thread * self->thread_floats;
  const row_run run = {first, rows, memory, memory + self->scratch_floats};
  assert(rows * self->outputs <= self->partial_floats);
  memset(gradient, 0, rows * self->outputs * sizeof *gradient);
  add_node(self, &run, self->all, 0, gradient);
}
