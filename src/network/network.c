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

/* An empty word is "auto". */
static const char *word_of(const char *word)
{
  return word[0] == '\0' ? "auto" : word;
}

static ag_status choose_variant(ag_network *network, const ag_kernel_choice *kernels)
{
  network->variant = ag_variant_find(word_of(kernels->instructions));
  if (network->variant != NULL) return AG_OK;
  return ag_fail(AG_INVALID_ARGUMENT,
                 "this processor does not run '%s' instructions; the best it runs are %s",
                 kernels->instructions, ag_variant_name(ag_variant_find("auto")));
}

/* True where the list's layer is a ReLU. */
static bool is_relu(const ag_layer_list *list, size_t index)
{
  return index < list->count && strcmp(list->layers[index].kind, ag_layer_relu.name) == 0;
}

/* True where it is the pooling that a convolution can take in. */
static bool is_small_pooling(const ag_layer_list *list, size_t index)
{
  if (index >= list->count) return false;
  const ag_layer_description *layer = &list->layers[index];
  return strcmp(layer->kind, ag_layer_max_pooling.name) == 0 && layer->kernel == 2 &&
         layer->stride == 2;
}

/* Makes the next layer, from the list's layer `index` on, with what it takes in from behind it.
 * Returns in *next the first layer that it leaves. */
static ag_status create_layer(ag_network *network, const ag_layer_list *list, size_t index,
                              ag_shape in, size_t *next)
{
  const ag_layer_description *description = &list->layers[index];
  ag_layer *layer = &network->layers[network->layer_count++];
  layer->description = *description;
  layer->index = index;
  layer->in = in;
  layer->variant = network->variant;
  layer->convolution_choice = word_of(list->kernels.convolution);
  *next = index + 1;
  layer->kind = ag_layer_kind_find(description->kind);
  if (layer->kind == NULL) {
    return ag_fail(AG_INVALID_ARGUMENT, "layer %s: no kind of layer is called '%s'",
                   description->name, description->kind);
  }
  if (layer->kind == &ag_layer_convolution) {
    layer->relu = is_relu(list, *next);
    if (layer->relu) ++*next;
    layer->pooled = is_small_pooling(list, *next);
    if (layer->pooled) ++*next;
  }
  const ag_status status = layer->kind->create(layer);
  if (status != AG_OK) {
    return ag_fail_within(status, "layer %s, on an input of %zu x %zu x %zu", description->name,
                          in.height, in.width, in.channels);
  }
  place_parameters(network, layer);
  layer->prepared_offset = network->prepared_floats;
  network->prepared_floats += ag_round_up(layer->prepared_floats, AG_ALIGNMENT / sizeof(float));
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
  network->first_trained = list->count;
  AG_TRY(choose_variant(network, &list->kernels));
  AG_TRY(ag_allocate(list->count, sizeof *network->layers, &network->layers));
  for (size_t next = 0; next < list->count;) {
    AG_TRY(create_layer(network, list, next, shape, &next));
    shape = network->layers[network->layer_count - 1].out;
  }
  if (shape.height != 1 || shape.width != 1 || shape.channels != classes) {
    status = ag_fail(AG_INVALID_ARGUMENT,
                     "the last layer gives %zu x %zu x %zu values; expected %zu logits",
                     shape.height, shape.width, shape.channels, classes);
    goto cleanup;
  }
  AG_TRY(ag_allocate(network->floats, sizeof *network->block, &network->block));
  AG_TRY(ag_allocate(network->prepared_floats, sizeof(float), &network->prepared));
  clear_parameters(network);
cleanup:
  if (status != AG_OK) ag_network_destroy(out);
  return status;
}

typedef struct preparation {
  const ag_network *network;
  size_t parts;
} preparation;

/* One thread's part of every layer. */
static ag_status prepare_part(void *context, size_t part, size_t thread)
{
  const preparation *of = context;
  const ag_network *network = of->network;
  (void)thread;
  for (size_t i = 0; i < network->layer_count; ++i) {
    const ag_layer *layer = &network->layers[i];
    if (layer->kind->prepare == NULL) continue;
    layer->kind->prepare(layer, part, of->parts, network->block,
                         network->prepared + layer->prepared_offset);
  }
  return AG_OK;
}

void ag_network_prepare(ag_network *network, ag_pool *pool)
{
  preparation of = {network, pool == NULL ? 1 : ag_pool_threads(pool)};
  if (pool == NULL) {
    (void)prepare_part(&of, 0, 0);
  } else {
    (void)ag_pool_run(pool, of.parts, prepare_part, NULL, &of); /* a part cannot fail */
  }
  network->ready = true;
}

void ag_network_destroy(ag_network **out)
{
  ag_network *network = *out;
  if (network == NULL) return;
  ag_release(&network->prepared);
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
  network->ready = false;
  return network->block;
}

const float *ag_network_values(const ag_network *network)
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

size_t ag_network_bytes(const ag_network *network)
{
  return (network->floats + network->prepared_floats) * sizeof(float);
}

size_t ag_network_layer_count(const ag_network *network)
{
  return network->layer_count;
}

const char *ag_network_layer_name(const ag_network *network, size_t index)
{
  return network->layers[index].description.name;
}

const char *ag_network_layer_kernel(const ag_network *network, size_t index)
{
  const ag_convolution_kernel *kernel = network->layers[index].convolution_kernel;
  return kernel == NULL ? "" : kernel->name;
}

const ag_variant *ag_network_variant(const ag_network *network)
{
  return network->variant;
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
  network->ready = false;
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
