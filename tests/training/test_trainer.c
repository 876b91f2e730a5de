/* The trainer on one rank: it learns, stops where numbers are not finite, and comes to the same
 * parameters however its batches are cut and shared out. */
#include "training/train.h"

/* ---- learning ---- */

static void learns(void **state)
{
  (void)state;
  fixture *f = start("6", "32", "16", "0.02");
  assert_int_equal(train(f, 2), AG_OK);
  assert_int_equal(f->epoch_count, 6);
  assert_int_equal(f->images, (size_t)6 * TRAINING);
  assert_int_equal(f->steps, 6 * 8); /* seven batches of 32 and one of 16 */
  for (size_t i = 0; i < 6; ++i) {
    assert_int_equal(f->epochs[i].epoch, i + 1);
    assert_number_close(f->epochs[i].learning_rate, 0.02, 0, 1e-12);
    assert_true(f->epochs[i].train_accuracy >= 0 && f->epochs[i].train_accuracy <= 1);
    assert_true(f->epochs[i].validation_accuracy >= 0 && f->epochs[i].validation_accuracy <= 1);
    assert_true(isfinite(f->epochs[i].loss) && f->epochs[i].seconds >= 0);
  }
  assert_true(f->epochs[5].loss < 0.8 * f->epochs[0].loss);
  assert_true(f->epochs[5].train_accuracy > f->epochs[0].train_accuracy + 0.1);
  stop(f);
}

/* The first epoch's rows against a pass by hand: a rate so small that no parameter moves. */
static void rows_count_what_the_network_says(void **state)
{
  (void)state;
  fixture *f = start("1", "50", "7", "1e-9");
  float *pixels = test_floats((size_t)(TRAINING + VALIDATION) * ag_shape_floats(shape));
  uint8_t labels[TRAINING + VALIDATION];
  uint8_t predictions[TRAINING + VALIDATION];
  uint32_t samples[TRAINING + VALIDATION] = {0};
  float *const validation = pixels + (size_t)TRAINING * ag_shape_floats(shape);
  double right[2] = {0};
  ag_shard_fill(&f->dataset.training, shape, NULL, 0, TRAINING, pixels, labels);
  ag_shard_fill(&f->dataset.validation, shape, NULL, 0, VALIDATION, validation, labels + TRAINING);
  network_predict(f->network, pixels, TRAINING + VALIDATION, samples, predictions);
  for (size_t i = 0; i < TRAINING + VALIDATION; ++i)
    right[i < TRAINING ? 0 : 1] += predictions[i] == labels[i];
  assert_int_equal(train(f, 1), AG_OK);
  assert_number_close(f->epochs[0].train_accuracy, right[0] / TRAINING, 1e-12, 0);
  assert_number_close(f->epochs[0].validation_accuracy, right[1] / VALIDATION, 1e-12, 0);
  free(pixels);
  stop(f);
}

/* A rate far too high: the failure names epoch and step, and nothing is left to free. */
static void stops_where_numbers_are_not_finite(void **state)
{
  (void)state;
  for (size_t threads = 1; threads <= 2; ++threads) {
    const size_t blocks = ag_live_blocks();
    fixture *f = start("4", "32", "16", "100");
    assert_int_equal(train(f, threads), AG_NOT_FINITE);
    assert_non_null(strstr(ag_message(), "epoch "));
    assert_non_null(strstr(ag_message(), "step "));
    assert_true(f->epoch_count < 4);
    stop(f);
    assert_int_equal(ag_live_blocks(), blocks);
  }
}

static ag_status refuse_epoch(void *context, const ag_epoch *epoch)
{
  (void)context;
  return epoch->epoch == 2 ? ag_fail(AG_IO_ERROR, "the disk is full") : AG_OK;
}

static void a_failing_event_stops_it(void **state)
{
  (void)state;
  fixture *f = start("5", "64", "16", "0.01");
  ag_pool *pool = NULL;
  const ag_training_events events = {.context = f, .step = count_step, .epoch = refuse_epoch};
  assert_int_equal(ag_pool_create(1, &pool), AG_OK);
  assert_int_equal(ag_train(&f->training, 1, &f->dataset, pool, &f->team, &events, f->network),
                   AG_IO_ERROR);
  assert_string_equal(ag_message(), "the disk is full");
  assert_int_equal(f->images, 2 * TRAINING);
  ag_pool_destroy(&pool);
  stop(f);
}

/* ---- the same, however it is cut ---- */

/* One step on all images: the parameters move by the gradient of the batch. */
static void gradient_does_not_depend_on_shards(void **state)
{
  (void)state;
  static const char *const shards[] = {"240", "7", "16", "32", "1000"};
  fixture *want = start("1", "240", shards[0], "0.1");
  float *before = test_copy(ag_network_values(want->network), ag_network_floats(want->network));
  assert_int_equal(train(want, 1), AG_OK);
  for (size_t i = 1; i < 5; ++i) {
    for (size_t threads = 1; threads <= 2; ++threads) {
      fixture *f = start("1", "240", shards[i], "0.1");
      assert_int_equal(train(f, threads), AG_OK);
      assert_int_equal(f->steps, 1);
      assert_true(difference(want, f, before) < 1e-5);
      assert_number_close(f->epochs[0].loss, want->epochs[0].loss, 0, 1e-6);
      stop(f);
    }
  }
  free(before);
  stop(want);
}

/* Several steps with augmentation, batches of three shards and a last one of two. */
static void threads_change_nothing(void **state)
{
  (void)state;
  fixture *one = start("2", "52", "20", "0.02");
  one->training.augmentation = AG_AUGMENT_FLIP | AG_AUGMENT_CROP;
  assert_int_equal(train(one, 1), AG_OK);
  for (size_t threads = 1; threads <= 4; ++threads) {
    fixture *f = start("2", "52", "20", "0.02");
    f->training.augmentation = AG_AUGMENT_FLIP | AG_AUGMENT_CROP;
    assert_int_equal(train(f, threads), AG_OK);
    assert_same_training(f, one);
    stop(f);
  }
  stop(one);
}

/* Without momentum, a step is as long as the rate times the clipped gradient. */
static void clip_bounds_the_step(void **state)
{
  (void)state;
  fixture *f = start("1", "240", "16", "0.5");
  float *before = test_copy(ag_network_values(f->network), ag_network_floats(f->network));
  double moved = 0;
  set(&f->training.settings, "clip", "0.01");
  set(&f->training.optimizer.settings, "momentum", "0");
  set(&f->training.optimizer.settings, "weight_decay", "0");
  assert_int_equal(train(f, 1), AG_OK);
  for (size_t i = 0; i < ag_network_floats(f->network); ++i) {
    const double d = (double)ag_network_values(f->network)[i] - (double)before[i];
    moved += d * d;
  }
  assert_number_close(sqrt(moved), 0.5 * 0.01, 0, 1e-3);
  free(before);
  stop(f);
}

/* ---- what training must leave alone ---- */

static void padding_and_constants_stay(void **state)
{
  (void)state;
  fixture *f = start("2", "32", "16", "0.02");
  const size_t floats = ag_network_floats(f->network);
  float *before = test_copy(ag_network_values(f->network), floats);
  float *file = test_floats(floats);
  float *plain = test_floats(floats);
  assert_int_equal(train(f, 2), AG_OK);
  const float *block = ag_network_values(f->network);
  for (size_t p = 0; p < ag_network_parameter_count(f->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(f->network, p);
    if (parameter->trained) {
      ag_parameter_export(parameter, block, file);
      ag_parameter_import(parameter, file, plain);
      assert_same_bits(block + parameter->offset, plain + parameter->offset, parameter->floats);
      assert_memory_not_equal(block + parameter->offset, before + parameter->offset,
                              parameter->floats * sizeof(float));
    } else {
      assert_same_bits(block + parameter->offset, before + parameter->offset, parameter->floats);
    }
  }
  free(before);
  free(file);
  free(plain);
  stop(f);
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(learns),
      cmocka_unit_test(rows_count_what_the_network_says),
      cmocka_unit_test(stops_where_numbers_are_not_finite),
      cmocka_unit_test(a_failing_event_stops_it),
      cmocka_unit_test(gradient_does_not_depend_on_shards),
      cmocka_unit_test(threads_change_nothing),
      cmocka_unit_test(clip_bounds_the_step),
      cmocka_unit_test(padding_and_constants_stay),
  };
  return ranks_run(argc, argv, tests, sizeof tests / sizeof *tests);
}
