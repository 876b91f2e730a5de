/* store/match.h: which work of one plan goes on as which of another. */
#ifndef ADVGRID_STORE_MATCH_H
#define ADVGRID_STORE_MATCH_H

#include "store/keyed.h"

#include "advgrid/plan.h"

/* Two plans, the old and the new one. */
typedef struct ag_match {
  const ag_plan *was, *now;                                    /* borrowed */
  ag_keyed *was_models, *was_points, *now_models, *now_points; /* sorted */
  /* The entry of the new job that has the name or the value of the old one's; SIZE_MAX: none. */
  size_t *defenses, *seeds, *attacks, *epsilons;
} ag_match;

/** Freed by ag_match_clear, also where it fails. */
ag_status ag_match_start(ag_match *match, const ag_plan *was, const ag_plan *now);
void ag_match_clear(ag_match *match);

/** What an old model or point goes on as: that which has its key, or else that which has its names,
 *  unless the old plan had that under other names. SIZE_MAX: nothing. */
size_t ag_match_model(const ag_match *match, size_t model);
size_t ag_match_point(const ag_match *match, size_t point);

bool ag_is_same_key(const ag_digest *one, const ag_digest *other);

#endif
