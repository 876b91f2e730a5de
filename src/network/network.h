/* The network's inside, shared by its construction and its passes. */
#ifndef ADVGRID_NETWORK_NETWORK_H
#define ADVGRID_NETWORK_NETWORK_H

#include "network/layer.h"

struct ag_network {
  size_t layer_count, parameter_count;
  ag_layer *layers;
  size_t first_trained; /* the first layer with trained parameters */
  ag_shape input;
  size_t classes;
  const ag_variant *variant;
  float *block;
  size_t floats;
  float *prepared; /* what passes read in the place of weights */
  size_t prepared_floats;
  bool ready; /* prepared is made of what is in the block */
};

#endif
