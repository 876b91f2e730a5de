/* Small images of which a network by hand classifies two of three correctly, and what attacks made
 * by hand need: they leave the images as they are but for a victim, and note what they saw. */
#ifndef ADVGRID_TEST_ATTACKED_H
#define ADVGRID_TEST_ATTACKED_H

#include "support/networks.h"

#include "advgrid/evaluation.h"

enum { IMAGES = 12, CLASSES = 10, SIDE = 8, PIXELS = SIDE * SIDE, LOOKS = 64 };
static const ag_shape shape = {SIDE, SIDE, 3};

/* What the attacks made by hand saw last, and where they break their bounds. */
static struct {
  size_t calls, images;
  uint32_t samples[IMAGES];
  uint8_t labels[IMAGES];
  uint32_t victim; /* sample */
  float value;     /* written into its pixel 5 */
  float margins[LOOKS][IMAGES];
} seen;

static inline size_t scratch_floats(const ag_settings *settings, const ag_target *target)
{
  (void)settings;
  return target->capacity * target->stride;
}

static inline ag_attack_cost no_cost(const ag_settings *settings)
{
  (void)settings;
  return (ag_attack_cost){0};
}

/* Leaves the images as they are and notes them; the victim gets a value. */
static inline void run_by_hand(ag_attack_call *call)
{
  const size_t floats = ag_shape_floats(call->target->shape);
  ++seen.calls;
  seen.images += call->images.count;
  memcpy(call->adversarial, call->images.pixels, call->images.count * floats * sizeof(float));
  for (size_t i = 0; i < call->images.count; ++i) {
    seen.samples[i] = call->images.samples[i];
    seen.labels[i] = call->images.labels[i];
    if (call->images.samples[i] == seen.victim) {
      call->adversarial[i * floats + 41] = seen.value;
    }
  }
  call->cost.gradients += 7;
}

/* ---- images whose labels are the network's predictions, but for every third --------------- */

typedef struct fixture {
  ag_network *network;
  ag_images images;
  uint8_t pixels[IMAGES * PIXELS * 3], labels[IMAGES];
  ag_entry defense, attack;
  ag_outcome outcomes[IMAGES];
  ag_attack_cost cost;
} fixture;

static inline bool is_wrong(size_t image)
{
  return image % 3 == 1;
}

static inline fixture *start(network_wish wish, const char *defense)
{
  fixture *f = (fixture *)test_bytes(sizeof *f);
  memset(&seen, 0, sizeof seen);
  seen.victim = UINT32_MAX;
  wish.shape = shape;
  wish.classes = CLASSES;
  f->network = network_by_hand(wish);
  ag_random random = ag_random_stream(4, AG_PURPOSE_TEST, 0, 0);
  for (size_t i = 0; i < sizeof f->pixels; ++i)
    f->pixels[i] = (uint8_t)(20 + ag_random_below(&random, 200)); /* 8/255 from 0 and from 1 */
  f->images = (ag_images){IMAGES, f->pixels, f->labels};
  ag_entry_start(&f->defense, ag_kind_find(ag_defense_table, defense));

  float *pixels = test_floats((size_t)IMAGES * PIXELS * 8);
  uint32_t samples[IMAGES];
  for (uint32_t i = 0; i < IMAGES; ++i)
    samples[i] = i;
  ag_shard_fill(&f->images, shape, NULL, 0, IMAGES, pixels, f->labels);
  network_predict(f->network, pixels, IMAGES, samples, f->labels);
  for (size_t i = 0; i < IMAGES; ++i) {
    if (is_wrong(i)) f->labels[i] = (uint8_t)((f->labels[i] + 1) % CLASSES);
  }
  free(pixels);
  return f;
}

static inline void stop(fixture *f)
{
  ag_network_destroy(&f->network);
  free(f);
}

/* Evaluates images first .. first + count - 1 in shards of `capacity` by f->attack. */
static inline ag_status evaluate_entry(fixture *f, size_t capacity, double epsilon, size_t first,
                                       size_t count)
{
  ag_evaluator *evaluator = NULL;
  ag_status status = AG_OK;
  assert_int_equal(
      ag_evaluator_create(&f->defense, f->network, NULL, &f->attack, capacity, 9, &evaluator),
      AG_OK);
  for (size_t done = 0; done < count && status == AG_OK; done += capacity) {
    const size_t left = count - done;
    status = ag_evaluate_shard(evaluator, &f->images, first + done,
                               left < capacity ? left : capacity, epsilon,
                               f->outcomes + first + done, &f->cost);
  }
  ag_evaluator_destroy(&evaluator);
  return status;
}

/* By an attack with the defaults of its kind. */
static inline ag_status evaluate(fixture *f, const ag_kind *attack, size_t capacity, double epsilon,
                                 size_t first, size_t count)
{
  ag_entry_start(&f->attack, attack);
  return evaluate_entry(f, capacity, epsilon, first, count);
}

static inline const ag_kind *kind(const char *name)
{
  return ag_kind_find(ag_attack_table, name);
}

#endif
