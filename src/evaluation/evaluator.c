/* One thread's attacks on shards: clean logits, the attack on what is classified correctly,
 * a fresh measure of every perturbation, and fresh logits as the verdict; or certificates for all.
 * On the way it notes whether there was a gradient to follow. */
#include "evaluation/collector.h"

#include <assert.h>
#include <math.h>
#include <string.h>

struct ag_evaluator {
  const ag_entry *attack;
  const ag_network *network;
  ag_defended *defended;
  const ag_target *target;
  ag_defended *source;         /* on which the attack makes its images; NULL: on `defended` */
  const ag_defended *attacked; /* the one of both */
  ag_target watched;           /* that for the attack: its gradients are looked at */
  ag_outcome *outcomes;        /* of the shard in hand */
  const ag_outcome *lost;      /* the first image of which the attack was told nothing */
  ag_collector collector;
  uint64_t seed;
  float *pixels, *adversarial, *logits, *scratch;
  ag_certificate *certificates; /* [capacity] */
  uint8_t *labels;
  uint32_t *samples;
  uint32_t *rows; /* of an attacked image: its place in the shard */
};

static size_t scratch_floats(const ag_entry *attack, const ag_target *target)
{
  return ag_attack_of(attack)->scratch_floats(&attack->settings, target);
}

/* ---- gradients that an attack asks for --------------------------------------------------------
 */

static bool is_zero(const float *values, size_t count)
{
  size_t i = 0;
  while (i < count && values[i] == 0)
    ++i;
  return i == count;
}

/* An image of which the attack is told nothing: it would leave it as it is, and it would look
 * robust. */
static void note_lost(ag_evaluator *evaluator, const ag_attack_images *images, const float *logits)
{
  const ag_target *target = evaluator->target;
  for (size_t i = 0; i < images->count && evaluator->lost == NULL; ++i) {
    if (ag_logits_are_finite(logits + i * target->stride, target->classes)) continue;
    evaluator->lost = &evaluator->outcomes[images->samples[i] - evaluator->outcomes->index];
  }
}

/* Notes of each image whether the first gradient was all zero: at the clean image, or where the
 * attack starts. The images of a shard follow each other, so that the sample says the row. */
static void watched_gradient(void *context, const ag_attack_images *images, uint32_t step,
                             ag_attack_loss loss, float *logits, float *gradient)
{
  ag_evaluator *evaluator = context;
  const ag_target *target = ag_defended_target(evaluator->attacked);
  const size_t floats = ag_shape_floats(target->shape);
  target->gradient(target->context, images, step, loss, logits, gradient);
  note_lost(evaluator, images, logits);
  for (size_t i = 0; i < images->count; ++i) {
    ag_outcome *outcome = &evaluator->outcomes[images->samples[i] - evaluator->outcomes->index];
    if (outcome->gradient != AG_GRADIENT_UNKNOWN) continue;
    outcome->gradient = is_zero(gradient + i * floats, floats) ? AG_GRADIENT_ZERO
                                                               : AG_GRADIENT_SOME;
  }
}

static void watched_logits(void *context, const ag_attack_images *images, uint32_t step,
                           float *logits)
{
  ag_evaluator *evaluator = context;
  const ag_target *target = ag_defended_target(evaluator->attacked);
  target->logits(target->context, images, step, logits);
  note_lost(evaluator, images, logits);
}

static void watched_draws(void *context, const float *copies, uint32_t sample, uint32_t first,
                          size_t count, float *logits)
{
  const ag_evaluator *evaluator = context;
  const ag_target *target = evaluator->target;
  target->draws(target->context, copies, sample, first, count, logits);
}

/* ---- the evaluator -------------------------------------------------------------------------- */

ag_status ag_evaluator_create(const ag_entry *defense, const ag_network *network,
                              const ag_images *training, const ag_entry *attack, size_t capacity,
                              uint64_t seed, ag_evaluator **out)
{
  ag_status status = AG_OK;
  ag_evaluator *evaluator = NULL;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *evaluator, &evaluator));
  *out = evaluator;
  evaluator->attack = attack;
  evaluator->network = network;
  evaluator->seed = seed;
  AG_TRY(ag_defended_create(defense, network, training, capacity, seed, &evaluator->defended));
  ag_defended_expect(evaluator->defended, ag_attack_draws(attack));
  const ag_target *target = ag_defended_target(evaluator->defended);
  const size_t floats = ag_shape_floats(target->shape);
  evaluator->attacked = evaluator->defended;
  evaluator->target = target;
  evaluator->watched = *target;
  evaluator->watched.context = evaluator;
  evaluator->watched.logits = watched_logits;
  evaluator->watched.gradient = watched_gradient;
  evaluator->watched.draws = watched_draws;
  evaluator->collector = (ag_collector){.shape = target->shape,
                                        .classes = target->classes,
                                        .stride = target->stride,
                                        .shares = ag_defended_draws(evaluator->defended).majority};
  const ag_verdict_events events = {&evaluator->collector, ag_collector_drawn};
  ag_defended_watch(evaluator->defended, &events);
  AG_TRY(ag_allocate(capacity * floats, sizeof(float), &evaluator->pixels));
  AG_TRY(ag_allocate(capacity * floats, sizeof(float), &evaluator->adversarial));
  AG_TRY(ag_allocate(capacity * target->stride, sizeof(float), &evaluator->logits));
  AG_TRY(ag_allocate(scratch_floats(attack, target), sizeof(float), &evaluator->scratch));
  AG_TRY(ag_allocate(capacity, sizeof(ag_certificate), &evaluator->certificates));
  AG_TRY(ag_allocate(capacity, 1, &evaluator->labels));
  AG_TRY(ag_allocate(capacity, sizeof(uint32_t), &evaluator->samples));
  AG_TRY(ag_allocate(capacity, sizeof(uint32_t), &evaluator->rows));
cleanup:
  if (status != AG_OK) ag_evaluator_destroy(out);
  return status;
}

void ag_evaluator_destroy(ag_evaluator **out)
{
  ag_evaluator *evaluator = *out;
  if (evaluator == NULL) return;
  ag_release(&evaluator->rows);
  ag_release(&evaluator->samples);
  ag_release(&evaluator->labels);
  ag_release(&evaluator->certificates);
  ag_release(&evaluator->scratch);
  ag_release(&evaluator->logits);
  ag_release(&evaluator->adversarial);
  ag_release(&evaluator->pixels);
  ag_defended_destroy(&evaluator->source);
  ag_defended_destroy(&evaluator->defended);
  ag_release(out);
}

ag_status ag_evaluator_attack_from(ag_evaluator *evaluator, const ag_entry *defense,
                                   const ag_network *network, const ag_images *training)
{
  const ag_target *target = evaluator->target;
  assert(evaluator->source == NULL);
  const ag_status status = ag_defended_create(defense, network, training, target->capacity,
                                              evaluator->seed, &evaluator->source);
  if (status != AG_OK) return status;
  ag_defended_expect(evaluator->source, ag_attack_draws(evaluator->attack));
  evaluator->attacked = evaluator->source;
  assert(ag_shape_floats(ag_defended_target(evaluator->source)->shape) ==
         ag_shape_floats(target->shape));
  assert(ag_defended_target(evaluator->source)->stride == target->stride);
  return AG_OK;
}

void ag_evaluator_listen(ag_evaluator *evaluator, const ag_pass_events *events)
{
  ag_defended_listen(evaluator->defended, events);
  if (evaluator->source != NULL) ag_defended_listen(evaluator->source, events);
}

ag_status ag_evaluator_collect(ag_evaluator *evaluator, const ag_details *details)
{
  ag_collector *collector = &evaluator->collector;
  const char *layer = details->form == NULL ? "" : details->form->layer;
  if (layer[0] != '\0') {
    const ag_status status = ag_network_find_latent(evaluator->network, layer, &collector->latent);
    if (status != AG_OK) return status;
    assert(details->form->kinds[AG_DETAIL_POINT].bytes ==
           collector->latent.shape.height * collector->latent.shape.width *
               collector->latent.shape.channels * sizeof(float));
  }
  collector->details = *details;
  return AG_OK;
}

size_t ag_evaluator_bytes(const ag_entry *defense, const ag_network *network,
                          const ag_entry *attack, size_t capacity)
{
  const ag_target target = {.shape = ag_network_input(network),
                            .classes = ag_network_classes(network),
                            .stride = ag_network_logit_stride(network),
                            .capacity = capacity};
  const size_t image = ag_shape_floats(target.shape);
  return ag_defended_bytes(defense, network, capacity) +
         (capacity * (2 * image + target.stride) + scratch_floats(attack, &target)) * sizeof(float);
}

/* ---- one shard --------------------------------------------------------------------------------
 */

static ag_status fail_not_finite(const ag_evaluator *evaluator, const ag_outcome *outcome)
{
  return ag_fail(AG_NOT_FINITE, "attack '%s' on test image %u: a logit is not finite",
                 evaluator->attack->name, outcome->index);
}

static ag_status fail_lost(const ag_evaluator *evaluator)
{
  if (evaluator->source == NULL) return fail_not_finite(evaluator, evaluator->lost);
  return ag_fail(AG_NOT_FINITE,
                 "attack '%s' on test image %u: a logit of the model that it comes from is not "
                 "finite",
                 evaluator->attack->name, evaluator->lost->index);
}

/* Margin and prediction by one image's logits; without them no verdict can be given. */
static ag_status judge(const ag_evaluator *evaluator, const float *logits,
                       const ag_outcome *outcome, float *margin, uint8_t *prediction)
{
  const size_t classes = evaluator->target->classes;
  if (!ag_logits_are_finite(logits, classes)) return fail_not_finite(evaluator, outcome);
  *margin = ag_margin(logits, classes, outcome->label, prediction);
  return AG_OK;
}

/* The logits of the verdict on either side of an attack, and the details that come with it. */
static void judge_draws(ag_evaluator *evaluator, ag_side side, const ag_attack_images *images)
{
  const ag_target *target = evaluator->target;
  evaluator->collector.side = side;
  target->logits(target->context, images, AG_VERDICT_STEP, evaluator->logits);
  ag_collector_judged(&evaluator->collector, images, evaluator->logits);
}

/* Judges the images in `pixels`, one outcome each, by their clean logits. */
static ag_status judge_clean(ag_evaluator *evaluator, size_t count, ag_outcome *outcomes)
{
  const ag_target *target = evaluator->target;
  const ag_attack_images images = {evaluator->pixels, evaluator->labels, evaluator->samples, count};
  judge_draws(evaluator, AG_SIDE_CLEAN, &images);
  for (size_t i = 0; i < count; ++i) {
    ag_outcome *outcome = &outcomes[i];
    *outcome = (ag_outcome){.index = evaluator->samples[i], .label = evaluator->labels[i]};
    const ag_status status = judge(evaluator, evaluator->logits + i * target->stride, outcome,
                                   &outcome->clean_margin, &outcome->clean_prediction);
    if (status != AG_OK) return status;
    outcome->margin = outcome->clean_margin;
    outcome->prediction = outcome->clean_prediction;
  }
  return AG_OK;
}

/* Moves the images that are classified correctly to the front; returns how many. */
static size_t pack_correct(ag_evaluator *evaluator, size_t count, const ag_outcome *outcomes)
{
  const size_t floats = ag_shape_floats(evaluator->target->shape);
  size_t correct = 0;
  for (size_t i = 0; i < count; ++i) {
    if (outcomes[i].clean_prediction != outcomes[i].label) continue;
    if (correct < i) {
      memcpy(evaluator->pixels + correct * floats, evaluator->pixels + i * floats,
             floats * sizeof *evaluator->pixels);
    }
    evaluator->labels[correct] = outcomes[i].label;
    evaluator->samples[correct] = outcomes[i].index;
    evaluator->rows[correct] = (uint32_t)i;
    ++correct;
  }
  return correct;
}

/* Measures what the attack made against its bound, and judges it by fresh logits. */
static ag_status judge_attacked(ag_evaluator *evaluator, const ag_attack_call *call,
                                ag_outcome *outcomes)
{
  const ag_target *target = evaluator->target;
  const size_t floats = ag_shape_floats(target->shape);
  const bool finds_distance = ag_attack_of(evaluator->attack)->finds == AG_FINDS_DISTANCE;
  ag_attack_images images = call->images;
  images.pixels = evaluator->adversarial;
  for (size_t i = 0; i < images.count; ++i) {
    ag_outcome *outcome = &outcomes[evaluator->rows[i]];
    const ag_status status =
        ag_threat_measure(&call->threat, floats, evaluator->pixels + i * floats,
                          evaluator->adversarial + i * floats, &outcome->linf, &outcome->l2);
    if (status != AG_OK) {
      return ag_fail_within(status, "attack '%s' on test image %u", evaluator->attack->name,
                            outcome->index);
    }
  }
  judge_draws(evaluator, AG_SIDE_ATTACKED, &images);
  for (size_t i = 0; i < images.count; ++i) {
    ag_outcome *outcome = &outcomes[evaluator->rows[i]];
    const ag_status status = judge(evaluator, evaluator->logits + i * target->stride, outcome,
                                   &outcome->margin, &outcome->prediction);
    if (status != AG_OK) return status;
    if (finds_distance && outcome->prediction == outcome->label) {
      outcome->linf = outcome->l2 = INFINITY;
    }
  }
  return AG_OK;
}

/* An attack on the images at the front. */
static ag_attack_call call_of(const ag_evaluator *evaluator, size_t count, double epsilon)
{
  return (ag_attack_call){
      .settings = &evaluator->attack->settings,
      .target = &evaluator->watched,
      .threat = ag_attack_threat(evaluator->attack, epsilon),
      .seed = evaluator->seed,
      .images = {evaluator->pixels, evaluator->labels, evaluator->samples, count},
      .adversarial = evaluator->adversarial,
      .certificates = evaluator->certificates,
      .scratch = evaluator->scratch,
  };
}

/* What certificates say of the images, at epsilon 0. */
static ag_status certify(ag_evaluator *evaluator, size_t count, ag_outcome *outcomes,
                         ag_attack_cost *cost)
{
  ag_attack_call call = call_of(evaluator, count, 0);
  ag_attack_of(evaluator->attack)->run(&call);
  if (ag_interrupted()) return AG_INTERRUPTED;
  cost->forwards += call.cost.forwards;
  for (size_t i = 0; i < count; ++i) {
    const ag_certificate *found = &evaluator->certificates[i];
    outcomes[i] =
        (ag_outcome){.index = evaluator->samples[i],
                     .label = evaluator->labels[i],
                     .clean_prediction = found->prediction,
                     .prediction = found->l2 > 0 ? found->prediction : (uint8_t)AG_NO_CLASS,
                     .clean_margin = found->clean_margin,
                     .margin = found->margin,
                     .linf = found->linf,
                     .l2 = found->l2};
    if (isnan(found->l2)) return fail_not_finite(evaluator, &outcomes[i]);
  }
  return AG_OK;
}

static ag_status evaluate(ag_evaluator *evaluator, const ag_images *images, size_t first,
                          size_t count, double epsilon, ag_outcome *outcomes, ag_attack_cost *cost)
{
  const ag_target *target = evaluator->target;
  assert(count <= target->capacity && first + count <= images->count);
  ag_shard_fill(images, target->shape, NULL, first, count, evaluator->pixels, evaluator->labels);
  for (size_t i = 0; i < count; ++i)
    evaluator->samples[i] = (uint32_t)(first + i);
  if (ag_attack_of(evaluator->attack)->finds == AG_FINDS_RADIUS) {
    return certify(evaluator, count, outcomes, cost);
  }
  const ag_status status = judge_clean(evaluator, count, outcomes);
  const ag_draws draws = ag_defended_draws(evaluator->defended);
  cost->forwards += draws.verdict * count;
  if (status != AG_OK) return status;

  const size_t correct = pack_correct(evaluator, count, outcomes);
  if (correct == 0) return AG_OK;
  evaluator->outcomes = outcomes;
  evaluator->lost = NULL;
  ag_attack_call call = call_of(evaluator, correct, epsilon);
  ag_attack_of(evaluator->attack)->run(&call);
  if (ag_interrupted()) return AG_INTERRUPTED;
  if (evaluator->lost != NULL) return fail_lost(evaluator);
  const size_t each = ag_defended_draws(evaluator->attacked).attack;
  cost->gradients += each * call.cost.gradients;
  cost->forwards += each * call.cost.forwards + draws.verdict * correct;
  return judge_attacked(evaluator, &call, outcomes);
}

ag_status ag_evaluate_shard(ag_evaluator *evaluator, const ag_images *images, size_t first,
                            size_t count, double epsilon, ag_outcome *outcomes,
                            ag_attack_cost *cost)
{
  const ag_status status = evaluate(evaluator, images, first, count, epsilon, outcomes, cost);
  /* The attack and the draws of a defense may have been left half-way. */
  return ag_interrupted() ? ag_fail(AG_INTERRUPTED, "interrupted") : status;
}
