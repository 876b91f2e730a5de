/* Training steps of a team, and what their time goes to: by the trainer itself, step by step. */
#include "run/bench_scaling.h"

#include <math.h>

/* What each step took on this rank. The first is not counted: it touches the memory, and no weights
 * are on their way when it begins. */
typedef struct stopwatch {
  const ag_trainer *trainer;
  size_t wanted, done;                /* steps that count */
  double *seconds, *hidden, *exposed; /* [wanted] */
  bool has_begun;
  double mark;
  ag_training_position before; /* at the mark, whose messages count since the epoch began */
} stopwatch;

/* ---- the trainer's steps ---- */

static void step_done(void *context, size_t images)
{
  stopwatch *watch = context;
  const ag_training_position now = ag_trainer_state(watch->trainer).position;
  const double clock = ag_clock_seconds();
  (void)images;
  if (watch->has_begun) {
    watch->seconds[watch->done] = clock - watch->mark;
    watch->hidden[watch->done] = now.hidden_seconds - watch->before.hidden_seconds;
    watch->exposed[watch->done] = now.exposed_seconds - watch->before.exposed_seconds;
    ++watch->done;
  }
  watch->has_begun = true;
  watch->before = now;
  watch->mark = clock;
}

/* What the end of an epoch waited for is the next step's. */
static ag_status epoch_done(void *context, const ag_epoch *row)
{
  stopwatch *watch = context;
  watch->before.hidden_seconds -= row->hidden_seconds;
  watch->before.exposed_seconds -= row->exposed_seconds;
  return AG_OK;
}

static bool is_last(void *context)
{
  const stopwatch *watch = context;
  return watch->has_begun && watch->done + 1 == watch->wanted;
}

/* Makes room for so many steps and takes them. */
static ag_status take_steps(stopwatch *watch, ag_trainer *trainer, const ag_team *team,
                            size_t steps)
{
  const ag_training_events events = {
      .context = watch, .step = step_done, .epoch = epoch_done, .pause = is_last};
  ag_release(&watch->seconds);
  ag_status status = ag_team_agree(team, ag_allocate(3 * steps, sizeof(double), &watch->seconds));
  if (status != AG_OK) return status;
  watch->hidden = watch->seconds + steps;
  watch->exposed = watch->hidden + steps;
  watch->wanted = steps;
  watch->done = 0;
  watch->has_begun = false;
  while (status == AG_OK && watch->done < steps) {
    bool finished = false;
    status = ag_trainer_run(trainer, &events, &finished);
  }
  return status;
}

/* ---- what they took ---- */

/* The exposed seconds of each step are split in place: `least` of all ranks is spent on messages.
 * Collective. */
static ag_status split(const stopwatch *watch, const ag_team *team, ag_bench_split *out)
{
  enum { COMPUTING, HIDDEN, EXPOSED, IDLE, PARTS };
  double mine[PARTS] = {0};
  double all[PARTS] = {0};
  double *least = NULL;
  const ag_status status = ag_team_agree(team, ag_allocate(watch->done, sizeof *least, &least));
  if (status == AG_OK) {
    MPI_Allreduce(watch->exposed, least, (int)watch->done, MPI_DOUBLE, MPI_MIN, team->communicator);
    for (size_t i = 0; i < watch->done; ++i) {
      mine[COMPUTING] += watch->seconds[i] - watch->exposed[i];
      mine[HIDDEN] += watch->hidden[i];
      mine[EXPOSED] += least[i];
      mine[IDLE] += watch->exposed[i] - least[i];
    }
    ag_team_sum(team, PARTS, mine, all);
    const double shares = (double)(watch->done * team->size);
    *out = (ag_bench_split){.computing = all[COMPUTING] / shares,
                            .hidden = all[HIDDEN] / shares,
                            .exposed = all[EXPOSED] / shares,
                            .idle = all[IDLE] / shares};
  }
  ag_release(&least);
  return status;
}

static ag_bench_rate rate_of(const stopwatch *watch, size_t batch)
{
  double rates[AG_BENCH_REPEATS];
  const size_t turns = watch->done / AG_BENCH_REPEATS;
  for (size_t i = 0; i < AG_BENCH_REPEATS; ++i) {
    double seconds = 0;
    for (size_t k = 0; k < turns; ++k)
      seconds += watch->seconds[i * turns + k];
    rates[i] = (double)(turns * batch) / fmax(seconds, 1e-9);
  }
  return ag_bench_rate_of(rates);
}

/* ---- the whole ---- */

ag_status ag_bench_team_steps(const ag_bench_setting *setting, ag_pool *pool,
                              const ag_shard_change *change, ag_bench_steps *steps)
{
  enum { EPOCHS = 100000 }; /* more than there will be */
  ag_status status = AG_OK;
  ag_training training;
  ag_trainer *trainer = NULL;
  stopwatch watch = {0};
  const ag_team *team = &setting->team;
  AG_TRY(ag_bench_training_of(setting->request, EPOCHS, &training));
  AG_TRY(ag_team_agree(
      team, ag_trainer_create(&training, 1, &setting->dataset, pool, setting->network, &trainer)));
  AG_TRY(ag_trainer_join(trainer, team));
  if (change != NULL) ag_trainer_change(trainer, change);
  watch.trainer = trainer;
  AG_TRY(take_steps(&watch, trainer, team, 1));
  const size_t turns = ag_bench_turns(setting, watch.seconds[0]);
  AG_TRY(take_steps(&watch, trainer, team, turns * AG_BENCH_REPEATS));
  steps->images = rate_of(&watch, setting->request->batch);
  AG_TRY(split(&watch, team, &steps->split));
cleanup:
  ag_release(&watch.seconds);
  ag_trainer_destroy(&trainer);
  return status;
}
