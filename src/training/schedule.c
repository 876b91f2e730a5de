/* Learning-rate schedules: a table of pure functions of the progress in epochs. */
#include "advgrid/training.h"

#include <assert.h>
#include <math.h>

typedef struct schedule {
  ag_kind kind;
  /* The rate as a share of the peak, at a share of the way behind the warm-up. */
  double (*share)(const ag_settings *settings, double way);
} schedule;

#define PEAK                                                                                      \
  {                                                                                               \
    .name = "peak", .type = AG_OPTION_NUMBER, .initial = "0.05", .minimum = 1e-9, .maximum = 100, \
    .help = "largest learning rate"                                                               \
  }
#define WARM_UP(share)                                                                            \
  {                                                                                               \
    .name = "warmup", .type = AG_OPTION_NUMBER, .initial = (share), .minimum = 0, .maximum = 0.9, \
    .help = "share of the training in which the rate rises linearly from zero"                    \
  }

static const ag_option constant_options[] = {PEAK, WARM_UP("0"), {0}};
static const ag_option step_options[] = {
    PEAK,
    WARM_UP("0"),
    {.name = "every",
     .type = AG_OPTION_NUMBER,
     .initial = "1/3",
     .minimum = 0.001,
     .maximum = 1,
     .help = "share of the training between two drops"},
    {.name = "factor",
     .type = AG_OPTION_NUMBER,
     .initial = "0.1",
     .minimum = 1e-6,
     .maximum = 1,
     .help = "what a drop multiplies the rate by"},
    {0},
};
static const ag_option cosine_options[] = {PEAK, WARM_UP("0.05"), {0}};
static const ag_option one_cycle_options[] = {PEAK, WARM_UP("0.15"), {0}};

static double constant_share(const ag_settings *settings, double way)
{
  (void)settings;
  (void)way;
  return 1;
}

static double step_share(const ag_settings *settings, double way)
{
  const double drops = floor(way / ag_settings_number(settings, "every") + 1e-9);
  return pow(ag_settings_number(settings, "factor"), drops);
}

/* Loshchilov & Hutter 2017 (arXiv:1608.03983), equation 5, one period. */
static double cosine_share(const ag_settings *settings, double way)
{
  (void)settings;
  return 0.5 * (1 + cos(3.14159265358979323846 * way));
}

/* Smith & Topin 2018 (arXiv:1708.07120) in its triangular form: up, then down to zero. */
static double one_cycle_share(const ag_settings *settings, double way)
{
  (void)settings;
  return 1 - way;
}

static const schedule rows[] = {
    {{"one-cycle", "linear warm-up, then linear to zero", one_cycle_options}, one_cycle_share},
    {{"cosine", "linear warm-up, then half a cosine to zero", cosine_options}, cosine_share},
    {{"step", "linear warm-up, then drops at equal distances", step_options}, step_share},
    {{"constant", "linear warm-up, then one rate", constant_options}, constant_share},
};
enum { ROWS = sizeof rows / sizeof *rows };

const ag_kind *ag_schedule_table(size_t index)
{
  return index < ROWS ? &rows[index].kind : NULL;
}

double ag_schedule_rate(const ag_entry *entry, double progress, double epochs)
{
  const schedule *row = (const schedule *)(const void *)entry->kind; /* its first member */
  const double peak = ag_settings_number(&entry->settings, "peak");
  const double warmup = ag_settings_number(&entry->settings, "warmup") * epochs;
  assert(epochs > 0 && progress >= 0 && progress <= epochs);
  if (progress < warmup) return peak * progress / warmup;
  return peak * row->share(&entry->settings, (progress - warmup) / (epochs - warmup));
}
