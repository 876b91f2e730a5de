/* How far a run is, on stderr. */
#include "run/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Seconds between two updates. */
static const double TERMINAL_PERIOD = 0.2;
static const double LOG_PERIOD = 10;

void ag_meter_start(ag_meter *meter, bool speaks, double total, double done)
{
  memset(meter, 0, sizeof *meter);
  meter->speaks = speaks;
  meter->terminal = isatty(STDERR_FILENO) == 1;
  meter->total = total;
  meter->before = done;
  meter->done = done;
  meter->started = ag_clock_seconds();
  meter->last = meter->started;
  meter->since = meter->started;
}

static void clear_line(const ag_meter *meter)
{
  if (meter->terminal) fputs("\r\033[K", stderr);
}

static void print_prefix(const ag_meter *meter)
{
  char now[AG_TIMESTAMP_SIZE];
  if (meter->terminal) return;
  ag_clock_timestamp(now);
  fprintf(stderr, "%s  ", now);
}

static void format_duration(double seconds, char out[32])
{
  const unsigned long whole = (unsigned long)(seconds + 0.5);
  if (whole >= 3600) {
    snprintf(out, 32, "%lu h %02lu min", whole / 3600, whole / 60 % 60);
  } else if (whole >= 60) {
    snprintf(out, 32, "%lu min %02lu s", whole / 60, whole % 60);
  } else {
    snprintf(out, 32, "%lu s", whole);
  }
}

static void print_state(ag_meter *meter, double now)
{
  char left[32] = "unknown";
  const double elapsed = now - meter->started;
  const double share = meter->total > 0 ? meter->done / meter->total : 1;
  const double here = meter->done - meter->before;
  if (here > 0) format_duration(elapsed * (meter->total - meter->done) / here, left);
  const double rate = now > meter->since ? meter->images / (now - meter->since) : 0;
  clear_line(meter);
  print_prefix(meter);
  fprintf(stderr, "%5.1f %%  %s  %.0f images/s  %s left", 100 * share, meter->activity, rate, left);
  if (!meter->terminal) fputc('\n', stderr);
  fflush(stderr);
  meter->last = now;
}

void ag_meter_activity(ag_meter *meter, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(meter->activity, sizeof meter->activity, format, arguments);
  va_end(arguments);
  meter->images = 0;
  meter->since = ag_clock_seconds();
}

void ag_meter_advance(ag_meter *meter, double flops, size_t images)
{
  if (!meter->speaks) return;
  meter->done += flops;
  meter->images += (double)images;
  const double now = ag_clock_seconds();
  if (now - meter->last >= (meter->terminal ? TERMINAL_PERIOD : LOG_PERIOD)) {
    print_state(meter, now);
  }
}

void ag_meter_say(ag_meter *meter, const char *format, ...)
{
  va_list arguments;
  if (!meter->speaks) return;
  clear_line(meter);
  print_prefix(meter);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
}

void ag_meter_end(ag_meter *meter)
{
  if (meter->speaks) clear_line(meter);
  meter->speaks = false;
}
