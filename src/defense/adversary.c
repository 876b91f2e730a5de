/* Attacks on images that are about to be learnt. Unlike an attack that measures a defense, this one
 * makes all of its steps on every image and keeps the last: what is learnt must not depend on which
 * images have fallen, and training wants the worst point, not the nearest that is misclassified. */
#include "advgrid/defense.h"

#include <math.h>
#include <string.h>

struct ag_adversary {
  ag_adversarial how;
  const ag_network *network;
  ag_workspace *workspace;
  uint64_t seed;
  float *clean, *gradient; /* [capacity, shape] */
  float *worst;            /* [capacity, shape]; NULL: there is one start */
  float *dlogits;          /* [capacity, stride] */
  float *losses, *largest; /* [capacity] of this start, and of the worst */
};

static size_t image_floats(const ag_network *network)
{
  return ag_shape_floats(ag_network_input(network));
}

ag_status ag_adversary_create(const ag_adversarial *how, const ag_network *network, size_t capacity,
                              uint64_t seed, ag_adversary **out)
{
  ag_status status = AG_OK;
  ag_adversary *self = NULL;
  const size_t floats = capacity * image_floats(network);
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  self->how = *how;
  self->network = network;
  self->seed = seed;
  AG_TRY(ag_workspace_create(network, capacity, &self->workspace));
  AG_TRY(ag_allocate(floats, sizeof(float), &self->clean));
  AG_TRY(ag_allocate(floats, sizeof(float), &self->gradient));
  if (how->restarts > 1) AG_TRY(ag_allocate(floats, sizeof(float), &self->worst));
  AG_TRY(ag_allocate(capacity * ag_network_logit_stride(network), sizeof(float), &self->dlogits));
  AG_TRY(ag_allocate(capacity, sizeof(float), &self->losses));
  AG_TRY(ag_allocate(capacity, sizeof(float), &self->largest));
cleanup:
  if (status != AG_OK) ag_adversary_destroy(out);
  return status;
}

void ag_adversary_destroy(ag_adversary **out)
{
  ag_adversary *self = *out;
  if (self == NULL) return;
  ag_release(&self->largest);
  ag_release(&self->losses);
  ag_release(&self->dlogits);
  ag_release(&self->worst);
  ag_release(&self->gradient);
  ag_release(&self->clean);
  ag_workspace_destroy(&self->workspace);
  ag_release(out);
}

size_t ag_adversary_bytes(const ag_adversarial *how, const ag_network *network, size_t capacity)
{
  const size_t images = how->restarts > 1 ? 3 : 2;
  return ag_workspace_bytes(network, capacity) +
         capacity * sizeof(float) *
             (images * image_floats(network) + ag_network_logit_stride(network) + 2);
}

void ag_adversary_listen(ag_adversary *self, const ag_pass_events *events)
{
  ag_workspace_listen(self->workspace, events);
}

size_t ag_adversarial_images(const ag_adversarial *how, size_t count)
{
  return ag_minimum((size_t)lround(how->mix * (double)count), count);
}

ag_attack_cost ag_adversarial_cost(const ag_adversarial *how)
{
  return (ag_attack_cost){.gradients = how->restarts * how->steps,
                          .forwards = how->restarts > 1 ? how->restarts : 0};
}

/* Of epsilon and of the step. */
static float warmed(const ag_adversarial *how, double progress)
{
  return progress < how->warmup ? (float)(progress / how->warmup) : 1;
}

/* Losses of the first `count` images, and what leads back to their pixels. pass_number: of this
 * lesson, from 0. Neither noise nor a start may be that of another pass: seeds are set apart, as
 * the step of training is in the key already. */
static void pass_forward(ag_adversary *self, const ag_lesson *lesson, size_t count,
                         size_t pass_number)
{
  const ag_pass pass = {.training = true,
                        .calm = true,
                        .seed = self->seed + 0x9E3779B97F4A7C15U * ((uint64_t)pass_number + 1),
                        .step = lesson->step,
                        .samples = lesson->samples};
  const float *logits =
      ag_network_forward(self->network, self->workspace, &pass, lesson->pixels, count);
  ag_cross_entropy(count, ag_network_classes(self->network), ag_network_logit_stride(self->network),
                   logits, lesson->labels, 1, self->losses, self->dlogits);
}

/* From the image, or around it. */
static void start(const ag_adversary *self, const ag_lesson *lesson, const ag_threat *threat,
                  size_t count, size_t restart)
{
  const size_t image = image_floats(self->network);
  if (!self->how.random_start) {
    memcpy(lesson->pixels, self->clean, count * image * sizeof(float));
    return;
  }
  for (size_t i = 0; i < count; ++i) {
    ag_random random = ag_random_stream(self->seed + 0xC2B2AE3D27D4EB4FU * (uint64_t)restart,
                                        AG_PURPOSE_ADVERSARIAL, lesson->samples[i], lesson->epoch);
    ag_threat_start(threat, ag_network_input(self->network), &random, self->clean + i * image,
                    self->gradient, lesson->pixels + i * image);
  }
}

/* Keeps each image's iterate of the largest loss; of equal ones the first. */
static void keep_worst(ag_adversary *self, const ag_lesson *lesson, size_t count, size_t restart)
{
  const size_t image = image_floats(self->network);
  for (size_t i = 0; i < count; ++i) {
    if (restart > 0 && !(self->losses[i] > self->largest[i])) continue;
    self->largest[i] = self->losses[i];
    memcpy(self->worst + i * image, lesson->pixels + i * image, image * sizeof(float));
  }
}

void ag_adversary_run(ag_adversary *self, const ag_lesson *lesson)
{
  const ag_adversarial *how = &self->how;
  const size_t count = ag_adversarial_images(how, lesson->count);
  const size_t floats = count * image_floats(self->network);
  const float share = warmed(how, lesson->progress);
  const ag_threat threat = {.epsilon = share * how->epsilon};
  size_t passes = 0;
  if (count == 0) return;
  memcpy(self->clean, lesson->pixels, floats * sizeof(float));
  for (size_t restart = 0; restart < how->restarts && !ag_interrupted(); ++restart) {
    start(self, lesson, &threat, count, restart);
    for (size_t step = 0; step < how->steps && !ag_interrupted(); ++step) {
      pass_forward(self, lesson, count, passes++);
      ag_network_backward(self->network, self->workspace, self->dlogits, NULL, self->gradient);
      ag_threat_step(&threat, count, image_floats(self->network), share * how->step_size,
                     self->clean, self->gradient, lesson->pixels);
    }
    if (how->restarts == 1) return;
    pass_forward(self, lesson, count, passes++);
    keep_worst(self, lesson, count, restart);
  }
  memcpy(lesson->pixels, self->worst, floats * sizeof(float));
}
