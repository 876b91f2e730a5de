/* Programs that are started: what is captured, how they end, and that none is waited for for ever.
 */
#include "support/child.h"

/* Runs one, expecting success. */
static ag_program run(const char *const *arguments)
{
  ag_program program;
  assert_int_equal(ag_program_run(arguments, 20, &program), AG_OK);
  return program;
}

static void captures_both_streams_and_the_code(void **state)
{
  (void)state;
  ag_program program =
      run((const char *const[]){"sh", "-c", "echo out; echo err >&2; exit 3", NULL});
  assert_string_equal(program.output.bytes, "out\n");
  assert_string_equal(program.errors.bytes, "err\n");
  assert_int_equal(program.code, 3);
  ag_program_clear(&program);
  program = run((const char *const[]){"sh", "-c", "kill -9 $$", NULL});
  assert_string_equal(program.output.bytes, "");
  assert_int_equal(program.code, 128 + 9);
  ag_program_clear(&program);
}

static void passes_arguments_as_they_are(void **state)
{
  (void)state;
  ag_program program =
      run((const char *const[]){"printf", "%s|", "a b", "$(id); rm '*'", "", NULL});
  assert_string_equal(program.output.bytes, "a b|$(id); rm '*'||");
  ag_program_clear(&program);
}

/* This program's own folder stays. */
static void runs_in_a_folder(void **state)
{
  (void)state;
  char before[AG_PATH_SIZE];
  char after[AG_PATH_SIZE];
  ag_program program;
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(ag_program_run_in("/", (const char *const[]){"pwd", NULL}, 20, &program), AG_OK);
  assert_string_equal(program.output.bytes, "/\n");
  ag_program_clear(&program);
  assert_non_null(getcwd(after, sizeof after));
  assert_string_equal(before, after);
  assert_int_equal(ag_program_run_in("/no such", (const char *const[]){"pwd", NULL}, 20, &program),
                   AG_IO_ERROR);
  assert_string_equal(ag_message(), "cannot start pwd: No such file or directory");
}

static void gives_an_empty_input(void **state)
{
  (void)state;
  ag_program program = run((const char *const[]){"cat", NULL});
  assert_string_equal(program.output.bytes, "");
  assert_int_equal(program.code, 0);
  ag_program_clear(&program);
}

static void makes_output_plain(void **state)
{
  (void)state;
  ag_program program =
      run((const char *const[]){"printf", "a\\tb\\n\\033[31m\\000\\r\\302\\233~\\177", NULL});
  assert_string_equal(program.output.bytes, "a\tb\n?[31m????~?");
  ag_program_clear(&program);
}

static void keeps_so_much_and_no_more(void **state)
{
  (void)state;
  ag_program program = run((const char *const[]){"head", "-c", "3000000", "/dev/zero", NULL});
  assert_int_equal(program.output.length, AG_PROGRAM_OUTPUT_MAXIMUM);
  assert_int_equal(program.output.bytes[AG_PROGRAM_OUTPUT_MAXIMUM - 1], '?');
  assert_int_equal(program.code, 0);
  ag_program_clear(&program);
}

static void says_what_cannot_be_started(void **state)
{
  (void)state;
  ag_program program;
  const char *const missing[] = {"advgrid-no-such-program", NULL};
  assert_int_equal(ag_program_run(missing, 20, &program), AG_IO_ERROR);
  assert_string_equal(ag_message(), "advgrid-no-such-program is not in PATH");
  const char *const folder[] = {"/", NULL};
  assert_int_equal(ag_program_run(folder, 20, &program), AG_IO_ERROR);
  assert_non_null(strstr(ag_message(), "cannot start /: "));
}

/* The shell's own child holds the pipe as well, and has the group's fate. */
static void ends_what_gives_no_answer(void **state)
{
  (void)state;
  ag_program program;
  int hold[2];
  char byte = 0;
  char script[64];
  assert_int_equal(pipe(hold), 0);
  snprintf(script, sizeof script, "sleep 600 & exec 1>&-; wait # %d", hold[1]);
  const char *const hangs[] = {"sh", "-c", script, NULL};
  assert_int_equal(ag_program_run(hangs, 0.1, &program), AG_IO_ERROR);
  assert_string_equal(ag_message(), "sh gave no answer within 0.1 s");
  /* `hold` was inherited: it ends when the last of them has. */
  close(hold[1]);
  assert_int_equal(read(hold[0], &byte, 1), 0);
  close(hold[0]);
}

/* What a program leaves running behind itself is not waited for. */
static void does_not_wait_for_what_stays(void **state)
{
  (void)state;
  ag_program program = run((const char *const[]){"sh", "-c", "sleep 600 & echo $!", NULL});
  const long left = strtol(program.output.bytes, NULL, 10);
  assert_true(left > 1);
  assert_int_equal(kill((pid_t)left, SIGKILL), 0);
  ag_program_clear(&program);
}

/* The signal waits until the program is gone, and then reaches this one. */
static int is_interrupted(void *context)
{
  (void)context;
  ag_program program;
  const char *const arguments[] = {"sh", "-c", "kill -TERM $PPID; sleep 600", NULL};
  ag_interrupt_listen();
  if (ag_program_run(arguments, 300, &program) != AG_INTERRUPTED) return 1;
  return ag_interrupted() ? 0 : 2;
}

static void a_signal_ends_it(void **state)
{
  (void)state;
  assert_int_equal(child_run(is_interrupted, NULL), 0);
}

/* The signals that wait here do not wait there: the program ends itself. */
static void it_hears_signals_itself(void **state)
{
  (void)state;
  ag_program program = run((const char *const[]){"sh", "-c", "kill -TERM $$; echo on", NULL});
  assert_string_equal(program.output.bytes, "");
  assert_int_equal(program.code, 128 + SIGTERM);
  ag_program_clear(&program);
}

static int leaks_nothing(void **state)
{
  (void)state;
  return ag_live_blocks() == 0 ? 0 : -1;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(captures_both_streams_and_the_code),
      cmocka_unit_test(passes_arguments_as_they_are),
      cmocka_unit_test(runs_in_a_folder),
      cmocka_unit_test(gives_an_empty_input),
      cmocka_unit_test(makes_output_plain),
      cmocka_unit_test(keeps_so_much_and_no_more),
      cmocka_unit_test(says_what_cannot_be_started),
      cmocka_unit_test(ends_what_gives_no_answer),
      cmocka_unit_test(does_not_wait_for_what_stays),
      cmocka_unit_test(a_signal_ends_it),
      cmocka_unit_test(it_hears_signals_itself),
  };
  return cmocka_run_group_tests(tests, NULL, leaks_nothing);
}
