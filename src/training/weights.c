/* Waiting for weights, layer by layer, and preparing them by as many threads as come. */
#include "training/weights.h"

#include <sched.h>
#include <stdatomic.h>

/* A layer's weights on their way to what passes read. */
typedef struct layer_state {
  atomic_bool ready, there;
  atomic_size_t taken, done; /* parts of the preparation */
} layer_state;

struct ag_weights {
  ag_network *network;
  const ag_partition *partition;
  size_t parts;
  layer_state layers[AG_LAYERS_MAXIMUM];
  ag_exchange *exchange;
};

ag_status ag_weights_create(ag_network *network, const ag_team *team, const ag_partition *partition,
                            size_t threads, ag_weights **out)
{
  ag_status status = AG_OK;
  ag_weights *self = NULL;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  self->network = network;
  self->partition = partition;
  self->parts = threads;
  for (size_t layer = 0; layer < partition->layers; ++layer)
    atomic_store(&self->layers[layer].ready, true);
  AG_TRY(ag_exchange_create(team, ag_exchange_gather_messages(partition),
                            ag_partition_longest(partition), &self->exchange));
cleanup:
  if (status != AG_OK) ag_weights_destroy(out);
  return status;
}

void ag_weights_destroy(ag_weights **out)
{
  if (*out == NULL) return;
  ag_exchange_destroy(&(*out)->exchange);
  ag_release(out);
}

void ag_weights_begin(ag_weights *self)
{
  for (size_t layer = 0; layer < self->partition->layers; ++layer) {
    layer_state *state = &self->layers[layer];
    atomic_store(&state->taken, 0);
    atomic_store(&state->done, 0);
    atomic_store(&state->there, false);
    atomic_store(&state->ready, false);
  }
  ag_exchange_gather_begin(self->exchange, self->partition, ag_network_block(self->network));
  ag_network_prepare_later(self->network);
}

static void wait_for_messages(ag_weights *self, size_t layer, void (*between)(void *context),
                              void *context)
{
  if (!ag_exchange_gathered(self->exchange, layer)) {
    const double start = ag_clock_seconds();
    while (!ag_exchange_gathered(self->exchange, layer)) {
      if (between != NULL) between(context);
    }
    ag_exchange_waited(self->exchange, ag_clock_seconds() - start);
  }
  atomic_store(&self->layers[layer].there, true);
}

void ag_weights_await(ag_weights *self, size_t layer, bool first, void (*between)(void *context),
                      void *context)
{
  layer_state *state = &self->layers[layer];
  size_t part = 0;
  if (atomic_load(&state->ready)) return;
  if (first) wait_for_messages(self, layer, between, context);
  while (!atomic_load(&state->there))
    sched_yield();
  while ((part = atomic_fetch_add(&state->taken, 1)) < self->parts) {
    ag_network_prepare_layer(self->network, layer, part, self->parts);
    atomic_fetch_add(&state->done, 1);
  }
  while (atomic_load(&state->done) < self->parts)
    sched_yield();
  atomic_store(&state->ready, true);
}

void ag_weights_progress(ag_weights *self)
{
  ag_exchange_progress(self->exchange);
}

void ag_weights_settle(ag_weights *self)
{
  ag_exchange_wait(self->exchange);
  for (size_t layer = 0; layer < self->partition->layers; ++layer)
    atomic_store(&self->layers[layer].ready, true);
}

ag_exchange_seconds ag_weights_times(const ag_weights *self)
{
  return ag_exchange_times(self->exchange);
}

void ag_weights_gather(ag_weights *self, float *block)
{
  ag_exchange_gather(self->exchange, self->partition, block);
}
