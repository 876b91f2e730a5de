/* A network: its parameters, their initial values, and what passes read. */
#include "network/sequence.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Fills a parameter's padded channels: `values` (NULL: none), and `rest` behind them. */
static void fill_vector(const ag_parameter *parameter, const float *values, float rest,
                        float *block)
{
  float *to = block + parameter->offset;
  for (size_t i = 0; i < ag_channels_padded(parameter->out); ++i) {
    to[i] = values != NULL && i < parameter->out ? values[i] : rest;
  }
}

/* All zero, but for what divides or multiplies: padding must not be 0 / 0. */
static void clear_parameters(ag_network *network)
{
  memset(network->block, 0, network->floats * sizeof *network->block);
  for (size_t i = 0; i < network->training.count; ++i) {
    const ag_layer *layer = &network->training.layers[i];
    const ag_parameter *parameters = layer->parameters;
    if (layer->kind == &ag_layer_normalize) {
      fill_vector(&parameters[1], NULL, 1, network->block);
    } else if (layer->kind == &ag_layer_batch_norm) {
      for (size_t c = 0; c < parameters[0].out; ++c) {
        network->block[parameters[0].offset + c] = 1; /* gamma */
        network->block[parameters[3].offset + c] = 1; /* variance */
      }
    }
  }
}

static bool has_batch_norm(const ag_layer_list *list)
{
  for (size_t i = 0; i < list->count; ++i) {
    if (strcmp(list->layers[i].kind, ag_layer_batch_norm.name) == 0) return true;
  }
  return false;
}

static ag_status create_sequences(const ag_layer_list *list, ag_network *network)
{
  ag_status status = ag_sequence_create(network, list, NULL, &network->training);
  if (status != AG_OK) return status;
  const ag_shape out = network->training.layers[network->training.count - 1].out;
  if (out.height != 1 || out.width != 1 || out.channels != network->classes) {
    return ag_fail(AG_INVALID_ARGUMENT,
                   "the last layer gives %zu x %zu x %zu values; expected %zu logits", out.height,
                   out.width, out.channels, network->classes);
  }
  network->folds = has_batch_norm(list);
  if (network->folds) {
    return ag_sequence_create(network, list, &network->training, &network->evaluation);
  }
  network->evaluation = network->training;
  return AG_OK;
}

ag_status ag_network_create(const ag_layer_list *list, ag_shape input, size_t classes,
                            ag_network **out)
{
  ag_status status = AG_OK;
  ag_network *network = NULL;
  *out = NULL;
  if (list->count == 0) return ag_fail(AG_INVALID_ARGUMENT, "a network needs at least one layer");
  AG_TRY(ag_allocate(1, sizeof *network, &network));
  *out = network;
  network->input = input;
  network->classes = classes;
  AG_TRY(ag_kernel_choice_variant(&list->kernels, &network->variant));
  AG_TRY(create_sequences(list, network));
  AG_TRY(ag_allocate(network->floats, sizeof(float), &network->block));
  if (network->folds) AG_TRY(ag_allocate(network->floats, sizeof(float), &network->folded));
  AG_TRY(ag_allocate(network->prepared_floats, sizeof(float), &network->prepared));
  clear_parameters(network);
cleanup:
  if (status != AG_OK) ag_network_destroy(out);
  return status;
}

void ag_network_destroy(ag_network **out)
{
  ag_network *network = *out;
  if (network == NULL) return;
  ag_release(&network->prepared);
  ag_release(&network->folded);
  ag_release(&network->block);
  if (network->folds) ag_sequence_destroy(&network->evaluation);
  ag_sequence_destroy(&network->training);
  ag_release(out);
}

/* ---- what passes read ---- */

typedef struct preparation {
  const ag_network *network;
  bool training;
  size_t parts;
} preparation;

static void prepare_layer(const ag_network *network, bool training, size_t index, size_t part,
                          size_t parts)
{
  const ag_layer *layer = &ag_network_sequence(network, training)->layers[index];
  if (layer->kind->prepare == NULL) return;
  layer->kind->prepare(layer, part, parts, ag_network_read_block(network, training),
                       network->prepared + layer->prepared_offset);
}

/* One thread's part of every layer. */
static ag_status prepare_part(void *context, size_t part, size_t thread)
{
  const preparation *of = context;
  (void)thread;
  for (size_t i = 0; i < ag_network_sequence(of->network, of->training)->count; ++i)
    prepare_layer(of->network, of->training, i, part, of->parts);
  return AG_OK;
}

/* Evaluation's block: convolutions have the batch normalisation behind them in their weights. */
static void fold(ag_network *network)
{
  memcpy(network->folded, network->block, network->floats * sizeof *network->block);
  for (size_t i = 0; i < network->evaluation.count; ++i) {
    const ag_layer *layer = &network->evaluation.layers[i];
    if (layer->norm != NULL) ag_layer_fold(layer->norm, layer, network->block, network->folded);
  }
}

void ag_network_prepare(ag_network *network, bool training, ag_pool *pool)
{
  preparation of = {network, training, pool == NULL ? 1 : ag_pool_threads(pool)};
  if (network->folds && !training) fold(network);
  if (pool == NULL) {
    (void)prepare_part(&of, 0, 0);
  } else {
    (void)ag_pool_run(pool, of.parts, prepare_part, NULL, &of); /* a part cannot fail */
  }
  network->ready = training ? AG_READY_FOR_TRAINING : AG_READY_FOR_EVALUATION;
}

void ag_network_prepare_later(ag_network *network)
{
  network->ready = AG_READY_FOR_TRAINING;
}

void ag_network_prepare_layer(const ag_network *network, size_t layer, size_t part, size_t parts)
{
  prepare_layer(network, true, layer, part, parts);
}

/* ---- what it is ---- */

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
  network->ready = AG_READY_FOR_NOTHING;
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
  const size_t blocks = network->folds ? 2 : 1;
  return (blocks * network->floats + network->prepared_floats) * sizeof(float);
}

size_t ag_network_layer_count(const ag_network *network)
{
  return network->training.count;
}

const char *ag_network_layer_name(const ag_network *network, size_t index)
{
  return network->training.layers[index].description.name;
}

const char *ag_network_layer_kernel(const ag_network *network, size_t index)
{
  const ag_convolution_kernel *kernel = network->training.layers[index].convolution_kernel;
  return kernel == NULL ? "" : kernel->name;
}

const ag_layer_description *ag_network_layer_description(const ag_network *network, size_t index)
{
  return &network->training.layers[index].description;
}

const ag_convolution_shape *ag_network_layer_convolution(const ag_network *network, size_t index)
{
  const ag_layer *layer = &network->training.layers[index];
  return layer->kind == &ag_layer_convolution ? &layer->convolution : NULL;
}

ag_flops ag_network_layer_flops(const ag_network *network, size_t index)
{
  return network->training.layers[index].flops;
}

size_t ag_network_layer_first_parameter(const ag_network *network, size_t index)
{
  size_t first = 0;
  for (size_t i = 0; i < index; ++i)
    first += network->training.layers[i].parameter_count;
  return first;
}

ag_factors ag_network_layer_factors(const ag_network *network, size_t index)
{
  const ag_layer *layer = &network->training.layers[index];
  if (layer->kind != &ag_layer_dense) return (ag_factors){0};
  return (ag_factors){.inputs = ag_shape_floats(layer->in), .outputs = ag_shape_floats(layer->out)};
}

size_t ag_network_first_trained(const ag_network *network)
{
  return network->training.first_trained;
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
  for (size_t i = 0; i < network->training.count; ++i) {
    const ag_layer *layer = &network->training.layers[i];
    if (index < layer->parameter_count) return &layer->parameters[index];
    index -= layer->parameter_count;
  }
  assert(!"a parameter beyond the last");
  return NULL;
}

bool ag_network_is_random(const ag_network *network)
{
  for (size_t i = 0; i < network->training.count; ++i) {
    if (network->training.layers[i].kind->random) return true;
  }
  return false;
}

ag_flops ag_network_flops(const ag_network *network)
{
  ag_flops sum = {0};
  for (size_t i = 0; i < network->training.count; ++i) {
    sum.forward += network->training.layers[i].flops.forward;
    sum.input_gradient += network->training.layers[i].flops.input_gradient;
    sum.weight_gradient += network->training.layers[i].flops.weight_gradient;
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
  network->ready = AG_READY_FOR_NOTHING;
  clear_parameters(network);
  for (size_t i = 0; i < network->training.count; ++i) {
    const ag_layer *layer = &network->training.layers[i];
    if (layer->kind == &ag_layer_normalize) {
      fill_vector(&layer->parameters[0], mean, 0, network->block);
      fill_vector(&layer->parameters[1], deviation, 1, network->block);
    } else if (layer->parameter_count > 0 && layer->parameters[0].decayed) {
      initialise_weight(layer, ag_random_stream(seed, AG_PURPOSE_INITIALISATION, ordinal++, 0),
                        network->block);
    }
  }
}
