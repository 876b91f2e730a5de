/* The schedule under random events in random order, failures and stops among them, for many small
 * workloads: a second account of everything is kept here, and every order is checked against it. */
#include "advgrid/plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { RUNS = 20000, MODELS = 6, UNITS = 30, SHARDS = 9, RANKS = 12, LARGEST = 8, HELD = 2 };

typedef struct part {
  size_t unit, first, count;
} part;

typedef struct rank {
  part held[HELD];
  size_t count;
  bool is_training, has_ended;
  size_t model;
} rank;

typedef struct model {
  bool is_training, is_asking, is_ready, is_failed;
  size_t failures, segments;
  size_t team[RANKS], size;
  size_t told; /* of a changed team */
} model;

/* Of one shard: how often it went out, and came back. */
typedef struct shard {
  size_t given, done, failed;
} shard;

typedef struct account {
  ag_workload work;
  ag_model_work model_work[MODELS];
  ag_unit_work unit_work[UNITS];
  double speedup[LARGEST + 1];
  model models[MODELS];
  rank ranks[RANKS];
  shard shards[UNITS][SHARDS];
  size_t unit_failures[UNITS];
  size_t ended;
  double failing; /* of all parts and segments */
  bool is_stopped;
  ag_random random;
  ag_schedule *schedule;
} account;

static size_t below(account *self, size_t bound)
{
  return ag_random_below(&self->random, (uint32_t)bound);
}

static bool happens(account *self, double probability)
{
  return (double)ag_random_uniform(&self->random) < probability;
}

/* ---- a workload ---- */

/* Costs over several orders of magnitude, many of them the same, some nothing. */
static double random_seconds(account *self)
{
  if (happens(self, 0.05)) return 0;
  return pow(10, (double)below(self, 5)) * (1 + (double)below(self, 3));
}

static void start(account *self, uint32_t run)
{
  *self = (account){.random = ag_random_stream(1, AG_PURPOSE_TEST, run, 0)};
  self->work = (ag_workload){.model_count = below(self, MODELS + 1),
                             .models = self->model_work,
                             .units = self->unit_work,
                             .ranks = 1 + below(self, RANKS),
                             .ranks_per_model = happens(self, 0.7) ? 0 : below(self, RANKS + 3),
                             .largest = 1 + below(self, LARGEST),
                             .speedup = self->speedup};
  self->failing = happens(self, 0.5) ? 0 : 0.3 * (double)ag_random_uniform(&self->random);
  for (size_t k = 1; k <= self->work.largest; ++k)
    self->speedup[k] = 1 + (double)below(self, k);
  for (size_t i = 0; i < self->work.model_count; ++i) {
    self->model_work[i].seconds = random_seconds(self);
    self->model_work[i].ready = self->models[i].is_ready = happens(self, 0.3);
    if (self->models[i].is_ready) continue;
    self->model_work[i].failed = self->models[i].is_failed = happens(self, 0.1);
  }
  if (self->work.model_count > 0) self->work.unit_count = below(self, UNITS + 1);
  for (size_t i = 0; i < self->work.unit_count; ++i) {
    const size_t own = below(self, self->work.model_count);
    const bool same = happens(self, 0.5);
    self->unit_work[i] = (ag_unit_work){.model = own,
                                        .source = same ? own : below(self, self->work.model_count),
                                        .seconds = random_seconds(self),
                                        .shards = 1 + below(self, SHARDS),
                                        .done = happens(self, 0.1)};
  }
  assert_int_equal(ag_schedule_create(&self->work, &self->schedule), AG_OK);
}

/* ---- orders ---- */

static void take_attack(account *self, const ag_order *order)
{
  rank *to = &self->ranks[order->rank];
  const ag_unit_work *unit = &self->unit_work[order->unit];
  assert_true(order->unit < self->work.unit_count && !unit->done);
  assert_true(self->models[unit->model].is_ready && self->models[unit->source].is_ready);
  assert_true(!to->is_training && to->count < HELD);
  assert_true(self->unit_failures[order->unit] < 2);
  assert_true(order->shard_count > 0 && order->first_shard + order->shard_count <= unit->shards);
  for (size_t i = 0; i < order->shard_count; ++i) {
    shard *given = &self->shards[order->unit][order->first_shard + i];
    assert_int_equal(given->given, given->failed);
    ++given->given;
  }
  to->held[to->count++] = (part){order->unit, order->first_shard, order->shard_count};
}

static size_t expected_size(const account *self)
{
  const size_t most = self->work.ranks < self->work.largest ? self->work.ranks : self->work.largest;
  return self->work.ranks_per_model < most ? self->work.ranks_per_model : most;
}

static void take_train(account *self, const ag_order *order)
{
  model *to = &self->models[order->model];
  assert_true(order->model < self->work.model_count && !to->is_ready && !to->is_failed);
  if (self->work.ranks_per_model > 0) assert_int_equal(order->team_size, expected_size(self));
  for (size_t k = 1; k < order->team_size && self->work.ranks_per_model == 0; ++k)
    assert_true(self->speedup[k] < self->speedup[order->team_size]);
  if (order->same_team) {
    assert_true(to->is_training && !order->joins && order->rank == to->team[0]);
    assert_int_equal(order->team_size, to->size);
    assert_memory_equal(order->team, to->team, to->size * sizeof *to->team);
    to->told = to->size;
    return;
  }
  /* The old members are the first ones of the new team. */
  rank *member = &self->ranks[order->rank];
  assert_true(order->team_size > to->size && order->team[to->told] == order->rank);
  assert_memory_equal(order->team, to->team, to->size * sizeof *to->team);
  assert_int_equal(order->joins, to->told >= to->size);
  assert_int_equal(member->is_training, !order->joins);
  assert_true(!member->is_training || member->model == order->model);
  assert_int_equal(member->count, 0);
  member->is_training = true;
  member->model = order->model;
  if (++to->told < order->team_size) return;
  to->is_training = true;
  to->size = order->team_size;
  memcpy(to->team, order->team, to->size * sizeof *to->team);
}

static bool is_open(const account *self, size_t unit)
{
  const ag_unit_work *work = &self->unit_work[unit];
  return !work->done && self->unit_failures[unit] < 2 && !self->models[work->model].is_failed &&
         !self->models[work->source].is_failed;
}

static bool waits(const account *self, size_t unit)
{
  const ag_unit_work *work = &self->unit_work[unit];
  if (!is_open(self, unit) || !self->models[work->model].is_ready ||
      !self->models[work->source].is_ready) {
    return false;
  }
  for (size_t i = 0; i < work->shards; ++i) {
    if (self->shards[unit][i].given == self->shards[unit][i].failed) return true;
  }
  return false;
}

/* Nobody idles while there is something that a rank alone could do, and every team is told. */
static void check_that_nothing_waits(const account *self)
{
  size_t idle = 0;
  for (size_t i = 0; i < self->work.ranks; ++i) {
    const rank *at = &self->ranks[i];
    idle += !at->has_ended && !at->is_training && at->count == 0;
  }
  for (size_t i = 0; i < self->work.model_count; ++i)
    assert_true(!self->models[i].is_training || self->models[i].told == self->models[i].size);
  if (idle == 0) return;
  assert_false(self->is_stopped);
  for (size_t i = 0; i < self->work.unit_count; ++i)
    assert_false(waits(self, i));
  const size_t needed = self->work.ranks_per_model == 0 ? 1 : expected_size(self);
  for (size_t i = 0; i < self->work.model_count; ++i) {
    const model *at = &self->models[i];
    assert_true(at->is_ready || at->is_failed || at->is_training || idle < needed);
  }
}

static void drain(account *self)
{
  ag_order order;
  while (ag_schedule_order(self->schedule, &order)) {
    assert_true(order.rank < self->work.ranks && !self->ranks[order.rank].has_ended);
    if (order.kind == AG_ORDER_ATTACK) take_attack(self, &order);
    if (order.kind == AG_ORDER_TRAIN) take_train(self, &order);
    if (order.kind == AG_ORDER_END) {
      assert_true(self->ranks[order.rank].count == 0 && !self->ranks[order.rank].is_training);
      self->ranks[order.rank].has_ended = true;
      ++self->ended;
    }
  }
  for (size_t i = 0; i < self->work.model_count; ++i)
    self->models[i].is_asking = false;
  check_that_nothing_waits(self);
}

/* ---- events ---- */

static void finish_part(account *self, size_t index)
{
  rank *from = &self->ranks[index];
  const part done = from->held[0];
  from->held[0] = from->held[1];
  --from->count;
  const bool fails = happens(self, self->failing);
  for (size_t i = 0; i < done.count; ++i) {
    shard *at = &self->shards[done.unit][done.first + i];
    at->done += !fails;
    at->failed += fails;
  }
  if (fails) {
    self->unit_failures[done.unit] += !self->is_stopped;
    ag_schedule_part_failed(self->schedule, index, done.unit, done.first);
  } else {
    ag_schedule_part_done(self->schedule, index, done.unit, done.first);
  }
}

static void free_team(account *self, model *from)
{
  for (size_t i = 0; i < from->size; ++i)
    self->ranks[from->team[i]].is_training = false;
  from->is_training = false;
  from->size = from->told = 0;
}

static void finish_segment(account *self, size_t index)
{
  model *from = &self->models[index];
  if (happens(self, self->failing)) {
    free_team(self, from);
    from->failures += !self->is_stopped;
    from->is_failed = from->failures == 2;
    ag_schedule_model_failed(self->schedule, index);
  } else if (happens(self, 0.3) || ++from->segments > 20) {
    free_team(self, from);
    from->is_ready = true;
    ag_schedule_model_done(self->schedule, index);
  } else {
    from->is_asking = true;
    from->told = 0;
    if (self->is_stopped) free_team(self, from);
    ag_schedule_segment_done(self->schedule, index, random_seconds(self));
  }
}

static bool is_at_work(const account *self, const rank *at)
{
  return at->count > 0 || (at->is_training && !self->models[at->model].is_asking);
}

/* A rank that is at something, the one drawn or the next, comes to the end of it; or none is. */
static void happen(account *self)
{
  const size_t drawn = below(self, self->work.ranks);
  for (size_t i = 0; i < self->work.ranks; ++i) {
    const size_t index = (drawn + i) % self->work.ranks;
    const rank *at = &self->ranks[index];
    if (!is_at_work(self, at)) continue;
    if (at->is_training) {
      finish_segment(self, at->model);
    } else {
      finish_part(self, index);
    }
    return;
  }
}

/* Teams that wait for an answer are dissolved. */
static void stop(account *self)
{
  self->is_stopped = true;
  ag_schedule_stop(self->schedule);
  for (size_t i = 0; i < self->work.model_count; ++i) {
    if (self->models[i].is_asking) free_team(self, &self->models[i]);
  }
}

static void check_end(const account *self)
{
  assert_true(ag_schedule_is_over(self->schedule));
  for (size_t i = 0; i < self->work.model_count; ++i) {
    const ag_work_state state = ag_schedule_model_state(self->schedule, i);
    assert_int_equal(state == AG_WORK_DONE, self->models[i].is_ready);
    assert_int_equal(state == AG_WORK_FAILED, self->models[i].is_failed);
    assert_true(self->is_stopped || state != AG_WORK_OPEN);
  }
  for (size_t i = 0; i < self->work.unit_count; ++i) {
    const ag_work_state state = ag_schedule_unit_state(self->schedule, i);
    assert_true(self->is_stopped || state != AG_WORK_OPEN);
    size_t done = 0;
    for (size_t k = 0; k < self->unit_work[i].shards; ++k) {
      assert_true(self->shards[i][k].done <= 1);
      done += self->shards[i][k].done;
    }
    const bool all = done == self->unit_work[i].shards || self->unit_work[i].done;
    assert_int_equal(state == AG_WORK_DONE, all);
    assert_int_equal(state == AG_WORK_FAILED, !is_open(self, i) && !all);
  }
}

static void keeps_its_rules_whatever_happens(void **state)
{
  (void)state;
  static account self;
  for (uint32_t run = 0; run < RUNS; ++run) {
    start(&self, run);
    const double stopping = happens(&self, 0.3) ? 0.02 : 0;
    drain(&self);
    while (self.ended < self.work.ranks) {
      if (!self.is_stopped && happens(&self, stopping)) {
        stop(&self);
      } else {
        happen(&self);
      }
      /* Reports may also come two at a time. */
      if (happens(&self, 0.8)) drain(&self);
    }
    check_end(&self);
    ag_schedule_destroy(&self.schedule);
  }
}

static void leaves_no_memory(void **state)
{
  (void)state;
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_its_rules_whatever_happens),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
