/* Details in a unit's record: read back, more or less than a plan wants, damaged, and records from
 * before there were any. */
#include "store/small_plan.h"

enum { PIXELS = 8, POINT = 12 };

/* Of five images the first three have pictures, the first four points, and all draws. */
static void want(small_plan *small)
{
  for (size_t i = 0; i < PLAN_MODELS; ++i) {
    ag_details_form *form = &small->models[i].details;
    *form = (ag_details_form){.draws = 3, .layer = "dense1"};
    form->kinds[AG_DETAIL_PIXELS].images = 3;
    form->kinds[AG_DETAIL_PIXELS].bytes = PIXELS;
    form->kinds[AG_DETAIL_POINT].images = 4;
    form->kinds[AG_DETAIL_POINT].bytes = POINT;
    form->kinds[AG_DETAIL_DRAWS].images = SIZE_MAX;
    form->kinds[AG_DETAIL_DRAWS].bytes = 1;
  }
}

typedef struct fixture {
  small_plan *small;
  ag_ledger *ledger;
} fixture;

static fixture start(void)
{
  fixture both = {.small = small_plan_create()};
  want(both.small);
  assert_int_equal(ag_ledger_create(&both.small->plan, &both.ledger), AG_OK);
  return both;
}

static void finish(fixture *both)
{
  ag_ledger_destroy(&both->ledger);
  free(both->small);
  assert_int_equal(ag_live_blocks(), 0);
}

/* What an image's value of a kind consists of, whatever else there is. */
static char byte_of(ag_detail kind, ag_side side, size_t image)
{
  return (char)(1 + image + 10 * side + 20 * kind);
}

/* The record of a unit as it comes from that plan; freed by the caller. */
static ag_unit_record *make_record(const ag_plan *plan, size_t unit, size_t *size)
{
  const small_unit done = small_unit_outcomes(&plan->units[unit]);
  *size = ag_unit_record_size(plan, unit);
  ag_unit_record *record = test_bytes(*size);
  memcpy(record, &done, sizeof done.head + plan->units[unit].count * sizeof *done.outcomes);
  const ag_details details = ag_unit_record_details(plan, unit, record);
  for (ag_detail kind = 0; kind < AG_DETAILS; ++kind) {
    for (ag_side side = 0; side < AG_SIDES; ++side) {
      for (size_t i = 0; i < ag_details_images(&details, kind); ++i) {
        memset(ag_details_value(&details, kind, side, i),
               byte_of(kind, side, plan->units[unit].first + i), details.form->kinds[kind].bytes);
      }
    }
  }
  return record;
}

/* Takes the record that a run with `from`'s wishes has left of a unit. */
static void take_from(fixture *both, const ag_plan *from, size_t unit)
{
  size_t size = 0;
  ag_unit_record *record = make_record(from, unit, &size);
  assert_int_equal(take(both->ledger, AG_RECORD_UNIT, from->units[unit].key, record, size), AG_OK);
  free(record);
}

static void check_point(const ag_ledger *ledger, size_t point)
{
  ag_outcome outcomes[PLAN_IMAGES] = {0};
  ag_point_details got;
  assert_int_equal(ag_ledger_details(ledger, point, outcomes, PLAN_IMAGES, &got), AG_OK);
  assert_true(got.has[AG_DETAIL_PIXELS] && got.has[AG_DETAIL_POINT] && got.has[AG_DETAIL_DRAWS]);
  assert_false(got.has[AG_DETAIL_PROBABILITIES] || got.has[AG_DETAIL_DISTANCE]);
  for (ag_detail kind = 0; kind < AG_DETAILS; ++kind) {
    for (size_t i = 0; i < ag_details_images(&got.details, kind); ++i) {
      for (ag_side side = 0; side < AG_SIDES; ++side) {
        const char *value = ag_details_value(&got.details, kind, side, i);
        for (size_t b = 0; b < got.details.form->kinds[kind].bytes; ++b)
          assert_int_equal(value[b], byte_of(kind, side, i));
      }
    }
  }
  ag_point_details_clear(&got);
}

static ag_progress state_of(const fixture *both, size_t unit)
{
  return both->ledger->units[unit].progress;
}

/* ---- tests --------------------------------------------------------------------------------------
 */

static void they_are_read_back(void **state)
{
  (void)state;
  fixture both = start();
  take_from(&both, &both.small->plan, 0);
  take_from(&both, &both.small->plan, 1);
  assert_int_equal(ag_ledger_point(both.ledger, 0), AG_PROGRESS_DONE);
  check_point(both.ledger, 0);
  finish(&both);
}

/* A run that wanted more did all that this one wants; one that wanted less, or another layer, did
 * not, and it is done again. Once it is, that counts. */
static void more_than_wanted_is_enough(void **state)
{
  (void)state;
  fixture both = start();
  small_plan *other = small_plan_create();
  want(other);
  ag_details_form *form = &other->models[0].details;
  form->kinds[AG_DETAIL_PIXELS].images = 5;
  form->kinds[AG_DETAIL_POINT].images = 5;
  form->kinds[AG_DETAIL_DISTANCE].images = SIZE_MAX;
  form->kinds[AG_DETAIL_DISTANCE].bytes = 4;
  take_from(&both, &other->plan, 0);
  take_from(&both, &other->plan, 1);
  assert_int_equal(ag_ledger_point(both.ledger, 0), AG_PROGRESS_DONE);
  check_point(both.ledger, 0);
  free(other);
  finish(&both);
}

static void less_than_wanted_is_done_again(void **state)
{
  (void)state;
  for (size_t lack = 0; lack < 4; ++lack) {
    fixture both = start();
    small_plan *other = small_plan_create();
    want(other);
    ag_details_form *form = &other->models[0].details;
    if (lack == 0) form->kinds[AG_DETAIL_PIXELS].images = 2;
    if (lack == 1) form->kinds[AG_DETAIL_POINT].images = 0;
    if (lack == 2) form->kinds[AG_DETAIL_POINT].bytes = 16;
    if (lack == 3) snprintf(form->layer, sizeof form->layer, "dense2");
    take_from(&both, &other->plan, 0);
    assert_int_equal(state_of(&both, 0), AG_PROGRESS_MISSING);
    take_from(&both, &both.small->plan, 0);
    take_from(&both, &both.small->plan, 1);
    assert_int_equal(state_of(&both, 0), AG_PROGRESS_DONE);
    check_point(both.ledger, 0);
    free(other);
    finish(&both);
  }
}

/* A record of before there were details ends behind its outcomes: it is done, and has none, where
 * the job does not ask for any itself; where it does, images that have none are done all the same.
 */
static void old_records_are_done(void **state)
{
  (void)state;
  fixture both = start();
  take_unit_done(both.ledger, 0);
  take_unit_done(both.ledger, 1);
  assert_int_equal(ag_ledger_point(both.ledger, 0), AG_PROGRESS_DONE);
  ag_outcome outcomes[PLAN_IMAGES] = {0};
  ag_point_details got;
  assert_int_equal(ag_ledger_details(both.ledger, 0, outcomes, PLAN_IMAGES, &got), AG_OK);
  for (ag_detail kind = 0; kind < AG_DETAILS; ++kind)
    assert_false(got.has[kind]);
  ag_point_details_clear(&got);
  /* One of them new: what is of its images alone is there. */
  fixture mixed = start();
  take_from(&mixed, &mixed.small->plan, 0);
  take_unit_done(mixed.ledger, 1);
  assert_int_equal(ag_ledger_details(mixed.ledger, 0, outcomes, PLAN_IMAGES, &got), AG_OK);
  assert_true(got.has[AG_DETAIL_PIXELS]);
  assert_false(got.has[AG_DETAIL_POINT] || got.has[AG_DETAIL_DRAWS]);
  ag_point_details_clear(&got);
  ag_ledger_destroy(&mixed.ledger);
  free(mixed.small);
  finish(&both);
}

static void old_records_lack_what_is_asked_for(void **state)
{
  (void)state;
  fixture both = start();
  for (size_t i = 0; i < PLAN_MODELS; ++i)
    both.small->models[i].details.kinds[AG_DETAIL_PIXELS].asked = true;
  take_unit_done(both.ledger, 0);
  take_unit_done(both.ledger, 1); /* images 3 and 4, of which no pictures are wanted */
  assert_int_equal(state_of(&both, 0), AG_PROGRESS_MISSING);
  assert_int_equal(state_of(&both, 1), AG_PROGRESS_DONE);
  finish(&both);
}

/* Nothing wanted is not nothing known: a job that wants pictures again finds none there. */
static void a_record_without_pictures_says_so(void **state)
{
  (void)state;
  fixture both = start();
  small_plan *other = small_plan_create();
  take_from(&both, &other->plan, 0);
  assert_int_equal(state_of(&both, 0), AG_PROGRESS_MISSING);
  free(other);
  finish(&both);
}

/* A model that was trained anew: its units go, with all they have. */
static void another_model_takes_them_along(void **state)
{
  (void)state;
  fixture both = start();
  const ag_model_record trained = {.parameters.bytes = {1}};
  take_from(&both, &both.small->plan, 0);
  assert_int_equal(
      take(both.ledger, AG_RECORD_MODEL, both.small->models[0].key, &trained, sizeof trained),
      AG_OK);
  assert_int_equal(state_of(&both, 0), AG_PROGRESS_MISSING);
  assert_null(both.ledger->units[0].details);
  finish(&both);
}

/* ---- damage ------------------------------------------------------------------------------------
 */

static void damaged_details_are_refused(void **state)
{
  (void)state;
  fixture both = start();
  const ag_plan *plan = &both.small->plan;
  size_t size = 0;
  ag_unit_record *record = make_record(plan, 0, &size);
  char *head = (char *)record + sizeof *record + plan->units[0].count * sizeof(ag_outcome);
  const ag_digest key = plan->units[0].key;
  /* Cut off anywhere. */
  const size_t least = (size_t)(head - (char *)record);
  for (size_t cut = least + 1; cut < size; ++cut) {
    assert_int_equal(take(both.ledger, AG_RECORD_UNIT, key, record, cut), AG_BAD_STORE);
    assert_non_null(strstr(ag_message(), "a unit"));
  }
  /* Any byte of the sizes in front of them changed: refused, or less than is wanted. */
  for (size_t i = 0; i < 4 + 4 + AG_NAME_SIZE + 16 * AG_DETAILS; ++i) {
    if (i >= 4 && i < 8 + AG_NAME_SIZE) continue; /* a reserve, and the layer's name */
    const char kept = head[i];
    head[i] = (char)(kept ^ 0x55);
    const ag_status status = take(both.ledger, AG_RECORD_UNIT, key, record, size);
    assert_true(status == AG_BAD_STORE || state_of(&both, 0) == AG_PROGRESS_MISSING);
    head[i] = kept;
  }
  memset(head + 8, 'x', AG_NAME_SIZE); /* a name without an end */
  assert_int_equal(take(both.ledger, AG_RECORD_UNIT, key, record, size), AG_BAD_STORE);
  assert_int_equal(state_of(&both, 0), AG_PROGRESS_MISSING);
  free(record);
  finish(&both);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(they_are_read_back),
      cmocka_unit_test(more_than_wanted_is_enough),
      cmocka_unit_test(less_than_wanted_is_done_again),
      cmocka_unit_test(old_records_are_done),
      cmocka_unit_test(old_records_lack_what_is_asked_for),
      cmocka_unit_test(a_record_without_pictures_says_so),
      cmocka_unit_test(another_model_takes_them_along),
      cmocka_unit_test(damaged_details_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
