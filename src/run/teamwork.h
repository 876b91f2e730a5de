/* Training a model in a team. */
#ifndef ADVGRID_RUN_TEAMWORK_H
#define ADVGRID_RUN_TEAMWORK_H

#include "run/desk.h"

/** Takes part in the training that the desk's order names, until this rank is free again. */
void ag_teamwork_run(ag_desk *desk);

#endif
