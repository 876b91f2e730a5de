/* Building a network from a list of layers: shapes, parameters, initial values. */
#include "network/network.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Parameters start on a cache line, so that every row of channels is aligned. */
static void place_parameters(ag_network *network, ag_layer *layer)
{
  for (size_t i = 0; i < layer->parameter_count; ++i) {
    layer->parameters[i].offset = network->floats;
    network->floats += ag_round_up(layer->parameters[i].floats, AG_ALIGNMENT / sizeof(float));
    ++network->parameter_count;
    const size_t place = (size_t)(layer - network->layers);
    if (layer->parameters[i].trained && network->first_trained > place) {
      network->first_trained = place;
    }
  }
}

static ag_status prepare_layer(ag_network *network, size_t index,
                               const ag_layer_description *description, ag_shape in)
{
  ag_layer *layer = &network->layers[index];
  layer->description = *description;
  layer->index = index;
  layer->in = in;
  layer->kind = ag_layer_kind_find(description->kind);
  if (layer->kind == NULL) {
    return ag_fail(AG_INVALID_ARGUMENT, "layer %s: no kind of layer is called '%s'",
                   description->name, description->kind);
  }
  const ag_status status = layer->kind->prepare(layer);
  if (status != AG_OK) {
    return ag_fail_within(status, "layer %s, on an input of %zu x %zu x %zu", description->name,
                          in.height, in.width, in.channels);
  }
  place_parameters(network, layer);
  return AG_OK;
}

/* Fills a parameter's padded channels: `values` (NULL: none), and `rest` behind them. */
static void fill_vector(const ag_parameter *parameter, const float *values, float rest,
                        float *block)
{
  float *to = block + parameter->offset;
  for (size_t i = 0; i < ag_channels_padded(parameter->out); ++i) {
    to[i] = values != NULL && i < parameter->out ? values[i] : rest;
  }
}

/* All zero, but for the deviations that pixels are divided by: padding must not be 0 / 0. */
static void clear_parameters(ag_network *network)
{
  memset(network->block, 0, network->floats * sizeof *network->block);
  for (size_t i = 0; i < network->layer_count; ++i) {
    const ag_layer *layer = &network->layers[i];
    if (layer->kind == &ag_layer_normalize) {
      fill_vector(&layer->parameters[1], NULL, 1, network->block);
    }
  }
}

ag_status ag_network_create(const ag_layer_list *list, ag_shape input, size_t classes,
                            ag_network **out)
{
  ag_status status = AG_OK;
  ag_network *network = NULL;
  ag_shape shape = input;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *network, &network));
  *out = network;
  network->input = input;
  network->classes = classes;
  network->layer_count = list->count;
  network->first_trained = list->count;
  AG_TRY(ag_allocate(list->count, sizeof *network->layers, &network->layers));
  for (size_t i = 0; i < list->count; ++i) {
    AG_TRY(prepare_layer(network, i, &list->layers[i], shape));
    shape = network->layers[i].out;
  }
  if (shape.height != 1 || shape.width != 1 || shape.channels != classes) {
    status = ag_fail(AG_INVALID_ARGUMENT,
                     "the last layer gives %zu x %zu x %zu values; expected %zu logits",
                     shape.height, shape.width, shape.channels, classes);
    goto cleanup;
  }
  AG_TRY(ag_allocate(network->floats, sizeof *network->block, &network->block));
  clear_parameters(network);
cleanup:
  if (status != AG_OK) ag_network_destroy(out);
  return status;
}

void ag_network_destroy(ag_network **out)
{
  ag_network *network = *out;
  if (network == NULL) return;
  ag_release(&network->block);
  ag_release(&network->layers);
  ag_release(out);
}

ag_shape ag_network_input(const ag_network *network)
{
  return network->input;
}

size_t ag_network_classes(const ag_network *network)
{
  return network->classes;
}

size_t ag_network_logit_stride(const ag_network *network)
{
  return ag_channels_padded(network->classes);
}

float *ag_network_block(ag_network *network)
{
  return network->block;
}

size_t ag_network_floats(const ag_network *network)
{
  return network->floats;
}

ag_status ag_network_digest(const ag_network *network, ag_digest *digest)
{
  return ag_digest_compute(network->block, network->floats * sizeof *network->block, digest);
}

size_t ag_network_parameter_count(const ag_network *network)
{
  return network->parameter_count;
}

const ag_parameter *ag_network_parameter(const ag_network *network, size_t index)
{
  for (size_t i = 0; i < network->layer_count; ++i) {
    const ag_layer *layer = &network->layers[i];
    if (index < layer->parameter_count) return &layer->parameters[index];
    index -= layer->parameter_count;
  }
  assert(!"a parameter beyond the last");
  return NULL;
}

bool ag_network_is_random(const ag_network *network)
{
  for (size_t i = 0; i < network->layer_count; ++i) {
    if (network->layers[i].kind->random) return true;
  }
  return false;
}

ag_flops ag_network_flops(const ag_network *network)
{
  ag_flops sum = {0};
  for (size_t i = 0; i < network->layer_count; ++i) {
    sum.forward += network->layers[i].flops.forward;
    sum.input_gradient += network->layers[i].flops.input_gradient;
    sum.weight_gradient += network->layers[i].flops.weight_gradient;
  }
  return sum;
}

/* ---- initial values ---- */

/* Draws in the order of the unpadded parameter, so that padding does not shift them. */
typedef struct initial {
  ag_random random;
  float deviation;
  float pair[2];
  bool second;
} initial;

static float draw(initial *state)
{
  if (!state->second) ag_random_normals(&state->random, state->pair);
  const float value = state->pair[state->second ? 1 : 0];
  state->second = !state->second;
  return state->deviation * value;
}

static void initialise_weight(const ag_layer *layer, ag_random random, float *block)
{
  const ag_parameter *parameter = &layer->parameters[0];
  const size_t fan_in = parameter->height * parameter->width * parameter->in;
  const double gain = layer->description.gain == 0 ? 1 : layer->description.gain;
  initial state = {
      .random = random,
      .deviation = (float)(gain * sqrt(2.0 / (double)fan_in)),
  };
  const size_t in = ag_channels_padded(parameter->in);
  const size_t out = ag_channels_padded(parameter->out);
  for (size_t position = 0; position < parameter->height * parameter->width; ++position) {
    for (size_t i = 0; i < parameter->in; ++i) {
      float *row = block + parameter->offset + (position * in + i) * out;
      for (size_t o = 0; o < parameter->out; ++o)
        row[o] = draw(&state);
    }
  }
}

void ag_network_initialise(ag_network *network, uint64_t seed, const float *mean,
                           const float *deviation)
{
  /* Counted over layers with weights, so that a defense's layer in between shifts no draws. */
  uint32_t ordinal = 0;
  clear_parameters(network);
  for (size_t i = 0; i < network->layer_count; ++i) {
    const ag_layer *layer = &network->layers[i];
    if (layer->kind == &ag_layer_normalize) {
      fill_vector(&layer->parameters[0], mean, 0, network->block);
      fill_vector(&layer->parameters[1], deviation, 1, network->block);
    } else if (layer->parameter_count > 0) {
      initialise_weight(layer, ag_random_stream(seed, AG_PURPOSE_INITIALISATION, ordinal++, 0),
                        network->block);
    }
  }
}
