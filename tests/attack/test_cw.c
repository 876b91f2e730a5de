/* Carlini and Wagner's attack: on a linear network it finds the nearest adversarial image, whose
 * distance has a closed form; what it returns is what it claims; and each image goes its own way,
 * with its own c, whatever the images beside it do. */
#include "support/networks.h"
#include "support/targets.h"

#include "advgrid/defense.h"

enum { IMAGES = 13, CLASSES = 10 };
static const ag_shape shape = {8, 8, 3};

static ag_network *linear_network(void)
{
  ag_entry entry;
  ag_layer_list layers;
  ag_network *network = NULL;
  const float mean[] = {0.5F, 0.5F, 0.5F};
  const float deviation[] = {0.25F, 0.25F, 0.25F};
  ag_entry_start(&entry, ag_kind_find(ag_architecture_table, "linear"));
  assert_int_equal(ag_architecture_layers(&entry, CLASSES, &layers), AG_OK);
  assert_int_equal(ag_network_create(&layers, shape, CLASSES, &network), AG_OK);
  ag_network_initialise(network, 3, mean, deviation);
  ag_network_prepare(network, false, NULL);
  return network;
}

static ag_defended *defend(const ag_network *network)
{
  ag_entry none;
  ag_defended *defended = NULL;
  ag_entry_start(&none, ag_kind_find(ag_defense_table, "none"));
  assert_int_equal(ag_defended_create(&none, network, NULL, IMAGES, 1, &defended), AG_OK);
  return defended;
}

static void predict(attack_fixture *fixture, uint8_t *labels, float *margins, const float *pixels)
{
  const ag_target *target = fixture->call.target;
  float *logits = test_floats(IMAGES * target->stride);
  ag_attack_images images = fixture->call.images;
  images.pixels = pixels;
  target->logits(target->context, &images, AG_VERDICT_STEP, logits);
  for (size_t i = 0; i < images.count; ++i) {
    const float margin =
        ag_margin(logits + i * target->stride, CLASSES, fixture->labels[i], &labels[i]);
    if (margins != NULL) margins[i] = margin;
  }
  free(logits);
}

/* Labels are the network's own predictions; pixels are in [low, 1 - low]. */
static attack_fixture *start_on(const ag_defended *defended, float low)
{
  const ag_target *target = ag_defended_target(defended);
  const size_t stride = ag_channels_padded(shape.channels);
  attack_fixture *fixture = attack_start("cw", target, IMAGES, 0);
  fixture->call.threat = ag_attack_threat(&fixture->entry, 0.1);
  assert_true(isinf(fixture->call.threat.epsilon) && fixture->call.threat.norm == AG_NORM_L2);
  for (size_t k = 0; k < IMAGES * ag_shape_floats(shape); ++k) {
    if (k % stride < 3) fixture->pixels[k] = low + (1 - 2 * low) * fixture->pixels[k];
  }
  uint8_t labels[IMAGES];
  predict(fixture, labels, NULL, fixture->pixels);
  memcpy(fixture->labels, labels, sizeof labels);
  return fixture;
}

static double distance_of(const attack_fixture *fixture, size_t i)
{
  const size_t floats = ag_shape_floats(shape);
  float linf = 0;
  float l2 = 0;
  assert_int_equal(ag_threat_measure(&fixture->call.threat, floats, fixture->pixels + i * floats,
                                     fixture->adversarial + i * floats, &linf, &l2),
                   AG_OK);
  assert_padding_zero(fixture->adversarial + i * floats, shape.height * shape.width, 3);
  return (double)l2;
}

/* ---- the closed form --------------------------------------------------------------------- */

static size_t chosen_class;

static void loss_chosen(size_t count, size_t classes, size_t stride, const float *logits,
                        const uint8_t *labels, float *gradient)
{
  (void)classes;
  (void)logits;
  (void)labels;
  memset(gradient, 0, count * stride * sizeof *gradient);
  for (size_t i = 0; i < count; ++i)
    gradient[i * stride + chosen_class] = 1;
}

/* The logits of image i, and the gradient of each: w_c of a linear network. */
static void slopes_of(const attack_fixture *fixture, size_t i, float *slopes, float *logits)
{
  const ag_target *target = fixture->call.target;
  const size_t floats = ag_shape_floats(shape);
  const ag_attack_images one = {fixture->pixels + i * floats, fixture->labels + i,
                                fixture->samples + i, 1};
  for (size_t c = 0; c < CLASSES; ++c) {
    chosen_class = c;
    target->gradient(target->context, &one, 0, loss_chosen, logits, slopes + c * floats);
  }
}

/* distances[j] = (z_y - z_j) / |w_y - w_j|_2, to where class j begins. Returns the least, where the
 * image is in [0,1]. */
static double distances_of(const attack_fixture *fixture, size_t i, double distances[CLASSES])
{
  const size_t floats = ag_shape_floats(shape);
  const size_t label = fixture->labels[i];
  float *slopes = test_floats(CLASSES * floats);
  float logits[64];
  double nearest = INFINITY;
  slopes_of(fixture, i, slopes, logits);
  for (size_t c = 0; c < CLASSES; ++c) {
    if (c == label) continue;
    double squares = 0;
    for (size_t k = 0; k < floats; ++k)
      squares += pow((double)slopes[label * floats + k] - (double)slopes[c * floats + k], 2);
    const double margin = (double)logits[label] - (double)logits[c];
    distances[c] = margin / sqrt(squares);
    if (distances[c] >= nearest) continue;
    nearest = distances[c];
    for (size_t k = 0; k < floats; ++k) {
      const double way = (double)slopes[label * floats + k] - (double)slopes[c * floats + k];
      const double x = (double)fixture->pixels[i * floats + k] - margin / squares * way;
      assert_true(x >= 0 && x <= 1);
    }
  }
  free(slopes);
  return nearest;
}

/* Steps of Adam are about as long as the shortest ways here, and of two classes
 * that are about as near it may take the further: most are found to a thousandth, all to 3 %. */
static void finds_the_nearest_image_of_a_linear_network(void **state)
{
  (void)state;
  ag_network *network = linear_network();
  ag_defended *defended = defend(network);
  attack_fixture *fixture = start_on(defended, 0.25F);
  uint8_t predictions[IMAGES];
  size_t close = 0;
  attack_set(fixture, "learning_rate", "0.001"); /* the shortest way is 0.002 */
  attack_run(fixture);
  predict(fixture, predictions, NULL, fixture->adversarial);
  for (size_t i = 0; i < IMAGES; ++i) {
    double distances[CLASSES];
    const double nearest = distances_of(fixture, i, distances);
    const double there = distances[predictions[i]];
    const double got = distance_of(fixture, i);
    assert_true(predictions[i] != fixture->labels[i]);
    if (got < there * (1 - 1e-4) || got > nearest * 1.03) {
      fail_msg("image %zu: %g far; that class is %g far, the nearest %g", i, got, there, nearest);
    }
    close += got < nearest * 1.001;
  }
  assert_true(close >= 10);
  attack_stop(fixture);
  ag_defended_destroy(&defended);
  ag_network_destroy(&network);
}

/* ---- what it returns --------------------------------------------------------------------- */

/* A success is one, with all the confidence that was asked for; without one the image stays. */
static void returns_what_falls_or_the_image(void **state)
{
  (void)state;
  static const struct {
    const char *iterations, *confidence;
  } wishes[] = {{"2", "0"}, {"60", "0"}, {"60", "0.5"}, {"60", "1000"}};
  const size_t floats = ag_shape_floats(shape);
  ag_network *network = network_by_hand((network_wish){.shape = shape, .classes = CLASSES});
  ag_defended *defended = defend(network);
  size_t found[4] = {0};
  double sums[4] = {0};
  for (size_t w = 0; w < 4; ++w) {
    attack_fixture *fixture = start_on(defended, 0);
    uint8_t predictions[IMAGES];
    float margins[IMAGES];
    attack_set(fixture, "iterations", wishes[w].iterations);
    attack_set(fixture, "confidence", wishes[w].confidence);
    attack_set(fixture, "search_steps", "4");
    attack_run(fixture);
    predict(fixture, predictions, margins, fixture->adversarial);
    for (size_t i = 0; i < IMAGES; ++i) {
      const double moved = distance_of(fixture, i);
      sums[w] += moved;
      if (moved == 0) {
        assert_same_bits(fixture->adversarial + i * floats, fixture->pixels + i * floats, floats);
        continue;
      }
      ++found[w];
      assert_true(predictions[i] != fixture->labels[i] && margins[i] < 0);
      assert_true((double)margins[i] <= -strtod(wishes[w].confidence, NULL));
    }
    attack_stop(fixture);
  }
  assert_true(found[0] < found[1] && found[3] == 0);
  assert_int_equal(found[1], IMAGES);
  assert_int_equal(found[2], IMAGES);
  assert_true(sums[2] > sums[1]);
  ag_defended_destroy(&defended);
  ag_network_destroy(&network);
}

/* ---- company ----------------------------------------------------------------------------- */

/* On a network with noise, whose every call is another draw, so that an image that others outlast
 * must have the draws it has alone. */
static void company_changes_nothing(void **state)
{
  (void)state;
  const size_t floats = ag_shape_floats(shape);
  for (size_t noisy = 0; noisy < 2; ++noisy) {
    ag_network *network = network_by_hand(
        (network_wish){.shape = shape, .classes = CLASSES, .noise = noisy == 1 ? 0.02 : 0});
    ag_defended *defended = defend(network);
    attack_fixture *all = start_on(defended, 0);
    attack_set(all, "iterations", "30");
    attack_set(all, "search_steps", "4");
    attack_run(all);
    uint64_t gradients = 0;
    for (size_t i = 0; i < IMAGES; ++i) {
      attack_fixture *alone = start_on(defended, 0);
      attack_set(alone, "iterations", "30");
      attack_set(alone, "search_steps", "4");
      alone->call.images.count = 1;
      alone->call.images.pixels = alone->pixels + i * floats;
      alone->call.images.labels = alone->labels + i;
      alone->call.images.samples = alone->samples + i;
      attack_run(alone);
      assert_same_bits(alone->adversarial, all->adversarial + i * floats, floats);
      gradients += alone->call.cost.gradients;
      attack_stop(alone);
    }
    /* Some stop early, or the test sees nothing, and each by itself. */
    const uint64_t most = ag_attack_of(&all->entry)->cost(&all->entry.settings).gradients;
    assert_int_equal(most, 120);
    assert_true(gradients < IMAGES * most);
    assert_int_equal(all->call.cost.gradients, gradients);
    attack_stop(all);
    ag_defended_destroy(&defended);
    ag_network_destroy(&network);
  }
}

static void takes_all_iterations_where_told(void **state)
{
  (void)state;
  ag_network *network = linear_network();
  ag_defended *defended = defend(network);
  attack_fixture *fixture = start_on(defended, 0.25F);
  attack_set(fixture, "iterations", "25");
  attack_set(fixture, "search_steps", "2");
  attack_set(fixture, "early_stop", "false");
  attack_run(fixture);
  assert_int_equal(fixture->call.cost.gradients, IMAGES * 25 * 2);
  assert_int_equal(fixture->call.cost.forwards, 0);
  attack_stop(fixture);
  ag_defended_destroy(&defended);
  ag_network_destroy(&network);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_the_nearest_image_of_a_linear_network),
      cmocka_unit_test(returns_what_falls_or_the_image),
      cmocka_unit_test(company_changes_nothing),
      cmocka_unit_test(takes_all_iterations_where_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
