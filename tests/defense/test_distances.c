/* Losses and decisions by distances in a latent space: cases worked out by hand, and gradients
 * against central differences. */
#include "support/fixture.h"

#include "defense/distances.h"

enum { COUNT = 7, FLOATS = 16, VALUES = COUNT * FLOATS };
static const uint8_t labels[COUNT] = {0, 1, 0, 2, 1, 0, 2};
static const double scale = 0.125;

/* ---- by hand ---- */

/* In the plane: (0,0) and (3,4) of one class, (0,1) of another. Distances 5, 1 and sqrt 18. */
static const float plane[] = {0, 0, 3, 4, 0, 1};
static const uint8_t plane_labels[] = {7, 7, 3};

static void contrastive_loss_is_equation_5(void **state)
{
  (void)state;
  float gradient[6];
  const double loss = ag_latent_contrastive(3, 2, plane, plane_labels, 2, 1, gradient);
  /* Each of the three has two pairs: (25 + 1) / 2, (25 + 0) / 2, (1 + 0) / 2. */
  assert_number_close(loss, 13 + 12.5 + 0.5, 1e-12, 0);
  /* Of (0,0): 2 ((0,0) - (3,4)) by the first, 2 (2 - 1) / 1 towards (0,1) by the other, since a
   * gradient points to where the loss is larger. */
  const float want[] = {-6, -8 + 2, 6, 8, 0, -2};
  for (size_t i = 0; i < 6; ++i)
    assert_number_close((double)gradient[i], (double)want[i], 1e-6, 0);
}

static void one_point_has_no_pair(void **state)
{
  (void)state;
  float gradient[2] = {5, 5};
  assert_true(ag_latent_contrastive(1, 2, plane, plane_labels, 2, 1, gradient) == 0);
  assert_true(gradient[0] == 0 && gradient[1] == 0);
}

static void triplet_loss_is_by_hand(void **state)
{
  (void)state;
  const float attacked[] = {0, 2, 3, 4, 0, 1};
  float gradient[6];
  float attacked_gradient[6];
  const double loss =
      ag_latent_triplet(3, 2, plane, attacked, plane_labels, 1.5, 1, gradient, attacked_gradient);
  /* 2 - 1 + 1.5; 0 - sqrt 18 + 1.5 < 0; 0 - 1 + 1.5, of the nearest of class 7. */
  assert_number_close(loss, 2.5 + 0.5, 1e-6, 0);
  /* (0,0): towards (0,2), away from (0,1), and once more as the neighbour of (0,1). */
  const float want[] = {0, -1 + 1 + 1, 0, 0, 0, -1 - 1};
  const float want_attacked[] = {0, 1, 0, 0, 0, 0};
  for (size_t i = 0; i < 6; ++i) {
    assert_number_close((double)gradient[i], (double)want[i], 1e-6, 0);
    assert_number_close((double)attacked_gradient[i], (double)want_attacked[i], 1e-6, 0);
  }
}

static void a_shard_of_one_class_has_no_triplet(void **state)
{
  (void)state;
  const uint8_t same[] = {4, 4, 4};
  float gradient[6] = {1, 1, 1, 1, 1, 1};
  float attacked_gradient[6] = {1};
  assert_true(ag_latent_triplet(3, 2, plane, plane, same, 1, 1, gradient, attacked_gradient) == 0);
  for (size_t i = 0; i < 6; ++i)
    assert_true(gradient[i] == 0 && attacked_gradient[i] == 0);
}

static void logits_are_distances_to_the_nearest(void **state)
{
  (void)state;
  const float points[] = {0, 0, 9, 9, /* class 0 */ 0, 3, 0, 2, /* class 1 */ 5, 5, 1, 0};
  const ag_references references = {3, 2, 2, points};
  const float image[] = {0, 1};
  float logits[8];
  float gradient[2];
  uint32_t nearest[3];
  ag_latent_logits(&references, 1, 8, image, logits, nearest);
  const float want[] = {-1, -1, -2, 0, 0, 0, 0, 0};
  assert_same_bits(logits, want, 8);
  assert_true(nearest[0] == 0 && nearest[1] == 1 && nearest[2] == 1);
  const float dlogits[] = {1, 0, 2, 0, 0, 0, 0, 0};
  ag_latent_logits_back(&references, 1, 8, image, nearest, dlogits, gradient);
  assert_number_close((double)gradient[0], -2 * 0 + 2 * -2 * -1, 1e-6, 0);
  assert_number_close((double)gradient[1], -2 * 1 + 2 * -2 * 1, 1e-6, 0);
}

/* ---- central differences ---- */

typedef struct fixture {
  float points[VALUES], attacked[VALUES], gradient[VALUES], attacked_gradient[VALUES];
  float unused[2][VALUES];
} fixture;

static fixture *start(void)
{
  fixture *f = (fixture *)test_bytes(sizeof *f);
  test_fill(f->points, VALUES, 1, -1, 1);
  test_fill(f->attacked, VALUES, 2, -1, 1);
  return f;
}

static double contrastive(fixture *f)
{
  return ag_latent_contrastive(COUNT, FLOATS, f->points, labels, 3.3, scale, f->unused[0]);
}

static double triplet(fixture *f)
{
  return ag_latent_triplet(COUNT, FLOATS, f->points, f->attacked, labels, 0.5, scale, f->unused[0],
                           f->unused[1]);
}

static void check_slopes(fixture *f, double (*loss)(fixture *f), float *values,
                         const float *gradient)
{
  const float step = 0x1p-9F;
  for (size_t i = 0; i < VALUES; ++i) {
    const float kept = values[i];
    values[i] = kept + step;
    const double high = loss(f);
    values[i] = kept - step;
    const double low = loss(f);
    values[i] = kept;
    assert_number_close((double)gradient[i], scale * (high - low) / (2 * (double)step), 1e-5, 1e-4);
  }
}

static void gradients_are_slopes(void **state)
{
  (void)state;
  fixture *f = start();
  (void)ag_latent_contrastive(COUNT, FLOATS, f->points, labels, 3.3, scale, f->gradient);
  check_slopes(f, contrastive, f->points, f->gradient);
  const double loss = ag_latent_triplet(COUNT, FLOATS, f->points, f->attacked, labels, 0.5, scale,
                                        f->gradient, f->attacked_gradient);
  assert_true(loss > 0);
  check_slopes(f, triplet, f->points, f->gradient);
  check_slopes(f, triplet, f->attacked, f->attacked_gradient);
  free(f);
}

/* Points that coincide have no direction, and no NaN. */
static void coinciding_points_have_no_gradient(void **state)
{
  (void)state;
  const float twice[] = {1, 2, 1, 2};
  const uint8_t differ[] = {0, 1};
  float gradient[4];
  float attacked_gradient[4];
  assert_number_close(ag_latent_contrastive(2, 2, twice, differ, 2, 1, gradient), 8, 1e-12, 0);
  for (size_t i = 0; i < 4; ++i)
    assert_true(gradient[i] == 0);
  assert_number_close(
      ag_latent_triplet(2, 2, twice, twice, differ, 2, 1, gradient, attacked_gradient), 4, 1e-12,
      0);
  for (size_t i = 0; i < 4; ++i)
    assert_true(gradient[i] == 0 && attacked_gradient[i] == 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(contrastive_loss_is_equation_5),
      cmocka_unit_test(one_point_has_no_pair),
      cmocka_unit_test(triplet_loss_is_by_hand),
      cmocka_unit_test(a_shard_of_one_class_has_no_triplet),
      cmocka_unit_test(logits_are_distances_to_the_nearest),
      cmocka_unit_test(gradients_are_slopes),
      cmocka_unit_test(coinciding_points_have_no_gradient),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
