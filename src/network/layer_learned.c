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

static ag_status create_convolution(ag_layer *layer)
{
  const ag_layer_description *wanted = &layer->description;
  ag_convolution_shape *shape = &layer->convolution;
  *shape = (ag_convolution_shape){
      .in_height = layer->in.height,
      .in_width = layer->in.width,
      .in_channels = ag_channels_padded(layer->in.channels),
      .out_channels = ag_channels_padded(wanted->channels),
      .kernel = wanted->kernel,
      .stride = wanted->stride,
      .padding = wanted->padding,
      .in_used = layer->in.channels,
      .relu = layer->relu,
      .pooled = layer->pooled,
  };
  const ag_status status = ag_convolution_shape_complete(shape);
  if (status != AG_OK) return status;
  layer->convolution_kernel =
      ag_convolution_choose(layer->variant, layer->convolution_choice, shape);
  layer->prepared_floats = layer->convolution_kernel->prepared_floats(shape);
  layer->out = (ag_shape){ag_convolution_result_height(shape), ag_convolution_result_width(shape),
                          wanted->channels};
  if (shape->pooled) layer->saved_bytes = ag_shape_floats(layer->out);
  add_weight_and_bias(layer, AG_LAYOUT_CONVOLUTION, wanted->kernel, wanted->kernel);
  const double product = 2.0 * (double)(shape->out_height * shape->out_width) *
                         (double)(wanted->kernel * wanted->kernel) *
                         (double)(layer->in.channels * wanted->channels);
  layer->flops = (ag_flops){product, product, product};
  return AG_OK;
}

static void prepare_convolution(const ag_layer *layer, size_t part, size_t parts,
                                const float *block, float *prepared)
{
  layer->convolution_kernel->prepare(&layer->convolution, part, parts,
                                     block + layer->parameters[0].offset, prepared);
}

static size_t convolution_scratch(const ag_layer *layer, size_t count)
{
  return layer->convolution_kernel->scratch_floats(&layer->convolution, count);
}

static void forward_convolution(const ag_layer_call *call)
{
  const ag_layer *layer = call->layer;
  layer->convolution_kernel->forward(&layer->convolution, call->count, call->x, call->prepared,
                                     ag_layer_values(call, 1), call->y, call->saved, call->scratch);
}

/* For a ReLU of its own it reads the sign of what lies in y now: a dropout behind may have scaled
 * it or set it to zero, and then its backward pass has set dy to zero there too. */
static void backward_convolution(const ag_layer_call *call)
{
  const ag_layer *layer = call->layer;
  const bool wanted = call->gradients != NULL;
  const ag_convolution_backward backward = {
      .x = call->x,
      .prepared = call->prepared,
      .y = call->y,
      .chosen = call->saved,
      .dy = call->dy,
      .dw = wanted ? ag_layer_gradients(call, 0) : NULL,
      .db = wanted ? ag_layer_gradients(call, 1) : NULL,
      .dx = call->dx,
      .scratch = call->scratch,
  };
  layer->convolution_kernel->backward(&layer->convolution, call->count, &backward);
}

const ag_layer_kind ag_layer_convolution = {
    .name = "convolution",
    .create = create_convolution,
    .prepare = prepare_convolution,
    .scratch_floats = convolution_scratch,
    .forward = forward_convolution,
    .backward = backward_convolution,
};

/* ---- dense: its input is taken as one vector, in whatever shape it comes ---- */

static ag_status create_dense(ag_layer *layer)
{
  const ag_shape in = layer->in;
  const size_t outputs = layer->description.channels;
  if (outputs == 0) return ag_fail(AG_INVALID_ARGUMENT, "a dense layer needs at least one output");
  layer->out = (ag_shape){1, 1, outputs};
  layer->dense_kernel = ag_variant_dense(layer->variant);
  add_weight_and_bias(layer, AG_LAYOUT_DENSE, in.height, in.width);
  const double product = 2.0 * (double)(in.height * in.width * in.channels) * (double)outputs;
  layer->flops = (ag_flops){product, product, product};
  return AG_OK;
}

static size_t dense_scratch(const ag_layer *layer, size_t count)
{
  return layer->dense_kernel->scratch_floats(count, ag_shape_floats(layer->in),
                                             ag_shape_floats(layer->out));
}

static void forward_dense(const ag_layer_call *call)
{
  const ag_layer *layer = call->layer;
  layer->dense_kernel->forward(call->count, ag_shape_floats(layer->in), ag_shape_floats(layer->out),
                               call->x, ag_layer_values(call, 0), ag_layer_values(call, 1),
                               call->y);
}

static void backward_dense(const ag_layer_call *call)
{
  const ag_layer *layer = call->layer;
  const size_t inputs = ag_shape_floats(layer->in);
  const size_t outputs = ag_shape_floats(layer->out);
  if (call->gradients != NULL) {
    if (!call->factored) {
      layer->dense_kernel->weight_gradient(call->count, inputs, outputs, 0, inputs, call->x,
                                           call->dy, ag_layer_gradients(call, 0), call->scratch);
    }
    ag_bias_gradient(call->count, outputs, call->dy, ag_layer_gradients(call, 1));
  }
  if (call->dx != NULL) {
    layer->dense_kernel->input_gradient(call->count, inputs, outputs, call->dy,
                                        ag_layer_values(call, 0), call->dx, call->scratch);
  }
}

const ag_layer_kind ag_layer_dense = {
    .name = "dense",
    .create = create_dense,
    .scratch_floats = dense_scratch,
    .forward = forward_dense,
    .backward = backward_dense,
};
