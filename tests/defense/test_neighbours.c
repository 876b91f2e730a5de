/* Classification by the nearest reference: logits and gradients against all distances taken one by
 * one, and what an attack is shown. */
#include "support/networks.h"

#include "advgrid/defense.h"

enum { CLASSES = 4, EACH = 3, IMAGES = CLASSES * EACH, COUNT = 5, STRIDE = 8, SEED = 5 };
enum { SIDE = 6, BYTES = SIDE * SIDE * 3, LATENT = 3 * 3 * 8 };
static const ag_shape shape = {SIDE, SIDE, 3};

typedef struct fixture {
  ag_network *network;
  ag_defended *defended;
  const ag_target *target;
  uint8_t bytes[IMAGES * BYTES], labels[IMAGES];
  ag_images training;
  float *pixels;
  uint32_t samples[COUNT];
  uint8_t attacked[COUNT];
  ag_attack_images images;
} fixture;

static void set(ag_entry *entry, const char *option, const char *value)
{
  assert_int_equal(ag_settings_set(&entry->settings, option, value), AG_OK);
}

static ag_entry latent_entry(void)
{
  ag_entry entry;
  ag_entry_start(&entry, ag_kind_find(ag_defense_table, "latent"));
  set(&entry, "layer", "conv1");
  set(&entry, "references", "3"); /* all there are, whatever the order */
  return entry;
}

static fixture *start(const ag_entry *entry, uint64_t seed)
{
  fixture *f = (fixture *)test_bytes(sizeof *f);
  ag_random random = ag_random_stream(1, AG_PURPOSE_TEST, 0, 0);
  f->network = network_by_hand((network_wish){.shape = shape, .classes = CLASSES});
  for (size_t i = 0; i < sizeof f->bytes; ++i)
    f->bytes[i] = (uint8_t)(255 * ag_random_uniform(&random));
  for (size_t i = 0; i < IMAGES; ++i)
    f->labels[i] = (uint8_t)(i * 3 % CLASSES);
  f->training = (ag_images){IMAGES, f->bytes, f->labels};
  f->pixels = test_activations((size_t)COUNT * SIDE * SIDE, 3, 3);
  for (size_t i = 0; i < (size_t)COUNT * SIDE * SIDE * STRIDE; ++i)
    f->pixels[i] = 0.5F + 0.5F * f->pixels[i] * (i % STRIDE < 3);
  for (size_t i = 0; i < COUNT; ++i) {
    f->samples[i] = (uint32_t)i;
    f->attacked[i] = (uint8_t)(i % CLASSES);
  }
  f->images = (ag_attack_images){f->pixels, f->attacked, f->samples, COUNT};
  assert_int_equal(
      ag_defended_create(entry, f->network, &f->training, COUNT + 2, seed, &f->defended), AG_OK);
  f->target = ag_defended_target(f->defended);
  return f;
}

static void stop(fixture *f)
{
  ag_defended_destroy(&f->defended);
  ag_network_destroy(&f->network);
  free(f->pixels);
  free(f);
}

/* What conv1 hands on for images in [0,1]; the logits too. */
static void pass(const fixture *f, const float *pixels, size_t count, float *points, float *logits)
{
  ag_workspace *workspace = NULL;
  ag_latent latent;
  const ag_pass plain = {.samples = f->samples};
  assert_int_equal(ag_network_find_latent(f->network, "conv1", &latent), AG_OK);
  assert_int_equal(latent.floats, LATENT);
  assert_int_equal(ag_workspace_create(f->network, count, &workspace), AG_OK);
  const float *got = ag_network_forward(f->network, workspace, &plain, pixels, count);
  if (logits != NULL) memcpy(logits, got, count * STRIDE * sizeof *logits);
  memcpy(points, ag_network_latent(workspace, &latent), count * LATENT * sizeof *points);
  ag_workspace_destroy(&workspace);
}

static double squared(const float *a, const float *b)
{
  double sum = 0;
  for (size_t k = 0; k < LATENT; ++k)
    sum += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);
  return sum;
}

/* Points of all training images, as the network has them. */
static float *reference_points(const fixture *f)
{
  float *points = test_floats((size_t)IMAGES * LATENT);
  float *pixels = test_floats(ag_shape_floats(shape));
  uint8_t label = 0;
  for (size_t i = 0; i < IMAGES; ++i) {
    ag_shard_fill(&f->training, shape, NULL, i, 1, pixels, &label);
    pass(f, pixels, 1, points + i * LATENT, NULL);
  }
  free(pixels);
  return points;
}

/* Minus the least squared distance to each class. */
static void by_hand(const fixture *f, const float *references, const float *pixels, double *logits)
{
  float *points = test_floats((size_t)COUNT * LATENT);
  pass(f, pixels, COUNT, points, NULL);
  for (size_t i = 0; i < COUNT; ++i) {
    for (size_t class = 0; class < CLASSES; ++class) {
      double least = INFINITY;
      for (size_t r = 0; r < IMAGES; ++r) {
        if (f->labels[r] != class) continue;
        least = fmin(least, squared(points + i * LATENT, references + r * LATENT));
      }
      logits[i * CLASSES + class] = -least;
    }
  }
  free(points);
}

static double mean_distance(const fixture *f, const float *references)
{
  double sum = 0;
  double pairs = 0;
  for (size_t i = 0; i < IMAGES; ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (f->labels[i] == f->labels[j]) continue;
      sum += squared(references + i * LATENT, references + j * LATENT);
      pairs += 1;
    }
  }
  return sum / pairs;
}

/* As they are in a verdict, and divided by the mean distance for an attack. */
static void logits_are_the_nearest_distances(void **state)
{
  (void)state;
  const ag_entry entry = latent_entry();
  fixture *f = start(&entry, SEED);
  float *references = reference_points(f);
  double want[COUNT * CLASSES];
  float got[COUNT * STRIDE];
  by_hand(f, references, f->pixels, want);
  for (uint32_t call = 0; call < 2; ++call) {
    const double scale = call == 0 ? mean_distance(f, references) : 1;
    f->target->logits(f->target->context, &f->images, call == 0 ? 7 : AG_VERDICT_STEP, got);
    for (size_t i = 0; i < COUNT; ++i) {
      for (size_t k = 0; k < STRIDE; ++k) {
        assert_number_close((double)got[i * STRIDE + k],
                            k < CLASSES ? want[i * CLASSES + k] / scale : 0, 1e-6, 1e-5);
      }
    }
  }
  free(references);
  stop(f);
}

static const double direction[CLASSES] = {0.5, -1, 2, 0.25};

/* A loss whose gradient is the same everywhere. */
static void along_a_direction(size_t count, size_t classes, size_t stride, const float *logits,
                              const uint8_t *labels, float *gradient)
{
  (void)logits;
  (void)labels;
  for (size_t i = 0; i < count * stride; ++i)
    gradient[i] = i % stride < classes ? (float)direction[i % stride] : 0;
}

static double along(const fixture *f, const float *references)
{
  double logits[COUNT * CLASSES];
  double sum = 0;
  by_hand(f, references, f->pixels, logits);
  for (size_t i = 0; i < (size_t)COUNT * CLASSES; ++i)
    sum += direction[i % CLASSES] * logits[i];
  return sum;
}

/* The slope along a pixel, over `step` to both sides: exact where no kink lies near, since squared
 * distances of a network of pieces are squares of pieces. */
static double slope(fixture *f, const float *references, float *value, float step)
{
  const float kept = *value;
  *value = kept + step;
  const double high = along(f, references);
  *value = kept - step;
  const double low = along(f, references);
  *value = kept;
  return (high - low) / (2 * (double)step);
}

static void gradients_go_through_the_distances(void **state)
{
  (void)state;
  const ag_entry entry = latent_entry();
  fixture *f = start(&entry, SEED);
  const float step = 0x1p-7F;
  float *references = reference_points(f);
  float *gradient = test_floats((size_t)COUNT * SIDE * SIDE * STRIDE);
  float logits[COUNT * STRIDE];
  const double temperature = mean_distance(f, references);
  size_t checked = 0;
  size_t passed_over = 0;
  f->target->gradient(f->target->context, &f->images, 1, along_a_direction, logits, gradient);
  for (size_t i = 0; i < (size_t)COUNT * SIDE * SIDE * STRIDE; ++i) {
    if (i % STRIDE >= 3) continue;
    const double far = slope(f, references, &f->pixels[i], step) / temperature;
    const double near = slope(f, references, &f->pixels[i], step / 2) / temperature;
    if (fabs(far - near) > 1e-3 * (1 + fabs(near))) {
      ++passed_over;
      continue;
    }
    ++checked;
    assert_number_close((double)gradient[i], near, 1e-3, 2e-3);
  }
  assert_true(checked > 300 && checked > 3 * passed_over);
  free(gradient);
  free(references);
  stop(f);
}

/* The paper attacks the logits, and classifies by neighbours. */
static void attacks_may_be_shown_the_logits(void **state)
{
  (void)state;
  ag_entry entry = latent_entry();
  set(&entry, "attacked", "logits");
  fixture *f = start(&entry, SEED);
  float *points = test_floats((size_t)COUNT * LATENT);
  float *references = reference_points(f);
  double distances[COUNT * CLASSES];
  float want[COUNT * STRIDE];
  float got[COUNT * STRIDE];
  pass(f, f->pixels, COUNT, points, want);
  f->target->logits(f->target->context, &f->images, 3, got);
  assert_same_bits(got, want, (size_t)COUNT * STRIDE);
  by_hand(f, references, f->pixels, distances);
  f->target->logits(f->target->context, &f->images, AG_VERDICT_STEP, got);
  for (size_t i = 0; i < COUNT; ++i)
    assert_number_close((double)got[i * STRIDE], distances[i * CLASSES], 1e-6, 1e-5);
  free(references);
  free(points);
  stop(f);
}

/* As the network was trained, its logits may be all that is asked of it. */
static void the_logits_may_decide(void **state)
{
  (void)state;
  ag_entry entry = latent_entry();
  set(&entry, "classify", "logits");
  set(&entry, "references", "1000"); /* of which there is no need */
  fixture *f = start(&entry, SEED);
  float *points = test_floats((size_t)COUNT * LATENT);
  float want[COUNT * STRIDE];
  float got[COUNT * STRIDE];
  pass(f, f->pixels, COUNT, points, want);
  for (uint32_t call = 0; call < 2; ++call) {
    f->target->logits(f->target->context, &f->images, call == 0 ? 3 : AG_VERDICT_STEP, got);
    assert_same_bits(got, want, (size_t)COUNT * STRIDE);
  }
  assert_int_equal(ag_defense_check(&entry, f->network, IMAGES), AG_OK);
  free(points);
  stop(f);
}

static void references_follow_the_seed(void **state)
{
  (void)state;
  ag_entry entry = latent_entry();
  set(&entry, "references", "1");
  float logits[3][COUNT * STRIDE];
  const uint64_t seeds[3] = {SEED, SEED, SEED + 1};
  for (size_t i = 0; i < 3; ++i) {
    fixture *f = start(&entry, seeds[i]);
    f->target->logits(f->target->context, &f->images, AG_VERDICT_STEP, logits[i]);
    stop(f);
  }
  assert_same_bits(logits[1], logits[0], (size_t)COUNT * STRIDE);
  assert_memory_not_equal(logits[2], logits[0], sizeof logits[0]);
}

static void too_few_images_are_refused(void **state)
{
  (void)state;
  ag_entry entry = latent_entry();
  fixture *f = start(&entry, SEED);
  ag_defended *none = NULL;
  set(&entry, "references", "4");
  assert_int_equal(ag_defended_create(&entry, f->network, &f->training, COUNT, SEED, &none),
                   AG_BAD_JOB);
  assert_null(none);
  assert_non_null(strstr(ag_message(), "'references' is 4, and class 0 has 3 training images"));
  assert_int_equal(ag_defense_check(&entry, f->network, IMAGES), AG_BAD_JOB);
  assert_int_equal(ag_defense_check(&entry, f->network, 16), AG_OK);
  set(&entry, "layer", "dense1");
  assert_int_equal(ag_defense_check(&entry, f->network, 16), AG_BAD_JOB);
  assert_non_null(strstr(ag_message(), "'layer': what layer 'dense1' hands on are the logits"));
  stop(f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(logits_are_the_nearest_distances),
      cmocka_unit_test(gradients_go_through_the_distances),
      cmocka_unit_test(attacks_may_be_shown_the_logits),
      cmocka_unit_test(the_logits_may_decide),
      cmocka_unit_test(references_follow_the_seed),
      cmocka_unit_test(too_few_images_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
