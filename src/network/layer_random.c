/* Layers that draw: dropout, on in training alone, and Gaussian noise, always on.
 * Each image's draws are keyed by (seed and layer, image, step), never by its shard. */
#include "network/layer.h"

#include <string.h>

static ag_random stream_of(const ag_layer_call *call, ag_purpose purpose, size_t image)
{
  const uint64_t layer = (uint64_t)call->layer->index + 1;
  return ag_random_stream(call->pass->seed ^ (layer << 48), purpose, call->pass->samples[image],
                          call->pass->step);
}

/* ---- dropout ---- */

static bool drops(const ag_pass *pass)
{
  return pass->training && !pass->calm;
}

static ag_status create_dropout(ag_layer *layer)
{
  const double probability = layer->description.strength;
  if (!(probability >= 0 && probability < 1)) {
    return ag_fail(AG_INVALID_ARGUMENT, "dropout of %g; expected 0 to under 1", probability);
  }
  layer->out = layer->in;
  layer->saved_bytes = ag_shape_floats(layer->in);
  return AG_OK;
}

static void forward_dropout(const ag_layer_call *call)
{
  const size_t floats = ag_shape_floats(call->layer->in);
  if (!drops(call->pass)) {
    if (call->y != call->x) memcpy(call->y, call->x, call->count * floats * sizeof *call->y);
    return;
  }
  for (size_t image = 0; image < call->count; ++image) {
    ag_random random = stream_of(call, AG_PURPOSE_DROPOUT, image);
    ag_dropout_forward(floats, (float)call->layer->description.strength, &random,
                       call->x + image * floats, call->y + image * floats,
                       (uint8_t *)call->saved + image * floats);
  }
}

static void backward_dropout(const ag_layer_call *call)
{
  if (call->dx == NULL) return;
  const size_t floats = call->count * ag_shape_floats(call->layer->in);
  if (drops(call->pass)) {
    ag_dropout_backward(floats, (float)call->layer->description.strength, call->saved, call->dy,
                        call->dx);
  } else if (call->dx != call->dy) {
    memcpy(call->dx, call->dy, floats * sizeof *call->dx);
  }
}

const ag_layer_kind ag_layer_dropout = {
    .name = "dropout",
    .in_place = true,
    .gradient_in_place = true,
    .create = create_dropout,
    .forward = forward_dropout,
    .backward = backward_dropout,
};

/* ---- gaussian-noise: y = x + N(0, strength^2) ---- */

static ag_status create_gaussian_noise(ag_layer *layer)
{
  layer->out = layer->in;
  return AG_OK;
}

static void forward_gaussian_noise(const ag_layer_call *call)
{
  const ag_shape shape = call->layer->in;
  const size_t floats = ag_shape_floats(shape);
  for (size_t image = 0; image < call->count; ++image) {
    ag_random random = stream_of(call, AG_PURPOSE_NOISE, image);
    ag_gaussian_noise(shape.height * shape.width, shape.channels,
                      ag_channels_padded(shape.channels), (float)call->layer->description.strength,
                      &random, call->x + image * floats, call->y + image * floats);
  }
}

static void backward_gaussian_noise(const ag_layer_call *call)
{
  if (call->dx == NULL || call->dx == call->dy) return;
  memcpy(call->dx, call->dy, call->count * ag_shape_floats(call->layer->in) * sizeof *call->dx);
}

/* Forward not in place: a ReLU in front still needs its own output for its backward pass. */
const ag_layer_kind ag_layer_gaussian_noise = {
    .name = "gaussian-noise",
    .gradient_in_place = true,
    .random = true,
    .create = create_gaussian_noise,
    .forward = forward_gaussian_noise,
    .backward = backward_gaussian_noise,
};
