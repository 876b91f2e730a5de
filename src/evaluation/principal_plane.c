/* Principal components of points: two axes, and where points lie on them. All sums are in double
 * precision and in a fixed order. */
#include "advgrid/evaluation.h"
#include "advgrid/kernels.h"

#include <math.h>

enum { AXES = 2 };

/* Relative to the largest: below, an eigenvalue is what rounding has left. */
static const double LEAST_VARIANCE = 1e-12;

/* The cross products are taken of points or of components, whichever are fewer: both have the same
 * eigenvalues other than zero. */
typedef struct principal {
  size_t count, floats;
  bool by_component;
  size_t rows, columns; /* of what is multiplied */
  double *mean;         /* [floats] */
  double *centred;      /* [rows, columns] */
  double *products;     /* [rows, rows] */
  double *vectors;      /* [AXES, rows] */
  double *axes;         /* [AXES, floats] */
  double *scratch;
} principal;

static ag_status allocate(principal *self)
{
  ag_status status = AG_OK;
  AG_TRY(ag_allocate(self->floats, sizeof(double), &self->mean));
  AG_TRY(ag_allocate(self->count * self->floats, sizeof(double), &self->centred));
  AG_TRY(ag_allocate(self->rows * self->rows, sizeof(double), &self->products));
  AG_TRY(ag_allocate(AXES * self->rows, sizeof(double), &self->vectors));
  AG_TRY(ag_allocate(AXES * self->floats, sizeof(double), &self->axes));
  AG_TRY(ag_allocate(ag_eigen_scratch(self->rows), sizeof(double), &self->scratch));
cleanup:
  return status;
}

static void clear(principal *self)
{
  ag_release(&self->scratch);
  ag_release(&self->axes);
  ag_release(&self->vectors);
  ag_release(&self->products);
  ag_release(&self->centred);
  ag_release(&self->mean);
}

static void centre(principal *self, const float *points)
{
  for (size_t i = 0; i < self->count; ++i) {
    for (size_t k = 0; k < self->floats; ++k)
      self->mean[k] += (double)points[i * self->floats + k];
  }
  for (size_t k = 0; k < self->floats; ++k)
    self->mean[k] /= (double)self->count;
  for (size_t i = 0; i < self->count; ++i) {
    for (size_t k = 0; k < self->floats; ++k) {
      const size_t place = self->by_component ? k * self->count + i : i * self->floats + k;
      self->centred[place] = (double)points[i * self->floats + k] - self->mean[k];
    }
  }
}

/* Sums side by side, which keep a vector busy. */
static double product(size_t count, const double *a, const double *b)
{
  enum { SUMS = 8 };
  double sums[SUMS] = {0};
  size_t i = 0;
  for (; i + SUMS <= count; i += SUMS) {
    for (size_t k = 0; k < SUMS; ++k)
      sums[k] += a[i + k] * b[i + k];
  }
  for (; i < count; ++i)
    sums[0] += a[i] * b[i];
  double sum = 0;
  for (size_t k = 0; k < SUMS; ++k)
    sum += sums[k];
  return sum;
}

/* Returns the trace. */
static double multiply(principal *self)
{
  double trace = 0;
  for (size_t i = 0; i < self->rows; ++i) {
    const double *row = self->centred + i * self->columns;
    for (size_t j = 0; j <= i; ++j) {
      const double value = product(self->columns, row, self->centred + j * self->columns);
      self->products[i * self->rows + j] = value;
      self->products[j * self->rows + i] = value;
    }
    trace += self->products[i * self->rows + i];
  }
  return trace;
}

/* ---- axes ---- */

static void add_scaled(size_t count, double scale, const double *values, double *sum)
{
  for (size_t i = 0; i < count; ++i)
    sum[i] += scale * values[i];
}

/* From an eigenvector to an axis of length one that has the sign of the rule. */
static void make_axis(const principal *self, const double *vector, double *axis)
{
  if (self->by_component) {
    add_scaled(self->floats, 1, vector, axis);
  } else {
    for (size_t i = 0; i < self->count; ++i)
      add_scaled(self->floats, vector[i], self->centred + i * self->floats, axis);
  }
  size_t largest = 0;
  for (size_t k = 1; k < self->floats; ++k) {
    if (fabs(axis[k]) > fabs(axis[largest])) largest = k;
  }
  const double length = copysign(sqrt(product(self->floats, axis, axis)), axis[largest]);
  for (size_t k = 0; k < self->floats; ++k)
    axis[k] /= length;
}

/* False where points are not finite. */
static bool find_axes(principal *self, double shares[AXES])
{
  double values[AXES] = {0};
  const double trace = multiply(self);
  const size_t found = ag_minimum(AXES, self->rows);
  if (!isfinite(trace)) return false;
  if (trace == 0) return true;
  if (!ag_eigen_largest(self->rows, self->products, found, values, self->vectors, self->scratch)) {
    return false;
  }
  for (size_t i = 0; i < found; ++i) {
    if (values[i] <= LEAST_VARIANCE * values[0]) continue;
    shares[i] = values[i] / trace;
    make_axis(self, self->vectors + i * self->rows, self->axes + i * self->floats);
  }
  return true;
}

static void place(const principal *self, const float *points, double *plane)
{
  for (size_t i = 0; i < self->count; ++i) {
    for (size_t axis = 0; axis < AXES; ++axis) {
      double sum = 0;
      for (size_t k = 0; k < self->floats; ++k) {
        sum += ((double)points[i * self->floats + k] - self->mean[k]) *
               self->axes[axis * self->floats + k];
      }
      plane[AXES * i + axis] = sum;
    }
  }
}

ag_status ag_principal_plane(size_t count, size_t floats, const float *fitted, const float *others,
                             double *fitted_plane, double *others_plane, double shares[2])
{
  ag_status status = AG_OK;
  principal self = {.count = count, .floats = floats, .by_component = floats <= count};
  self.rows = self.by_component ? floats : count;
  self.columns = self.by_component ? count : floats;
  shares[0] = shares[1] = 0;
  AG_TRY(allocate(&self));
  centre(&self, fitted);
  if (find_axes(&self, shares)) {
    place(&self, fitted, fitted_plane);
    place(&self, others, others_plane);
  } else {
    for (size_t i = 0; i < AXES * count; ++i)
      fitted_plane[i] = others_plane[i] = (double)NAN;
  }
cleanup:
  clear(&self);
  return status;
}
