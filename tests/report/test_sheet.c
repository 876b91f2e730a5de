/* Escaping for the page and for gnuplot, base64, and names of files. */
#include "support/fixture.h"

#include "report/sheet.h"

static void assert_sheet(ag_sheet *sheet, const char *want)
{
  assert_int_equal(sheet->status, AG_OK);
  assert_string_equal(sheet->text.bytes, want);
  ag_sheet_clear(sheet);
}

static void html_is_escaped(void **state)
{
  (void)state;
  ag_sheet sheet = {0};
  ag_sheet_html(&sheet, "<a href='x' title=\"y\">&amp;</a> \xc3\xa9");
  assert_sheet(&sheet,
               "&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;amp;&lt;/a&gt; \xc3\xa9");
  ag_sheet_html(&sheet, "%s%n");
  assert_sheet(&sheet, "%s%n");
  ag_sheet_clipped(&sheet, "<<<<", 2);
  assert_sheet(&sheet, "&lt;&lt;&hellip;");
}

static void names_are_clipped(void **state)
{
  (void)state;
  ag_sheet sheet = {0};
  char long_name[2 * 65 + 1];
  char want[2 * 64 + 32];
  for (size_t i = 0; i < 65; ++i)
    memcpy(long_name + 2 * i, "\xc3\xa9", 3);
  snprintf(want, sizeof want, "<bdi>%.128s&hellip;</bdi>", long_name);
  ag_sheet_name(&sheet, long_name);
  assert_sheet(&sheet, want);
  ag_sheet_name(&sheet, "at-pgd");
  assert_sheet(&sheet, "<bdi>at-pgd</bdi>");
}

/* Nothing may end gnuplot's quotes, wherever it stands. */
static void gnuplot_strings_hold(void **state)
{
  (void)state;
  ag_sheet sheet = {0};
  ag_sheet_gnuplot(&sheet, "'; system('id') #", 80);
  assert_sheet(&sheet, "'\xe2\x80\x99; system(\xe2\x80\x99id\xe2\x80\x99) #'");
  ag_sheet_gnuplot(&sheet, "`id`\n\"\\", 80);
  assert_sheet(&sheet, "'\xe2\x80\x99id\xe2\x80\x99 \xe2\x80\x9d\xe2\x88\x96'");
  ag_sheet_gnuplot(&sheet, "abcdef", 4);
  assert_sheet(&sheet, "'ab\xe2\x80\xa6"
                       "f'");
  ag_sheet_gnuplot(&sheet, "pgd-7-8-255, \xc3\xa9\xc3\xa9", 8);
  assert_sheet(&sheet, "'pgd-\xe2\x80\xa6 \xc3\xa9\xc3\xa9'");
  for (int c = 1; c < 128; ++c) {
    const char text[] = {(char)c, 'x', (char)c, '\0'};
    ag_sheet_gnuplot(&sheet, text, 80);
    const char *bytes = sheet.text.bytes;
    const size_t length = sheet.text.length;
    assert_true(bytes[0] == '\'' && bytes[length - 1] == '\'');
    for (size_t i = 1; i + 1 < length; ++i)
      assert_null(strchr("'`\\\n\"", bytes[i]));
    ag_sheet_clear(&sheet);
  }
}

/* RFC 4648, section 10; and lengths about that of a line. */
static void base64_of_the_standard(void **state)
{
  (void)state;
  static const char *const pairs[][2] = {{"f", "Zg=="},         {"fo", "Zm8="},
                                         {"foo", "Zm9v"},       {"foob", "Zm9vYg=="},
                                         {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
  ag_sheet sheet = {0};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; ++i) {
    ag_sheet_base64(&sheet, pairs[i][0], strlen(pairs[i][0]));
    assert_sheet(&sheet, pairs[i][1]);
  }
  const unsigned char high[] = {0xff, 0xef, 0xbe};
  ag_sheet_base64(&sheet, high, sizeof high);
  assert_sheet(&sheet, "/+++");
  unsigned char *zeros = (unsigned char *)test_bytes(301);
  for (size_t size = 298; size <= 301; ++size) {
    ag_sheet_base64(&sheet, zeros, size);
    assert_int_equal(sheet.text.length, (size + 2) / 3 * 4);
    assert_int_equal(strspn(sheet.text.bytes, "A"), (4 * size + 2) / 3);
    ag_sheet_clear(&sheet);
  }
  free(zeros);
}

static void slugs_are_plain(void **state)
{
  (void)state;
  static const char *const pairs[][2] = {{"pgd-20", "pgd-20"},
                                         {"At PGD_7", "at-pgd-7"},
                                         {"../../etc/passwd", "etc-passwd"},
                                         {"\xc3\xa9t\xc3\xa9", "t"},
                                         {"//", ""},
                                         {"", ""}};
  char slug[AG_SLUG_SIZE];
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; ++i) {
    ag_slug(pairs[i][0], slug);
    assert_string_equal(slug, pairs[i][1]);
  }
  ag_slug("0123456789012345678901234567890123456789", slug);
  assert_int_equal(strlen(slug), AG_SLUG_SIZE - 1);
}

static void epsilons_as_jobs_write_them(void **state)
{
  (void)state;
  static const struct {
    double value;
    const char *text;
  } pairs[] = {
      {0, "0"}, {0.1, "0.1"}, {8.0 / 255, "8/255"}, {1.0 / 255, "1/255"},    {0.001, "0.001"},
      {1, "1"}, {0.5, "0.5"}, {255.0 / 255, "1"},   {0.123456789, "0.1235"}, {12.5, "12.5"}};
  char text[AG_NUMBER_SIZE];
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; ++i) {
    ag_epsilon_text(pairs[i].value, text);
    assert_string_equal(text, pairs[i].text);
  }
}

static int leaks_nothing(void **state)
{
  (void)state;
  return ag_live_blocks() == 0 ? 0 : -1;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(html_is_escaped),      cmocka_unit_test(names_are_clipped),
      cmocka_unit_test(gnuplot_strings_hold), cmocka_unit_test(base64_of_the_standard),
      cmocka_unit_test(slugs_are_plain),      cmocka_unit_test(epsilons_as_jobs_write_them),
  };
  return cmocka_run_group_tests(tests, NULL, leaks_nothing);
}
