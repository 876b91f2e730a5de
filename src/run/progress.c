/* How far a run is, on stderr. Bars are drawn below the last line that stays, and the cursor is put
 * back to where they begin: what is written next, by whomever, takes their place. */
#include "run/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Seconds between two updates. */
static const double TERMINAL_PERIOD = 0.2;
static const double FIRST_PERIOD = 10;
static const double LOG_PERIOD = 60; /* and how long the first one holds */

static const char clear_below[] = "\r\033[J";
static const char clear_rest[] = "\033[K";
static const char one_up[] = "\033[A\r";

enum { NUMBERS = 128 };

static bool is_terminal(void)
{
  return isatty(STDERR_FILENO) == 1;
}

/* ---- words ------------------------------------------------------------------------------- */

/* "12 min left (9 min to 17 min)". */
static void describe_left(const ag_forecast *left, char text[NUMBERS])
{
  char middle[AG_DURATION_SIZE];
  char low[AG_DURATION_SIZE];
  char high[AG_DURATION_SIZE];
  if (!left->is_known) {
    snprintf(text, NUMBERS, "time left not known yet");
    return;
  }
  ag_duration_round(left->seconds, middle);
  ag_duration_round(left->low, low);
  ag_duration_round(left->high, high);
  snprintf(text, NUMBERS, "%s left (%s to %s)", middle, low, high);
}

ag_status ag_reading_write(const ag_reading *reading, ag_text *text)
{
  char left[NUMBERS];
  char rate[AG_RATE_SIZE];
  describe_left(&reading->left, left);
  ag_rate_text(reading->images_per_second, rate);
  return ag_text_append(text, "%5.1f %%  %s  %s  %s", 100 * reading->share, reading->activity, rate,
                        left);
}

/* Cells of a bar beside so many letters; 0 where there is no room for one. */
static size_t bar_cells(const ag_screen *screen, size_t letters)
{
  enum { WIDEST = 30, LEAST = 5, NAME_AND_GAPS = 10 };
  const size_t taken = NAME_AND_GAPS + letters;
  const size_t cells = screen->columns > taken ? screen->columns - 1 - taken : 0;
  return cells < LEAST ? 0 : ag_minimum(cells, WIDEST);
}

/* A line "name    bar  words"; without room for a bar as much of the words as there is room for. */
static ag_status append_bar(const char *name, double share, size_t cells, const char *words,
                            const ag_screen *screen, ag_text *text)
{
  char bar[AG_BAR_SIZE];
  if (cells == 0) return ag_text_append(text, "%.*s", (int)screen->columns - 1, words);
  ag_bar_draw(share, cells, screen->unicode, bar);
  return ag_text_append(text, "%-6s  %s  %s", name, bar, words);
}

ag_status ag_reading_draw(const ag_reading *reading, double unit_share, const ag_screen *screen,
                          ag_text *text)
{
  ag_status status = AG_OK;
  char left[NUMBERS];
  char rate[AG_RATE_SIZE];
  char job[2 * NUMBERS];
  char unit[2 * NUMBERS];
  describe_left(&reading->left, left);
  ag_rate_text(reading->images_per_second, rate);
  snprintf(job, sizeof job, "%5.1f %%  %s  %s", 100 * reading->share, left, rate);
  snprintf(unit, sizeof unit, "%5.1f %%  %.*s", 100 * unit_share,
           (int)ag_minimum(screen->columns / 2, NUMBERS), reading->unit);
  const size_t cells = ag_minimum(bar_cells(screen, strlen(job)), bar_cells(screen, strlen(unit)));
  AG_TRY(append_bar("job", reading->share, cells, job, screen, text));
  AG_TRY(ag_text_append(text, "%s\n", clear_rest));
  AG_TRY(append_bar("rank 0", unit_share, cells, unit, screen, text));
  AG_TRY(ag_text_append(text, "%s", clear_rest));
cleanup:
  return status;
}

/* ---- the meter ----------------------------------------------------------------------------- */

void ag_meter_start(ag_meter *meter)
{
  const double now = ag_clock_seconds();
  *meter = (ag_meter){.speaks = true, .started = now, .last = now};
}

bool ag_meter_is_due(const ag_meter *meter, double now)
{
  if (!meter->speaks) return false;
  if (now - meter->last < TERMINAL_PERIOD) return false;
  if (is_terminal()) return true;
  return now - meter->last >= (now - meter->started <= LOG_PERIOD ? FIRST_PERIOD : LOG_PERIOD);
}

static void clear_bars(ag_meter *meter)
{
  if (meter->drawn) fputs(clear_below, stderr);
  meter->drawn = false;
}

static void print_time(void)
{
  char now[AG_TIMESTAMP_SIZE];
  if (is_terminal()) return;
  ag_clock_timestamp(now);
  fprintf(stderr, "%s  ", now);
}

/* One write for all, so that nothing flickers. What there is no memory for is not shown. */
void ag_meter_show(ag_meter *meter, const ag_reading *reading, double now)
{
  ag_text text = {0};
  meter->last = now;
  if (is_terminal()) {
    const ag_screen screen = ag_screen_of(STDERR_FILENO);
    const ag_status status = ag_reading_draw(reading, meter->unit_share, &screen, &text);
    if (status == AG_OK && ag_text_append(&text, "%s", one_up) == AG_OK) {
      fputs(text.bytes, stderr);
      meter->drawn = true;
    }
  } else if (ag_reading_write(reading, &text) == AG_OK) {
    print_time();
    fprintf(stderr, "%s\n", text.bytes);
  }
  fflush(stderr);
  ag_text_clear(&text);
}

void ag_meter_unit(ag_meter *meter, double share)
{
  meter->unit_share = share;
}

void ag_meter_say(ag_meter *meter, const char *format, ...)
{
  va_list arguments;
  if (!meter->speaks) return;
  clear_bars(meter);
  print_time();
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
}

void ag_meter_end(ag_meter *meter)
{
  clear_bars(meter);
  meter->speaks = false;
}
