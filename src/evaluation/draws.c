/* A random network's draws, each on its own: how many images it has right, and what that says of
 * their mean. */
#include "advgrid/evaluation.h"

#include <math.h>
#include <string.h>

/* P(|T| <= sqrt(n) tan(angle)) for n degrees of freedom, by the finite sums in Abramowitz and
 * Stegun 1964, 26.7.3 and 26.7.4. */
static double student_within(size_t degrees, double angle)
{
  const double pi = 3.14159265358979323846;
  const double square = cos(angle) * cos(angle);
  double term = degrees % 2 == 1 ? cos(angle) : 1;
  double sum = 0;
  for (size_t i = degrees % 2; i < degrees; i += 2) {
    sum += term;
    term *= square * (double)(i + 1) / (double)(i + 2);
  }
  return degrees % 2 == 1 ? 2 / pi * (angle + sin(angle) * sum) : sin(angle) * sum;
}

/* t with P(|T| <= t) = 0.95: the angle is halved down to one double. */
static double student_quantile(size_t degrees)
{
  enum { HALVINGS = 60 };
  double low = 0;
  double high = 1.5707963267948966; /* pi / 2 */
  for (int i = 0; i < HALVINGS; ++i) {
    const double middle = (low + high) / 2;
    if (student_within(degrees, middle) < 0.95) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return sqrt((double)degrees) * tan(high);
}

/* ---- intervals and counts ---- */

static double mean_of(size_t count, const double *values)
{
  double sum = 0;
  for (size_t i = 0; i < count; ++i)
    sum += values[i];
  return sum / (double)count;
}

ag_interval ag_student_interval(size_t count, const double *values)
{
  if (count == 1) return (ag_interval){0, 1};
  const double n = (double)count;
  const double mean = mean_of(count, values);
  double squares = 0;
  for (size_t i = 0; i < count; ++i)
    squares += (values[i] - mean) * (values[i] - mean);
  const double half = student_quantile(count - 1) * sqrt(squares / (n - 1)) / sqrt(n);
  return (ag_interval){fmax(0, mean - half), fmin(1, mean + half)};
}

static bool is_right(const uint8_t *bits, size_t draw)
{
  return (bits[draw / 8] >> draw % 8 & 1) != 0;
}

ag_status ag_summarise_draws(const ag_details *details, const ag_outcome *outcomes,
                             uint32_t *clean_correct, uint32_t *robust_correct,
                             ag_draw_summary *summary)
{
  ag_status status = AG_OK;
  double *accuracies = NULL;
  const size_t draws = details->form->draws;
  const size_t images = ag_details_images(details, AG_DETAIL_DRAWS);
  AG_TRY(ag_allocate(draws, sizeof *accuracies, &accuracies));
  memset(clean_correct, 0, draws * sizeof *clean_correct);
  memset(robust_correct, 0, draws * sizeof *robust_correct);
  for (size_t i = 0; i < images; ++i) {
    const uint8_t *clean = ag_details_value(details, AG_DETAIL_DRAWS, AG_SIDE_CLEAN, i);
    const uint8_t *attacked = ag_details_value(details, AG_DETAIL_DRAWS, AG_SIDE_ATTACKED, i);
    const bool was_attacked = outcomes[i].clean_prediction == outcomes[i].label;
    for (size_t draw = 0; draw < draws; ++draw) {
      clean_correct[draw] += is_right(clean, draw);
      robust_correct[draw] += was_attacked && is_right(clean, draw) && is_right(attacked, draw);
    }
  }
  for (size_t draw = 0; draw < draws; ++draw)
    accuracies[draw] = (double)robust_correct[draw] / (double)images;
  *summary = (ag_draw_summary){mean_of(draws, accuracies), ag_student_interval(draws, accuracies)};
cleanup:
  ag_release(&accuracies);
  return status;
}
