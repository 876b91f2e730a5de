/* The rows of the table of defenses, each in the file named after it. */
#ifndef ADVGRID_DEFENSE_DEFENSE_H
#define ADVGRID_DEFENSE_DEFENSE_H

#include "advgrid/defense.h"

extern const ag_defense ag_defense_none, ag_defense_gaussian_noise, ag_defense_adversarial_training,
    ag_defense_latent, ag_defense_lipschitz;

#endif
