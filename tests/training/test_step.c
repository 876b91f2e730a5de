/* From summed gradients to parameters, by the ranks of a team and their threads: the steps by their
 * definition, the parameters' average, and the same bits for any number of ranks and threads. */
#include "training/batches.h"

#include "training/step.h"

enum { THREADS = 3, STEPS = 4, IMAGES = 16 };

/* Of the batches, in turns. */
static const size_t sizes[2] = {5, 2};

typedef struct fixture {
  ag_training training;
  ag_network *network;
  batches *batches;
  ag_weights *weights;
  ag_stepper *stepper;
  size_t floats;
  uint64_t steps;
} fixture;

static fixture *start(MPI_Comm communicator, size_t threads, const char *clip,
                      const char *averaging)
{
  fixture *f = (fixture *)test_bytes(sizeof *f);
  ag_settings_start(&f->training.settings, ag_training_options);
  assert_int_equal(ag_settings_set(&f->training.settings, "clip", clip), AG_OK);
  assert_int_equal(ag_settings_set(&f->training.settings, "averaging", averaging), AG_OK);
  ag_entry_start(&f->training.optimizer, ag_kind_find(ag_optimizer_table, "sgd"));
  f->network = batches_network();
  f->floats = ag_network_floats(f->network);
  f->batches = batches_start(f->network, communicator, threads, sizes);
  if (ag_stepper_create(&f->training, f->batches->pool, f->network, &f->stepper) != AG_OK) {
    fail_msg("%s", ag_message());
  }
  assert_int_equal(
      ag_weights_create(f->network, &f->batches->team, f->batches->partition, threads, &f->weights),
      AG_OK);
  ag_stepper_join(f->stepper, &f->batches->team, f->batches->sum, f->weights);
  return f;
}

static void stop(fixture *f)
{
  ag_stepper_destroy(&f->stepper);
  assert_null(f->stepper);
  ag_weights_destroy(&f->weights);
  batches_stop(f->batches);
  ag_network_destroy(&f->network);
  free(f);
}

static size_t shards_of(uint64_t step)
{
  return sizes[step % 2];
}

static float **draw(const fixture *f, uint64_t step, bool spread)
{
  return batches_draw_all(f->network, (uint32_t)(100 * step), shards_of(step), spread);
}

/* One step down gradients of their own; returns their norm. */
static double step(fixture *f, double rate, bool spread)
{
  float **parts = draw(f, f->steps, spread);
  const double norm = batches_take(f->batches, parts, shards_of(f->steps));
  batches_free(parts, shards_of(f->steps));
  ag_stepper_step(f->stepper, f->steps++, IMAGES, rate, norm);
  for (size_t layer = 0; layer < f->batches->partition->layers; ++layer)
    ag_weights_await(f->weights, layer, true, NULL, NULL);
  ag_weights_settle(f->weights);
  return norm;
}

/* The same step with the optimizer's own functions on whole parameters. norm: the stepper's, which
 * must be right, and is taken to the bit. */
static void step_by_hand(const fixture *f, double rate, double norm, const float *sums,
                         float *weights, float *velocity)
{
  double squares = 0;
  const double limit = ag_settings_number(&f->training.settings, "clip");
  const float factor = ag_gradient_clip(norm, limit);
  for (size_t p = 0; p < ag_network_parameter_count(f->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(f->network, p);
    const size_t at = parameter->offset;
    if (parameter->trained) {
      squares += test_dot(sums + at, sums + at, parameter->floats);
      ag_optimizer_step(&f->training.optimizer, rate, factor, parameter->decayed, parameter->floats,
                        sums + at, weights + at, velocity + at);
    } else if (parameter->averaged) {
      ag_statistics_step(IMAGES, parameter->floats, sums + at, weights + at);
    }
  }
  assert_number_close(norm, sqrt(squares), 0, 1e-12);
  assert_true(limit == 0 || norm > 2 * limit);
}

static void steps_are_those_by_hand(void **state)
{
  (void)state;
  static const char *const clips[] = {"0", "1"};
  for (size_t c = 0; c < 2; ++c) {
    fixture *f = start(MPI_COMM_WORLD, THREADS, clips[c], "0");
    float *weights = test_copy(ag_network_values(f->network), f->floats);
    float *velocity = test_floats(f->floats);
    for (uint64_t s = 0; s < STEPS; ++s) {
      float **parts = draw(f, s, false);
      float *sums = batches_tree(parts, (ag_shard_range){0, shards_of(s)}, f->floats);
      step_by_hand(f, 0.1, step(f, 0.1, false), sums, weights, velocity);
      assert_same_bits(ag_network_values(f->network), weights, f->floats);
      batches_free(parts, shards_of(s));
      free(sums);
    }
    free(weights);
    free(velocity);
    stop(f);
  }
}

/* Alone on one thread, and by all ranks on one, two or three: the weights, the norm, the average
 * and the velocity of the rank's own slices. */
static void ranks_and_threads_change_nothing(void **state)
{
  (void)state;
  fixture *alone = start(MPI_COMM_SELF, 1, "3", "0.5");
  double norms[STEPS];
  for (size_t s = 0; s < STEPS; ++s)
    norms[s] = step(alone, 0.001, true);
  float *weights = test_copy(ag_network_values(alone->network), alone->floats);
  ag_stepper_swap(alone->stepper);
  for (size_t threads = 1; threads <= THREADS; ++threads) {
    fixture *f = start(MPI_COMM_WORLD, threads, "3", "0.5");
    for (size_t s = 0; s < STEPS; ++s)
      assert_true(step(f, 0.001, true) == norms[s] && norms[s] > 3);
    assert_same_bits(ag_network_values(f->network), weights, f->floats);
    ag_stepper_swap(f->stepper);
    assert_same_bits(ag_network_values(f->network), ag_network_values(alone->network), f->floats);
    for (size_t s = 0; s < f->batches->partition->slice_count; ++s) {
      const ag_slice *slice = &f->batches->partition->slices[s];
      if (slice->rank != f->batches->team.rank) continue;
      assert_same_bits(ag_stepper_velocity(f->stepper) + slice->offset,
                       ag_stepper_velocity(alone->stepper) + slice->offset, slice->floats);
    }
    stop(f);
  }
  free(weights);
  stop(alone);
}

/* What is not trained stays, what is trained moves; and a batch leaves nothing to the next one. */
static void constants_stay_and_gradients_are_cleared(void **state)
{
  (void)state;
  fixture *f = start(MPI_COMM_WORLD, 2, "0", "0");
  float *before = test_copy(ag_network_values(f->network), f->floats);
  assert_true(step(f, 0.1, false) > 1);
  for (size_t p = 0; p < ag_network_parameter_count(f->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(f->network, p);
    const float *values = ag_network_values(f->network) + parameter->offset;
    if (parameter->trained || parameter->averaged) {
      assert_memory_not_equal(values, before + parameter->offset,
                              parameter->floats * sizeof *values);
    } else {
      assert_same_bits(values, before + parameter->offset, parameter->floats);
    }
  }
  for (size_t k = 0; k < 2; ++k) {
    float **parts = (float **)test_bytes(sizes[k] * sizeof *parts);
    for (size_t shard = 0; shard < sizes[k]; ++shard)
      parts[shard] = test_floats(f->floats);
    assert_true(batches_take(f->batches, parts, sizes[k]) == 0);
    batches_free(parts, sizes[k]);
  }
  free(before);
  stop(f);
}

/* What passes read was made of the new weights. */
static void network_is_prepared_for_the_next_batch(void **state)
{
  (void)state;
  fixture *f = start(MPI_COMM_WORLD, 2, "0", "0");
  const size_t logits = ag_network_logit_stride(f->network);
  const uint32_t sample = 3;
  const ag_pass pass = {.training = true, .samples = &sample};
  ag_workspace *workspace = build_workspace(f->network, 1);
  float *image = build_images(f->network, 1, 1);
  ag_network_prepare(f->network, true, NULL);
  float *before = test_copy(ag_network_forward(f->network, workspace, &pass, image, 1), logits);
  step(f, 0.1, false);
  float *got = test_copy(ag_network_forward(f->network, workspace, &pass, image, 1), logits);
  ag_network_prepare(f->network, true, NULL);
  assert_same_bits(got, ag_network_forward(f->network, workspace, &pass, image, 1), logits);
  assert_memory_not_equal(got, before, logits * sizeof *got);
  free(got);
  free(before);
  free(image);
  ag_workspace_destroy(&workspace);
  stop(f);
}

/* ---- averaging ---- */

/* Ten steps, of which the last two are averaged with the decay of the job, 1/2, and the others with
 * that of the warm-up: 1/10, 2/11, 3/12, ... Behind them the network has the average, and then its
 * own parameters again. */
static void average_is_that_by_hand(void **state)
{
  (void)state;
  static const double decays[] = {1 / 10., 2 / 11., 3 / 12., 4 / 13., 5 / 14.,
                                  6 / 15., 7 / 16., 8 / 17., 0.5,     0.5};
  fixture *f = start(MPI_COMM_WORLD, 2, "1", "0.5");
  const float *block = ag_network_values(f->network);
  double *want = (double *)test_bytes(f->floats * sizeof *want);
  for (size_t i = 0; i < f->floats; ++i)
    want[i] = (double)block[i];
  for (size_t t = 0; t < COUNT_OF(decays); ++t) {
    step(f, 0.5, false);
    for (size_t i = 0; i < f->floats; ++i)
      want[i] = decays[t] * want[i] + (1 - decays[t]) * (double)block[i];
  }
  float *own = test_copy(block, f->floats);
  ag_stepper_swap(f->stepper);
  double apart = 0;
  for (size_t i = 0; i < f->floats; ++i) {
    assert_number_close((double)block[i], want[i], 1e-6, 1e-6);
    apart = fmax(apart, fabs(want[i] - (double)own[i]));
  }
  assert_true(apart > 1e-3);
  ag_stepper_swap(f->stepper);
  assert_same_bits(block, own, f->floats);
  free(want);
  free(own);
  stop(f);
}

/* The steps are the same with and without; without, there is nothing to exchange. */
static void averaging_changes_no_step(void **state)
{
  (void)state;
  fixture *plain = start(MPI_COMM_WORLD, 2, "1", "0");
  fixture *averaged = start(MPI_COMM_WORLD, 2, "1", "0.9");
  assert_null(ag_stepper_average(plain->stepper));
  assert_non_null(ag_stepper_average(averaged->stepper));
  for (size_t s = 0; s < STEPS; ++s) {
    const double norm = step(plain, 0.5, false);
    assert_true(step(averaged, 0.5, false) == norm);
    assert_same_bits(ag_network_values(averaged->network), ag_network_values(plain->network),
                     plain->floats);
  }
  float *own = test_copy(ag_network_values(plain->network), plain->floats);
  ag_stepper_swap(plain->stepper);
  assert_same_bits(ag_network_values(plain->network), own, plain->floats);
  free(own);
  stop(plain);
  stop(averaged);
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(steps_are_those_by_hand),
      cmocka_unit_test(ranks_and_threads_change_nothing),
      cmocka_unit_test(constants_stay_and_gradients_are_cleared),
      cmocka_unit_test(network_is_prepared_for_the_next_batch),
      cmocka_unit_test(average_is_that_by_hand),
      cmocka_unit_test(averaging_changes_no_step),
  };
  return ranks_run(argc, argv, tests, COUNT_OF(tests));
}
