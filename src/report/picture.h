/* Pictures of the page: PNG by libpng, in the page itself. */
#ifndef ADVGRID_REPORT_PICTURE_H
#define ADVGRID_REPORT_PICTURE_H

#include "report/sheet.h"

/* Pixels in [0, 1], [height, width, channels]; borrowed. */
typedef struct ag_picture {
  size_t height, width, channels; /* 1 or 3 */
  const float *pixels;
} ag_picture;

/** Appends an element with the picture. words: plain text for who does not see it. */
ag_status ag_picture_put(ag_sheet *sheet, const ag_picture *picture, const char *words);
/** What is added to `clean` to make `attacked`, times *factor, around middle grey; *factor:
 *  1, 2 or 5 times a power of ten, the largest that keeps everything in [0, 1]; 0 where nothing was
 *  added. pixels: overwritten. */
void ag_picture_difference(const ag_picture *clean, const float *attacked, float *pixels,
                           double *factor);

#endif
