/* Uniform noise in the ball: a black-box floor that every attack by gradients should beat.
 *   x' = P(x + epsilon * u), u uniform in (-1,1); of several draws the one with the lowest margin.
 * The first draws of many are those of few, so that more draws find whatever fewer do. */
#include "attack/attack.h"

#include <string.h>

static const ag_option options[] = {
    {.name = "draws",
     .type = AG_OPTION_COUNT,
     .initial = "10",
     .minimum = 1,
     .maximum = 10000, /* fewer than AG_VERDICT_STEP */
     .help = "samples, of which the worst for the network counts"},
    {0},
};

static size_t scratch_floats(const ag_settings *settings, const ag_target *target)
{
  (void)settings;
  return target->capacity * (ag_shape_floats(target->shape) + target->stride + 1);
}

static ag_attack_cost cost(const ag_settings *settings)
{
  return (ag_attack_cost){.forwards = ag_settings_count(settings, "draws")};
}

/* Noise around each image, clipped; padding channels stay 0. */
static void draw_noise(const ag_attack_call *call, uint32_t draw, float *x)
{
  const ag_shape shape = call->target->shape;
  const size_t floats = ag_shape_floats(shape);
  const size_t stride = ag_channels_padded(shape.channels);
  memcpy(x, call->images.pixels, call->images.count * floats * sizeof *x);
  for (size_t i = 0; i < call->images.count; ++i) {
    ag_random random =
        ag_random_stream(call->seed, AG_PURPOSE_ATTACK, call->images.samples[i], draw);
    for (float *pixel = x + i * floats; pixel < x + (i + 1) * floats; pixel += stride) {
      for (size_t c = 0; c < shape.channels; ++c)
        pixel[c] += call->threat.epsilon * (2 * ag_random_uniform(&random) - 1);
    }
  }
  ag_threat_project(&call->threat, call->images.count, floats, call->images.pixels, x);
}

static void run(ag_attack_call *call)
{
  const ag_target *target = call->target;
  const size_t floats = ag_shape_floats(target->shape);
  const size_t draws = ag_settings_count(call->settings, "draws");
  float *x = call->scratch;
  float *logits = x + target->capacity * floats;
  float *least = logits + target->capacity * target->stride;
  ag_attack_images images = call->images;
  images.pixels = x;
  for (uint32_t draw = 0; draw < draws && (draw == 0 || !ag_interrupted()); ++draw) {
    draw_noise(call, draw, x);
    target->logits(target->context, &images, draw, logits);
    for (size_t i = 0; i < images.count; ++i) {
      const float margin =
          ag_margin(logits + i * target->stride, target->classes, images.labels[i], NULL);
      if (draw > 0 && margin >= least[i]) continue;
      least[i] = margin;
      memcpy(call->adversarial + i * floats, x + i * floats, floats * sizeof *x);
    }
    call->cost.forwards += images.count;
  }
}

const ag_attack ag_attack_uniform = {
    .kind = {.name = "uniform", .help = "the worst of several noises", .options = options},
    .scratch_floats = scratch_floats,
    .cost = cost,
    .run = run,
};
