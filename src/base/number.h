/* base/number.h: numbers as text from which the same bits come back. */
#ifndef ADVGRID_BASE_NUMBER_H
#define ADVGRID_BASE_NUMBER_H

enum { AG_DIGITS_SIZE = 40 };

/** In the fewest digits that strtod, or strtof, reads as the same value: "0.1", "1e-300", "nan",
 *  "-inf". Overwritten, terminated. */
void ag_double_text(double value, char text[AG_DIGITS_SIZE]);
void ag_single_text(float value, char text[AG_DIGITS_SIZE]);

#endif
