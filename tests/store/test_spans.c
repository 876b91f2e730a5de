/* When ranks worked, as a ledger keeps it. */
#include "store/small_plan.h"

static void take_span(ag_ledger *ledger, ag_digest key, const ag_span *span)
{
  assert_int_equal(take(ledger, AG_RECORD_SPAN, key, span, sizeof *span), AG_OK);
}

/* Of all runs, also what an edited job has no more; shared work counts for the first name. */
static void spans_of_all_runs(void **state)
{
  (void)state;
  small_plan *small = small_plan_create();
  ag_ledger *ledger = NULL;
  const ag_span training = {.rank = 3, .epoch = 2, .start = 0.5, .seconds = 7};
  const ag_span attack = {.rank = 1, .first = 3, .images = 2, .start = 8, .seconds = 0.25};
  ag_provenance run;
  memset(&run, 0, sizeof run);
  small->units[9].key = small->units[3].key;
  assert_int_equal(ag_ledger_create(&small->plan, &ledger), AG_OK);
  assert_true(ledger->span_count == 0 && ledger->spans == NULL);
  take_span(ledger, small_key("model", 2), &training);
  for (size_t i = 1; i <= 2; ++i) {
    assert_int_equal(take(ledger, AG_RECORD_RUN, (ag_digest){0}, &run, sizeof run), AG_OK);
    take_span(ledger, small_key("unit", 3), &attack);
    take_span(ledger, small_key("stranger", 0), &attack);
  }
  /* A unit's key names no model, and a model's no unit. */
  take_span(ledger, small_key("unit", 3), &training);
  static const size_t runs[] = {0, 1, 1, 2, 2, 2};
  static const size_t places[] = {2, 3, AG_NOT_IN_PLAN, 3, AG_NOT_IN_PLAN, AG_NOT_IN_PLAN};
  assert_int_equal(ledger->span_count, sizeof runs / sizeof *runs);
  for (size_t i = 0; i < ledger->span_count; ++i) {
    const ag_work_span *work = &ledger->spans[i];
    assert_int_equal(work->run, runs[i]);
    assert_int_equal(work->index, places[i]);
    assert_memory_equal(&work->span, i == 0 || i == 5 ? &training : &attack, sizeof attack);
  }
  assert_int_equal(ledger->units[3].progress, AG_PROGRESS_MISSING);
  assert_int_equal(ledger->models[2].epoch_count, 0);
  for (size_t size = 0; size < sizeof attack; size += 8) {
    assert_int_equal(take(ledger, AG_RECORD_SPAN, small_key("unit", 3), &attack, size),
                     AG_BAD_STORE);
  }
  ag_ledger_destroy(&ledger);
  free(small);
}

static int leaks_nothing(void **state)
{
  (void)state;
  return ag_live_blocks() == 0 ? 0 : -1;
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(spans_of_all_runs)};
  return cmocka_run_group_tests(tests, NULL, leaks_nothing);
}
