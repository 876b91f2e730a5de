/* Batch normalisation over the images of a shard, with running statistics for evaluation. There a
 * convolution directly in front takes it in (see sequence.c), and this layer is left out. */
#include "network/layer.h"

#include <string.h>

enum { GAMMA, BETA, MEAN, VARIANCE };

static ag_status create(ag_layer *layer)
{
  static const char *const roles[] = {"weight", "bias", "mean", "variance"};
  layer->out = layer->in;
  layer->batch_norm_kernel = ag_variant_batch_norm(layer->variant);
  for (size_t i = 0; i < sizeof roles / sizeof *roles; ++i) {
    ag_layer_add_parameter(
        layer, roles[i],
        (ag_parameter){.layout = AG_LAYOUT_VECTOR,
                       .height = 1,
                       .width = 1,
                       .in = 1,
                       .out = layer->in.channels,
                       .trained = i == GAMMA || i == BETA,
                       .averaged = i == MEAN || i == VARIANCE,
                       .range = i == VARIANCE ? AG_RANGE_NOT_NEGATIVE : AG_RANGE_ANY});
  }
  /* The shard's mean, inverse deviation and variance, kept once: an image has room for them. */
  layer->saved_bytes = 3 * ag_channels_padded(layer->in.channels) * sizeof(float);
  return AG_OK;
}

/* Gradients of gamma and beta that nobody asked for. */
static size_t scratch_floats(const ag_layer *layer, size_t count)
{
  (void)count;
  return 2 * ag_channels_padded(layer->in.channels);
}

static size_t rows_of(const ag_layer_call *call)
{
  return call->count * call->layer->in.height * call->layer->in.width;
}

static void forward(const ag_layer_call *call)
{
  const ag_batch_norm_kernel *kernel = call->layer->batch_norm_kernel;
  const size_t channels = ag_channels_padded(call->layer->in.channels);
  float *mean = call->saved;
  float *inverse = mean + channels;
  float *variance = inverse + channels;
  if (call->pass->training) {
    kernel->statistics(rows_of(call), channels, call->x, mean, variance);
  } else {
    memcpy(mean, ag_layer_values(call, MEAN), channels * sizeof *mean);
    memcpy(variance, ag_layer_values(call, VARIANCE), channels * sizeof *variance);
  }
  kernel->inverse_deviation(channels, variance, AG_BATCH_NORM_EPSILON, inverse);
  kernel->forward(rows_of(call), channels, call->x, mean, inverse, ag_layer_values(call, GAMMA),
                  ag_layer_values(call, BETA), call->layer->relu, call->y);
}

/* sum += count * value: the trainer divides by the images of the batch. */
static void add_for_images(size_t channels, size_t count, const float *value, float *sum)
{
  for (size_t c = 0; c < channels; ++c)
    sum[c] += (float)count * value[c];
}

static void backward(const ag_layer_call *call)
{
  const ag_layer *layer = call->layer;
  const size_t channels = ag_channels_padded(layer->in.channels);
  const float *mean = call->saved;
  const float *inverse = mean + channels;
  const float *variance = inverse + channels;
  float *dgamma = NULL;
  float *dbeta = NULL;
  if (call->pass->training) {
    const bool wanted = call->gradients != NULL;
    if (!wanted) memset(call->scratch, 0, 2 * channels * sizeof *call->scratch);
    dgamma = wanted ? ag_layer_gradients(call, GAMMA) : call->scratch;
    dbeta = wanted ? ag_layer_gradients(call, BETA) : call->scratch + channels;
  }
  layer->batch_norm_kernel->backward(rows_of(call), channels, call->x, mean, inverse,
                                     ag_layer_values(call, GAMMA), ag_layer_values(call, BETA),
                                     layer->relu, call->dy, dgamma, dbeta, call->dx);
  if (!call->pass->training || call->gradients == NULL) return;
  add_for_images(channels, call->count, mean, ag_layer_gradients(call, MEAN));
  add_for_images(channels, call->count, variance, ag_layer_gradients(call, VARIANCE));
}

void ag_layer_fold(const ag_layer *norm, const ag_layer *convolution, const float *block,
                   float *folded)
{
  const ag_parameter *weight = &convolution->parameters[0];
  const ag_parameter *bias = &convolution->parameters[1];
  const size_t channels = ag_channels_padded(weight->out);
  norm->batch_norm_kernel->fold(
      weight->floats / channels, channels, block + weight->offset, block + bias->offset,
      block + norm->parameters[GAMMA].offset, block + norm->parameters[BETA].offset,
      block + norm->parameters[MEAN].offset, block + norm->parameters[VARIANCE].offset,
      AG_BATCH_NORM_EPSILON, folded + weight->offset, folded + bias->offset);
}

const ag_layer_kind ag_layer_batch_norm = {
    .name = "batch-normalisation",
    .gradient_in_place = true,
    .create = create,
    .scratch_floats = scratch_floats,
    .forward = forward,
    .backward = backward,
};
