/* The rows of the table of attacks, each in the file named after it. */
#ifndef ADVGRID_ATTACK_ATTACK_H
#define ADVGRID_ATTACK_ATTACK_H

#include "advgrid/attack.h"

extern const ag_attack ag_attack_fgsm, ag_attack_pgd, ag_attack_uniform, ag_attack_cw,
    ag_attack_certify, ag_attack_transfer;

#endif
