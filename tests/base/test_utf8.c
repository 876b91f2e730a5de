/* Text of unknown origin: what stays, and what becomes of the rest. */
#include "support/fixture.h"

static void assert_clean(const char *from, size_t size, const char *want)
{
  char out[256];
  char *exact = (char *)test_bytes(size); /* so that a step beyond its end is seen */
  memcpy(exact, from, size);
  assert_true(3 * size + 1 <= sizeof out);
  assert_int_equal(ag_utf8_clean(exact, size, out), strlen(want));
  assert_string_equal(out, want);
  free(exact);
}

#define CLEAN(from, want) assert_clean(from, sizeof(from) - 1, want)
#define BAD "\xef\xbf\xbd"

static void valid_text_stays(void **state)
{
  (void)state;
  CLEAN("", "");
  CLEAN("a < b & \"c\"\nd", "a < b & \"c\"\nd");
  CLEAN("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xee\x80\x80",
        "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xee\x80\x80");
  CLEAN("\xf4\x8f\xbf\xbf\xed\x9f\xbf\xe0\xa0\x80", "\xf4\x8f\xbf\xbf\xed\x9f\xbf\xe0\xa0\x80");
}

static void what_is_no_character_is_marked(void **state)
{
  (void)state;
  CLEAN("\xff", BAD);
  CLEAN("a\x80z", "a" BAD "z");
  CLEAN("\xc3", BAD);                         /* cut off */
  CLEAN("\xe2\x82", BAD BAD);                 /* cut off */
  CLEAN("\xf0\x9f\x98", BAD BAD BAD);         /* cut off */
  CLEAN("\xc0\xaf", BAD BAD);                 /* an overlong '/' */
  CLEAN("\xe0\x80\xbc", BAD BAD BAD);         /* an overlong '<' */
  CLEAN("\xed\xa0\x80", BAD BAD BAD);         /* a surrogate */
  CLEAN("\xf4\x90\x80\x80", BAD BAD BAD BAD); /* beyond U+10FFFF */
}

static void controls_and_turns_go(void **state)
{
  (void)state;
  CLEAN("a\x00\x1b[31m\r\t\x7f.", "a  [31m   .");
  CLEAN("\xc2\x9b\xc2\xa0", " \xc2\xa0");
  CLEAN("\xe2\x80\xaeyes\xe2\x81\xa6", BAD "yes" BAD);
  CLEAN("\xe2\x80\xa9\xe2\x81\xaa", "\xe2\x80\xa9\xe2\x81\xaa"); /* their neighbours */
}

static void clipping_counts_characters(void **state)
{
  (void)state;
  assert_int_equal(ag_utf8_clip("abc", 2), 2);
  assert_int_equal(ag_utf8_clip("abc", 3), 3);
  assert_int_equal(ag_utf8_clip("abc", 9), 3);
  assert_int_equal(ag_utf8_clip("\xc3\xa9\xe2\x82\xac!", 2), 5);
  assert_int_equal(ag_utf8_clip("\xc3\xa9", 0), 0);
  assert_int_equal(ag_utf8_tail("abc", 2), 1);
  assert_int_equal(ag_utf8_tail("abc", 9), 0);
  assert_int_equal(ag_utf8_tail("!\xc3\xa9\xe2\x82\xac", 2), 1);
  assert_int_equal(ag_utf8_tail("\xc3\xa9", 0), 2);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(valid_text_stays),
      cmocka_unit_test(what_is_no_character_is_marked),
      cmocka_unit_test(controls_and_turns_go),
      cmocka_unit_test(clipping_counts_characters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
