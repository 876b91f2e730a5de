/* Text that grows, and the nearest of several words. */
#include "support/fixture.h"

static void text_grows_piece_by_piece(void **state)
{
  (void)state;
  const size_t blocks = ag_live_blocks();
  ag_text text = {0};
  char expected[8192] = "";
  size_t length = 0;
  for (int i = 0; i < 1000; ++i) {
    length += (size_t)snprintf(expected + length, sizeof expected - length, "%d, ", i);
    assert_int_equal(ag_text_append(&text, "%d%s", i, ", "), AG_OK);
    assert_int_equal(text.length, length);
    assert_string_equal(text.bytes, expected);
  }
  assert_int_equal(ag_live_blocks(), blocks + 1);
  ag_text_clear(&text);
  assert_null(text.bytes);
  assert_int_equal(text.length, 0);
  assert_int_equal(ag_live_blocks(), blocks);
}

static void text_may_be_used_again(void **state)
{
  (void)state;
  ag_text text = {0};
  ag_text_clear(&text); /* of an empty text too */
  assert_int_equal(ag_text_append(&text, "%s", ""), AG_OK);
  assert_string_equal(text.bytes, "");
  ag_text_clear(&text);
  assert_int_equal(ag_text_append(&text, "again"), AG_OK);
  assert_string_equal(text.bytes, "again");
  ag_text_clear(&text);
}

/* What lacks its middle must not pass for a whole text. */
static void a_failed_append_makes_all_later_ones_fail(void **state)
{
  (void)state;
  static const wchar_t no_character[] = {(wchar_t)0x7fffffff, 0};
  ag_text text = {0};
  assert_int_equal(ag_text_append(&text, "start"), AG_OK);
  assert_int_not_equal(ag_text_append(&text, "%ls", no_character), AG_OK);
  assert_int_not_equal(ag_text_append(&text, "end"), AG_OK);
  assert_string_equal(text.bytes, "start");
  ag_text_clear(&text);
  assert_int_equal(ag_text_append(&text, "anew"), AG_OK);
  ag_text_clear(&text);
}

static const char *const words[] = {"momentum", "weight_decay", "nesterov", "pgd", "fgsm"};
enum { WORDS = sizeof words / sizeof *words };

static void assert_nearest(const char *word, const char *expected)
{
  const char *nearest = ag_text_nearest(word, words, WORDS);
  if (expected == NULL) {
    if (nearest != NULL) fail_msg("'%s' is taken for '%s'", word, nearest);
  } else {
    if (nearest == NULL) fail_msg("'%s' is not taken for '%s'", word, expected);
    assert_string_equal(nearest, expected);
  }
}

static void slips_of_the_finger_are_found(void **state)
{
  (void)state;
  assert_nearest("momentum", "momentum");
  assert_nearest("momentun", "momentum");  /* a wrong letter */
  assert_nearest("momntum", "momentum");   /* one left out */
  assert_nearest("mommentum", "momentum"); /* one too many */
  assert_nearest("momenutm", "momentum");  /* two the wrong way round */
  assert_nearest("weight-decay", "weight_decay");
  assert_nearest("Nesterov", "nesterov");
  assert_nearest("pdg", "pgd");
  assert_nearest("fsgm", "fgsm");
  static const char *const no = "no"; /* a swap is one slip: two would be too many here */
  assert_ptr_equal(ag_text_nearest("on", &no, 1), no);
}

static void other_words_are_not(void **state)
{
  (void)state;
  assert_nearest("epsilon", NULL);
  assert_nearest("x", NULL);
  assert_nearest("", NULL);
  assert_null(ag_text_nearest("pgd", words, 0));
}

static void the_nearer_word_wins(void **state)
{
  (void)state;
  static const char *const close[] = {"conv11", "conv1", "conv12"};
  assert_string_equal(ag_text_nearest("conv1", close, 3), "conv1");
  assert_string_equal(ag_text_nearest("conv2", close, 3), "conv1");
  assert_string_equal(ag_text_nearest("cnov12", close, 3), "conv12");
}

static void long_words_are_safe(void **state)
{
  (void)state;
  char word[500];
  memset(word, 'm', sizeof word - 1);
  word[sizeof word - 1] = '\0';
  const char *const long_words[] = {word};
  assert_ptr_equal(ag_text_nearest(word, long_words, 1), word);
  (void)ag_text_nearest(word, words, WORDS);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_grows_piece_by_piece),
      cmocka_unit_test(text_may_be_used_again),
      cmocka_unit_test(a_failed_append_makes_all_later_ones_fail),
      cmocka_unit_test(slips_of_the_finger_are_found),
      cmocka_unit_test(other_words_are_not),
      cmocka_unit_test(the_nearer_word_wins),
      cmocka_unit_test(long_words_are_safe),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
