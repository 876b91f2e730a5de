/* Forward and backward passes of one shard, and the workspace they run in.
 * The workspace is one block: the output of every layer, what layers save for the backward
 * pass, two buffers of gradients, and the scratch that the layers take turns in. */
#include "network/network.h"

#include <assert.h>

struct ag_workspace {
  size_t capacity;
  float *outputs[AG_LAYERS_MAXIMUM]; /* of an in-place layer: that of the one before */
  uint8_t *saved[AG_LAYERS_MAXIMUM];
  float *gradients[2];
  float *scratch;
  ag_profile *profile; /* borrowed; NULL: none is wanted */
  /* The last forward pass. */
  ag_pass pass;
  const float *images;
  size_t count;
};

/* Hands out pieces of the block; with base NULL it only adds them up. */
typedef struct carver {
  char *base;
  size_t used;
} carver;

static void *carve(carver *from, size_t bytes)
{
  void *piece = from->base == NULL ? NULL : from->base + from->used;
  from->used += ag_round_up(bytes, AG_ALIGNMENT);
  return piece;
}

/* The first layer never writes in place: its input is the caller's. */
static bool is_in_place(const ag_network *network, size_t layer)
{
  return layer > 0 && network->layers[layer].kind->in_place;
}

/* Lays the workspace out in the carver's block. */
static void lay_out(const ag_network *network, size_t capacity, carver *from,
                    ag_workspace *workspace)
{
  size_t largest = ag_shape_floats(network->input);
  size_t scratch = 0;
  for (size_t i = 0; i < network->layer_count; ++i) {
    const ag_layer *layer = &network->layers[i];
    const size_t floats = ag_shape_floats(layer->out);
    if (floats > largest) largest = floats;
    if (layer->kind->scratch_floats != NULL) {
      const size_t wanted = layer->kind->scratch_floats(layer, capacity);
      if (wanted > scratch) scratch = wanted;
    }
    workspace->outputs[i] = is_in_place(network, i)
                                ? workspace->outputs[i - 1]
                                : carve(from, capacity * floats * sizeof(float));
    workspace->saved[i] = carve(from, capacity * layer->saved_bytes);
  }
  workspace->gradients[0] = carve(from, capacity * largest * sizeof(float));
  workspace->gradients[1] = carve(from, capacity * largest * sizeof(float));
  workspace->scratch = carve(from, scratch * sizeof(float));
}

size_t ag_workspace_bytes(const ag_network *network, size_t capacity)
{
  ag_workspace unused;
  carver from = {.used = ag_round_up(sizeof unused, AG_ALIGNMENT)};
  lay_out(network, capacity, &from, &unused);
  return from.used;
}

ag_status ag_workspace_create(const ag_network *network, size_t capacity, ag_workspace **out)
{
  carver from = {0};
  const ag_status status = ag_allocate(ag_workspace_bytes(network, capacity), 1, &from.base);
  *out = NULL;
  if (status != AG_OK) return status;
  ag_workspace *workspace = carve(&from, sizeof *workspace);
  workspace->capacity = capacity;
  lay_out(network, capacity, &from, workspace);
  *out = workspace;
  return AG_OK;
}

void ag_workspace_destroy(ag_workspace **workspace)
{
  ag_release(workspace);
}

void ag_workspace_profile(ag_workspace *workspace, ag_profile *profile)
{
  workspace->profile = profile;
}

/* One layer's call, and its seconds where a profile is wanted. */
static void run_timed(void (*run)(const ag_layer_call *call), const ag_layer_call *call,
                      double *seconds)
{
  const double start = seconds != NULL ? ag_clock_seconds() : 0;
  run(call);
  if (seconds != NULL) *seconds += ag_clock_seconds() - start;
}

/* The parts of a call that both directions share. */
static ag_layer_call call_of(const ag_network *network, ag_workspace *workspace, size_t layer)
{
  return (ag_layer_call){
      .layer = &network->layers[layer],
      .pass = &workspace->pass,
      .count = workspace->count,
      .block = network->block,
      .x = layer == 0 ? workspace->images : workspace->outputs[layer - 1],
      .y = workspace->outputs[layer],
      .saved = workspace->saved[layer],
      .scratch = workspace->scratch,
  };
}

const float *ag_network_forward(const ag_network *network, ag_workspace *workspace,
                                const ag_pass *pass, const float *images, size_t count)
{
  assert(count <= workspace->capacity);
  workspace->pass = *pass;
  workspace->images = images;
  workspace->count = count;
  ag_profile *profile = workspace->profile;
  for (size_t i = 0; i < network->layer_count; ++i) {
    const ag_layer_call call = call_of(network, workspace, i);
    run_timed(call.layer->kind->forward, &call, profile != NULL ? &profile->forward[i] : NULL);
  }
  return workspace->outputs[network->layer_count - 1];
}

void ag_network_backward(const ag_network *network, ag_workspace *workspace, const float *dlogits,
                         float *gradients, float *dimages)
{
  const float *dy = dlogits;
  ag_profile *profile = workspace->profile;
  size_t next = 0; /* the buffer of gradients that is free; dy lies in the other, or is dlogits */
  /* Without a gradient to the input nothing below the first trained layer is needed. */
  const size_t last = dimages != NULL ? 0 : network->first_trained;
  for (size_t i = network->layer_count; i-- > last;) {
    ag_layer_call call = call_of(network, workspace, i);
    call.gradients = gradients;
    call.dy = dy;
    if (i == 0) {
      call.dx = dimages;
    } else if (i > last) {
      call.dx = workspace->gradients[call.layer->kind->in_place ? 1 - next : next];
      if (!call.layer->kind->in_place) next = 1 - next;
    }
    run_timed(call.layer->kind->backward, &call, profile != NULL ? &profile->backward[i] : NULL);
    dy = call.dx;
  }
}
