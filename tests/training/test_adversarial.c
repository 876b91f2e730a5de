/* Adversarial training: what it leaves alone, that threads make no difference, how epochs are
 * judged, and that the most robust one is kept, also where it lies before a restart. */
#include "training/train.h"

#include "advgrid/evaluation.h"

enum { SHARD = 7, SEED = 1 };

static const ag_adversarial pgd = {.epsilon = 4.0F / 255,
                                   .step_size = 2.0F / 255,
                                   .steps = 3,
                                   .restarts = 2,
                                   .random_start = true,
                                   .mix = 0.6,
                                   .warmup = 1.5};

/* ---- trainings with what a defense adds to them ---- */

typedef struct additions {
  ag_pool *pool;
  ag_adversaries *adversaries;
  ag_judges *judges;
  ag_trainer *trainer;
} additions;

static additions add(fixture *f, const ag_adversarial *how, size_t threads)
{
  additions all = {0};
  assert_int_equal(ag_gemm_prepare(threads), AG_OK);
  assert_int_equal(ag_pool_create(threads, &all.pool), AG_OK);
  assert_int_equal(ag_adversaries_create(how, f->network, threads, SHARD, SEED, &all.adversaries),
                   AG_OK);
  assert_int_equal(
      ag_judges_create(f->network, threads, SHARD, (double)how->epsilon, SEED, &all.judges), AG_OK);
  assert_int_equal(
      ag_trainer_create(&f->training, SEED, &f->dataset, all.pool, f->network, &all.trainer),
      AG_OK);
  const ag_shard_change change = ag_adversaries_change(all.adversaries);
  const ag_shard_judge judge = ag_judges_judge(all.judges);
  ag_trainer_change(all.trainer, &change);
  assert_int_equal(ag_trainer_judge(all.trainer, &judge, how->keeps_best), AG_OK);
  return all;
}

static void take_away(additions *all)
{
  ag_trainer_destroy(&all->trainer);
  ag_judges_destroy(&all->judges);
  ag_adversaries_destroy(&all->adversaries);
  ag_pool_destroy(&all->pool);
}

static ag_status run(fixture *f, ag_trainer *trainer, size_t epochs)
{
  const ag_training_events events = {.context = f, .step = count_step, .epoch = keep_epoch};
  ag_status status = ag_trainer_join(trainer, &f->team);
  bool finished = false;
  for (size_t i = 0; i < epochs && status == AG_OK && !finished; ++i)
    status = ag_trainer_run(trainer, &events, &finished);
  return status;
}

static void train_adversarially(fixture *f, const ag_adversarial *how, size_t threads)
{
  additions all = add(f, how, threads);
  assert_int_equal(run(f, all.trainer, 100), AG_OK);
  take_away(&all);
}

static void assert_same_parameters(const fixture *got, const fixture *want)
{
  assert_same_bits(ag_network_values(got->network), ag_network_values(want->network),
                   ag_network_floats(want->network));
}

/* ---- tests ---- */

static void without_an_attack_it_is_standard_training(void **state)
{
  (void)state;
  fixture *plain = start("2", "50", "7", "0.02");
  assert_int_equal(train(plain, 2), AG_OK);
  for (int k = 0; k < 2; ++k) {
    ag_adversarial how = pgd;
    if (k == 0) how.mix = 0;
    if (k == 1) how.epsilon = how.step_size = 0;
    fixture *f = start("2", "50", "7", "0.02");
    train_adversarially(f, &how, 2);
    assert_same_parameters(f, plain);
    assert_true(f->epochs[1].loss == plain->epochs[1].loss);
    assert_true(isnan(plain->epochs[1].robust_validation_accuracy));
    assert_true(f->epochs[1].robust_validation_accuracy >= 0);
    stop(f);
  }
  stop(plain);
}

/* At an epsilon of 0 what withstands is what is right. */
static void an_attack_of_nothing_changes_no_verdict(void **state)
{
  (void)state;
  ag_adversarial how = pgd;
  fixture *f = start("2", "50", "7", "0.02");
  how.epsilon = 0;
  train_adversarially(f, &how, 1);
  for (size_t i = 0; i < 2; ++i)
    assert_true(f->epochs[i].robust_validation_accuracy == f->epochs[i].validation_accuracy);
  stop(f);
}

static void threads_make_no_difference(void **state)
{
  (void)state;
  fixture *plain = start("2", "50", "7", "0.02");
  fixture *one = start("2", "50", "7", "0.02");
  assert_int_equal(train(plain, 2), AG_OK);
  train_adversarially(one, &pgd, 1);
  assert_memory_not_equal(ag_network_values(one->network), ag_network_values(plain->network),
                          ag_network_floats(one->network) * sizeof(float));
  for (size_t threads = 2; threads <= 3; ++threads) {
    fixture *f = start("2", "50", "7", "0.02");
    train_adversarially(f, &pgd, threads);
    assert_same_training(f, one);
    stop(f);
  }
  stop(one);
  stop(plain);
}

/* All validation images in one shard, by PGD with ten steps. */
static void the_judge_is_the_evaluation_itself(void **state)
{
  (void)state;
  ag_adversarial how = pgd;
  fixture *f = start("3", "50", "7", "0.02");
  ag_evaluator *evaluator = NULL;
  ag_entry attack;
  ag_entry none;
  ag_outcome outcomes[VALIDATION];
  ag_attack_cost cost = {0};
  size_t robust = 0;
  how.mix = 0; /* learns more in so few epochs, and withstands less */
  how.epsilon = 1.0F / 255;
  train_adversarially(f, &how, 2);
  ag_entry_start(&none, ag_kind_find(ag_defense_table, "none"));
  ag_entry_start(&attack, ag_kind_find(ag_attack_table, "pgd"));
  set(&attack.settings, "steps", "10");
  assert_int_equal(
      ag_evaluator_create(&none, f->network, NULL, &attack, VALIDATION, SEED, &evaluator), AG_OK);
  assert_int_equal(ag_evaluate_shard(evaluator, &f->dataset.validation, 0, VALIDATION,
                                     (double)how.epsilon, outcomes, &cost),
                   AG_OK);
  for (size_t i = 0; i < VALIDATION; ++i)
    robust += outcomes[i].prediction == outcomes[i].label;
  assert_true(robust > 0);
  assert_number_close(f->epochs[2].robust_validation_accuracy, (double)robust / VALIDATION, 0,
                      1e-12);
  assert_true(f->epochs[2].robust_validation_accuracy < f->epochs[2].validation_accuracy);
  ag_evaluator_destroy(&evaluator);
  stop(f);
}

/* ---- what is kept ---- */

/* Says of each epoch what it is told to. */
typedef struct script {
  size_t judged;           /* images */
  const size_t *withstand; /* of each epoch's images */
  size_t fails_at;         /* an image; 0: none */
} script;

static ag_status follow_script(void *context, const ag_validation_shard *shard, size_t *robust)
{
  script *self = context;
  const size_t epoch = self->judged / VALIDATION;
  assert_int_equal(shard->images->count, VALIDATION);
  assert_int_equal(shard->first, self->judged % VALIDATION);
  self->judged += shard->count;
  *robust = ag_minimum(self->withstand[epoch], shard->count); /* of six shards */
  return self->fails_at > 0 && self->judged >= self->fails_at ? ag_fail(AG_BOUND_BROKEN, "as told")
                                                              : AG_OK;
}

static ag_trainer *trainer_of(fixture *f, ag_pool *pool, script *told, bool keeps_best)
{
  ag_trainer *trainer = NULL;
  const ag_shard_judge judge = {told, follow_script};
  assert_int_equal(ag_trainer_create(&f->training, SEED, &f->dataset, pool, f->network, &trainer),
                   AG_OK);
  assert_int_equal(ag_trainer_judge(trainer, &judge, keeps_best), AG_OK);
  return trainer;
}

static fixture *start_averaged(const char *epochs, bool averaged)
{
  fixture *f = start(epochs, "50", "7", "0.02");
  if (averaged) set(&f->training.settings, "averaging", "0.9");
  return f;
}

/* Five epochs, the second and the third the most robust ones. With a constant rate the first two
 * are those of a training of two. */
static const size_t withstand[] = {1, 4, 4, 0, 2};

static void the_most_robust_epoch_is_kept(void **state)
{
  (void)state;
  ag_pool *pool = NULL;
  assert_int_equal(ag_pool_create(1, &pool), AG_OK);
  for (int k = 0; k < 4; ++k) {
    const bool averaged = k / 2 == 1;
    const bool keeps_best = k % 2 == 1;
    script told = {.withstand = withstand};
    fixture *f = start_averaged("5", averaged);
    fixture *want = start_averaged(keeps_best ? "2" : "5", averaged);
    ag_trainer *trainer = trainer_of(f, pool, &told, keeps_best);
    assert_int_equal(run(f, trainer, 100), AG_OK);
    assert_int_equal(f->epoch_count, 5);
    assert_number_close(f->epochs[1].robust_validation_accuracy, 24.0 / VALIDATION, 0, 1e-12);
    assert_int_equal(train(want, 1), AG_OK);
    assert_same_parameters(f, want);
    ag_trainer_destroy(&trainer);
    stop(want);
    stop(f);
  }
  ag_pool_destroy(&pool);
}

/* Left behind its third epoch, and taken up by another trainer. */
static void the_best_outlives_a_restart(void **state)
{
  (void)state;
  ag_pool *pool = NULL;
  assert_int_equal(ag_pool_create(1, &pool), AG_OK);
  script told = {.withstand = withstand};
  fixture *f = start_averaged("5", true);
  fixture *again = start_averaged("5", true);
  fixture *want = start_averaged("2", true);
  ag_trainer *first = trainer_of(f, pool, &told, true);
  ag_trainer *second = trainer_of(again, pool, &told, true);
  assert_int_equal(run(f, first, 3), AG_OK);
  ag_trainer_collect(first);
  const ag_training_state left = ag_trainer_state(first);
  assert_true(left.best != NULL && left.position.best_epoch == 2);
  ag_trainer_restore(second, &left);
  ag_trainer_destroy(&first);
  assert_int_equal(run(again, second, 100), AG_OK);
  assert_int_equal(again->epoch_count, 2);
  assert_int_equal(train(want, 1), AG_OK);
  assert_same_parameters(again, want);
  ag_trainer_destroy(&second);
  stop(want);
  stop(again);
  stop(f);
  ag_pool_destroy(&pool);
}

static void a_judges_failure_is_the_trainings(void **state)
{
  (void)state;
  ag_pool *pool = NULL;
  assert_int_equal(ag_pool_create(1, &pool), AG_OK);
  script told = {.withstand = withstand, .fails_at = VALIDATION + 20};
  fixture *f = start_averaged("5", true);
  ag_trainer *trainer = trainer_of(f, pool, &told, true);
  assert_int_equal(run(f, trainer, 100), AG_BOUND_BROKEN);
  assert_int_equal(f->epoch_count, 1);
  ag_trainer_destroy(&trainer);
  stop(f);
  ag_pool_destroy(&pool);
}

/* ---- collapse ---- */

static void a_collapse_is_told_once(void **state)
{
  (void)state;
  static const double robust[] = {0.1, 0.3, 0.4, 0.21, 0.19, 0.01, 0.25, 0.1, NAN};
  static const bool collapses[] = {false, false, false, false, true, false, false, true, false};
  ag_epoch epochs[9];
  const ag_epoch *best = NULL;
  for (size_t i = 0; i < 9; ++i) {
    epochs[i] = (ag_epoch){.epoch = (uint32_t)i + 1, .robust_validation_accuracy = robust[i]};
    assert_int_equal(ag_epochs_collapse(i + 1, epochs, &best), collapses[i]);
    if (collapses[i]) assert_int_equal(best->epoch, 3);
  }
  for (size_t i = 0; i < 9; ++i)
    epochs[i].robust_validation_accuracy = i == 0 ? NAN : 0;
  for (size_t i = 0; i < 9; ++i)
    assert_false(ag_epochs_collapse(i + 1, epochs, &best));
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_an_attack_it_is_standard_training),
      cmocka_unit_test(an_attack_of_nothing_changes_no_verdict),
      cmocka_unit_test(threads_make_no_difference),
      cmocka_unit_test(the_judge_is_the_evaluation_itself),
      cmocka_unit_test(the_most_robust_epoch_is_kept),
      cmocka_unit_test(the_best_outlives_a_restart),
      cmocka_unit_test(a_judges_failure_is_the_trainings),
      cmocka_unit_test(a_collapse_is_told_once),
  };
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed != 0 || ag_live_blocks() != 0;
}
