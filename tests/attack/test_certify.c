/* Certificates on targets whose draws follow a script, and on a linear network, of which the
 * smoothed probability and the distance to the nearest other class are known exactly. */
#include "support/targets.h"

#include "support/child.h"

#include "advgrid/defense.h"

/* ---- draws by a script ---------------------------------------------------------------------- */

enum { N0 = 4, N = 40, IMAGES = 3, CLASSES = 4 };

static struct {
  uint8_t say[IMAGES][N0 + N]; /* by sample and draw */
  size_t seen[IMAGES][N0 + N];
  size_t calls, most;
  size_t stops_at;   /* the call that asks the program to stop; 0: none */
  uint32_t nan_draw; /* of every image; N0 + N: none */
  bool copies_are_right;
} script;

static void scripted_draws(void *context, const float *copies, uint32_t sample, uint32_t first,
                           size_t count, float *logits)
{
  const attack_fixture *f = (const attack_fixture *)context;
  const ag_target *target = f->call.target;
  const size_t floats = ag_shape_floats(target->shape);
  assert_true(count <= target->capacity);
  script.most = count > script.most ? count : script.most;
  if (++script.calls == script.stops_at) ag_interrupt_request();
  for (size_t i = 0; i < count; ++i) {
    assert_true(sample < IMAGES && first + i < N0 + N);
    assert_memory_equal(copies + i * floats, f->pixels + sample * floats, floats * sizeof(float));
    ++script.seen[sample][first + i];
    for (size_t c = 0; c < target->stride; ++c)
      logits[i * target->stride + c] = c == script.say[sample][first + i] ? 1 : 0;
    if (first + i == script.nan_draw) logits[i * target->stride + 1] = NAN;
  }
}

typedef struct scripted {
  test_target *target;
  attack_fixture *attack;
  ag_certificate found[IMAGES];
} scripted;

static scripted start(size_t capacity)
{
  scripted f = {.target = test_target_create(CLASSES, capacity, NULL)};
  memset(&script, 0, sizeof script);
  script.nan_draw = N0 + N;
  f.target->target.pixel_noise = 0.5F;
  f.target->target.draws = scripted_draws;
  f.attack = attack_start("certify", &f.target->target, IMAGES, 0); /* labels 0, 1, 2 */
  f.target->target.context = f.attack;
  attack_set(f.attack, "n0", "4");
  attack_set(f.attack, "n", "40");
  return f;
}

static void run(scripted *f)
{
  f->attack->call.certificates = f->found;
  attack_run(f->attack);
}

static void stop(scripted *f)
{
  attack_stop(f->attack);
  test_target_destroy(f->target);
}

/* Each draw once, whatever a call may hold; the first four choose the class, the others count. */
static void every_draw_is_taken_once(void **state)
{
  (void)state;
  static const size_t capacities[] = {1, 3, 32, 64};
  for (size_t c = 0; c < 4; ++c) {
    scripted f = start(capacities[c]);
    run(&f);
    for (size_t i = 0; i < IMAGES; ++i) {
      for (size_t draw = 0; draw < N0 + N; ++draw)
        assert_int_equal(script.seen[i][draw], 1);
      assert_int_equal(f.found[i].prediction, 0); /* whatever the label is */
      /* All of 40: low = 0.001^(1/40) = 0.8414, and sigma is 1/2. */
      assert_number_close((double)f.found[i].l2, 0.5 * 1.0002083, 1e-6, 0);
      assert_number_close((double)f.found[i].linf, (double)f.found[i].l2 / sqrt(18), 0, 1e-6);
      assert_true(f.found[i].margin == (i == 0 ? 1 : -1) &&
                  f.found[i].clean_margin == f.found[i].margin);
    }
    assert_int_equal(script.most, capacities[c] < N ? capacities[c] : N);
    assert_int_equal(f.attack->call.cost.forwards, IMAGES * (N0 + N));
    assert_int_equal(f.attack->call.cost.gradients, 0);
    stop(&f);
  }
}

/* Image 0: the first draws say 2, the others 1. Image 1: 26 and 14 of 40. Image 2: 36 and 4. */
static void who_is_not_sure_abstains(void **state)
{
  (void)state;
  scripted f = start(7);
  memset(script.say[0], 2, N0);
  memset(script.say[0] + N0, 1, N);
  memset(script.say[1], 3, N0 + 26);
  memset(script.say[2] + 1, 2, N0 + 35);
  run(&f);
  assert_int_equal(f.found[0].prediction, 2);
  assert_true(f.found[0].l2 == 0 && f.found[0].linf == 0);
  assert_true(f.found[0].clean_margin == -1 && f.found[0].margin == -1); /* the label is 0 */
  assert_int_equal(f.found[1].prediction, 3);
  assert_true(f.found[1].l2 == 0); /* the bound of 26 of 40 is 0.40 */
  assert_int_equal(f.found[2].prediction, 2);
  assert_true(f.found[2].clean_margin == 0.5F && f.found[2].margin == 0.8F); /* 3 : 1, 36 : 4 */
  /* SciPy: norm.ppf(beta.ppf(0.001, 36, 5)) / 2 */
  assert_number_close((double)f.found[2].l2, 0.2294999884605, 1e-7, 0);
  stop(&f);
}

/* Of ties the first class is taken. */
static void the_first_of_equals_is_chosen(void **state)
{
  (void)state;
  scripted f = start(7);
  script.say[0][0] = script.say[0][1] = 3;
  script.say[0][2] = script.say[0][3] = 1;
  run(&f);
  assert_int_equal(f.found[0].prediction, 1);
  stop(&f);
}

/* 37 of 40 for class 0, the others 2 : 1. SciPy: low = beta.ppf(0.0005, 37, 4), high =
 * beta.isf(0.0005 / 3, 3, 38), below 1 - low; the radius as make_proportions.py has it. */
static void lecuyers_bound_knows_the_runner_up(void **state)
{
  (void)state;
  scripted f = start(7);
  attack_set(f.attack, "bound", "lecuyer");
  script.say[0][10] = script.say[0][20] = 2;
  script.say[0][30] = 3;
  memset(script.say[1] + N0, 1, N / 2);
  run(&f);
  assert_number_close((double)f.found[0].l2, 0.0699575254219, 1e-7, 0);
  assert_int_equal(f.found[1].prediction, 0);
  assert_true(f.found[1].l2 == 0); /* half say the other class */
  stop(&f);
}

static void no_number_is_no_vote(void **state)
{
  (void)state;
  for (uint32_t draw = 0; draw < N0 + N; draw += 9) {
    scripted f = start(7);
    script.nan_draw = draw;
    run(&f);
    for (size_t i = 0; i < IMAGES; ++i)
      assert_true(isnan(f.found[i].l2) && isnan(f.found[i].linf));
    stop(&f);
  }
}

/* The call that is under way is the last. */
static int stops_between_draws(void *context)
{
  (void)context;
  scripted f = start(7);
  script.stops_at = 3;
  run(&f);
  stop(&f);
  return script.calls == 3 && ag_interrupted() ? 0 : 1;
}

static void it_stops_when_asked(void **state)
{
  (void)state;
  assert_int_equal(child_run(stops_between_draws, NULL), 0);
}

/* ---- a linear network -------------------------------------------------------------------------
 */

enum { SIDE = 4, VALUES = SIDE * SIDE * 3, SEED = 7 };
static const ag_shape square = {SIDE, SIDE, 3};
static const double sigma = 0.25;

/* Two classes, z = w x + b; all that matters is w = w1 - w0 and b = b1 - b0. */
typedef struct linear {
  ag_network *network;
  ag_defended *defended;
  double w[VALUES], b;
  double length; /* of w */
} linear;

static linear make_linear(size_t capacity)
{
  linear f = {0};
  ag_entry model;
  ag_entry defense;
  ag_layer_list layers;
  ag_entry_start(&model, ag_kind_find(ag_architecture_table, "linear"));
  ag_entry_start(&defense, ag_kind_find(ag_defense_table, "gaussian-noise"));
  assert_int_equal(ag_settings_set(&defense.settings, "after", "pixels"), AG_OK);
  assert_int_equal(ag_settings_set(&defense.settings, "sigma", "0.25"), AG_OK);
  assert_int_equal(ag_settings_set(&defense.settings, "draws", "1"), AG_OK);
  assert_int_equal(ag_defense_layers(&defense, &model, 2, &layers), AG_OK);
  assert_int_equal(ag_network_create(&layers, square, 2, &f.network), AG_OK);
  const float zero[3] = {0};
  const float one[3] = {1, 1, 1};
  ag_network_initialise(f.network, 5, zero, one);
  for (size_t i = 0; i < ag_network_parameter_count(f.network); ++i) {
    const ag_parameter *parameter = ag_network_parameter(f.network, i);
    float file[2 * VALUES]; /* [out, in * height * width], channels first */
    if (!parameter->trained) continue;
    ag_parameter_export(parameter, ag_network_values(f.network), file);
    if (parameter->layout == AG_LAYOUT_VECTOR) {
      f.b = (double)file[1] - (double)file[0];
      continue;
    }
    for (size_t k = 0; k < VALUES; ++k) {
      const size_t pixel = k % ((size_t)SIDE * SIDE);
      const size_t channel = k / ((size_t)SIDE * SIDE);
      f.w[pixel * 3 + channel] = (double)file[VALUES + k] - (double)file[k];
    }
  }
  for (size_t k = 0; k < VALUES; ++k)
    f.length += f.w[k] * f.w[k];
  f.length = sqrt(f.length);
  ag_network_prepare(f.network, false, NULL);
  assert_int_equal(ag_defended_create(&defense, f.network, NULL, capacity, SEED, &f.defended),
                   AG_OK);
  return f;
}

static void destroy_linear(linear *f)
{
  ag_defended_destroy(&f->defended);
  ag_network_destroy(&f->network);
}

/* The image's signed distance to the plane between the classes. */
static double distance(const linear *f, const float *image)
{
  double z = f->b;
  for (size_t k = 0; k < VALUES; ++k)
    z += f->w[k] * (double)image[k / 3 * ag_channels_padded(3) + k % 3];
  return z / f->length;
}

static ag_certificate certify(const linear *f, attack_fixture *attack, size_t image, const char *n)
{
  ag_certificate found;
  const ag_target *target = ag_defended_target(f->defended);
  const size_t floats = ag_shape_floats(target->shape);
  attack_set(attack, "n", n);
  attack->call.certificates = &found;
  attack->call.images = (ag_attack_images){attack->pixels + image * floats, attack->labels + image,
                                           attack->samples + image, 1};
  attack_run(attack);
  return found;
}

/* Noise moves z by N(0, (sigma |w|)^2), so that the smoothed classifier says the image's class with
 * probability Phi(d / sigma), and Cohen's radius would be the distance d itself. Draws show the
 * probability, and the certified radius comes to d from below. */
static void radii_come_to_the_distance_from_below(void **state)
{
  (void)state;
  static const char *const ns[] = {"100", "1000", "10000"};
  enum { PICTURES = 8 };
  linear f = make_linear(32);
  attack_fixture *attack = attack_start("certify", ag_defended_target(f.defended), PICTURES, 0);
  size_t certified = 0;
  assert_true(ag_defended_target(f.defended)->pixel_noise == 0.25F);
  for (size_t i = 0; i < PICTURES; ++i) {
    float *image = attack->pixels + i * ag_shape_floats(square);
    const double d = distance(&f, image);
    const double p = 0.5 * erfc(-fabs(d) / sigma * M_SQRT1_2);
    double gap = INFINITY;
    for (size_t k = 0; k < 3; ++k) {
      const double n = strtod(ns[k], NULL);
      const ag_certificate found = certify(&f, attack, i, ns[k]);
      const double said = (1 + fabs((double)found.margin)) / 2; /* share of the leading class */
      assert_true(fabs(said - p) < 4.5 * sqrt(p * (1 - p) / n) + 1 / n);
      if (found.l2 > 0) {
        assert_int_equal(found.prediction, d > 0);
        assert_true((double)found.l2 < fabs(d));
        assert_true(fabs(d) - (double)found.l2 < gap);
        gap = fabs(d) - (double)found.l2;
        ++certified;
      }
    }
    if (p < 0.995 && p > 0.6) assert_true(gap < 0.3 * sigma);
  }
  assert_true(certified > (size_t)2 * PICTURES);
  attack_stop(attack);
  destroy_linear(&f);
}

/* The same bits for shards of any size, and other draws for another image. */
static void draws_belong_to_images(void **state)
{
  (void)state;
  enum { DRAWS = 20 };
  linear f = make_linear(DRAWS);
  const ag_target *target = ag_defended_target(f.defended);
  const size_t floats = ag_shape_floats(square);
  const size_t stride = target->stride;
  float *copies = test_floats(DRAWS * floats);
  float *all = test_floats(DRAWS * stride);
  float *part = test_floats(DRAWS * stride);
  for (size_t i = 0; i < DRAWS * floats; ++i)
    copies[i] = i % floats % ag_channels_padded(3) < 3 ? 0.5F : 0;
  target->draws(target->context, copies, 6, 100, DRAWS, all);
  for (size_t from = 0; from < DRAWS; from += 7) {
    const size_t count = DRAWS - from < 7 ? DRAWS - from : 7;
    target->draws(target->context, copies, 6, 100 + (uint32_t)from, count, part);
    assert_same_bits(part, all + from * stride, count * stride);
  }
  for (size_t i = 1; i < DRAWS; ++i)
    assert_true(all[i * stride] != all[0]);
  target->draws(target->context, copies, 7, 100, DRAWS, part);
  for (size_t i = 0; i < DRAWS; ++i)
    assert_true(part[i * stride] != all[i * stride]);
  /* Nor are they those of the calls that attacks and verdicts make. */
  const uint32_t samples[] = {100, 101, 102};
  const uint8_t labels[3] = {0};
  const ag_attack_images images = {copies, labels, samples, 3};
  target->logits(target->context, &images, AG_VERDICT_STEP, part);
  for (size_t i = 0; i < 3; ++i) {
    for (size_t k = 0; k < DRAWS; ++k)
      assert_true(part[i * stride] != all[k * stride]);
  }
  free(copies);
  free(all);
  free(part);
  destroy_linear(&f);
}

static void leaves_no_memory(void **state)
{
  (void)state;
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_draw_is_taken_once),
      cmocka_unit_test(who_is_not_sure_abstains),
      cmocka_unit_test(the_first_of_equals_is_chosen),
      cmocka_unit_test(lecuyers_bound_knows_the_runner_up),
      cmocka_unit_test(no_number_is_no_vote),
      cmocka_unit_test(it_stops_when_asked),
      cmocka_unit_test(radii_come_to_the_distance_from_below),
      cmocka_unit_test(draws_belong_to_images),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
