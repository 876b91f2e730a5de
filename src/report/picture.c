/* PNG in memory, as base64 in the page. The one user of libpng. */
#include "report/picture.h"

#include <math.h>
#include <png.h>

static const float MIDDLE = 0.5F;

static ag_status fail(const png_image *image)
{
  return ag_fail(AG_IO_ERROR, "libpng: %s", image->message);
}

static uint8_t byte_of(float pixel)
{
  if (!(pixel > 0)) return 0; /* and what is no number */
  return pixel >= 1 ? 255 : (uint8_t)lrintf(255 * pixel);
}

ag_status ag_picture_put(ag_sheet *sheet, const ag_picture *picture, const char *words)
{
  ag_status status = AG_OK;
  uint8_t *bytes = NULL;
  uint8_t *file = NULL;
  png_alloc_size_t size = 0;
  const size_t count = picture->height * picture->width * picture->channels;
  png_image image = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)picture->width,
                     .height = (png_uint_32)picture->height,
                     .format = picture->channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB};
  AG_TRY(ag_allocate(count, 1, &bytes));
  for (size_t i = 0; i < count; ++i)
    bytes[i] = byte_of(picture->pixels[i]);
  size = PNG_IMAGE_PNG_SIZE_MAX(image);
  AG_TRY(ag_allocate(size, 1, &file));
  if (!png_image_write_to_memory(&image, file, &size, 0, bytes, 0, NULL)) {
    status = fail(&image);
    goto cleanup;
  }
  ag_sheet_put(sheet, "<img width=\"96\" height=\"96\" alt=\"");
  ag_sheet_html(sheet, words);
  ag_sheet_put(sheet, "\" src=\"data:image/png;base64,");
  ag_sheet_base64(sheet, file, size);
  ag_sheet_put(sheet, "\">");
cleanup:
  png_image_free(&image);
  ag_release(&file);
  ag_release(&bytes);
  return status;
}

/* The largest of 1, 2 and 5 times a power of ten that is no larger, but for a thousandth: pixels
 * are rounded. */
static double round_down(double value)
{
  const double near = 1.001 * value;
  const double power = pow(10, floor(log10(near)));
  return (near >= 5 * power ? 5 : near >= 2 * power ? 2 : 1) * power;
}

void ag_picture_difference(const ag_picture *clean, const float *attacked, float *pixels,
                           double *factor)
{
  const size_t count = clean->height * clean->width * clean->channels;
  float most = 0;
  for (size_t i = 0; i < count; ++i)
    most = fmaxf(most, fabsf(attacked[i] - clean->pixels[i]));
  *factor = most > 0 && isfinite(most) ? round_down((double)(MIDDLE / most)) : 0;
  for (size_t i = 0; i < count; ++i)
    pixels[i] = MIDDLE + (float)*factor * (attacked[i] - clean->pixels[i]);
}
