/* The shortest of a number's decimal forms that are read as that number. */
#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* True where the value has no digits. */
static int write_special(double value, char text[AG_DIGITS_SIZE])
{
  if (isfinite(value)) return 0;
  snprintf(text, AG_DIGITS_SIZE, "%s", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
  return 1;
}

void ag_double_text(double value, char text[AG_DIGITS_SIZE])
{
  enum { ALWAYS_THERE = 15, ENOUGH = 17 }; /* decimal digits of a double */
  if (write_special(value, text)) return;
  for (int digits = ALWAYS_THERE; digits <= ENOUGH; ++digits) {
    snprintf(text, AG_DIGITS_SIZE, "%.*g", digits, value);
    if (strtod(text, NULL) == value) return;
  }
}

void ag_single_text(float value, char text[AG_DIGITS_SIZE])
{
  enum { ALWAYS_THERE = 6, ENOUGH = 9 };
  if (write_special((double)value, text)) return;
  for (int digits = ALWAYS_THERE; digits <= ENOUGH; ++digits) {
    snprintf(text, AG_DIGITS_SIZE, "%.*g", digits, (double)value);
    if (strtof(text, NULL) == value) return;
  }
}
