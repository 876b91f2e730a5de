/* A penalty in training: the sum that steps go down, the clip that bounds it, the same bits for any
 * number of ranks and threads, and smaller bounds at the end. */
#include "training/batches.h"
#include "training/train.h"

#include "training/step.h"

enum { SHARDS = 5, SEED = 1 };

static const size_t sizes[2] = {SHARDS, 2};
static const ag_penalty_wish strong = {.weight = 40, .samples = 6};

/* ---- in the sum of a batch ---- */

static ag_penalty *make_penalty(const ag_penalty_wish *wish, const ag_network *network)
{
  ag_penalty *penalty = NULL;
  if (ag_penalty_create(wish, network, &penalty) != AG_OK) fail_msg("%s", ag_message());
  return penalty;
}

/* sums += the penalty's gradient, parameter by parameter. */
static void add_by_hand(ag_penalty *penalty, const ag_network *network, float *sums)
{
  for (size_t part = 0; part < ag_penalty_parts(penalty); ++part)
    ag_penalty_measure(penalty, part);
  ag_penalty_settle(penalty);
  for (size_t p = 0; p < ag_network_parameter_count(network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(network, p);
    if (!parameter->trained) continue;
    ag_penalty_add(penalty, parameter->offset, parameter->floats, sums + parameter->offset);
  }
}

static double norm_by_hand(const ag_network *network, const float *sums)
{
  double squares = 0;
  for (size_t p = 0; p < ag_network_parameter_count(network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(network, p);
    const float *values = sums + parameter->offset;
    if (parameter->trained) squares += test_dot(values, values, parameter->floats);
  }
  return sqrt(squares);
}

/* On every rank its own slices, by one thread to three; and nothing of it in the next batch. */
static void it_joins_the_sum_before_the_norm(void **state)
{
  (void)state;
  ag_network *network = batches_network();
  ag_penalty *penalty = make_penalty(&strong, network);
  const size_t floats = ag_network_floats(network);
  float **parts = batches_draw_all(network, 0, SHARDS, false);
  float *plain = batches_tree(parts, (ag_shard_range){0, SHARDS}, floats);
  float *sums = test_copy(plain, floats);
  add_by_hand(penalty, network, sums);
  const double norm = norm_by_hand(network, sums);
  assert_true(fabs(norm / norm_by_hand(network, plain) - 1) > 1e-3);
  for (size_t threads = 1; threads <= 3; ++threads) {
    batches *b = batches_start(network, MPI_COMM_WORLD, threads, sizes);
    for (size_t turn = 0; turn < 4; ++turn) {
      const float *want = turn < 3 ? sums : plain;
      ag_gradient_sum_penalise(b->sum, turn < 3 ? penalty : NULL);
      assert_number_close(batches_take(b, parts, SHARDS), norm_by_hand(network, want), 0, 1e-12);
      for (size_t s = 0; s < b->partition->slice_count; ++s) {
        const ag_slice *slice = &b->partition->slices[s];
        if (!ag_slice_is_own(slice, b->team.rank)) continue;
        assert_same_bits(ag_gradient_sum_slice(b->sum, s), want + slice->offset, slice->floats);
      }
      batches_clear(b);
    }
    batches_stop(b);
  }
  batches_free(parts, SHARDS);
  free(sums);
  free(plain);
  ag_penalty_destroy(&penalty);
  ag_network_destroy(&network);
}

/* ---- in trainings ---- */

/* wish NULL: no penalty. */
static void train_with(fixture *f, const ag_penalty_wish *wish, size_t threads)
{
  const ag_training_events events = {.context = f, .step = count_step, .epoch = keep_epoch};
  ag_pool *pool = NULL;
  ag_trainer *trainer = NULL;
  ag_penalty *penalty = wish == NULL ? NULL : make_penalty(wish, f->network);
  bool finished = false;
  assert_int_equal(ag_gemm_prepare(threads), AG_OK);
  assert_int_equal(ag_pool_create(threads, &pool), AG_OK);
  assert_int_equal(ag_trainer_create(&f->training, SEED, &f->dataset, pool, f->network, &trainer),
                   AG_OK);
  ag_trainer_penalise(trainer, penalty);
  assert_int_equal(ag_trainer_join(trainer, &f->team), AG_OK);
  while (!finished)
    assert_int_equal(ag_trainer_run(trainer, &events, &finished), AG_OK);
  ag_trainer_destroy(&trainer);
  ag_penalty_destroy(&penalty);
  ag_pool_destroy(&pool);
}

static fixture *start_team(const char *epochs)
{
  fixture *f = start(epochs, "50", "7", "0.02");
  f->team = ag_team_of(MPI_COMM_WORLD);
  return f;
}

static double bound_of(const fixture *f)
{
  ag_lipschitz_bounds bounds;
  assert_int_equal(ag_lipschitz_measure(f->network, &bounds), AG_OK);
  assert_string_equal(ag_network_layer_name(f->network, 1), "conv1");
  return bounds.layers[1];
}

static void ranks_and_threads_change_nothing(void **state)
{
  (void)state;
  const ag_penalty_wish wish = {.weight = 0.5, .samples = 10};
  fixture *alone = start("2", "50", "7", "0.02");
  train_with(alone, &wish, 1);
  for (size_t threads = 1; threads <= 3; ++threads) {
    fixture *f = start_team("2");
    train_with(f, &wish, threads);
    assert_same_training(f, alone);
    stop(f);
  }
  stop(alone);
}

static void bounds_end_smaller(void **state)
{
  (void)state;
  static const ag_penalty_wish wishes[] = {
      {.weight = 0, .samples = 10}, {.weight = 0.2, .samples = 10}, {.weight = 1, .samples = 10}};
  fixture *plain = start_team("3");
  train_with(plain, NULL, 2);
  double before = bound_of(plain);
  for (size_t i = 0; i < 3; ++i) {
    fixture *f = start_team("3");
    train_with(f, &wishes[i], 2);
    if (i == 0) {
      assert_same_training(f, plain);
    } else {
      assert_true(bound_of(f) < 0.95 * before);
      assert_true(f->epochs[2].loss < f->epochs[0].loss);
    }
    before = bound_of(f);
    stop(f);
  }
  stop(plain);
}

/* One step of a penalty that no step would survive: as long as one without, where both are clipped;
 * and its loss is that of the images. */
static void the_clip_bounds_both_together(void **state)
{
  (void)state;
  const ag_penalty_wish huge = {.weight = 1e6, .samples = 10};
  double moved[2] = {0};
  fixture *both[2];
  for (size_t k = 0; k < 2; ++k) {
    fixture *f = both[k] = start("1", "240", "7", "0.02");
    set(&f->training.settings, "clip", "0.01");
    set(&f->training.optimizer.settings, "weight_decay", "0");
    float *before = test_copy(ag_network_values(f->network), ag_network_floats(f->network));
    train_with(f, k == 0 ? NULL : &huge, 2);
    for (size_t i = 0; i < ag_network_floats(f->network); ++i)
      moved[k] += pow((double)ag_network_values(f->network)[i] - (double)before[i], 2);
    free(before);
  }
  assert_true(both[0]->steps == 1);
  assert_number_close(sqrt(moved[0]), 0.02 * 0.01 * 1.9, 0, 1e-3);
  assert_number_close(moved[1], moved[0], 0, 1e-3);
  assert_true(both[0]->epochs[0].loss == both[1]->epochs[0].loss);
  stop(both[0]);
  stop(both[1]);
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_joins_the_sum_before_the_norm),
      cmocka_unit_test(ranks_and_threads_change_nothing),
      cmocka_unit_test(bounds_end_smaller),
      cmocka_unit_test(the_clip_bounds_both_together),
  };
  return ranks_run(argc, argv, tests, COUNT_OF(tests));
}
