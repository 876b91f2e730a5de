/* Ten classes of drawn images, told apart by shape or texture alone: colours, place, size, turn,
 * contrast, light and noise are drawn at random and say nothing. Each image depends on the seed
 * and its own number only, so that any number of them is a prefix of the same dataset. Only
 * operations that IEEE 754 rounds exactly are used: the bytes are the same on any machine. */
#include "data/dataset.h"

#include <math.h>

enum { SIDE = 32, CHANNELS = 3, CLASSES = 10, IMAGE_BYTES = SIDE * SIDE * CHANNELS };
enum { PART_TRAINING, PART_TEST };

/* What the classes look like and how hard they are: tuned so that a small network learns them
 * in two passes, and an attack with an epsilon near the contrast undoes them. */
#define CONTRAST_LEAST 0.13F
#define CONTRAST_MOST 0.42F
#define NOISE_LEAST 0.02F
#define NOISE_MOST 0.065F
#define GRADIENT_MOST 0.16F /* change of light from the middle to an edge */
#define LIGHTER_SHARE 0.7F  /* over one half: training's first steps find a slope in it */
#define TILT_MOST 0.22F     /* tangent of the turn */

/* How one image's figure lies: the part that its shape sees. */
typedef struct figure {
  float size;   /* radius of a shape, in pixels */
  float period; /* of a texture, in pixels */
  float thick;  /* of a ring's or a cross's stroke */
} figure;

/* ---- signed distances in pixels, negative inside ------------------------------ */

static float box(float x, float y, float width, float height)
{
  return fmaxf(fabsf(x) - width, fabsf(y) - height);
}

/* A stripe as wide as the gap beside it, along the other axis. */
static float stripe(float x, float period)
{
  const float turns = x / period;
  return (fabsf(turns - floorf(turns) - 0.5F) - 0.25F) * period;
}

static float disc(const figure *f, float x, float y)
{
  return sqrtf(x * x + y * y) - f->size;
}

static float ring(const figure *f, float x, float y)
{
  return fabsf(sqrtf(x * x + y * y) - f->size + f->thick) - f->thick;
}

static float square(const figure *f, float x, float y)
{
  return box(x, y, 0.88F * f->size, 0.88F * f->size);
}

static float triangle(const figure *f, float x, float y)
{
  const float side = 0.866025404F * fabsf(x) - 0.5F * y;
  return fmaxf(side, y) - 0.58F * f->size;
}

static float cross(const figure *f, float x, float y)
{
  return fminf(box(x, y, f->size, f->thick), box(x, y, f->thick, f->size));
}

static float horizontal_stripes(const figure *f, float x, float y)
{
  (void)x;
  return stripe(y, f->period);
}

static float vertical_stripes(const figure *f, float x, float y)
{
  (void)y;
  return stripe(x, f->period);
}

static float diagonal_stripes(const figure *f, float x, float y)
{
  return stripe(0.707106781F * (x + y), f->period);
}

static float checkerboard(const figure *f, float x, float y)
{
  const float a = stripe(x, 1.3F * f->period);
  const float b = stripe(y, 1.3F * f->period);
  return fmaxf(fminf(a, b), -fmaxf(a, b));
}

static float dots(const figure *f, float x, float y)
{
  const float u = x / f->period;
  const float v = y / f->period;
  const float dx = (u - floorf(u) - 0.5F) * f->period;
  const float dy = (v - floorf(v) - 0.5F) * f->period;
  return sqrtf(dx * dx + dy * dy) - 0.32F * f->period;
}

static float (*const distances[CLASSES])(const figure *f, float x, float y) = {disc,
                                                                               ring,
                                                                               square,
                                                                               triangle,
                                                                               cross,
                                                                               horizontal_stripes,
                                                                               vertical_stripes,
                                                                               checkerboard,
                                                                               diagonal_stripes,
                                                                               dots};

/* ---- one image ------------------------------------------------------------------- */

static float between(ag_random *random, float least, float most)
{
  return least + (most - least) * ag_random_uniform(random);
}

/* All that is random about an image but its noise. */
typedef struct scene {
  figure figure;
  float x, y;            /* the figure's middle */
  float turn[2];         /* cosine and sine of its turn */
  float mirror;          /* 1 or -1 */
  float noise;           /* standard deviation */
  float light[CHANNELS]; /* in the middle of the image */
  float slope[CHANNELS][2];
  float colour[CHANNELS]; /* the figure's difference from the background */
} scene;

static void draw_colours(ag_random *random, scene *s)
{
  const float contrast = between(random, CONTRAST_LEAST, CONTRAST_MOST);
  const float sign = ag_random_uniform(random) < LIGHTER_SHARE ? 1.0F : -1.0F;
  for (size_t c = 0; c < CHANNELS; ++c) {
    const float difference = sign * contrast * between(random, 0.35F, 1);
    /* Light and dark enough that neither colour is cut off, for figures of either sign. */
    const float room = 0.5F * fabsf(difference) + 0.06F;
    s->colour[c] = difference;
    s->light[c] = between(random, room, 1 - room) - 0.5F * difference;
    for (size_t axis = 0; axis < 2; ++axis)
      s->slope[c][axis] = between(random, -GRADIENT_MOST, GRADIENT_MOST) / (0.5F * SIDE);
  }
  s->noise = between(random, NOISE_LEAST, NOISE_MOST);
}

static scene draw_scene(ag_random *random)
{
  scene s;
  s.figure.size = between(random, 6.5F, 12);
  s.figure.period = between(random, 5.5F, 10);
  s.figure.thick = s.figure.size * between(random, 0.14F, 0.26F);
  s.x = between(random, 12, 20);
  s.y = between(random, 12, 20);
  const float tangent = between(random, -TILT_MOST, TILT_MOST);
  s.turn[0] = 1 / sqrtf(1 + tangent * tangent);
  s.turn[1] = tangent * s.turn[0];
  s.mirror = ag_random_below(random, 2) == 1 ? 1.0F : -1.0F;
  draw_colours(random, &s);
  return s;
}

/* Four bytes' sum is near enough to a normal number, and needs no logarithm. */
static float draw_noise(ag_random *random)
{
  const uint32_t bits = ag_random_bits(random);
  const uint32_t sum = (bits & 255U) + (bits >> 8 & 255U) + (bits >> 16 & 255U) + (bits >> 24);
  return ((float)sum - 510.0F) * (1.0F / 147.8F);
}

static uint8_t to_byte(float value)
{
  const float bounded = fminf(fmaxf(value, 0), 1);
  return (uint8_t)(bounded * 255.0F + 0.5F);
}

static void draw_image(uint64_t seed, uint32_t number, uint32_t part, uint8_t *pixels,
                       uint8_t *label)
{
  ag_random random = ag_random_stream(seed, AG_PURPOSE_SYNTHETIC, number, part);
  const scene s = draw_scene(&random);
  *label = (uint8_t)(number % CLASSES);
  for (size_t i = 0; i < SIDE; ++i) {
    for (size_t j = 0; j < SIDE; ++j, pixels += CHANNELS) {
      const float right = ((float)j + 0.5F - s.x) * s.mirror;
      const float down = (float)i + 0.5F - s.y;
      const float x = s.turn[0] * right + s.turn[1] * down;
      const float y = s.turn[0] * down - s.turn[1] * right;
      /* The edge is one pixel wide: how much of the pixel the figure covers. */
      const float inside = 0.5F - distances[*label](&s.figure, x, y);
      const float cover = fminf(fmaxf(inside, 0), 1);
      for (size_t c = 0; c < CHANNELS; ++c) {
        const float light = s.light[c] + s.slope[c][0] * ((float)j - 0.5F * (SIDE - 1)) +
                            s.slope[c][1] * ((float)i - 0.5F * (SIDE - 1));
        pixels[c] = to_byte(light + cover * s.colour[c] + s.noise * draw_noise(&random));
      }
    }
  }
}

static void draw_part(uint64_t seed, uint32_t part, const ag_dataset_part *images)
{
  for (size_t i = 0; i < images->count; ++i) {
    draw_image(seed, (uint32_t)i, part, images->pixels + i * IMAGE_BYTES, &images->labels[i]);
  }
}

static ag_status load(const ag_settings *settings, const char *folder,
                      const ag_dataset_part *training, const ag_dataset_part *test)
{
  (void)folder;
  const uint64_t seed = ag_settings_count(settings, "seed");
  draw_part(seed, PART_TRAINING, training);
  draw_part(seed, PART_TEST, test);
  return AG_OK;
}

static const ag_option options[] = {
    {.name = "seed",
     .type = AG_OPTION_COUNT,
     .initial = "1",
     .minimum = 0,
     .maximum = 4294967295.0,
     .help = "which images are drawn"},
    {.name = "training_images",
     .type = AG_OPTION_COUNT,
     .initial = "10000",
     .minimum = 1,
     .maximum = 1000000,
     .help = "images to draw"},
    {.name = "validation_images",
     .type = AG_OPTION_COUNT,
     .initial = "1000",
     .minimum = 0,
     .maximum = 999999,
     .help = "the last training images, held out of training"},
    {.name = "test_images",
     .type = AG_OPTION_COUNT,
     .initial = "2000",
     .minimum = 1,
     .maximum = 1000000,
     .help = "images to draw for the attacks"},
    {0},
};

const ag_dataset_kind ag_dataset_synthetic = {
    .kind = {"synthetic", "drawn shapes and textures in 10 classes, 32 x 32, no files", options},
    .shape = {SIDE, SIDE, CHANNELS},
    .classes = CLASSES,
    .load = load,
};
