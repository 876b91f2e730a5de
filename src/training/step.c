/* The optimizer's step, slice by slice, shared by the ranks of a team and a rank's threads. A slice
 * stays in a core's cache from one loop over it to the next, so that a step reads memory once. */
#include "training/step.h"

#include <math.h>
#include <string.h>

struct ag_stepper {
  const ag_training *training;
  ag_pool *pool;
  const ag_team *team;
  ag_network *network;
  ag_gradient_sum *gradients;
  ag_weights *weights;
  const ag_partition *partition;
  ag_penalty *penalty; /* NULL: none */
  float *velocity;     /* like the network's block, as the average is */
  float *average;      /* of the parameters; NULL: not wanted */
  /* The step in hand. */
  size_t images;
  float *block; /* the network's, while it is changed */
  double rate;
  float factor; /* that clips the gradient */
  float share;  /* of the average that is renewed */
};

ag_status ag_stepper_create(const ag_training *training, ag_pool *pool, ag_network *network,
                            ag_stepper **out)
{
  ag_status status = AG_OK;
  ag_stepper *self = NULL;
  const size_t floats = ag_network_floats(network);
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  self->training = training;
  self->pool = pool;
  self->network = network;
  AG_TRY(ag_allocate(floats, sizeof(float), &self->velocity));
  if (ag_settings_number(&training->settings, "averaging") > 0) {
    AG_TRY(ag_allocate(floats, sizeof(float), &self->average));
    memcpy(self->average, ag_network_values(network), floats * sizeof(float));
  }
cleanup:
  if (status != AG_OK) ag_stepper_destroy(out);
  return status;
}

void ag_stepper_destroy(ag_stepper **out)
{
  ag_stepper *self = *out;
  if (self == NULL) return;
  ag_release(&self->average);
  ag_release(&self->velocity);
  ag_release(out);
}

void ag_stepper_penalise(ag_stepper *self, ag_penalty *penalty)
{
  self->penalty = penalty;
}

void ag_stepper_join(ag_stepper *self, const ag_team *team, ag_gradient_sum *gradients,
                     ag_weights *weights)
{
  self->team = team;
  self->gradients = gradients;
  self->weights = weights;
  self->partition = ag_gradient_sum_partition(gradients);
  ag_gradient_sum_penalise(gradients, self->penalty);
}

float *ag_stepper_velocity(const ag_stepper *self)
{
  return self->velocity;
}

float *ag_stepper_average(const ag_stepper *self)
{
  return self->average;
}

/* The average goes `share` of the way to where the weights are. */
static void follow(size_t floats, float share, const float *restrict weights,
                   float *restrict average)
{
  for (size_t i = 0; i < floats; ++i)
    average[i] += share * (weights[i] - average[i]);
}

static void step_slice(const ag_stepper *self, const ag_slice *slice, const float *sums)
{
  float *weights = self->block + slice->offset;
  if (slice->averaged) {
    ag_statistics_step(self->images, slice->floats, sums, weights);
  } else {
    ag_optimizer_step(&self->training->optimizer, self->rate, self->factor, slice->decayed,
                      slice->floats, sums, weights, self->velocity + slice->offset);
  }
  if (self->average != NULL) {
    follow(slice->floats, self->share, weights, self->average + slice->offset);
  }
}

static void take_slice(const ag_stepper *self, size_t index)
{
  const ag_slice *slice = &self->partition->slices[index];
  if (ag_slice_is_own(slice, self->team->rank)) {
    step_slice(self, slice, ag_gradient_sum_slice(self->gradients, index));
  }
  if (!slice->factored) ag_gradient_sum_clear(self->gradients, index);
}

static ag_status take_owned(void *context, size_t item, size_t thread)
{
  (void)thread;
  take_slice(context, item);
  return AG_OK;
}

static ag_status take_repeated(void *context, size_t item, size_t thread)
{
  const ag_stepper *self = context;
  (void)thread;
  take_slice(self, ag_partition_owned(self->partition) + item);
  return AG_OK;
}

static void let_weights_pass(void *context)
{
  const ag_stepper *self = context;
  ag_weights_progress(self->weights);
}

void ag_stepper_step(ag_stepper *self, uint64_t steps, size_t images, double rate, double norm)
{
  const ag_settings *settings = &self->training->settings;
  const double before = (double)steps;
  const double decay =
      fmin(ag_settings_number(settings, "averaging"), (1 + before) / (10 + before));
  self->images = images;
  self->rate = rate;
  self->factor = ag_gradient_clip(norm, ag_settings_number(settings, "clip"));
  self->share = (float)(1 - decay);
  ag_weights_settle(self->weights); /* some may not have left this rank yet */
  const size_t owned = ag_partition_owned(self->partition);
  self->block = ag_network_block(self->network);
  (void)ag_pool_run(self->pool, owned, take_owned, NULL, self);
  ag_weights_begin(self->weights);
  /* What every rank steps for itself, while the others' weights come. */
  (void)ag_pool_run(self->pool, self->partition->slice_count - owned, take_repeated,
                    let_weights_pass, self);
}

static ag_status swap_slice(void *context, size_t item, size_t thread)
{
  const ag_stepper *self = context;
  const ag_slice *slice = &self->partition->slices[item];
  float *restrict weights = self->block + slice->offset;
  float *restrict average = self->average + slice->offset;
  (void)thread;
  if (!ag_slice_is_own(slice, self->team->rank)) return AG_OK;
  for (size_t i = 0; i < slice->floats; ++i) {
    const float weight = weights[i];
    weights[i] = average[i];
    average[i] = weight;
  }
  return AG_OK;
}

void ag_stepper_swap(ag_stepper *self)
{
  if (self->average == NULL) return;
  self->block = ag_network_block(self->network);
  (void)ag_pool_run(self->pool, self->partition->slice_count, swap_slice, NULL, self);
  ag_weights_gather(self->weights, self->block);
}
