/* The ledger with attacks that take their images from another model: a unit stands for as long as
 * both models are what it was done on. */
#include "store/small_plan.h"

/* Point 8 is of model 2 by images of model 0; its first unit is 16. Point 4 is of model 1 alone. */
enum { JUDGED = 2, SOURCE = 0, POINT = 8, UNIT = 16, OTHER_UNIT = 8 };

typedef struct fixture {
  small_plan *small;
  ag_ledger *ledger;
} fixture;

static fixture start(void)
{
  fixture both = {.small = small_plan_create()};
  both.small->points[POINT].source = SOURCE;
  assert_int_equal(ag_ledger_create(&both.small->plan, &both.ledger), AG_OK);
  return both;
}

static void finish(fixture *both)
{
  ag_ledger_destroy(&both->ledger);
  free(both->small);
  assert_int_equal(ag_live_blocks(), 0);
}

/* A model whose parameters have the digest `version`. */
static void train(fixture *both, size_t model, uint8_t version)
{
  const ag_model_record record = {.parameters = {{version}}};
  assert_int_equal(
      take(both->ledger, AG_RECORD_MODEL, small_key("model", model), &record, sizeof record),
      AG_OK);
}

/* The unit, done on models of these digests. */
static ag_progress do_unit(fixture *both, uint8_t judged, uint8_t source)
{
  const ag_unit *unit = &both->small->units[UNIT];
  small_unit done = small_unit_outcomes(unit);
  assert_int_equal(ag_attacked_digest(&both->small->plan, POINT, &(ag_digest){{judged}},
                                      &(ag_digest){{source}}, &done.head.model),
                   AG_OK);
  const ag_record record = small_unit_record(unit, &done);
  assert_int_equal(ag_ledger_take(both->ledger, &record), AG_OK);
  return both->ledger->units[UNIT].progress;
}

static void stands_on_both_models(void **state)
{
  (void)state;
  fixture both = start();
  train(&both, JUDGED, 1);
  train(&both, SOURCE, 2);
  assert_int_equal(do_unit(&both, 1, 3), AG_PROGRESS_MISSING);
  assert_int_equal(do_unit(&both, 3, 2), AG_PROGRESS_MISSING);
  assert_int_equal(do_unit(&both, 2, 1), AG_PROGRESS_MISSING);
  assert_int_equal(do_unit(&both, 1, 2), AG_PROGRESS_DONE);
  take_unit_done(both.ledger, OTHER_UNIT);
  train(&both, JUDGED, 1);
  train(&both, SOURCE, 2);
  assert_int_equal(both.ledger->units[UNIT].progress, AG_PROGRESS_DONE);
  train(&both, SOURCE, 4);
  assert_int_equal(both.ledger->units[UNIT].progress, AG_PROGRESS_MISSING);
  assert_null(both.ledger->units[UNIT].outcomes);
  assert_int_equal(do_unit(&both, 1, 4), AG_PROGRESS_DONE);
  train(&both, JUDGED, 5);
  assert_int_equal(both.ledger->units[UNIT].progress, AG_PROGRESS_MISSING);
  assert_int_equal(both.ledger->units[OTHER_UNIT].progress, AG_PROGRESS_DONE);
  finish(&both);
}

/* Models of the same parameters, as of two defenses that change nothing in training: both may be
 * trained anew at once. */
static void stands_on_what_both_are(void **state)
{
  (void)state;
  fixture both = start();
  train(&both, JUDGED, 1);
  train(&both, SOURCE, 1);
  assert_int_equal(do_unit(&both, 1, 1), AG_PROGRESS_DONE);
  train(&both, JUDGED, 2);
  train(&both, SOURCE, 2);
  assert_int_equal(both.ledger->units[UNIT].progress, AG_PROGRESS_MISSING);
  finish(&both);
}

/* The key holds the file's bytes, and no record tells of its parameters. */
static void a_source_from_a_file_is_in_the_key(void **state)
{
  (void)state;
  for (size_t file = 0; file < 2; ++file) {
    fixture both = start();
    const size_t trained = file == 0 ? JUDGED : SOURCE;
    both.small->models[file == 0 ? SOURCE : JUDGED].from_file = true;
    train(&both, trained, 1);
    assert_int_equal(do_unit(&both, 2, 2), AG_PROGRESS_MISSING);
    assert_int_equal(file == 0 ? do_unit(&both, 1, 7) : do_unit(&both, 7, 1), AG_PROGRESS_DONE);
    train(&both, trained, 3);
    assert_int_equal(both.ledger->units[UNIT].progress, AG_PROGRESS_MISSING);
    finish(&both);
  }
}

static void a_point_fails_with_its_source(void **state)
{
  (void)state;
  fixture both = start();
  assert_int_equal(take(both.ledger, AG_RECORD_FAILURE, small_key("model", SOURCE), "nan", 3),
                   AG_OK);
  assert_int_equal(ag_ledger_point(both.ledger, POINT), AG_PROGRESS_FAILED);
  assert_int_equal(ag_ledger_point(both.ledger, POINT + 1), AG_PROGRESS_MISSING);
  assert_int_equal(do_unit(&both, 1, 2), AG_PROGRESS_DONE); /* which says that it is there again */
  assert_int_equal(ag_ledger_point(both.ledger, POINT), AG_PROGRESS_MISSING);
  assert_null(both.ledger->models[SOURCE].failure);
  finish(&both);
}

/* Records of other units are as they were. */
static void of_one_model_it_is_its_digest(void **state)
{
  (void)state;
  fixture both = start();
  const ag_digest model = {{1}};
  const ag_digest source = {{2}};
  ag_digest attacked;
  assert_int_equal(ag_attacked_digest(&both.small->plan, POINT + 1, &model, &source, &attacked),
                   AG_OK);
  assert_memory_equal(&attacked, &model, sizeof model);
  finish(&both);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stands_on_both_models),
      cmocka_unit_test(stands_on_what_both_are),
      cmocka_unit_test(a_source_from_a_file_is_in_the_key),
      cmocka_unit_test(a_point_fails_with_its_source),
      cmocka_unit_test(of_one_model_it_is_its_digest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
