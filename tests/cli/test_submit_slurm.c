/* Times as Slurm writes them, and its list of partitions. */
#include "support/fixture.h"

#include "cli/submit.h"

static void times_are_read(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    size_t minutes;
  } cases[] = {
      {"1", 1},
      {"90", 90},
      {"90:00", 90},
      {"90:01", 91},
      {"0:30", 1},
      {"1:30:00", 90},
      {"00:05:01", 6},
      {"1-0", 1440},
      {"1-12", 2160},
      {"1-12:30", 2190},
      {"1-12:30:00", 2190},
      {"1-12:30:01", 2191},
      {"0-0:0:1", 1},
      {"365-00:00:00", 525600},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    size_t minutes = 0;
    if (ag_slurm_minutes_read(cases[i].text, &minutes) != AG_OK) fail_msg("%s", ag_message());
    assert_int_equal(minutes, cases[i].minutes);
  }
}

static void what_is_no_time_is_refused(void **state)
{
  (void)state;
  static const char *const texts[] = {"",    "0",        "0:0:0",     "-5", "5-",         "a",
                                      "5m",  "1:2:3:4",  "1-2:3:4:5", "1:", ":1",         "1--2",
                                      "1 2", "infinite", "1e3",       "+5", "9999999999", "5000-00",
                                      "1.5", "1-2-3",    "1:-2",      " 5", "UNLIMITED"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i) {
    size_t minutes = 0;
    if (ag_slurm_minutes_read(texts[i], &minutes) == AG_OK) fail_msg("'%s' was read", texts[i]);
    assert_non_null(strstr(ag_message(), "is no time; expected"));
  }
}

static void times_are_printed_so_that_they_read_back(void **state)
{
  (void)state;
  static const struct {
    size_t minutes;
    const char *text;
  } cases[] = {{1, "00:01:00"},
               {61, "01:01:00"},
               {1439, "23:59:00"},
               {1440, "1-00:00:00"},
               {525599, "364-23:59:00"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    char text[AG_SLURM_TIME_SIZE];
    size_t minutes = 0;
    ag_slurm_minutes_print(cases[i].minutes, text);
    assert_string_equal(text, cases[i].text);
    assert_int_equal(ag_slurm_minutes_read(text, &minutes), AG_OK);
    assert_int_equal(minutes, cases[i].minutes);
  }
}

/* ---- partitions ---- */

static const char printed[] = "debug*|4|4|1|4|infinite\n"
                              "long|100|64+|2|16|14-00:00:00\n"
                              "mixed|8|16|2|8|1:00:00\n"
                              "mixed|2|12|1|12|1:00:00\n"
                              "empty|0|0|0|0|1:00:00\n"
                              "garbage\n"
                              "broken|1|2|3\n";

static ag_partition find(const char *name)
{
  ag_partition found;
  if (ag_partition_find(printed, name, &found) != AG_OK) fail_msg("%s", ag_message());
  return found;
}

static void partitions_are_found(void **state)
{
  (void)state;
  const ag_partition first = find(NULL);
  assert_string_equal(first.name, "debug");
  assert_int_equal(first.nodes, 4);
  assert_int_equal(first.cores, 4);
  assert_int_equal(first.minutes, 0);
  assert_false(first.has_siblings);
  assert_int_equal(find("debug").nodes, 4);
  const ag_partition large = find("long"); /* 64 CPUs on 32 cores */
  assert_int_equal(large.nodes, 100);
  assert_int_equal(large.cores, 32);
  assert_true(large.has_siblings);
  assert_int_equal(large.minutes, 14 * 24 * 60);
  const ag_partition mixed = find("mixed"); /* what each of its nodes has */
  assert_int_equal(mixed.nodes, 10);
  assert_int_equal(mixed.cores, 12);
  assert_int_equal(mixed.minutes, 60);
}

static void others_are_refused(void **state)
{
  (void)state;
  static const struct {
    const char *printed, *name, *expected;
  } cases[] = {
      {printed, "debgu", "'debgu'; did you mean 'debug'?"},
      {printed, "nothing-near", "sinfo knows no partition 'nothing-near'"},
      {printed, "empty", "'empty'"},
      {printed, "broken", "'broken'"},
      {"a|1|1|1|1|1\n", NULL, "give --partition"},
      {"", NULL, "give --partition"},
      {"\n\n|||||\n", NULL, "give --partition"},
      {"*|1|1|1|1|1", "x", "'x'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    ag_partition found;
    assert_int_equal(ag_partition_find(cases[i].printed, cases[i].name, &found),
                     AG_INVALID_ARGUMENT);
    if (strstr(ag_message(), cases[i].expected) == NULL)
      fail_msg("'%s', expected '%s'", ag_message(), cases[i].expected);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(times_are_read),
      cmocka_unit_test(what_is_no_time_is_refused),
      cmocka_unit_test(times_are_printed_so_that_they_read_back),
      cmocka_unit_test(partitions_are_found),
      cmocka_unit_test(others_are_refused),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  return failed != 0 || ag_live_blocks() != 0;
}
