/* The table of variants, and which of them this processor runs. */
#include "kernels/variant.h"

#include <string.h>

#ifdef __x86_64__
static bool runs_avx2(void)
{
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool runs_avx512(void)
{
  return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
#endif

static bool runs_always(void)
{
  return true;
}

typedef struct row {
  const ag_variant *variant;
  bool (*runs)(void);
} row;

/* The widest first. */
static const row rows[] = {
#ifdef __x86_64__
    {&ag_avx512_variant, runs_avx512},
    {&ag_avx2_variant, runs_avx2},
#endif
    {&ag_baseline_variant, runs_always},
};
enum { ROWS = sizeof rows / sizeof *rows };

const ag_variant *ag_variant_find(const char *name)
{
  const bool any = strcmp(name, "auto") == 0;
  for (size_t i = 0; i < ROWS; ++i) {
    if ((any || strcmp(name, rows[i].variant->name) == 0) && rows[i].runs()) {
      return rows[i].variant;
    }
  }
  return NULL;
}

const char *ag_variant_name(const ag_variant *variant)
{
  return variant->name;
}

const ag_batch_norm_kernel *ag_variant_batch_norm(const ag_variant *variant)
{
  return variant->batch_norm;
}

const ag_dense_kernel *ag_variant_dense(const ag_variant *variant)
{
  return variant->dense;
}
