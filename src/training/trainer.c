/* Training one network over the ranks of a team.
 * A batch is cut into shards; each rank has a run of them, and of these each thread, which takes
 * one after the other through the network alone. Their gradients are summed while they are computed
 * (training/gradient_sum.h), and a step follows (training/step.h). */
#include "advgrid/attack.h"
#include "training/step.h"

#include <math.h>
#include <string.h>

typedef struct trainer trainer;

/* What one thread works in. */
typedef struct lane {
  trainer *trainer;
  size_t index;
  ag_workspace *workspace;
  float *pixels, *dlogits, *losses;
  uint8_t *labels;
  size_t correct; /* of the validation images it took */
} lane;

struct trainer {
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
  ag_gradient_sum *gradients;
  ag_stepper *stepper;
  /* What ranks tell each other of a batch, and what comes of it: a failure, the loss and the
   * correct predictions of each shard, the squares of each slice of gradients. A rank leaves zeros
   * where the others' are, so that sums over ranks round nothing. */
  size_t shards, number_count;
  double *numbers, *sums; /* [number_count] */
  /* The batch in hand: order[first .. first + count - 1]. */
  size_t first, count;
  uint32_t epoch, step; /* from 0; steps over all epochs */
};

enum { FAILURE, LOSSES };

static size_t shards_of(const trainer *self, size_t images)
{
  return (images + self->shard - 1) / self->shard;
}

/* Shards of a batch, and of the last one of an epoch. */
static size_t shards_of_batch(const trainer *self)
{
  return shards_of(self, ag_minimum(self->batch, self->dataset->training.count));
}
static size_t shards_of_last(const trainer *self)
{
  const size_t rest = self->dataset->training.count % self->batch;
  return rest == 0 ? shards_of_batch(self) : shards_of(self, rest);
}

/* ---- what happens between layers ---- */

static void before_forward(void *context, size_t layer)
{
  const lane *mine = context;
  (void)layer;
  if (mine->index == 0) ag_gradient_sum_progress(mine->trainer->gradients);
}

static void after_backward(void *context, size_t layer)
{
  const lane *mine = context;
  ag_gradient_sum_add(mine->trainer->gradients, mine->index, layer);
  if (mine->index == 0) ag_gradient_sum_progress(mine->trainer->gradients);
}

/* ---- memory ---- */

static ag_status create_lane(trainer *self, size_t index)
{
  ag_status status = AG_OK;
  lane *one = &self->lanes[index];
  const ag_pass_events events = {one, before_forward, after_backward};
  one->trainer = self;
  one->index = index;
  const size_t image = ag_shape_floats(self->dataset->shape);
  const size_t stride = ag_network_logit_stride(self->network);
  AG_TRY(ag_workspace_create(self->network, self->shard, &one->workspace));
  AG_TRY(ag_allocate(self->shard * image, sizeof(float), &one->pixels));
  AG_TRY(ag_allocate(self->shard * stride, sizeof(float), &one->dlogits));
  AG_TRY(ag_allocate(self->shard, sizeof(float), &one->losses));
  AG_TRY(ag_allocate(self->shard, 1, &one->labels));
  ag_workspace_listen(one->workspace, &events);
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
  const size_t batches[] = {shards_of_batch(self), shards_of_last(self)};
  AG_TRY(ag_gradient_sum_create(self->network, self->pool, self->team, batches, &self->gradients));
  AG_TRY(ag_stepper_create(self->training, self->pool, self->team, self->network, self->gradients,
                           &self->stepper));
  self->shards = batches[0];
  self->number_count = LOSSES + 2 * self->shards +
                       ag_gradient_sum_partition(self->gradients)->slice_count;
  AG_TRY(ag_allocate(self->number_count, sizeof *self->numbers, &self->numbers));
  AG_TRY(ag_allocate(self->number_count, sizeof *self->sums, &self->sums));
  AG_TRY(ag_allocate(threads, sizeof *self->lanes, &self->lanes));
  for (size_t i = 0; i < threads; ++i)
    AG_TRY(create_lane(self, i));
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
  ag_release(&self->sums);
  ag_release(&self->numbers);
  ag_stepper_destroy(&self->stepper);
  ag_gradient_sum_destroy(&self->gradients);
  ag_release(&self->order);
}

/* ---- one batch ---- */

static size_t count_correct(const trainer *self, const lane *mine, const float *logits,
                            size_t count)
{
  const size_t classes = ag_network_classes(self->network);
  const size_t stride = ag_network_logit_stride(self->network);
  size_t correct = 0;
  for (size_t i = 0; i < count; ++i) {
    uint8_t prediction = 0;
    ag_margin(logits + i * stride, classes, mine->labels[i], &prediction);
    correct += prediction == mine->labels[i];
  }
  return correct;
}

/* One shard of the batch: forward, loss, backward into its gradients. */
static void train_shard(trainer *self, lane *mine, size_t shard)
{
  const size_t begin = shard * self->shard;
  const size_t count = ag_minimum(self->shard, self->count - begin);
  const uint32_t *samples = self->order + self->first + begin;
  const ag_pass pass = {
      .training = true, .seed = self->seed, .step = self->step, .samples = samples};
  const ag_augmentation augmentation = {self->training->augmentation, self->seed, self->epoch};
  double *loss = &self->numbers[LOSSES + shard];

  ag_shard_fill_augmented(&self->dataset->training, self->dataset->shape, &augmentation, samples,
                          count, mine->pixels, mine->labels);
  const float *logits =
      ag_network_forward(self->network, mine->workspace, &pass, mine->pixels, count);
  ag_cross_entropy_smoothed(count, self->dataset->classes, ag_network_logit_stride(self->network),
                            logits, mine->labels, self->smoothing, 1 / (float)self->count,
                            mine->losses, mine->dlogits);
  for (size_t i = 0; i < count; ++i)
    *loss += (double)mine->losses[i];
  loss[self->shards] = (double)count_correct(self, mine, logits, count);
  ag_network_backward(self->network, mine->workspace, mine->dlogits,
                      ag_gradient_sum_target(self->gradients, mine->index, shard), NULL);
}

static ag_status train_lane(void *context, size_t item, size_t thread)
{
  trainer *self = context;
  const ag_shard_range shards = ag_gradient_sum_lane(self->gradients, item);
  (void)thread;
  for (size_t shard = shards.first; shard < shards.end; ++shard)
    train_shard(self, &self->lanes[item], shard);
  return AG_OK;
}

/* Every rank comes here, also one that failed, and all leave with a failure where one has. */
static ag_status sum_numbers(trainer *self, size_t count, ag_status status)
{
  self->numbers[FAILURE] = status != AG_OK;
  ag_team_sum(self->team, count, self->numbers, self->sums);
  memset(self->numbers, 0, count * sizeof *self->numbers);
  if (status != AG_OK || self->sums[FAILURE] == 0) return status;
  return ag_fail(AG_ELSEWHERE, "another rank failed");
}

static double add_up(const double *values, size_t count)
{
  double sum = 0;
  for (size_t i = 0; i < count; ++i)
    sum += values[i];
  return sum;
}

static ag_status check_finite(const trainer *self, double loss, double norm)
{
  if (isfinite(loss) && isfinite(norm)) return AG_OK;
  return ag_fail(AG_NOT_FINITE,
                 "the loss or its gradient is not finite in epoch %u, step %zu of %zu",
                 self->epoch + 1, self->first / self->batch + 1,
                 (self->dataset->training.count + self->batch - 1) / self->batch);
}

/* *loss, *correct: of the batch, added to. */
static ag_status train_batch(trainer *self, double rate, double *loss, double *correct)
{
  const size_t squares = LOSSES + 2 * self->shards;
  ag_gradient_sum_begin(self->gradients, shards_of(self, self->count));
  ag_status status = ag_pool_run(self->pool, ag_pool_threads(self->pool), train_lane, NULL, self);
  ag_gradient_sum_complete(self->gradients, self->numbers + squares);
  status = sum_numbers(self, self->number_count, status);
  if (status != AG_OK) return status;
  const double losses = add_up(self->sums + LOSSES, self->shards);
  const double norm = sqrt(add_up(self->sums + squares, self->number_count - squares));
  *loss += losses;
  *correct += add_up(self->sums + LOSSES + self->shards, self->shards);
  status = check_finite(self, losses, norm);
  if (status == AG_OK) ag_stepper_step(self->stepper, self->count, rate, norm);
  return status;
}

/* ---- one epoch ---- */

/* This rank's. */
static ag_shard_range validation_shards(const trainer *self)
{
  const ag_shard_range all = {0, shards_of(self, self->dataset->validation.count)};
  return ag_shard_share(all, self->team->rank, self->team->size);
}

static ag_status validate_shard(void *context, size_t item, size_t thread)
{
  const trainer *self = context;
  lane *mine = &self->lanes[thread];
  const ag_images *images = &self->dataset->validation;
  const size_t begin = (validation_shards(self).first + item) * self->shard;
  const size_t count = ag_minimum(self->shard, images->count - begin);
  const ag_pass pass = {.seed = self->seed,
                        .step = self->step,
                        .samples = self->order + self->dataset->training.count + begin};
  ag_shard_fill(images, self->dataset->shape, NULL, begin, count, mine->pixels, mine->labels);
  const float *logits =
      ag_network_forward(self->network, mine->workspace, &pass, mine->pixels, count);
  mine->correct += count_correct(self, mine, logits, count);
  return AG_OK;
}

static ag_status validate(trainer *self, double *accuracy)
{
  enum { CORRECT = LOSSES, NUMBERS };
  const size_t images = self->dataset->validation.count;
  *accuracy = NAN;
  if (images == 0) return AG_OK;
  const ag_shard_range shards = validation_shards(self);
  ag_stepper_exchange(self->stepper); /* the average is what is kept */
  ag_network_prepare(self->network, false, self->pool);
  ag_status status = ag_pool_run(self->pool, shards.end - shards.first, validate_shard, NULL, self);
  ag_stepper_exchange(self->stepper);
  ag_network_prepare(self->network, true, self->pool);
  for (size_t i = 0; i < ag_pool_threads(self->pool); ++i) {
    self->numbers[CORRECT] += (double)self->lanes[i].correct;
    self->lanes[i].correct = 0;
  }
  status = sum_numbers(self, NUMBERS, status);
  if (status == AG_OK) *accuracy = self->sums[CORRECT] / (double)images;
  return status;
}

static ag_status train_epoch(trainer *self, size_t epochs)
{
  ag_status status = AG_OK;
  const double start = ag_clock_seconds();
  const size_t images = self->dataset->training.count;
  const size_t steps = (images + self->batch - 1) / self->batch;
  double loss = 0;
  double correct = 0;
  ag_epoch row = {.epoch = self->epoch + 1};
  ag_random random = ag_random_stream(self->seed, AG_PURPOSE_ORDER, 0, self->epoch);
  ag_random_permutation(&random, images, self->order);
  for (size_t i = 0; i < steps; ++i) {
    /* The rate at the middle of the step, so that neither the first nor the last is zero. */
    row.learning_rate = ag_schedule_rate(&self->training->schedule,
                                         (double)self->epoch + ((double)i + 0.5) / (double)steps,
                                         (double)epochs);
    self->first = i * self->batch;
    self->count = ag_minimum(self->batch, images - self->first);
    AG_TRY(train_batch(self, row.learning_rate, &loss, &correct));
    ++self->step;
    if (self->events->step != NULL) self->events->step(self->events->context, self->count);
  }
  row.loss = loss / (double)images;
  row.train_accuracy = correct / (double)images;
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
