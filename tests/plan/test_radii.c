/* Certificates in a job and its plan: with noise on the pixels alone, once for all epsilons, and at
 * the cost of their draws. */
#include "support/fixture.h"

#include "plan/workload.h"

static ag_status read_job(const char *defenses, const char *attacks, ag_job **job)
{
  char text[1024];
  snprintf(text, sizeof text,
           "dataset: {kind: synthetic, training_images: 400, validation_images: 100, "
           "test_images: 300}\n"
           "model: {kind: small}\n"
           "training: {shard: 16}\n"
           "defenses: [%s]\n"
           "attacks: [{kind: fgsm},\n"
           "          %s]\n"
           "epsilons: [0, 0.25, 2]\n"
           "evaluation: {images: 100, block: 24}\n",
           defenses, attacks);
  return ag_job_read(text, strlen(text), "job.yaml", job);
}

static const char smoothing[] = "{kind: gaussian-noise, after: pixels, sigma: 0.25, draws: 3, "
                                "vote: majority}";
static const char certify[] = "{kind: certify, n0: 10, n: 90}";

static void refused(const char *defense)
{
  ag_job *job = NULL;
  char defenses[256];
  snprintf(defenses, sizeof defenses, "%s, %s", smoothing, defense);
  assert_int_equal(read_job(defenses, certify, &job), AG_BAD_JOB);
  const char *message = ag_message();
  if (strstr(message, "job.yaml:6: attack 'certify' certifies networks with noise on the pixels, "
                      "and defense 'other' adds none; expected") == NULL) {
    fail_msg("%s", message);
  }
}

static void only_noise_on_the_pixels_is_certified(void **state)
{
  (void)state;
  ag_job *job = NULL;
  refused("{kind: none, name: other}");
  refused("{kind: gaussian-noise, name: other}");
  refused("{kind: gaussian-noise, name: other, after: normalize}");
  refused("{kind: gaussian-noise, name: other, after: pixels, sigma: 0}");
  refused("{kind: adversarial-training, name: other}");
  refused("{kind: latent, name: other}");
  assert_int_equal(read_job("{kind: adversarial-training, after: pixels, sigma: 0.1,"
                            " vote: majority}",
                            certify, &job),
                   AG_OK);
  ag_job_destroy(&job);
}

/* A certificate is of what most draws say, and so must be the prediction. */
static void only_majorities_are_certified(void **state)
{
  (void)state;
  ag_job *job = NULL;
  const char *want = "job.yaml:6: attack 'certify' certifies the class of most draws, and defense "
                     "'mean' predicts that of their mean logits; expected 'vote: majority'";
  assert_int_equal(read_job("{kind: gaussian-noise, name: mean, after: pixels}", certify, &job),
                   AG_BAD_JOB);
  assert_string_equal(ag_message(), want);
}

static void wrong_options_are_refused(void **state)
{
  (void)state;
  static const char *const wrong[] = {"n: 0",   "n0: 0",       "alpha: 0", "alpha: 0.6",
                                      "n: 1e9", "bound: cohn", "steps: 4"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    ag_job *job = NULL;
    char attack[64];
    snprintf(attack, sizeof attack, "{kind: certify, %s}", wrong[i]);
    assert_int_equal(read_job(smoothing, attack, &job), AG_BAD_JOB);
    assert_non_null(strstr(ag_message(), "job.yaml:6: "));
  }
}

/* One unit a block for all epsilons, of images that are a shard each; n0 + n passes an image. */
static void draws_are_what_it_costs(void **state)
{
  (void)state;
  ag_job *job = NULL;
  ag_plan *plan = NULL;
  ag_work work;
  assert_int_equal(read_job(smoothing, certify, &job), AG_OK);
  assert_int_equal(ag_plan_create(job, NULL, &plan), AG_OK);
  assert_int_equal(plan->unit_count, 3 * 5 + 5);
  ag_cluster cluster = ag_cluster_guess();
  cluster.flops = plan->models[0].pass;
  assert_int_equal(ag_work_create(plan, 2, 3, &cluster, &work), AG_OK);
  for (size_t i = 15; i < 20; ++i) {
    const ag_unit *unit = &plan->units[i];
    const ag_point *point = &plan->points[unit->point];
    const double images = i < 19 ? 24 : 4;
    assert_int_equal(point->attack, 1);
    assert_int_equal(point->passes.forwards, 100); /* whatever `draws` is */
    assert_int_equal(point->passes.gradients, 0);
    assert_number_close(unit->flops, images * 100 * plan->models[0].pass.forward, 0, 1e-12);
    assert_int_equal(ag_work_shard_images(plan, point, 3), 3);
    assert_int_equal(work.units[i].shards, i < 19 ? 8 : 2);
    /* On three threads: eight images in turn, or two. */
    assert_number_close(work.units[i].seconds, (i < 19 ? 8 : 2) * 100 * cluster.seconds.forward, 0,
                        1e-12);
  }
  assert_int_equal(ag_work_shard_images(plan, &plan->points[0], 3), 48);
  ag_work_clear(&work);
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
      cmocka_unit_test(only_noise_on_the_pixels_is_certified),
      cmocka_unit_test(only_majorities_are_certified),
      cmocka_unit_test(wrong_options_are_refused),
      cmocka_unit_test(draws_are_what_it_costs),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
