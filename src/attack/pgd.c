/* Projected gradient descent, Madry et al. 2018 (arXiv:1706.06083), section 2.1:
 *   x_0 uniform in the ball, or the image;  x_{t+1} = P(x_t + step * sign(dL/dx)),
 * in L2 with the gradient over its norm in the place of its sign.
 * Each restart runs on the images that still stand; of all iterates the one with the lowest
 * margin is kept, and an image whose margin falls below zero leaves the batch at once, unless the
 * verdict on it may yet be another. */
#include "attack/pgd.h"
#include "attack/attack.h"

#include <math.h>
#include <string.h>

const char *const ag_pgd_norms[] = {"linf", "l2", NULL};

static const ag_option options[] = {AG_PGD_OPTIONS, {0}};

/* The images that still stand, packed at the front of each array. */
typedef struct standing {
  bool to_the_end;      /* they stay when they fall */
  size_t count, floats; /* images, and floats of one */
  float *x, *x0, *gradient, *logits;
  uint32_t *samples, *place; /* place: the image's row in the call */
  uint8_t *labels;
  float *least; /* by place: the lowest margin so far */
} standing;

size_t ag_pgd_scratch_floats(const ag_settings *settings, const ag_target *target)
{
  (void)settings;
  const size_t n = target->capacity;
  return n * (3 * ag_shape_floats(target->shape) + target->stride + 1) +
         2 * ag_floats_for(n, sizeof(uint32_t)) + ag_floats_for(n, 1);
}

ag_attack_cost ag_pgd_cost(const ag_settings *settings)
{
  const uint64_t restarts = ag_settings_count(settings, "restarts");
  return (ag_attack_cost){.gradients = restarts * ag_settings_count(settings, "steps"),
                          .forwards = restarts};
}

ag_norm ag_pgd_norm(const ag_settings *settings)
{
  return strcmp(ag_settings_word(settings, "norm"), "l2") == 0 ? AG_NORM_L2 : AG_NORM_LINF;
}

static standing lay_out(const ag_attack_call *call)
{
  const ag_target *target = call->target;
  const size_t n = target->capacity;
  standing all = {.floats = ag_shape_floats(target->shape), .x = call->scratch};
  all.x0 = all.x + n * all.floats;
  all.gradient = all.x0 + n * all.floats;
  all.logits = all.gradient + n * all.floats;
  all.least = all.logits + n * target->stride;
  all.samples = (uint32_t *)(void *)(all.least + n);
  all.place = all.samples + n;
  all.labels = (uint8_t *)(void *)(all.place + n);
  return all;
}

static void start_uniformly(const ag_attack_call *call, standing *all, uint32_t restart)
{
  float *drawn = all->gradient; /* where there is none yet */
  for (size_t i = 0; i < all->count; ++i) {
    ag_random random = ag_random_stream(call->seed, AG_PURPOSE_ATTACK, all->samples[i], restart);
    ag_threat_start(&call->threat, call->target->shape, &random, all->x0 + i * all->floats, drawn,
                    all->x + i * all->floats);
  }
}

static bool leaves(const standing *all, float margin)
{
  return margin < 0 && !all->to_the_end;
}

/* Takes in every image that has not left in an earlier restart. */
static void gather(const ag_attack_call *call, standing *all)
{
  all->count = 0;
  for (size_t place = 0; place < call->images.count; ++place) {
    if (leaves(all, all->least[place])) continue;
    const size_t i = all->count++;
    const float *image = call->images.pixels + place * all->floats;
    memcpy(all->x0 + i * all->floats, image, all->floats * sizeof *image);
    memcpy(all->x + i * all->floats, image, all->floats * sizeof *image);
    all->samples[i] = call->images.samples[place];
    all->labels[i] = call->images.labels[place];
    all->place[i] = (uint32_t)place;
  }
}

static void move_image(standing *all, const ag_target *target, size_t from, size_t to)
{
  const size_t bytes = all->floats * sizeof(float);
  memcpy(all->x + to * all->floats, all->x + from * all->floats, bytes);
  memcpy(all->x0 + to * all->floats, all->x0 + from * all->floats, bytes);
  memcpy(all->gradient + to * all->floats, all->gradient + from * all->floats, bytes);
  memcpy(all->logits + to * target->stride, all->logits + from * target->stride,
         target->stride * sizeof(float));
  all->samples[to] = all->samples[from];
  all->place[to] = all->place[from];
  all->labels[to] = all->labels[from];
}

/* Keeps each image's worst iterate by the logits of x, and lets those leave that may. */
static void keep_worst(const ag_attack_call *call, standing *all)
{
  const ag_target *target = call->target;
  size_t left = 0;
  for (size_t i = 0; i < all->count; ++i) {
    const size_t place = all->place[i];
    const float margin =
        ag_margin(all->logits + i * target->stride, target->classes, all->labels[i], NULL);
    if (margin < all->least[place]) {
      all->least[place] = margin;
      memcpy(call->adversarial + place * all->floats, all->x + i * all->floats,
             all->floats * sizeof(float));
    }
    if (leaves(all, margin)) continue;
    if (left < i) move_image(all, target, i, left);
    ++left;
  }
  all->count = left;
}

/* One restart; `step` numbers the calls of the target, for a random defense. */
static void run_restart(ag_attack_call *call, standing *all, uint32_t restart, uint32_t *step)
{
  const ag_target *target = call->target;
  const size_t steps = ag_settings_count(call->settings, "steps");
  const float length = ag_settings_has(call->settings, "step_size")
                           ? (float)ag_settings_number(call->settings, "step_size")
                           : 2.5F * call->threat.epsilon / (float)steps;
  gather(call, all);
  if (ag_settings_flag(call->settings, "random_start")) start_uniformly(call, all, restart);
  for (size_t i = 0; i < steps && all->count > 0 && !ag_interrupted(); ++i) {
    const ag_attack_images images = {all->x, all->labels, all->samples, all->count};
    target->gradient(target->context, &images, (*step)++, ag_loss_cross_entropy, all->logits,
                     all->gradient);
    call->cost.gradients += all->count;
    keep_worst(call, all);
    ag_threat_step(&call->threat, all->count, all->floats, length, all->x0, all->gradient, all->x);
  }
  if (all->count == 0) return;
  const ag_attack_images images = {all->x, all->labels, all->samples, all->count};
  target->logits(target->context, &images, (*step)++, all->logits);
  call->cost.forwards += all->count;
  keep_worst(call, all);
}

void ag_pgd_run(ag_attack_call *call, bool to_the_end)
{
  standing all = lay_out(call);
  all.to_the_end = to_the_end;
  const size_t restarts = ag_settings_count(call->settings, "restarts");
  uint32_t step = 0;
  memcpy(call->adversarial, call->images.pixels, call->images.count * all.floats * sizeof(float));
  for (size_t i = 0; i < call->images.count; ++i)
    all.least[i] = INFINITY;
  for (size_t restart = 0; restart < restarts && !ag_interrupted(); ++restart) {
    run_restart(call, &all, (uint32_t)restart, &step);
  }
}

static void run(ag_attack_call *call)
{
  ag_pgd_run(call, call->target->judged_apart);
}

const ag_attack ag_attack_pgd = {
    .kind = {.name = "pgd",
             .help = "projected steps along the gradient's sign, from a random start",
             .options = options},
    .norm = ag_pgd_norm,
    .scratch_floats = ag_pgd_scratch_floats,
    .cost = ag_pgd_cost,
    .run = run,
};
