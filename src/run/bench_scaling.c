/* The benchmark of scaling: teams of 1, 2, 4 ... ranks one after the other, while the ranks that
 * are not in them wait without taking a core from them. */
#include "run/bench_scaling.h"
#include "advgrid/store.h"
#include "run/placement.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

/* What is measured: on all ranks, with all threads of each. */
typedef struct scaling {
  ag_bench_setting setting;
  ag_pool *pool;
  ag_adversaries *adversaries;
  ag_bench_scaling_report *report;
} scaling;

/* PGD as Madry et al. 2018 (arXiv:1706.06083) train on CIFAR-10. */
static const ag_adversarial madry = {
    .epsilon = 8.0F / 255, .step_size = 2.0F / 255, .steps = 7, .restarts = 1, .mix = 1};

/* ---- teams ---- */

/* A barrier in which a rank sleeps. Collective. */
static void wait_quietly(MPI_Comm communicator)
{
  const struct timespec nap = {.tv_nsec = 2000000};
  MPI_Request request = MPI_REQUEST_NULL;
  int all = 0;
  MPI_Ibarrier(communicator, &request);
  MPI_Test(&request, &all, MPI_STATUS_IGNORE);
  while (!all) {
    nanosleep(&nap, NULL);
    MPI_Test(&request, &all, MPI_STATUS_IGNORE);
  }
}

/* One row, on the first `ranks`; its speedup is not yet known. Collective over all. */
static ag_status measure_row(scaling *self, ag_bench_scaling_row *row)
{
  const ag_bench_setting *whole = &self->setting;
  MPI_Comm everyone = whole->team.communicator;
  MPI_Comm team = MPI_COMM_NULL;
  const bool is_member = whole->team.rank < row->ranks;
  const ag_shard_change change = ag_adversaries_change(self->adversaries);
  ag_bench_request request = *whole->request;
  ag_bench_setting part = *whole;
  ag_status status = AG_OK;
  request.batch = row->batch;
  part.request = &request;
  assert(row->batch > 0);
  part.dataset.training.count -= part.dataset.training.count % row->batch;
  MPI_Comm_split(everyone, is_member ? 0 : MPI_UNDEFINED, (int)whole->team.rank, &team);
  if (is_member) {
    part.team = ag_team_meet(team);
    status = ag_bench_team_steps(&part, self->pool, row->adversarial ? &change : NULL, &row->steps);
    MPI_Comm_free(&team);
  }
  wait_quietly(everyone);
  return ag_ranks_agree(everyone, status);
}

/* ---- rows ---- */

static const ag_bench_scaling_row *row_of(const ag_bench_scaling_report *report, bool adversarial,
                                          bool weak, size_t ranks)
{
  for (size_t i = 0; i < report->row_count; ++i) {
    const ag_bench_scaling_row *row = &report->rows[i];
    if (row->adversarial == adversarial && row->weak == weak && row->ranks == ranks) return row;
  }
  return NULL;
}

static ag_status measure_team(scaling *self, bool adversarial, bool weak, size_t ranks)
{
  ag_bench_scaling_report *report = self->report;
  const size_t batch = self->setting.request->batch;
  const ag_bench_scaling_row *known = row_of(report, adversarial, !weak, ranks);
  ag_bench_scaling_row *row = &report->rows[report->row_count];
  ag_status status = AG_OK;
  *row = (ag_bench_scaling_row){.adversarial = adversarial,
                                .weak = weak,
                                .ranks = ranks,
                                .batch = weak ? batch * ranks : batch};
  if (ranks == 1 && known != NULL) {
    row->steps = known->steps; /* one rank does the same in both */
  } else {
    status = measure_row(self, row);
  }
  ++report->row_count;
  const double alone = row_of(report, adversarial, weak, 1)->steps.images.median;
  row->speedup = row->steps.images.median / alone;
  row->efficiency = row->speedup / (double)ranks;
  return status;
}

static ag_status measure_teams(scaling *self)
{
  ag_status status = AG_OK;
  const size_t all = self->setting.team.size;
  for (int kind = 0; kind < 4; ++kind) {
    const bool adversarial = kind >= 2;
    const bool weak = kind % 2 == 1;
    for (size_t ranks = 1; ranks < all; ranks *= 2)
      AG_TRY(measure_team(self, adversarial, weak, ranks));
    AG_TRY(measure_team(self, adversarial, weak, all));
  }
cleanup:
  return status;
}

/* ---- the machine ---- */

static ag_status measure_messages(scaling *self)
{
  const ag_team *team = &self->setting.team;
  self->report->has_messages = team->size > 1;
  if (team->size == 1) return AG_OK;
  const ag_status status = ag_bench_messages_measure(team, &self->report->messages);
  wait_quietly(team->communicator);
  return status;
}

/* Seconds of a step for one image on one thread: of all ranks at work, the busiest thread. */
static double image_seconds(const scaling *self, bool adversarial)
{
  const size_t ranks = self->setting.team.size;
  const size_t shard = self->setting.request->shard;
  const ag_bench_scaling_row *row = row_of(self->report, adversarial, true, ranks);
  const size_t shards = ag_divide_up(row->batch, shard);
  const size_t lanes = ranks * self->report->threads;
  const size_t in_turn = ag_minimum(ag_divide_up(shards, lanes) * shard, row->batch);
  return row->steps.split.computing / (double)in_turn;
}

/* Passes, by all threads of all ranks at once. */
static ag_status measure_passes(scaling *self)
{
  ag_status status = AG_OK;
  ag_bench_rate forward;
  ag_bench_rate gradient;
  const double threads = (double)(self->setting.team.size * self->report->threads);
  AG_TRY(ag_bench_passes(&self->setting, AG_BENCH_FORWARD, self->pool, &forward));
  AG_TRY(ag_bench_passes(&self->setting, AG_BENCH_PGD, self->pool, &gradient));
  self->report->cluster.seconds.forward = threads / forward.median;
  self->report->cluster.seconds.gradient = threads / gradient.median;
cleanup:
  return status;
}

static void describe_cluster(scaling *self)
{
  ag_provenance provenance;
  ag_cluster *cluster = &self->report->cluster;
  const ag_bench_request *request = self->setting.request;
  ag_provenance_collect(&provenance);
  snprintf(cluster->cpu, sizeof cluster->cpu, "%s", provenance.cpu);
  snprintf(cluster->model, sizeof cluster->model, "%s", request->model);
  cluster->threads = self->report->threads;
  cluster->seconds.training = image_seconds(self, false);
  cluster->seconds.adversarial = image_seconds(self, true);
  cluster->flops = ag_network_flops(self->setting.network);
  cluster->latency = self->report->messages.latency;
  cluster->bandwidth = self->report->messages.bandwidth;
}

/* ---- the whole ---- */

/* Of an epoch: so that its end, at which weights are waited for, is as rare as it is in training,
 * but for so many ranks that a node had no memory for it. */
static size_t images_of(const ag_bench_request *request, size_t ranks)
{
  enum { STEPS = 32, FEWEST_STEPS = 2, IMAGES = 65536 };
  const size_t batch = request->batch * ranks; /* the largest */
  const size_t images = ag_minimum(STEPS * batch, IMAGES);
  return images > FEWEST_STEPS * batch ? images : FEWEST_STEPS * batch;
}

static ag_status check(const ag_bench_setting *setting, bool wants_cluster)
{
  if (!wants_cluster || setting->team.size > 1) return AG_OK;
  return ag_fail(AG_INVALID_ARGUMENT, "a machine has messages between ranks, and there is one rank;"
                                      " start at least two with mpirun or srun");
}

static ag_status measure_all(scaling *self)
{
  ag_status status = AG_OK;
  MPI_Comm communicator = self->setting.team.communicator;
  const size_t threads = ag_bench_threads(&self->setting);
  self->report->threads = threads;
  AG_TRY(ag_placement_warn(communicator, threads));
  AG_TRY(ag_ranks_agree(communicator, ag_pool_create(threads, &self->pool)));
  AG_TRY(ag_ranks_agree(communicator, ag_adversaries_create(&madry, self->setting.network, threads,
                                                            self->setting.request->shard, 1,
                                                            &self->adversaries)));
  AG_TRY(measure_passes(self));
  AG_TRY(measure_teams(self));
  AG_TRY(measure_messages(self));
  describe_cluster(self);
cleanup:
  ag_adversaries_destroy(&self->adversaries);
  ag_pool_destroy(&self->pool);
  return status;
}

ag_status ag_bench_scaling(const ag_bench_request *request, MPI_Comm communicator, ag_text *text,
                           ag_text *cluster)
{
  ag_status status = AG_OK;
  scaling self = {0};
  const size_t ranks = ag_team_of(communicator).size;
  AG_TRY(ag_bench_setting_create(request, communicator, images_of(request, ranks), &self.setting));
  AG_TRY(ag_ranks_agree(communicator, check(&self.setting, cluster != NULL)));
  AG_TRY(ag_ranks_agree(communicator, ag_allocate(1, sizeof *self.report, &self.report)));
  AG_TRY(measure_all(&self));
  if (self.setting.team.rank == 0) {
    status = request->json ? ag_bench_scaling_json(&self.setting, self.report, text)
                           : ag_bench_scaling_table(&self.setting, self.report, text);
    if (status == AG_OK && cluster != NULL)
      status = ag_cluster_print(&self.report->cluster, cluster);
  }
  status = ag_ranks_agree(communicator, status);
cleanup:
  ag_release(&self.report);
  ag_bench_setting_destroy(&self.setting);
  return status;
}
