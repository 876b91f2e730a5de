/* Details of a shard on their way home: what its verdicts' passes leave. */
#ifndef ADVGRID_EVALUATION_COLLECTOR_H
#define ADVGRID_EVALUATION_COLLECTOR_H

#include "advgrid/evaluation.h"

/* Allocates nothing. */
typedef struct ag_collector {
  ag_details details; /* form NULL: nothing is collected */
  ag_latent latent;   /* where points are */
  ag_shape shape;     /* of an image */
  size_t classes, stride;
  bool shares;  /* a verdict's logits are shares of votes, no logits */
  ag_side side; /* of the pass in hand: to be set before it */
} ag_collector;

/** What a draw of a verdict leaves, for ag_verdict_events; context: the collector. */
void ag_collector_drawn(void *context, const ag_verdict_draw *draw);

/** What is left of the images by their verdict: logits[count, stride]. Behind a clean verdict all
 *  that was collected of an image is its attacked side's too, until that is overwritten. */
void ag_collector_judged(const ag_collector *collector, const ag_attack_images *images,
                         const float *logits);

#endif
