/* The account of a run, told of orders and reports that a whole job brings, in a time of its own:
 * one rank, whose work costs what its kind says and no more. */
#include "support/fixture.h"

#include "plan/workload.h"
#include "run/account_sums.h"

static const char job_text[] =
    "name: account\n"
    "dataset: {kind: synthetic, training_images: 100, validation_images: 20, test_images: 100}\n"
    "model: {kind: small}\n"
    "training: {epochs: 4, batch: 20, shard: 10, optimizer: {kind: sgd},\n"
    "           schedule: {kind: constant, peak: 0.01}}\n"
    "defenses: [{kind: none}, {kind: gaussian-noise, sigma: 0.1}]\n"
    "attacks: [{kind: fgsm}, {kind: pgd, steps: 9}]\n"
    "epsilons: [0.1, 0.2]\n"
    "evaluation: {images: 80, block: 20}\n"
    "seeds: [1, 2]\n";

enum { EPOCHS = 4, CHUNKS = 5 };

typedef struct fixture {
  ag_job *job;
  ag_session session;
  ag_schedule *schedule;
  ag_account_sums sums;
  double now;
  double cost[2]; /* seconds of an operation: of training, of attacks */
} fixture;

static void start(fixture *f, size_t ranks)
{
  ag_work work;
  *f = (fixture){.now = 1000, .cost = {1e-9, 4e-9}};
  if (ag_job_read(job_text, strlen(job_text), "job.yaml", &f->job) != AG_OK)
    fail_msg("%s", ag_message());
  ag_session *session = &f->session;
  session->job = f->job;
  session->team.size = ranks;
  assert_int_equal(ag_plan_create(f->job, NULL, &session->plan), AG_OK);
  assert_int_equal(ag_pool_create(1, &session->pool), AG_OK);
  assert_int_equal(ag_ledger_create(session->plan, &session->ledger), AG_OK);
  assert_int_equal(ag_allocate(session->plan->model_count, 1, &session->model_closed), AG_OK);
  assert_int_equal(ag_work_create(session->plan, ranks, 1, NULL, &work), AG_OK);
  assert_int_equal(ag_schedule_create(&work.load, &f->schedule), AG_OK);
  ag_work_clear(&work);
  assert_int_equal(ag_account_sums_create(session, f->schedule, f->now, &f->sums), AG_OK);
}

static void stop(fixture *f)
{
  ag_account_sums_clear(&f->sums);
  ag_schedule_destroy(&f->schedule);
  ag_release(&f->session.model_closed);
  ag_ledger_destroy(&f->session.ledger);
  ag_pool_destroy(&f->session.pool);
  ag_plan_destroy(&f->session.plan);
  ag_job_destroy(&f->job);
  assert_int_equal(ag_live_blocks(), 0);
}

static void report(fixture *f, ag_report_kind kind, size_t subject, double flops, double cost)
{
  const ag_report what = {.kind = (uint32_t)kind,
                          .subject = subject,
                          .flops = flops,
                          .images = flops > 0 ? 20 : 0,
                          .seconds = flops * cost};
  f->now += flops * cost;
  ag_account_sums_report(&f->sums, 0, &what, f->now);
}

/* A whole training; an epoch in chunks, the last of which comes with its report. */
static void train(fixture *f, size_t model)
{
  const double chunk = f->session.plan->models[model].flops / EPOCHS / CHUNKS;
  for (size_t i = 0; i < EPOCHS; ++i) {
    for (size_t j = 1; j < CHUNKS; ++j)
      report(f, AG_REPORT_ALIVE, 0, chunk, f->cost[0]);
    report(f, AG_REPORT_EPOCH, model, chunk, f->cost[0]);
  }
  report(f, AG_REPORT_MODEL, model, 0, 0);
  ag_schedule_model_done(f->schedule, model);
}

static void attack(fixture *f, const ag_order *order)
{
  const ag_unit *unit = &f->session.plan->units[order->unit];
  const ag_point *point = &f->session.plan->points[unit->point];
  const size_t images = ag_work_shard_images(f->session.plan, point, 1);
  const size_t count = ag_minimum(order->shard_count * images, unit->count);
  const double flops = unit->flops * (double)count / (double)unit->count;
  const ag_report done = {.kind = AG_REPORT_PART,
                          .subject = order->unit,
                          .first_shard = order->first_shard,
                          .images = count,
                          .flops = flops,
                          .seconds = flops * f->cost[1]};
  f->now += done.seconds;
  ag_schedule_part_done(f->schedule, 0, order->unit, order->first_shard);
  ag_account_sums_report(&f->sums, 0, &done, f->now);
}

/* Seconds of what is left by the plan, which is what this machine takes. */
static double truth(const fixture *f)
{
  double left = 0;
  const ag_plan *plan = f->session.plan;
  for (size_t i = 0; i < plan->model_count; ++i) {
    if (ag_schedule_model_state(f->schedule, i) == AG_WORK_OPEN) {
      left += (plan->models[i].flops - f->sums.models[i].done) * f->cost[0];
    }
  }
  for (size_t i = 0; i < plan->unit_count; ++i) {
    if (ag_schedule_unit_state(f->schedule, i) == AG_WORK_OPEN) {
      left += (plan->units[i].flops - f->sums.units[i]) * f->cost[1];
    }
  }
  return left;
}

static void assert_near(double got, double want, double within)
{
  if (!(fabs(got - want) <= within)) fail_msg("%.12g, expected %.12g", got, want);
}

/* Once each attack was seen at each epsilon, and each defense trained, nothing is left to guess. */
static void a_whole_job_is_foreseen(void **state)
{
  (void)state;
  fixture f;
  ag_order orders[8];
  size_t waiting = 0;
  size_t right = 0;
  double share = 0;
  start(&f, 1);
  assert_false(ag_account_sums_left(&f.sums, f.now).is_known);
  for (;;) {
    while (ag_schedule_order(f.schedule, &orders[waiting])) {
      ag_account_sums_order(&f.sums, &orders[waiting], f.now);
      if (orders[waiting].kind != AG_ORDER_END) ++waiting;
    }
    if (waiting == 0) break;
    if (orders[0].kind == AG_ORDER_TRAIN) {
      train(&f, orders[0].model);
    } else {
      attack(&f, &orders[0]);
    }
    --waiting;
    memmove(orders, orders + 1, waiting * sizeof *orders);
    const double now = ag_account_sums_share(&f.sums);
    assert_true(now > share && now <= 1 + 1e-12);
    share = now;
    const ag_forecast left = ag_account_sums_left(&f.sums, f.now);
    assert_true(left.is_known && left.low <= left.seconds && left.seconds <= left.high);
    right += fabs(left.seconds - truth(&f)) <= 1e-6 * (1 + truth(&f));
  }
  assert_near(share, 1, 1e-12);
  assert_near(ag_account_sums_left(&f.sums, f.now).seconds, 0, 0);
  /* Of 4 trainings and 128 units all but those before the last kind was seen. */
  if (right < 40) fail_msg("%zu forecasts were right", right);
  assert_near(f.sums.waited, 0, 0);
  stop(&f);
}

/* Two ranks of which one waits: half of the time is lost, and the forecast knows. */
static void waiting_counts(void **state)
{
  (void)state;
  fixture f;
  start(&f, 2);
  const ag_order order = {.rank = 0, .kind = AG_ORDER_TRAIN, .model = 0, .team_size = 1};
  ag_account_sums_order(&f.sums, &order, f.now);
  const double flops = f.session.plan->models[0].flops / 2;
  report(&f, AG_REPORT_ALIVE, 0, flops, f.cost[0]);
  report(&f, AG_REPORT_EPOCH, 0, 0, 0);
  const ag_forecast one = ag_account_sums_left(&f.sums, f.now);
  ag_account_sums_order(
      &f.sums, &(ag_order){.rank = 1, .kind = AG_ORDER_TRAIN, .model = 1, .team_size = 1}, f.now);
  assert_near(f.sums.waited, f.now - 1000, 1e-9);
  const ag_forecast two = ag_account_sums_left(&f.sums, 2 * f.now - 1000);
  assert_true(two.seconds < one.seconds); /* of the same work, as rank 1 waits no more */
  stop(&f);
}

/* The images of a minute; where that had none, the last ones, in the time since those before. */
static void images_are_counted(void **state)
{
  (void)state;
  fixture f;
  start(&f, 1);
  const ag_report report = {.kind = AG_REPORT_ALIVE, .images = 30};
  for (size_t i = 0; i < 200; ++i) { /* 15 a second */
    f.now += 2;
    ag_account_sums_report(&f.sums, 0, &report, f.now);
    const double rate = ag_account_sums_rate(&f.sums, f.now);
    assert_near(rate, 15, 1e-9);
  }
  for (size_t i = 0; i < 200; ++i) { /* then twice as many */
    f.now += 1;
    ag_account_sums_report(&f.sums, 0, &report, f.now);
    const double rate = ag_account_sums_rate(&f.sums, f.now);
    assert_true(rate > 15 && (i < 60 ? rate < 30 : i < 64 || rate == 30));
  }
  for (size_t i = 0; i < 100; ++i) {
    f.now += 2;
    (void)ag_account_sums_rate(&f.sums, f.now);
  }
  assert_near(ag_account_sums_rate(&f.sums, f.now), 30.0 / 201, 1e-9);
  ag_account_sums_report(&f.sums, 0, &report, f.now);
  for (size_t i = 0; i < 100; ++i) {
    f.now += 2;
    (void)ag_account_sums_rate(&f.sums, f.now);
  }
  assert_near(ag_account_sums_rate(&f.sums, f.now), 30.0 / 400, 1e-9);
  stop(&f);
}

/* A model that fails is begun anew, and one that goes on from a checkpoint is not. */
static void trainings_are_where_they_say(void **state)
{
  (void)state;
  fixture f;
  start(&f, 1);
  const double flops = f.session.plan->models[1].flops;
  const ag_order order = {.kind = AG_ORDER_TRAIN, .model = 1, .team_size = 1};
  ag_account_sums_order(&f.sums, &order, f.now);
  report(&f, AG_REPORT_ALIVE, 1, flops / 8, f.cost[0]);
  assert_near(f.sums.models[1].done, flops / 8, 1);
  ag_report segment = {.kind = AG_REPORT_SEGMENT, .subject = 1, .flops = flops / 4};
  ag_account_sums_report(&f.sums, 0, &segment, f.now);
  assert_near(f.sums.models[1].done, 0.75 * flops, 1);
  segment.status = AG_INTERRUPTED;
  segment.flops = 0;
  ag_account_sums_report(&f.sums, 0, &segment, f.now);
  assert_near(f.sums.models[1].done, 0.75 * flops, 1);
  const ag_report failed = {.kind = AG_REPORT_MODEL, .subject = 1, .status = AG_NOT_FINITE};
  ag_account_sums_report(&f.sums, 0, &failed, f.now);
  assert_near(f.sums.models[1].done, 0, 0);
  assert_false(f.sums.ranks[0].trains);
  stop(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_whole_job_is_foreseen),
      cmocka_unit_test(waiting_counts),
      cmocka_unit_test(images_are_counted),
      cmocka_unit_test(trainings_are_where_they_say),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
