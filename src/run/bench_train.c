/* Images a second of training, by the trainer itself: its events say when a step is done. */
#include "advgrid/training.h"
#include "run/bench.h"

#include <math.h>
#include <stdio.h>

/* Repeats of `turns` steps, counted from the end of the first step, which touches the memory. */
typedef struct stopwatch {
  size_t turns, repeats;
  size_t steps, done; /* steps so far, and repeats */
  double mark;
  double *seconds; /* [repeats] */
} stopwatch;

static void count_step(void *context, size_t images)
{
  stopwatch *watch = context;
  const double now = ag_clock_seconds();
  (void)images;
  if (watch->steps > 0 && watch->steps % watch->turns == 0 && watch->done < watch->repeats) {
    watch->seconds[watch->done++] = now - watch->mark;
    watch->mark = now;
  }
  if (watch->steps == 0) watch->mark = now;
  ++watch->steps;
}

static ag_status set_count(ag_settings *settings, const char *name, size_t value)
{
  char text[32];
  snprintf(text, sizeof text, "%zu", value);
  return ag_settings_set(settings, name, text);
}

ag_status ag_bench_training_of(const ag_bench_request *request, size_t epochs,
                               ag_training *training)
{
  ag_status status = AG_OK;
  *training = (ag_training){.augmentation = AG_AUGMENT_FLIP | AG_AUGMENT_CROP};
  ag_settings_start(&training->settings, ag_training_options);
  ag_entry_start(&training->optimizer, ag_kind_find(ag_optimizer_table, "sgd"));
  ag_entry_start(&training->schedule, ag_kind_find(ag_schedule_table, "constant"));
  AG_TRY(set_count(&training->settings, "epochs", epochs));
  AG_TRY(set_count(&training->settings, "batch", request->batch));
  AG_TRY(set_count(&training->settings, "shard", request->shard));
  AG_TRY(ag_settings_set(&training->schedule.settings, "peak", "1e-5"));
cleanup:
  return status;
}

ag_status ag_bench_train_steps(const ag_bench_setting *setting, ag_pool *pool, size_t turns,
                               size_t repeats, double *seconds)
{
  ag_status status = AG_OK;
  ag_training training;
  stopwatch watch = {.turns = turns, .repeats = repeats, .seconds = seconds};
  const ag_training_events events = {.context = &watch, .step = count_step};
  const size_t steps = 1 + turns * repeats;
  AG_TRY(ag_bench_training_of(setting->request, ag_divide_up(steps, AG_BENCH_STEPS_OF_EPOCH),
                              &training));
  AG_TRY(
      ag_train(&training, 1, &setting->dataset, pool, &setting->team, &events, setting->network));
cleanup:
  return status;
}

ag_status ag_bench_train(const ag_bench_setting *setting, ag_pool *pool, ag_bench_rate *rate)
{
  ag_status status = AG_OK;
  double seconds[AG_BENCH_REPEATS];
  double rates[AG_BENCH_REPEATS];
  AG_TRY(ag_bench_train_steps(setting, pool, 1, 1, seconds)); /* wakes the threads */
  const size_t turns = ag_bench_turns(setting, seconds[0]);
  AG_TRY(ag_bench_train_steps(setting, pool, turns, AG_BENCH_REPEATS, seconds));
  for (size_t i = 0; i < AG_BENCH_REPEATS; ++i)
    rates[i] = (double)(turns * setting->request->batch) / fmax(seconds[i], 1e-9);
  *rate = ag_bench_rate_of(rates);
cleanup:
  return status;
}
