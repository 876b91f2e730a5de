/* The comparison of two result folders, and its parts: lists of names, rows that belong together.
 */
#include "store/small_plan.h"

#include "advgrid/report.h"
#include "report/verify.h"

static const char job_text[] = "name: by-hand\n";

/* ---- folders ---------------------------------------------------------------------- */

/* A folder with the results of the units 0 .. done-1. */
static char *folder_with(size_t done)
{
  char *folder = folder_create();
  small_plan *small = small_plan_create();
  ag_ledger *ledger = NULL;
  assert_int_equal(ag_ledger_create(&small->plan, &ledger), AG_OK);
  for (size_t i = 0; i < done; ++i)
    take_unit_done(ledger, i);
  assert_int_equal(ag_results_write(folder, ledger, job_text), AG_OK);
  ag_ledger_destroy(&ledger);
  free(small);
  return folder;
}

static void equal_folders(void **state)
{
  (void)state;
  ag_text text = {0};
  bool equal = false;
  char *first = folder_with(8);
  char *second = folder_with(8);
  assert_int_equal(ag_verify(first, second, &text, &equal), AG_OK);
  assert_true(equal);
  assert_string_equal(text.bytes, "equal: 4 points, 20 samples, 0 models, 0 parameters;"
                                  " neither job is complete\n");
  ag_text_clear(&text);
  folder_remove(first);
  folder_remove(second);
  assert_int_equal(ag_live_blocks(), 0);
}

/* Points 4 and 5 are done in one alone: their rows, their samples, and two cells of each array. */
static void point_of_one_alone(void **state)
{
  (void)state;
  ag_text text = {0};
  char expected[2 * AG_PATH_SIZE];
  bool equal = true;
  char *first = folder_with(8);
  char *second = folder_with(12);
  const ag_digest key = small_key("point", 4);
  const ag_digest other = small_key("point", 5);
  char keys[2][AG_DIGEST_TEXT_SIZE];
  ag_digest_text(&key, keys[0]);
  ag_digest_text(&other, keys[1]);
  const size_t least = strcmp(keys[0], keys[1]) < 0 ? 0 : 1; /* by name */
  assert_int_equal(ag_verify(first, second, &text, &equal), AG_OK);
  assert_false(equal);
  snprintf(expected, sizeof expected,
           "different: results.h5: /samples/%s (none, fgsm, epsilon %.9g, seed 7): only in %s\n"
           "and 7 more: samples 1, results 2, grid 4\n",
           keys[least], least == 0 ? 8.0 / 255.0 : 0.1, second);
  assert_string_equal(text.bytes, expected);
  ag_text_clear(&text);
  folder_remove(first);
  folder_remove(second);
  assert_int_equal(ag_live_blocks(), 0);
}

static void nothing_is_left_after_a_failure(void **state)
{
  (void)state;
  ag_text text = {0};
  bool equal = true;
  char *first = folder_with(2);
  char *second = folder_create();
  assert_int_equal(ag_verify(first, second, &text, &equal), AG_IO_ERROR);
  assert_non_null(strstr(ag_message(), "has no results.h5"));
  assert_false(equal);
  assert_null(text.bytes);
  folder_remove(first);
  folder_remove(second);
  assert_int_equal(ag_live_blocks(), 0);
}

/* ---- names --------------------------------------------------------------------------- */

static void names_are_merged_and_sorted(void **state)
{
  (void)state;
  static const char *const first[] = {"a", "a/x", "a-b", "c", "\xc3\xa9"};
  static const char *const second[] = {"a-b", "a", "a/y", "b"};
  static const ag_place_name expected[] = {{.text = "a", .where = AG_IN_BOTH},
                                           {.text = "a/x", .where = AG_IN_FIRST},
                                           {.text = "a/y", .where = AG_IN_SECOND},
                                           {.text = "a-b", .where = AG_IN_BOTH},
                                           {.text = "b", .where = AG_IN_SECOND},
                                           {.text = "c", .where = AG_IN_FIRST},
                                           {.text = "d", .where = 0},
                                           {.text = "\xc3\xa9", .where = AG_IN_FIRST}};
  ag_names names = {0};
  ag_names_sort(&names); /* of nothing */
  for (size_t i = 0; i < sizeof first / sizeof *first; ++i)
    assert_int_equal(ag_names_add(&names, first[i], AG_IN_FIRST), AG_OK);
  for (size_t i = 0; i < sizeof second / sizeof *second; ++i)
    assert_int_equal(ag_names_add(&names, second[i], AG_IN_SECOND), AG_OK);
  assert_int_equal(ag_names_add(&names, "d", 0), AG_OK);
  assert_int_equal(ag_names_add(&names, "b", 0), AG_OK);
  ag_names_sort(&names);
  assert_int_equal(names.count, sizeof expected / sizeof *expected);
  for (size_t i = 0; i < names.count; ++i) {
    assert_string_equal(names.entries[i].text, expected[i].text);
    assert_int_equal(names.entries[i].where, expected[i].where);
  }
  ag_names_clear(&names);
  assert_int_equal(ag_live_blocks(), 0);
}

static void many_names(void **state)
{
  (void)state;
  ag_names names = {0};
  char text[32];
  for (unsigned i = 0; i < 3000; ++i) {
    snprintf(text, sizeof text, "%04u", i * 7 % 1000);
    assert_int_equal(ag_names_add(&names, text, i < 1500 ? AG_IN_FIRST : AG_IN_SECOND), AG_OK);
  }
  ag_names_sort(&names);
  assert_int_equal(names.count, 1000);
  for (unsigned i = 0; i < 1000; ++i) {
    snprintf(text, sizeof text, "%04u", i);
    assert_string_equal(names.entries[i].text, text);
    assert_int_equal(names.entries[i].where, AG_IN_BOTH);
  }
  ag_names_clear(&names);
}

/* ---- rows ------------------------------------------------------------------------------ */

static void rows_meet_their_points(void **state)
{
  (void)state;
  ag_point_name first[] = {{"k1", "none", "fgsm", 0.1, 1},
                           {"k2", "none", "pgd", 0.1, 1},
                           {"k3", "none", "pgd", 0.2, 1},
                           {"k4", "none", "pgd", 0.2, 2},
                           {"k5", "noise", "pgd", 0.2, 2}};
  ag_point_name second[] = {{"k3", "none", "pgd", 0.2, 1},
                            {"other", "none", "fgsm", 0.1, 1},
                            {"k6", "none", "pgd", 0.2, 3},
                            {"k5", "noise", "pgd", 0.2, 2}};
  const ag_point_names names[2] = {{first, 5}, {second, 4}};
  const ptrdiff_t expected[2][5] = {{1, AG_NO_ROW, 0, AG_NO_ROW, 3}, {2, 0, AG_NO_ROW, 4, 0}};
  ptrdiff_t found[2][5];
  ptrdiff_t *const partners[2] = {found[0], found[1]};
  assert_int_equal(ag_point_names_match(names, partners), AG_OK);
  assert_memory_equal(found[0], expected[0], sizeof expected[0]);
  assert_memory_equal(found[1], expected[1], 4 * sizeof **expected);
  assert_ptr_equal(ag_point_names_find(names, "k5/margin", 2), &first[4]);
  assert_ptr_equal(ag_point_names_find(names, "k6", 2), &second[2]);
  assert_null(ag_point_names_find(names, "k", 1));
  assert_null(ag_point_names_find(names, "k55", 3));
  assert_int_equal(ag_live_blocks(), 0);
}

static void circumstances(void **state)
{
  (void)state;
  static const char *const are[] = {"seconds", "idle_seconds", "hosts",
                                    "ranks",   "kernels",      "timeline"};
  static const char *const are_not[] = {
      "second", "milliseconds", "seconds_", "job", "training/ranks", "", "complete", "_second"};
  for (size_t i = 0; i < sizeof are / sizeof *are; ++i)
    assert_true(ag_is_circumstance(are[i]));
  for (size_t i = 0; i < sizeof are_not / sizeof *are_not; ++i)
    assert_false(ag_is_circumstance(are_not[i]));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_folders),
      cmocka_unit_test(point_of_one_alone),
      cmocka_unit_test(nothing_is_left_after_a_failure),
      cmocka_unit_test(names_are_merged_and_sorted),
      cmocka_unit_test(many_names),
      cmocka_unit_test(rows_meet_their_points),
      cmocka_unit_test(circumstances),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
