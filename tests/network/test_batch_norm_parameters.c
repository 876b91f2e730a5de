/* The parameters of batch normalisation: their names, kinds and first values, and how they come
 * through a model file. */
#include "network/build.h"
#include "support/folder.h"

static void parameters_by_name(void **state)
{
  (void)state;
  static const struct {
    const char *name;
    bool trained, averaged, decayed;
    float initial;
  } want[] = {
      {"norm1/weight", true, false, false, 1},
      {"norm1/bias", true, false, false, 0},
      {"norm1/mean", false, true, false, 0},
      {"norm1/variance", false, true, false, 1},
  };
  ag_network *network = build_architecture("base-norm", (ag_shape){32, 32, 3}, 10);
  ag_network_initialise(network, 1, (float[]){0, 0, 0}, (float[]){1, 1, 1});
  size_t found = 0;
  for (size_t i = 0; i < ag_network_parameter_count(network); ++i) {
    const ag_parameter *parameter = ag_network_parameter(network, i);
    for (size_t k = 0; k < COUNT_OF(want); ++k) {
      if (strcmp(parameter->name, want[k].name) != 0) continue;
      ++found;
      assert_true(parameter->trained == want[k].trained);
      assert_true(parameter->averaged == want[k].averaged);
      assert_true(parameter->decayed == want[k].decayed);
      for (size_t c = 0; c < parameter->out; ++c)
        assert_true(ag_network_values(network)[parameter->offset + c] == want[k].initial);
    }
  }
  assert_int_equal(found, COUNT_OF(want));
  /* base's 18, and four for each of six convolutions */
  assert_int_equal(ag_network_parameter_count(network), 18 + 6 * 4);
  ag_network_destroy(&network);
}

/* base-norm draws the weights that base draws. */
static void initial_weights_are_those_of_base(void **state)
{
  (void)state;
  const float mean[] = {0.5F, 0.4F, 0.3F};
  const float deviation[] = {0.2F, 0.3F, 0.4F};
  ag_network *base = build_architecture("base", (ag_shape){32, 32, 3}, 10);
  ag_network *norm = build_architecture("base-norm", (ag_shape){32, 32, 3}, 10);
  ag_network_initialise(base, 7, mean, deviation);
  ag_network_initialise(norm, 7, mean, deviation);
  size_t next = 0;
  for (size_t i = 0; i < ag_network_parameter_count(base); ++i) {
    const ag_parameter *one = ag_network_parameter(base, i);
    while (strcmp(ag_network_parameter(norm, next)->name, one->name) != 0)
      ++next;
    assert_same_bits(ag_network_values(norm) + ag_network_parameter(norm, next)->offset,
                     ag_network_values(base) + one->offset, one->floats);
  }
  ag_network_destroy(&base);
  ag_network_destroy(&norm);
}

/* ---- model files ---- */

static const ag_layer_description layers[] = {
    {.kind = "normalize", .name = "normalize"},
    {.kind = "convolution", .name = "conv1", .channels = 5, .kernel = 3, .stride = 1, .padding = 1},
    {.kind = "batch-normalisation", .name = "norm1"},
    {.kind = "relu", .name = "relu1"},
    {.kind = "dense", .name = "dense1", .channels = 4}};

typedef struct fixture {
  char *folder;
  char path[AG_PATH_SIZE];
  ag_network *saved, *loaded;
} fixture;

static fixture start(void)
{
  const ag_layer_list list = build_list(layers, COUNT_OF(layers));
  const ag_shape input = {4, 5, 3};
  fixture all = {.folder = folder_create(),
                 .saved = build_network(layers, COUNT_OF(layers), input, 4)};
  assert_int_equal(ag_network_create(&list, input, 4, &all.loaded), AG_OK);
  assert_int_equal(ag_path_join(all.path, sizeof all.path, "%s/model.h5", all.folder), AG_OK);
  assert_int_equal(ag_model_save(all.saved, all.path, "by hand", ""), AG_OK);
  return all;
}

static void finish(fixture *all)
{
  ag_network_destroy(&all->saved);
  ag_network_destroy(&all->loaded);
  folder_remove(all->folder);
  assert_int_equal(ag_live_blocks(), 0);
}

static void round_trip(void **state)
{
  (void)state;
  static const char *const names[] = {"weight", "bias", "mean", "variance"};
  fixture all = start();
  const ag_pass pass = {.samples = (const uint32_t[]){0}};
  ag_workspace *workspaces[] = {build_workspace(all.saved, 1), build_workspace(all.loaded, 1)};
  float *image = build_images(all.saved, 1, 1);
  assert_int_equal(ag_model_load(all.loaded, all.path, NULL), AG_OK);
  assert_same_bits(ag_network_values(all.loaded), ag_network_values(all.saved),
                   ag_network_floats(all.saved));
  ag_network_prepare(all.loaded, false, NULL);
  assert_same_bits(ag_network_forward(all.loaded, workspaces[1], &pass, image, 1),
                   ag_network_forward(all.saved, workspaces[0], &pass, image, 1), 4);
  /* Four vectors of the channels, in a group of the layer's name. */
  const hid_t file = H5Fopen(all.path, H5F_ACC_RDONLY, H5P_DEFAULT);
  for (size_t i = 0; i < COUNT_OF(names); ++i) {
    char name[AG_NAME_SIZE];
    hsize_t size = 0;
    int rank = 0;
    float values[5];
    snprintf(name, sizeof name, "norm1/%s", names[i]);
    assert_true(H5LTget_dataset_ndims(file, name, &rank) >= 0 && rank == 1);
    assert_true(H5LTget_dataset_info(file, name, &size, NULL, NULL) >= 0 && size == 5);
    assert_true(H5LTread_dataset_float(file, name, values) >= 0);
    const ag_parameter *parameter = ag_network_parameter(all.saved, 4 + i);
    assert_string_equal(parameter->name, name);
    assert_same_bits(values, ag_network_values(all.saved) + parameter->offset, 5);
  }
  assert_true(H5Fclose(file) >= 0);
  free(image);
  ag_workspace_destroy(&workspaces[0]);
  ag_workspace_destroy(&workspaces[1]);
  finish(&all);
}

/* Puts one value into a vector of the file. */
static void put(const fixture *all, const char *name, hsize_t place, float value)
{
  const hsize_t one = 1;
  const hid_t file = H5Fopen(all->path, H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
  const hid_t space = H5Dget_space(dataset);
  const hid_t memory = H5Screate_simple(1, &one, NULL);
  assert_true(H5Sselect_elements(space, H5S_SELECT_SET, 1, &place) >= 0);
  assert_true(H5Dwrite(dataset, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, &value) >= 0);
  assert_true(H5Sclose(memory) >= 0 && H5Sclose(space) >= 0);
  assert_true(H5Dclose(dataset) >= 0 && H5Fclose(file) >= 0);
}

/* Refused by name, and the network is as it was; but not where only the limit is reached. */
static void values_that_cannot_be(void **state)
{
  (void)state;
  static const struct {
    const char *name;
    float value;
    const char *message; /* NULL: it is taken */
  } cases[] = {
      {"norm1/variance", -1e-6F, "expected numbers of at least 0"},
      {"norm1/variance", -3, "has -3 at value 2 of 5"},
      {"norm1/variance", NAN, "a NaN at value 2 of 5"},
      {"norm1/variance", 0, NULL},
      {"norm1/mean", INFINITY, "an infinity"},
      {"norm1/mean", -3, NULL},
      {"norm1/weight", NAN, "a NaN"},
      {"norm1/weight", -3, NULL},
      {"norm1/bias", NAN, "a NaN"},
      {"normalize/deviation", 0, "has 0 at value 2 of 3; expected numbers above 0"},
      {"normalize/deviation", -1, "expected numbers above 0"},
      {"normalize/deviation", 1e-30F, NULL},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    fixture all = start();
    float *before = test_copy(ag_network_values(all.loaded), ag_network_floats(all.loaded));
    put(&all, cases[i].name, 2, cases[i].value);
    const ag_status status = ag_model_load(all.loaded, all.path, NULL);
    if (cases[i].message == NULL) {
      assert_int_equal(status, AG_OK);
    } else {
      assert_int_equal(status, AG_BAD_MODEL);
      if (strstr(ag_message(), cases[i].name) == NULL ||
          strstr(ag_message(), cases[i].message) == NULL ||
          strncmp(ag_message(), all.path, strlen(all.path)) != 0) {
        fail_msg("the message is: %s", ag_message());
      }
      assert_same_bits(ag_network_values(all.loaded), before, ag_network_floats(all.loaded));
    }
    free(before);
    finish(&all);
  }
}

/* A file of `base` is not one of `base-norm`. */
static void a_file_without_them(void **state)
{
  (void)state;
  fixture all = start();
  const ag_layer_description plain[] = {layers[0], layers[1], layers[3], layers[4]};
  ag_network *other = build_network(plain, COUNT_OF(plain), (ag_shape){4, 5, 3}, 4);
  assert_int_equal(ag_model_load(other, all.path, NULL), AG_BAD_MODEL);
  assert_non_null(strstr(ag_message(), "is not a parameter of this network"));
  assert_int_equal(ag_model_save(other, all.path, "by hand", ""), AG_OK);
  assert_int_equal(ag_model_load(all.loaded, all.path, NULL), AG_BAD_MODEL);
  assert_non_null(strstr(ag_message(), "norm1/weight is missing; expected float32 [5]"));
  ag_network_destroy(&other);
  finish(&all);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parameters_by_name),  cmocka_unit_test(initial_weights_are_those_of_base),
      cmocka_unit_test(round_trip),          cmocka_unit_test(values_that_cannot_be),
      cmocka_unit_test(a_file_without_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
