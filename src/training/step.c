/* From the gradients of a rank's threads to new parameters, in slices over the rank's threads. */
#include "training/step.h"

#include <string.h>

struct ag_stepper {
  const ag_training *training;
  ag_pool *pool;
  const ag_team *team;
  ag_network *network;
  float **gradients; /* [threads of the pool] */
  float *velocity, *scratch;
};

enum { SLICE = 65536 };

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
  AG_TRY(ag_allocate(floats, sizeof(float), &self->velocity));
  AG_TRY(ag_allocate(floats, sizeof(float), &self->scratch));
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
  ag_release(&self->scratch);
  ag_release(&self->velocity);
  ag_release(out);
}

float *ag_stepper_gradients(const ag_stepper *self, size_t thread)
{
  return self->gradients[thread];
}

/* Adds a slice of the other threads' gradients to the first one's. */
static ag_status sum_slice(void *context, size_t item, size_t thread)
{
  const ag_stepper *self = context;
  const size_t floats = ag_network_floats(self->network);
  const size_t begin = item * SLICE;
  const size_t end = begin + SLICE < floats ? begin + SLICE : floats;
  (void)thread;
  for (size_t other = 1; other < ag_pool_threads(self->pool); ++other) {
    float *restrict sum = self->gradients[0];
    float *restrict part = self->gradients[other];
    for (size_t i = begin; i < end; ++i) {
      sum[i] += part[i];
      part[i] = 0;
    }
  }
  return AG_OK;
}

ag_status ag_stepper_sum(ag_stepper *self, double *norm)
{
  ag_status status = AG_OK;
  const size_t floats = ag_network_floats(self->network);
  const double limit = ag_settings_number(&self->training->settings, "clip");
  if (ag_pool_threads(self->pool) > 1) {
    status = ag_pool_run(self->pool, (floats + SLICE - 1) / SLICE, sum_slice, NULL, self);
  }
  if (status != AG_OK) return status;
  ag_team_sum_floats(self->team, floats, self->gradients[0], self->scratch);
  *norm = ag_gradient_clip(self->network, limit, self->gradients[0]);
  return AG_OK;
}

ag_status ag_stepper_step(ag_stepper *self, double rate)
{
  float *gradients = self->gradients[0];
  ag_optimizer_step(&self->training->optimizer, self->network, rate, gradients, self->velocity);
  memset(gradients, 0, ag_network_floats(self->network) * sizeof *gradients);
  return AG_OK;
}
