/* The table of layers, and the lists by which architectures name them. */
#include "network/layer.h"

#include <stdio.h>
#include <string.h>

static const ag_layer_kind *const rows[] = {
    &ag_layer_normalize, &ag_layer_convolution,    &ag_layer_dense,
    &ag_layer_relu,      &ag_layer_max_pooling,    &ag_layer_average_pooling,
    &ag_layer_dropout,   &ag_layer_gaussian_noise, &ag_layer_batch_norm,
};

const ag_layer_kind *ag_layer_kind_find(const char *name)
{
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
    if (strcmp(rows[i]->name, name) == 0) return rows[i];
  }
  return NULL;
}

void ag_layer_add_parameter(ag_layer *layer, const char *role, ag_parameter parameter)
{
  snprintf(parameter.name, sizeof parameter.name, "%s/%s", layer->description.name, role);
  const size_t in = parameter.layout == AG_LAYOUT_VECTOR ? 1 : ag_channels_padded(parameter.in);
  parameter.floats = parameter.height * parameter.width * in * ag_channels_padded(parameter.out);
  layer->parameters[layer->parameter_count++] = parameter;
}

ag_status ag_layer_list_append(ag_layer_list *list, const ag_layer_description *layer)
{
  if (list->count == AG_LAYERS_MAXIMUM) {
    return ag_fail(AG_INVALID_ARGUMENT, "a network has at most %d layers", AG_LAYERS_MAXIMUM);
  }
  list->layers[list->count++] = *layer;
  return AG_OK;
}

ag_status ag_layer_list_insert_after(ag_layer_list *list, const char *name,
                                     const ag_layer_description *layer)
{
  /* Each stands in front of the place with its number. */
  const char *names[AG_LAYERS_MAXIMUM + 1] = {"pixels"};
  size_t place = 0;
  for (size_t i = 0; i < list->count; ++i)
    names[i + 1] = list->layers[i].name;
  while (place <= list->count && strcmp(names[place], name) != 0)
    ++place;
  if (place > list->count) {
    const char *nearest = ag_text_nearest(name, names, list->count + 1);
    if (nearest == NULL) return ag_fail(AG_BAD_JOB, "the model has no layer '%s'", name);
    return ag_fail(AG_BAD_JOB, "the model has no layer '%s'; did you mean '%s'?", name, nearest);
  }
  const ag_status status = ag_layer_list_append(list, layer);
  if (status != AG_OK) return status;
  memmove(&list->layers[place + 1], &list->layers[place],
          (list->count - 1 - place) * sizeof *list->layers);
  list->layers[place] = *layer;
  return AG_OK;
}

double ag_pixel_noise(const ag_layer_description *first)
{
  return strcmp(first->kind, ag_layer_gaussian_noise.name) == 0 ? first->strength : 0;
}
