/* The ledger: which record replaces which, what is passed over, and what is refused. */
#include "store/small_plan.h"

typedef struct fixture {
  small_plan *small;
  ag_ledger *ledger;
} fixture;

static fixture start(void)
{
  fixture both = {.small = small_plan_create()};
  assert_int_equal(ag_ledger_create(&both.small->plan, &both.ledger), AG_OK);
  return both;
}

static void finish(fixture *both)
{
  ag_ledger_destroy(&both->ledger);
  assert_null(both->ledger);
  free(both->small);
  assert_int_equal(ag_live_blocks(), 0);
}

static void empty(void **state)
{
  (void)state;
  fixture both = start();
  ag_ledger *none = NULL;
  ag_ledger_destroy(&none);
  for (size_t i = 0; i < PLAN_POINTS; ++i)
    assert_int_equal(ag_ledger_point(both.ledger, i), AG_PROGRESS_MISSING);
  assert_int_equal(both.ledger->runs, 0);
  finish(&both);
}

static void unknown_keys(void **state)
{
  (void)state;
  fixture both = start();
  const ag_digest stranger = small_key("stranger", 0);
  for (int kind = AG_RECORD_EPOCH; kind <= AG_RECORD_FAILURE; ++kind)
    assert_int_equal(take(both.ledger, (ag_record_kind)kind, stranger, "what", 4), AG_OK);
  assert_int_equal(take(both.ledger, (ag_record_kind)(AG_RECORD_BOUNDS + 1), stranger, "what", 4),
                   AG_OK); /* of a later version */
  for (size_t i = 0; i < PLAN_UNITS; ++i)
    assert_int_equal(both.ledger->units[i].progress, AG_PROGRESS_MISSING);
  for (size_t i = 0; i < PLAN_MODELS; ++i)
    assert_int_equal(both.ledger->models[i].progress, AG_PROGRESS_MISSING);
  finish(&both);
}

/* Those of the last run that ended. */
static void ranks(void **state)
{
  (void)state;
  fixture both = start();
  const ag_rank_times first[] = {{10, 1}, {11, 2}, {12, 3}};
  const ag_rank_times second[] = {{20, 0.5}};
  const ag_digest none = {{0}};
  assert_int_equal(both.ledger->rank_count, 0);
  assert_int_equal(take(both.ledger, AG_RECORD_RANKS, none, first, sizeof first), AG_OK);
  assert_int_equal(both.ledger->rank_count, 3);
  assert_memory_equal(both.ledger->ranks, first, sizeof first);
  assert_int_equal(take(both.ledger, AG_RECORD_RANKS, none, second, sizeof second), AG_OK);
  assert_int_equal(both.ledger->rank_count, 1);
  assert_memory_equal(both.ledger->ranks, second, sizeof second);
  assert_int_equal(take(both.ledger, AG_RECORD_RANKS, none, first, 0), AG_BAD_STORE);
  assert_int_equal(take(both.ledger, AG_RECORD_RANKS, none, first, sizeof first - 1), AG_BAD_STORE);
  finish(&both);
}

static void every_unit_is_found(void **state)
{
  (void)state;
  fixture both = start();
  for (size_t i = PLAN_UNITS; i-- > 0;) {
    assert_int_equal(both.ledger->units[i].progress, AG_PROGRESS_MISSING);
    take_unit_done(both.ledger, i);
    assert_int_equal(both.ledger->units[i].progress, AG_PROGRESS_DONE);
    assert_int_equal(ag_ledger_point(both.ledger, i / 2),
                     i % 2 == 0 ? AG_PROGRESS_DONE : AG_PROGRESS_MISSING);
  }
  finish(&both);
}

static void failure_then_done(void **state)
{
  (void)state;
  fixture both = start();
  const ag_unit_state *unit = &both.ledger->units[6];
  const ag_digest key = small_key("unit", 6);
  take_unit_done(both.ledger, 7);
  assert_int_equal(take(both.ledger, AG_RECORD_FAILURE, key, "one", 3), AG_OK);
  assert_int_equal(take(both.ledger, AG_RECORD_FAILURE, key, "a second", 8), AG_OK);
  assert_int_equal(unit->progress, AG_PROGRESS_FAILED);
  assert_string_equal(unit->failure, "a second");
  assert_int_equal(ag_ledger_point(both.ledger, 3), AG_PROGRESS_FAILED);
  take_unit_done(both.ledger, 6);
  assert_int_equal(unit->progress, AG_PROGRESS_DONE);
  assert_null(unit->failure);
  assert_int_equal(ag_ledger_point(both.ledger, 3), AG_PROGRESS_DONE);
  /* What is done stays so, as it was. */
  const ag_outcome *kept = unit->outcomes;
  assert_int_equal(take(both.ledger, AG_RECORD_FAILURE, key, "late", 4), AG_OK);
  take_unit_done(both.ledger, 6);
  assert_int_equal(unit->progress, AG_PROGRESS_DONE);
  assert_ptr_equal(unit->outcomes, kept);
  finish(&both);
}

static void models(void **state)
{
  (void)state;
  fixture both = start();
  const ag_digest key = small_key("model", 1);
  const ag_model_record first = {.seconds = 3.5, .images = 1000};
  const ag_model_record second = {.seconds = 9, .images = 1};
  const ag_model_state *model = &both.ledger->models[1];
  assert_int_equal(take(both.ledger, AG_RECORD_FAILURE, key, "loss is nan", 11), AG_OK);
  assert_string_equal(model->failure, "loss is nan");
  for (size_t i = 0; i < PLAN_POINTS; ++i) {
    assert_int_equal(ag_ledger_point(both.ledger, i),
                     i / 4 == 1 ? AG_PROGRESS_FAILED : AG_PROGRESS_MISSING);
  }
  assert_int_equal(take(both.ledger, AG_RECORD_MODEL, key, &first, sizeof first), AG_OK);
  assert_int_equal(take(both.ledger, AG_RECORD_MODEL, key, &second, sizeof second), AG_OK);
  assert_int_equal(take(both.ledger, AG_RECORD_FAILURE, key, "late", 4), AG_OK);
  assert_int_equal(model->progress, AG_PROGRESS_DONE);
  assert_null(model->failure);
  assert_int_equal(model->record.images, 1);
  assert_int_equal(ag_ledger_point(both.ledger, 4), AG_PROGRESS_MISSING);
  finish(&both);
}

/* What was done with other parameters does not stand: neither before the model's record comes nor
 * after; what was done with the same ones does. */
static void units_belong_to_parameters(void **state)
{
  (void)state;
  fixture both = start();
  const ag_digest key = small_key("model", 0);
  const ag_model_record first = {.parameters = {{0}}};
  const ag_model_record second = {.parameters = {{2}}};
  assert_int_equal(take(both.ledger, AG_RECORD_MODEL, key, &first, sizeof first), AG_OK);
  take_unit_done(both.ledger, 0); /* its digest is zero */
  take_unit_done(both.ledger, 8); /* of another model */
  assert_int_equal(take(both.ledger, AG_RECORD_MODEL, key, &first, sizeof first), AG_OK);
  assert_int_equal(both.ledger->units[0].progress, AG_PROGRESS_DONE);
  assert_int_equal(take(both.ledger, AG_RECORD_MODEL, key, &second, sizeof second), AG_OK);
  assert_int_equal(both.ledger->units[0].progress, AG_PROGRESS_MISSING);
  assert_null(both.ledger->units[0].outcomes);
  assert_int_equal(both.ledger->units[8].progress, AG_PROGRESS_DONE);
  take_unit_done(both.ledger, 0);
  assert_int_equal(both.ledger->units[0].progress, AG_PROGRESS_MISSING);
  finish(&both);
}

/* A model file that was missing and is there again: its units say so. */
static void model_from_file(void **state)
{
  (void)state;
  fixture both = start();
  assert_int_equal(take(both.ledger, AG_RECORD_FAILURE, small_key("model", 0), "none", 4), AG_OK);
  take_unit_done(both.ledger, 0);
  assert_int_equal(both.ledger->models[0].progress, AG_PROGRESS_MISSING);
  assert_int_equal(ag_ledger_point(both.ledger, 0), AG_PROGRESS_MISSING);
  take_unit_done(both.ledger, 1);
  assert_int_equal(ag_ledger_point(both.ledger, 0), AG_PROGRESS_DONE);
  finish(&both);
}

static void take_epoch(ag_ledger *ledger, uint32_t number, double loss)
{
  const ag_epoch epoch = {.epoch = number, .loss = loss};
  assert_int_equal(take(ledger, AG_RECORD_EPOCH, small_key("model", 2), &epoch, sizeof epoch),
                   AG_OK);
}

static void epochs(void **state)
{
  (void)state;
  fixture both = start();
  const ag_model_record record = {.seconds = 1};
  const ag_model_state *model = &both.ledger->models[2];
  for (uint32_t i = 1; i <= 9; ++i)
    take_epoch(both.ledger, i, 100 + i);
  assert_int_equal(model->epoch_count, 9);
  /* Trained again from a checkpoint behind epoch 5, and then from the start. */
  take_epoch(both.ledger, 6, 206);
  assert_int_equal(model->epoch_count, 6);
  assert_true(model->epochs[4].loss == 105 && model->epochs[5].loss == 206);
  for (uint32_t i = 1; i <= 3; ++i)
    take_epoch(both.ledger, i, 300 + i);
  assert_int_equal(model->epoch_count, 3);
  for (uint32_t i = 0; i < 3; ++i)
    assert_true(model->epochs[i].epoch == i + 1 && model->epochs[i].loss == 301 + i);
  assert_int_equal(
      take(both.ledger, AG_RECORD_MODEL, small_key("model", 2), &record, sizeof record), AG_OK);
  /* A model that is trained, and trained anew. */
  take_epoch(both.ledger, 1, 400);
  assert_int_equal(model->epoch_count, 1);
  assert_int_equal(model->progress, AG_PROGRESS_DONE);
  finish(&both);
}

/* As older programs wrote them: what came later is not there. */
static void epochs_of_older_journals(void **state)
{
  (void)state;
  fixture both = start();
  const ag_model_state *model = &both.ledger->models[2];
  const ag_epoch written = {.epoch = 1,
                            .seconds = 7,
                            .hidden_seconds = 2,
                            .exposed_seconds = 3,
                            .robust_validation_accuracy = 0.5};
  static const size_t sizes[] = {48, 64, sizeof written};
  for (size_t i = 0; i < 3; ++i) {
    assert_int_equal(take(both.ledger, AG_RECORD_EPOCH, small_key("model", 2), &written, sizes[i]),
                     AG_OK);
    const ag_epoch *read = &model->epochs[0];
    assert_true(read->epoch == 1 && read->seconds == 7);
    assert_true(read->exposed_seconds == (i == 0 ? 0 : 3));
    assert_true(i == 2 ? read->robust_validation_accuracy == 0.5
                       : isnan(read->robust_validation_accuracy));
  }
  for (size_t size = 44; size <= 80; size += 4) {
    if (size == 48 || size == 64 || size == 72) continue;
    const char bytes[80] = {0};
    assert_int_equal(take(both.ledger, AG_RECORD_EPOCH, small_key("model", 2), bytes, size),
                     AG_BAD_STORE);
  }
  finish(&both);
}

static void runs(void **state)
{
  (void)state;
  fixture both = start();
  ag_provenance run;
  memset(&run, 0, sizeof run);
  ag_provenance_collect(&run);
  assert_non_null(strchr(run.hdf5, '.'));
  assert_true(strlen(run.version) > 0 && strlen(run.cpu) > 0 && strlen(run.blas) > 0);
  run.ranks = 2;
  assert_int_equal(take(both.ledger, AG_RECORD_RUN, (ag_digest){0}, &run, sizeof run), AG_OK);
  run.ranks = 4;
  memset(run.hosts, 'h', sizeof run.hosts);
  assert_int_equal(take(both.ledger, AG_RECORD_RUN, (ag_digest){0}, &run, sizeof run), AG_OK);
  assert_int_equal(both.ledger->runs, 2);
  assert_int_equal(both.ledger->provenance.ranks, 4);
  assert_int_equal(strlen(both.ledger->provenance.hosts), sizeof run.hosts - 1);
  finish(&both);
}

static void refused(void **state)
{
  (void)state;
  fixture both = start();
  const ag_unit *unit = &both.small->units[0];
  small_unit done = small_unit_outcomes(unit);
  ag_record record = small_unit_record(unit, &done);
  record.size -= 1;
  assert_int_equal(ag_ledger_take(both.ledger, &record), AG_BAD_STORE);
  record.size = sizeof done.head - 1;
  assert_int_equal(ag_ledger_take(both.ledger, &record), AG_BAD_STORE);
  record.size = 0;
  assert_int_equal(ag_ledger_take(both.ledger, &record), AG_BAD_STORE);
  record = small_unit_record(unit, &done);
  done.head.outcomes = 4;
  assert_int_equal(ag_ledger_take(both.ledger, &record), AG_BAD_STORE);
  done.head.outcomes = 3;
  done.outcomes[1].index = 2;
  assert_int_equal(ag_ledger_take(both.ledger, &record), AG_BAD_STORE);
  assert_int_equal(both.ledger->units[0].progress, AG_PROGRESS_MISSING);
  const ag_digest model = small_key("model", 0);
  assert_int_equal(take(both.ledger, AG_RECORD_MODEL, model, &done, 15), AG_BAD_STORE);
  assert_int_equal(take(both.ledger, AG_RECORD_EPOCH, model, &done, 47), AG_BAD_STORE);
  assert_int_equal(take(both.ledger, AG_RECORD_RUN, model, &done, 8), AG_BAD_STORE);
  finish(&both);
}

/* The same work under two names: one record counts for both. */
static void shared_key(void **state)
{
  (void)state;
  fixture both = {.small = small_plan_create()};
  both.small->units[9].key = both.small->units[3].key;
  assert_int_equal(ag_ledger_create(&both.small->plan, &both.ledger), AG_OK);
  take_unit_done(both.ledger, 3);
  assert_int_equal(both.ledger->units[3].progress, AG_PROGRESS_DONE);
  assert_int_equal(both.ledger->units[9].progress, AG_PROGRESS_DONE);
  assert_ptr_not_equal(both.ledger->units[3].outcomes, both.ledger->units[9].outcomes);
  finish(&both);
}

static void outcomes(void **state)
{
  (void)state;
  fixture both = start();
  ag_outcome *all = NULL;
  size_t count = 0;
  ag_attack_cost cost;
  double seconds = 0;
  take_unit_done(both.ledger, 5);
  assert_int_equal(ag_ledger_outcomes(both.ledger, 2, &all, &count, &cost, &seconds),
                   AG_INVALID_ARGUMENT);
  assert_null(all);
  take_unit_done(both.ledger, 4);
  assert_int_equal(ag_ledger_outcomes(both.ledger, 2, &all, &count, &cost, &seconds), AG_OK);
  assert_int_equal(count, PLAN_IMAGES);
  for (uint32_t i = 0; i < PLAN_IMAGES; ++i)
    assert_int_equal(all[i].index, i);
  assert_int_equal(cost.gradients, 20);
  assert_int_equal(cost.forwards, 40);
  assert_true(seconds == 1.0);
  ag_release(&all);
  finish(&both);
}

/* Points of an attack that finds distances share their units, and see them at their epsilons. */
static void distances(void **state)
{
  (void)state;
  fixture both = {.small = small_plan_create()};
  ag_entry_start(&both.small->attacks[1], ag_kind_find(ag_attack_table, "cw"));
  both.small->epsilons[0].value = 0.9;
  both.small->epsilons[1].value = 3;
  both.small->points[3].first_unit = both.small->points[2].first_unit;
  assert_int_equal(ag_ledger_create(&both.small->plan, &both.ledger), AG_OK);
  take_unit_done(both.ledger, 4);
  assert_int_equal(ag_ledger_point(both.ledger, 3), AG_PROGRESS_MISSING);
  take_unit_done(both.ledger, 5);
  for (size_t point = 2; point < 4; ++point) {
    ag_outcome *all = NULL;
    size_t count = 0;
    ag_attack_cost cost;
    double seconds = 0;
    assert_int_equal(ag_ledger_outcomes(both.ledger, point, &all, &count, &cost, &seconds), AG_OK);
    assert_int_equal(count, PLAN_IMAGES);
    assert_int_equal(cost.gradients, 20);
    /* Images 1 and 3 fell, so far away as their number says. */
    assert_int_equal(all[1].prediction, point == 2 ? 1 : 9);
    assert_int_equal(all[3].prediction, point == 2 ? 3 : 9);
    assert_true(all[3].margin == (point == 2 ? 1.5F : -0.25F) && all[3].l2 == 3);
    ag_release(&all);
  }
  finish(&both);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(empty),
      cmocka_unit_test(unknown_keys),
      cmocka_unit_test(ranks),
      cmocka_unit_test(every_unit_is_found),
      cmocka_unit_test(failure_then_done),
      cmocka_unit_test(models),
      cmocka_unit_test(units_belong_to_parameters),
      cmocka_unit_test(model_from_file),
      cmocka_unit_test(epochs),
      cmocka_unit_test(epochs_of_older_journals),
      cmocka_unit_test(runs),
      cmocka_unit_test(refused),
      cmocka_unit_test(shared_key),
      cmocka_unit_test(outcomes),
      cmocka_unit_test(distances),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
