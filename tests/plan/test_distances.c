/* The plan of attacks that find distances: their work takes no epsilon, so that all points of one
 * attack share their units, which are the same work whatever the job's epsilons are. */
#include "support/fixture.h"

#include "advgrid/plan.h"

enum { EPSILONS = 3, BLOCKS = 2, UNITS = (EPSILONS + 1 + 1 + EPSILONS) * BLOCKS };

static const char *const attacks =
    "[{kind: fgsm}, {kind: cw}, {kind: cw, name: surer, confidence: 1}, {kind: pgd, norm: l2}]";

static ag_plan *make_plan(const char *epsilons, const char *images, ag_job **job)
{
  char text[1024];
  ag_plan *plan = NULL;
  snprintf(text, sizeof text,
           "dataset: {kind: synthetic, training_images: 400, validation_images: 100, "
           "test_images: 300}\n"
           "model: {kind: linear}\n"
           "seeds: [1, 2]\n"
           "attacks: %s\n"
           "epsilons: %s\n"
           "evaluation: {images: %s, block: 80}\n",
           attacks, epsilons, images);
  if (ag_job_read(text, strlen(text), "job.yaml", job) != AG_OK) fail_msg("%s", ag_message());
  if (ag_plan_create(*job, NULL, &plan) != AG_OK) fail_msg("%s", ag_message());
  return plan;
}

static bool same(const ag_digest *one, const ag_digest *other)
{
  return memcmp(one, other, sizeof *one) == 0;
}

static void points_share_their_units(void **state)
{
  (void)state;
  ag_job *job = NULL;
  ag_plan *plan = make_plan("[0.5, 1, 2]", "100", &job);
  assert_int_equal(plan->model_count, 2);
  assert_int_equal(plan->point_count, 2 * 4 * EPSILONS);
  assert_int_equal(plan->unit_count, 2 * UNITS);
  size_t next = 0;
  double flops = 0;
  for (size_t i = 0; i < plan->point_count; ++i) {
    const ag_point *point = &plan->points[i];
    const bool shares = (point->attack == 1 || point->attack == 2) && point->epsilon > 0;
    assert_int_equal(point->unit_count, BLOCKS);
    assert_int_equal(point->first_unit, shares ? next - BLOCKS : next);
    next += shares ? 0 : BLOCKS;
    for (size_t k = 0; k < BLOCKS; ++k) {
      const ag_unit *unit = &plan->units[point->first_unit + k];
      assert_int_equal(unit->point, shares ? i - point->epsilon : i);
      assert_int_equal(unit->first, 80 * k);
      if (!shares) flops += unit->flops;
    }
    for (size_t k = 0; k < i; ++k)
      assert_false(same(&point->key, &plan->points[k].key)); /* each has another row */
  }
  assert_int_equal(next, plan->unit_count);
  assert_true(fabs(flops - plan->attack_flops) <= 1e-12 * flops);
  for (size_t i = 0; i < plan->unit_count; ++i) {
    for (size_t k = 0; k < i; ++k)
      assert_false(same(&plan->units[i].key, &plan->units[k].key));
  }
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

static void units_do_not_depend_on_epsilons(void **state)
{
  (void)state;
  ag_job *jobs[2] = {NULL, NULL};
  ag_plan *plans[] = {make_plan("[0.5, 1, 2]", "100", &jobs[0]), make_plan("[3]", "100", &jobs[1])};
  /* fgsm: 2 units, cw: 2, surer: 2, pgd: 2 */
  assert_int_equal(plans[1]->unit_count, 2 * 8);
  for (size_t i = 0; i < 8; ++i) {
    const size_t there = i + (i < 2 ? 0 : (EPSILONS - 1) * BLOCKS);
    const bool finds = i >= 2 && i < 6;
    assert_int_equal(same(&plans[1]->units[i].key, &plans[0]->units[there].key), finds);
  }
  for (size_t i = 0; i < 2; ++i) {
    ag_plan_destroy(&plans[i]);
    ag_job_destroy(&jobs[i]);
  }
}

static void they_are_described_without_one(void **state)
{
  (void)state;
  ag_job *job = NULL;
  char text[AG_UNIT_TEXT];
  ag_plan *plan = make_plan("[0.5, 1, 2]", "100", &job);
  ag_plan_describe_unit(plan, 3, text);
  assert_string_equal(text, "none-seed1, fgsm at epsilon 1, images 80 to 99");
  ag_plan_describe_unit(plan, EPSILONS * BLOCKS + 1, text);
  assert_string_equal(text, "none-seed1, cw, images 80 to 99");
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

static void leaves_no_memory(void **state)
{
  (void)state;
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(points_share_their_units),
      cmocka_unit_test(units_do_not_depend_on_epsilons),
      cmocka_unit_test(they_are_described_without_one),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
