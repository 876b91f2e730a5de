/* How fast this machine is, in a few seconds and without MPI, so that it may be asked where no MPI
 * program may start: training steps, passes and gradients of a job's model on all cores at once. */
#include "advgrid/store.h"
#include "run/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* As the benchmark has them; each thread takes SHARDS shards in a step. */
enum { SHARD = 32, SHARDS = 4, THREADS_MAXIMUM = 16 };
/* Of each of three measurements, which has a number of turns all the same. */
static const double SECONDS = 0.5;
enum { TURNS_LEAST = 3, TURNS_MOST = 1000 };

typedef struct probe {
  ag_bench_request request;
  ag_bench_setting setting;
  void *block; /* of the dataset */
  ag_pool *pool;
  size_t threads;
  double waited, worked; /* seconds of the clock, and of the processor, in all turns */
} probe;

/* ---- the median of turns ---- */

/* Of the processor, over all threads: what others do on this machine meanwhile hardly counts, who
 * are not on the nodes that a job has to itself. */
static double processor_seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
  const double x = *(const double *)a;
  const double y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Seconds of the processor in a turn; the first, which touches the memory, does not count. */
static ag_status measure(probe *self, ag_status (*turn)(void *context), void *context,
                         double *median)
{
  double seconds[TURNS_MOST];
  size_t count = 0;
  ag_status status = turn(context);
  const double begin = ag_clock_seconds();
  double now = begin;
  while (status == AG_OK && count < TURNS_MOST && (count < TURNS_LEAST || now < begin + SECONDS)) {
    const double start = processor_seconds();
    status = turn(context);
    seconds[count] = fmax(processor_seconds() - start, 1e-9);
    self->worked += seconds[count++];
    now = ag_clock_seconds();
  }
  self->waited += now - begin;
  if (status != AG_OK) return status;
  qsort(seconds, count, sizeof *seconds, compare);
  *median = seconds[count / 2];
  return AG_OK;
}

/* ---- turns ---- */

/* An epoch of one step, so small a one that weights stay as ordinary as they are. */
static ag_status learn(void *context)
{
  const ag_training_events none = {0};
  bool finished = false;
  return ag_trainer_run(context, &none, &finished);
}

static ag_status measure_training(probe *self, double *seconds)
{
  ag_status status = AG_OK;
  ag_training training;
  ag_trainer *trainer = NULL;
  const ag_bench_setting *setting = &self->setting;
  AG_TRY(ag_bench_training_of(&self->request, 1 + TURNS_MOST, &training));
  AG_TRY(
      ag_trainer_create(&training, 1, &setting->dataset, self->pool, setting->network, &trainer));
  AG_TRY(ag_trainer_join(trainer, &setting->team));
  AG_TRY(measure(self, learn, trainer, seconds));
cleanup:
  ag_trainer_destroy(&trainer);
  return status;
}

static ag_status take_turn(void *context)
{
  return ag_bench_lanes_turn(context);
}

static ag_status measure_passes(probe *self, ag_bench_work work, double *seconds)
{
  ag_bench_lanes *lanes = NULL;
  ag_status status =
      ag_bench_lanes_create(&self->setting, work, self->pool, SHARDS * self->threads, &lanes);
  if (status == AG_OK) status = measure(self, take_turn, lanes, seconds);
  ag_bench_lanes_destroy(&lanes);
  return status;
}

/* ---- the whole ---- */

static ag_status create(const ag_job *job, probe *self)
{
  ag_status status = AG_OK;
  ag_entry entry;
  size_t bytes = 0;
  ag_dataset *dataset = &self->setting.dataset;
  AG_TRY(ag_gemm_prepare(self->threads));
  AG_TRY(ag_bench_dataset_describe(self->request.batch, &entry, dataset, &bytes));
  AG_TRY(ag_allocate(bytes, 1, &self->block));
  AG_TRY(ag_dataset_load(&entry, NULL, self->block));
  ag_dataset_attach(dataset, self->block);
  AG_TRY(ag_bench_network_create(&job->model, &job->kernels, dataset, &self->setting.network));
  AG_TRY(ag_pool_create(self->threads, &self->pool));
cleanup:
  return status;
}

static void describe(const ag_job *job, const probe *self, ag_cluster *cluster)
{
  ag_provenance provenance;
  ag_provenance_collect(&provenance);
  snprintf(cluster->cpu, sizeof cluster->cpu, "%s", provenance.cpu);
  snprintf(cluster->model, sizeof cluster->model, "%s", job->model.kind->name);
  cluster->threads = self->threads;
  cluster->flops = ag_network_flops(self->setting.network);
}

ag_status ag_probe(const ag_job *job, ag_cluster *cluster, double *share)
{
  enum { ATTACK_STEPS = 7 };
  ag_status status = AG_OK;
  const size_t threads = ag_minimum(ag_machine_cores(), THREADS_MAXIMUM);
  probe self = {.request = {.shard = SHARD, .batch = (size_t)SHARD * SHARDS * threads},
                .setting = {.team = {.communicator = MPI_COMM_NULL, .size = 1, .one_host = true}},
                .threads = threads};
  const double images = (double)self.request.batch;
  double training = 0;
  double forward = 0;
  double gradient = 0;
  self.setting.request = &self.request;
  AG_TRY(create(job, &self));
  AG_TRY(measure_passes(&self, AG_BENCH_FORWARD, &forward));
  AG_TRY(measure_passes(&self, AG_BENCH_PGD, &gradient));
  AG_TRY(measure_training(&self, &training));
  *cluster = ag_cluster_guess();
  cluster->seconds.forward = forward / images;
  cluster->seconds.gradient = gradient / images;
  cluster->seconds.training = training / images;
  cluster->seconds.adversarial = (training + ATTACK_STEPS * gradient) / images;
  *share = fmin(1, self.worked / ((double)threads * fmax(self.waited, 1e-9)));
  describe(job, &self, cluster);
cleanup:
  ag_pool_destroy(&self.pool);
  ag_network_destroy(&self.setting.network);
  ag_release(&self.block);
  return status;
}
