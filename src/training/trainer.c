/* Training one network over the ranks of a team.
 * A batch is cut into shards; shard s goes to rank s mod ranks and there to a thread, which takes
 * it through the network alone. The step that follows is in training/step.h. */
#include "advgrid/attack.h"
#include "training/step.h"

#include <math.h>

/* What one thread works in. */
typedef struct lane {
  ag_workspace *workspace;
  float *pixels, *dlogits, *losses;
  uint8_t *labels;
  double loss, correct; /* sums over the thread's shards of this batch */
} lane;

typedef struct trainer {
  const ag_training *training;
  uint64_t seed;
  const ag_dataset *dataset;
  ag_pool *pool;
  const ag_team *team;
  const ag_training_events *events;
  ag_network *network;
  size_t shard, batch;
  float smoothing; /* of labels */
  lane *lanes;     /* [threads of the pool] */
  uint32_t *order; /* this epoch's, of the training images; then the validation's numbers */
  ag_stepper *stepper;
  /* The batch in hand: order[first .. first + count - 1]. */
  size_t first, count;
  uint32_t epoch, step; /* from 0; steps over all epochs */
} trainer;

static size_t shards_of(const trainer *self, size_t images)
{
  return (images + self->shard - 1) / self->shard;
}

/* How many of `shards` are this rank's. */
static size_t share_of(const trainer *self, size_t shards)
{
  return (shards + self->team->size - 1 - self->team->rank) / self->team->size;
}

/* ---- memory ---- */

static ag_status create_lane(const trainer *self, lane *one)
{
  ag_status status = AG_OK;
  const size_t image = ag_shape_floats(self->dataset->shape);
  const size_t stride = ag_network_logit_stride(self->network);
  AG_TRY(ag_workspace_create(self->network, self->shard, &one->workspace));
  AG_TRY(ag_allocate(self->shard * image, sizeof(float), &one->pixels));
  AG_TRY(ag_allocate(self->shard * stride, sizeof(float), &one->dlogits));
  AG_TRY(ag_allocate(self->shard, sizeof(float), &one->losses));
  AG_TRY(ag_allocate(self->shard, 1, &one->labels));
cleanup:
  return status;
}

static ag_status create_memory(trainer *self)
{
  ag_status status = AG_OK;
  const size_t threads = ag_pool_threads(self->pool);
  const size_t images = self->dataset->training.count + self->dataset->validation.count;
  AG_TRY(ag_allocate(images, sizeof *self->order, &self->order));
  for (size_t i = 0; i < images; ++i)
    self->order[i] = (uint32_t)i;
  AG_TRY(ag_stepper_create(self->training, self->pool, self->team, self->network, &self->stepper));
  AG_TRY(ag_allocate(threads, sizeof *self->lanes, &self->lanes));
  for (size_t i = 0; i < threads; ++i)
    AG_TRY(create_lane(self, &self->lanes[i]));
cleanup:
  return status;
}

static void destroy_memory(trainer *self)
{
  for (size_t i = 0; self->lanes != NULL && i < ag_pool_threads(self->pool); ++i) {
    lane *one = &self->lanes[i];
    ag_release(&one->labels);
    ag_release(&one->losses);
    ag_release(&one->dlogits);
    ag_release(&one->pixels);
    ag_workspace_destroy(&one->workspace);
  }
  ag_release(&self->lanes);
  ag_stepper_destroy(&self->stepper);
  ag_release(&self->order);
}

/* ---- one batch ---- */

static void count_correct(const trainer *self, lane *mine, const float *logits, size_t count)
{
  const size_t classes = ag_network_classes(self->network);
  const size_t stride = ag_network_logit_stride(self->network);
  for (size_t i = 0; i < count; ++i) {
    uint8_t prediction = 0;
    ag_margin(logits + i * stride, classes, mine->labels[i], &prediction);
    mine->correct += prediction == mine->labels[i];
  }
}

/* One shard of the batch: forward, loss, backward into the lane's gradients. */
static ag_status train_shard(void *context, size_t item, size_t thread)
{
  trainer *self = context;
  lane *mine = &self->lanes[thread];
  const size_t begin = (self->team->rank + item * self->team->size) * self->shard;
  const size_t count = ag_minimum(self->shard, self->count - begin);
  const uint32_t *samples = self->order + self->first + begin;
  const ag_pass pass = {
      .training = true, .seed = self->seed, .step = self->step, .samples = samples};
  const ag_augmentation augmentation = {self->training->augmentation, self->seed, self->epoch};

  ag_shard_fill_augmented(&self->dataset->training, self->dataset->shape, &augmentation, samples,
                          count, mine->pixels, mine->labels);
  const float *logits =
      ag_network_forward(self->network, mine->workspace, &pass, mine->pixels, count);
  ag_cross_entropy_smoothed(count, self->dataset->classes, ag_network_logit_stride(self->network),
                            logits, mine->labels, self->smoothing, 1 / (float)self->count,
                            mine->losses, mine->dlogits);
  for (size_t i = 0; i < count; ++i)
    mine->loss += (double)mine->losses[i];
  count_correct(self, mine, logits, count);
  ag_network_backward(self->network, mine->workspace, mine->dlogits,
                      ag_stepper_gradients(self->stepper, thread), NULL);
  return AG_OK;
}

/* Sums loss and correct predictions over lanes and ranks and sets the lanes' to zero. Every rank
 * comes here, also one whose shards failed, and all leave with a failure where one has. */
static ag_status sum_counts(trainer *self, ag_status status, double sums[2])
{
  double all[3] = {0, 0, status != AG_OK};
  for (size_t i = 0; i < ag_pool_threads(self->pool); ++i) {
    all[0] += self->lanes[i].loss;
    all[1] += self->lanes[i].correct;
    self->lanes[i].loss = 0;
    self->lanes[i].correct = 0;
  }
  ag_team_sum_doubles(self->team, 3, all);
  sums[0] = all[0];
  sums[1] = all[1];
  if (status != AG_OK || all[2] == 0) return status;
  return ag_fail(AG_ELSEWHERE, "another rank failed");
}

static ag_status check_finite(const trainer *self, double loss, double norm)
{
  if (isfinite(loss) && isfinite(norm)) return AG_OK;
  return ag_fail(AG_NOT_FINITE,
                 "the loss or its gradient is not finite in epoch %u, step %zu of %zu",
                 self->epoch + 1, self->first / self->batch + 1,
                 (self->dataset->training.count + self->batch - 1) / self->batch);
}

static ag_status train_batch(trainer *self, double rate, double sums[2])
{
  const size_t local = share_of(self, shards_of(self, self->count));
  ag_status status = ag_pool_run(self->pool, local, train_shard, NULL, self);
  status = sum_counts(self, status, sums);
  if (status != AG_OK) return status;
  const double norm = ag_stepper_sum(self->stepper, local);
  status = check_finite(self, sums[0], norm);
  if (status == AG_OK) ag_stepper_step(self->stepper, self->count, rate, norm);
  return status;
}

/* ---- one epoch ---- */

static ag_status validate_shard(void *context, size_t item, size_t thread)
{
  const trainer *self = context;
  lane *mine = &self->lanes[thread];
  const ag_images *images = &self->dataset->validation;
  const size_t begin = (self->team->rank + item * self->team->size) * self->shard;
  const size_t count = ag_minimum(self->shard, images->count - begin);
  const ag_pass pass = {.seed = self->seed,
                        .step = self->step,
                        .samples = self->order + self->dataset->training.count + begin};
  ag_shard_fill(images, self->dataset->shape, NULL, begin, count, mine->pixels, mine->labels);
  count_correct(self, mine,
                ag_network_forward(self->network, mine->workspace, &pass, mine->pixels, count),
                count);
  return AG_OK;
}

static ag_status validate(trainer *self, double *accuracy)
{
  const size_t images = self->dataset->validation.count;
  double sums[2];
  *accuracy = NAN;
  if (images == 0) return AG_OK;
  ag_stepper_exchange(self->stepper); /* the average is what is kept */
  ag_network_prepare(self->network, false, self->pool);
  ag_status status =
      ag_pool_run(self->pool, share_of(self, shards_of(self, images)), validate_shard, NULL, self);
  ag_stepper_exchange(self->stepper);
  ag_network_prepare(self->network, true, self->pool);
  status = sum_counts(self, status, sums);
  if (status == AG_OK) *accuracy = sums[1] / (double)images;
  return status;
}

static ag_status train_epoch(trainer *self, size_t epochs)
{
  ag_status status = AG_OK;
  const double start = ag_clock_seconds();
  const size_t images = self->dataset->training.count;
  const size_t steps = (images + self->batch - 1) / self->batch;
  double totals[2] = {0};
  ag_epoch row = {.epoch = self->epoch + 1};
  ag_random random = ag_random_stream(self->seed, AG_PURPOSE_ORDER, 0, self->epoch);
  ag_random_permutation(&random, images, self->order);
  for (size_t i = 0; i < steps; ++i) {
    double sums[2];
    /* The rate at the middle of the step, so that neither the first nor the last is zero. */
    row.learning_rate = ag_schedule_rate(&self->training->schedule,
                                         (double)self->epoch + ((double)i + 0.5) / (double)steps,
                                         (double)epochs);
    self->first = i * self->batch;
    self->count = ag_minimum(self->batch, images - self->first);
    AG_TRY(train_batch(self, row.learning_rate, sums));
    totals[0] += sums[0];
    totals[1] += sums[1];
    ++self->step;
    if (self->events->step != NULL) self->events->step(self->events->context, self->count);
  }
  row.loss = totals[0] / (double)images;
  row.train_accuracy = totals[1] / (double)images;
  AG_TRY(validate(self, &row.validation_accuracy));
  row.seconds = ag_clock_seconds() - start;
  if (self->events->epoch != NULL) status = self->events->epoch(self->events->context, &row);
  status = ag_team_agree(self->team, status);
cleanup:
  return status;
}

ag_status ag_train(const ag_training *training, uint64_t seed, const ag_dataset *dataset,
                   ag_pool *pool, const ag_team *team, const ag_training_events *events,
                   ag_network *network)
{
  trainer self = {
      .training = training,
      .seed = seed,
      .dataset = dataset,
      .pool = pool,
      .team = team,
      .events = events,
      .network = network,
      .shard = ag_settings_count(&training->settings, "shard"),
      .batch = ag_settings_count(&training->settings, "batch"),
      .smoothing = (float)ag_settings_number(&training->settings, "label_smoothing"),
  };
  const size_t epochs = ag_settings_count(&training->settings, "epochs");
  ag_status status = ag_team_agree(team, create_memory(&self));
  ag_network_prepare(network, true, pool);
  for (; status == AG_OK && self.epoch < epochs; ++self.epoch) {
    status = train_epoch(&self, epochs);
  }
  if (status == AG_OK) ag_stepper_exchange(self.stepper);
  ag_network_prepare(network, false, pool);
  destroy_memory(&self);
  return status;
}
