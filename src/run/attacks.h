/* Doing parts of units of attack. */
#ifndef ADVGRID_RUN_ATTACKS_H
#define ADVGRID_RUN_ATTACKS_H

#include "run/desk.h"

typedef struct ag_attacker ag_attacker;

/** Borrows the desk. */
ag_status ag_attacker_create(ag_desk *desk, ag_attacker **attacker);
void ag_attacker_destroy(ag_attacker **attacker);
/** Does the part that the desk's order names, and reports it. */
void ag_attacker_run(ag_attacker *attacker);

#endif
