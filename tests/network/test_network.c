/* Networks as they are built: shapes and their errors, lists of layers, parameters and their two
 * orders, initial values, operations, and the size of a workspace. */
#include "network/build.h"

static const ag_shape cifar = {32, 32, 3};

static void assert_message(const char *first, const char *second)
{
  if (strstr(ag_message(), first) == NULL || strstr(ag_message(), second) == NULL) {
    fail_msg("expected '%s' and '%s', the message is: %s", first, second, ag_message());
  }
}

/* ---- lists of layers ------------------------------------------------------------------- */

static const ag_layer_description three[] = {{.kind = "relu", .name = "first"},
                                             {.kind = "relu", .name = "middle"},
                                             {.kind = "relu", .name = "last"}};

static void assert_names(const ag_layer_list *list, const char *const *names, size_t count)
{
  assert_int_equal(list->count, count);
  for (size_t i = 0; i < count; ++i)
    assert_string_equal(list->layers[i].name, names[i]);
}

static void layers_are_inserted_behind_others(void **state)
{
  (void)state;
  const ag_layer_description added = {.kind = "dropout", .name = "new", .strength = 0.5};
  const char *const expected[3][4] = {{"first", "new", "middle", "last"},
                                      {"first", "middle", "new", "last"},
                                      {"first", "middle", "last", "new"}};
  for (size_t i = 0; i < 3; ++i) {
    ag_layer_list list = build_list(three, 3);
    assert_int_equal(ag_layer_list_insert_after(&list, three[i].name, &added), AG_OK);
    assert_names(&list, expected[i], 4);
    assert_string_equal(list.layers[i + 1].kind, "dropout");
    assert_true(list.layers[i + 1].strength == 0.5);
  }
  const char *const in_front[] = {"new", "first", "middle", "last"};
  ag_layer_list list = build_list(three, 3);
  assert_int_equal(ag_layer_list_insert_after(&list, "pixels", &added), AG_OK);
  assert_names(&list, in_front, 4);
}

static void noise_on_the_pixels_is_seen(void **state)
{
  (void)state;
  const ag_layer_description noise = {.kind = "gaussian-noise", .name = "new", .strength = 0.5};
  ag_layer_list list = build_list(three, 3);
  assert_true(ag_pixel_noise(&list.layers[0]) == 0);
  assert_int_equal(ag_layer_list_insert_after(&list, "first", &noise), AG_OK);
  assert_true(ag_pixel_noise(&list.layers[0]) == 0);
  assert_int_equal(ag_layer_list_insert_after(&list, "pixels", &noise), AG_OK);
  assert_true(ag_pixel_noise(&list.layers[0]) == 0.5);
}

static void unknown_places_are_refused(void **state)
{
  (void)state;
  const char *const names[] = {"first", "middle", "last"};
  ag_layer_list list = build_list(three, 3);
  ag_layer_list empty = {0};
  assert_int_equal(ag_layer_list_insert_after(&list, "midle", &three[0]), AG_BAD_JOB);
  assert_message("no layer 'midle'", "did you mean 'middle'");
  assert_int_equal(ag_layer_list_insert_after(&list, "zzzzzzzzzz", &three[0]), AG_BAD_JOB);
  assert_string_equal(ag_message(), "the model has no layer 'zzzzzzzzzz'");
  assert_int_equal(ag_layer_list_insert_after(&list, "pixel", &three[0]), AG_BAD_JOB);
  assert_message("no layer 'pixel'", "did you mean 'pixels'");
  assert_names(&list, names, 3);
  assert_int_equal(ag_layer_list_insert_after(&empty, "first", &three[0]), AG_BAD_JOB);
}

static void lists_are_full_at_their_maximum(void **state)
{
  (void)state;
  ag_layer_list list = {0};
  for (size_t i = 0; i < AG_LAYERS_MAXIMUM; ++i)
    assert_int_equal(ag_layer_list_append(&list, &three[0]), AG_OK);
  assert_int_equal(ag_layer_list_append(&list, &three[1]), AG_INVALID_ARGUMENT);
  assert_int_equal(ag_layer_list_insert_after(&list, "first", &three[1]), AG_INVALID_ARGUMENT);
  assert_int_equal(list.count, AG_LAYERS_MAXIMUM);
  for (size_t i = 0; i < AG_LAYERS_MAXIMUM; ++i)
    assert_string_equal(list.layers[i].name, "first");
}

/* ---- shapes ------------------------------------------------------------------------------ */

static void shapes_that_do_not_fit_name_the_layer(void **state)
{
  (void)state;
  const struct {
    ag_layer_description layer;
    const char *word;
  } cases[] = {
      {{.kind = "convolutoin", .name = "wrong1"}, "'convolutoin'"},
      {{.kind = "convolution", .name = "wrong2", .channels = 4, .kernel = 20, .stride = 1},
       "16 x 16 x 5"},
      {{.kind = "convolution", .name = "wrong3", .channels = 4, .kernel = 3}, "stride"},
      {{.kind = "convolution", .name = "wrong4", .kernel = 3, .stride = 1}, "16 x 16 x 5"},
      {{.kind = "convolution", .name = "wrong5", .channels = 4, .stride = 1}, "16 x 16 x 5"},
      {{.kind = "max-pooling", .name = "wrong6", .kernel = 17, .stride = 1}, "16"},
      {{.kind = "max-pooling", .name = "wrong7", .kernel = 2}, "16 x 16 x 5"},
      {{.kind = "average-pooling", .name = "wrong8", .stride = 2}, "16 x 16 x 5"},
      {{.kind = "dense", .name = "wrong9"}, "at least one output"},
      {{.kind = "dropout", .name = "wrong10", .strength = 1}, "0 to under 1"},
      {{.kind = "dropout", .name = "wrong11", .strength = -0.1}, "0 to under 1"},
      {{.kind = "dropout", .name = "wrong12", .strength = (double)NAN}, "0 to under 1"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    const size_t blocks = ag_live_blocks();
    const ag_layer_description layers[] = {
        {.kind = "convolution", .name = "conv1", .channels = 5, .kernel = 2, .stride = 2},
        cases[i].layer,
        {.kind = "dense", .name = "dense1", .channels = 10}};
    const ag_layer_list list = build_list(layers, 3);
    char name[AG_NAME_SIZE + 16];
    ag_network *network = NULL;
    assert_int_equal(ag_network_create(&list, cifar, 10, &network), AG_INVALID_ARGUMENT);
    snprintf(name, sizeof name, "layer %s", layers[1].name);
    assert_message(name, cases[i].word);
    assert_null(network);
    assert_int_equal(ag_live_blocks(), blocks);
  }
}

static void last_layer_must_give_the_classes(void **state)
{
  (void)state;
  const ag_layer_description dense = {.kind = "dense", .name = "dense1", .channels = 9};
  const ag_layer_description relu = {.kind = "relu", .name = "relu1"};
  const ag_layer_list nine = build_list(&dense, 1);
  const ag_layer_list pixels = build_list(&relu, 1);
  ag_network *network = NULL;
  assert_int_equal(ag_network_create(&nine, cifar, 10, &network), AG_INVALID_ARGUMENT);
  assert_message("1 x 1 x 9", "10 logits");
  assert_int_equal(ag_network_create(&pixels, (ag_shape){1, 2, 10}, 10, &network),
                   AG_INVALID_ARGUMENT);
  assert_message("1 x 2 x 10", "10 logits");
  assert_null(network);
  assert_int_equal(ag_network_create(&nine, cifar, 9, &network), AG_OK);
  ag_network_destroy(&network);
  assert_null(network);
  ag_network_destroy(&network);
}

static void every_architecture_takes_images_of_32_and_48(void **state)
{
  (void)state;
  const ag_kind *kind = NULL;
  for (size_t i = 0; (kind = ag_architecture_table(i)) != NULL; ++i) {
    ag_network *network = build_architecture(kind->name, cifar, 10);
    ag_network *larger = build_architecture(kind->name, (ag_shape){48, 48, 1}, 7);
    assert_string_equal(ag_network_parameter(network, 0)->name, "normalize/mean");
    assert_int_equal(ag_network_classes(larger), 7);
    assert_int_equal(ag_network_logit_stride(network), 16);
    assert_false(ag_network_is_random(network));
    ag_network_destroy(&network);
    ag_network_destroy(&larger);
  }
  assert_int_equal(ag_live_blocks(), 0);
}

/* ---- what `base` comes to ------------------------------------------------------------------ */

static void base_has_the_size_of_the_paper(void **state)
{
  (void)state;
  ag_network *network = build_architecture("base", cifar, 10);
  const ag_flops flops = ag_network_flops(network);
  size_t trained = 0;
  for (size_t i = 0; i < ag_network_parameter_count(network); ++i) {
    const ag_parameter *parameter = ag_network_parameter(network, i);
    if (parameter->trained) trained += ag_parameter_file_floats(parameter);
    assert_int_equal(parameter->decayed, strstr(parameter->name, "/weight") != NULL);
  }
  assert_int_equal(trained, 3228874);
  /* Height * width * 9 * in * out of the convolutions, in * out of the dense layers. */
  const double products = 1024.0 * 9 * (3 * 32 + 32 * 64) + 256.0 * 9 * (64 * 128 + 128 * 128) +
                          64.0 * 9 * (128 * 256 + 256 * 256) + 4096.0 * 512 + 512.0 * 10;
  assert_number_close(flops.forward, 2 * products, 0, 1e-3);
  assert_number_close(flops.weight_gradient, 2 * products, 0, 1e-3);
  assert_number_close(flops.input_gradient, 2 * products, 0, 1e-3);
  ag_network_destroy(&network);
}

/* ---- parameters in two orders ---------------------------------------------------------------- */

/* Odd channel counts, so that every padding is there; the dense layer sees 5 x 6 x 5. */
static const ag_layer_description odd[] = {
    {.kind = "normalize", .name = "normalize"},
    {.kind = "convolution", .name = "conv1", .channels = 5, .kernel = 3, .stride = 1, .padding = 1},
    {.kind = "dense", .name = "dense1", .channels = 9}};
static const ag_shape odd_input = {5, 6, 3};

static void parameters_lie_apart_and_aligned(void **state)
{
  (void)state;
  ag_network *network = build_network(odd, COUNT_OF(odd), odd_input, 9);
  const char *const names[] = {"normalize/mean", "normalize/deviation", "conv1/weight",
                               "conv1/bias",     "dense1/weight",       "dense1/bias"};
  const size_t file_floats[] = {3, 3, 135, 5, 1350, 9};
  size_t end = 0;
  assert_int_equal(ag_network_parameter_count(network), COUNT_OF(names));
  for (size_t i = 0; i < COUNT_OF(names); ++i) {
    const ag_parameter *parameter = ag_network_parameter(network, i);
    assert_string_equal(parameter->name, names[i]);
    assert_int_equal(ag_parameter_file_floats(parameter), file_floats[i]);
    assert_int_equal(parameter->trained, i >= 2);
    assert_true(parameter->offset >= end);
    assert_int_equal(parameter->offset * sizeof(float) % AG_ALIGNMENT, 0);
    end = parameter->offset + parameter->floats;
  }
  assert_true(end <= ag_network_floats(network));
  ag_network_destroy(&network);
}

static void export_is_the_inverse_of_import(void **state)
{
  (void)state;
  ag_network *network = build_network(odd, COUNT_OF(odd), odd_input, 9);
  const size_t floats = ag_network_floats(network);
  float *block = test_floats(floats);
  for (size_t i = 0; i < floats; ++i)
    block[i] = -7;
  for (size_t i = 0; i < ag_network_parameter_count(network); ++i) {
    const ag_parameter *parameter = ag_network_parameter(network, i);
    const size_t count = ag_parameter_file_floats(parameter);
    float *file = test_floats(count);
    float *again = test_floats(count);
    test_fill(file, count, (uint32_t)i, -1, 1);
    ag_parameter_import(parameter, file, block);
    ag_parameter_export(parameter, block, again);
    assert_same_bits(again, file, count);
    /* What was not written is padding, and stays as it was. */
    size_t written = 0;
    for (size_t j = 0; j < parameter->floats; ++j)
      written += block[parameter->offset + j] != -7;
    assert_int_equal(written, count);
    free(file);
    free(again);
  }
  free(block);
  ag_network_destroy(&network);
}

/* Position (row 2, column 1) of the 5 x 6 pixels, input 4, output 7 of the dense layer; and row 0,
 * column 2 of the kernel, input 1, output 3 of the convolution. Channels lie in eights. */
static void orders_are_those_of_the_header(void **state)
{
  (void)state;
  ag_network *network = build_network(odd, COUNT_OF(odd), odd_input, 9);
  const ag_parameter *convolution = ag_network_parameter(network, 2);
  const ag_parameter *dense = ag_network_parameter(network, 4);
  const size_t kernel = 3;
  const size_t width = 6;
  const size_t image = 150;
  float *block = ag_network_block(network);
  float *file = test_floats(ag_parameter_file_floats(dense));
  memset(block, 0, ag_network_floats(network) * sizeof *block);
  block[convolution->offset + ((0 * kernel + 2) * 8 + 1) * 8 + 3] = 1;
  block[dense->offset + ((2 * width + 1) * 8 + 4) * 16 + 7] = 2;
  ag_parameter_export(convolution, block, file);
  assert_true(file[((3 * 3 + 1) * kernel + 0) * kernel + 2] == 1);
  ag_parameter_export(dense, block, file);
  assert_true(file[7 * image + (4 * 5 + 2) * width + 1] == 2);
  free(file);
  ag_network_destroy(&network);
}

/* ---- initial values ----------------------------------------------------------------------------
 */

static void initialisation_depends_on_the_seed_alone(void **state)
{
  (void)state;
  const float mean[3] = {0.1F, 0.2F, 0.3F};
  const float deviation[3] = {0.4F, 0.5F, 0.6F};
  ag_network *one = build_network(odd, COUNT_OF(odd), odd_input, 9);
  ag_network *two = build_network(odd, COUNT_OF(odd), odd_input, 9);
  const size_t floats = ag_network_floats(one);
  test_fill(ag_network_block(two), floats, 1, -9, 9); /* padding too */
  ag_network_initialise(one, 5, mean, deviation);
  ag_network_initialise(two, 5, mean, deviation);
  assert_same_bits(ag_network_values(two), ag_network_values(one), floats);
  ag_network_initialise(two, 6, mean, deviation);
  const ag_parameter *weight = ag_network_parameter(one, 2);
  size_t same = 0;
  for (size_t i = 0; i < weight->floats; ++i) {
    const float value = ag_network_values(one)[weight->offset + i];
    same += value != 0 && value == ag_network_values(two)[weight->offset + i];
  }
  assert_int_equal(same, 0);
  ag_network_destroy(&one);
  ag_network_destroy(&two);
}

/* A parameter of one value a channel: three values, or `rest` everywhere. */
static void assert_vector(ag_network *network, size_t index, const float *values, float rest)
{
  const ag_parameter *parameter = ag_network_parameter(network, index);
  const float *found = ag_network_values(network) + parameter->offset;
  for (size_t i = 0; i < parameter->floats; ++i) {
    const bool given = values != NULL && i < 3;
    assert_true(found[i] == (given ? values[i] : rest));
  }
}

/* Deviation gain * sqrt(2 / fan-in) within four deviations of its estimate; no two layers alike. */
static void base_starts_as_he_says(void **state)
{
  (void)state;
  const float mean[3] = {0.1F, 0.2F, 0.3F};
  const float deviation[3] = {0.4F, 0.5F, 0.6F};
  const double fan_in[] = {27, 288, 576, 1152, 1152, 2304, 4096, 512};
  ag_network *network = build_architecture("base", cifar, 10);
  ag_network_initialise(network, 1, mean, deviation);
  assert_vector(network, 0, mean, 0);
  assert_vector(network, 1, deviation, 1);
  float first[8];
  for (size_t layer = 0; layer < 8; ++layer) {
    const ag_parameter *weight = ag_network_parameter(network, 2 + 2 * layer);
    const size_t count = ag_parameter_file_floats(weight);
    const double expected = (layer == 7 ? 0.25 : 1) * sqrt(2 / fan_in[layer]);
    const double n = (double)count;
    float *values = test_floats(count);
    ag_parameter_export(weight, ag_network_values(network), values);
    double sum = 0;
    double squares = 0;
    size_t within = 0;
    for (size_t i = 0; i < count; ++i) {
      sum += (double)values[i];
      squares += (double)values[i] * (double)values[i];
      within += fabs((double)values[i]) < expected * 0.6744897501960817; /* half of a normal */
    }
    assert_number_close(sum / n, 0, 4 * expected / sqrt(n), 0);
    assert_number_close(sqrt(squares / n), expected, 0, 4 / sqrt(2 * n));
    assert_number_close((double)within / n, 0.5, 4 * 0.5 / sqrt(n), 0);
    first[layer] = values[0] / (float)expected;
    for (size_t before = 0; before < layer; ++before)
      assert_true(fabsf(first[before] - first[layer]) > 1e-6F);
    free(values);
    assert_vector(network, 3 + 2 * layer, NULL, 0);
  }
  ag_network_destroy(&network);
}

/* ---- workspace ---------------------------------------------------------------------------------
 */

static void workspace_is_one_block_of_the_size_announced(void **state)
{
  (void)state;
  ag_network *network = build_architecture("base", cifar, 10);
  size_t before = 0;
  for (size_t capacity = 1; capacity <= 32; capacity *= 2) {
    const size_t blocks = ag_live_blocks();
    const size_t bytes = ag_live_bytes();
    ag_workspace *workspace = build_workspace(network, capacity);
    assert_int_equal(ag_live_blocks(), blocks + 1);
    assert_int_equal(ag_live_bytes() - bytes, ag_workspace_bytes(network, capacity));
    assert_true(ag_workspace_bytes(network, capacity) > before);
    before = ag_workspace_bytes(network, capacity);
    ag_workspace_destroy(&workspace);
    assert_null(workspace);
    assert_int_equal(ag_live_blocks(), blocks);
  }
  ag_network_destroy(&network);
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(layers_are_inserted_behind_others),
      cmocka_unit_test(noise_on_the_pixels_is_seen),
      cmocka_unit_test(unknown_places_are_refused),
      cmocka_unit_test(lists_are_full_at_their_maximum),
      cmocka_unit_test(shapes_that_do_not_fit_name_the_layer),
      cmocka_unit_test(last_layer_must_give_the_classes),
      cmocka_unit_test(every_architecture_takes_images_of_32_and_48),
      cmocka_unit_test(base_has_the_size_of_the_paper),
      cmocka_unit_test(parameters_lie_apart_and_aligned),
      cmocka_unit_test(export_is_the_inverse_of_import),
      cmocka_unit_test(orders_are_those_of_the_header),
      cmocka_unit_test(initialisation_depends_on_the_seed_alone),
      cmocka_unit_test(base_starts_as_he_says),
      cmocka_unit_test(workspace_is_one_block_of_the_size_announced),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
