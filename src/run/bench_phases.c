/* Where the time of a training step goes, on one thread: the steps of the trainer's shards one by
 * one, with a clock between them. */
#include "run/bench.h"
#include "run/host.h"
#include "training/partition.h"

#include <math.h>
#include <string.h>

/* One thread's memory, and the seconds so far. */
typedef struct profiler {
  const ag_bench_setting *setting;
  ag_workspace *workspace;
  float *pixels, *dlogits, *losses, *gradients;
  uint8_t *labels;
  uint32_t *samples; /* the numbers of the dataset's training images */
  ag_bench_profile sums;
} profiler;

static ag_status create_memory(profiler *self)
{
  ag_status status = AG_OK;
  const ag_network *network = self->setting->network;
  const size_t shard = self->setting->request->shard;
  const size_t images = self->setting->dataset.training.count;
  const size_t floats = ag_shape_floats(ag_network_input(network));
  AG_TRY(ag_workspace_create(network, shard, &self->workspace));
  AG_TRY(ag_allocate(shard * floats, sizeof(float), &self->pixels));
  AG_TRY(ag_allocate(shard * ag_network_logit_stride(network), sizeof(float), &self->dlogits));
  AG_TRY(ag_allocate(shard, sizeof(float), &self->losses));
  AG_TRY(ag_allocate(shard, 1, &self->labels));
  AG_TRY(ag_allocate(ag_network_floats(network), sizeof(float), &self->gradients));
  AG_TRY(ag_allocate(images, sizeof *self->samples, &self->samples));
  for (size_t i = 0; i < images; ++i)
    self->samples[i] = (uint32_t)i;
  for (size_t layer = 0; layer < ag_network_layer_count(network); ++layer) {
    if (ag_factors_pay(network, layer, shard, self->setting->request->batch)) {
      ag_workspace_factor(self->workspace, layer); /* as the trainer does */
    }
  }
  ag_workspace_profile(self->workspace, &self->sums.layers);
cleanup:
  return status;
}

static void destroy_memory(profiler *self)
{
  ag_release(&self->samples);
  ag_release(&self->gradients);
  ag_release(&self->labels);
  ag_release(&self->losses);
  ag_release(&self->dlogits);
  ag_release(&self->pixels);
  ag_workspace_destroy(&self->workspace);
}

/* Adds the time since *mark to a phase, and moves the mark. */
static void end_phase(profiler *self, ag_bench_phase phase, double *mark)
{
  const double now = ag_clock_seconds();
  self->sums.phases[phase] += now - *mark;
  *mark = now;
}

static void run_shard(profiler *self, const uint32_t *samples, size_t count)
{
  const ag_bench_setting *setting = self->setting;
  const ag_network *network = setting->network;
  const ag_pass pass = {.training = true, .seed = 1, .samples = samples};
  const ag_augmentation augmentation = {AG_AUGMENT_FLIP | AG_AUGMENT_CROP, 1, 0};
  double mark = ag_clock_seconds();
  ag_shard_fill_augmented(&setting->dataset.training, setting->dataset.shape, &augmentation,
                          samples, count, self->pixels, self->labels);
  end_phase(self, AG_BENCH_FILL, &mark);
  const float *logits = ag_network_forward(network, self->workspace, &pass, self->pixels, count);
  end_phase(self, AG_BENCH_FORWARD_PASS, &mark);
  ag_cross_entropy(count, setting->dataset.classes, ag_network_logit_stride(network), logits,
                   self->labels, 1 / (float)setting->request->batch, self->losses, self->dlogits);
  end_phase(self, AG_BENCH_LOSS, &mark);
  ag_network_backward(network, self->workspace, self->dlogits, self->gradients, NULL);
  end_phase(self, AG_BENCH_BACKWARD_PASS, &mark);
}

/* This rank's shards of a batch, which is the start of the dataset; returns their images. */
static size_t run_batch(profiler *self)
{
  const ag_bench_request *request = self->setting->request;
  const ag_team *team = &self->setting->team;
  size_t images = 0;
  for (size_t begin = team->rank * request->shard; begin < request->batch;
       begin += team->size * request->shard) {
    const size_t count = ag_minimum(request->batch - begin, request->shard);
    run_shard(self, self->samples + begin, count);
    images += count;
  }
  /* As the trainer does: sums over many steps would leave the range of ordinary numbers. */
  memset(self->gradients, 0, ag_network_floats(self->setting->network) * sizeof(float));
  return images;
}

/* The mean of `turns` steps. */
static ag_bench_profile run_repeat(profiler *self, size_t turns)
{
  self->sums = (ag_bench_profile){0};
  ag_network_prepare(self->setting->network, true, NULL);
  for (size_t turn = 0; turn < turns; ++turn)
    self->sums.images = run_batch(self);
  ag_bench_profile mean = self->sums;
  for (size_t i = 0; i < AG_BENCH_PHASES; ++i)
    mean.phases[i] /= (double)turns;
  for (size_t i = 0; i < AG_LAYERS_MAXIMUM; ++i) {
    mean.layers.forward[i] /= (double)turns;
    mean.layers.backward[i] /= (double)turns;
  }
  return mean;
}

static double seconds_of(const ag_bench_profile *profile)
{
  double seconds = 0;
  for (size_t i = 0; i < AG_BENCH_SUM_AND_STEP; ++i)
    seconds += profile->phases[i];
  return seconds;
}

/* One repeat of the shards' phases and one of the trainer's steps, whose difference is the rest: in
 * turns, so that what slows the machine for a while slows both. Collective. */
static ag_status run_pair(profiler *self, ag_pool *pool, size_t turns, ag_bench_profile *profile)
{
  double seconds = 0;
  *profile = run_repeat(self, turns);
  const ag_status status = ag_bench_train_steps(self->setting, pool, turns, 1, &seconds);
  profile->phases[AG_BENCH_SUM_AND_STEP] = seconds / (double)turns - seconds_of(profile);
  return status;
}

/* The repeat whose rest is in the middle, whole, so that its parts add up. */
static ag_status measure(profiler *self, ag_pool *pool, ag_bench_profile *median)
{
  ag_status status = AG_OK;
  ag_bench_profile repeats[AG_BENCH_REPEATS];
  double rests[AG_BENCH_REPEATS];
  run_repeat(self, 1); /* touches the memory */
  const ag_bench_profile first = run_repeat(self, 1);
  const size_t turns = ag_bench_turns(self->setting, seconds_of(&first));
  for (size_t i = 0; i < AG_BENCH_REPEATS; ++i) {
    AG_TRY(run_pair(self, pool, turns, &repeats[i]));
    rests[i] = repeats[i].phases[AG_BENCH_SUM_AND_STEP];
  }
  const double middle = ag_bench_rate_of(rests).median;
  for (size_t i = 0; i < AG_BENCH_REPEATS; ++i) {
    if (repeats[i].phases[AG_BENCH_SUM_AND_STEP] == middle) *median = repeats[i];
  }
  /* A rest that is lost in the noise is small. */
  median->phases[AG_BENCH_SUM_AND_STEP] = fmax(middle, 0);
cleanup:
  return status;
}

ag_status ag_bench_profile_measure(const ag_bench_setting *setting, ag_bench_profile *profile)
{
  ag_pool *pool = NULL;
  profiler self = {.setting = setting};
  ag_status status = create_memory(&self);
  if (status == AG_OK) status = ag_pool_create(1, &pool);
  status = ag_ranks_agree(setting->team.communicator, status);
  if (status == AG_OK) status = measure(&self, pool, profile);
  ag_pool_destroy(&pool);
  destroy_memory(&self);
  return status;
}
