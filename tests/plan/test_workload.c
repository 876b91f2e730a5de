/* What a plan costs on a cluster, by hand: steps with their messages, trainings, attacks. */
#include "support/fixture.h"

#include "plan/workload.h"

/* ---- steps ---- */

/* A second a shard, and messages that take seconds too. */
static const ag_step_cost slow = {.shards = 4,
                                  .threads = 1,
                                  .forward_seconds = 0.4,
                                  .backward_seconds = 0.6,
                                  .bytes = 1000,
                                  .layers = 2,
                                  .latency = 0.01,
                                  .bandwidth = 100};

static void one_rank_sends_nothing(void **state)
{
  (void)state;
  ag_step_cost cost = slow;
  assert_number_close(ag_step_seconds(&cost, 1), 4, 0, 1e-12);
  cost.threads = 3;
  assert_number_close(ag_step_seconds(&cost, 1), 2, 0, 1e-12);
}

static void messages_take_time(void **state)
{
  (void)state;
  /* Computing; there and back, less what passes hide; and the sum of numbers. */
  const double two = 2 + (5.02 - 0.6) + (5.02 - 0.4) + 0.02;
  const double way = 1000 * 2.0 / 3 / 100 + 0.04;
  const double three = 2 + (way - 0.6) + (way - 0.4) + 0.04;
  const double four = 1 + (7.56 - 0.6) + (7.56 - 0.4) + 0.04;
  assert_number_close(ag_step_seconds(&slow, 2), two, 0, 1e-12);
  assert_number_close(ag_step_seconds(&slow, 3), three, 0, 1e-12);
  assert_number_close(ag_step_seconds(&slow, 4), four, 0, 1e-12);
}

static void passes_hide_what_they_can(void **state)
{
  (void)state;
  ag_step_cost cost = slow;
  cost.bandwidth = 1000; /* 0.52 s each way */
  assert_number_close(ag_step_seconds(&cost, 2), 2 + 0.12 + 0.02, 0, 1e-12);
  cost.bandwidth = 1e4;
  assert_number_close(ag_step_seconds(&cost, 2), 2 + 0.02, 0, 1e-12);
  cost.bandwidth = 0; /* no messages at all */
  assert_number_close(ag_step_seconds(&cost, 2), 2, 0, 1e-12);
}

/* Of eight shards three ranks have [0,2) [2,5) [5,8): the second sums [2,4) and [4,5). */
static void a_rank_may_have_several_parts(void **state)
{
  (void)state;
  ag_step_cost cost = slow;
  cost.shards = 8;
  cost.latency = 0;
  const double way = 1000 * 2.0 / 3 / 100;
  assert_number_close(ag_step_seconds(&cost, 3), 3 + (2 * way - 0.6) + (way - 0.4), 0, 1e-12);
}

/* Two ranks with two shards each: half of a rank's factors leave while its second shard is
 * computed, the other half behind it. */
static void factors_leave_with_each_shard(void **state)
{
  (void)state;
  ag_step_cost cost = slow;
  cost.bytes = cost.layers = cost.latency = 0;
  cost.factor_layers = 1;
  cost.factor_bytes = 400; /* 2 s from each rank: 1 s of them hidden by a shard, 0.6 by a pass */
  assert_number_close(ag_step_seconds(&cost, 2), 2 + 0.4, 0, 1e-12);
  cost.factor_bytes = 600; /* 1.5 s a shard: 0.5 of the first's are left */
  assert_number_close(ag_step_seconds(&cost, 2), 2 + (0.5 + 1.5 - 0.6), 0, 1e-12);
  cost.factor_bytes = 0;
  cost.latency = 1; /* a message a shard, and the sum of numbers */
  assert_number_close(ag_step_seconds(&cost, 2), 2 + 0.4 + 2, 0, 1e-12);
  cost.threads = 2; /* both at once */
  assert_number_close(ag_step_seconds(&cost, 2), 1 + (2 - 0.6) + 2, 0, 1e-12);
}

/* ---- plans ---- */

enum { SHARD = 16, BATCH = 64, EPOCHS = 3, TRAINING = 300, VALIDATION = 100 };

static const char text[] =
    "dataset: {kind: synthetic, training_images: 400, test_images: 300, validation_images: 100}\n"
    "model: {kind: linear}\n"
    "training: {epochs: 3, batch: 64, shard: 16}\n"
    "defenses: [{kind: none}, {kind: gaussian-noise, name: noise, after: normalize, draws: 4},\n"
    "           {kind: none, name: taken, file: a.h5}]\n"
    "attacks: [{kind: fgsm}, {kind: pgd, steps: 5, restarts: 2}]\n"
    "epsilons: [0.1]\n"
    "evaluation: {images: 120, block: 80}\n";

typedef struct fixture {
  ag_job *job;
  ag_plan *plan;
  ag_cluster
      cluster; /* that has measured the job's own network, so that its numbers are the job's */
} fixture;

static fixture start(void)
{
  fixture f = {0};
  assert_int_equal(ag_job_read(text, strlen(text), "job.yaml", &f.job), AG_OK);
  assert_int_equal(ag_plan_create(f.job, NULL, &f.plan), AG_OK);
  f.cluster = ag_cluster_guess();
  f.cluster.flops = f.plan->models[0].pass;
  f.cluster.seconds.training = 5e-3;
  f.cluster.seconds.forward = 1e-3;
  f.cluster.seconds.gradient = 3e-3;
  return f;
}

static void stop(fixture *f)
{
  ag_plan_destroy(&f->plan);
  ag_job_destroy(&f->job);
}

static void a_run_counts_operations(void **state)
{
  (void)state;
  static const double speedup[] = {0, 1, 2, 2, 4};
  fixture f = start();
  ag_work work;
  assert_int_equal(ag_work_create(f.plan, 8, 1, NULL, &work), AG_OK);
  assert_int_equal(work.load.largest, 4);
  for (size_t k = 1; k <= 4; ++k)
    assert_number_close(work.speedup[k], speedup[k], 0, 1e-12);
  for (size_t i = 0; i < f.plan->unit_count; ++i)
    assert_true(work.units[i].seconds == f.plan->units[i].flops / AG_NOMINAL_FLOPS);
  for (size_t i = 0; i < f.plan->model_count; ++i) {
    assert_true(work.models[i].seconds == f.plan->models[i].flops / AG_NOMINAL_FLOPS);
    assert_int_equal(work.models[i].ready, i == 2);
  }
  ag_work_clear(&work);
  stop(&f);
}

/* An attack on what is learnt makes each turn longer, and hides neither weights nor gradients. */
static void attacks_come_before_what_is_learnt(void **state)
{
  (void)state;
  ag_step_cost cost = slow;
  for (size_t ranks = 1; ranks <= 4; ++ranks) {
    cost.attack_seconds = 0;
    const double without = ag_step_seconds(&cost, ranks);
    cost.attack_seconds = 3;
    const double turns = (double)ag_divide_up(4, ranks);
    assert_number_close(ag_step_seconds(&cost, ranks), without + 3 * turns, 0, 1e-12);
  }
}

/* Three starts of four steps on 12 of a shard's 16 images, and PGD-10 on the validation images. */
static void adversarial_training_takes_its_attacks(void **state)
{
  (void)state;
  static const char adversarial[] =
      "dataset: {kind: synthetic, training_images: 400, validation_images: 100}\n"
      "model: {kind: linear}\n"
      "training: {epochs: 3, batch: 64, shard: 16}\n"
      "defenses: [{kind: none}, {kind: adversarial-training, steps: 4, restarts: 3, mix: 0.73}]\n"
      "attacks: [{kind: fgsm}]\nepsilons: [0.1]\n";
  ag_job *job = NULL;
  ag_plan *plan = NULL;
  ag_work work;
  ag_cluster cluster = ag_cluster_guess();
  assert_int_equal(ag_job_read(adversarial, strlen(adversarial), "job.yaml", &job), AG_OK);
  assert_int_equal(ag_plan_create(job, NULL, &plan), AG_OK);
  const ag_flops *pass = &plan->models[0].pass;
  cluster.flops = *pass;
  cluster.seconds.training = 5e-3;
  cluster.seconds.forward = 1e-3;
  cluster.seconds.gradient = 3e-3;
  const double gradient = pass->forward + pass->input_gradient;
  const double flops = EPOCHS * (TRAINING * 12.0 / 16 * (12 * gradient + 3 * pass->forward) +
                                 VALIDATION * (10 * gradient + 3 * pass->forward));
  assert_number_close(plan->models[1].flops - plan->models[0].flops, flops, 0, 1e-9);
  assert_int_equal(ag_work_create(plan, 2, 1, &cluster, &work), AG_OK);
  const double seconds = EPOCHS * (TRAINING * 12.0 / 16 * (12 * 3e-3 + 3 * 1e-3) +
                                   VALIDATION * (10 * 3e-3 + 3 * 1e-3));
  assert_number_close(work.models[1].seconds - work.models[0].seconds, seconds, 0, 1e-9);
  ag_work_clear(&work);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

/* Seconds of a rank with so many threads, against `batch_in_turn` images of a batch and, of the two
 * units of a point, `in_turn` that the busiest thread takes. */
static void check_seconds(size_t threads, double batch_in_turn, const double in_turn[2])
{
  fixture f = start();
  ag_work work;
  const double validation = VALIDATION * 1e-3 / (double)threads;
  const double training = EPOCHS * ((double)TRAINING / BATCH * batch_in_turn * 5e-3 + validation);
  assert_int_equal(ag_work_create(f.plan, 2, threads, &f.cluster, &work), AG_OK);
  assert_number_close(work.models[0].seconds, training, 0, 1e-12);
  assert_number_close(work.models[1].seconds, training, 0, 1e-12);
  assert_true(work.models[2].seconds == 0 && work.models[2].ready);
  for (size_t i = 0; i < f.plan->unit_count; ++i) {
    const ag_point *point = &f.plan->points[f.plan->units[i].point];
    const double draws = point->model == 1 ? 4 : 1;
    /* One step and two verdicts, or ten steps, two last looks and two verdicts. */
    const double image = point->attack == 0 ? 3e-3 + 2e-3 : 30e-3 + 4e-3;
    assert_number_close(work.units[i].seconds, in_turn[i - point->first_unit] * draws * image, 0,
                        1e-12);
  }
  ag_work_clear(&work);
  stop(&f);
}

static void a_cluster_counts_seconds(void **state)
{
  (void)state;
  const double one[] = {80, 40};
  const double three[] = {2 * SHARD, SHARD}; /* of 48 images in turn, and of what is left */
  check_seconds(1, BATCH, one);
  check_seconds(3, 2 * SHARD, three);
}

static void a_larger_network_takes_longer(void **state)
{
  (void)state;
  fixture f = start();
  ag_work work;
  ag_work as_measured;
  assert_int_equal(ag_work_create(f.plan, 2, 1, &f.cluster, &as_measured), AG_OK);
  f.cluster.flops.forward /= 2;
  f.cluster.flops.input_gradient /= 2;
  f.cluster.flops.weight_gradient /= 2;
  assert_int_equal(ag_work_create(f.plan, 2, 1, &f.cluster, &work), AG_OK);
  assert_number_close(work.models[0].seconds, 2 * as_measured.models[0].seconds, 0, 1e-12);
  assert_number_close(work.units[0].seconds, 2 * as_measured.units[0].seconds, 0, 1e-12);
  ag_work_clear(&as_measured);
  ag_work_clear(&work);
  stop(&f);
}

/* The weight of `base`'s first dense layer goes in factors, and all else, with its biases, in sums.
 */
static void a_plan_knows_what_ranks_send(void **state)
{
  (void)state;
  ag_job *job = NULL;
  ag_plan *plan = NULL;
  static const char base[] =
      "dataset: {kind: synthetic, training_images: 600, validation_images: 0}\n"
      "model: {kind: base}\n"
      "attacks: [{kind: fgsm}]\nepsilons: [0]\n";
  assert_int_equal(ag_job_read(base, strlen(base), "job.yaml", &job), AG_OK);
  assert_int_equal(ag_plan_create(job, NULL, &plan), AG_OK);
  const ag_layer_sums *sums = &plan->models[0].sums;
  const size_t channels[] = {3, 32, 64, 128, 128, 256, 256};
  size_t floats = 32 + 64 + 128 + 128 + 256 + 256 + 512 + 5120 + 10;
  for (size_t i = 0; i < 6; ++i)
    floats += 9 * channels[i] * channels[i + 1];
  assert_int_equal(sums->factor_layers, 1);
  assert_int_equal(sums->floats_per_image, 4096 + 512);
  assert_int_equal(sums->layers, 8);
  assert_true(sums->floats >= floats && (double)sums->floats < 1.05 * (double)floats);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

static void a_team_pays_for_its_messages(void **state)
{
  (void)state;
  fixture f = start();
  ag_work work;
  f.cluster.bandwidth = 4e6;
  f.cluster.latency = 1e-3;
  const ag_model_unit *model = &f.plan->models[0];
  const ag_layer_sums *sums = &model->sums;
  assert_true(sums->layers == 1 && sums->floats + sums->floats_per_image > 0);
  const double gradients = model->pass.input_gradient + model->pass.weight_gradient;
  const double forward = model->pass.forward / (gradients + model->pass.forward);
  const ag_step_cost cost = {.shards = 4,
                             .threads = 1,
                             .forward_seconds = SHARD * 5e-3 * forward,
                             .backward_seconds = SHARD * 5e-3 * (1 - forward),
                             .bytes = 4 * (double)sums->floats,
                             .layers = 1,
                             .factor_bytes = 4.0 * BATCH * (double)sums->floats_per_image,
                             .factor_layers = (double)sums->factor_layers,
                             .latency = 1e-3,
                             .bandwidth = 4e6};
  assert_int_equal(ag_work_create(f.plan, 3, 1, &f.cluster, &work), AG_OK);
  assert_number_close(work.speedup[1], 1, 0, 1e-12);
  for (size_t k = 2; k <= 3; ++k) {
    const double speedup = ag_step_seconds(&cost, 1) / ag_step_seconds(&cost, k);
    assert_true(speedup < 2);
    assert_number_close(work.speedup[k], speedup, 0, 1e-12);
  }
  assert_true(work.speedup[4] == work.speedup[3]); /* there are no four */
  ag_work_clear(&work);
  stop(&f);
}

/* ---- predictions ---- */

static ag_simulation predict(const fixture *f, size_t ranks)
{
  ag_simulation simulation;
  assert_int_equal(ag_predict(f->plan, &f->cluster, ranks, 1, &simulation), AG_OK);
  return simulation;
}

static void one_rank_takes_the_sum(void **state)
{
  (void)state;
  fixture f = start();
  ag_work work;
  double sum = 0;
  assert_int_equal(ag_work_create(f.plan, 1, 1, &f.cluster, &work), AG_OK);
  for (size_t i = 0; i < f.plan->model_count; ++i)
    sum += work.models[i].seconds;
  for (size_t i = 0; i < f.plan->unit_count; ++i)
    sum += work.units[i].seconds;
  const ag_simulation one = predict(&f, 1);
  assert_number_close(one.work, sum, 0, 1e-9);
  assert_number_close(one.makespan, sum, 0, 1e-3);
  assert_true(one.efficiency > 0.999 && one.efficiency <= 1);
  ag_work_clear(&work);
  stop(&f);
}

static void more_ranks_take_less_and_a_slow_link_more(void **state)
{
  (void)state;
  fixture f = start();
  const ag_simulation one = predict(&f, 1);
  const ag_simulation two = predict(&f, 2);
  assert_true(two.makespan < 0.6 * one.makespan && two.makespan > 0.5 * one.makespan);
  const ag_simulation four = predict(&f, 4);
  assert_true(four.makespan < two.makespan);
  f.cluster.bandwidth = 1e6;
  const ag_simulation slow_four = predict(&f, 4);
  assert_true(slow_four.makespan > 1.05 * four.makespan);
  assert_true(slow_four.efficiency < four.efficiency);
  stop(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_rank_sends_nothing),
      cmocka_unit_test(messages_take_time),
      cmocka_unit_test(passes_hide_what_they_can),
      cmocka_unit_test(a_rank_may_have_several_parts),
      cmocka_unit_test(factors_leave_with_each_shard),
      cmocka_unit_test(a_run_counts_operations),
      cmocka_unit_test(attacks_come_before_what_is_learnt),
      cmocka_unit_test(adversarial_training_takes_its_attacks),
      cmocka_unit_test(a_cluster_counts_seconds),
      cmocka_unit_test(a_larger_network_takes_longer),
      cmocka_unit_test(a_plan_knows_what_ranks_send),
      cmocka_unit_test(a_team_pays_for_its_messages),
      cmocka_unit_test(one_rank_takes_the_sum),
      cmocka_unit_test(more_ranks_take_less_and_a_slow_link_more),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  return failed != 0 || ag_live_blocks() != 0;
}
