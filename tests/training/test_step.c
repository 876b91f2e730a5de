/* From gradients to parameters over the threads of a rank: the sum by its definition, the norm
 * over trained parameters alone, the parameters' average, and the same bits for any number of
 * threads. */
#include "support/networks.h"

#include "training/step.h"

enum { THREADS = 3, STEPS = 3 };

typedef struct fixture {
  ag_training training;
  ag_network *network;
  ag_pool *pool;
  ag_team team;
  ag_stepper *stepper;
  size_t floats;
} fixture;

/* Its dense layer has 41344 weights: several slices, of which the last is not whole. */
static fixture *start_averaging(size_t threads, const char *clip, const char *averaging)
{
  fixture *f = (fixture *)test_bytes(sizeof *f);
  f->team = ag_team_of(MPI_COMM_SELF);
  ag_settings_start(&f->training.settings, ag_training_options);
  assert_int_equal(ag_settings_set(&f->training.settings, "clip", clip), AG_OK);
  assert_int_equal(ag_settings_set(&f->training.settings, "averaging", averaging), AG_OK);
  ag_entry_start(&f->training.optimizer, ag_kind_find(ag_optimizer_table, "sgd"));
  f->network = network_by_hand(
      (network_wish){.shape = {34, 38, 3}, .classes = 10, .mean = 0.4F, .deviation = 0.2F});
  f->floats = ag_network_floats(f->network);
  assert_int_equal(ag_pool_create(threads, &f->pool), AG_OK);
  return f;
}

static fixture *start(size_t threads, const char *clip)
{
  return start_averaging(threads, clip, "0");
}

static void make_stepper(fixture *f)
{
  if (ag_stepper_create(&f->training, f->pool, &f->team, f->network, &f->stepper) != AG_OK) {
    fail_msg("%s", ag_message());
  }
}

static void stop(fixture *f)
{
  ag_stepper_destroy(&f->stepper);
  assert_null(f->stepper);
  ag_pool_destroy(&f->pool);
  ag_network_destroy(&f->network);
  free(f);
}

/* Gradients of the trained parameters, padding aside; whole numbers of 1/1024, if `exact`, so that
 * sums of a few do not round. */
static float *draw(const fixture *f, uint32_t stream, bool exact)
{
  float *file = test_floats(f->floats);
  float *gradients = test_floats(f->floats);
  for (size_t p = 0; p < ag_network_parameter_count(f->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(f->network, p);
    if (!parameter->trained) continue;
    const size_t count = ag_parameter_file_floats(parameter);
    test_fill(file, count, stream + (uint32_t)p, -1, 1);
    for (size_t i = 0; i < count && exact; ++i)
      file[i] = floorf(1024 * file[i]) / 1024;
    ag_parameter_import(parameter, file, gradients);
  }
  free(file);
  return gradients;
}

static void add(fixture *f, size_t thread, float share, const float *gradients)
{
  float *to = ag_stepper_gradients(f->stepper, thread);
  for (size_t i = 0; i < f->floats; ++i)
    to[i] += share * gradients[i];
}

static double step(fixture *f, size_t shards, double rate)
{
  const double norm = ag_stepper_sum(f->stepper, shards);
  ag_stepper_step(f->stepper, 1, rate, norm);
  return norm;
}

/* The same steps with the optimizer's own functions on whole parameters. */
static double step_by_hand(const fixture *f, double rate, const float *sums, float *weights,
                           float *velocity)
{
  double squares = 0;
  for (size_t p = 0; p < ag_network_parameter_count(f->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(f->network, p);
    if (parameter->trained) {
      squares += test_dot(sums + parameter->offset, sums + parameter->offset, parameter->floats);
    }
  }
  const double limit = ag_settings_number(&f->training.settings, "clip");
  const float factor = ag_gradient_clip(sqrt(squares), limit);
  for (size_t p = 0; p < ag_network_parameter_count(f->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(f->network, p);
    const size_t at = parameter->offset;
    if (!parameter->trained) continue;
    ag_optimizer_step(&f->training.optimizer, rate, factor, parameter->decayed, parameter->floats,
                      sums + at, weights + at, velocity + at);
  }
  return sqrt(squares);
}

/* Threads in the order of their numbers, to the bit; shards on some of them or on all. */
static void sums_and_steps_are_those_by_hand(void **state)
{
  (void)state;
  static const char *const clips[] = {"0", "1"};
  for (size_t c = 0; c < 2; ++c) {
    fixture *f = start(THREADS, clips[c]);
    make_stepper(f);
    float *weights = test_copy(ag_network_block(f->network), f->floats);
    float *velocity = test_floats(f->floats);
    for (size_t s = 0; s < STEPS; ++s) {
      const size_t shards = s + 1; /* so that one thread, two, three have any */
      float *sums = draw(f, (uint32_t)(100 * s), false);
      add(f, 0, 1, sums);
      for (size_t thread = 1; thread < shards; ++thread) {
        float *part = draw(f, (uint32_t)(100 * s + 10 * thread), false);
        add(f, thread, 1, part);
        for (size_t i = 0; i < f->floats; ++i)
          sums[i] += part[i];
        free(part);
      }
      const double want = step_by_hand(f, 0.1, sums, weights, velocity);
      assert_true(want > 2);
      assert_number_close(step(f, shards, 0.1), want, 0, 1e-12);
      assert_same_bits(ag_network_block(f->network), weights, f->floats);
      free(sums);
    }
    free(weights);
    free(velocity);
    stop(f);
  }
}

/* Four shards in all, shared out over one, two or three threads; their sum is exact. */
static void threads_change_nothing_where_sums_are_exact(void **state)
{
  (void)state;
  float *want = NULL;
  double norms[STEPS];
  for (size_t threads = 1; threads <= THREADS; ++threads) {
    fixture *f = start(threads, "1");
    make_stepper(f);
    for (size_t s = 0; s < STEPS; ++s) {
      for (size_t shard = 0; shard < 4; ++shard) {
        float *part = draw(f, (uint32_t)(100 * s + 10 * shard), true);
        add(f, shard % threads, 1, part);
        free(part);
      }
      const double norm = step(f, 4, 0.1);
      if (threads == 1) norms[s] = norm;
      assert_true(norm == norms[s] && norm > 1);
    }
    if (want == NULL) want = test_copy(ag_network_block(f->network), f->floats);
    assert_same_bits(ag_network_block(f->network), want, f->floats);
    stop(f);
  }
  free(want);
}

/* The way over several ranks, whose sum is received: here of one rank, so it is the same. */
static void a_received_sum_gives_the_same_step(void **state)
{
  (void)state;
  fixture *f[] = {start(2, "1"), start(2, "1")};
  f[1]->team.size = 2;
  for (size_t i = 0; i < 2; ++i) {
    make_stepper(f[i]);
    for (uint32_t s = 0; s < STEPS; ++s) {
      for (uint32_t thread = 0; thread < 2; ++thread) {
        float *part = draw(f[i], 100 * s + 10 * thread, false);
        add(f[i], thread, 1, part);
        free(part);
      }
      assert_true(step(f[i], 2, 0.1) > 1);
    }
  }
  assert_same_bits(ag_network_block(f[1]->network), ag_network_block(f[0]->network), f[0]->floats);
  stop(f[0]);
  stop(f[1]);
}

/* What is not trained neither moves nor counts, whatever stands in its gradient; and a batch leaves
 * nothing to the next one. */
static void constants_stay_and_gradients_are_cleared(void **state)
{
  (void)state;
  fixture *f = start(2, "0");
  make_stepper(f);
  float *before = test_copy(ag_network_block(f->network), f->floats);
  float *gradients = draw(f, 1, false);
  const double want = sqrt(test_dot(gradients, gradients, f->floats));
  add(f, 1, 1, gradients);
  for (size_t p = 0; p < ag_network_parameter_count(f->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(f->network, p);
    if (!parameter->trained) ag_stepper_gradients(f->stepper, 0)[parameter->offset] = 1000;
  }
  assert_number_close(step(f, 2, 0.1), want, 0, 1e-12);
  for (size_t p = 0; p < ag_network_parameter_count(f->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(f->network, p);
    const size_t at = parameter->offset;
    if (parameter->trained) {
      assert_memory_not_equal(ag_network_block(f->network) + at, before + at, parameter->floats);
      for (size_t thread = 0; thread < 2; ++thread) {
        for (size_t i = at; i < at + parameter->floats; ++i)
          assert_true(ag_stepper_gradients(f->stepper, thread)[i] == 0);
      }
    } else {
      assert_same_bits(ag_network_block(f->network) + at, before + at, parameter->floats);
    }
  }
  assert_true(step(f, 2, 0) == 0);
  free(before);
  free(gradients);
  stop(f);
}

/* ---- averaging ---- */

/* Ten steps, of which the last two are averaged with the decay of the job, 1/2, and the others with
 * that of the warm-up: 1/10, 2/11, 3/12, ... Behind them the network has the average, and then its
 * own parameters again. */
static void average_is_that_by_hand(void **state)
{
  (void)state;
  fixture *f = start_averaging(2, "1", "0.5");
  make_stepper(f);
  const float *block = ag_network_block(f->network);
  double *want = (double *)test_bytes(f->floats * sizeof *want);
  for (size_t i = 0; i < f->floats; ++i)
    want[i] = (double)block[i];
  for (size_t t = 0; t < 10; ++t) {
    static const double decays[] = {1 / 10., 2 / 11., 3 / 12., 4 / 13., 5 / 14.,
                                    6 / 15., 7 / 16., 8 / 17., 0.5,     0.5};
    float *gradients = draw(f, (uint32_t)(100 * t), false);
    add(f, 0, 1, gradients);
    step(f, 1, 0.5);
    for (size_t i = 0; i < f->floats; ++i)
      want[i] = decays[t] * want[i] + (1 - decays[t]) * (double)block[i];
    free(gradients);
  }
  float *own = test_copy(block, f->floats);
  ag_stepper_exchange(f->stepper);
  double apart = 0;
  for (size_t i = 0; i < f->floats; ++i) {
    assert_number_close((double)block[i], want[i], 1e-6, 1e-6);
    apart = fmax(apart, fabs(want[i] - (double)own[i]));
  }
  assert_true(apart > 1e-3);
  ag_stepper_exchange(f->stepper);
  assert_same_bits(block, own, f->floats);
  free(want);
  free(own);
  stop(f);
}

/* The steps are the same with and without, and so is the average on any number of threads. */
static void averaging_changes_no_step(void **state)
{
  (void)state;
  float *own = NULL;
  float *average = NULL;
  for (size_t threads = 0; threads <= THREADS; ++threads) { /* first without averaging */
    fixture *f = start_averaging(threads == 0 ? 1 : threads, "1", threads == 0 ? "0" : "0.9");
    make_stepper(f);
    const float *block = ag_network_block(f->network);
    for (uint32_t s = 0; s < STEPS; ++s) {
      float *gradients = draw(f, 100 * s, false);
      add(f, 0, 1, gradients);
      step(f, 1, 0.5);
      free(gradients);
    }
    if (own == NULL) own = test_copy(block, f->floats);
    assert_same_bits(block, own, f->floats);
    ag_stepper_exchange(f->stepper);
    if (threads == 0) assert_same_bits(block, own, f->floats);
    if (threads == 1) average = test_copy(block, f->floats);
    if (threads >= 1) assert_same_bits(block, average, f->floats);
    stop(f);
  }
  free(own);
  free(average);
}

/* Open MPI keeps memory until the end; our own is counted in main. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
  return "detect_leaks=0";
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sums_and_steps_are_those_by_hand),
      cmocka_unit_test(threads_change_nothing_where_sums_are_exact),
      cmocka_unit_test(a_received_sum_gives_the_same_step),
      cmocka_unit_test(constants_stay_and_gradients_are_cleared),
      cmocka_unit_test(average_is_that_by_hand),
      cmocka_unit_test(averaging_changes_no_step),
  };
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed != 0 || ag_live_blocks() != 0;
}
