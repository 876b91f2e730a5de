/* The operations that a network's matrix products need: what its time is compared with. */
#include "run/bench.h"

enum { WINOGRAD_POINTS = 36, WINOGRAD_TILE = 4 };

/* Products over the channels of a layer, for tiles that cover its outputs: the gradient of the
 * inputs is the adjoint, of the same tiles. */
static ag_flops flops_of(const ag_network *network, size_t layer)
{
  const ag_convolution_shape *shape = ag_network_layer_convolution(network, layer);
  const size_t outputs = ag_network_layer_description(network, layer)->channels;
  if (shape == NULL || shape->kernel != 3 || shape->stride != 1 ||
      shape->in_used < AG_WINOGRAD_CHANNELS || outputs < AG_WINOGRAD_CHANNELS) {
    return ag_network_layer_flops(network, layer);
  }
  const size_t tiles = ag_divide_up(shape->out_height, WINOGRAD_TILE) *
                       ag_divide_up(shape->out_width, WINOGRAD_TILE);
  const double flops = 2.0 * WINOGRAD_POINTS * (double)(tiles * shape->in_used * outputs);
  return (ag_flops){flops, flops, flops};
}

ag_bench_floor ag_bench_floor_of(const ag_network *network)
{
  ag_bench_floor floor = {0};
  for (size_t i = 0; i < ag_network_layer_count(network); ++i) {
    const ag_flops flops = flops_of(network, i);
    floor.forward[i] = flops.forward;
    floor.backward[i] = flops.weight_gradient;
    /* Below the first layer that learns nothing needs a gradient, unless it is pixels. */
    if (i > ag_network_first_trained(network)) floor.backward[i] += flops.input_gradient;
    floor.works[AG_BENCH_FORWARD] += flops.forward;
    floor.works[AG_BENCH_PGD] += flops.forward + flops.input_gradient;
    floor.works[AG_BENCH_TRAIN] += floor.forward[i] + floor.backward[i];
  }
  return floor;
}
