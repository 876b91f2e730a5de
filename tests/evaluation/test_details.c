/* What the evaluator brings home besides outcomes, against passes made here: pictures and their
 * probabilities, latent points, distances and draws, whatever the shards are. */
#include "evaluation/attacked.h"

enum {
  CHANNELS = 6,          /* of conv1, which hands on [4, 4, 6] behind its pooling, */
  POINT = 16 * CHANNELS, /* and [8, 8, 6] behind a noise, which the pooling waits for */
  NOISY = 64 * CHANNELS,
  DRAWS = 11, /* two bytes of bits */
  EXAMPLES = 3,
  POINTS = 7,
  VICTIM = 2, /* right from the start; image 1 is not */
  REFERENCES = 2 * CLASSES
};

static const ag_attack by_hand = {.kind = {.name = "by-hand"},
                                  .scratch_floats = scratch_floats,
                                  .cost = no_cost,
                                  .run = run_by_hand};
static const ag_attack boaster = {.kind = {.name = "boaster"},
                                  .finds = AG_FINDS_DISTANCE,
                                  .scratch_floats = scratch_floats,
                                  .cost = no_cost,
                                  .run = run_by_hand};

/* ---- collecting -------------------------------------------------------------------------------
 */

static ag_details_form form_of(size_t draws, bool neighbours)
{
  ag_details_form form = {.draws = draws, .layer = "conv1"};
  form.kinds[AG_DETAIL_PIXELS].images = EXAMPLES;
  form.kinds[AG_DETAIL_PIXELS].bytes = sizeof(float) * PIXELS * 3;
  form.kinds[AG_DETAIL_PROBABILITIES].images = EXAMPLES;
  form.kinds[AG_DETAIL_PROBABILITIES].bytes = sizeof(float) * CLASSES;
  form.kinds[AG_DETAIL_POINT].images = POINTS;
  form.kinds[AG_DETAIL_POINT].bytes = sizeof(float) * (draws > 0 ? NOISY : POINT);
  form.kinds[AG_DETAIL_DISTANCE].images = SIZE_MAX;
  form.kinds[AG_DETAIL_DISTANCE].bytes = neighbours ? sizeof(float) : 0;
  form.kinds[AG_DETAIL_DRAWS].images = SIZE_MAX;
  form.kinds[AG_DETAIL_DRAWS].bytes = (draws + 7) / 8;
  return form;
}

/* Details of images first .. first + count - 1, in shards of `capacity`; the block is filled with
 * what must be overwritten. Freed by the caller. */
static ag_details collect(fixture *f, const ag_kind *attack, const ag_images *training,
                          const ag_details_form *form, size_t first, size_t count, size_t capacity)
{
  ag_evaluator *evaluator = NULL;
  ag_details details = {.form = form, .first = first, .count = count};
  const size_t bytes = ag_details_bytes(&details);
  details.block = test_bytes(bytes);
  memset(details.block, 0xA5, bytes);
  ag_entry_start(&f->attack, attack);
  assert_int_equal(
      ag_evaluator_create(&f->defense, f->network, training, &f->attack, capacity, 9, &evaluator),
      AG_OK);
  assert_int_equal(ag_evaluator_collect(evaluator, &details), AG_OK);
  for (size_t done = 0; done < count; done += capacity) {
    const size_t shard = ag_minimum(count - done, capacity);
    assert_int_equal(ag_evaluate_shard(evaluator, &f->images, first + done, shard, 0.9,
                                       f->outcomes + first + done, &f->cost),
                     AG_OK);
  }
  ag_evaluator_destroy(&evaluator);
  return details;
}

static const float *value(const ag_details *details, ag_detail kind, ag_side side, size_t image)
{
  return ag_details_value(details, kind, side, image);
}

/* Whether the victim is moved on that side: what it is is its image's own. */
static bool is_moved(ag_side side, size_t image)
{
  return side == AG_SIDE_ATTACKED && image == VICTIM;
}

/* ---- what it should be ------------------------------------------------------------------------
 */

/* The image, padded, as an attack by hand leaves it. */
static float *image_by_hand(const fixture *f, ag_side side, size_t image)
{
  const size_t stride = ag_channels_padded(3);
  float *pixels = test_floats(PIXELS * stride);
  for (size_t i = 0; i < PIXELS * 3; ++i)
    pixels[i / 3 * stride + i % 3] = (float)f->pixels[image * PIXELS * 3 + i] / 255.0F;
  if (is_moved(side, image)) pixels[41] = seen.value;
  return pixels;
}

/* A pass with the noise of that draw of a verdict. logits[CLASSES], point[NOISY]: unpadded. */
static void pass_by_hand(const fixture *f, ag_side side, size_t image, uint64_t draw,
                         double *logits, double *point)
{
  ag_workspace *workspace = NULL;
  ag_latent latent;
  const uint32_t sample = (uint32_t)image;
  float *pixels = image_by_hand(f, side, image);
  const ag_pass pass = {
      .seed = 9 + 0xD1B54A32D192ED03U * (draw + 1), .step = AG_VERDICT_STEP, .samples = &sample};
  assert_int_equal(ag_network_find_latent(f->network, "conv1", &latent), AG_OK);
  assert_int_equal(ag_workspace_create(f->network, 1, &workspace), AG_OK);
  const float *got = ag_network_forward(f->network, workspace, &pass, pixels, 1);
  for (size_t i = 0; i < CLASSES; ++i)
    logits[i] = (double)got[i];
  memset(point, 0, NOISY * sizeof *point);
  for (size_t i = 0; i < latent.floats / 8 * CHANNELS; ++i) {
    point[i] = (double)ag_network_latent(workspace, &latent)[i / CHANNELS * 8 + i % CHANNELS];
  }
  ag_workspace_destroy(&workspace);
  free(pixels);
}

static size_t largest(const double *values)
{
  size_t best = 0;
  for (size_t i = 1; i < CLASSES; ++i) {
    if (values[i] > values[best]) best = i;
  }
  return best;
}

/* Mean logits and points over draws, and each draw's prediction. */
typedef struct verdict {
  double logits[CLASSES], point[NOISY];
  size_t predictions[DRAWS];
} verdict;

static verdict verdict_by_hand(const fixture *f, ag_side side, size_t image, size_t draws)
{
  verdict mean = {{0}, {0}, {0}};
  for (size_t draw = 0; draw < draws; ++draw) {
    verdict one;
    pass_by_hand(f, side, image, draw, one.logits, one.point);
    mean.predictions[draw] = largest(one.logits);
    for (size_t i = 0; i < CLASSES; ++i)
      mean.logits[i] += one.logits[i] / (double)draws;
    for (size_t i = 0; i < NOISY; ++i)
      mean.point[i] += one.point[i] / (double)draws;
  }
  return mean;
}

static void check_image(const fixture *f, const ag_details *details, ag_side side, size_t image,
                        size_t draws)
{
  const verdict want = verdict_by_hand(f, side, image, draws);
  if (image < EXAMPLES) {
    float *pixels = image_by_hand(f, side, image);
    const float *got = value(details, AG_DETAIL_PIXELS, side, image);
    double sum = 0;
    for (size_t i = 0; i < PIXELS * 3; ++i)
      assert_true(got[i] == pixels[i / 3 * 8 + i % 3]);
    for (size_t i = 0; i < CLASSES; ++i)
      sum += exp(want.logits[i]);
    for (size_t i = 0; i < CLASSES; ++i) {
      assert_number_close((double)value(details, AG_DETAIL_PROBABILITIES, side, image)[i],
                          exp(want.logits[i]) / sum, 1e-6, 1e-5);
    }
    free(pixels);
  }
  const size_t floats = details->form->kinds[AG_DETAIL_POINT].bytes / sizeof(float);
  for (size_t i = 0; image < POINTS && i < floats; ++i) {
    assert_number_close((double)value(details, AG_DETAIL_POINT, side, image)[i], want.point[i],
                        1e-6, 1e-5);
  }
  for (size_t draw = 0; draw < details->form->draws; ++draw) {
    const uint8_t *bits = ag_details_value(details, AG_DETAIL_DRAWS, side, image);
    assert_int_equal(bits[draw / 8] >> draw % 8 & 1, want.predictions[draw] == f->labels[image]);
  }
}

/* ---- tests --------------------------------------------------------------------------------------
 */

/* An image that is wrong from the start is not attacked: both sides are the clean one's. */
static void they_are_what_passes_give(void **state)
{
  (void)state;
  const ag_details_form form = form_of(0, false);
  fixture *f = start((network_wish){0}, "none");
  seen.victim = VICTIM;
  seen.value = 0.9F;
  ag_details details = collect(f, &by_hand.kind, NULL, &form, 0, IMAGES, IMAGES);
  assert_true(is_wrong(1) && !is_wrong(VICTIM));
  for (size_t i = 0; i < IMAGES; ++i) {
    check_image(f, &details, AG_SIDE_CLEAN, i, 1);
    check_image(f, &details, AG_SIDE_ATTACKED, i, 1);
  }
  free(details.block);
  stop(f);
}

static void of_a_random_network_they_are_means_and_bits(void **state)
{
  (void)state;
  const ag_details_form form = form_of(DRAWS, false);
  fixture *f = start((network_wish){.noise = 0.5}, "gaussian-noise");
  assert_int_equal(ag_settings_set(&f->defense.settings, "draws", "11"), AG_OK);
  ag_details details = {0};
  /* Who is right by the mean of so many draws is attacked: the victim at least. */
  verdict first = verdict_by_hand(f, AG_SIDE_CLEAN, VICTIM, DRAWS);
  f->labels[VICTIM] = (uint8_t)largest(first.logits);
  seen.victim = VICTIM;
  seen.value = 0.9F;
  details = collect(f, &by_hand.kind, NULL, &form, 0, IMAGES, IMAGES);
  for (size_t i = 0; i < IMAGES; ++i) {
    check_image(f, &details, AG_SIDE_CLEAN, i, DRAWS);
    check_image(f, &details, AG_SIDE_ATTACKED, i, DRAWS);
  }
  free(details.block);
  stop(f);
}

/* Shares of votes are probabilities as they are. */
static void by_majority_probabilities_are_shares(void **state)
{
  (void)state;
  const ag_details_form form = form_of(DRAWS, false);
  fixture *f = start((network_wish){.noise = 0.5}, "gaussian-noise");
  assert_int_equal(ag_settings_set(&f->defense.settings, "draws", "11"), AG_OK);
  assert_int_equal(ag_settings_set(&f->defense.settings, "vote", "majority"), AG_OK);
  ag_details details = collect(f, &by_hand.kind, NULL, &form, 0, IMAGES, IMAGES);
  for (size_t i = 0; i < EXAMPLES; ++i) {
    const verdict want = verdict_by_hand(f, AG_SIDE_CLEAN, i, DRAWS);
    double shares[CLASSES] = {0};
    for (size_t draw = 0; draw < DRAWS; ++draw)
      shares[want.predictions[draw]] += 1.0 / DRAWS;
    for (size_t c = 0; c < CLASSES; ++c) {
      assert_number_close((double)value(&details, AG_DETAIL_PROBABILITIES, AG_SIDE_CLEAN, i)[c],
                          shares[c], 1e-6, 0);
    }
  }
  free(details.block);
  stop(f);
}

/* All training images are references: the nearest of all is the nearest there is. */
static void distances_are_to_the_nearest_of_all(void **state)
{
  (void)state;
  ag_details_form form = form_of(0, true);
  fixture *f = start((network_wish){0}, "latent");
  uint8_t *bytes = test_bytes((size_t)REFERENCES * PIXELS * 3);
  uint8_t labels[REFERENCES];
  ag_random random = ag_random_stream(5, AG_PURPOSE_TEST, 0, 0);
  for (size_t i = 0; i < (size_t)REFERENCES * PIXELS * 3; ++i)
    bytes[i] = (uint8_t)ag_random_below(&random, 256);
  for (size_t i = 0; i < REFERENCES; ++i)
    labels[i] = (uint8_t)(i % CLASSES);
  const ag_images training = {REFERENCES, bytes, labels};
  assert_int_equal(ag_settings_set(&f->defense.settings, "layer", "conv1"), AG_OK);
  assert_int_equal(ag_settings_set(&f->defense.settings, "references", "2"), AG_OK);
  seen.victim = VICTIM;
  seen.value = 0.9F;
  ag_details details = collect(f, &by_hand.kind, &training, &form, 0, IMAGES, IMAGES);
  free(details.block); /* it said how images are classified */
  f->labels[VICTIM] = f->outcomes[VICTIM].clean_prediction;
  details = collect(f, &by_hand.kind, &training, &form, 0, IMAGES, 5);
  fixture references = *f;
  memcpy(references.pixels, bytes, sizeof references.pixels);
  for (size_t i = 0; i < IMAGES; ++i) {
    for (ag_side side = 0; side < AG_SIDES; ++side) {
      double logits[CLASSES];
      double point[NOISY];
      double nearest = INFINITY;
      pass_by_hand(f, side, i, 0, logits, point);
      for (size_t r = 0; r < REFERENCES; ++r) {
        double other[NOISY];
        double sum = 0;
        memcpy(references.pixels, bytes + r * PIXELS * 3, (size_t)PIXELS * 3);
        pass_by_hand(&references, AG_SIDE_CLEAN, 0, 0, logits, other);
        for (size_t k = 0; k < POINT; ++k)
          sum += (point[k] - other[k]) * (point[k] - other[k]);
        nearest = fmin(nearest, sqrt(sum));
      }
      assert_number_close((double)*value(&details, AG_DETAIL_DISTANCE, side, i), nearest, 1e-6,
                          1e-5);
    }
  }
  assert_true(*value(&details, AG_DETAIL_DISTANCE, AG_SIDE_CLEAN, VICTIM) !=
              *value(&details, AG_DETAIL_DISTANCE, AG_SIDE_ATTACKED, VICTIM));
  free(details.block);
  free(bytes);
  stop(f);
}

/* Parts of any size, in shards of any size, come to the bytes of the whole; and what is brought
 * home changes no outcome. */
static void parts_come_to_the_whole(void **state)
{
  (void)state;
  const ag_details_form form = form_of(DRAWS, false);
  fixture *f = start((network_wish){.noise = 0.5}, "gaussian-noise");
  ag_outcome outcomes[IMAGES];
  assert_int_equal(ag_settings_set(&f->defense.settings, "draws", "11"), AG_OK);
  assert_int_equal(evaluate(f, kind("fgsm"), 4, 0.9, 0, IMAGES), AG_OK);
  memcpy(outcomes, f->outcomes, sizeof outcomes);
  ag_details whole = collect(f, kind("fgsm"), NULL, &form, 0, IMAGES, IMAGES);
  const size_t bytes = ag_details_bytes(&whole);
  for (size_t part = 1; part < 6; part += 2) {
    ag_details together = whole;
    together.block = test_bytes(bytes);
    for (size_t first = 0; first < IMAGES; first += part) {
      ag_details some =
          collect(f, kind("fgsm"), NULL, &form, first, ag_minimum(part, IMAGES - first), 2);
      ag_details_copy(&some, &together);
      free(some.block);
    }
    assert_memory_equal(together.block, whole.block, bytes);
    assert_memory_equal(f->outcomes, outcomes, sizeof outcomes);
    free(together.block);
  }
  free(whole.block);
  stop(f);
}

/* Where an attack finds distances, an image that is too far away is the clean one. */
static void at_an_epsilon_what_is_too_far_is_clean(void **state)
{
  (void)state;
  const ag_details_form form = form_of(0, false);
  fixture *f = start((network_wish){0}, "none");
  seen.victim = VICTIM;
  seen.value = 0.9F;
  ag_details details = collect(f, &boaster.kind, NULL, &form, 0, IMAGES, IMAGES);
  const size_t bytes = sizeof(float) * PIXELS * 3;
  f->outcomes[VICTIM].linf = f->outcomes[VICTIM].l2 = 0.5F; /* as if it had been found there */
  for (size_t i = 0; i < 2; ++i) {
    static const double epsilons[] = {0.6, 0.4}; /* first it is near enough */
    ag_details_at(&f->attack, epsilons[i], f->outcomes, &details);
    for (ag_detail kind = 0; kind < AG_DETAIL_DISTANCE; ++kind) {
      const bool same = memcmp(value(&details, kind, AG_SIDE_CLEAN, VICTIM),
                               value(&details, kind, AG_SIDE_ATTACKED, VICTIM),
                               form.kinds[kind].bytes) == 0;
      assert_int_equal(same, i == 1);
    }
  }
  assert_memory_equal(value(&details, AG_DETAIL_PIXELS, AG_SIDE_CLEAN, VICTIM),
                      value(&details, AG_DETAIL_PIXELS, AG_SIDE_ATTACKED, VICTIM), bytes);
  free(details.block);
  stop(f);
}

static void a_layer_that_is_not_there_is_refused(void **state)
{
  (void)state;
  ag_details_form form = form_of(0, false);
  ag_evaluator *evaluator = NULL;
  fixture *f = start((network_wish){0}, "none");
  snprintf(form.layer, sizeof form.layer, "conv9");
  ag_entry_start(&f->attack, kind("fgsm"));
  assert_int_equal(ag_evaluator_create(&f->defense, f->network, NULL, &f->attack, 2, 9, &evaluator),
                   AG_OK);
  assert_int_equal(ag_evaluator_collect(evaluator, &(ag_details){.form = &form}), AG_BAD_JOB);
  assert_non_null(strstr(ag_message(), "conv9"));
  assert_int_equal(ag_evaluator_collect(evaluator, &(ag_details){0}), AG_OK);
  ag_evaluator_destroy(&evaluator);
  stop(f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(they_are_what_passes_give),
      cmocka_unit_test(of_a_random_network_they_are_means_and_bits),
      cmocka_unit_test(by_majority_probabilities_are_shares),
      cmocka_unit_test(distances_are_to_the_nearest_of_all),
      cmocka_unit_test(parts_come_to_the_whole),
      cmocka_unit_test(at_an_epsilon_what_is_too_far_is_clean),
      cmocka_unit_test(a_layer_that_is_not_there_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
