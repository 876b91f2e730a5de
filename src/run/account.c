/* The account of a run: the coordinator tells it of every order and report. It writes DIR/progress
 * every two seconds, or so seldom that it takes a hundredth of rank 0's time. */
#include "run/account.h"
#include "run/account_sums.h"
#include "store/live.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const double WRITE_PERIOD = 2;
static const double WRITE_SHARE = 0.01;

struct ag_account {
  ag_session *session;
  ag_account_sums sums;
  double next_write;
  ag_live live; /* with room for all ranks and models */
  char activity[AG_UNIT_TEXT];
  char unit[AG_UNIT_TEXT];
};

/* ---- life -------------------------------------------------------------------------------- */

ag_status ag_account_create(ag_session *session, const ag_schedule *schedule, ag_account **out)
{
  ag_status status = AG_OK;
  ag_account *self = NULL;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  self->session = session;
  AG_TRY(ag_account_sums_create(session, schedule, ag_clock_seconds(), &self->sums));
  AG_TRY(ag_allocate(session->team.size, sizeof *self->live.ranks, &self->live.ranks));
  AG_TRY(ag_allocate(session->plan->model_count, sizeof *self->live.models, &self->live.models));
cleanup:
  if (status != AG_OK) ag_account_destroy(out);
  return status;
}

void ag_account_destroy(ag_account **out)
{
  ag_account *self = *out;
  if (self == NULL) return;
  ag_live_remove(self->session->request->folder);
  ag_live_clear(&self->live);
  ag_account_sums_clear(&self->sums);
  ag_release(out);
}

/* ---- words ------------------------------------------------------------------------------- */

/* Names what was begun last. */
static void name_activity(ag_account *self, const ag_order *order)
{
  const ag_plan *plan = self->session->plan;
  if (order->kind == AG_ORDER_END) return;
  const bool trains = order->kind == AG_ORDER_TRAIN;
  const size_t model = trains ? order->model : plan->points[plan->units[order->unit].point].model;
  snprintf(self->activity, sizeof self->activity, "%s %s", trains ? "training" : "attacking",
           plan->models[model].name);
}

/* What rank 0 has in hand. */
static void name_unit(ag_account *self)
{
  const ag_plan *plan = self->session->plan;
  const ag_rank_account *rank = &self->sums.ranks[0];
  if (rank->trains) {
    const ag_model_state *model = &self->session->ledger->models[rank->model];
    snprintf(self->unit, sizeof self->unit, "training %s, epoch %zu of %zu",
             plan->models[rank->model].name, model->epoch_count + 1,
             ag_settings_count(&self->session->job->training.settings, "epochs"));
  } else if (rank->held > 0) {
    ag_plan_describe_unit(plan, rank->parts[0].unit, self->unit);
  } else {
    snprintf(self->unit, sizeof self->unit, "waiting");
  }
}

/* ---- what happens ------------------------------------------------------------------------ */

void ag_account_order(ag_account *self, const ag_order *order)
{
  ag_account_sums_order(&self->sums, order, ag_clock_seconds());
  if (!order->same_team) name_activity(self, order);
}

void ag_account_report(ag_account *self, size_t rank, const ag_report *report)
{
  ag_account_sums_report(&self->sums, rank, report, ag_clock_seconds());
}

/* ---- DIR/progress ------------------------------------------------------------------------ */

static void fill_rank(const ag_account *self, size_t index, double now)
{
  const ag_plan *plan = self->session->plan;
  const ag_rank_account *from = &self->sums.ranks[index];
  ag_live_rank *rank = &self->live.ranks[index];
  *rank = (ag_live_rank){.seconds = now - from->since};
  snprintf(rank->host, sizeof rank->host, "%.255s", self->session->hosts[index].name);
  if (from->trains) {
    rank->task = AG_LIVE_TRAINING;
    rank->key = plan->models[from->model].key;
  } else if (from->held > 0) {
    rank->task = AG_LIVE_ATTACKING;
    rank->key = plan->units[from->parts[0].unit].key;
    rank->first = from->parts[0].first;
    rank->count = from->parts[0].count;
  }
}

static void fill_models(ag_account *self)
{
  const ag_plan *plan = self->session->plan;
  self->live.model_count = 0;
  for (size_t i = 0; i < plan->model_count; ++i) {
    const ag_model_account *model = &self->sums.models[i];
    if (model->team == 0) continue;
    self->live.models[self->live.model_count++] =
        (ag_live_model){plan->models[i].key, fmin(1, model->done / plan->models[i].flops)};
  }
}

static void write_live(ag_account *self, const ag_reading *reading, double now)
{
  self->live.run = self->session->ledger->runs;
  self->live.written = (uint64_t)time(NULL);
  self->live.elapsed = now - self->sums.started;
  self->live.share = reading->share;
  self->live.images_per_second = reading->images_per_second;
  self->live.left = reading->left;
  self->live.rank_count = self->session->team.size;
  for (size_t i = 0; i < self->live.rank_count; ++i)
    fill_rank(self, i, now);
  fill_models(self);
  (void)ag_live_write(self->session->request->folder, &self->live);
  const double end = ag_clock_seconds();
  self->next_write = end + fmax(WRITE_PERIOD, (end - now) / WRITE_SHARE);
}

void ag_account_look(ag_account *self)
{
  const double now = ag_clock_seconds();
  const bool shows = ag_meter_is_due(&self->session->meter, now);
  const bool writes = now >= self->next_write;
  if (!shows && !writes) return;
  name_unit(self);
  const ag_reading reading = {.share = ag_account_sums_share(&self->sums),
                              .images_per_second = ag_account_sums_rate(&self->sums, now),
                              .left = ag_account_sums_left(&self->sums, now),
                              .activity = self->activity,
                              .unit = self->unit};
  if (shows) ag_meter_show(&self->session->meter, &reading, now);
  if (writes) write_live(self, &reading, now);
}
