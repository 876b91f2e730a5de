/* Model files: what is saved comes back bit for bit and lies in PyTorch's order; a file that is
 * damaged or of another network is refused by name and leaves the network as it was. */
#include "support/folder.h"

#include "advgrid/network.h"

static const char key_text[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* Odd counts, so that everything is padded; the dense layer sees 3 x 4 x 5 channels. */
static ag_network *make_network(uint64_t seed)
{
  static const float mean[3] = {0.5F, 0.25F, 0.125F};
  static const float deviation[3] = {0.2F, 0.3F, 0.4F};
  const ag_layer_description layers[] = {
      {.kind = "normalize", .name = "normalize"},
      {.kind = "convolution",
       .name = "conv1",
       .channels = 5,
       .kernel = 3,
       .stride = 1,
       .padding = 1},
      {.kind = "relu", .name = "relu1"},
      {.kind = "max-pooling", .name = "pool1", .kernel = 2, .stride = 2},
      {.kind = "dense", .name = "dense1", .channels = 11}};
  ag_layer_list list = {0};
  ag_network *network = NULL;
  for (size_t i = 0; i < sizeof layers / sizeof *layers; ++i)
    assert_int_equal(ag_layer_list_append(&list, &layers[i]), AG_OK);
  assert_int_equal(ag_network_create(&list, (ag_shape){6, 8, 3}, 11, &network), AG_OK);
  ag_network_initialise(network, seed, mean, deviation);
  return network;
}

/* A saved model to be spoiled, and a network that must not take it. */
typedef struct fixture {
  char *folder;
  char path[AG_PATH_SIZE];
  ag_network *network;
  float *before; /* its block */
} fixture;

static fixture start(void)
{
  fixture all = {.folder = folder_create(), .network = make_network(2)};
  ag_network *saved = make_network(1);
  assert_int_equal(ag_path_join(all.path, sizeof all.path, "%s/model.h5", all.folder), AG_OK);
  assert_int_equal(ag_model_save(saved, all.path, "by hand", key_text), AG_OK);
  ag_network_destroy(&saved);
  all.before = test_copy(ag_network_values(all.network), ag_network_floats(all.network));
  return all;
}

static void finish(fixture *all)
{
  ag_network_destroy(&all->network);
  free(all->before);
  folder_remove(all->folder);
  assert_int_equal(ag_live_blocks(), 0);
  assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
}

static hid_t open_file(const fixture *all)
{
  const hid_t file = H5Fopen(all->path, H5F_ACC_RDWR, H5P_DEFAULT);
  assert_true(file >= 0);
  return file;
}

/* The file is refused with a message that begins with its path and has both words; the network
 * keeps its parameters. */
static void expect_bad(const fixture *all, const char *first, const char *second)
{
  char key[AG_DIGEST_TEXT_SIZE] = "untouched";
  const size_t blocks = ag_live_blocks();
  assert_int_equal(ag_model_load(all->network, all->path, key), AG_BAD_MODEL);
  if (strncmp(ag_message(), all->path, strlen(all->path)) != 0 ||
      strstr(ag_message(), first) == NULL || strstr(ag_message(), second) == NULL) {
    fail_msg("the message is: %s", ag_message());
  }
  assert_same_bits(ag_network_values(all->network), all->before, ag_network_floats(all->network));
  assert_string_equal(key, "untouched");
  assert_int_equal(ag_live_blocks(), blocks);
}

static void replace_dataset(const fixture *all, const char *name, hid_t type, int rank,
                            const hsize_t *sides)
{
  const hid_t file = open_file(all);
  size_t values = 1;
  for (int i = 0; i < rank; ++i)
    values *= (size_t)sides[i];
  void *zeros = test_bytes(values * H5Tget_size(type));
  assert_true(H5Ldelete(file, name, H5P_DEFAULT) >= 0);
  assert_true(H5LTmake_dataset(file, name, rank, sides, type, zeros) >= 0);
  assert_true(H5Fclose(file) >= 0);
  free(zeros);
}

/* ---- files that are right ---------------------------------------------------------- */

static void round_trip(void **state)
{
  (void)state;
  fixture all = start();
  ag_network *saved = make_network(1);
  char key[AG_DIGEST_TEXT_SIZE] = "";
  assert_int_equal(ag_model_load(all.network, all.path, key), AG_OK);
  assert_string_equal(key, key_text);
  assert_same_bits(ag_network_values(all.network), ag_network_values(saved),
                   ag_network_floats(saved));
  assert_int_equal(ag_model_load(all.network, all.path, NULL), AG_OK);
  ag_network_destroy(&saved);
  finish(&all);
}

/* The order in the file, from the description of ag_layout alone: with channels in eights, the
 * value of position 1 and input 2 lies at (1 * 8 + 2) * 8 in the convolution's block, that of
 * row 2, column 1 and input 4 at ((2 * 4 + 1) * 8 + 4) * 16 in the dense layer's. */
static void order_of_values(void **state)
{
  (void)state;
  fixture all = start();
  ag_network *saved = make_network(1);
  const float *block = ag_network_values(saved);
  float convolution[5][3][3][3];
  float dense[11][5][3][4];
  float mean[3];
  const hid_t file = open_file(&all);
  assert_true(H5LTread_dataset_float(file, "conv1/weight", &convolution[0][0][0][0]) >= 0);
  assert_true(H5LTread_dataset_float(file, "dense1/weight", &dense[0][0][0][0]) >= 0);
  assert_true(H5LTread_dataset_float(file, "normalize/mean", mean) >= 0);
  assert_true(mean[0] == 0.5F && mean[2] == 0.125F);
  for (size_t i = 0; i < ag_network_parameter_count(saved); ++i) {
    const ag_parameter *parameter = ag_network_parameter(saved, i);
    const float *values = block + parameter->offset;
    if (strcmp(parameter->name, "conv1/weight") == 0) {
      for (size_t o = 0; o < 5; ++o)
        assert_true(convolution[o][2][0][1] == values[(size_t)80 + o]);
    }
    if (strcmp(parameter->name, "dense1/weight") == 0) {
      for (size_t o = 0; o < 11; ++o)
        assert_true(dense[o][4][2][1] == values[(size_t)1216 + o]);
    }
  }
  assert_true(H5Fclose(file) >= 0);
  ag_network_destroy(&saved);
  finish(&all);
}

static void attributes(void **state)
{
  (void)state;
  fixture all = start();
  int sides[3] = {0};
  int number = 0;
  char *text = NULL;
  const hid_t file = open_file(&all);
  assert_true(H5LTget_attribute_int(file, "/", "input", sides) >= 0);
  assert_true(sides[0] == 6 && sides[1] == 8 && sides[2] == 3);
  assert_true(H5LTget_attribute_int(file, "/", "classes", &number) >= 0);
  assert_int_equal(number, 11);
  assert_true(H5LTget_attribute_int(file, "/", "schema_version", &number) >= 0);
  assert_int_equal(number, 1);
  const hid_t attribute = H5Aopen(file, "architecture", H5P_DEFAULT);
  const hid_t type = H5Aget_type(attribute);
  assert_true(H5Aread(attribute, type, &text) >= 0);
  assert_string_equal(text, "by hand");
  assert_true(H5free_memory(text) >= 0);
  assert_true(H5Tclose(type) >= 0 && H5Aclose(attribute) >= 0 && H5Fclose(file) >= 0);
  finish(&all);
}

/* As another program may write it: no attributes, double precision. */
static void made_elsewhere(void **state)
{
  (void)state;
  fixture all = start();
  const hsize_t sides[1] = {5};
  const char *const names[] = {"schema_version", "architecture", "key", "classes", "input"};
  char key[AG_DIGEST_TEXT_SIZE] = "something";
  const hid_t file = open_file(&all);
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
    assert_true(H5Adelete(file, names[i]) >= 0);
  assert_true(H5Fclose(file) >= 0);
  replace_dataset(&all, "conv1/bias", H5T_NATIVE_DOUBLE, 1, sides);
  assert_int_equal(ag_model_load(all.network, all.path, key), AG_OK);
  assert_string_equal(key, "");
  /* A key of fixed length. */
  const hid_t again = open_file(&all);
  assert_true(H5LTset_attribute_string(again, "/", "key", "fixed") >= 0);
  assert_true(H5Fclose(again) >= 0);
  assert_int_equal(ag_model_load(all.network, all.path, key), AG_OK);
  assert_string_equal(key, "fixed");
  finish(&all);
}

/* ---- files that are not --------------------------------------------------------------- */

static void missing_or_unwritable(void **state)
{
  (void)state;
  fixture all = start();
  char path[AG_PATH_SIZE];
  assert_int_equal(ag_path_join(path, sizeof path, "%s/nowhere/model.h5", all.folder), AG_OK);
  assert_int_equal(ag_model_load(all.network, path, NULL), AG_IO_ERROR);
  assert_non_null(strstr(ag_message(), path));
  assert_int_equal(ag_model_load(all.network, all.folder, NULL), AG_IO_ERROR);
  assert_int_equal(ag_model_save(all.network, path, "by hand", key_text), AG_IO_ERROR);
  assert_non_null(strstr(ag_message(), path));
  finish(&all);
}

static void truncated(void **state)
{
  (void)state;
  fixture all = start();
  char *bytes = NULL;
  size_t size = 0;
  assert_int_equal(ag_file_read(all.path, &bytes, &size), AG_OK);
  const size_t cuts[] = {0, 1, 7, 8, 50, 96, 500, size / 2, size - 100, size - 1};
  for (size_t i = 0; i < sizeof cuts / sizeof *cuts; ++i) {
    assert_int_equal(ag_file_write(all.path, bytes, cuts[i]), AG_OK);
    expect_bad(&all, "", "");
  }
  assert_int_equal(ag_file_write(all.path, "name: table1\n", 13), AG_OK);
  expect_bad(&all, "is not an HDF5 file, or a damaged one: ", "signature");
  ag_release(&bytes);
  finish(&all);
}

static void not_finite(void **state)
{
  (void)state;
  for (int i = 0; i < 3; ++i) {
    fixture all = start();
    float bias[11];
    const hid_t file = open_file(&all);
    const hid_t dataset = H5Dopen2(file, "dense1/bias", H5P_DEFAULT);
    assert_true(H5LTread_dataset_float(file, "dense1/bias", bias) >= 0);
    bias[10] = i == 0 ? NAN : i == 1 ? INFINITY : -INFINITY;
    assert_true(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, bias) >= 0);
    assert_true(H5Dclose(dataset) >= 0 && H5Fclose(file) >= 0);
    expect_bad(&all, "dense1/bias", i == 0 ? "NaN" : "infinity");
    finish(&all);
  }
}

static void missing_parameter(void **state)
{
  (void)state;
  fixture all = start();
  hid_t file = open_file(&all);
  assert_true(H5Ldelete(file, "conv1/weight", H5P_DEFAULT) >= 0);
  assert_true(H5Fclose(file) >= 0);
  expect_bad(&all, "conv1/weight is missing", "[5, 3, 3, 3]");
  file = open_file(&all);
  assert_true(H5Ldelete(file, "conv1", H5P_DEFAULT) >= 0);
  assert_true(H5Fclose(file) >= 0);
  expect_bad(&all, "conv1/weight is missing", "[5, 3, 3, 3]");
  finish(&all);
}

static void wrong_shape(void **state)
{
  (void)state;
  const hsize_t sides[4] = {5, 3, 5, 5};
  fixture all = start();
  char message[2 * AG_PATH_SIZE];
  replace_dataset(&all, "conv1/weight", H5T_NATIVE_FLOAT, 4, sides);
  snprintf(message, sizeof message, "%s: conv1/weight is [5, 3, 5, 5]; expected [5, 3, 3, 3]",
           all.path);
  expect_bad(&all, message, "");
  replace_dataset(&all, "conv1/weight", H5T_NATIVE_FLOAT, 2, sides);
  expect_bad(&all, "conv1/weight is [5, 3];", "expected [5, 3, 3, 3]");
  replace_dataset(&all, "conv1/weight", H5T_NATIVE_FLOAT, 0, NULL);
  expect_bad(&all, "conv1/weight is [];", "expected [5, 3, 3, 3]");
  finish(&all);
}

static void wrong_type(void **state)
{
  (void)state;
  const hsize_t sides[1] = {11};
  fixture all = start();
  replace_dataset(&all, "dense1/bias", H5T_NATIVE_INT, 1, sides);
  expect_bad(&all, "dense1/bias", "floating-point");
  const hid_t file = open_file(&all);
  assert_true(H5Ldelete(file, "dense1/bias", H5P_DEFAULT) >= 0);
  const hid_t group = H5Gcreate2(file, "dense1/bias", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(H5Gclose(group) >= 0 && H5Fclose(file) >= 0);
  expect_bad(&all, "dense1/bias", "dataset");
  finish(&all);
}

static void extra_parameter(void **state)
{
  (void)state;
  const hsize_t sides[1] = {4};
  fixture all = start();
  const hid_t file = open_file(&all);
  const float zeros[4] = {0};
  assert_true(H5LTmake_dataset_float(file, "conv1/scale", 1, sides, zeros) >= 0);
  assert_true(H5Fclose(file) >= 0);
  expect_bad(&all, "conv1/scale", "is not a parameter of this network");
  finish(&all);
}

static void other_schema(void **state)
{
  (void)state;
  fixture all = start();
  const int version = 2;
  hid_t file = open_file(&all);
  assert_true(H5LTset_attribute_int(file, "/", "schema_version", &version, 1) >= 0);
  assert_true(H5Fclose(file) >= 0);
  expect_bad(&all, "schema_version is 2", "expected 1");
  file = open_file(&all);
  assert_true(H5LTset_attribute_string(file, "/", "schema_version", "one") >= 0);
  assert_true(H5Fclose(file) >= 0);
  expect_bad(&all, "schema_version", "");
  finish(&all);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_trip),
      cmocka_unit_test(order_of_values),
      cmocka_unit_test(attributes),
      cmocka_unit_test(made_elsewhere),
      cmocka_unit_test(missing_or_unwritable),
      cmocka_unit_test(truncated),
      cmocka_unit_test(not_finite),
      cmocka_unit_test(missing_parameter),
      cmocka_unit_test(wrong_shape),
      cmocka_unit_test(wrong_type),
      cmocka_unit_test(extra_parameter),
      cmocka_unit_test(other_schema),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
