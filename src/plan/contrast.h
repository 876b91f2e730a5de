/* plan/contrast.h: several jobs beside each other, place by place. */
#ifndef ADVGRID_PLAN_CONTRAST_H
#define ADVGRID_PLAN_CONTRAST_H

#include "advgrid/plan.h"

/* A place where jobs differ, "training.epochs" or "defense 'at': epsilon", and what each has. */
typedef struct ag_contrast_row {
  char place[3 * AG_NAME_SIZE];
  ag_text *texts; /* [jobs], as the job writes it; bytes NULL where nothing is given */
} ag_contrast_row;

typedef struct ag_contrast {
  size_t jobs, row_count;
  ag_contrast_row *rows;
} ag_contrast;

/** The places where at least two jobs say other things, but for name, `run:` and where the dataset
 *  lies; in the order of a job file. A setting that only some have is one, a defense or an attack
 *  that only some have is not: the lists of their names say it. Of a name with several kinds the
 *  kinds are a row, and the settings that go with all of them. jobs: [count], NULL where there is
 *  none; borrowed during the call. contrast: overwritten, freed by ag_contrast_clear, also after a
 *  failure. Fails with AG_OUT_OF_MEMORY. */
ag_status ag_contrast_jobs(const ag_job *const *jobs, size_t count, ag_contrast *contrast);
void ag_contrast_clear(ag_contrast *contrast);

#endif
