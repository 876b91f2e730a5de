/* Small networks with random parameters, made by hand: with dropout, with noise, with any
 * normalisation. */
#ifndef ADVGRID_TEST_NETWORKS_H
#define ADVGRID_TEST_NETWORKS_H

#include "support/fixture.h"

#include "advgrid/network.h"

typedef struct network_wish {
  ag_shape shape;
  size_t classes;
  double dropout, noise;
  float mean, deviation; /* of the normalising layer; deviation 0 is taken as 1 */
} network_wish;

/** normalize, conv1 (6 channels), [noise1], relu1, pool1, [dropout1], dense1. Biases are not zero.
 *  Owned by the caller, freed by ag_network_destroy. */
static inline ag_network *network_by_hand(network_wish wish)
{
  ag_layer_description all[] = {
      {.kind = "normalize", .name = "normalize"},
      {.kind = "convolution",
       .name = "conv1",
       .channels = 6,
       .kernel = 3,
       .stride = 1,
       .padding = 1},
      {.kind = "gaussian-noise", .name = "noise1", .strength = wish.noise},
      {.kind = "relu", .name = "relu1"},
      {.kind = "max-pooling", .name = "pool1", .kernel = 2, .stride = 2},
      {.kind = "dropout", .name = "dropout1", .strength = wish.dropout},
      {.kind = "dense", .name = "dense1", .channels = wish.classes},
  };
  ag_layer_list list = {0};
  ag_network *network = NULL;
  float mean[8];
  float deviation[8];
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
    if (strcmp(all[i].name, "noise1") == 0 && wish.noise == 0) continue;
    if (strcmp(all[i].name, "dropout1") == 0 && wish.dropout == 0) continue;
    assert_int_equal(ag_layer_list_append(&list, &all[i]), AG_OK);
  }
  assert_int_equal(ag_network_create(&list, wish.shape, wish.classes, &network), AG_OK);
  for (size_t i = 0; i < 8; ++i) {
    mean[i] = wish.mean;
    deviation[i] = wish.deviation == 0 ? 1 : wish.deviation;
  }
  ag_network_initialise(network, 3, mean, deviation);
  for (size_t i = 0; i < ag_network_parameter_count(network); ++i) {
    const ag_parameter *parameter = ag_network_parameter(network, i);
    if (!parameter->trained || parameter->decayed) continue;
    test_fill(ag_network_block(network) + parameter->offset, parameter->out, (uint32_t)i, -0.2F,
              0.2F);
  }
  ag_network_prepare(network, false, NULL);
  return network;
}

/** Predictions of the network for count images, by a pass of its own in evaluation mode. */
static inline void network_predict(const ag_network *network, const float *pixels, size_t count,
                                   const uint32_t *samples, uint8_t *predictions)
{
  ag_workspace *workspace = NULL;
  const size_t stride = ag_network_logit_stride(network);
  const ag_pass pass = {.samples = samples};
  assert_int_equal(ag_workspace_create(network, count, &workspace), AG_OK);
  const float *logits = ag_network_forward(network, workspace, &pass, pixels, count);
  for (size_t i = 0; i < count; ++i) {
    size_t best = 0;
    for (size_t c = 1; c < ag_network_classes(network); ++c) {
      if (logits[i * stride + c] > logits[i * stride + best]) best = c;
    }
    predictions[i] = (uint8_t)best;
  }
  ag_workspace_destroy(&workspace);
}

#endif
