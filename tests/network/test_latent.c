/* The latent space behind a layer: which layers have one, what it holds, and gradients through it
 * against central differences. */
#include "network/slopes.h"

enum { IMAGES = 2, CLASSES = 5 };
static const ag_shape input = {12, 10, 3};

static const ag_layer_description layers[] = {
    {.kind = "normalize", .name = "normalize"},
    {.kind = "convolution", .name = "conv1", .channels = 5, .kernel = 3, .stride = 1, .padding = 1},
    {.kind = "relu", .name = "relu1"},
    {.kind = "max-pooling", .name = "pool1", .kernel = 2, .stride = 2},
    {.kind = "gaussian-noise", .name = "noise1", .strength = 0.3},
    {.kind = "convolution", .name = "conv2", .channels = 7, .kernel = 3, .stride = 2, .padding = 1},
    {.kind = "relu", .name = "relu2"},
    {.kind = "dense", .name = "dense1", .channels = 9},
    {.kind = "relu", .name = "relu3"},
    {.kind = "dropout", .name = "dropout1", .strength = 0.4},
    {.kind = "dense", .name = "dense2", .channels = CLASSES},
};
static const ag_layer_description normed[] = {
    {.kind = "convolution", .name = "conv1", .channels = 5, .kernel = 3, .stride = 2, .padding = 1},
    {.kind = "batch-normalisation", .name = "norm1"},
    {.kind = "relu", .name = "relu1"},
    {.kind = "dense", .name = "dense1", .channels = CLASSES},
};

/* ---- gradients ---- */

static void gradients_join_behind_any_layer(void **state)
{
  (void)state;
  static const struct {
    const char *name;
    size_t channels;
  } all[] = {{"normalize", 3}, {"conv1", 5}, {"noise1", 5}, {"conv2", 7}, {"dense1", 9}};
  for (size_t i = 0; i < COUNT_OF(all); ++i) {
    for (int training = 0; training < 2; ++training) {
      slopes_check_latent(layers, COUNT_OF(layers), input, CLASSES, training == 1, IMAGES,
                          all[i].name, all[i].channels);
    }
  }
}

static void gradients_join_behind_batch_normalisation(void **state)
{
  (void)state;
  for (int training = 0; training < 2; ++training)
    slopes_check_latent(normed, COUNT_OF(normed), input, CLASSES, training == 1, IMAGES, "norm1",
                        5);
}

/* Where nothing comes by the logits, what lies behind is left out, to the same end. */
static void no_logits_are_logits_of_no_weight(void **state)
{
  (void)state;
  static const char *const names[] = {"conv1", "conv2", "dense1"};
  for (size_t i = 0; i < COUNT_OF(names); ++i) {
    slopes all = slopes_start(layers, COUNT_OF(layers), input, CLASSES, false, IMAGES);
    assert_int_equal(ag_network_find_latent(all.network, names[i], &all.latent), AG_OK);
    all.latent_direction = test_activations(IMAGES, all.latent.floats, 6);
    float *zeros = test_floats(all.logit_floats);
    float *want = test_floats(all.image_floats);
    float *got = test_floats(all.image_floats);
    (void)slopes_value(&all);
    ag_network_backward_latent(all.network, all.workspace, zeros, &all.latent, all.latent_direction,
                               NULL, want);
    (void)slopes_value(&all);
    ag_network_backward_latent(all.network, all.workspace, NULL, &all.latent, all.latent_direction,
                               NULL, got);
    assert_close(got, want, all.image_floats, 0, 0);
    assert_true(test_dot(want, want, all.image_floats) > 0);
    free(zeros);
    free(want);
    free(got);
    slopes_finish(&all);
  }
}

/* ---- what it holds ---- */

/* Behind dense1 its ReLU and, in training, dropout: what dense2 reads. */
static void it_is_what_the_next_layer_reads(void **state)
{
  (void)state;
  slopes all = slopes_start(layers, COUNT_OF(layers), input, CLASSES, true, IMAGES);
  ag_latent again;
  assert_int_equal(ag_network_find_latent(all.network, "dense1", &all.latent), AG_OK);
  assert_int_equal(all.latent.floats, ag_channels_padded(9));
  (void)slopes_value(&all);
  const float *latent = ag_network_latent(all.workspace, &all.latent);
  size_t zeros = 0;
  for (size_t i = 0; i < IMAGES * all.latent.floats; ++i) {
    assert_true(latent[i] >= 0);
    zeros += i % all.latent.floats < 9 && latent[i] == 0;
  }
  assert_true(zeros > 0 && zeros < (size_t)IMAGES * 9);
  assert_padding_zero(latent, IMAGES, 9);
  assert_int_equal(ag_network_find_latent(all.network, "relu3", &again), AG_OK);
  assert_int_equal(again.layer, all.latent.layer); /* one array */
  assert_int_equal(ag_network_find_latent(all.network, "dropout1", &again), AG_OK);
  assert_int_equal(again.layer, all.latent.layer);
  slopes_finish(&all);
}

static void refused(const ag_network *network, const char *name, const char *expected)
{
  ag_latent latent;
  assert_int_equal(ag_network_find_latent(network, name, &latent), AG_BAD_JOB);
  if (strstr(ag_message(), expected) == NULL) fail_msg("'%s' is not '%s'", ag_message(), expected);
}

static void layers_without_one_are_refused(void **state)
{
  (void)state;
  ag_network *plain = build_network(layers, COUNT_OF(layers), input, CLASSES);
  ag_network *folding = build_network(normed, COUNT_OF(normed), input, CLASSES);
  refused(plain, "dense2", "logits");
  refused(plain, "dnese1", "'dnese1'; did you mean 'dense1'?");
  refused(plain, "something else", "'something else'");
  refused(folding, "conv1", "the batch normalisation behind it: 'norm1'");
  refused(folding, "dense1", "logits");
  ag_network_destroy(&folding);
  ag_network_destroy(&plain);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradients_join_behind_any_layer),
      cmocka_unit_test(gradients_join_behind_batch_normalisation),
      cmocka_unit_test(no_logits_are_logits_of_no_weight),
      cmocka_unit_test(it_is_what_the_next_layer_reads),
      cmocka_unit_test(layers_without_one_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
