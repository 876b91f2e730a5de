/* The rows of the table of attacks, each in the file named after it. */
#ifndef ADVGRID_ATTACK_ATTACK_H
#define ADVGRID_ATTACK_ATTACK_H

#include "advgrid/attack.h"

/* For an attack that follows gradients, see ag_attack_draws. */
extern const char *const ag_attack_as_many[];
#define AG_EXPECTATION_OPTION                                                                \
  {                                                                                          \
    .name = "expectation_draws", .type = AG_OPTION_COUNT, .late = true, .initial = "auto",   \
    .minimum = 1, .maximum = 10000, .words = ag_attack_as_many,                              \
    .help = "passes over a random network whose mean gradient the attack follows; auto: as " \
            "many as a prediction takes"                                                     \
  }

/* Floats of scratch that hold `count` items of that size. */
static inline size_t ag_floats_for(size_t count, size_t size)
{
  return ag_round_up(count * size, sizeof(float)) / sizeof(float);
}

/** |x - x0|_2^2 of one image. */
double ag_squared_distance(size_t floats, const float *x0, const float *x);

/** Of each image in `adversarial` that is not the clean one: the first on the straight line from it
 *  outwards, from where it is to 4.5 times as far, of which fresh calls of the target all say a
 *  margin below 0, and of `margin` at most; the clean image where there is none. step: of the first
 *  of at most 256 calls. Uses the scratch, of which it wants ag_settle_scratch_floats. */
void ag_settle(ag_attack_call *call, uint32_t step, float margin);
size_t ag_settle_scratch_floats(const ag_target *target);

extern const ag_attack ag_attack_fgsm, ag_attack_pgd, ag_attack_uniform, ag_attack_cw,
    ag_attack_certify, ag_attack_transfer;

#endif
