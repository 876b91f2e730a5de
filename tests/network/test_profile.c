/* The seconds of a pass, layer by layer. */
#include "network/build.h"

enum { IMAGES = 3 };

/* The network small: normalize; convolution with relu and pooling, twice; dense. The layers that
 * learn must have taken time, those behind the last none. */
static void assert_timed(const double seconds[AG_LAYERS_MAXIMUM], bool wanted)
{
  enum { LAYERS = 4 };
  const size_t learning[] = {1, 2, 3};
  for (size_t i = 0; i < COUNT_OF(learning); ++i)
    assert_int_equal(seconds[learning[i]] > 0, wanted);
  for (size_t i = LAYERS; i < AG_LAYERS_MAXIMUM; ++i)
    assert_true(seconds[i] == 0);
}

static void profile_times_the_layers_that_ran(void **state)
{
  (void)state;
  ag_network *network = build_architecture("small", (ag_shape){32, 32, 3}, 10);
  build_parameters(network);
  ag_workspace *workspace = build_workspace(network, IMAGES);
  float *images = build_images(network, IMAGES, 1);
  float *dlogits = test_activations(IMAGES, 10, 2);
  float *gradients = test_floats(ag_network_floats(network));
  ag_profile profile = {0};
  const ag_pass pass = {0};

  ag_workspace_profile(workspace, &profile);
  ag_network_forward(network, workspace, &pass, images, IMAGES);
  assert_timed(profile.forward, true);
  assert_timed(profile.backward, false);
  ag_network_backward(network, workspace, dlogits, gradients, NULL);
  assert_timed(profile.backward, true);
  assert_true(profile.backward[0] == 0); /* nothing learns below the first convolution */

  const ag_profile before = profile;
  ag_network_forward(network, workspace, &pass, images, IMAGES);
  assert_true(profile.forward[1] > before.forward[1]); /* added up */
  const ag_profile last = profile;
  ag_workspace_profile(workspace, NULL);
  ag_network_forward(network, workspace, &pass, images, IMAGES);
  assert_memory_equal(&profile, &last, sizeof last);

  free(gradients);
  free(dlogits);
  free(images);
  ag_workspace_destroy(&workspace);
  ag_network_destroy(&network);
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(profile_times_the_layers_that_ran),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
