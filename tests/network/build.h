/* Small networks for the tests: built from a list of layers, with parameters that are all drawn,
 * biases included, so that nothing is zero by chance. */
#ifndef ADVGRID_TEST_BUILD_H
#define ADVGRID_TEST_BUILD_H

#include "support/fixture.h"

#include "advgrid/network.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/** A list of the layers given. */
static inline ag_layer_list build_list(const ag_layer_description *layers, size_t count)
{
  ag_layer_list list = {0};
  for (size_t i = 0; i < count; ++i)
    assert_int_equal(ag_layer_list_append(&list, &layers[i]), AG_OK);
  return list;
}

/** Sets every parameter, padding aside: weights uniform with twice the deviation of He's, other
 *  vectors in [-1/2, 1/2), deviations and variances in [1/2, 1). */
static inline void build_parameters(ag_network *network)
{
  for (size_t i = 0; i < ag_network_parameter_count(network); ++i) {
    const ag_parameter *parameter = ag_network_parameter(network, i);
    const size_t count = ag_parameter_file_floats(parameter);
    const size_t fan_in = parameter->height * parameter->width * parameter->in;
    const bool vector = parameter->layout == AG_LAYOUT_VECTOR;
    const bool divides = parameter->range != AG_RANGE_ANY;
    const float high = divides ? 1 : vector ? 0.5F : sqrtf(24 / (float)fan_in);
    float *values = test_floats(count);
    test_fill(values, count, 100 + (uint32_t)i, divides ? 0.5F : -high, high);
    ag_parameter_import(parameter, values, ag_network_block(network));
    free(values);
  }
  ag_network_prepare(network, false, NULL);
}

/** A network of the layers given with such parameters; owned by the caller. */
static inline ag_network *build_network(const ag_layer_description *layers, size_t count,
                                        ag_shape input, size_t classes)
{
  const ag_layer_list list = build_list(layers, count);
  ag_network *network = NULL;
  if (ag_network_create(&list, input, classes, &network) != AG_OK) fail_msg("%s", ag_message());
  build_parameters(network);
  return network;
}

/** A network of the table of architectures; parameters are not set. Owned by the caller. */
static inline ag_network *build_architecture(const char *kind, ag_shape input, size_t classes)
{
  ag_entry model;
  ag_layer_list list;
  ag_network *network = NULL;
  const ag_kind *row = ag_kind_find(ag_architecture_table, kind);
  assert_non_null(row);
  ag_entry_start(&model, row);
  assert_int_equal(ag_architecture_layers(&model, classes, &list), AG_OK);
  if (ag_network_create(&list, input, classes, &network) != AG_OK) fail_msg("%s", ag_message());
  return network;
}

static inline ag_workspace *build_workspace(const ag_network *network, size_t capacity)
{
  ag_workspace *workspace = NULL;
  assert_int_equal(ag_workspace_create(network, capacity, &workspace), AG_OK);
  return workspace;
}

/** Images of the network's shape in [-1, 1); owned by the caller, freed by free. */
static inline float *build_images(const ag_network *network, size_t count, uint32_t stream)
{
  const ag_shape shape = ag_network_input(network);
  return test_activations(count * shape.height * shape.width, shape.channels, stream);
}

#endif
