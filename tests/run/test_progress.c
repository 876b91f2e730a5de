/* What a run shows of itself: bars that fit the terminal, and the line of a log. */
#include "support/fixture.h"

#include "run/progress.h"

static const ag_reading reading = {.share = 0.4126,
                                   .images_per_second = 1230.4,
                                   .left = {true, 720, 540, 1020},
                                   .activity = "training at-pgd",
                                   .unit = "training at-pgd, epoch 5 of 12"};

static void assert_drawn(const ag_reading *what, size_t columns, bool unicode, const char *want)
{
  ag_text text = {0};
  const ag_screen screen = {true, unicode, columns, 24};
  assert_int_equal(ag_reading_draw(what, 0.75, &screen, &text), AG_OK);
  assert_string_equal(text.bytes, want);
  ag_text_clear(&text);
}

static void bars_stand_in_two_lines(void **state)
{
  (void)state;
  assert_drawn(
      &reading, 80, false,
      "job     [#####.........]   41.3 %  12 min left (9 min to 17 min)  1230 images/s\033[K\n"
      "rank 0  [##########....]   75.0 %  training at-pgd, epoch 5 of 12\033[K");
  assert_drawn(
      &reading, 76, true,
      "job     \u2588\u2588\u2588\u2588\u2589\u2591\u2591\u2591\u2591\u2591\u2591\u2591   "
      "41.3 %  12 "
      "min left (9 min to 17 min)  1230 images/s\033[K\n"
      "rank 0  \u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2591\u2591\u2591   75.0 %  "
      "training at-pgd, epoch 5 of 12\033[K");
}

static void a_narrow_screen_has_the_words(void **state)
{
  (void)state;
  assert_drawn(&reading, 40, false,
               " 41.3 %  12 min left (9 min to 17 min) \033[K\n"
               " 75.0 %  training at-pgd, epo\033[K");
}

/* Nothing is wider than the screen, whatever it is. */
static void no_line_wraps(void **state)
{
  (void)state;
  ag_reading wide = reading;
  char name[400];
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  wide.unit = name;
  wide.left = (ag_forecast){true, 1e9, 1e-9, 1e12};
  wide.images_per_second = 1e12;
  for (size_t columns = 1; columns <= 300; ++columns) {
    ag_text text = {0};
    const ag_screen screen = {true, false, columns, 24};
    assert_int_equal(ag_reading_draw(&wide, 1, &screen, &text), AG_OK);
    const size_t first = strcspn(text.bytes, "\033");
    const char *second = strchr(text.bytes, '\n') + 1;
    assert_true(first < columns && strcspn(second, "\033") < columns);
    ag_text_clear(&text);
  }
}

static void a_log_has_lines(void **state)
{
  (void)state;
  ag_text text = {0};
  ag_reading unknown = reading;
  assert_int_equal(ag_reading_write(&reading, &text), AG_OK);
  assert_string_equal(text.bytes,
                      " 41.3 %  training at-pgd  1230 images/s  12 min left (9 min to 17 min)");
  ag_text_clear(&text);
  unknown.left = (ag_forecast){0};
  assert_int_equal(ag_reading_write(&unknown, &text), AG_OK);
  assert_string_equal(text.bytes,
                      " 41.3 %  training at-pgd  1230 images/s  time left not known yet");
  ag_text_clear(&text);
}

/* Sixty seconds of a line every ten, then one a minute; the tests write to no terminal. */
static void lines_become_seldom(void **state)
{
  (void)state;
  ag_meter meter = {.speaks = true, .started = 1000, .last = 1000};
  assert_false(ag_meter_is_due(&meter, 1009));
  assert_true(ag_meter_is_due(&meter, 1010));
  meter.last = 1060;
  assert_false(ag_meter_is_due(&meter, 1119));
  assert_true(ag_meter_is_due(&meter, 1120));
  meter.speaks = false;
  assert_false(ag_meter_is_due(&meter, 1120));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bars_stand_in_two_lines), cmocka_unit_test(a_narrow_screen_has_the_words),
      cmocka_unit_test(no_line_wraps),           cmocka_unit_test(a_log_has_lines),
      cmocka_unit_test(lines_become_seldom),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
