/* Training over the ranks of a team, step by step: of a batch's shards each thread takes a run
 * (training/lanes.h), their gradients are summed meanwhile (training/gradient_sum.h), and a step
 * follows (training/step.h). Between two steps it may all be left and taken up again. */
#include "training/lanes.h"
#include "training/step.h"
#include "training/tally.h"

#include <assert.h>
#include <math.h>
#include <string.h>

struct ag_trainer {
  const ag_training *training;
  uint64_t seed;
  const ag_dataset *dataset;
  ag_pool *pool;
  ag_network *network;
  const ag_training_events *events;
  size_t batch, steps_of_epoch;
  uint32_t *order; /* this epoch's, of the training images; then the validation's numbers */
  ag_lanes *lanes;
  ag_stepper *stepper;
  ag_training_position position;
  bool judges; /* every epoch */
  float *best; /* the parameters of the most robust one; NULL: not wanted */
  /* Of the team it has joined. */
  ag_team team;
  ag_gradient_sum *gradients;
  ag_weights *weights;
  ag_exchange_seconds counted; /* of the exchange's, in the position */
  /* Of a batch: the loss and the correct predictions of each shard, the squares of each slice of
   * gradients. */
  size_t shards;
  ag_tally tally;
};

/* Where the losses are; then correct predictions, then squares. */
enum { LOSSES = AG_TALLY_REST };

static size_t minimum_batch(const ag_trainer *self)
{
  return ag_minimum(self->batch, self->dataset->training.count);
}

/* ---- memory ---- */

ag_status ag_trainer_create(const ag_training *training, uint64_t seed, const ag_dataset *dataset,
                            ag_pool *pool, ag_network *network, ag_trainer **out)
{
  ag_status status = AG_OK;
  ag_trainer *self = NULL;
  const size_t images = dataset->training.count + dataset->validation.count;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  *self = (ag_trainer){.training = training,
                       .seed = seed,
                       .dataset = dataset,
                       .pool = pool,
                       .network = network,
                       .batch = ag_settings_count(&training->settings, "batch")};
  self->steps_of_epoch = ag_divide_up(dataset->training.count, self->batch);
  AG_TRY(ag_allocate(images, sizeof *self->order, &self->order));
  for (size_t i = 0; i < images; ++i)
    self->order[i] = (uint32_t)i;
  AG_TRY(ag_lanes_create(training, seed, dataset, pool, network, &self->lanes));
  AG_TRY(ag_stepper_create(training, pool, network, &self->stepper));
cleanup:
  if (status != AG_OK) ag_trainer_destroy(out);
  return status;
}

static void leave_team(ag_trainer *self)
{
  ag_tally_clear(&self->tally);
  ag_weights_destroy(&self->weights);
  ag_gradient_sum_destroy(&self->gradients);
}

void ag_trainer_destroy(ag_trainer **out)
{
  ag_trainer *self = *out;
  if (self == NULL) return;
  leave_team(self);
  ag_stepper_destroy(&self->stepper);
  ag_lanes_destroy(&self->lanes);
  ag_release(&self->best);
  ag_release(&self->order);
  ag_release(out);
}

void ag_trainer_change(ag_trainer *self, const ag_shard_change *change)
{
  ag_lanes_change(self->lanes, change);
}

ag_status ag_trainer_judge(ag_trainer *self, const ag_shard_judge *judge, bool keeps_best)
{
  ag_lanes_judge(self->lanes, judge);
  self->judges = true;
  if (!keeps_best) return AG_OK;
  return ag_allocate(ag_network_floats(self->network), sizeof(float), &self->best);
}

void ag_trainer_penalise(ag_trainer *self, ag_penalty *penalty)
{
  ag_stepper_penalise(self->stepper, penalty);
}

/* ---- teams and states ---- */

static ag_status create_team_memory(ag_trainer *self)
{
  ag_status status = AG_OK;
  const size_t rest = self->dataset->training.count % self->batch;
  self->shards = ag_lanes_shards(self->lanes, minimum_batch(self));
  const ag_batches batches = {
      .shard = ag_settings_count(&self->training->settings, "shard"),
      .images = {minimum_batch(self), rest == 0 ? minimum_batch(self) : rest},
      /* Within a host weights travel faster than they are made; over a network seldom. */
      .factors = self->team.one_host ? AG_FACTORS_SHARED : AG_FACTORS_REPEATED};
  AG_TRY(
      ag_gradient_sum_create(self->network, self->pool, &self->team, &batches, &self->gradients));
  AG_TRY(ag_weights_create(self->network, &self->team, ag_gradient_sum_partition(self->gradients),
                           ag_pool_threads(self->pool), &self->weights));
  AG_TRY(ag_tally_create(LOSSES + 2 * self->shards +
                             ag_gradient_sum_partition(self->gradients)->slice_count,
                         &self->tally));
cleanup:
  return status;
}

ag_status ag_trainer_join(ag_trainer *self, const ag_team *team)
{
  leave_team(self);
  self->team = *team;
  self->counted = (ag_exchange_seconds){0};
  const ag_status status = ag_team_agree(team, create_team_memory(self));
  if (status != AG_OK) return status;
  ag_lanes_join(self->lanes, &self->team, self->gradients, self->weights);
  ag_stepper_join(self->stepper, &self->team, self->gradients, self->weights);
  const ag_training_state state = ag_trainer_state(self);
  ag_team_share(team, &self->position, sizeof self->position);
  ag_team_share(team, ag_network_block(self->network), state.floats * sizeof(float));
  ag_team_share(team, state.velocity, state.floats * sizeof(float));
  if (state.average != NULL) ag_team_share(team, state.average, state.floats * sizeof(float));
  if (state.best != NULL) ag_team_share(team, state.best, state.floats * sizeof(float));
  return AG_OK;
}

void ag_trainer_collect(ag_trainer *self)
{
  const ag_training_state state = ag_trainer_state(self);
  ag_weights_gather(self->weights, state.velocity);
  if (state.average != NULL) ag_weights_gather(self->weights, state.average);
}

ag_training_state ag_trainer_state(const ag_trainer *self)
{
  return (ag_training_state){.position = self->position,
                             .floats = ag_network_floats(self->network),
                             .parameters = ag_network_values(self->network),
                             .velocity = ag_stepper_velocity(self->stepper),
                             .average = ag_stepper_average(self->stepper),
                             .best = self->best};
}

void ag_trainer_restore(ag_trainer *self, const ag_training_state *state)
{
  const ag_training_state own = ag_trainer_state(self);
  const size_t bytes = own.floats * sizeof(float);
  self->position = state->position;
  memcpy(ag_network_block(self->network), state->parameters, bytes);
  memcpy(own.velocity, state->velocity, bytes);
  if (own.average != NULL) memcpy(own.average, state->average, bytes);
  if (own.best != NULL) memcpy(own.best, state->best, bytes);
}

/* ---- one batch ---- */

static ag_status sum_tally(ag_trainer *self, size_t count, ag_status status)
{
  const double start = ag_clock_seconds();
  status = ag_tally_sum(&self->tally, &self->team, count, status);
  if (self->team.size > 1) {
    ag_exchange_waited(ag_gradient_sum_exchange(self->gradients), ag_clock_seconds() - start);
  }
  return status;
}

static ag_status check_finite(const ag_trainer *self, double loss, double norm)
{
  if (isfinite(loss) && isfinite(norm)) return AG_OK;
  const uint64_t steps = self->position.steps;
  return ag_fail(AG_NOT_FINITE,
                 "the loss or its gradient is not finite in epoch %llu, step %llu of %zu",
                 (unsigned long long)steps / self->steps_of_epoch + 1,
                 (unsigned long long)steps % self->steps_of_epoch + 1, self->steps_of_epoch);
}

/* In epochs, at the middle of a step, so that neither the first nor the last rate is zero. */
static double progress_of(const ag_trainer *self, uint64_t step)
{
  return ((double)step + 0.5) / (double)self->steps_of_epoch;
}

static double rate_of(const ag_trainer *self, uint64_t step)
{
  return ag_schedule_rate(&self->training->schedule, progress_of(self, step),
                          (double)ag_settings_count(&self->training->settings, "epochs"));
}

static ag_lane_images next_batch(const ag_trainer *self)
{
  const uint64_t steps = self->position.steps;
  const size_t first = steps % self->steps_of_epoch * self->batch;
  return (ag_lane_images){.order = self->order + first,
                          .count = ag_minimum(self->batch, self->dataset->training.count - first),
                          .epoch = (uint32_t)(steps / self->steps_of_epoch),
                          .step = (uint32_t)steps,
                          .progress = progress_of(self, steps)};
}

/* What messages took since the last time. */
static void count_exchange(ag_trainer *self)
{
  const ag_exchange_seconds gradients =
      ag_exchange_times(ag_gradient_sum_exchange(self->gradients));
  const ag_exchange_seconds weights = ag_weights_times(self->weights);
  const ag_exchange_seconds now = {gradients.hidden + weights.hidden,
                                   gradients.exposed + weights.exposed};
  self->position.hidden_seconds += now.hidden - self->counted.hidden;
  self->position.exposed_seconds += now.exposed - self->counted.exposed;
  self->counted = now;
}

/* One step; where it fails, or was interrupted, nothing has changed. */
static ag_status train_batch(ag_trainer *self)
{
  double *numbers = self->tally.numbers;
  const size_t squares = LOSSES + 2 * self->shards;
  const ag_lane_images batch = next_batch(self);
  ag_training_position *position = &self->position;
  ag_gradient_sum_begin(self->gradients, batch.count);
  ag_status status =
      ag_lanes_train(self->lanes, &batch, numbers + LOSSES, numbers + LOSSES + self->shards);
  ag_gradient_sum_complete(self->gradients, numbers + squares);
  status = sum_tally(self, self->tally.count, status);
  const double loss = ag_tally_total(&self->tally, LOSSES, self->shards);
  const double norm = sqrt(ag_tally_total(&self->tally, squares, self->tally.count - squares));
  if (status == AG_OK) status = check_finite(self, loss, norm);
  if (status != AG_OK) return status;
  ag_stepper_step(self->stepper, position->steps, batch.count, rate_of(self, position->steps),
                  norm);
  ++position->steps;
  position->images += batch.count;
  position->loss += loss;
  position->correct += ag_tally_total(&self->tally, LOSSES + self->shards, self->shards);
  count_exchange(self);
  if (self->events->step != NULL) self->events->step(self->events->context, batch.count);
  return AG_OK;
}

/* ---- one epoch ---- */

/* The network's parameters are those that would be kept of this epoch. */
static void compare_with_best(ag_trainer *self, const ag_epoch *row)
{
  ag_training_position *position = &self->position;
  const double accuracy = row->robust_validation_accuracy;
  if (position->best_epoch > 0 && accuracy <= position->best_accuracy) return;
  position->best_epoch = row->epoch;
  position->best_accuracy = accuracy;
  if (self->best == NULL) return;
  memcpy(self->best, ag_network_values(self->network),
         ag_network_floats(self->network) * sizeof(float));
}

/* Of what is kept: the average, where there is one. */
static ag_status validate(ag_trainer *self, ag_epoch *row)
{
  enum { CORRECT = AG_TALLY_REST, ROBUST, NUMBERS };
  double *numbers = self->tally.numbers;
  const double *sums = self->tally.sums;
  const size_t images = self->dataset->validation.count;
  const ag_lane_images all = {.order = self->order + self->dataset->training.count,
                              .count = images,
                              .step = (uint32_t)self->position.steps};
  const ag_shard_range shards = {0, ag_lanes_shards(self->lanes, images)};
  ag_lane_verdict verdict = {0};
  row->validation_accuracy = row->robust_validation_accuracy = NAN;
  if (images == 0) return AG_OK;
  ag_stepper_swap(self->stepper);
  ag_network_prepare(self->network, false, self->pool);
  ag_status status = ag_lanes_validate(
      self->lanes, &all, ag_shard_share(shards, self->team.rank, self->team.size), &verdict);
  numbers[CORRECT] = (double)verdict.correct;
  numbers[ROBUST] = (double)verdict.robust;
  status = sum_tally(self, NUMBERS, status);
  if (status == AG_OK) {
    row->validation_accuracy = sums[CORRECT] / (double)images;
    if (self->judges) {
      row->robust_validation_accuracy = sums[ROBUST] / (double)images;
      compare_with_best(self, row);
    }
  }
  ag_stepper_swap(self->stepper); /* whoever trains on prepares it */
  return status;
}

/* All steps of an epoch are made, and its row is not. */
static bool is_epoch_complete(const ag_trainer *self)
{
  return self->position.images > 0 && self->position.steps % self->steps_of_epoch == 0;
}

static ag_status end_epoch(ag_trainer *self)
{
  ag_status status = AG_OK;
  ag_training_position *position = &self->position;
  const double start = ag_clock_seconds();
  const double images = (double)position->images;
  const uint64_t last = position->steps - 1; /* whose rate is the epoch's */
  ag_epoch row = {.epoch = (uint32_t)(last / self->steps_of_epoch + 1),
                  .loss = position->loss / images,
                  .train_accuracy = position->correct / images,
                  .learning_rate = rate_of(self, last),
                  .hidden_seconds = position->hidden_seconds,
                  .exposed_seconds = position->exposed_seconds};
  AG_TRY(validate(self, &row));
  row.seconds = position->seconds + ag_clock_seconds() - start;
  *position = (ag_training_position){.steps = position->steps,
                                     .best_epoch = position->best_epoch,
                                     .best_accuracy = position->best_accuracy};
  if (self->events->epoch != NULL) status = self->events->epoch(self->events->context, &row);
  status = ag_team_agree(&self->team, status);
cleanup:
  return status;
}

/* Whatever came before: an epoch's order is its own. */
static void draw_order(ag_trainer *self)
{
  const size_t images = self->dataset->training.count;
  ag_random random = ag_random_stream(self->seed, AG_PURPOSE_ORDER, 0,
                                      (uint32_t)(self->position.steps / self->steps_of_epoch));
  ag_random_permutation(&random, images, self->order);
}

/* ---- the whole ---- */

/* Steps until the epoch ends, one fails, or a pause is wished for. No weights are on their way
 * afterwards. */
static ag_status make_steps(ag_trainer *self)
{
  ag_status status = AG_OK;
  bool paused = false;
  const ag_training_events *events = self->events;
  const double start = ag_clock_seconds();
  while (status == AG_OK && !paused && !is_epoch_complete(self)) {
    self->tally.numbers[AG_TALLY_PAUSE] = events->pause != NULL && events->pause(events->context);
    status = train_batch(self);
    paused = self->tally.sums[AG_TALLY_PAUSE] > 0;
  }
  ag_weights_settle(self->weights);
  self->position.seconds += ag_clock_seconds() - start;
  count_exchange(self);
  return status;
}

/* The parameters that are kept, as evaluation reads them. */
static void finish(ag_trainer *self)
{
  if (self->best != NULL && self->position.best_epoch > 0) {
    memcpy(ag_network_block(self->network), self->best,
           ag_network_floats(self->network) * sizeof(float));
  } else {
    ag_stepper_swap(self->stepper);
  }
  ag_network_prepare(self->network, false, self->pool);
}

ag_status ag_trainer_run(ag_trainer *self, const ag_training_events *events, bool *finished)
{
  ag_status status = AG_OK;
  ag_training_position *position = &self->position;
  const uint64_t steps = self->steps_of_epoch *
                         ag_settings_count(&self->training->settings, "epochs");
  assert(position->steps < steps || position->images > 0);
  self->events = events;
  *finished = false;
  ag_network_prepare(self->network, true, self->pool);
  draw_order(self);
  AG_TRY(make_steps(self));
  if (is_epoch_complete(self)) AG_TRY(end_epoch(self));
  *finished = position->steps == steps && position->images == 0;
  if (*finished) finish(self);
cleanup:
  return status;
}
