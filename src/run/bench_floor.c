/* The operations that a network's matrix products need: what its time is compared with. */
#include "network/network.h"
#include "run/bench.h"

#include <string.h>

enum { WINOGRAD_POINTS = 36, WINOGRAD_TILE = 4, WINOGRAD_CHANNELS = 16 };

static bool is_winograd(const ag_layer *layer)
{
  const ag_layer_description *described = &layer->description;
  return strcmp(described->kind, "convolution") == 0 && described->kernel == 3 &&
         described->stride == 1 && layer->in.channels >= WINOGRAD_CHANNELS &&
         layer->out.channels >= WINOGRAD_CHANNELS;
}

/* Products over the channels of a layer, for tiles that cover `area`. */
static double winograd_flops(const ag_layer *layer, ag_shape area)
{
  const size_t tiles = (area.height + WINOGRAD_TILE - 1) / WINOGRAD_TILE *
                       ((area.width + WINOGRAD_TILE - 1) / WINOGRAD_TILE);
  return 2.0 * WINOGRAD_POINTS * (double)(tiles * layer->in.channels * layer->out.channels);
}

static ag_flops flops_of(const ag_layer *layer)
{
  if (!is_winograd(layer)) return layer->flops;
  const double over_outputs = winograd_flops(layer, layer->out);
  return (ag_flops){.forward = over_outputs,
                    .input_gradient = winograd_flops(layer, layer->in),
                    .weight_gradient = over_outputs};
}

ag_bench_floor ag_bench_floor_of(const ag_network *network)
{
  ag_bench_floor floor = {0};
  for (size_t i = 0; i < network->layer_count; ++i) {
    const ag_flops flops = flops_of(&network->layers[i]);
    floor.forward[i] = flops.forward;
    floor.backward[i] = flops.weight_gradient;
    /* Below the first layer that learns nothing needs a gradient, unless it is pixels. */
    if (i > network->first_trained) floor.backward[i] += flops.input_gradient;
    floor.works[AG_BENCH_FORWARD] += flops.forward;
    floor.works[AG_BENCH_PGD] += flops.forward + flops.input_gradient;
    floor.works[AG_BENCH_TRAIN] += floor.forward[i] + floor.backward[i];
  }
  return floor;
}
