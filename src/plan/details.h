/* plan/details.h: which images of a job bring home more than their outcomes. */
#ifndef ADVGRID_PLAN_DETAILS_H
#define ADVGRID_PLAN_DETAILS_H

#include "advgrid/plan.h"

/** What the images of a defense's models bring home, network being one of them. form: overwritten.
 *  Fails with AG_BAD_JOB where the network has no latent space behind the layer that the job names,
 *  and where a unit would bring home more than a message holds. */
ag_status ag_details_plan(const ag_job *job, const ag_dataset *dataset, const ag_entry *defense,
                          const ag_network *network, ag_details_form *form);
/** The same of all defenses of a job that asks for details, before there is a plan, while the lines
 *  of its file are known; fails likewise, naming the defense. */
ag_status ag_details_check(const ag_job *job, const ag_dataset *dataset);
/** Bytes that the details of a model's largest unit take on a rank, on their way too. */
size_t ag_details_rank_bytes(const ag_job *job, const ag_details_form *form);

#endif
