/* What one core can do at most, and what the matrix products make of it. */
#include "kernels/variant.h"
#include "run/bench.h"

#include <math.h>
#include <stdlib.h>

static int compare_rates(const void *a, const void *b)
{
  const double left = *(const double *)a;
  const double right = *(const double *)b;
  return (left > right) - (left < right);
}

ag_bench_rate ag_bench_rate_of(double rates[AG_BENCH_REPEATS])
{
  qsort(rates, AG_BENCH_REPEATS, sizeof *rates, compare_rates);
  return (ag_bench_rate){.median = rates[AG_BENCH_REPEATS / 2],
                         .least = rates[0],
                         .most = rates[AG_BENCH_REPEATS - 1]};
}

size_t ag_bench_turns(const ag_bench_setting *setting, double turn)
{
  enum { TURNS_MAXIMUM = 20000 }; /* so many steps are fewer epochs than a training may have */
  double slowest = 0;
  MPI_Allreduce(&turn, &slowest, 1, MPI_DOUBLE, MPI_MAX, setting->team.communicator);
  const double turns = setting->request->seconds / AG_BENCH_REPEATS / fmax(slowest, 1e-9);
  return turns < 1 ? 1 : turns > TURNS_MAXIMUM ? TURNS_MAXIMUM : (size_t)turns;
}

double ag_bench_fma_peak(const ag_variant *variant, double seconds)
{
  enum { ROUNDS = 100000 }; /* a fraction of a millisecond */
  double best = 0;
  float sum = 0;
  const double start = ag_clock_seconds();
  double now = start;
  /* Many short runs: the best of them met no interrupt. */
  do {
    const double before = now;
    const double flops = variant->fma_chains(ROUNDS, &sum);
    now = ag_clock_seconds();
    if (now > before) best = fmax(best, flops / (now - before));
  } while (now - start < seconds);
  return best;
}

/* A plane's product of a convolution from 128 to 128 channels, for 128 tiles. */
enum { PLANES = 36, SIDE = 128, PLANE = SIDE * SIDE + 16 };

/* By the variant's own product, b being in panels, which are as many floats; NULL: by OpenBLAS. */
static void multiply(const ag_variant *variant, const float *a, const float *b, float *c)
{
  if (variant != NULL) {
    variant->multiply(SIDE, SIDE, SIDE, a, SIDE, 1, b, 0, false, c, SIDE);
  } else {
    ag_gemm(false, false, SIDE, SIDE, SIDE, a, SIDE, b, SIDE, false, c, SIDE);
  }
}

static double run_products(const ag_variant *variant, size_t turns, float *const matrices[3])
{
  const double start = ag_clock_seconds();
  for (size_t turn = 0; turn < turns; ++turn) {
    for (size_t at = 0; at < (size_t)PLANES * PLANE; at += PLANE)
      multiply(variant, matrices[0] + at, matrices[1] + at, matrices[2] + at);
  }
  return ag_clock_seconds() - start;
}

ag_status ag_bench_gemm(const ag_variant *variant, double seconds, double *rate)
{
  ag_status status = AG_OK;
  float *matrices[3] = {0};
  double rates[AG_BENCH_REPEATS];
  for (size_t i = 0; i < 3; ++i) {
    AG_TRY(ag_allocate((size_t)PLANES * PLANE, sizeof(float), &matrices[i]));
    for (size_t j = 0; j < (size_t)PLANES * PLANE; ++j)
      matrices[i][j] = (float)(j % 7) - 3;
  }
  run_products(variant, 1, matrices);
  const double turn = run_products(variant, 1, matrices);
  const size_t turns = 1 + (size_t)(seconds / AG_BENCH_REPEATS / fmax(turn, 1e-9));
  for (size_t i = 0; i < AG_BENCH_REPEATS; ++i) {
    const double flops = 2.0 * PLANES * SIDE * SIDE * SIDE * (double)turns;
    rates[i] = flops / run_products(variant, turns, matrices);
  }
  *rate = ag_bench_rate_of(rates).median;
cleanup:
  for (size_t i = 0; i < 3; ++i)
    ag_release(&matrices[i]);
  return status;
}
