/* What follows from a training's epochs. */
#include "advgrid/training.h"

#include <math.h>

/* The most robust one, of equal ones the first; NULL where none was judged. */
static const ag_epoch *most_robust(size_t count, const ag_epoch *epochs)
{
  const ag_epoch *best = NULL;
  for (size_t i = 0; i < count; ++i) {
    const double accuracy = epochs[i].robust_validation_accuracy;
    if (isnan(accuracy)) continue;
    if (best == NULL || accuracy > best->robust_validation_accuracy) best = &epochs[i];
  }
  return best;
}

static bool is_low(const ag_epoch *epoch, const ag_epoch *best)
{
  return best != NULL && epoch->robust_validation_accuracy < best->robust_validation_accuracy / 2;
}

bool ag_epochs_collapse(size_t count, const ag_epoch *epochs, const ag_epoch **best)
{
  const size_t last = count - 1;
  *best = most_robust(last, epochs);
  if (!is_low(&epochs[last], *best)) return false;
  return last == 0 || !is_low(&epochs[last - 1], most_robust(last - 1, epochs));
}
