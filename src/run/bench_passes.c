/* Images a second of forward passes and of steps of PGD. Each thread takes shard after shard, as it
 * does when it attacks; the ranks do not wait for each other but at the ends of a repeat. */
#include "advgrid/defense.h"
#include "run/bench.h"
#include "run/host.h"

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

typedef struct passes {
  const ag_bench_setting *setting;
  ag_bench_work work;
  ag_pool *pool;
  lane *lanes;   /* [threads] */
  size_t shards; /* of a turn on this rank: as many for each thread */
} passes;

/* ---- memory ---- */

static ag_status create_lane(const passes *self, lane *one)
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
    AG_TRY(ag_defended_create(&none, network, shard, 1, &one->defended));
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

static ag_status create_lanes(passes *self)
{
  const size_t threads = ag_pool_threads(self->pool);
  ag_status status = ag_allocate(threads, sizeof *self->lanes, &self->lanes);
  for (size_t i = 0; status == AG_OK && i < threads; ++i) {
    status = create_lane(self, &self->lanes[i]);
  }
  return status;
}

static void destroy_lanes(passes *self)
{
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
}

/* ---- work ---- */

static ag_status run_forward(void *context, size_t item, size_t thread)
{
  const passes *self = context;
  const lane *mine = &self->lanes[thread];
  const ag_pass pass = {.seed = 1, .samples = mine->samples};
  (void)item;
  ag_network_forward(self->setting->network, mine->workspace, &pass, mine->pixels,
                     self->setting->request->shard);
  return AG_OK;
}

static ag_status run_pgd(void *context, size_t item, size_t thread)
{
  const passes *self = context;
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

/* seconds: of `turns` on the slowest rank. Collective. */
static ag_status run_turns(passes *self, size_t turns, double *seconds)
{
  ag_status status = AG_OK;
  MPI_Comm communicator = self->setting->team.communicator;
  MPI_Barrier(communicator);
  const double start = ag_clock_seconds();
  for (size_t turn = 0; status == AG_OK && turn < turns; ++turn) {
    status = ag_pool_run(self->pool, self->shards,
                         self->work == AG_BENCH_FORWARD ? run_forward : run_pgd, NULL, self);
  }
  const double mine = ag_clock_seconds() - start;
  MPI_Allreduce(&mine, seconds, 1, MPI_DOUBLE, MPI_MAX, communicator);
  return ag_ranks_agree(communicator, status);
}

static ag_status measure(passes *self, ag_bench_rate *rate)
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
  const size_t workers = threads * setting->team.size;
  const size_t images = workers * setting->request->shard;
  passes self = {
      .setting = setting,
      .work = work,
      .pool = pool,
      .shards = threads * ag_divide_up(setting->request->batch, images),
  };
  ag_status status = ag_ranks_agree(setting->team.communicator, create_lanes(&self));
  if (status == AG_OK) status = measure(&self, rate);
  destroy_lanes(&self);
  return status;
}
