/* The losses of the defense latent in a plan: without one its keys are those it had before there
 * were any, each option makes another model, and the work and the memory are counted. */
#include "support/fixture.h"

#include "plan/workload.h"

enum { TRAINING = 300, EPOCHS = 3, SHARD = 16 };
static const size_t latent = (size_t)8 * 8 * 16; /* what conv2 of `small` hands on */

static ag_status make_plan(const char *training, const char *options, ag_job **job, ag_plan **plan)
{
  char text[1024];
  *plan = NULL;
  *job = NULL;
  snprintf(text, sizeof text,
           "dataset: {kind: synthetic, training_images: 400, validation_images: 100}\n"
           "model: {kind: small}\n"
           "training: {epochs: 3, batch: 64, %s}\n"
           "defenses: [{kind: latent, layer: %s}]\n"
           "attacks: [{kind: fgsm}]\n"
           "epsilons: [0.1]\n"
           "evaluation: {images: 100}\n",
           training, options);
  const ag_status status = ag_job_read(text, strlen(text), "job.yaml", job);
  return status == AG_OK ? ag_plan_create(*job, NULL, plan) : status;
}

static ag_plan *plan_of(const char *options, ag_job **job)
{
  ag_plan *plan = NULL;
  char whole[256];
  snprintf(whole, sizeof whole, "conv2%s", options);
  if (make_plan("shard: 16", whole, job, &plan) != AG_OK) fail_msg("%s", ag_message());
  return plan;
}

static ag_digest key_of(const char *options)
{
  ag_job *job = NULL;
  ag_plan *plan = plan_of(options, &job);
  const ag_digest key = plan->models[0].key;
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
  return key;
}

/* As they were when the defense had a layer, references and what is attacked alone; attacks on it
 * are others since. */
static void without_a_loss_keys_are_as_before(void **state)
{
  (void)state;
  static const char model[] = "f71b80802532e203576666cac02e14bc2e33f01f2b74c8420a3968e89be5bf77";
  static const char unit[] = "bed5de4895bd5c6f929bbf8a80b86d57979b864d44090acb19588033d14fc61f";
  char text[AG_DIGEST_TEXT_SIZE];
  ag_job *job = NULL;
  ag_plan *plan = plan_of(", loss: none, margin: auto, classify: neighbours, steps: auto", &job);
  ag_digest_text(&plan->models[0].key, text);
  assert_string_equal(text, model);
  ag_digest_text(&plan->units[0].key, text);
  assert_string_equal(text, unit);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

static void every_option_makes_another_model(void **state)
{
  (void)state;
  static const char *const changes[] = {
      "",
      ", classify: logits",
      ", loss: contrastive",
      ", loss: contrastive, margin: 1",
      ", loss: contrastive, weight: 0.25",
      ", loss: triplet",
      ", loss: triplet, attack: fgsm",
      ", loss: triplet, epsilon: 4/255",
      ", loss: triplet, steps: 9",
      ", loss: triplet, step_size: 2/255",
      ", loss: triplet, restarts: 2",
      ", loss: triplet, random_start: false",
      ", loss: triplet, warmup: 1",
  };
  enum { CHANGES = sizeof changes / sizeof *changes };
  ag_digest keys[CHANGES];
  for (size_t i = 0; i < CHANGES; ++i) {
    keys[i] = key_of(changes[i]);
    for (size_t k = 0; k < i; ++k)
      assert_memory_not_equal(&keys[i], &keys[k], sizeof keys[i]);
  }
}

/* ---- work ---- */

typedef struct plans {
  ag_job *jobs[3];
  ag_plan *of[3]; /* without a loss, with the contrastive one, with triplets */
} plans;

static void start(plans *all)
{
  static const char *const options[] = {"", ", loss: contrastive",
                                        ", loss: triplet, steps: 3, restarts: 2"};
  for (size_t i = 0; i < 3; ++i)
    all->of[i] = plan_of(options[i], &all->jobs[i]);
}

static void stop(plans *all)
{
  for (size_t i = 0; i < 3; ++i) {
    ag_plan_destroy(&all->of[i]);
    ag_job_destroy(&all->jobs[i]);
  }
}

static void the_work_is_counted(void **state)
{
  (void)state;
  const double floats = (double)latent;
  plans all;
  start(&all);
  const ag_model_unit *plain = all.of[0]->models;
  const ag_model_unit *pairs = all.of[1]->models;
  const ag_model_unit *triplets = all.of[2]->models;
  const ag_flops *pass = &plain->pass;
  const double learning = pass->forward + pass->input_gradient + pass->weight_gradient;
  const double images = (double)TRAINING * EPOCHS;
  /* Each pair once: a distance, and a pull at both ends. */
  const double of_pairs = 7.5 * floats * (3 + 5);
  assert_number_close(pairs->flops - plain->flops, images * of_pairs, 0, 1e-9);
  assert_number_close(pairs->learning, 1 + of_pairs / learning, 0, 1e-12);
  /* Images twice; six gradients and two forward passes of the attack; all distances from each
   * image and two pulls. Nothing on validation images. */
  const double of_triplets = floats * (16 * 3 + 2 * 5);
  const double attack = 6 * (pass->forward + pass->input_gradient) + 2 * pass->forward;
  assert_number_close(triplets->flops - plain->flops, images * (learning + attack + of_triplets), 0,
                      1e-9);
  assert_true(plain->learning == 1 && triplets->judgement.gradients == 0);
  stop(&all);
}

static void it_takes_time(void **state)
{
  (void)state;
  plans all;
  start(&all);
  double seconds[3];
  for (size_t i = 0; i < 3; ++i) {
    ag_cluster cluster = ag_cluster_guess();
    ag_work work;
    cluster.flops = all.of[0]->models[0].pass;
    assert_int_equal(ag_work_create(all.of[i], 1, 1, &cluster, &work), AG_OK);
    seconds[i] = work.models[0].seconds;
    ag_work_clear(&work);
  }
  assert_true(seconds[1] > seconds[0] && seconds[2] > 2 * seconds[0]);
  stop(&all);
}

static void it_takes_memory(void **state)
{
  (void)state;
  plans all;
  start(&all);
  ag_network *network = NULL;
  assert_int_equal(ag_plan_network(all.of[0], &all.of[0]->models[0].layers, &network), AG_OK);
  /* Of what training and evaluation need the larger counts: here that of triplets. */
  const size_t passes = ag_workspace_bytes(network, (size_t)2 * SHARD) +
                        ag_workspace_bytes(network, SHARD);
  size_t bytes[3];
  for (size_t i = 0; i < 3; ++i)
    bytes[i] = all.of[i]->rank_bytes;
  assert_true(bytes[1] >= bytes[0]);
  assert_true(bytes[2] > bytes[1] + ag_workspace_bytes(network, SHARD) + SHARD * latent);
  assert_true(bytes[2] >
              4 * sizeof(float) * ag_network_floats(network) + passes + latent * 2 * SHARD);
  ag_network_destroy(&network);
  stop(&all);
}

/* ---- what is refused ---- */

static void check_refused(const char *training, const char *options, const char *expected)
{
  ag_job *job = NULL;
  ag_plan *plan = NULL;
  assert_int_equal(make_plan(training, options, &job, &plan), AG_BAD_JOB);
  if (strstr(ag_message(), expected) == NULL) fail_msg("'%s': %s", ag_message(), expected);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

static void what_does_not_fit_is_refused(void **state)
{
  (void)state;
  check_refused("shard: 1", "conv2, loss: contrastive", "'shard' is 1; expected 2 or more");
  check_refused("shard: 16", "conv2, loss: triplet, attack: fgsm, steps: 2", "'steps' is 2");
  check_refused("shard: 16", "conv2, loss: triplet, restarts: 2, random_start: false",
                "'restarts' is 2");
  check_refused("shard: 16", "conv2, loss: contrastive, margin: -1", "'margin' is -1");
  check_refused("shard: 16", "conv2, loss: contrastiv", "did you mean 'contrastive'?");
  /* Also where nothing is classified by distances. */
  check_refused("shard: 16", "dense1, classify: logits, loss: contrastive",
                "'layer': what layer 'dense1' hands on are the logits");
  ag_job *job = NULL;
  ag_plan *plan = NULL;
  /* What the attack is does not matter where there is none. */
  assert_int_equal(make_plan("shard: 1", "conv2, attack: fgsm, steps: 2", &job, &plan), AG_OK);
  ag_plan_destroy(&plan);
  ag_job_destroy(&job);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_a_loss_keys_are_as_before),
      cmocka_unit_test(every_option_makes_another_model),
      cmocka_unit_test(the_work_is_counted),
      cmocka_unit_test(it_takes_time),
      cmocka_unit_test(it_takes_memory),
      cmocka_unit_test(what_does_not_fit_is_refused),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  return failed != 0 || ag_live_blocks() != 0;
}
