/* Settings: numbers and fractions, each type's checks, and messages that say what was expected. */
#include "support/fixture.h"

static const char *const shapes[] = {"square", "circle", "triangle", NULL};
static const ag_option options[] = {
    {.name = "epsilon",
     .type = AG_OPTION_NUMBER,
     .initial = "8/255",
     .minimum = 0,
     .maximum = 1,
     .help = "a bound"},
    {.name = "steps",
     .type = AG_OPTION_COUNT,
     .initial = "10",
     .minimum = 1,
     .maximum = 100,
     .help = "steps"},
    {.name = "random", .type = AG_OPTION_FLAG, .initial = "true", .help = "a flag"},
    {.name = "shape",
     .type = AG_OPTION_WORD,
     .initial = "circle",
     .words = shapes,
     .help = "a shape"},
    {.name = "path", .type = AG_OPTION_TEXT, .initial = "", .help = "a path, or none"},
    {.name = "needed",
     .type = AG_OPTION_NUMBER,
     .minimum = -5,
     .maximum = 5,
     .help = "what a job must give"},
    {0},
};

static void assert_message(const char *first, const char *second)
{
  if (strstr(ag_message(), first) == NULL || strstr(ag_message(), second) == NULL) {
    fail_msg("expected '%s' and '%s', the message is: %s", first, second, ag_message());
  }
}

/* ---- numbers -------------------------------------------------------------------------- */

static void numbers_are_read(void **state)
{
  (void)state;
  const struct {
    const char *text;
    double value;
  } cases[] = {{"0", 0},        {"1", 1},        {"0.5", 0.5},         {".5", 0.5},
               {"5.", 5},       {"5e-4", 5e-4},  {"5E-4", 5e-4},       {"1e2", 100},
               {"-3", -3},      {"+3", 3},       {"8/255", 8 / 255.0}, {"1/3", 1 / 3.0},
               {"-1/4", -0.25}, {"1/-4", -0.25}, {"0.5/2", 0.25},      {"1e-2/1e1", 1e-3},
               {"0/5", 0},      {"007", 7}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    double value = -1;
    if (ag_number_read(cases[i].text, &value) != AG_OK) fail_msg("%s", ag_message());
    assert_true(value == cases[i].value);
  }
}

static void what_is_no_number_is_refused(void **state)
{
  (void)state;
  const char *const cases[] = {
      "",      "x",       "nan",    "NaN",          "inf", "-inf",  "infinity", "0x10", "0x1p3",
      "1x",    "1 ",      " 1",     "1 000",        "1,5", "1_0",   "--1",      "+-1",  "1e",
      "e5",    ".",       "/",      "1/",           "/2",  "1/2/3", "8//2",     "1/x",  "1/nan",
      "1e999", "1/1e999", "8/255f", "1e300/1e-300", "-",   "1.2.3", "5%"};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    double value = 0;
    if (ag_number_read(cases[i], &value) != AG_BAD_JOB) fail_msg("'%s' passes", cases[i]);
    assert_message("'", cases[i]);
  }
}

static void fractions_by_zero_are_refused(void **state)
{
  (void)state;
  const char *const cases[] = {"8/0", "0/0", "1/0.0", "1/-0", "1/0e5"};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    double value = 0;
    assert_int_equal(ag_number_read(cases[i], &value), AG_BAD_JOB);
    assert_message(cases[i], "divides by zero");
  }
}

static void long_numbers_are_refused(void **state)
{
  (void)state;
  char text[1000];
  double value = 0;
  memset(text, '1', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  assert_int_equal(ag_number_read(text, &value), AG_BAD_JOB);
  assert_true(strlen(ag_message()) < 200);
}

/* ---- settings --------------------------------------------------------------------------- */

static void defaults_are_filled_in(void **state)
{
  (void)state;
  ag_settings settings;
  memset(&settings, 0xff, sizeof settings);
  ag_settings_start(&settings, options);
  assert_true(ag_settings_number(&settings, "epsilon") == 8 / 255.0);
  assert_string_equal(ag_settings_word(&settings, "epsilon"), "8/255");
  assert_int_equal(ag_settings_count(&settings, "steps"), 10);
  assert_true(ag_settings_flag(&settings, "random"));
  assert_string_equal(ag_settings_word(&settings, "shape"), "circle");
  assert_false(ag_settings_has(&settings, "path"));
  assert_string_equal(ag_settings_word(&settings, "path"), "");
  assert_false(ag_settings_has(&settings, "needed"));
}

static void values_are_taken(void **state)
{
  (void)state;
  ag_settings settings;
  ag_settings_start(&settings, options);
  assert_int_equal(ag_settings_set(&settings, "epsilon", "4/255"), AG_OK);
  assert_int_equal(ag_settings_set(&settings, "steps", "16/2"), AG_OK);
  assert_int_equal(ag_settings_set(&settings, "random", "false"), AG_OK);
  assert_int_equal(ag_settings_set(&settings, "shape", "triangle"), AG_OK);
  assert_int_equal(ag_settings_set(&settings, "path", "some/model.h5"), AG_OK);
  assert_int_equal(ag_settings_set(&settings, "needed", "-5"), AG_OK); /* the limit itself */
  assert_true(ag_settings_number(&settings, "epsilon") == 4 / 255.0);
  assert_string_equal(ag_settings_word(&settings, "epsilon"), "4/255");
  assert_int_equal(ag_settings_count(&settings, "steps"), 8);
  assert_false(ag_settings_flag(&settings, "random"));
  assert_string_equal(ag_settings_word(&settings, "shape"), "triangle");
  assert_true(ag_settings_has(&settings, "path"));
  assert_true(ag_settings_number(&settings, "needed") == -5);
  assert_int_equal(ag_settings_check(&settings), AG_OK);
}

static void what_a_job_must_give_is_missed(void **state)
{
  (void)state;
  ag_settings settings;
  ag_settings_start(&settings, options);
  assert_int_equal(ag_settings_check(&settings), AG_BAD_JOB);
  assert_message("'needed' is missing", "what a job must give");
}

/* Each refusal: what it says, and that the value stays what it was. */
static void wrong_values_are_refused(void **state)
{
  (void)state;
  const struct {
    const char *name, *text, *first, *second;
  } cases[] = {
      {"epsilon", "8/0", "'epsilon'", "divides by zero"},
      {"epsilon", "nan", "'epsilon'", "'nan' is not a number"},
      {"epsilon", "-0.1", "'epsilon' is -0.1", "expected 0 to 1"},
      {"epsilon", "1.0001", "'epsilon' is 1.0001", "expected 0 to 1"},
      {"epsilon", "", "'epsilon'", "no value"},
      {"steps", "2.5", "'steps' is 2.5", "whole number"},
      {"steps", "0x10", "'steps'", "'0x10' is not a number"},
      {"steps", "0", "'steps' is 0", "expected 1 to 100"},
      {"steps", "101", "'steps' is 101", "expected 1 to 100"},
      {"random", "yes", "'random' is 'yes'", "true or false"},
      {"random", "True", "'random' is 'True'", "true or false"},
      {"shape", "sqare", "'shape' is 'sqare'", "did you mean 'square'"},
      {"shape", "hexahedron", "'shape' is 'hexahedron'", "square, circle, triangle"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    ag_settings settings, before;
    ag_settings_start(&settings, options);
    memcpy(&before, &settings, sizeof before);
    assert_int_equal(ag_settings_set(&settings, cases[i].name, cases[i].text), AG_BAD_JOB);
    assert_message(cases[i].first, cases[i].second);
    assert_memory_equal(&settings, &before, sizeof before);
  }
  assert_int_equal(ag_live_blocks(), 0);
}

static void unknown_options_are_refused(void **state)
{
  (void)state;
  ag_settings settings;
  ag_settings_start(&settings, options);
  assert_int_equal(ag_settings_set(&settings, "epsilno", "1"), AG_BAD_JOB);
  assert_message("unknown key 'epsilno'", "did you mean 'epsilon'");
  assert_int_equal(ag_settings_set(&settings, "colour", "1"), AG_BAD_JOB);
  assert_string_equal(ag_message(), "unknown key 'colour'");
  ag_settings none;
  ag_settings_start(&none, NULL); /* a row without options */
  assert_int_equal(ag_settings_check(&none), AG_OK);
  assert_int_equal(ag_settings_set(&none, "steps", "1"), AG_BAD_JOB);
}

static void values_have_a_longest(void **state)
{
  (void)state;
  ag_settings settings;
  char text[AG_VALUE_SIZE + 1];
  ag_settings_start(&settings, options);
  memset(text, 'a', AG_VALUE_SIZE);
  text[AG_VALUE_SIZE] = '\0';
  assert_int_equal(ag_settings_set(&settings, "path", text), AG_BAD_JOB);
  assert_message("'path'", "255");
  text[AG_VALUE_SIZE - 1] = '\0';
  assert_int_equal(ag_settings_set(&settings, "path", text), AG_OK);
  assert_string_equal(ag_settings_word(&settings, "path"), text);
}

/* ---- tables ------------------------------------------------------------------------------ */

static const ag_kind rows[] = {{"first", "a row", options}, {"second", "another", NULL}};

static const ag_kind *table(size_t index)
{
  return index < 2 ? &rows[index] : NULL;
}

static void rows_are_found_by_name(void **state)
{
  (void)state;
  ag_entry entry;
  assert_ptr_equal(ag_kind_find(table, "first"), &rows[0]);
  assert_ptr_equal(ag_kind_find(table, "second"), &rows[1]);
  assert_null(ag_kind_find(table, "third"));
  assert_null(ag_kind_find(table, ""));
  ag_entry_start(&entry, &rows[0]);
  assert_ptr_equal(entry.kind, &rows[0]);
  assert_string_equal(entry.name, "first");
  assert_int_equal(ag_settings_count(&entry.settings, "steps"), 10);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_read),
      cmocka_unit_test(what_is_no_number_is_refused),
      cmocka_unit_test(fractions_by_zero_are_refused),
      cmocka_unit_test(long_numbers_are_refused),
      cmocka_unit_test(defaults_are_filled_in),
      cmocka_unit_test(values_are_taken),
      cmocka_unit_test(what_a_job_must_give_is_missed),
      cmocka_unit_test(wrong_values_are_refused),
      cmocka_unit_test(unknown_options_are_refused),
      cmocka_unit_test(values_have_a_longest),
      cmocka_unit_test(rows_are_found_by_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
