/* The network's inside, shared by its construction and its passes. */
#ifndef ADVGRID_NETWORK_NETWORK_H
#define ADVGRID_NETWORK_NETWORK_H

#include "network/layer.h"

/* Layers in the order of a pass. */
typedef struct ag_sequence {
  size_t count;
  ag_layer *layers;
  size_t first_trained; /* the first layer with trained parameters */
} ag_sequence;

/* What the prepared weights are made for. */
typedef enum ag_readiness {
  AG_READY_FOR_NOTHING,
  AG_READY_FOR_TRAINING,
  AG_READY_FOR_EVALUATION
} ag_readiness;

struct ag_network {
  /* Without batch normalisation both are the same. */
  ag_sequence training, evaluation;
  bool folds; /* evaluation has a sequence and a block of its own */
  ag_shape input;
  size_t classes, parameter_count;
  const ag_variant *variant;
  float *block;
  size_t floats;
  float *folded;   /* the block as evaluation reads it; NULL: as it is */
  float *prepared; /* what passes read in the place of weights */
  size_t prepared_floats;
  ag_readiness ready;
};

/* The layers of a pass, and the block they read. */
static inline const ag_sequence *ag_network_sequence(const ag_network *network, bool training)
{
  return training ? &network->training : &network->evaluation;
}
static inline const float *ag_network_read_block(const ag_network *network, bool training)
{
  return training || !network->folds ? network->block : network->folded;
}

#endif
