/* Targets whose answers are known: a linear one with a closed form, and a scripted one whose
 * margins follow a table, both of which record what an attack asks of them. */
#ifndef ADVGRID_TEST_TARGETS_H
#define ADVGRID_TEST_TARGETS_H

#include "support/fixture.h"

#include "advgrid/attack.h"

enum { TARGET_SAMPLES = 32, TARGET_VISITS = 64, TARGET_STEPS = 256 };

/* How often an attack called a target, with which images. */
typedef struct target_record {
  size_t gradient_calls, logits_calls, gradient_images, logits_images;
  size_t visits[TARGET_SAMPLES];              /* by sample: gradients and logits together */
  float *seen[TARGET_SAMPLES][TARGET_VISITS]; /* copies of the pixels; owned */
  uint32_t steps[TARGET_STEPS];               /* of each call */
  size_t calls;
} target_record;

typedef struct test_target {
  ag_target target;
  target_record record;
  float *weights; /* [classes, floats of an image]; owned */
  float bias[8];
  const float (*script)[TARGET_VISITS]; /* [sample][visit] margins; NULL: linear. Borrowed. */
} test_target;

static inline void target_note(test_target *self, const ag_attack_images *images, uint32_t step)
{
  target_record *record = &self->record;
  const size_t floats = ag_shape_floats(self->target.shape);
  assert_true(images->count > 0 && images->count <= self->target.capacity);
  assert_true(record->calls < TARGET_STEPS);
  record->steps[record->calls++] = step;
  for (size_t i = 0; i < images->count; ++i) {
    const uint32_t sample = images->samples[i];
    assert_true(sample < TARGET_SAMPLES);
    const size_t visit = record->visits[sample]++;
    assert_true(visit < TARGET_VISITS);
    record->seen[sample][visit] = test_copy(images->pixels + i * floats, floats);
  }
}

/* The margins of a script as logits of two classes that matter; linear logits otherwise. */
static inline void target_answer(const test_target *self, const ag_attack_images *images,
                                 float *logits)
{
  const ag_target *target = &self->target;
  const size_t floats = ag_shape_floats(target->shape);
  for (size_t i = 0; i < images->count; ++i) {
    float *row = logits + i * target->stride;
    const uint32_t sample = images->samples[i];
    for (size_t c = 0; c < target->stride; ++c) {
      if (c >= target->classes) {
        row[c] = 0;
      } else if (self->script != NULL) {
        row[c] = c == images->labels[i] ? self->script[sample][self->record.visits[sample] - 1] : 0;
      } else {
        row[c] = self->bias[c] +
                 (float)test_dot(self->weights + c * floats, images->pixels + i * floats, floats);
      }
    }
  }
}

static inline void target_logits(void *context, const ag_attack_images *images, uint32_t step,
                                 float *logits)
{
  test_target *self = (test_target *)context;
  ++self->record.logits_calls;
  self->record.logits_images += images->count;
  target_note(self, images, step);
  target_answer(self, images, logits);
}

static inline void target_gradient(void *context, const ag_attack_images *images, uint32_t step,
                                   ag_attack_loss loss, float *logits, float *gradient)
{
  test_target *self = (test_target *)context;
  const ag_target *target = &self->target;
  const size_t floats = ag_shape_floats(target->shape);
  float *dlogits = test_floats(images->count * target->stride);
  ++self->record.gradient_calls;
  self->record.gradient_images += images->count;
  target_note(self, images, step);
  target_answer(self, images, logits);
  loss(images->count, target->classes, target->stride, logits, images->labels, dlogits);
  for (size_t i = 0; i < images->count; ++i) {
    for (size_t k = 0; k < floats; ++k) {
      double sum = 0;
      for (size_t c = 0; c < target->classes; ++c)
        sum += (double)dlogits[i * target->stride + c] * (double)self->weights[c * floats + k];
      gradient[i * floats + k] = (float)sum;
    }
  }
  free(dlogits);
}

/** A linear target on 3 x 2 pixels of 3 channels with random weights, its biases zero, or one
 *  with a script. Freed by test_target_destroy. */
static inline test_target *test_target_create(size_t classes, size_t capacity,
                                              const float (*script)[TARGET_VISITS])
{
  test_target *self = (test_target *)test_bytes(sizeof *self);
  const ag_shape shape = {3, 2, 3};
  self->target = (ag_target){.shape = shape,
                             .classes = classes,
                             .stride = ag_channels_padded(classes),
                             .capacity = capacity,
                             .context = self,
                             .logits = target_logits,
                             .gradient = target_gradient};
  self->weights = test_activations(classes * shape.height * shape.width, shape.channels, 7);
  self->script = script;
  return self;
}

static inline void target_forget(test_target *self)
{
  for (size_t sample = 0; sample < TARGET_SAMPLES; ++sample) {
    for (size_t visit = 0; visit < self->record.visits[sample]; ++visit)
      free(self->record.seen[sample][visit]);
  }
  memset(&self->record, 0, sizeof self->record);
}

static inline void test_target_destroy(test_target *self)
{
  target_forget(self);
  free(self->weights);
  free(self);
}

/* ---- a call of an attack ------------------------------------------------------------- */

/* Images in [0,1] with their labels and numbers, and what an attack needs besides. */
typedef struct attack_fixture {
  ag_entry entry;
  float *pixels, *adversarial, *scratch;
  uint8_t *labels;
  uint32_t *samples;
  ag_attack_call call;
} attack_fixture;

static inline void attack_set(attack_fixture *fixture, const char *option, const char *value)
{
  assert_int_equal(ag_settings_set(&fixture->entry.settings, option, value), AG_OK);
}

/** count images of the target's shape, channels padded with zeros; a tenth of their values are
 *  exactly 0 and a tenth 1. Samples are 0, 1, ..., labels sample mod classes. */
static inline attack_fixture *attack_start(const char *kind, const ag_target *target, size_t count,
                                           float epsilon)
{
  attack_fixture *fixture = (attack_fixture *)test_bytes(sizeof *fixture);
  const size_t floats = ag_shape_floats(target->shape);
  const size_t stride = ag_channels_padded(target->shape.channels);
  ag_entry_start(&fixture->entry, ag_kind_find(ag_attack_table, kind));
  fixture->pixels = test_floats(count * floats);
  fixture->adversarial = test_floats(count * floats);
  fixture->labels = (uint8_t *)test_bytes(count);
  fixture->samples = (uint32_t *)test_bytes(count * sizeof(uint32_t));
  ag_random random = ag_random_stream(2, AG_PURPOSE_TEST, 0, 0);
  for (size_t i = 0; i < count * floats; ++i) {
    if (i % stride >= target->shape.channels) continue;
    const float value = 1.2F * ag_random_uniform(&random) - 0.1F;
    fixture->pixels[i] = value < 0 ? 0 : value > 1 ? 1 : value;
  }
  for (size_t i = 0; i < count; ++i) {
    fixture->samples[i] = (uint32_t)i;
    fixture->labels[i] = (uint8_t)(i % target->classes);
  }
  const ag_attack *attack = ag_attack_of(&fixture->entry);
  fixture->scratch = test_floats(attack->scratch_floats(&fixture->entry.settings, target));
  fixture->call = (ag_attack_call){
      .settings = &fixture->entry.settings,
      .target = target,
      .threat = {.epsilon = epsilon},
      .seed = 5,
      .images = {fixture->pixels, fixture->labels, fixture->samples, count},
      .adversarial = fixture->adversarial,
      .scratch = fixture->scratch,
  };
  return fixture;
}

static inline void attack_run(attack_fixture *fixture)
{
  ag_attack_of(&fixture->entry)->run(&fixture->call);
}

static inline void attack_stop(attack_fixture *fixture)
{
  free(fixture->pixels);
  free(fixture->adversarial);
  free(fixture->scratch);
  free(fixture->labels);
  free(fixture->samples);
  free(fixture);
}

#endif
