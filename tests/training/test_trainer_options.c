/* What a job may ask of training besides: labels that are smoothed, and an average of the
 * parameters that is validated and kept. */
#include "training/train.h"

/* The loss of an epoch at a rate at which no parameter moves, against the kernel. */
static void labels_are_smoothed_as_the_job_says(void **state)
{
  (void)state;
  fixture *f = start("1", "50", "7", "1e-9");
  const size_t stride = ag_network_logit_stride(f->network);
  float *pixels = test_floats(TRAINING * ag_shape_floats(shape));
  float losses[TRAINING];
  uint8_t labels[TRAINING];
  uint32_t samples[TRAINING] = {0};
  ag_workspace *workspace = NULL;
  double want = 0;
  set(&f->training.settings, "label_smoothing", "0.3");
  ag_shard_fill(&f->dataset.training, shape, NULL, 0, TRAINING, pixels, labels);
  assert_int_equal(ag_workspace_create(f->network, TRAINING, &workspace), AG_OK);
  const ag_pass pass = {.samples = samples};
  const float *logits = ag_network_forward(f->network, workspace, &pass, pixels, TRAINING);
  ag_cross_entropy_smoothed(TRAINING, 10, stride, logits, labels, 0.3F, 1, losses, NULL);
  for (size_t i = 0; i < TRAINING; ++i)
    want += (double)losses[i] / TRAINING;
  ag_workspace_destroy(&workspace);
  assert_int_equal(train(f, 2), AG_OK);
  assert_number_close(f->epochs[0].loss, want, 0, 1e-5);
  free(pixels);
  stop(f);
}

/* A larger smoothing leaves a network less sure: its gradient is the smoothed loss's. */
static void smoothing_reaches_the_gradient(void **state)
{
  (void)state;
  fixture *f[] = {start("1", "240", "16", "0.1"), start("1", "240", "16", "0.1")};
  set(&f[1]->training.settings, "label_smoothing", "0.3");
  float *before = test_copy(ag_network_block(f[0]->network), ag_network_floats(f[0]->network));
  for (size_t i = 0; i < 2; ++i)
    assert_int_equal(train(f[i], 1), AG_OK);
  assert_true(difference(f[0], f[1], before) > 0.01);
  free(before);
  stop(f[0]);
  stop(f[1]);
}

/* One step from w0 to w1, and the average 0.9 of the way (the warm-up's first decay is 1/10). */
static void the_average_is_kept(void **state)
{
  (void)state;
  fixture *plain = start("1", "240", "16", "0.1");
  fixture *averaged = start("1", "240", "16", "0.1");
  const size_t floats = ag_network_floats(plain->network);
  float *before = test_copy(ag_network_block(plain->network), floats);
  set(&averaged->training.settings, "averaging", "0.999");
  assert_int_equal(train(plain, 2), AG_OK);
  assert_int_equal(train(averaged, 2), AG_OK);
  for (size_t i = 0; i < floats; ++i) {
    const double moved = (double)ag_network_block(plain->network)[i] - (double)before[i];
    assert_number_close((double)ag_network_block(averaged->network)[i] - (double)before[i],
                        0.9 * moved, 1e-7, 1e-4);
  }
  free(before);
  stop(plain);
  stop(averaged);
}

/* Epoch by epoch the steps are those without averaging; what is validated is what is kept. */
static void the_average_is_validated(void **state)
{
  (void)state;
  fixture *plain = start("6", "24", "8", "0.02");
  fixture *averaged = start("6", "24", "8", "0.02");
  set(&averaged->training.settings, "averaging", "0.99");
  assert_int_equal(train(plain, 2), AG_OK);
  assert_int_equal(train(averaged, 2), AG_OK);
  bool differs = false;
  for (size_t i = 0; i < 6; ++i) {
    assert_true(averaged->epochs[i].loss == plain->epochs[i].loss);
    differs = differs ||
              averaged->epochs[i].validation_accuracy != plain->epochs[i].validation_accuracy;
  }
  assert_true(differs);
  assert_number_close(plain->epochs[5].validation_accuracy,
                      accuracy_on(plain, &plain->dataset.validation), 1e-12, 0);
  assert_number_close(averaged->epochs[5].validation_accuracy,
                      accuracy_on(averaged, &averaged->dataset.validation), 1e-12, 0);
  stop(plain);
  stop(averaged);
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(labels_are_smoothed_as_the_job_says),
      cmocka_unit_test(smoothing_reaches_the_gradient),
      cmocka_unit_test(the_average_is_kept),
      cmocka_unit_test(the_average_is_validated),
  };
  return ranks_run(argc, argv, tests, sizeof tests / sizeof *tests);
}
