/* Images a second of forward passes and of steps of PGD. Each thread takes shard after shard, as it
 * does when it attacks; the ranks do not wait for each other but at the ends of a repeat. */
#include "advgrid/defense.h"
#include "run/bench.h"
#include "run/host.h"

#include <assert.h>
#include <string.h>

/* What one thread works in; of workspace and defended it has the one that the work needs. */
typedef struct lane {
  ag_workspace *workspace;
  ag_defended *defended;
  float *pixels, *adversarial, *gradient; /* [shard, shape] */
  float *logits;                          /* [shard, stride] */
  uint8_t *labels;
  uint32_t *samples;
} lane;

struct ag_bench_lanes {
  const ag_bench_setting *setting;
  ag_bench_work work;
  ag_pool *pool;
  lane *lanes;   /* [threads] */
  size_t shards; /* of a turn on this rank */
};

/* ---- memory ---- */

static ag_status create_lane(const ag_bench_lanes *self, lane *one)
{
  ag_status status = AG_OK;
  ag_entry none;
  const ag_network *network = self->setting->network;
  const size_t shard = self->setting->request->shard;
  const size_t floats = shard * ag_shape_floats(ag_network_input(network));
  if (self->work == AG_BENCH_FORWARD) {
    AG_TRY(ag_workspace_create(network, shard, &one->workspace));
  } else {
    ag_entry_start(&none, ag_kind_find(ag_defense_table, "none"));
    AG_TRY(ag_defended_create(&none, network, NULL, shard, 1, &one->defended));
  }
  AG_TRY(ag_allocate(floats, sizeof(float), &one->pixels));
  AG_TRY(ag_allocate(floats, sizeof(float), &one->adversarial));
  AG_TRY(ag_allocate(floats, sizeof(float), &one->gradient));
  AG_TRY(ag_allocate(shard * ag_network_logit_stride(network), sizeof(float), &one->logits));
  AG_TRY(ag_allocate(shard, 1, &one->labels));
  AG_TRY(ag_allocate(shard, sizeof *one->samples, &one->samples));
  const ag_images *images = &self->setting->dataset.training;
  for (size_t i = 0; i < shard; ++i)
    one->samples[i] = (uint32_t)(i % images->count);
  ag_shard_fill(images, self->setting->dataset.shape, one->samples, 0, shard, one->pixels,
                one->labels);
  memcpy(one->adversarial, one->pixels, floats * sizeof *one->adversarial);
cleanup:
  return status;
}

ag_status ag_bench_lanes_create(const ag_bench_setting *setting, ag_bench_work work, ag_pool *pool,
                                size_t shards, ag_bench_lanes **out)
{
  ag_status status = AG_OK;
  ag_bench_lanes *self = NULL;
  const size_t threads = ag_pool_threads(pool);
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  *self = (ag_bench_lanes){.setting = setting, .work = work, .pool = pool, .shards = shards};
  AG_TRY(ag_allocate(threads, sizeof *self->lanes, &self->lanes));
  for (size_t i = 0; i < threads; ++i)
    AG_TRY(create_lane(self, &self->lanes[i]));
cleanup:
  if (status != AG_OK) ag_bench_lanes_destroy(out);
  return status;
}

void ag_bench_lanes_destroy(ag_bench_lanes **out)
{
  ag_bench_lanes *self = *out;
  if (self == NULL) return;
  for (size_t i = 0; self->lanes != NULL && i < ag_pool_threads(self->pool); ++i) {
    lane *one = &self->lanes[i];
    ag_release(&one->samples);
    ag_release(&one->labels);
    ag_release(&one->logits);
    ag_release(&one->gradient);
    ag_release(&one->adversarial);
    ag_release(&one->pixels);
    ag_defended_destroy(&one->defended);
    ag_workspace_destroy(&one->workspace);
  }
  ag_release(&self->lanes);
  ag_release(out);
}

/* ---- work ---- */

static ag_status run_forward(void *context, size_t item, size_t thread)
{
  const ag_bench_lanes *self = context;
  const lane *mine = &self->lanes[thread];
  const ag_pass pass = {.seed = 1, .samples = mine->samples};
  (void)item;
  ag_network_forward(self->setting->network, mine->workspace, &pass, mine->pixels,
                     self->setting->request->shard);
  return AG_OK;
}

static ag_status run_pgd(void *context, size_t item, size_t thread)
{
  const ag_bench_lanes *self = context;
  const lane *mine = &self->lanes[thread];
  const ag_target *target = ag_defended_target(mine->defended);
  const ag_threat threat = {.epsilon = 8.0F / 255};
  const ag_attack_images images = {.pixels = mine->adversarial,
                                   .labels = mine->labels,
                                   .samples = mine->samples,
                                   .count = self->setting->request->shard};
  (void)item;
  target->gradient(target->context, &images, 0, ag_loss_cross_entropy, mine->logits,
                   mine->gradient);
  ag_threat_step(&threat, images.count * ag_shape_floats(target->shape), 2.0F / 255, mine->pixels,
                 mine->gradient, mine->adversarial);
  return AG_OK;
}

ag_status ag_bench_lanes_turn(ag_bench_lanes *self)
{
  return ag_pool_run(self->pool, self->shards,
                     self->work == AG_BENCH_FORWARD ? run_forward : run_pgd, NULL, self);
}

/* ---- of all ranks ---- */

/* seconds: of `turns` on the slowest rank. Collective. */
static ag_status run_turns(ag_bench_lanes *self, size_t turns, double *seconds)
{
  ag_status status = AG_OK;
  MPI_Comm communicator = self->setting->team.communicator;
  MPI_Barrier(communicator);
  const double start = ag_clock_seconds();
  for (size_t turn = 0; status == AG_OK && turn < turns; ++turn)
    status = ag_bench_lanes_turn(self);
  const double mine = ag_clock_seconds() - start;
  MPI_Allreduce(&mine, seconds, 1, MPI_DOUBLE, MPI_MAX, communicator);
  return ag_ranks_agree(communicator, status);
}

static ag_status measure(ag_bench_lanes *self, ag_bench_rate *rate)
{
  ag_status status = AG_OK;
  double rates[AG_BENCH_REPEATS];
  double seconds = 0;
  const ag_bench_request *request = self->setting->request;
  AG_TRY(run_turns(self, 1, &seconds)); /* touches the memory and wakes the threads */
  AG_TRY(run_turns(self, 1, &seconds));
  const size_t turns = ag_bench_turns(self->setting, seconds);
  const size_t images = turns * self->shards * request->shard * self->setting->team.size;
  for (size_t i = 0; i < AG_BENCH_REPEATS; ++i) {
    AG_TRY(run_turns(self, turns, &seconds));
    rates[i] = (double)images / seconds;
  }
  *rate = ag_bench_rate_of(rates);
cleanup:
  return status;
}

ag_status ag_bench_passes(const ag_bench_setting *setting, ag_bench_work work, ag_pool *pool,
                          ag_bench_rate *rate)
{
  const size_t threads = ag_pool_threads(pool);
  const size_t images = threads * setting->team.size * setting->request->shard;
  const size_t shards = threads * ag_divide_up(setting->request->batch, images); /* each as many */
  ag_bench_lanes *lanes = NULL;
  ag_status status = ag_ranks_agree(setting->team.communicator,
                                    ag_bench_lanes_create(setting, work, pool, shards, &lanes));
  assert(status != AG_OK || lanes != NULL);
  if (status == AG_OK) status = measure(lanes, rate);
  ag_bench_lanes_destroy(&lanes);
  return status;
}
