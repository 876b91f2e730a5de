/* A layer and its kind: what the network's passes call for each row of the sequence. */
#ifndef ADVGRID_NETWORK_LAYER_H
#define ADVGRID_NETWORK_LAYER_H

#include "advgrid/network.h"

enum { AG_LAYER_PARAMETERS_MAXIMUM = 4 };

typedef struct ag_layer_kind ag_layer_kind;
typedef struct ag_layer ag_layer;

struct ag_layer {
  const ag_layer_kind *kind;
  ag_layer_description description;
  size_t index, end;    /* what it stands for in the list that the network was made from: index to
                           end - 1. The first keys what it draws */
  size_t slot;          /* whose output and saved bytes it uses: a place in the training sequence */
  const ag_layer *norm; /* the batch normalisation taken in, for evaluation; NULL: none */
  bool relu, pooled;    /* taken in from the layers behind */
  const ag_variant *variant;
  const char *convolution_choice; /* during creation; see ag_kernel_choice */
  ag_shape in, out;
  size_t parameter_count;
  ag_parameter parameters[AG_LAYER_PARAMETERS_MAXIMUM];
  size_t saved_bytes; /* an image, kept from the forward to the backward pass */
  ag_flops flops;
  ag_convolution_shape convolution;
  const ag_convolution_kernel *convolution_kernel;
  const ag_dense_kernel *dense_kernel;
  const ag_batch_norm_kernel *batch_norm_kernel;
  ag_pooling_shape pooling;
  size_t prepared_floats, prepared_offset; /* its place in what passes read */
};

/* One call of one layer on one shard. x, y: [count, in] and [count, out]. */
typedef struct ag_layer_call {
  const ag_layer *layer;
  const ag_pass *pass;
  size_t count;
  const float *block;    /* the network's parameters */
  const float *prepared; /* the layer's own */
  float *gradients;      /* same layout, accumulated; NULL: not wanted */
  bool factored;         /* but the dense weight's, of which the caller takes the factors */
  const float *x, *dy;
  float *y, *dx; /* dx NULL: not wanted */
  void *saved;
  float *scratch;
} ag_layer_call;

/* A row of the table of layers. */
struct ag_layer_kind {
  const char *name;
  bool in_place;          /* y may lie over x */
  bool gradient_in_place; /* dx may lie over dy */
  bool random;            /* two passes in evaluation mode may differ */
  /* From description and `in` to `out`, parameters, saved_bytes, flops and prepared_floats. */
  ag_status (*create)(ag_layer *layer);
  /* Part `part` of `parts` of what passes read; NULL: nothing but the block. */
  void (*prepare)(const ag_layer *layer, size_t part, size_t parts, const float *block,
                  float *prepared);
  /* Floats of scratch for `count` images; NULL: none. */
  size_t (*scratch_floats)(const ag_layer *layer, size_t count);
  void (*forward)(const ag_layer_call *call);
  void (*backward)(const ag_layer_call *call);
};

/* The row of that name, or NULL. */
const ag_layer_kind *ag_layer_kind_find(const char *name);

/* Adds a parameter to a layer that is being created. */
void ag_layer_add_parameter(ag_layer *layer, const char *role, ag_parameter parameter);

/* A layer's parameter in the network's block or in gradients of the same layout. */
static inline const float *ag_layer_values(const ag_layer_call *call, size_t index)
{
  return call->block + call->layer->parameters[index].offset;
}
static inline float *ag_layer_gradients(const ag_layer_call *call, size_t index)
{
  return call->gradients + call->layer->parameters[index].offset;
}

/* Writes to `folded`, a block like `block`, the convolution's weight and bias as they are with the
 * batch normalisation behind it in evaluation. */
void ag_layer_fold(const ag_layer *norm, const ag_layer *convolution, const float *block,
                   float *folded);

/* The rows, each in the file named after it. */
extern const ag_layer_kind ag_layer_normalize, ag_layer_convolution, ag_layer_dense, ag_layer_relu,
    ag_layer_max_pooling, ag_layer_average_pooling, ag_layer_batch_norm, ag_layer_dropout,
    ag_layer_gaussian_noise;

#endif
