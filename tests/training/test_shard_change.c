/* What a shard's images become before they are learnt: that it is what is learnt, that it sees all
 * of a shard, may use the network, and fails the training where it fails. */
#include "training/train.h"

enum { THREADS = 3, SHARD = 7, BATCH = 50 };

/* What a change saw of one epoch. */
typedef struct witness {
  const fixture *f;
  ag_workspace *workspaces[THREADS];
  size_t seen[TRAINING], lanes[THREADS];
  size_t fails_at; /* a step; 0: none */
  bool interrupts;
} witness;

/* Trains an epoch with a change. */
static ag_status train_changed(fixture *f, ag_status (*run)(void *, const ag_training_shard *),
                               witness *seen)
{
  ag_pool *pool = NULL;
  ag_trainer *trainer = NULL;
  bool finished = false;
  const ag_training_events events = {.context = f, .epoch = keep_epoch};
  const ag_shard_change change = {seen, run};
  assert_int_equal(ag_gemm_prepare(THREADS), AG_OK);
  assert_int_equal(ag_pool_create(THREADS, &pool), AG_OK);
  assert_int_equal(ag_trainer_create(&f->training, 1, &f->dataset, pool, f->network, &trainer),
                   AG_OK);
  ag_trainer_change(trainer, &change);
  assert_int_equal(ag_trainer_join(trainer, &f->team), AG_OK);
  const ag_status status = ag_trainer_run(trainer, &events, &finished);
  assert_true(finished == (status == AG_OK));
  ag_trainer_destroy(&trainer);
  ag_pool_destroy(&pool);
  return status;
}

/* Every pixel of an image becomes its label. */
static ag_status paint(void *context, const ag_training_shard *shard)
{
  (void)context;
  const size_t image = ag_shape_floats(shape);
  for (size_t i = 0; i < shard->count; ++i) {
    for (size_t k = 0; k < image; ++k)
      if (k % ag_channels_padded(shape.channels) < shape.channels)
        shard->pixels[i * image + k] = (float)shard->labels[i] / 255;
  }
  return AG_OK;
}

/* The same as a training on a dataset that was painted before, to the bit. */
static void what_is_learnt_is_what_the_change_leaves(void **state)
{
  (void)state;
  fixture *changed = start("1", "50", "7", "0.02");
  fixture *painted = start("1", "50", "7", "0.02");
  witness nothing = {0};
  uint8_t *pixels = painted->block;
  for (size_t i = 0; i < TRAINING; ++i)
    memset(pixels + i * (size_t)(32 * 32 * 3), painted->dataset.training.labels[i], 32 * 32 * 3);
  assert_int_equal(train_changed(changed, paint, &nothing), AG_OK);
  assert_int_equal(train(painted, 2), AG_OK);
  assert_memory_equal(ag_network_values(changed->network), ag_network_values(painted->network),
                      ag_network_floats(painted->network) * sizeof(float));
  assert_true(changed->epochs[0].loss == painted->epochs[0].loss);
  stop(changed);
  stop(painted);
}

/* Looks at the shard, and passes it through the network in evaluation. */
static ag_status look(void *context, const ag_training_shard *shard)
{
  witness *seen = context;
  const ag_pass pass = {.samples = shard->samples};
  assert_true(shard->lane < THREADS && shard->count <= SHARD);
  assert_int_equal(shard->epoch, 0);
  assert_true(shard->step < (TRAINING + BATCH - 1) / BATCH);
  ++seen->lanes[shard->lane];
  for (size_t i = 0; i < shard->count; ++i) {
    ++seen->seen[shard->samples[i]]; /* each in one shard of the epoch */
    assert_int_equal(shard->labels[i], seen->f->dataset.training.labels[shard->samples[i]]);
  }
  ag_workspace *workspace = seen->workspaces[shard->lane];
  ag_workspace_listen(workspace, shard->events);
  const float *logits =
      ag_network_forward(seen->f->network, workspace, &pass, shard->pixels, shard->count);
  assert_true(isfinite(logits[0]));
  return AG_OK;
}

static void every_image_passes_it_once_an_epoch(void **state)
{
  (void)state;
  fixture *f = start("1", "50", "7", "0.02");
  fixture *plain = start("1", "50", "7", "0.02");
  witness seen = {.f = f};
  for (size_t i = 0; i < THREADS; ++i)
    assert_int_equal(ag_workspace_create(f->network, SHARD, &seen.workspaces[i]), AG_OK);
  assert_int_equal(train_changed(f, look, &seen), AG_OK);
  for (size_t i = 0; i < TRAINING; ++i)
    assert_int_equal(seen.seen[i], 1);
  for (size_t i = 0; i < THREADS; ++i)
    assert_true(seen.lanes[i] > 0);
  /* A look leaves no trace. */
  assert_int_equal(train(plain, 1), AG_OK);
  assert_memory_equal(ag_network_values(f->network), ag_network_values(plain->network),
                      ag_network_floats(f->network) * sizeof(float));
  for (size_t i = 0; i < THREADS; ++i)
    ag_workspace_destroy(&seen.workspaces[i]);
  stop(f);
  stop(plain);
}

static ag_status refuse(void *context, const ag_training_shard *shard)
{
  const witness *how = context;
  if (shard->step != how->fails_at) return AG_OK;
  if (!how->interrupts) return ag_fail(AG_BOUND_BROKEN, "image %u", shard->samples[0]);
  ag_interrupt_request();
  return AG_OK; /* as an attack that was left half-way */
}

/* Trains until the change fails, and gives back how; nothing of that step may be learnt. */
static ag_status fail_at(size_t step, bool interrupts)
{
  const char *batch = interrupts ? "7" : "50"; /* one shard: nobody looks behind it */
  fixture *f = start("1", batch, "7", "0.02");
  fixture *before = start("1", batch, "7", "0.02");
  witness how = {.fails_at = step, .interrupts = interrupts};
  const ag_status status = train_changed(f, refuse, &how);
  const size_t bytes = ag_network_floats(f->network) * sizeof(float);
  const bool same =
      memcmp(ag_network_values(f->network), ag_network_values(before->network), bytes) == 0;
  assert_true(same == (step == 0));
  stop(f);
  stop(before);
  return status;
}

static void a_failure_is_the_trainings(void **state)
{
  (void)state;
  assert_int_equal(fail_at(0, false), AG_BOUND_BROKEN);
  assert_non_null(strstr(ag_message(), "image "));
  assert_int_equal(fail_at(2, false), AG_BOUND_BROKEN);
}

/* The last one: a program that was asked to stop stays asked. */
static void what_is_half_way_is_not_learnt(void **state)
{
  (void)state;
  assert_int_equal(fail_at(0, true), AG_INTERRUPTED);
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_learnt_is_what_the_change_leaves),
      cmocka_unit_test(every_image_passes_it_once_an_epoch),
      cmocka_unit_test(a_failure_is_the_trainings),
      cmocka_unit_test(what_is_half_way_is_not_learnt),
  };
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed != 0 || ag_live_blocks() != 0;
}
