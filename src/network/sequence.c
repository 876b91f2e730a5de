/* From a list of layers to the sequence that passes take: what is taken in, shapes, places of
 * parameters. */
#include "network/sequence.h"

#include <assert.h>
#include <string.h>

/* Parameters start on a cache line, so that every row of channels is aligned. */
static void place_parameters(ag_network *network, ag_layer *layer)
{
  for (size_t i = 0; i < layer->parameter_count; ++i) {
    layer->parameters[i].offset = network->floats;
    network->floats += ag_round_up(layer->parameters[i].floats, AG_ALIGNMENT / sizeof(float));
    ++network->parameter_count;
  }
}

/* The layer of the sequence that stands for the list's layer `index`. */
static const ag_layer *layer_at(const ag_sequence *sequence, size_t index)
{
  size_t i = 0;
  while (sequence->layers[i].end <= index)
    ++i;
  return &sequence->layers[i];
}

static bool is_kind(const ag_layer_list *list, size_t index, const ag_layer_kind *kind)
{
  return index < list->count && strcmp(list->layers[index].kind, kind->name) == 0;
}

/* True where it is the pooling that a convolution can take in. */
static bool is_small_pooling(const ag_layer_list *list, size_t index)
{
  return is_kind(list, index, &ag_layer_max_pooling) && list->layers[index].kernel == 2 &&
         list->layers[index].stride == 2;
}

/* Lets a layer take in those behind it that it can do in its own pass. */
static void take_in(const ag_layer_list *list, const ag_sequence *training, ag_layer *layer)
{
  const bool convolution = layer->kind == &ag_layer_convolution;
  if (!convolution && layer->kind != &ag_layer_batch_norm) return;
  if (convolution && training != NULL && is_kind(list, layer->end, &ag_layer_batch_norm)) {
    layer->norm = layer_at(training, layer->end++);
  }
  layer->relu = is_kind(list, layer->end, &ag_layer_relu);
  if (layer->relu) ++layer->end;
  layer->pooled = convolution && is_small_pooling(list, layer->end);
  if (layer->pooled) ++layer->end;
}

/* Makes the next layer, from the list's layer `index` on. */
static ag_status create_layer(const ag_network *network, const ag_layer_list *list, size_t index,
                              ag_shape in, const ag_sequence *training, ag_layer *layer)
{
  const ag_layer_description *description = &list->layers[index];
  layer->description = *description;
  layer->index = index;
  layer->end = index + 1;
  layer->in = in;
  layer->variant = network->variant;
  layer->convolution_choice = list->kernels.convolution;
  layer->kind = ag_layer_kind_find(description->kind);
  if (layer->kind == NULL) {
    return ag_fail(AG_INVALID_ARGUMENT, "layer %s: no kind of layer is called '%s'",
                   description->name, description->kind);
  }
  take_in(list, training, layer);
  const ag_status status = layer->kind->create(layer);
  layer->convolution_choice = NULL; /* the list is the caller's */
  if (status == AG_OK) return AG_OK;
  return ag_fail_within(status, "layer %s, on an input of %zu x %zu x %zu", description->name,
                        in.height, in.width, in.channels);
}

/* Lays what the sequence's layers prepare one behind the other; each sequence from the start. */
static void place_prepared(ag_network *network, ag_sequence *sequence)
{
  size_t floats = 0;
  for (size_t i = 0; i < sequence->count; ++i) {
    ag_layer *layer = &sequence->layers[i];
    layer->prepared_offset = floats;
    floats += ag_round_up(layer->prepared_floats, AG_ALIGNMENT / sizeof(float));
  }
  if (floats > network->prepared_floats) network->prepared_floats = floats;
}

ag_status ag_sequence_create(ag_network *network, const ag_layer_list *list,
                             const ag_sequence *training, ag_sequence *sequence)
{
  ag_status status = AG_OK;
  ag_shape shape = network->input;
  AG_TRY(ag_allocate(list->count, sizeof *sequence->layers, &sequence->layers));
  for (size_t next = 0; next < list->count; next = sequence->layers[sequence->count - 1].end) {
    ag_layer *layer = &sequence->layers[sequence->count++];
    AG_TRY(create_layer(network, list, next, shape, training, layer));
    shape = layer->out;
    if (training == NULL) {
      layer->slot = sequence->count - 1;
      place_parameters(network, layer);
    } else {
      layer->slot = (size_t)(layer_at(training, layer->end - 1) - training->layers);
      assert(layer->saved_bytes <= training->layers[layer->slot].saved_bytes);
      memcpy(layer->parameters, layer_at(training, next)->parameters, sizeof layer->parameters);
    }
  }
  sequence->first_trained = 0;
  while (sequence->first_trained < sequence->count &&
         (sequence->layers[sequence->first_trained].parameter_count == 0 ||
          !sequence->layers[sequence->first_trained].parameters[0].trained))
    ++sequence->first_trained;
  place_prepared(network, sequence);
cleanup:
  return status;
}

void ag_sequence_destroy(ag_sequence *sequence)
{
  ag_release(&sequence->layers);
}
