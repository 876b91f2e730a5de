/* Status codes and messages: every code has a text and an exit code, and each thread its message.
 */
#include "support/fixture.h"

#include <pthread.h>

static void every_status_has_text_and_exit_code(void **state)
{
  (void)state;
  assert_int_equal(ag_status_exit_code(AG_OK), 0);
  for (int i = AG_OK + 1; i < AG_STATUS_COUNT; ++i) {
    const ag_status status = (ag_status)i;
    const int code = ag_status_exit_code(status);
    assert_true(code == 1 || code == 2 || status == AG_INTERRUPTED);
    assert_true(strlen(ag_status_text(status)) > 0);
    for (int j = AG_OK; j < i; ++j)
      assert_string_not_equal(ag_status_text(status), ag_status_text((ag_status)j));
  }
  assert_int_equal(ag_status_exit_code(AG_INTERRUPTED), 85);
  assert_int_equal(ag_status_exit_code(AG_STATUS_COUNT), 1);
  assert_string_equal(ag_status_text(AG_STATUS_COUNT), "unknown status");
}

/* 2 is for what the user wrote, 1 for what the machine did. */
static void exit_code_says_whose_fault_it_is(void **state)
{
  (void)state;
  const ag_status ours[] = {AG_INVALID_ARGUMENT, AG_BAD_JOB, AG_BAD_DATA, AG_BAD_MODEL};
  const ag_status machines[] = {AG_OUT_OF_MEMORY, AG_IO_ERROR,  AG_BAD_STORE,   AG_NOT_FINITE,
                                AG_HDF5_FAILED,   AG_ELSEWHERE, AG_UNITS_FAILED};
  for (size_t i = 0; i < sizeof ours / sizeof *ours; ++i)
    assert_int_equal(ag_status_exit_code(ours[i]), 2);
  for (size_t i = 0; i < sizeof machines / sizeof *machines; ++i)
    assert_int_equal(ag_status_exit_code(machines[i]), 1);
}

/* The message before may be part of the next: another status for the same words. */
static void a_message_may_quote_the_one_before(void **state)
{
  (void)state;
  ag_fail(AG_IO_ERROR, "cannot open it");
  assert_int_equal(ag_fail(AG_BAD_JOB, "%s, twice: %s", ag_message(), ag_message()), AG_BAD_JOB);
  assert_string_equal(ag_message(), "cannot open it, twice: cannot open it");
}

static void message_grows_on_its_way_up(void **state)
{
  (void)state;
  assert_int_equal(ag_fail(AG_BAD_JOB, "epsilon is %d; expected %s", -1, "0 to 1"), AG_BAD_JOB);
  assert_string_equal(ag_message(), "epsilon is -1; expected 0 to 1");
  assert_int_equal(ag_fail_within(AG_BAD_JOB, "attack '%s'", "pgd"), AG_BAD_JOB);
  assert_string_equal(ag_message(), "attack 'pgd': epsilon is -1; expected 0 to 1");
  ag_fail_within(AG_BAD_JOB, "job.yaml:%d", 7);
  assert_string_equal(ag_message(), "job.yaml:7: attack 'pgd': epsilon is -1; expected 0 to 1");
  ag_fail(AG_IO_ERROR, "another");
  assert_string_equal(ag_message(), "another");
}

/* A percent sign in an inner message is text by then. */
static void message_is_not_a_format(void **state)
{
  (void)state;
  ag_fail(AG_BAD_DATA, "%s", "100%s%n");
  ag_fail_within(AG_BAD_DATA, "file");
  assert_string_equal(ag_message(), "file: 100%s%n");
}

static void long_messages_are_cut(void **state)
{
  (void)state;
  char word[4000];
  memset(word, 'x', sizeof word - 1);
  word[sizeof word - 1] = '\0';
  ag_fail(AG_BAD_DATA, "start %s", word);
  assert_memory_equal(ag_message(), "start xxxx", 10);
  const size_t length = strlen(ag_message());
  assert_true(length > 1000 && length < sizeof word);
  for (size_t i = 0; i < 100; ++i)
    ag_fail_within(AG_BAD_DATA, "level %zu of many", i);
  assert_memory_equal(ag_message(), "level 99 of many: level 98", 26);
  assert_true(strlen(ag_message()) < sizeof word);
  ag_fail_within(AG_BAD_DATA, "%s", word);
  assert_memory_equal(ag_message(), "xxxxxxxxxx", 10);
}

static void *fail_elsewhere(void *argument)
{
  (void)argument;
  const bool empty = ag_message()[0] == '\0';
  ag_fail(AG_NOT_FINITE, "of the other thread");
  return empty && strcmp(ag_message(), "of the other thread") == 0 ? argument : NULL;
}

static void each_thread_has_its_message(void **state)
{
  (void)state;
  pthread_t other;
  int token = 0;
  void *result = NULL;
  ag_fail(AG_NOT_FINITE, "of this thread");
  assert_int_equal(pthread_create(&other, NULL, fail_elsewhere, &token), 0);
  assert_int_equal(pthread_join(other, &result), 0);
  assert_ptr_equal(result, &token);
  assert_string_equal(ag_message(), "of this thread");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_status_has_text_and_exit_code),
      cmocka_unit_test(exit_code_says_whose_fault_it_is),
      cmocka_unit_test(a_message_may_quote_the_one_before),
      cmocka_unit_test(message_grows_on_its_way_up),
      cmocka_unit_test(message_is_not_a_format),
      cmocka_unit_test(long_messages_are_cut),
      cmocka_unit_test(each_thread_has_its_message),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
