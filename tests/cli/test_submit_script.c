/* The batch script of a submission: directives replaced and added, lines behind them, and words
 * that the shell takes as they are. */
#include "support/fixture.h"

#include "cli/submit.h"

static const char pattern[] = "#!/bin/bash\n"
                              "# What it does.\n"
                              "#SBATCH --job-name=advgrid\n"
                              "# Why one.\n"
                              "#SBATCH --nodes=1\n"
                              "#SBATCH --requeue\n"
                              "#SBATCH  --time=04:00:00\n"
                              "##SBATCH --partition=...\n"
                              "\n"
                              "echo \"$@\" # SBATCH --nodes=9\n";

static char *write_script(size_t count, const ag_directive *directives, const char *lines)
{
  ag_text text = {0};
  if (ag_script_write(pattern, count, directives, lines, &text) != AG_OK)
    fail_msg("%s", ag_message());
  return text.bytes;
}

static void directives_are_replaced(void **state)
{
  (void)state;
  const ag_directive directives[] = {
      {"nodes", "3"}, {"time", "1-00:00:00"}, {"job-name", NULL}, {"requeue", NULL}};
  char *script = write_script(4, directives, "");
  assert_string_equal(script, "#!/bin/bash\n"
                              "# What it does.\n"
                              "#SBATCH --job-name=advgrid\n"
                              "# Why one.\n"
                              "#SBATCH --nodes=3\n"
                              "#SBATCH --requeue\n"
                              "#SBATCH --time=1-00:00:00\n"
                              "##SBATCH --partition=...\n"
                              "\n"
                              "echo \"$@\" # SBATCH --nodes=9\n");
  ag_release(&script);
}

static void missing_ones_are_added_behind_the_last(void **state)
{
  (void)state;
  /* "node" is no beginning of "nodes". */
  const ag_directive directives[] = {
      {"partition", "short"}, {"account", NULL}, {"nodes", "2"}, {"node", "x"}};
  char *script = write_script(4, directives, "set -- 'a'\n");
  assert_string_equal(script, "#!/bin/bash\n"
                              "# What it does.\n"
                              "#SBATCH --job-name=advgrid\n"
                              "# Why one.\n"
                              "#SBATCH --nodes=2\n"
                              "#SBATCH --requeue\n"
                              "#SBATCH  --time=04:00:00\n"
                              "#SBATCH --partition=short\n"
                              "#SBATCH --node=x\n"
                              "set -- 'a'\n"
                              "##SBATCH --partition=...\n"
                              "\n"
                              "echo \"$@\" # SBATCH --nodes=9\n");
  ag_release(&script);
}

static void a_template_without_directives_gets_them_at_the_top(void **state)
{
  (void)state;
  const ag_directive directives[] = {{"nodes", "2"}};
  ag_text text = {0};
  assert_int_equal(ag_script_write("#!/bin/sh\nrun", 1, directives, "set -- a\n", &text), AG_OK);
  assert_string_equal(text.bytes, "#!/bin/sh\n#SBATCH --nodes=2\nset -- a\nrun");
  ag_text_clear(&text);
}

static void values_that_no_directive_can_hold_are_refused(void **state)
{
  (void)state;
  static const char *const wrong[] = {
      "",    "a b",  "a\nb", "a\n#SBATCH --x", "$HOME", "`id`",     "a'b", "a\"b", "a#b",
      "a;b", "a\\b", "-x",   "a\tb",           "a*",    "\xc3\xa9", "a&b"};
  static const char *const right[] = {"a",          "short,long", "/a/b.c_d-e",
                                      "B:USR1@300", "x+y=%j",     "1-00:00:00"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    const ag_directive directives[] = {{"nodes", "2"}, {"comment", wrong[i]}};
    ag_text text = {0};
    assert_int_equal(ag_script_write(pattern, 2, directives, "", &text), AG_INVALID_ARGUMENT);
    assert_int_equal(text.length, 0);
    assert_non_null(strstr(ag_message(), "comment is '"));
    assert_false(ag_directive_is_safe(wrong[i]));
  }
  for (size_t i = 0; i < sizeof right / sizeof *right; ++i)
    assert_true(ag_directive_is_safe(right[i]));
}

static void words_are_quoted(void **state)
{
  (void)state;
  static const char *const cases[][2] = {
      {"", "''"},
      {"plain", "'plain'"},
      {"a b$c`d`\"e\"\\", "'a b$c`d`\"e\"\\'"},
      {"a\n#SBATCH", "'a'$'\\n''#SBATCH'"},
      {"\n", "''$'\\n'''"},
      {"it's", "'it'\\''s'"},
      {"'", "''\\'''"},
      {"''a'", "''\\'''\\''a'\\'''"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    ag_text text = {0};
    assert_int_equal(ag_script_quote(cases[i][0], &text), AG_OK);
    assert_string_equal(text.bytes, cases[i][1]);
    ag_text_clear(&text);
  }
}

/* All that a submission replaces is in the template once. */
static void the_template_has_its_directives(void **state)
{
  (void)state;
  static const char *const names[] = {"job-name", "nodes",  "ntasks-per-node", "cpus-per-task",
                                      "time",     "signal", "open-mode",       "output"};
  assert_memory_equal(ag_script_template, "#!/bin/bash\n", strlen("#!/bin/bash\n"));
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    char line[64];
    snprintf(line, sizeof line, "\n#SBATCH --%s=", names[i]);
    const char *first = strstr(ag_script_template, line);
    if (first == NULL) fail_msg("the template has no %s", names[i]);
    assert_null(strstr(first + 1, line));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(directives_are_replaced),
      cmocka_unit_test(missing_ones_are_added_behind_the_last),
      cmocka_unit_test(a_template_without_directives_gets_them_at_the_top),
      cmocka_unit_test(values_that_no_directive_can_hold_are_refused),
      cmocka_unit_test(words_are_quoted),
      cmocka_unit_test(the_template_has_its_directives),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  return failed != 0 || ag_live_blocks() != 0;
}
