/* The defended network as a target: evaluation mode, draws where it is random, and neighbours where
 * they decide. */
#include "advgrid/defense.h"
#include "defense/neighbours.h"

#include <assert.h>
#include <math.h>
#include <string.h>

struct ag_defended {
  const ag_network *network;
  ag_workspace *workspace;
  ag_draws draws;
  uint64_t seed;
  ag_neighbours *neighbours; /* NULL: the logits decide */
  bool neighbours_attacked;
  float *dlogits;         /* [capacity, stride] */
  float *distances;       /* [capacity, stride]; NULL without neighbours */
  float *draw_gradients;  /* [capacity, shape]; NULL where nothing is random */
  uint32_t *draw_numbers; /* [capacity] of single draws */
  ag_verdict_events events;
  ag_target target;
};

/* Whether the neighbours are asked in a call of that step. */
static bool asks_neighbours(const ag_defended *defended, uint32_t step)
{
  return defended->neighbours != NULL && (defended->neighbours_attacked || step == AG_VERDICT_STEP);
}

/* What decides, of one pass. */
static const float *forward(const ag_defended *defended, const ag_pass *pass, const float *pixels,
                            size_t count)
{
  const float *logits =
      ag_network_forward(defended->network, defended->workspace, pass, pixels, count);
  if (!asks_neighbours(defended, pass->step)) return logits;
  ag_neighbours_logits(defended->neighbours, defended->workspace, count,
                       pass->step == AG_VERDICT_STEP, defended->distances);
  return defended->distances;
}

/* Logits of draw `draw` of call `step`: no two share a stream, and none shares one with training,
 * which uses the seed as it is. */
static const float *forward_draw(const ag_defended *defended, const ag_attack_images *images,
                                 uint32_t step, size_t draw)
{
  const ag_pass pass = {.seed = defended->seed + 0xD1B54A32D192ED03U * ((uint64_t)draw + 1),
                        .step = step,
                        .samples = images->samples};
  return forward(defended, &pass, images->pixels, images->count);
}

/* The gradient to the images of a loss of the draw's logits. */
static void backward_draw(const ag_defended *defended, const ag_attack_images *images,
                          uint32_t step, ag_attack_loss loss, const float *drawn, float *gradient)
{
  const ag_target *target = &defended->target;
  if (asks_neighbours(defended, step)) {
    ag_neighbours_gradient(defended->neighbours, defended->workspace, images->count, drawn,
                           images->labels, loss, gradient);
    return;
  }
  loss(images->count, target->classes, target->stride, drawn, images->labels, defended->dlogits);
  ag_network_backward(defended->network, defended->workspace, defended->dlogits, NULL, gradient);
}

/* sum = (draw 0 ? values : sum + values), and the mean at the last of the draws. */
static void take_in(size_t floats, const float *restrict values, size_t draw, size_t draws,
                    float *restrict sum)
{
  if (draw == 0) {
    memcpy(sum, values, floats * sizeof *sum);
  } else {
    for (size_t i = 0; i < floats; ++i)
      sum[i] += values[i];
  }
  if (draws > 1 && draw == draws - 1) {
    const float share = 1 / (float)draws;
    for (size_t i = 0; i < floats; ++i)
      sum[i] *= share;
  }
}

/* Thousands of draws may take minutes. Once the program is asked to stop, whoever asked for them
 * abandons what they come to. */
static bool goes_on(size_t draw, size_t draws)
{
  return draw < draws && (draw == 0 || !ag_interrupted());
}

/* Each class's share of the draws; NaN for an image of which a draw says nothing. */
static void take_votes(const ag_target *target, size_t count, const float *logits, size_t draw,
                       size_t draws, float *shares)
{
  const size_t floats = count * target->stride;
  if (draw == 0) memset(shares, 0, floats * sizeof *shares);
  for (size_t i = 0; i < count; ++i) {
    const float *one = logits + i * target->stride;
    uint8_t prediction = 0;
    ag_margin(one, target->classes, 0, &prediction);
    shares[i * target->stride + prediction] += ag_logits_are_finite(one, target->classes) ? 1 : NAN;
  }
  for (size_t i = 0; draw + 1 == draws && i < floats; ++i)
    shares[i] /= (float)draws;
}

static void logits_of(void *context, const ag_attack_images *images, uint32_t step, float *logits)
{
  const ag_defended *defended = context;
  const ag_target *target = &defended->target;
  const bool verdict = step == AG_VERDICT_STEP;
  const size_t draws = verdict ? defended->draws.verdict : defended->draws.attack;
  for (size_t draw = 0; goes_on(draw, draws); ++draw) {
    const float *drawn = forward_draw(defended, images, step, draw);
    if (verdict && defended->events.drawn != NULL) {
      const ag_verdict_draw one = {images, draw, draws, drawn, defended->workspace};
      defended->events.drawn(defended->events.context, &one);
    }
    if (verdict && defended->draws.majority) {
      take_votes(target, images->count, drawn, draw, draws, logits);
    } else {
      take_in(images->count * target->stride, drawn, draw, draws, logits);
    }
  }
}

static void gradient_of(void *context, const ag_attack_images *images, uint32_t step,
                        ag_attack_loss loss, float *logits, float *gradient)
{
  const ag_defended *defended = context;
  const ag_target *target = &defended->target;
  const size_t floats = images->count * ag_shape_floats(target->shape);
  const size_t draws = defended->draws.attack;
  for (size_t draw = 0; goes_on(draw, draws); ++draw) {
    const float *drawn = forward_draw(defended, images, step, draw);
    take_in(images->count * target->stride, drawn, draw, draws, logits);
    float *into = draws == 1 ? gradient : defended->draw_gradients;
    backward_draw(defended, images, step, loss, drawn, into);
    if (draws > 1) take_in(floats, into, draw, draws, gradient);
  }
}

/* Here the rows of a pass are draws, so that these are what keys them, and the seed has the image.
 */
static void draws_of(void *context, const float *copies, uint32_t sample, uint32_t first,
                     size_t count, float *logits)
{
  const ag_defended *defended = context;
  const ag_pass pass = {.seed = defended->seed + 0x9E3779B97F4A7C15U * ((uint64_t)sample + 1),
                        .step = AG_VERDICT_STEP,
                        .samples = defended->draw_numbers};
  for (size_t i = 0; i < count; ++i)
    defended->draw_numbers[i] = first + (uint32_t)i;
  memcpy(logits, forward(defended, &pass, copies, count),
         count * defended->target.stride * sizeof *logits);
}

static ag_status create_neighbours(const ag_entry *defense, const ag_images *training,
                                   ag_defended *defended)
{
  ag_status status = AG_OK;
  ag_neighbours_wish wish;
  const size_t capacity = defended->target.capacity;
  if (!ag_defense_neighbours(defense, &wish)) return AG_OK;
  assert(training != NULL);
  defended->neighbours_attacked = wish.attacked;
  defended->target.judged_apart = defended->target.judged_apart || !wish.attacked;
  AG_TRY(ag_allocate(capacity * defended->target.stride, sizeof(float), &defended->distances));
  AG_TRY(ag_neighbours_create(&wish, defended->network, defended->workspace, training, capacity,
                              defended->seed, &defended->neighbours));
cleanup:
  return status;
}

ag_status ag_defended_create(const ag_entry *defense, const ag_network *network,
                             const ag_images *training, size_t capacity, uint64_t seed,
                             ag_defended **out)
{
  ag_status status = AG_OK;
  ag_defended *defended = NULL;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *defended, &defended));
  *out = defended;
  defended->network = network;
  defended->seed = seed;
  defended->draws = ag_network_is_random(network) ? ag_defense_draws(defense)
                                                  : (ag_draws){1, 1, false, false};
  defended->target = (ag_target){
      .shape = ag_network_input(network),
      .classes = ag_network_classes(network),
      .stride = ag_network_logit_stride(network),
      .capacity = capacity,
      .pixel_noise = (float)ag_pixel_noise(ag_network_layer_description(network, 0)),
      .judged_apart = ag_network_is_random(network),
      .context = defended,
      .logits = logits_of,
      .gradient = gradient_of,
      .draws = draws_of,
  };
  AG_TRY(ag_workspace_create(network, capacity, &defended->workspace));
  AG_TRY(ag_allocate(capacity * defended->target.stride, sizeof(float), &defended->dlogits));
  if (ag_network_is_random(network)) {
    AG_TRY(ag_allocate(capacity * ag_shape_floats(defended->target.shape), sizeof(float),
                       &defended->draw_gradients));
  }
  AG_TRY(ag_allocate(capacity, sizeof(uint32_t), &defended->draw_numbers));
  AG_TRY(create_neighbours(defense, training, defended));
cleanup:
  if (status != AG_OK) ag_defended_destroy(out);
  return status;
}

void ag_defended_destroy(ag_defended **out)
{
  ag_defended *defended = *out;
  if (defended == NULL) return;
  ag_neighbours_destroy(&defended->neighbours);
  ag_release(&defended->distances);
  ag_release(&defended->draw_numbers);
  ag_release(&defended->draw_gradients);
  ag_release(&defended->dlogits);
  ag_workspace_destroy(&defended->workspace);
  ag_release(out);
}

size_t ag_defended_bytes(const ag_entry *defense, const ag_network *network, size_t capacity)
{
  ag_neighbours_wish wish;
  const size_t stride = ag_network_logit_stride(network);
  size_t floats = capacity * stride;
  size_t bytes = ag_workspace_bytes(network, capacity) + capacity * sizeof(uint32_t);
  if (ag_network_is_random(network)) {
    floats += capacity * ag_shape_floats(ag_network_input(network));
  }
  if (ag_defense_neighbours(defense, &wish)) {
    floats += capacity * stride;
    bytes += ag_neighbours_bytes(&wish, network, capacity);
  }
  return bytes + floats * sizeof(float);
}

void ag_defended_listen(ag_defended *defended, const ag_pass_events *events)
{
  ag_workspace_listen(defended->workspace, events);
}

void ag_defended_watch(ag_defended *defended, const ag_verdict_events *events)
{
  defended->events = *events;
}

void ag_defended_expect(ag_defended *defended, size_t draws)
{
  if (draws > 0 && ag_network_is_random(defended->network)) defended->draws.attack = draws;
}

ag_draws ag_defended_draws(const ag_defended *defended)
{
  return defended->draws;
}

const ag_target *ag_defended_target(const ag_defended *defended)
{
  return &defended->target;
}
