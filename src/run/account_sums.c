/* The numbers of an account, from orders and reports. */
#include "run/account_sums.h"
#include "plan/workload.h"

#include <math.h>
#include <string.h>

/* Seconds between two samples of the images; as many as are kept make a minute. */
static const double SAMPLE_PERIOD = 2;

/* ---- life ---------------------------------------------------------------------------------- */

/* What earlier runs have done. */
static void mark_done(const ag_session *session, ag_account_sums *sums)
{
  const ag_plan *plan = session->plan;
  for (size_t i = 0; i < plan->model_count; ++i) {
    if (session->model_closed[i] != 0) sums->models[i].done = plan->models[i].flops;
  }
  for (size_t i = 0; i < plan->unit_count; ++i) {
    if (session->ledger->units[i].progress == AG_PROGRESS_DONE) {
      sums->units[i] = plan->units[i].flops;
    }
  }
}

ag_status ag_account_sums_create(const ag_session *session, const ag_schedule *schedule, double now,
                                 ag_account_sums *sums)
{
  ag_status status = AG_OK;
  const ag_plan *plan = session->plan;
  *sums = (ag_account_sums){.plan = plan,
                            .schedule = schedule,
                            .rank_count = session->team.size,
                            .threads = ag_pool_threads(session->pool),
                            .kind_count = session->job->defense_count +
                                          session->job->attack_count * session->job->epsilon_count,
                            .started = now,
                            .ends = {{now, 0}, {now, 0}}};
  AG_TRY(ag_allocate(sums->rank_count, sizeof *sums->ranks, &sums->ranks));
  AG_TRY(ag_allocate(plan->model_count, sizeof *sums->models, &sums->models));
  AG_TRY(ag_allocate(plan->unit_count, sizeof *sums->units, &sums->units));
  AG_TRY(ag_allocate(plan->point_count, sizeof *sums->points, &sums->points));
  AG_TRY(ag_allocate(sums->kind_count, sizeof *sums->kinds, &sums->kinds));
  AG_TRY(ag_allocate(sums->kind_count, sizeof *sums->guess, &sums->guess));
  for (size_t i = 0; i < sums->rank_count; ++i)
    sums->ranks[i].since = now;
  mark_done(session, sums);
cleanup:
  return status;
}

void ag_account_sums_clear(ag_account_sums *sums)
{
  ag_release(&sums->guess);
  ag_release(&sums->kinds);
  ag_release(&sums->points);
  ag_release(&sums->units);
  ag_release(&sums->models);
  ag_release(&sums->ranks);
}

static size_t kind_of_model(const ag_account_sums *self, size_t model)
{
  return self->plan->models[model].defense;
}

static size_t kind_of_point(const ag_account_sums *self, size_t index)
{
  const ag_job *job = self->plan->job;
  const ag_point *point = &self->plan->points[index];
  return job->defense_count + point->attack * job->epsilon_count + point->epsilon;
}

static size_t kind_of_unit(const ag_account_sums *self, size_t unit)
{
  return kind_of_point(self, self->plan->units[unit].point);
}

/* ---- orders --------------------------------------------------------------------------------- */

static bool is_waiting(const ag_rank_account *rank)
{
  return !rank->trains && rank->held == 0;
}

/* The rank turns to something else: to work, or to waiting. */
static void turn(ag_account_sums *self, ag_rank_account *rank, double now)
{
  if (is_waiting(rank)) self->waited += now - rank->since;
  rank->since = now;
}

void ag_account_sums_order(ag_account_sums *self, const ag_order *order, double now)
{
  ag_rank_account *rank = &self->ranks[order->rank];
  if (order->kind == AG_ORDER_ATTACK && rank->held < AG_ACCOUNT_PARTS) {
    const ag_unit *unit = &self->plan->units[order->unit];
    const ag_point *point = &self->plan->points[unit->point];
    const size_t images = ag_work_shard_images(self->plan, point, self->threads);
    const size_t begin = order->first_shard * images;
    if (is_waiting(rank)) turn(self, rank, now);
    rank->parts[rank->held++] =
        (ag_account_part){.unit = order->unit,
                          .first_shard = order->first_shard,
                          .first = unit->first + begin,
                          .count = ag_minimum(unit->count - begin, order->shard_count * images)};
  }
  if (order->kind == AG_ORDER_TRAIN && !order->same_team) {
    ag_model_account *model = &self->models[order->model];
    if (!rank->trains) turn(self, rank, now);
    if (model->team == 0) model->heard = now;
    rank->trains = true;
    rank->model = order->model;
    model->team = order->team_size;
  }
}

/* ---- reports ----------------------------------------------------------------------------------
 */

static void take_part(ag_account_sums *self, ag_rank_account *rank, const ag_report *report,
                      double now)
{
  const size_t unit = (size_t)report->subject;
  for (size_t i = 0; i < rank->held; ++i) {
    if (rank->parts[i].unit != unit || rank->parts[i].first_shard != report->first_shard) continue;
    memmove(&rank->parts[i], &rank->parts[i + 1], (rank->held - i - 1) * sizeof *rank->parts);
    rank->held -= 1;
    rank->since = now;
    break;
  }
  if (report->status != AG_OK) return;
  ag_point_account *point = &self->points[self->plan->units[unit].point];
  point->flops += report->flops;
  point->seconds += report->seconds;
  self->units[unit] += report->flops;
}

/* Of the model that the rank leads the training of. */
static void take_training(ag_account_sums *self, const ag_rank_account *rank, double flops,
                          double now)
{
  if (!rank->trains) return; /* what was left to say when it was done */
  ag_model_account *model = &self->models[rank->model];
  model->done = fmin(model->done + flops, self->plan->models[rank->model].flops);
  model->flops += flops;
  model->seconds += (double)model->team * (now - model->heard);
  model->heard = now;
}

/* An epoch is a piece of work that tells what the next one costs. */
static void take_epoch(ag_account_sums *self, size_t index)
{
  ag_model_account *model = &self->models[index];
  ag_work_kind_see(&self->kinds[kind_of_model(self, index)], model->flops, model->seconds);
  model->flops = 0;
  model->seconds = 0;
}

static void take_model(ag_account_sums *self, size_t index, const ag_report *report, double now)
{
  ag_model_account *model = &self->models[index];
  for (size_t i = 0; i < self->rank_count; ++i) {
    ag_rank_account *rank = &self->ranks[i];
    if (!rank->trains || rank->model != index) continue;
    rank->trains = false;
    rank->since = now;
  }
  const bool done = report->status == AG_OK;
  *model = (ag_model_account){.done = done ? self->plan->models[index].flops : 0};
}

static void take_images(ag_account_sums *self, double images, double now)
{
  if (!(images > 0)) return;
  self->images += images;
  self->ends[0] = self->ends[1];
  self->ends[1] = (ag_account_sample){now, self->images};
}

void ag_account_sums_report(ag_account_sums *self, size_t index, const ag_report *report,
                            double now)
{
  ag_rank_account *rank = &self->ranks[index];
  const size_t subject = (size_t)report->subject;
  take_images(self, (double)report->images, now);
  switch ((ag_report_kind)report->kind) {
  case AG_REPORT_ALIVE:
    if (report->images > 0) take_training(self, rank, report->flops, now);
    break;
  case AG_REPORT_PART: take_part(self, rank, report, now); break;
  case AG_REPORT_EPOCH:
    take_training(self, rank, report->flops, now);
    take_epoch(self, subject);
    break;
  case AG_REPORT_SEGMENT: /* which knows of epochs that an earlier run has done */
    if (report->status != AG_OK) break;
    self->models[subject].done = fmax(0, self->plan->models[subject].flops - report->flops);
    break;
  case AG_REPORT_MODEL: take_model(self, subject, report, now); break;
  case AG_REPORT_SPAN:
  case AG_REPORT_INTERRUPTED:
  case AG_REPORT_BROKEN:
  case AG_REPORT_LEFT: break;
  }
}

/* ---- what follows from them ---------------------------------------------------------------------
 */

double ag_account_sums_share(const ag_account_sums *self)
{
  const ag_plan *plan = self->plan;
  const double all = plan->training_flops + plan->attack_flops;
  double done = 0;
  for (size_t i = 0; i < plan->model_count; ++i)
    done += self->models[i].done;
  for (size_t i = 0; i < plan->unit_count; ++i)
    done += fmin(self->units[i], plan->units[i].flops);
  return all > 0 ? done / all : 1;
}

double ag_account_sums_rate(ag_account_sums *self, double now)
{
  const size_t last = (self->next_sample + AG_ACCOUNT_SAMPLES - 1) % AG_ACCOUNT_SAMPLES;
  ag_account_sample from = {self->started, 0};
  if (self->sample_count == AG_ACCOUNT_SAMPLES) {
    from = self->samples[self->next_sample]; /* the oldest */
    if (self->images <= from.images) from = self->ends[0];
  }
  const double rate = now > from.time ? (self->images - from.images) / (now - from.time) : 0;
  if (self->sample_count == 0 || now - self->samples[last].time >= SAMPLE_PERIOD) {
    self->samples[self->next_sample] = (ag_account_sample){now, self->images};
    self->next_sample = (self->next_sample + 1) % AG_ACCOUNT_SAMPLES;
    self->sample_count = ag_minimum(self->sample_count + 1, AG_ACCOUNT_SAMPLES);
  }
  return rate;
}

/* What is left of each kind; the longest training that goes on, in seconds. */
static double guess_trainings(ag_account_sums *self)
{
  double longest = 0;
  for (size_t i = 0; i < self->plan->model_count; ++i) {
    const ag_model_account *model = &self->models[i];
    ag_work_kind *kind = &self->guess[kind_of_model(self, i)];
    if (model->team > 0) ag_work_kind_see(kind, model->flops, model->seconds);
    if (ag_schedule_model_state(self->schedule, i) != AG_WORK_OPEN) continue;
    const double left = self->plan->models[i].flops - model->done;
    kind->left += left;
    if (model->team == 0 || !(kind->flops > 0)) continue;
    longest = fmax(longest, left * kind->seconds / kind->flops / (double)model->team);
  }
  return longest;
}

static size_t distance(size_t a, size_t b)
{
  return a > b ? a - b : b - a;
}

/* An attack at an epsilon of which nothing was seen is thought to cost what it does at the nearest
 * epsilon in the job that was seen, at a larger one half of that: the plan counts attacks at their
 * most, and the larger epsilon is, the sooner images fall. */
static void compare_epsilons(ag_account_sums *self)
{
  static const double larger = 0.5;
  const ag_job *job = self->plan->job;
  for (size_t i = 0; i < job->attack_count * job->epsilon_count; ++i) {
    const size_t own = i % job->epsilon_count;
    ag_work_kind *kinds = &self->guess[job->defense_count + i - own];
    size_t nearest = SIZE_MAX;
    for (size_t other = 0; other < job->epsilon_count; ++other) {
      if (kinds[other].pieces > 0 &&
          (nearest == SIZE_MAX || distance(own, other) < distance(own, nearest))) {
        nearest = other;
      }
    }
    kinds[own].like = nearest == SIZE_MAX ? NULL : &kinds[nearest];
    const bool is_larger = nearest == SIZE_MAX ||
                           job->epsilons[own].value > job->epsilons[nearest].value;
    kinds[own].factor = is_larger ? larger : 1;
  }
}

static void guess_points(ag_account_sums *self)
{
  const ag_plan *plan = self->plan;
  for (size_t i = 0; i < plan->point_count; ++i) {
    const ag_point_account *point = &self->points[i];
    ag_work_kind_see(&self->guess[kind_of_point(self, i)], point->flops, point->seconds);
  }
  compare_epsilons(self);
  for (size_t i = 0; i < plan->unit_count; ++i) {
    if (ag_schedule_unit_state(self->schedule, i) != AG_WORK_OPEN) continue;
    self->guess[kind_of_unit(self, i)].left += fmax(0, plan->units[i].flops - self->units[i]);
  }
}

/* A part in hand is done for about as much as its time says. */
static void guess_parts(ag_account_sums *self, double now)
{
  for (size_t i = 0; i < self->rank_count; ++i) {
    const ag_rank_account *rank = &self->ranks[i];
    if (rank->trains || rank->held == 0) continue;
    const ag_unit *unit = &self->plan->units[rank->parts[0].unit];
    ag_work_kind *kind = &self->guess[kind_of_unit(self, rank->parts[0].unit)];
    if (!(kind->seconds > 0)) continue;
    const double flops = unit->flops * (double)rank->parts[0].count / (double)unit->count;
    kind->left -= fmin(0.9 * flops, (now - rank->since) * kind->flops / kind->seconds);
  }
}

/* Of the ranks' time, what they had work for. */
static double busy_share(const ag_account_sums *self, double now)
{
  static const double least = 0.01;
  const double all = (double)self->rank_count * (now - self->started);
  double waited = self->waited;
  for (size_t i = 0; i < self->rank_count; ++i) {
    if (is_waiting(&self->ranks[i])) waited += now - self->ranks[i].since;
  }
  return all > 0 ? fmax(least, 1 - waited / all) : 1;
}

ag_forecast ag_account_sums_left(ag_account_sums *self, double now)
{
  memcpy(self->guess, self->kinds, self->kind_count * sizeof *self->guess);
  const double longest = guess_trainings(self);
  guess_points(self);
  guess_parts(self, now);
  return ag_forecast_make(self->guess, self->kind_count, (double)self->rank_count,
                          busy_share(self, now), longest);
}
