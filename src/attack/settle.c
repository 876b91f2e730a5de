/* What an attack found on a random network, held against fresh draws. Of a thousand iterates that
 * waver about the border the nearest that ever fell was lucky, and would not fall again. */
#include "attack/attack.h"

#include <math.h>
#include <string.h>

/* Few lengths are tried, so that luck decides little: an image that falls half of the time passes
 * all calls of one length once in 256. They end at 4.5 times the distance. */
enum { LENGTHS = 32, CALLS = 8 };
static const float LONGER = 1.05F;

/* The images that were found and have not fallen yet, packed at the front of each array. */
typedef struct settling {
  size_t count, floats;
  float *x, *logits, *highest; /* highest: margin of the calls of a length */
  uint32_t *samples, *place;
  uint8_t *labels;
} settling;

size_t ag_settle_scratch_floats(const ag_target *target)
{
  const size_t n = target->capacity;
  return n * (ag_shape_floats(target->shape) + target->stride + 1) +
         2 * ag_floats_for(n, sizeof(uint32_t)) + ag_floats_for(n, 1);
}

static settling lay_out(const ag_attack_call *call)
{
  const size_t n = call->target->capacity;
  settling all = {.floats = ag_shape_floats(call->target->shape), .x = call->scratch};
  all.logits = all.x + n * all.floats;
  all.highest = all.logits + n * call->target->stride;
  all.samples = (uint32_t *)(void *)(all.highest + n);
  all.place = all.samples + n;
  all.labels = (uint8_t *)(void *)(all.place + n);
  return all;
}

/* An attack leaves the image where it finds nothing. */
static void gather(const ag_attack_call *call, settling *all)
{
  for (size_t place = 0; place < call->images.count; ++place) {
    const size_t first = place * all->floats;
    if (memcmp(call->adversarial + first, call->images.pixels + first,
               all->floats * sizeof(float)) == 0) {
      continue;
    }
    all->samples[all->count] = call->images.samples[place];
    all->labels[all->count] = call->images.labels[place];
    all->place[all->count++] = (uint32_t)place;
  }
}

/* x: what was found, so many times as far from the image as it is. */
static void stretch(const ag_attack_call *call, settling *all, float times)
{
  const ag_threat pixels = {.epsilon = INFINITY};
  for (size_t i = 0; i < all->count; ++i) {
    const float *x0 = call->images.pixels + all->place[i] * all->floats;
    const float *found = call->adversarial + all->place[i] * all->floats;
    float *x = all->x + i * all->floats;
    for (size_t k = 0; k < all->floats; ++k)
      x[k] = x0[k] + times * (found[k] - x0[k]);
    ag_threat_project(&pixels, 1, all->floats, x0, x);
    all->highest[i] = -INFINITY;
  }
}

static void ask(ag_attack_call *call, settling *all, uint32_t step)
{
  const ag_target *target = call->target;
  const ag_attack_images images = {all->x, all->labels, all->samples, all->count};
  target->logits(target->context, &images, step, all->logits);
  call->cost.forwards += all->count;
  for (size_t i = 0; i < all->count; ++i) {
    const float margin =
        ag_margin(all->logits + i * target->stride, target->classes, all->labels[i], NULL);
    all->highest[i] = fmaxf(all->highest[i], margin);
  }
}

/* Takes those that fell in every call, and leaves the others. */
static void take_fallen(const ag_attack_call *call, settling *all, float margin)
{
  size_t left = 0;
  for (size_t i = 0; i < all->count; ++i) {
    if (all->highest[i] < 0 && all->highest[i] <= margin) {
      memcpy(call->adversarial + all->place[i] * all->floats, all->x + i * all->floats,
             all->floats * sizeof(float));
      continue;
    }
    all->samples[left] = all->samples[i];
    all->labels[left] = all->labels[i];
    all->place[left++] = all->place[i];
  }
  all->count = left;
}

void ag_settle(ag_attack_call *call, uint32_t step, float margin)
{
  settling all = lay_out(call);
  float times = 1;
  gather(call, &all);
  for (size_t i = 0; i < LENGTHS && all.count > 0 && !ag_interrupted(); ++i) {
    stretch(call, &all, times);
    for (size_t k = 0; k < CALLS; ++k)
      ask(call, &all, step++);
    take_fallen(call, &all, margin);
    times *= LONGER;
  }
  for (size_t i = 0; i < all.count; ++i) {
    const size_t first = all.place[i] * all.floats;
    memcpy(call->adversarial + first, call->images.pixels + first, all.floats * sizeof(float));
  }
}
