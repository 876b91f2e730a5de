/* The terminal's size and letters, bars, durations and rates. Reads the environment's locale
 * without setting the program's: numbers are written the same way everywhere. */
#include "base/screen.h"

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- the screen -------------------------------------------------------------------------- */

static bool locale_is_unicode(void)
{
  const locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
  if (locale == (locale_t)0) return false;
  const bool is = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
  freelocale(locale);
  return is;
}

/* A side of the screen from the environment. */
static size_t side_of(const char *name, size_t usual)
{
  enum { LEAST = 1, MOST = 10000 };
  const char *text = getenv(name);
  if (text == NULL || text[0] == '\0' || text[strspn(text, "0123456789")] != '\0') return usual;
  const unsigned long value = strtoul(text, NULL, 10);
  return value < LEAST || value > MOST ? usual : value;
}

ag_screen ag_screen_of(int descriptor)
{
  struct winsize window = {0};
  ag_screen screen = {.terminal = isatty(descriptor) == 1,
                      .unicode = locale_is_unicode(),
                      .columns = side_of("COLUMNS", 80),
                      .rows = side_of("LINES", 24)};
  if (!screen.terminal || ioctl(descriptor, TIOCGWINSZ, &window) != 0) return screen;
  if (window.ws_col > 0) screen.columns = window.ws_col;
  if (window.ws_row > 0) screen.rows = window.ws_row;
  return screen;
}

/* ---- bars ---------------------------------------------------------------------------------- */

static const char *const eighths[8] = {"",
                                       "\xe2\x96\x8f",
                                       "\xe2\x96\x8e",
                                       "\xe2\x96\x8d",
                                       "\xe2\x96\x8c",
                                       "\xe2\x96\x8b",
                                       "\xe2\x96\x8a",
                                       "\xe2\x96\x89"};
static const char whole_cell[] = "\xe2\x96\x88";
static const char empty_cell[] = "\xe2\x96\x91";

static void draw_blocks(double share, size_t cells, char *bar)
{
  const size_t parts = (size_t)(share * 8 * (double)cells);
  char *end = bar;
  for (size_t i = 0; i < cells; ++i) {
    const size_t filled = parts > 8 * i ? ag_minimum(parts - 8 * i, 8) : 0;
    const char *cell = filled == 0 ? empty_cell : filled == 8 ? whole_cell : eighths[filled];
    end = stpcpy(end, cell);
  }
}

static void draw_letters(double share, size_t cells, char *bar)
{
  const size_t inner = cells - 2;
  const size_t filled = (size_t)(share * (double)inner);
  bar[0] = '[';
  memset(bar + 1, '#', filled);
  memset(bar + 1 + filled, '.', inner - filled);
  memcpy(bar + 1 + inner, "]", 2);
}

void ag_bar_draw(double share, size_t cells, bool unicode, char bar[AG_BAR_SIZE])
{
  enum { LEAST = 3 };
  const double cut = share > 0 ? (share < 1 ? share : 1) : 0;
  const size_t drawn = ag_minimum(cells, AG_BAR_CELLS);
  bar[0] = '\0';
  if (drawn < LEAST) return;
  if (unicode) {
    draw_blocks(cut, drawn, bar);
  } else {
    draw_letters(cut, drawn, bar);
  }
}

/* ---- durations ------------------------------------------------------------------------------- */

static const unsigned long MINUTE = 60;
static const unsigned long HOUR = 3600;
static const unsigned long DAY = 86400;

/* Whole seconds of what may be anything. */
static unsigned long whole_seconds(double seconds)
{
  const double most = 1e9 * (double)DAY;
  return seconds > 0 ? (unsigned long)((seconds < most ? seconds : most) + 0.5) : 0;
}

void ag_duration_text(double seconds, char text[AG_DURATION_SIZE])
{
  const unsigned long whole = whole_seconds(seconds);
  if (whole >= 2 * DAY) {
    snprintf(text, AG_DURATION_SIZE, "%lu d %lu h", whole / DAY, whole % DAY / HOUR);
  } else if (whole >= HOUR) {
    snprintf(text, AG_DURATION_SIZE, "%lu h %02lu min", whole / HOUR, whole % HOUR / MINUTE);
  } else if (whole >= MINUTE) {
    snprintf(text, AG_DURATION_SIZE, "%lu min %02lu s", whole / MINUTE, whole % MINUTE);
  } else {
    snprintf(text, AG_DURATION_SIZE, "%lu s", whole);
  }
}

void ag_duration_round(double seconds, char text[AG_DURATION_SIZE])
{
  const unsigned long whole = whole_seconds(seconds);
  const unsigned long minutes = (whole + MINUTE / 2) / MINUTE;
  if (whole < 2 * MINUTE) {
    snprintf(text, AG_DURATION_SIZE, "%lu s", whole);
  } else if (minutes < 2 * MINUTE) {
    snprintf(text, AG_DURATION_SIZE, "%lu min", minutes);
  } else {
    ag_duration_text((double)(minutes * MINUTE), text);
  }
}

void ag_rate_text(double images_per_second, char text[AG_RATE_SIZE])
{
  const double rate = images_per_second >= 0.001 ? fmin(images_per_second, 1e9) : 0;
  snprintf(text, AG_RATE_SIZE, rate < 9.95 ? "%.2g images/s" : "%.0f images/s", rate);
}
