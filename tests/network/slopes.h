/* Gradients of whole networks against central differences. A value is passed over where a kink may
 * lie near, and few may be: there the slopes of two steps, one half the other, do not agree, or
 * those on both sides do not come nearer each other by half. */
#ifndef ADVGRID_TEST_SLOPES_H
#define ADVGRID_TEST_SLOPES_H

#include "network/build.h"

enum { SLOPES_IMAGES = 4 };

/* A network, a shard, and the direction along which its logits are summed up, and its latent space
 * where that is asked for. */
typedef struct slopes {
  ag_network *network;
  ag_workspace *workspace;
  ag_pass pass;
  size_t count; /* of images */
  float *images, *direction;
  size_t image_floats, logit_floats, checked, passed_over;
  bool learns; /* gradients of parameters may be asked for */
  ag_latent latent;
  float *latent_direction; /* NULL: the logits alone */
} slopes;

static const uint32_t slopes_samples[SLOPES_IMAGES] = {70000, 3, 14, 15};

static inline slopes slopes_start(const ag_layer_description *layers, size_t layer_count,
                                  ag_shape input, size_t classes, bool training, size_t count)
{
  slopes all = {
      .network = build_network(layers, layer_count, input, classes),
      .pass = {.training = training, .seed = 11, .step = 5, .samples = slopes_samples},
      .count = count,
      .learns = true,
  };
  assert_true(count <= SLOPES_IMAGES);
  all.workspace = build_workspace(all.network, count + 1);
  all.images = build_images(all.network, count, 1);
  all.direction = test_activations(count, classes, 2);
  all.image_floats = count * ag_shape_floats(input);
  all.logit_floats = count * ag_network_logit_stride(all.network);
  for (size_t i = 0; i < ag_network_parameter_count(all.network); ++i) {
    if (ag_network_parameter(all.network, i)->averaged) all.learns = training;
  }
  return all;
}

static inline void slopes_finish(slopes *all)
{
  ag_workspace_destroy(&all->workspace);
  ag_network_destroy(&all->network);
  free(all->images);
  free(all->direction);
  free(all->latent_direction);
  assert_int_equal(ag_live_blocks(), 0);
}

static inline double slopes_value(const slopes *all)
{
  ag_network_prepare(all->network, all->pass.training, NULL);
  const double value = test_dot(
      ag_network_forward(all->network, all->workspace, &all->pass, all->images, all->count),
      all->direction, all->logit_floats);
  if (all->latent_direction == NULL) return value;
  return value + test_dot(ag_network_latent(all->workspace, &all->latent), all->latent_direction,
                          all->count * all->latent.floats);
}

static inline void slopes_back(const slopes *all, float *gradients, float *dimages)
{
  if (all->latent_direction == NULL) {
    ag_network_backward(all->network, all->workspace, all->direction, gradients, dimages);
  } else {
    ag_network_backward_latent(all->network, all->workspace, all->direction, &all->latent,
                               all->latent_direction, gradients, dimages);
  }
}

/* The slopes on both sides of *value. */
typedef struct sides {
  double left, right;
} sides;

static inline sides slopes_at(const slopes *all, float *value, double here, float step)
{
  const float kept = *value;
  sides slope;
  *value = kept + step;
  slope.right = (slopes_value(all) - here) / (double)step;
  *value = kept - step;
  slope.left = (here - slopes_value(all)) / (double)step;
  *value = kept;
  return slope;
}

/* Compares the slope along *value with the gradient there; `typical` is the size of gradients.
 * Behind batch normalisation slopes change on their own, linearly for so small a step. */
static inline void slopes_check_one(slopes *all, float *value, float gradient, double typical)
{
  const float step = 0x1p-6F;
  const double here = slopes_value(all);
  const double limit = 2e-3 * typical + 4e-7 * fabs(here) / (double)step; /* rounding */
  const sides far = slopes_at(all, value, here, step);
  const sides near = slopes_at(all, value, here, step / 2);
  const double slope = (near.right + near.left) / 2;
  const double bend = (far.right - far.left) - 2 * (near.right - near.left);
  if (fabs((far.right + far.left) / 2 - slope) > limit || fabs(bend) > 3 * limit) {
    ++all->passed_over;
    return;
  }
  ++all->checked;
  assert_number_close((double)gradient, slope, limit, 1e-3);
}

static inline double slopes_typical(const float *gradient, size_t count)
{
  size_t used = 0;
  for (size_t i = 0; i < count; ++i)
    used += gradient[i] != 0;
  return sqrt(test_dot(gradient, gradient, count) / (double)(used > 0 ? used : 1));
}

/* Sets, in an array like the block, what is no padding of one parameter. */
static inline void slopes_mark(const ag_parameter *parameter, float mark, float *marks)
{
  const size_t count = ag_parameter_file_floats(parameter);
  float *values = test_floats(count);
  for (size_t j = 0; j < count; ++j)
    values[j] = mark;
  ag_parameter_import(parameter, values, marks);
  free(values);
}

/* Each trained value; nothing may be in padding or in constants. */
static inline void slopes_check_parameters(slopes *all, const float *gradients)
{
  enum { TRAINED = 1, AVERAGED };
  const size_t floats = ag_network_floats(all->network);
  const double overall = slopes_typical(gradients, floats);
  float *block = ag_network_block(all->network);
  float *marks = test_floats(floats);
  for (size_t i = 0; i < ag_network_parameter_count(all->network); ++i) {
    const ag_parameter *parameter = ag_network_parameter(all->network, i);
    const double own = slopes_typical(gradients + parameter->offset, parameter->floats);
    /* The gradient of a bias in front of batch normalisation is zero, but for rounding. */
    const double typical = own > 1e-4 * overall ? own : overall;
    if (parameter->averaged) slopes_mark(parameter, AVERAGED, marks);
    if (!parameter->trained) continue;
    slopes_mark(parameter, TRAINED, marks);
    for (size_t j = parameter->offset; j < parameter->offset + parameter->floats; ++j) {
      if (marks[j] == TRAINED) slopes_check_one(all, block + j, gradients[j], typical);
    }
  }
  for (size_t j = 0; j < floats; ++j)
    assert_true(marks[j] != 0 || gradients[j] == 0);
  free(marks);
}

static inline void slopes_check_images(slopes *all, const float *dimages)
{
  const ag_shape shape = ag_network_input(all->network);
  const size_t stride = ag_channels_padded(shape.channels);
  const double typical = slopes_typical(dimages, all->image_floats);
  assert_padding_zero(dimages, all->count * shape.height * shape.width, shape.channels);
  for (size_t i = 0; i < all->image_floats; ++i) {
    if (i % stride < shape.channels) {
      slopes_check_one(all, all->images + i, dimages[i], typical);
    }
  }
}

/* Both gradients, and the same bit for bit where only one of the two is asked for; images,
 * direction and parameters as they were. */
static inline void slopes_gradients(slopes *all, float *gradients, float *dimages)
{
  const size_t floats = ag_network_floats(all->network);
  float *alone = test_floats(floats > all->image_floats ? floats : all->image_floats);
  float *images = test_copy(all->images, all->image_floats);
  float *direction = test_copy(all->direction, all->logit_floats);
  float *block = test_copy(ag_network_values(all->network), floats);
  test_fill(dimages, all->image_floats, 3, -1, 1); /* overwritten */
  slopes_value(all);
  slopes_back(all, all->learns ? gradients : NULL, dimages);
  if (all->learns) {
    slopes_value(all);
    slopes_back(all, NULL, alone);
    assert_same_bits(alone, dimages, all->image_floats);
    memset(alone, 0, floats * sizeof *alone);
    slopes_value(all);
    slopes_back(all, alone, NULL);
    assert_same_bits(alone, gradients, floats);
  }
  assert_same_bits(all->images, images, all->image_floats);
  assert_same_bits(all->direction, direction, all->logit_floats);
  assert_same_bits(ag_network_values(all->network), block, floats);
  free(alone);
  free(images);
  free(direction);
  free(block);
}

/* Gradients to images and, where the network learns in such a pass, to parameters. */
static inline void slopes_check_all(slopes *all)
{
  float *gradients = test_floats(ag_network_floats(all->network));
  float *dimages = test_floats(all->image_floats);
  slopes_gradients(all, gradients, dimages);
  slopes_check_images(all, dimages);
  if (all->learns) slopes_check_parameters(all, gradients);
  assert_true(all->checked > 3 * all->passed_over);
  free(gradients);
  free(dimages);
}

static inline void slopes_check(const ag_layer_description *layers, size_t layer_count,
                                ag_shape input, size_t classes, bool training, size_t count)
{
  slopes all = slopes_start(layers, layer_count, input, classes, training, count);
  slopes_check_all(&all);
  slopes_finish(&all);
}

/** The same of logits and of the latent space behind a layer, along a direction of its own.
 *  channels: of that layer. */
static inline void slopes_check_latent(const ag_layer_description *layers, size_t layer_count,
                                       ag_shape input, size_t classes, bool training, size_t count,
                                       const char *name, size_t channels)
{
  slopes all = slopes_start(layers, layer_count, input, classes, training, count);
  assert_int_equal(ag_network_find_latent(all.network, name, &all.latent), AG_OK);
  const size_t pixels = all.latent.floats / ag_channels_padded(channels);
  all.latent_direction = test_activations(count * pixels, channels, 6);
  slopes_check_all(&all);
  slopes_finish(&all);
}

#endif
