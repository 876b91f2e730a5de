/* The operations that a network's matrix products need: what its time is compared with. */
#include "network/network.h"
#include "run/bench.h"

enum { WINOGRAD_POINTS = 36, WINOGRAD_TILE = 4, WINOGRAD_CHANNELS = 16 };

static bool is_winograd(const ag_layer *layer)
{
  return layer->kind == &ag_layer_convolution && layer->convolution.kernel == 3 &&
         layer->convolution.stride == 1 && layer->in.channels >= WINOGRAD_CHANNELS &&
         layer->out.channels >= WINOGRAD_CHANNELS;
}

/* Products over the channels of a layer, for tiles that cover its outputs: the gradient of the
 * inputs is the adjoint, of the same tiles. */
static ag_flops flops_of(const ag_layer *layer)
{
  if (!is_winograd(layer)) return layer->flops;
  const size_t tiles = (layer->convolution.out_height + WINOGRAD_TILE - 1) / WINOGRAD_TILE *
                       ((layer->convolution.out_width + WINOGRAD_TILE - 1) / WINOGRAD_TILE);
  const double flops = 2.0 * WINOGRAD_POINTS *
                       (double)(tiles * layer->in.channels * layer->out.channels);
  return (ag_flops){flops, flops, flops};
}

ag_bench_floor ag_bench_floor_of(const ag_network *network)
{
  ag_bench_floor floor = {0};
  for (size_t i = 0; i < network->training.count; ++i) {
    const ag_flops flops = flops_of(&network->training.layers[i]);
    floor.forward[i] = flops.forward;
    floor.backward[i] = flops.weight_gradient;
    /* Below the first layer that learns nothing needs a gradient, unless it is pixels. */
    if (i > network->training.first_trained) floor.backward[i] += flops.input_gradient;
    floor.works[AG_BENCH_FORWARD] += flops.forward;
    floor.works[AG_BENCH_PGD] += flops.forward + flops.input_gradient;
    floor.works[AG_BENCH_TRAIN] += floor.forward[i] + floor.backward[i];
  }
  return floor;
}
