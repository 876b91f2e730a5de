/* From per-image outcomes to a point's counts, accuracies and intervals. */
#include "evaluation/outcome.h"

#include <math.h>

ag_interval ag_wilson_interval(size_t successes, size_t trials)
{
  if (trials == 0) return (ag_interval){0, 1};
  const double z = 1.959963984540054; /* 97.5 % quantile of N(0, 1) */
  const double n = (double)trials;
  const double p = (double)successes / n;
  const double centre = (p + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  /* At 0 and at n the formula gives exactly 0 and 1, rounding aside. */
  return (ag_interval){
      .low = successes == 0 ? 0 : centre - half,
      .high = successes == trials ? 1 : centre + half,
  };
}

bool ag_outcome_is_beyond(const ag_entry *attack, double epsilon, const ag_outcome *outcome)
{
  if (ag_attack_of(attack)->finds != AG_FINDS_DISTANCE) return false;
  const bool l2 = ag_attack_norm(attack) == AG_NORM_L2;
  return (double)(l2 ? outcome->l2 : outcome->linf) > epsilon;
}

void ag_outcomes_at(const ag_entry *attack, double epsilon, ag_outcome *outcomes, size_t count)
{
  const bool certifies = ag_attack_of(attack)->finds == AG_FINDS_RADIUS;
  for (size_t i = 0; i < count; ++i) {
    ag_outcome *outcome = &outcomes[i];
    if (certifies && (double)outcome->l2 < epsilon) outcome->prediction = AG_NO_CLASS;
    if (!ag_outcome_is_beyond(attack, epsilon, outcome)) continue;
    outcome->prediction = outcome->clean_prediction;
    outcome->margin = outcome->clean_margin;
  }
}

ag_summary ag_summarise(const ag_outcome *outcomes, size_t count)
{
  ag_summary summary = {.images = count};
  double sum_linf = 0;
  double sum_l2 = 0;
  size_t measured = 0;
  for (size_t i = 0; i < count; ++i) {
    const ag_outcome *outcome = &outcomes[i];
    if (outcome->clean_prediction != outcome->label) continue;
    ++summary.clean_correct;
    if (outcome->prediction == outcome->label) ++summary.robust_correct;
    if (isinf(outcome->l2)) continue;
    ++measured;
    sum_linf += (double)outcome->linf;
    sum_l2 += (double)outcome->l2;
    summary.max_linf = fmax(summary.max_linf, (double)outcome->linf);
  }
  const double correct = (double)summary.clean_correct;
  if (count > 0) {
    summary.clean_accuracy = correct / (double)count;
    summary.robust_accuracy = (double)summary.robust_correct / (double)count;
  }
  summary.robust_accuracy_of_correct = (double)summary.robust_correct / correct; /* 0 / 0: NaN */
  summary.mean_linf = sum_linf / (double)measured;                               /* 0 / 0: NaN */
  summary.mean_l2 = sum_l2 / (double)measured;
  if (measured == 0) summary.max_linf = (double)NAN;
  summary.interval = ag_wilson_interval(summary.robust_correct, count);
  return summary;
}
