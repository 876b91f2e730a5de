/* Bars, durations, and what is known of a screen. */
#include "support/fixture.h"

#include "base/screen.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static void assert_bar(double share, size_t cells, bool unicode, const char *want)
{
  char bar[AG_BAR_SIZE];
  ag_bar_draw(share, cells, unicode, bar);
  assert_string_equal(bar, want);
}

static void bars_of_letters(void **state)
{
  (void)state;
  assert_bar(0, 6, false, "[....]");
  assert_bar(0.5, 6, false, "[##..]");
  assert_bar(0.999, 6, false, "[###.]");
  assert_bar(1, 6, false, "[####]");
}

static void bars_of_blocks(void **state)
{
  (void)state;
  assert_bar(0, 3, true, "\u2591\u2591\u2591");
  assert_bar(0.5, 4, true, "\u2588\u2588\u2591\u2591");
  assert_bar(1.0 / 32, 4, true, "\u258f\u2591\u2591\u2591");
  assert_bar(0.999, 4, true, "\u2588\u2588\u2588\u2589");
  assert_bar(1, 4, true, "\u2588\u2588\u2588\u2588");
}

static void bars_of_anything(void **state)
{
  (void)state;
  char bar[AG_BAR_SIZE];
  assert_bar(-3, 5, false, "[...]");
  assert_bar(7, 5, false, "[###]");
  assert_bar((double)NAN, 5, false, "[...]");
  assert_bar((double)INFINITY, 5, false, "[###]");
  assert_bar(0.5, 2, false, "");
  assert_bar(0.5, 0, true, "");
  ag_bar_draw(1, 100000, true, bar);
  assert_int_equal(strlen(bar), 3 * AG_BAR_CELLS);
}

static void assert_duration(double seconds, const char *exact, const char *rounded)
{
  char text[AG_DURATION_SIZE];
  ag_duration_text(seconds, text);
  assert_string_equal(text, exact);
  ag_duration_round(seconds, text);
  assert_string_equal(text, rounded);
}

static void durations_read_well(void **state)
{
  (void)state;
  assert_duration(0, "0 s", "0 s");
  assert_duration(-5, "0 s", "0 s");
  assert_duration((double)NAN, "0 s", "0 s");
  assert_duration(59.4, "59 s", "59 s");
  assert_duration(65, "1 min 05 s", "65 s");
  assert_duration(151, "2 min 31 s", "3 min");
  assert_duration(3599, "59 min 59 s", "60 min");
  assert_duration(11220, "3 h 07 min", "3 h 07 min");
  assert_duration(200000, "2 d 7 h", "2 d 7 h");
  assert_duration(1e300, "1000000000 d 0 h", "1000000000 d 0 h");
}

static void assert_rate(double rate, const char *expected)
{
  char text[AG_RATE_SIZE];
  ag_rate_text(rate, text);
  assert_string_equal(text, expected);
}

/* A network that takes a minute for an image is slow, and not at a stand. */
static void rates_read_well(void **state)
{
  (void)state;
  assert_rate(1230.4, "1230 images/s");
  assert_rate(9.96, "10 images/s");
  assert_rate(3.42, "3.4 images/s");
  assert_rate(1.0 / 60, "0.017 images/s");
  assert_rate(1e-4, "0 images/s");
  assert_rate(-1, "0 images/s");
  assert_rate((double)NAN, "0 images/s");
  assert_rate(1e300, "1000000000 images/s");
}

/* Of what is no terminal. */
static void a_pipe_has_the_size_it_is_told(void **state)
{
  (void)state;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(unsetenv("COLUMNS") + unsetenv("LINES"), 0);
  ag_screen screen = ag_screen_of(ends[1]);
  assert_false(screen.terminal);
  assert_int_equal(screen.columns, 80);
  assert_int_equal(screen.rows, 24);
  assert_int_equal(setenv("COLUMNS", "100", 1) + setenv("LINES", "x", 1), 0);
  screen = ag_screen_of(ends[1]);
  assert_int_equal(screen.columns, 100);
  assert_int_equal(screen.rows, 24);
  assert_int_equal(setenv("COLUMNS", "0", 1) + setenv("LINES", "99999999999", 1), 0);
  screen = ag_screen_of(ends[1]);
  assert_int_equal(screen.columns, 80);
  assert_int_equal(screen.rows, 24);
  close(ends[0]);
  close(ends[1]);
}

static void letters_follow_the_locale(void **state)
{
  (void)state;
  assert_int_equal(setenv("LC_ALL", "C", 1), 0);
  assert_false(ag_screen_of(STDERR_FILENO).unicode);
  assert_int_equal(setenv("LC_ALL", "C.UTF-8", 1), 0);
  assert_true(ag_screen_of(STDERR_FILENO).unicode);
  assert_int_equal(setenv("LC_ALL", "no_SUCH.UTF-8", 1), 0);
  assert_false(ag_screen_of(STDERR_FILENO).unicode);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bars_of_letters),           cmocka_unit_test(bars_of_blocks),
      cmocka_unit_test(bars_of_anything),          cmocka_unit_test(durations_read_well),
      cmocka_unit_test(rates_read_well),           cmocka_unit_test(a_pipe_has_the_size_it_is_told),
      cmocka_unit_test(letters_follow_the_locale),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
