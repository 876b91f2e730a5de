/* Pictures: what libpng wrote is read back to the pixel, and the amplified perturbation. */
#include "support/fixture.h"

#include "report/picture.h"

#include <png.h>

static size_t decode(const char *text, size_t length, uint8_t *out)
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t put = 0;
  uint32_t value = 0;
  for (size_t i = 0; i < length && text[i] != '='; ++i) {
    value = value << 6 | (uint32_t)(strchr(digits, text[i]) - digits);
    if (i % 4 != 0) out[put++] = (uint8_t)(value >> (6 - 2 * (i % 4)));
  }
  return put;
}

/* The picture of these pixels as PNG has the bytes wanted. */
static void assert_picture(size_t channels, const float *pixels, const uint8_t *wanted)
{
  enum { HEIGHT = 2, WIDTH = 3 };
  static const char start[] = "base64,";
  const ag_picture picture = {HEIGHT, WIDTH, channels, pixels};
  ag_sheet sheet = {0};
  uint8_t file[4096];
  uint8_t read[HEIGHT * WIDTH * 3];
  png_image image = {.version = PNG_IMAGE_VERSION};
  assert_int_equal(ag_picture_put(&sheet, &picture, "a <b>"), AG_OK);
  assert_int_equal(sheet.status, AG_OK);
  assert_non_null(strstr(sheet.text.bytes, "alt=\"a &lt;b&gt;\""));
  const char *text = strstr(sheet.text.bytes, start) + sizeof start - 1;
  const size_t size = decode(text, strcspn(text, "\""), file);
  assert_true(png_image_begin_read_from_memory(&image, file, size));
  assert_true(image.width == WIDTH && image.height == HEIGHT);
  image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  assert_true(png_image_finish_read(&image, NULL, read, 0, NULL));
  assert_memory_equal(read, wanted, HEIGHT * WIDTH * channels);
  ag_sheet_clear(&sheet);
}

static void pixels_come_back(void **state)
{
  (void)state;
  float pixels[18];
  uint8_t wanted[18];
  for (size_t i = 0; i < 18; ++i) {
    wanted[i] = (uint8_t)(15 * i);
    pixels[i] = (float)wanted[i] / 255;
  }
  assert_picture(3, pixels, wanted);
  assert_picture(1, pixels, wanted);
}

static void pixels_beyond_are_cut(void **state)
{
  (void)state;
  const float pixels[] = {-1, 2, NAN, INFINITY, -INFINITY, 0.5F};
  const uint8_t wanted[] = {0, 255, 0, 255, 0, 128};
  assert_picture(1, pixels, wanted);
}

/* The largest of 1, 2, 5 times a power of ten by which it fits around one half. */
static void differences_are_amplified(void **state)
{
  (void)state;
  static const struct {
    float most;
    double factor;
  } cases[] = {{0.5F, 1},   {0.25F, 2}, {0.1F, 5}, {0.05F, 10}, {0.03137255F, 10},
               {0.02F, 20}, {1, 0.5},   {0, 0},    {NAN, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    const float clean[] = {0, 0.25F, 0};
    const float attacked[] = {cases[i].most, 0.25F, cases[i].most / 2};
    const ag_picture picture = {1, 3, 1, clean};
    float pixels[3];
    double factor = -1;
    ag_picture_difference(&picture, attacked, pixels, &factor);
    assert_true(fabs(factor - cases[i].factor) < 1e-9);
    if (!isnan(cases[i].most)) {
      assert_true(fabsf(pixels[0] - 0.5F - (float)factor * cases[i].most) < 1e-6F);
      assert_true(pixels[0] <= 1 + 1e-5F && pixels[1] == 0.5F);
    }
  }
}

static int leaks_nothing(void **state)
{
  (void)state;
  return ag_live_blocks() == 0 ? 0 : -1;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pixels_come_back),
      cmocka_unit_test(pixels_beyond_are_cut),
      cmocka_unit_test(differences_are_amplified),
  };
  return cmocka_run_group_tests(tests, NULL, leaks_nothing);
}
