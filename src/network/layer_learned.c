/* Convolution and dense: the layers that learn. */
#include "network/layer.h"

/* A weight of height x width positions from the layer's inputs to its outputs, and a bias. */
static void add_weight_and_bias(ag_layer *layer, ag_layout layout, size_t height, size_t width)
{
  const size_t outputs = layer->description.channels;
  ag_layer_add_parameter(layer, "weight",
                         (ag_parameter){.layout = layout,
                                        .height = height,
                                        .width = width,
                                        .in = layer->in.channels,
                                        .out = outputs,
                                        .trained = true,
                                        .decayed = true});
  ag_layer_add_parameter(layer, "bias",
                         (ag_parameter){.layout = AG_LAYOUT_VECTOR,
                                        .height = 1,
                                        .width = 1,
                                        .in = 1,
                                        .out = outputs,
                                        .trained = true});
}

static ag_status prepare_convolution(ag_layer *layer)
{
  const ag_layer_description *wanted = &layer->description;
  layer->convolution = (ag_convolution_shape){
      .in_height = layer->in.height,
      .in_width = layer->in.width,
      .in_channels = ag_channels_padded(layer->in.channels),
      .out_channels = ag_channels_padded(wanted->channels),
      .kernel = wanted->kernel,
      .stride = wanted->stride,
      .padding = wanted->padding,
  };
  const ag_status status = ag_convolution_shape_complete(&layer->convolution);
  if (status != AG_OK) return status;
  layer->convolution_kernel = ag_convolution_choose(&layer->convolution);
  layer->out =
      (ag_shape){layer->convolution.out_height, layer->convolution.out_width, wanted->channels};
  add_weight_and_bias(layer, AG_LAYOUT_CONVOLUTION, wanted->kernel, wanted->kernel);
  const double product = 2.0 * (double)(layer->out.height * layer->out.width) *
                         (double)(wanted->kernel * wanted->kernel) *
                         (double)(layer->in.channels * wanted->channels);
  layer->flops = (ag_flops){product, product, product};
  return AG_OK;
}

static size_t convolution_scratch(const ag_layer *layer, size_t count)
{
  return layer->convolution_kernel->scratch_floats(&layer->convolution, count);
}

static void forward_convolution(const ag_layer_call *call)
{
  const ag_layer *layer = call->layer;
  layer->convolution_kernel->forward(&layer->convolution, call->count, call->x,
                                     ag_layer_values(call, 0), ag_layer_values(call, 1), call->y,
                                     call->scratch);
}

static void backward_convolution(const ag_layer_call *call)
{
  const ag_layer *layer = call->layer;
  const ag_convolution_shape *shape = &layer->convolution;
  if (call->gradients != NULL) {
    layer->convolution_kernel->weight_gradient(shape, call->count, call->x, call->dy,
                                               ag_layer_gradients(call, 0), call->scratch);
    ag_bias_gradient(call->count * shape->out_height * shape->out_width, shape->out_channels,
                     call->dy, ag_layer_gradients(call, 1));
  }
  if (call->dx != NULL) {
    layer->convolution_kernel->input_gradient(shape, call->count, call->dy,
                                              ag_layer_values(call, 0), call->dx, call->scratch);
  }
}

const ag_layer_kind ag_layer_convolution = {
    .name = "convolution",
    .prepare = prepare_convolution,
    .scratch_floats = convolution_scratch,
    .forward = forward_convolution,
    .backward = backward_convolution,
};

/* ---- dense: its input is taken as one vector, in whatever shape it comes ---- */

static ag_status prepare_dense(ag_layer *layer)
{
  const ag_shape in = layer->in;
  const size_t outputs = layer->description.channels;
  if (outputs == 0) return ag_fail(AG_INVALID_ARGUMENT, "a dense layer needs at least one output");
  layer->out = (ag_shape){1, 1, outputs};
  add_weight_and_bias(layer, AG_LAYOUT_DENSE, in.height, in.width);
  const double product = 2.0 * (double)(in.height * in.width * in.channels) * (double)outputs;
  layer->flops = (ag_flops){product, product, product};
  return AG_OK;
}

static void forward_dense(const ag_layer_call *call)
{
  const ag_layer *layer = call->layer;
  ag_dense_forward(call->count, ag_shape_floats(layer->in), ag_shape_floats(layer->out), call->x,
                   ag_layer_values(call, 0), ag_layer_values(call, 1), call->y);
}

static void backward_dense(const ag_layer_call *call)
{
  const ag_layer *layer = call->layer;
  const size_t inputs = ag_shape_floats(layer->in);
  const size_t outputs = ag_shape_floats(layer->out);
  if (call->gradients != NULL) {
    ag_dense_weight_gradient(call->count, inputs, outputs, call->x, call->dy,
                             ag_layer_gradients(call, 0));
    ag_bias_gradient(call->count, outputs, call->dy, ag_layer_gradients(call, 1));
  }
  if (call->dx != NULL) {
    ag_dense_input_gradient(call->count, inputs, outputs, call->dy, ag_layer_values(call, 0),
                            call->dx);
  }
}

const ag_layer_kind ag_layer_dense = {
    .name = "dense",
    .prepare = prepare_dense,
    .forward = forward_dense,
    .backward = backward_dense,
};
