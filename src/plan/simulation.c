/* The schedule in simulated time: every rank does what it is told and reports, messages take time,
 * and the coordinator reads reports and gives orders one after the other. */
#include "advgrid/plan.h"
#include "plan/heap.h"

#include <assert.h>
#include <math.h>

/* A part that a rank was given and has not reported; the rank has two such slots, and slot i of
 * all is the event of number i. */
typedef struct slot {
  bool is_taken;
  size_t unit, first;
} slot;

enum { SLOTS = 2 };

/* A training, by its real cost; the event of model i has the number SLOTS * ranks + i. */
typedef struct training {
  double left;  /* seconds of one rank */
  double scale; /* real seconds for an estimated one */
  double begin; /* of the next segment: when the last member was told */
  size_t told;  /* members of a changed team that were */
} training;

typedef struct simulator {
  const ag_workload *work;
  const ag_machine *machine;
  ag_schedule *schedule;
  ag_heap events;     /* by minus the time at which they happen */
  slot *slots;        /* [ranks][SLOTS] */
  double *free_at;    /* [ranks]: when the rank has done all parts that it was given */
  double *busy;       /* [ranks] */
  training *training; /* [models] */
  double coordinator; /* when it can turn to the next report or order */
  double end;         /* when the last rank so far was told to end */
  size_t decisions;
} simulator;

/* ---- real costs ---- */

/* What the estimate of a unit (step 0) or of a training (step 1) has to be multiplied by. */
static double draw_scale(const ag_machine *machine, size_t index, uint32_t step)
{
  ag_random random = ag_random_stream(machine->seed, AG_PURPOSE_NOISE, (uint32_t)index, step);
  return 1 + machine->spread * (2 * (double)ag_random_uniform(&random) - 1);
}

static double shard_seconds(const simulator *self, size_t unit)
{
  const ag_unit_work *work = &self->work->units[unit];
  return draw_scale(self->machine, unit, 0) * work->seconds / (double)work->shards;
}

/* ---- orders ---- */

static void attack(simulator *self, const ag_order *order, double told)
{
  const size_t rank = order->rank;
  const size_t number = SLOTS * rank + (self->slots[SLOTS * rank].is_taken ? 1 : 0);
  assert(!self->slots[number].is_taken && "a rank was given more than it may hold");
  self->slots[number] = (slot){true, order->unit, order->first_shard};
  const double seconds = (double)order->shard_count * shard_seconds(self, order->unit);
  self->free_at[rank] = fmax(self->free_at[rank], told) + seconds;
  self->busy[rank] += seconds;
  ag_heap_push(&self->events, -self->free_at[rank], number);
}

/* A segment begins once all members know of it. */
static void train(simulator *self, const ag_order *order, double told)
{
  training *model = &self->training[order->model];
  model->begin = fmax(model->begin, told);
  ++model->told;
  if (!order->same_team && model->told < order->team_size) return;
  const double speedup = self->work->speedup[order->team_size];
  double seconds = self->machine->segment_seconds;
  if (model->left <= seconds * speedup) {
    seconds = model->left / speedup;
    model->left = 0;
  } else {
    model->left -= seconds * speedup;
  }
  for (size_t i = 0; i < order->team_size; ++i)
    self->busy[order->team[i]] += seconds;
  ag_heap_push(&self->events, -(model->begin + seconds), SLOTS * self->work->ranks + order->model);
  model->begin = 0;
  model->told = 0;
}

static void give_orders(simulator *self)
{
  ag_order order;
  while (ag_schedule_order(self->schedule, &order)) {
    self->coordinator += self->machine->decision_seconds;
    ++self->decisions;
    const double told = self->coordinator + self->machine->latency;
    switch (order.kind) {
    case AG_ORDER_ATTACK: attack(self, &order, told); break;
    case AG_ORDER_TRAIN: train(self, &order, told); break;
    case AG_ORDER_END: self->end = fmax(self->end, told); break;
    }
  }
}

/* ---- events ---- */

static void report(simulator *self, size_t number)
{
  const size_t ranks = self->work->ranks;
  if (number < SLOTS * ranks) {
    slot *done = &self->slots[number];
    done->is_taken = false;
    ag_schedule_part_done(self->schedule, number / SLOTS, done->unit, done->first);
    return;
  }
  const size_t model = number - SLOTS * ranks;
  const training *state = &self->training[model];
  if (state->left == 0) {
    ag_schedule_model_done(self->schedule, model);
  } else {
    ag_schedule_segment_done(self->schedule, model, state->left / state->scale);
  }
}

static void run(simulator *self)
{
  ag_heap_entry event;
  give_orders(self);
  while (ag_heap_pop(&self->events, &event)) {
    const double arrival = -event.key + self->machine->latency;
    self->coordinator = fmax(self->coordinator, arrival) + self->machine->decision_seconds;
    report(self, event.index);
    give_orders(self);
  }
  assert(ag_schedule_is_over(self->schedule));
}

/* ---- the account ---- */

/* Of all that is open: the sum of it, and the time below which no number of ranks gets it done. */
static ag_status sum_work(const simulator *self, ag_simulation *out)
{
  ag_status status = AG_OK;
  const ag_workload *work = self->work;
  double *longest_shard = NULL;
  AG_TRY(ag_allocate(work->model_count, sizeof *longest_shard, &longest_shard));
  for (size_t i = 0; i < work->unit_count; ++i) {
    const ag_unit_work *unit = &work->units[i];
    if (unit->done || work->models[unit->model].failed || work->models[unit->source].failed) {
      continue;
    }
    const double seconds = shard_seconds(self, i);
    out->work += seconds * (double)unit->shards;
    longest_shard[unit->model] = fmax(longest_shard[unit->model], seconds);
    longest_shard[unit->source] = fmax(longest_shard[unit->source], seconds);
  }
  double fastest = 0;
  for (size_t k = 1; k <= ag_minimum(work->largest, work->ranks); ++k)
    fastest = fmax(fastest, work->speedup[k]);
  for (size_t i = 0; i < work->model_count; ++i) {
    out->work += self->training[i].left;
    out->ideal = fmax(out->ideal, self->training[i].left / fastest + longest_shard[i]);
  }
  out->ideal = fmax(out->ideal, out->work / (double)work->ranks);
cleanup:
  ag_release(&longest_shard);
  return status;
}

static void close_account(const simulator *self, ag_simulation *out, double *rank_idle)
{
  const size_t ranks = self->work->ranks;
  out->makespan = self->end;
  out->decisions = self->decisions;
  for (size_t i = 0; i < ranks; ++i) {
    out->busy += self->busy[i];
    if (rank_idle != NULL) rank_idle[i] = self->end - self->busy[i];
  }
  out->idle = (double)ranks * self->end - out->busy;
  out->efficiency = out->work > 0 ? out->work / ((double)ranks * self->end) : 1;
}

/* ---- life ---- */

static ag_status check_machine(const ag_machine *machine)
{
  if (machine->latency >= 0 && machine->decision_seconds >= 0 && machine->segment_seconds > 0 &&
      machine->spread >= 0 && machine->spread < 1) {
    return AG_OK;
  }
  return ag_fail(AG_INVALID_ARGUMENT,
                 "a machine with a latency of %g s, decisions of %g s, segments of %g s and a "
                 "spread of %g; expected segments over 0 s, a spread under 1 and nothing under 0",
                 machine->latency, machine->decision_seconds, machine->segment_seconds,
                 machine->spread);
}

static ag_status prepare(simulator *self)
{
  ag_status status = AG_OK;
  const ag_workload *work = self->work;
  const size_t events = SLOTS * work->ranks + work->model_count;
  AG_TRY(ag_allocate(events, sizeof *self->events.entries, &self->events.entries));
  AG_TRY(ag_allocate(SLOTS * work->ranks, sizeof *self->slots, &self->slots));
  AG_TRY(ag_allocate(work->ranks, sizeof *self->free_at, &self->free_at));
  AG_TRY(ag_allocate(work->ranks, sizeof *self->busy, &self->busy));
  AG_TRY(ag_allocate(work->model_count, sizeof *self->training, &self->training));
  for (size_t i = 0; i < work->model_count; ++i) {
    const ag_model_work *model = &work->models[i];
    const double scale = draw_scale(self->machine, i, 1);
    self->training[i] = (training){.scale = scale};
    if (!model->ready && !model->failed) self->training[i].left = scale * model->seconds;
  }
cleanup:
  return status;
}

ag_status ag_simulate(const ag_workload *work, const ag_machine *machine, ag_simulation *simulation,
                      double *rank_idle)
{
  ag_status status = AG_OK;
  simulator self = {.work = work, .machine = machine};
  *simulation = (ag_simulation){0};
  AG_TRY(check_machine(machine));
  AG_TRY(ag_schedule_create(work, &self.schedule));
  AG_TRY(prepare(&self));
  AG_TRY(sum_work(&self, simulation));
  run(&self);
  close_account(&self, simulation, rank_idle);
cleanup:
  ag_schedule_destroy(&self.schedule);
  ag_release(&self.events.entries);
  ag_release(&self.slots);
  ag_release(&self.free_at);
  ag_release(&self.busy);
  ag_release(&self.training);
  return status;
}
