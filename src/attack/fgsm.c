/* Fast gradient sign method, Goodfellow et al. 2015 (arXiv:1412.6572):
 *   x' = clip(x + epsilon * sign(dL/dx), 0, 1). */
#include "attack/attack.h"

#include <string.h>

static const ag_option options[] = {AG_EXPECTATION_OPTION, {0}};

static size_t scratch_floats(const ag_settings *settings, const ag_target *target)
{
  (void)settings;
  return target->capacity * (ag_shape_floats(target->shape) + target->stride);
}

static ag_attack_cost cost(const ag_settings *settings)
{
  (void)settings;
  return (ag_attack_cost){.gradients = 1};
}

static void run(ag_attack_call *call)
{
  const ag_target *target = call->target;
  const size_t count = call->images.count;
  const size_t image = ag_shape_floats(target->shape);
  const size_t floats = count * image;
  float *gradient = call->scratch;
  float *logits = gradient + floats;
  target->gradient(target->context, &call->images, 0, ag_loss_cross_entropy, logits, gradient);
  memcpy(call->adversarial, call->images.pixels, floats * sizeof *gradient);
  ag_threat_step(&call->threat, count, image, call->threat.epsilon, call->images.pixels, gradient,
                 call->adversarial);
  call->cost.gradients += count;
}

const ag_attack ag_attack_fgsm = {
    .kind = {.name = "fgsm",
             .help = "one step of epsilon along the gradient's sign",
             .options = options},
    .scratch_floats = scratch_floats,
    .cost = cost,
    .run = run,
};
