/* plan/difference.h: how two jobs differ, in words, where a result depends on it. */
#ifndef ADVGRID_PLAN_DIFFERENCE_H
#define ADVGRID_PLAN_DIFFERENCE_H

#include "advgrid/plan.h"

/* Two jobs, and the entries of each that are compared. */
typedef struct ag_job_pair {
  const ag_job *was, *now;
  size_t was_defense, now_defense;
  size_t was_attack, now_attack;
  bool other_images; /* the datasets' digests differ */
} ag_job_pair;

/** Appends why a model of one job is not that of the other: "training.epochs was 12 and is 13,
 *  defense 'noise': sigma was 0.1 and is 0.2". Nothing where nothing that is in a job differs. */
ag_status ag_difference_of_models(const ag_job_pair *pair, ag_text *text);
/** The same for points of the same model. */
ag_status ag_difference_of_points(const ag_job_pair *pair, ag_text *text);

/** The set of ag_augmentation as a job writes it: "[flip, crop]". */
const char *ag_augmentation_text(unsigned augmentation);

/** How two jobs differ beside name, `run:`, seeds, defenses, attacks and epsilons: "training.epochs
 *  is 12 in results/a and 13 in results/b", by their places. Nothing where they agree. */
ag_status ag_difference_of_jobs(const ag_job *one, const ag_job *other, const char *const places[2],
                                ag_text *text);
/** The same for two entries of a list, which go by their name; role: "defense" or "attack". */
ag_status ag_difference_of_entries(const char *role, const ag_entry *one, const ag_entry *other,
                                   const char *const places[2], ag_text *text);

#endif
