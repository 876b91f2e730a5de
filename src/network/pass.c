/* Forward and backward passes of one shard, and the workspace they run in.
 * The workspace is one block: the output of every layer, what layers save for the backward
 * pass, two buffers of gradients, and the scratch that the layers take turns in. */
#include "network/network.h"

#include <assert.h>
#include <string.h>

struct ag_workspace {
  size_t capacity;
  float *outputs[AG_LAYERS_MAXIMUM]; /* of an in-place layer: that of the one before */
  uint8_t *saved[AG_LAYERS_MAXIMUM];
  float *gradients[2];
  float *scratch;
  ag_profile *profile; /* borrowed; NULL: none */
  ag_pass_events events;
  bool factored[AG_LAYERS_MAXIMUM]; /* [slots] */
  const float *dy;                  /* of the layer whose backward pass was the last */
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
  return layer > 0 && network->training.layers[layer].kind->in_place;
}

/* Floats of scratch that the sequence's layers take turns in. */
static size_t scratch_of(const ag_sequence *sequence, size_t capacity)
{
  size_t most = 0;
  for (size_t i = 0; i < sequence->count; ++i) {
    const ag_layer *layer = &sequence->layers[i];
    if (layer->kind->scratch_floats == NULL) continue;
    const size_t wanted = layer->kind->scratch_floats(layer, capacity);
    if (wanted > most) most = wanted;
  }
  return most;
}

/* Lays the workspace out in the carver's block. */
static void lay_out(const ag_network *network, size_t capacity, carver *from,
                    ag_workspace *workspace)
{
  size_t largest = ag_shape_floats(network->input);
  const size_t training = scratch_of(&network->training, capacity);
  const size_t evaluation = scratch_of(&network->evaluation, capacity);
  for (size_t i = 0; i < network->training.count; ++i) {
    const ag_layer *layer = &network->training.layers[i];
    const size_t floats = ag_shape_floats(layer->out);
    if (floats > largest) largest = floats;
    workspace->outputs[i] = is_in_place(network, i)
                                ? workspace->outputs[i - 1]
                                : carve(from, capacity * floats * sizeof(float));
    workspace->saved[i] = carve(from, capacity * layer->saved_bytes);
  }
  workspace->gradients[0] = carve(from, capacity * largest * sizeof(float));
  workspace->gradients[1] = carve(from, capacity * largest * sizeof(float));
  workspace->scratch = carve(from, (training > evaluation ? training : evaluation) * sizeof(float));
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

void ag_workspace_listen(ag_workspace *workspace, const ag_pass_events *events)
{
  workspace->events = *events;
}

void ag_workspace_factor(ag_workspace *workspace, size_t layer)
{
  workspace->factored[layer] = true;
}

ag_factors ag_workspace_factors(const ag_network *network, const ag_workspace *workspace,
                                size_t layer)
{
  const ag_layer *layers = network->training.layers;
  return (ag_factors){
      .count = workspace->count,
      .inputs = ag_shape_floats(layers[layer].in),
      .outputs = ag_shape_floats(layers[layer].out),
      .x = layer == 0 ? workspace->images : workspace->outputs[layers[layer - 1].slot],
      .dy = workspace->dy,
  };
}

static void report(void (*event)(void *context, size_t layer), const ag_workspace *workspace,
                   const ag_layer *layer)
{
  if (event != NULL) event(workspace->events.context, layer->slot);
}

/* Runs one layer, and adds its time to where a profile keeps it. */
static void run_layer(void (*run)(const ag_layer_call *), const ag_layer_call *call,
                      double *seconds)
{
  const double start = seconds == NULL ? 0 : ag_clock_seconds();
  run(call);
  if (seconds != NULL) *seconds += ag_clock_seconds() - start;
}

/* The parts of a call that both directions share, for layer `index` of the pass's sequence. */
static ag_layer_call call_of(const ag_network *network, ag_workspace *workspace, size_t index)
{
  const bool training = workspace->pass.training;
  const ag_layer *layers = ag_network_sequence(network, training)->layers;
  const ag_layer *layer = &layers[index];
  return (ag_layer_call){
      .layer = layer,
      .pass = &workspace->pass,
      .count = workspace->count,
      .block = ag_network_read_block(network, training),
      .prepared = network->prepared + layer->prepared_offset,
      .x = index == 0 ? workspace->images : workspace->outputs[layers[index - 1].slot],
      .y = workspace->outputs[layer->slot],
      .saved = workspace->saved[layer->slot],
      .scratch = workspace->scratch,
  };
}

/* True where the weights are prepared for such a pass; without batch normalisation any will do.
 * Only asserted. */
static bool __attribute__((unused)) is_ready(const ag_network *network, bool training)
{
  if (!network->folds) return network->ready != AG_READY_FOR_NOTHING;
  return network->ready == (training ? AG_READY_FOR_TRAINING : AG_READY_FOR_EVALUATION);
}

static void add(size_t floats, const float *restrict values, float *restrict sum)
{
  for (size_t i = 0; i < floats; ++i)
    sum[i] += values[i];
}

const float *ag_network_forward(const ag_network *network, ag_workspace *workspace,
                                const ag_pass *pass, const float *images, size_t count)
{
  const ag_sequence *sequence = ag_network_sequence(network, pass->training);
  assert(count <= workspace->capacity);
  assert(is_ready(network, pass->training) && "ag_network_prepare comes after a change");
  workspace->pass = *pass;
  workspace->images = images;
  workspace->count = count;
  for (size_t i = 0; i < sequence->count; ++i) {
    const ag_layer_call call = call_of(network, workspace, i);
    report(workspace->events.forward, workspace, call.layer);
    run_layer(call.layer->kind->forward, &call,
              workspace->profile == NULL ? NULL : &workspace->profile->forward[call.layer->slot]);
  }
  return workspace->outputs[sequence->layers[sequence->count - 1].slot];
}

/* Layers `end` - 1 down to the first that is needed, for the gradient dy of what they hand on.
 * latent, dlatent: NULL, or what is added on the way. */
static void go_back(const ag_network *network, ag_workspace *workspace, size_t end, const float *dy,
                    const ag_latent *latent, const float *dlatent, float *gradients, float *dimages)
{
  const ag_sequence *sequence = ag_network_sequence(network, workspace->pass.training);
  size_t next = 0; /* the buffer of gradients that is free; dy lies in the other, or is dlogits */
  /* Without a gradient to the input nothing below the first trained layer is needed. */
  const size_t last = dimages != NULL ? 0 : sequence->first_trained;
  /* What a folded convolution would learn is not what the network's own would. */
  assert(gradients == NULL || workspace->pass.training || !network->folds);
  for (size_t i = end; i-- > last;) {
    ag_layer_call call = call_of(network, workspace, i);
    call.gradients = gradients;
    call.factored = workspace->factored[call.layer->slot];
    call.dy = dy;
    if (i == 0) {
      call.dx = dimages;
    } else if (i > last) {
      const bool in_place = call.layer->kind->gradient_in_place;
      call.dx = workspace->gradients[in_place ? 1 - next : next];
      if (!in_place) next = 1 - next;
    }
    run_layer(call.layer->kind->backward, &call,
              workspace->profile == NULL ? NULL : &workspace->profile->backward[call.layer->slot]);
    workspace->dy = dy;
    report(workspace->events.backward, workspace, call.layer);
    if (latent != NULL && i > last && sequence->layers[i - 1].slot == latent->layer) {
      add(workspace->count * latent->floats, dlatent, call.dx);
    }
    dy = call.dx;
  }
}

void ag_network_backward(const ag_network *network, ag_workspace *workspace, const float *dlogits,
                         float *gradients, float *dimages)
{
  const ag_sequence *sequence = ag_network_sequence(network, workspace->pass.training);
  go_back(network, workspace, sequence->count, dlogits, NULL, NULL, gradients, dimages);
}

/* ---- the latent space ---- */

/* The layer behind which the output of layer `index` is no longer changed in place. */
static size_t end_of_output(const ag_network *network, size_t index)
{
  while (index + 1 < network->training.count && is_in_place(network, index + 1))
    ++index;
  return index;
}

/* Where the pass's sequence has the layer of that slot; its count where it has none. */
static size_t find_slot(const ag_sequence *sequence, size_t slot)
{
  size_t index = 0;
  while (index < sequence->count && sequence->layers[index].slot != slot)
    ++index;
  return index;
}

static size_t find_name(const ag_network *network, const char *name)
{
  size_t index = 0;
  while (index < network->training.count &&
         strcmp(network->training.layers[index].description.name, name) != 0)
    ++index;
  return index;
}

ag_status ag_network_find_latent(const ag_network *network, const char *name, ag_latent *latent)
{
  const size_t count = network->training.count;
  const char *names[AG_LAYERS_MAXIMUM];
  const size_t index = find_name(network, name);
  if (index == count) {
    for (size_t i = 0; i < count; ++i)
      names[i] = network->training.layers[i].description.name;
    const char *nearest = ag_text_nearest(name, names, count);
    return ag_fail(AG_BAD_JOB, "the model hands on no layer '%s'%s%s%s", name,
                   nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest,
                   nearest == NULL ? "" : "'?");
  }
  const size_t end = end_of_output(network, index);
  if (end + 1 == count) {
    return ag_fail(AG_BAD_JOB, "what layer '%s' hands on are the logits, no latent space", name);
  }
  if (find_slot(&network->evaluation, end) == network->evaluation.count) {
    return ag_fail(AG_BAD_JOB, "layer '%s' is one with the batch normalisation behind it: '%s'",
                   name, network->training.layers[end + 1].description.name);
  }
  const ag_shape shape = network->training.layers[end].out;
  *latent = (ag_latent){end, ag_shape_floats(shape), shape};
  return AG_OK;
}

const float *ag_network_latent(const ag_workspace *workspace, const ag_latent *latent)
{
  return workspace->outputs[latent->layer];
}

void ag_network_backward_latent(const ag_network *network, ag_workspace *workspace,
                                const float *dlogits, const ag_latent *latent, const float *dlatent,
                                float *gradients, float *dimages)
{
  const ag_sequence *sequence = ag_network_sequence(network, workspace->pass.training);
  if (dlogits != NULL) {
    go_back(network, workspace, sequence->count, dlogits, latent, dlatent, gradients, dimages);
    return;
  }
  assert(gradients == NULL);
  go_back(network, workspace, find_slot(sequence, latent->layer) + 1, dlatent, NULL, NULL, NULL,
          dimages);
}
