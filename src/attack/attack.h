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

extern const ag_attack ag_attack_fgsm, ag_attack_pgd, ag_attack_uniform, ag_attack_cw,
    ag_attack_certify, ag_attack_transfer;

#endif
