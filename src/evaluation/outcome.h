/* What an outcome says at an epsilon, for all that goes by it. */
#ifndef ADVGRID_EVALUATION_OUTCOME_H
#define ADVGRID_EVALUATION_OUTCOME_H

#include "advgrid/evaluation.h"

/** Whether the attack finds distances and this one is beyond epsilon: the image stands, and is the
 *  clean one. */
bool ag_outcome_is_beyond(const ag_entry *attack, double epsilon, const ag_outcome *outcome);

#endif
