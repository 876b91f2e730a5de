/* Projected gradient descent, for the rows that make their images by it. */
#ifndef ADVGRID_ATTACK_PGD_H
#define ADVGRID_ATTACK_PGD_H

#include "advgrid/attack.h"

extern const char *const ag_pgd_norms[];

#define AG_PGD_OPTIONS                                                        \
  {.name = "steps",                                                           \
   .type = AG_OPTION_COUNT,                                                   \
   .initial = "10",                                                           \
   .minimum = 1,                                                              \
   .maximum = 10000, /* times restarts: fewer than AG_VERDICT_STEP */         \
   .help = "gradient steps of a restart"},                                    \
      {.name = "step_size",                                                   \
       .type = AG_OPTION_NUMBER,                                              \
       .initial = "",                                                         \
       .minimum = 1e-9,                                                       \
       .maximum = 100,                                                        \
       .help = "length of a step; 2.5 epsilon / steps where it is left out"}, \
      {.name = "restarts",                                                    \
       .type = AG_OPTION_COUNT,                                               \
       .initial = "1",                                                        \
       .minimum = 1,                                                          \
       .maximum = 1000,                                                       \
       .help = "starts, of which the worst for the network counts"},          \
      {.name = "random_start",                                                \
       .type = AG_OPTION_FLAG,                                                \
       .initial = "true",                                                     \
       .help = "start uniformly in the ball, not at the image"},              \
  {                                                                           \
    .name = "norm", .type = AG_OPTION_WORD, .late = true, .initial = "linf",  \
    .words = ag_pgd_norms, .help = "the norm of epsilon and of a step"        \
  }

ag_norm ag_pgd_norm(const ag_settings *settings);
size_t ag_pgd_scratch_floats(const ag_settings *settings, const ag_target *target);
ag_attack_cost ag_pgd_cost(const ag_settings *settings);
/** to_the_end: images that have fallen are attacked on, in all steps and restarts, for the lowest
 *  margin that there is; else they leave the batch at once. */
void ag_pgd_run(ag_attack_call *call, bool to_the_end);

#endif
