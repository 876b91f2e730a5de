/* Layers without trained parameters: normalisation of pixels, ReLU, pooling. */
#include "network/layer.h"

static ag_status same_shape(ag_layer *layer)
{
  layer->out = layer->in;
  return AG_OK;
}

static size_t floats_of(const ag_layer_call *call)
{
  return call->count * ag_shape_floats(call->layer->in);
}

/* ---- normalize: (pixel - mean) / deviation, the network's first layer ---- */

static ag_status create_normalize(ag_layer *layer)
{
  ag_parameter constants = {
      .layout = AG_LAYOUT_VECTOR, .height = 1, .width = 1, .in = 1, .out = layer->in.channels};
  layer->out = layer->in;
  ag_layer_add_parameter(layer, "mean", constants);
  constants.range = AG_RANGE_POSITIVE;
  ag_layer_add_parameter(layer, "deviation", constants);
  return AG_OK;
}

static void forward_normalize(const ag_layer_call *call)
{
  ag_normalize_forward(call->count * call->layer->in.height * call->layer->in.width,
                       ag_channels_padded(call->layer->in.channels), ag_layer_values(call, 0),
                       ag_layer_values(call, 1), call->x, call->y);
}

static void backward_normalize(const ag_layer_call *call)
{
  if (call->dx == NULL) return;
  ag_normalize_backward(call->count * call->layer->in.height * call->layer->in.width,
                        ag_channels_padded(call->layer->in.channels), ag_layer_values(call, 1),
                        call->dy, call->dx);
}

const ag_layer_kind ag_layer_normalize = {
    .name = "normalize",
    .create = create_normalize,
    .forward = forward_normalize,
    .backward = backward_normalize,
};

/* ---- relu ---- */

static void forward_relu(const ag_layer_call *call)
{
  ag_relu_forward(floats_of(call), call->x, call->y);
}

/* y is what lies in the output now: a dropout behind may have scaled it or set it to zero, and
 * then its backward pass has set dy to zero there too. */
static void backward_relu(const ag_layer_call *call)
{
  if (call->dx != NULL) ag_relu_backward(floats_of(call), call->y, call->dy, call->dx);
}

const ag_layer_kind ag_layer_relu = {
    .name = "relu",
    .in_place = true,
    .gradient_in_place = true,
    .create = same_shape,
    .forward = forward_relu,
    .backward = backward_relu,
};

/* ---- pooling ---- */

static ag_status create_pooling(ag_layer *layer)
{
  layer->pooling = (ag_pooling_shape){
      .in_height = layer->in.height,
      .in_width = layer->in.width,
      .channels = ag_channels_padded(layer->in.channels),
      .kernel = layer->description.kernel,
      .stride = layer->description.stride,
  };
  const ag_status status = ag_pooling_shape_complete(&layer->pooling);
  layer->out = (ag_shape){layer->pooling.out_height, layer->pooling.out_width, layer->in.channels};
  return status;
}

static ag_status create_max_pooling(ag_layer *layer)
{
  const ag_status status = create_pooling(layer);
  layer->saved_bytes = ag_shape_floats(layer->out);
  return status;
}

static void forward_max_pooling(const ag_layer_call *call)
{
  ag_max_pooling_forward(&call->layer->pooling, call->count, call->x, call->y, call->saved);
}

static void backward_max_pooling(const ag_layer_call *call)
{
  if (call->dx == NULL) return;
  ag_max_pooling_backward(&call->layer->pooling, call->count, call->dy, call->saved, call->dx);
}

const ag_layer_kind ag_layer_max_pooling = {
    .name = "max-pooling",
    .create = create_max_pooling,
    .forward = forward_max_pooling,
    .backward = backward_max_pooling,
};

static void forward_average_pooling(const ag_layer_call *call)
{
  ag_average_pooling_forward(&call->layer->pooling, call->count, call->x, call->y);
}

static void backward_average_pooling(const ag_layer_call *call)
{
  if (call->dx == NULL) return;
  ag_average_pooling_backward(&call->layer->pooling, call->count, call->dy, call->dx);
}

const ag_layer_kind ag_layer_average_pooling = {
    .name = "average-pooling",
    .create = create_pooling,
    .forward = forward_average_pooling,
    .backward = backward_average_pooling,
};
