/* Shards made adversarial before they are learnt, each by the thread that learns it. */
#include "advgrid/defense.h"
#include "run/bench_scaling.h"

#include <string.h>

/* One thread's memory. */
typedef struct lane {
  ag_defended *defended;
  float *clean, *gradient; /* [shard, shape] */
  float *logits;           /* [shard, stride] */
} lane;

struct ag_bench_adversary {
  size_t threads;
  lane *lanes; /* [threads] */
};

enum { STEPS = 7 };
static const float EPSILON = 8.0F / 255;
static const float STEP = 2.0F / 255;

static ag_status create_lane(const ag_network *network, size_t shard, lane *one)
{
  ag_status status = AG_OK;
  ag_entry none;
  const size_t floats = shard * ag_shape_floats(ag_network_input(network));
  ag_entry_start(&none, ag_kind_find(ag_defense_table, "none"));
  AG_TRY(ag_defended_create(&none, network, NULL, shard, 1, &one->defended));
  AG_TRY(ag_allocate(floats, sizeof(float), &one->clean));
  AG_TRY(ag_allocate(floats, sizeof(float), &one->gradient));
  AG_TRY(ag_allocate(shard * ag_network_logit_stride(network), sizeof(float), &one->logits));
cleanup:
  return status;
}

ag_status ag_bench_adversary_create(const ag_network *network, size_t threads, size_t shard,
                                    ag_bench_adversary **out)
{
  ag_status status = AG_OK;
  ag_bench_adversary *self = NULL;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  AG_TRY(ag_allocate(threads, sizeof *self->lanes, &self->lanes));
  self->threads = threads;
  for (size_t i = 0; i < threads; ++i)
    AG_TRY(create_lane(network, shard, &self->lanes[i]));
cleanup:
  if (status != AG_OK) ag_bench_adversary_destroy(out);
  return status;
}

void ag_bench_adversary_destroy(ag_bench_adversary **out)
{
  ag_bench_adversary *self = *out;
  if (self == NULL) return;
  for (size_t i = 0; i < self->threads; ++i) {
    lane *one = &self->lanes[i];
    ag_release(&one->logits);
    ag_release(&one->gradient);
    ag_release(&one->clean);
    ag_defended_destroy(&one->defended);
  }
  ag_release(&self->lanes);
  ag_release(out);
}

static ag_status attack(void *context, const ag_training_shard *shard)
{
  const ag_bench_adversary *self = context;
  const lane *mine = &self->lanes[shard->lane];
  const ag_target *target = ag_defended_target(mine->defended);
  const ag_threat threat = {.epsilon = EPSILON};
  const size_t image = ag_shape_floats(target->shape);
  const ag_attack_images images = {.pixels = shard->pixels,
                                   .labels = shard->labels,
                                   .samples = shard->samples,
                                   .count = shard->count};
  ag_defended_listen(mine->defended, shard->events);
  memcpy(mine->clean, shard->pixels, shard->count * image * sizeof(float));
  for (uint32_t step = 0; step < STEPS; ++step) {
    target->gradient(target->context, &images, step, ag_loss_cross_entropy, mine->logits,
                     mine->gradient);
    ag_threat_step(&threat, shard->count, image, STEP, mine->clean, mine->gradient, shard->pixels);
  }
  return AG_OK;
}

ag_shard_change ag_bench_adversary_change(ag_bench_adversary *adversary)
{
  return (ag_shard_change){adversary, attack};
}
