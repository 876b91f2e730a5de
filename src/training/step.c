/* From the gradients of a rank's threads to new parameters.
 * The parameters are cut into slices, which the rank's threads share. A slice stays in a
 * core's cache from one loop over it to the next, so that each pass reads memory once. */
#include "training/step.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { SLICE = 16384 };

/* A piece of one parameter that is trained or averaged. */
typedef struct slice {
  size_t offset, floats; /* in the network's block */
  bool decayed, averaged;
  double squares; /* of its gradients' sum */
} slice;

struct ag_stepper {
  const ag_training *training;
  ag_pool *pool;
  const ag_team *team;
  ag_network *network;
  slice *slices;
  size_t slice_count;
  float **gradients; /* [threads of the pool] */
  float *received;   /* the sum over ranks; NULL in a team of one */
  float *velocity;
  float *average; /* of the parameters; NULL: not wanted */
  size_t steps;   /* that were made */
  /* The batch in hand. */
  size_t parts; /* threads that have gradients of it */
  size_t images;
  const float *sums; /* of its gradients, once they are summed */
  float *weights;    /* the network's, while they are changed */
  double rate;
  float factor; /* that clips them */
  float share;  /* of the average that is renewed */
};

/* ---- memory ---- */

/* Counts slices, and writes them where there is memory for them. */
static void cut(ag_stepper *self)
{
  self->slice_count = 0;
  for (size_t p = 0; p < ag_network_parameter_count(self->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(self->network, p);
    const bool changes = parameter->trained || parameter->averaged;
    for (size_t begin = 0; changes && begin < parameter->floats; begin += SLICE) {
      const size_t left = parameter->floats - begin;
      if (self->slices != NULL) {
        self->slices[self->slice_count] = (slice){.offset = parameter->offset + begin,
                                                  .floats = left < SLICE ? left : SLICE,
                                                  .decayed = parameter->decayed,
                                                  .averaged = parameter->averaged};
      }
      ++self->slice_count;
    }
  }
}

ag_status ag_stepper_create(const ag_training *training, ag_pool *pool, const ag_team *team,
                            ag_network *network, ag_stepper **out)
{
  ag_status status = AG_OK;
  ag_stepper *self = NULL;
  const size_t threads = ag_pool_threads(pool);
  const size_t floats = ag_network_floats(network);
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  self->training = training;
  self->pool = pool;
  self->team = team;
  self->network = network;
  cut(self);
  AG_TRY(ag_allocate(self->slice_count, sizeof *self->slices, &self->slices));
  cut(self);
  AG_TRY(ag_allocate(floats, sizeof(float), &self->velocity));
  if (team->size > 1) AG_TRY(ag_allocate(floats, sizeof(float), &self->received));
  if (ag_settings_number(&training->settings, "averaging") > 0) {
    AG_TRY(ag_allocate(floats, sizeof(float), &self->average));
    memcpy(self->average, ag_network_values(network), floats * sizeof(float));
  }
  AG_TRY(ag_allocate(threads, sizeof *self->gradients, &self->gradients));
  for (size_t i = 0; i < threads; ++i)
    AG_TRY(ag_allocate(floats, sizeof(float), &self->gradients[i]));
cleanup:
  if (status != AG_OK) ag_stepper_destroy(out);
  return status;
}

void ag_stepper_destroy(ag_stepper **out)
{
  ag_stepper *self = *out;
  if (self == NULL) return;
  for (size_t i = 0; self->gradients != NULL && i < ag_pool_threads(self->pool); ++i)
    ag_release(&self->gradients[i]);
  ag_release(&self->gradients);
  ag_release(&self->received);
  ag_release(&self->average);
  ag_release(&self->velocity);
  ag_release(&self->slices);
  ag_release(out);
}

float *ag_stepper_gradients(const ag_stepper *self, size_t thread)
{
  return self->gradients[thread];
}

/* A pass over all slices, none of which can fail. */
static void for_slices(ag_stepper *self, ag_pool_work work)
{
  const ag_status status = ag_pool_run(self->pool, self->slice_count, work, NULL, self);
  assert(status == AG_OK);
  (void)status;
}

/* ---- the sum ---- */

/* sum += part, and part = 0. */
static void move(size_t floats, float *restrict part, float *restrict sum)
{
  for (size_t i = 0; i < floats; ++i) {
    sum[i] += part[i];
    part[i] = 0;
  }
}

static ag_status square_slice(void *context, size_t item, size_t thread)
{
  const ag_stepper *self = context;
  slice *one = &self->slices[item];
  (void)thread;
  one->squares = one->averaged ? 0 : ag_gradient_squares(one->floats, self->sums + one->offset);
  return AG_OK;
}

/* Moves the other threads' gradients to the first one's; with their squares where that is all. */
static ag_status sum_slice(void *context, size_t item, size_t thread)
{
  const ag_stepper *self = context;
  const slice *one = &self->slices[item];
  for (size_t other = 1; other < self->parts; ++other)
    move(one->floats, self->gradients[other] + one->offset, self->gradients[0] + one->offset);
  return self->team->size == 1 ? square_slice(context, item, thread) : AG_OK;
}

double ag_stepper_sum(ag_stepper *self, size_t shards)
{
  const size_t threads = ag_pool_threads(self->pool);
  double squares = 0;
  self->parts = shards < threads ? shards : threads;
  self->sums = self->gradients[0];
  for_slices(self, sum_slice);
  if (self->team->size > 1) {
    self->sums = ag_team_sum_floats(self->team, ag_network_floats(self->network),
                                    self->gradients[0], self->received);
    for_slices(self, square_slice);
  }
  for (size_t i = 0; i < self->slice_count; ++i)
    squares += self->slices[i].squares;
  return sqrt(squares);
}

/* ---- the step ---- */

/* The average goes `share` of the way to where the weights are. */
static void follow(size_t floats, float share, const float *restrict weights,
                   float *restrict average)
{
  for (size_t i = 0; i < floats; ++i)
    average[i] += share * (weights[i] - average[i]);
}

static ag_status step_slice(void *context, size_t item, size_t thread)
{
  const ag_stepper *self = context;
  const slice *one = &self->slices[item];
  const float *sums = self->sums + one->offset;
  float *weights = self->weights + one->offset;
  (void)thread;
  if (one->averaged) {
    ag_statistics_step(self->images, one->floats, sums, weights);
  } else {
    ag_optimizer_step(&self->training->optimizer, self->rate, self->factor, one->decayed,
                      one->floats, sums, weights, self->velocity + one->offset);
  }
  memset(self->gradients[0] + one->offset, 0, one->floats * sizeof(float));
  if (self->average != NULL) {
    follow(one->floats, self->share, weights, self->average + one->offset);
  }
  return AG_OK;
}

void ag_stepper_step(ag_stepper *self, size_t images, double rate, double norm)
{
  const ag_settings *settings = &self->training->settings;
  const double steps = (double)self->steps++;
  const double decay = fmin(ag_settings_number(settings, "averaging"), (1 + steps) / (10 + steps));
  self->images = images;
  self->weights = ag_network_block(self->network);
  self->rate = rate;
  self->factor = ag_gradient_clip(norm, ag_settings_number(settings, "clip"));
  self->share = (float)(1 - decay);
  for_slices(self, step_slice);
  ag_network_prepare(self->network, true, self->pool);
}

static ag_status exchange_slice(void *context, size_t item, size_t thread)
{
  const ag_stepper *self = context;
  const slice *one = &self->slices[item];
  float *restrict weights = self->weights + one->offset;
  float *restrict average = self->average + one->offset;
  (void)thread;
  for (size_t i = 0; i < one->floats; ++i) {
    const float weight = weights[i];
    weights[i] = average[i];
    average[i] = weight;
  }
  return AG_OK;
}

void ag_stepper_exchange(ag_stepper *self)
{
  if (self->average == NULL) return;
  self->weights = ag_network_block(self->network);
  for_slices(self, exchange_slice);
}
