/* Sanity gates: what the outcomes of a job must show if its attacks work and its defenses do not
 * hide their gradients. A gate looks at the points of one model after the other. */
#include "advgrid/evaluation.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Gradients of an image and start from which on an attack counts as one of many steps. */
enum { MANY = 5 };

/* So near is the grey image to all in Linf: every image can become the same. */
static const double LARGE_EPSILON = 0.5;
/* The share of the attacked images that may be without a gradient. */
static const double ZERO_GRADIENTS = 0.01;
/* The share of certified images that may fall: a verdict by a few draws falls by chance where the
 * vote is close, which a certificate of a small radius allows. */
static const double CERTIFIED_FALLEN = 0.05;
/* Of the sign tests of a gate together. */
static const double LEVEL = 0.01;

/* ---- points --------------------------------------------------------------------------------- */

/* Of the model that is judged. Those of another promise nothing: an attack that follows them
 * further may come to what only that one takes for something else. */
static uint64_t gradients(const ag_gate_point *point)
{
  if (point->transferred) return 0;
  return ag_attack_of(point->attack)->cost(&point->attack->settings).gradients;
}

static size_t starts(const ag_settings *settings)
{
  for (const ag_option *option = settings->options; option != NULL && option->name != NULL;
       ++option) {
    if (strcmp(option->name, "restarts") == 0) return ag_settings_count(settings, option->name);
  }
  return 1;
}

/* However many starts there are, each may be one long step. */
static bool has_many_steps(const ag_gate_point *point)
{
  return gradients(point) >= MANY * starts(&point->attack->settings);
}

static bool is_attacked(const ag_outcome *outcome)
{
  return outcome->clean_prediction == outcome->label;
}

static bool stands(const ag_outcome *outcome)
{
  return is_attacked(outcome) && outcome->prediction == outcome->label;
}

static size_t standing(const ag_gate_point *point)
{
  return ag_summarise(point->outcomes, point->count).robust_correct;
}

static bool is_l2(const ag_gate_point *point)
{
  return ag_attack_norm(point->attack) == AG_NORM_L2;
}

static bool is_certificate(const ag_gate_point *point)
{
  return ag_attack_of(point->attack)->finds == AG_FINDS_RADIUS;
}

/* In the norm that bounds the attack; none where the nearest adversarial image lies beyond. */
static double distance(const ag_gate_point *point, const ag_outcome *outcome)
{
  if (stands(outcome) && !ag_attack_takes_epsilon(point->attack)) return 0;
  return (double)(is_l2(point) ? outcome->l2 : outcome->linf);
}

/* ---- findings ---------------------------------------------------------------------------------
 */

static void write_text(ag_gate *gate, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void write_text(ag_gate *gate, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(gate->text, sizeof gate->text, format, arguments);
  va_end(arguments);
}

/* Whether this is the first that breaks the gate, whose text is to be written. */
static bool is_first(ag_gate *gate)
{
  const bool first = gate->verdict != AG_GATE_FAILED;
  gate->verdict = AG_GATE_FAILED;
  return first;
}

/* Images should not stand what is stronger and fall to what is weaker. */
static void compare(ag_gate *gate, const ag_gate_model *model, const ag_gate_point *weaker,
                    const ag_gate_point *stronger)
{
  size_t against = 0;
  size_t as_expected = 0;
  for (size_t i = 0; i < ag_minimum(weaker->count, stronger->count); ++i) {
    const bool one = stands(&weaker->outcomes[i]);
    const bool other = stands(&stronger->outcomes[i]);
    against += !one && other;
    as_expected += one && !other;
  }
  ++gate->checks;
  gate->exceptions += against > as_expected;
  const double probability = ag_sign_test(against, as_expected);
  if (probability >= gate->least) return;
  gate->least = probability;
  write_text(gate,
             "%s: %zu of %zu images stand under %s at epsilon %s, %zu under %s at epsilon %s;"
             " of those that differ %zu to %zu, p = %.1g",
             model->name, standing(stronger), stronger->count, stronger->attack->name,
             stronger->epsilon_text, standing(weaker), weaker->attack->name, weaker->epsilon_text,
             against, as_expected, probability);
}

/* ---- each point by itself ------------------------------------------------------------------- */

static void take_epsilon_zero(ag_gate *gate, const ag_gate_model *model, const ag_gate_point *point)
{
  if (point->epsilon > 0) return;
  ++gate->checks;
  for (size_t i = 0; i < point->count; ++i) {
    const ag_outcome *outcome = &point->outcomes[i];
    if (outcome->prediction == outcome->clean_prediction || !is_first(gate)) continue;
    write_text(gate, "%s, %s: image %u is class %u, and %u under the attack at epsilon 0",
               model->name, point->attack->name, outcome->index, outcome->clean_prediction,
               outcome->prediction);
  }
}

static void take_bounds(ag_gate *gate, const ag_gate_model *model, const ag_gate_point *point)
{
  /* Of x0 + epsilon, and of the distance itself; in L2 of all values together. */
  const double rounding = is_l2(point) ? 0x1p-16 : 0x1p-23;
  ++gate->checks;
  for (size_t i = 0; i < point->count; ++i) {
    const ag_outcome *outcome = &point->outcomes[i];
    const double moved = distance(point, outcome);
    /* Written so that a NaN fails. */
    if (moved <= (double)(float)point->epsilon + rounding || !is_first(gate)) continue;
    write_text(gate, "%s, %s: image %u went %.9g far at epsilon %s, which is %.9g", model->name,
               point->attack->name, outcome->index, moved, point->epsilon_text, point->epsilon);
  }
}

static void take_large_epsilon(ag_gate *gate, const ag_gate_model *model,
                               const ag_gate_point *point)
{
  if (is_l2(point) || point->epsilon < LARGE_EPSILON || !has_many_steps(point)) return;
  const ag_summary summary = ag_summarise(point->outcomes, point->count);
  const double guessing = 1 / (double)model->classes;
  ++gate->checks;
  gate->exceptions += summary.robust_accuracy > guessing;
  if (summary.interval.low <= guessing || !is_first(gate)) return;
  write_text(gate, "%s, %s at epsilon %s: %zu of %zu images stand, %.2f %%; guessing gives %.2f %%",
             model->name, point->attack->name, point->epsilon_text, summary.robust_correct,
             summary.images, 100 * summary.robust_accuracy, 100 * guessing);
}

static void take_zero_gradients(ag_gate *gate, const ag_gate_model *model,
                                const ag_gate_point *point)
{
  size_t known = 0;
  size_t zero = 0;
  for (size_t i = 0; i < point->count; ++i) {
    known += point->outcomes[i].gradient != AG_GRADIENT_UNKNOWN;
    zero += point->outcomes[i].gradient == AG_GRADIENT_ZERO;
  }
  gate->checks += known;
  gate->exceptions += zero;
  if (ag_wilson_interval(zero, known).low <= ZERO_GRADIENTS || !is_first(gate)) return;
  write_text(gate, "%s, %s at epsilon %s: the first gradient is all zero for %zu of %zu images",
             model->name, point->attack->name, point->epsilon_text, zero, known);
}

/* ---- pairs of points ------------------------------------------------------------------------ */

/* The next larger epsilon of the same attack. One long step passes by what a shorter one reaches:
 * of 1,000 images of CIFAR-10 101 stand FGSM at 0.3 on `base`, and 35 at 0.05. */
static void take_epsilon(ag_gate *gate, const ag_gate_model *model, const ag_gate_point *point)
{
  const ag_gate_point *next = NULL;
  if (point->transferred || (gradients(point) > 0 && !has_many_steps(point))) return;
  for (size_t i = 0; i < model->point_count; ++i) {
    const ag_gate_point *other = &model->points[i];
    if (other->attack != point->attack || other->epsilon <= point->epsilon) continue;
    if (next == NULL || other->epsilon < next->epsilon) next = other;
  }
  if (next != NULL) compare(gate, model, point, next);
}

static bool is_effort(const ag_option *option)
{
  static const char *const efforts[] = {"steps", "restarts", "draws"};
  for (size_t i = 0; i < sizeof efforts / sizeof *efforts; ++i) {
    if (strcmp(option->name, efforts[i]) == 0) return true;
  }
  return false;
}

/* Whether `more` is the attack `less` with more effort, and the same in all else. */
static bool is_more_of(const ag_entry *more, const ag_entry *less)
{
  bool is_more = false;
  if (more->kind != less->kind) return false;
  const ag_option *options = more->settings.options;
  for (size_t i = 0; options != NULL && options[i].name != NULL; ++i) {
    if (ag_value_is_same(&more->settings, &less->settings, i)) continue;
    if (!is_effort(&options[i]) || more->settings.numbers[i] < less->settings.numbers[i]) {
      return false;
    }
    is_more = true;
  }
  return is_more;
}

static bool has_more_effort(const ag_gate_point *more, const ag_gate_point *point)
{
  return !more->transferred && is_more_of(more->attack, point->attack);
}

static bool is_many_for_one(const ag_gate_point *many, const ag_gate_point *point)
{
  return gradients(point) == 1 && has_many_steps(many);
}

static bool is_many_for_none(const ag_gate_point *many, const ag_gate_point *point)
{
  return gradients(point) == 0 && has_many_steps(many);
}

/* All that is stronger at the same epsilon in the same norm; at epsilon 0 nothing is. */
static void compare_stronger(ag_gate *gate, const ag_gate_model *model, const ag_gate_point *point,
                             bool (*is_stronger)(const ag_gate_point *, const ag_gate_point *))
{
  for (size_t i = 0; i < model->point_count && point->epsilon > 0; ++i) {
    const ag_gate_point *other = &model->points[i];
    if (other->epsilon == point->epsilon && is_l2(other) == is_l2(point) &&
        is_stronger(other, point)) {
      compare(gate, model, point, other);
    }
  }
}

static void take_effort(ag_gate *gate, const ag_gate_model *model, const ag_gate_point *point)
{
  compare_stronger(gate, model, point, has_more_effort);
}

static void take_one_step(ag_gate *gate, const ag_gate_model *model, const ag_gate_point *point)
{
  compare_stronger(gate, model, point, is_many_for_one);
}

static void take_black_box(ag_gate *gate, const ag_gate_model *model, const ag_gate_point *point)
{
  compare_stronger(gate, model, point, is_many_for_none);
}

/* Of the images that both have right without an attack. */
static void hold_against(ag_gate *gate, const ag_gate_model *model, const ag_gate_point *point,
                         const ag_gate_point *certificate)
{
  size_t certified = 0;
  size_t fallen = 0;
  for (size_t i = 0; i < ag_minimum(point->count, certificate->count); ++i) {
    if (!stands(&certificate->outcomes[i]) || !is_attacked(&point->outcomes[i])) continue;
    ++certified;
    fallen += !stands(&point->outcomes[i]);
  }
  ++gate->checks;
  gate->exceptions += fallen > 0;
  if (ag_wilson_interval(fallen, certified).low <= CERTIFIED_FALLEN || !is_first(gate)) return;
  write_text(gate, "%s: %zu of %zu images that %s certifies at epsilon %s fall to %s", model->name,
             fallen, certified, certificate->attack->name, point->epsilon_text,
             point->attack->name);
}

/* What a certificate lets stand must stand any attack in its norm. */
static void take_certificate(ag_gate *gate, const ag_gate_model *model, const ag_gate_point *point)
{
  for (size_t i = 0; i < model->point_count && point->epsilon > 0; ++i) {
    const ag_gate_point *other = &model->points[i];
    if (is_certificate(other) && other->epsilon == point->epsilon && is_l2(other) == is_l2(point)) {
      hold_against(gate, model, point, other);
    }
  }
}

/* ---- the table --------------------------------------------------------------------------------
 */

static const struct {
  const char *name;
  const char *missing;        /* why it is not applicable, where nothing was to be checked */
  const char *check, *checks; /* what is counted: one, several */
  void (*take)(ag_gate *, const ag_gate_model *, const ag_gate_point *);
} rows[AG_GATES] = {
    [AG_GATE_EPSILON_ZERO] = {"epsilon 0 equals clean", "no epsilon is 0", "point", "points",
                              take_epsilon_zero},
    [AG_GATE_BOUNDS] = {"perturbations are within bounds", "no point of an attack is complete",
                        "point", "points", take_bounds},
    [AG_GATE_EPSILON] = {"accuracy does not rise with epsilon",
                         "no attack of 5 gradients or more, or of none, has two epsilons",
                         "pair of epsilons", "pairs of epsilons", take_epsilon},
    [AG_GATE_EFFORT] = {"more steps or restarts do not help the defense",
                        "no two attacks differ in steps, restarts or draws alone",
                        "pair of attacks", "pairs of attacks", take_effort},
    [AG_GATE_ONE_STEP] = {"one step is not stronger than many",
                          "no attacks of one gradient and of 5 or more at one epsilon",
                          "pair of attacks", "pairs of attacks", take_one_step},
    [AG_GATE_LARGE_EPSILON] =
        {"a large epsilon brings accuracy near 0",
         "no attack of 5 gradients or more at an epsilon of 0.5 or more in Linf", "point", "points",
         take_large_epsilon},
    [AG_GATE_ZERO_GRADIENTS] = {"gradients are not zero",
                                "no attack asked for gradients, or it was not noted",
                                "attacked image", "attacked images", take_zero_gradients},
    [AG_GATE_BLACK_BOX] = {"a black-box attack is not stronger than a white-box one",
                           "no attacks without gradients and of 5 or more at one epsilon",
                           "pair of attacks", "pairs of attacks", take_black_box},
    [AG_GATE_CERTIFICATE] = {"certified accuracy is not above that under attack",
                             "no certificate and no attack in L2 at one epsilon",
                             "attack with a certificate", "attacks with a certificate",
                             take_certificate},
};

void ag_gates_start(ag_gates *gates)
{
  for (size_t i = 0; i < AG_GATES; ++i)
    gates->gates[i] = (ag_gate){.name = rows[i].name, .least = 1};
}

void ag_gates_take(ag_gates *gates, const ag_gate_model *model)
{
  for (size_t i = 0; i < AG_GATES; ++i) {
    for (size_t k = 0; k < model->point_count; ++k) {
      if (is_certificate(&model->points[k]))
        continue; /* no attack, but what one is compared with */
      rows[i].take(&gates->gates[i], model, &model->points[k]);
    }
  }
}

/* Of what was checked and found in order: how much, and what was not significant. */
static void write_passed(ag_gate *gate, const char *checks)
{
  if (gate->exceptions == 0) {
    write_text(gate, "%zu %s", gate->checks, checks);
  } else {
    write_text(gate, "%zu %s, %zu insignificant exception%s", gate->checks, checks,
               gate->exceptions, ag_plural(gate->exceptions, "", "s"));
  }
}

void ag_gates_conclude(ag_gates *gates)
{
  for (size_t i = 0; i < AG_GATES; ++i) {
    ag_gate *gate = &gates->gates[i];
    if (gate->checks == 0) {
      write_text(gate, "%s", rows[i].missing);
    } else if (gate->least * (double)gate->checks < LEVEL) {
      gate->verdict = AG_GATE_FAILED;
    } else if (gate->verdict != AG_GATE_FAILED) {
      gate->verdict = AG_GATE_PASSED;
      write_passed(gate, ag_plural(gate->checks, rows[i].check, rows[i].checks));
    }
  }
}

const char *ag_gate_verdict_text(ag_gate_verdict verdict)
{
  static const char *const texts[] = {[AG_GATE_NOT_APPLICABLE] = "not applicable",
                                      [AG_GATE_PASSED] = "passed",
                                      [AG_GATE_FAILED] = "failed"};
  return texts[verdict];
}
