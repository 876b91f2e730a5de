/* Adversarial training as the trainer takes it: each lane attacks its own shards. */
#include "advgrid/training.h"

struct ag_adversaries {
  size_t threads;
  ag_adversary **lanes; /* [threads] */
};

ag_status ag_adversaries_create(const ag_adversarial *how, const ag_network *network,
                                size_t threads, size_t shard, uint64_t seed, ag_adversaries **out)
{
  ag_status status = AG_OK;
  ag_adversaries *self = NULL;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  AG_TRY(ag_allocate(threads, sizeof(ag_adversary *), &self->lanes));
  self->threads = threads;
  for (size_t i = 0; i < threads; ++i)
    AG_TRY(ag_adversary_create(how, network, shard, seed, &self->lanes[i]));
cleanup:
  if (status != AG_OK) ag_adversaries_destroy(out);
  return status;
}

void ag_adversaries_destroy(ag_adversaries **out)
{
  ag_adversaries *self = *out;
  if (self == NULL) return;
  for (size_t i = 0; i < self->threads; ++i)
    ag_adversary_destroy(&self->lanes[i]);
  ag_release(&self->lanes);
  ag_release(out);
}

static ag_status attack(void *context, const ag_training_shard *shard)
{
  const ag_adversaries *self = context;
  ag_adversary *mine = self->lanes[shard->lane];
  const ag_lesson lesson = {.count = shard->count,
                            .samples = shard->samples,
                            .labels = shard->labels,
                            .pixels = shard->pixels,
                            .epoch = shard->epoch,
                            .step = shard->step,
                            .progress = shard->progress};
  ag_adversary_listen(mine, shard->events);
  ag_adversary_run(mine, &lesson);
  return AG_OK;
}

ag_shard_change ag_adversaries_change(ag_adversaries *adversaries)
{
  return (ag_shard_change){adversaries, attack};
}
