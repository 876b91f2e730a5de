/* The attack within a training: the options of every defense that learns attacked images. */
#ifndef ADVGRID_DEFENSE_INNER_ATTACK_H
#define ADVGRID_DEFENSE_INNER_ATTACK_H

#include "advgrid/defense.h"

/* What `attack` may be, and the word for what it is left to. */
extern const char *const ag_inner_attacks[];
extern const char *const ag_inner_by_attack[];

/* Six options, for a defense's list; came_late: their ag_option.late. */
#define AG_INNER_ATTACK_OPTIONS(came_late)                                                     \
  {.name = "attack",                                                                           \
   .type = AG_OPTION_WORD,                                                                     \
   .late = (came_late),                                                                        \
   .initial = "pgd",                                                                           \
   .words = ag_inner_attacks,                                                                  \
   .help = "what makes the images that are learnt"},                                           \
      {.name = "epsilon",                                                                      \
       .type = AG_OPTION_NUMBER,                                                               \
       .late = (came_late),                                                                    \
       .initial = "8/255",                                                                     \
       .minimum = 0,                                                                           \
       .maximum = 1,                                                                           \
       .help = "how far a pixel may be moved"},                                                \
      {.name = "steps",                                                                        \
       .type = AG_OPTION_COUNT,                                                                \
       .late = (came_late),                                                                    \
       .initial = "auto",                                                                      \
       .minimum = 1,                                                                           \
       .maximum = 1000,                                                                        \
       .words = ag_inner_by_attack,                                                            \
       .help = "gradient steps; auto: 1 of fgsm, 10 of pgd"},                                  \
      {.name = "step_size",                                                                    \
       .type = AG_OPTION_NUMBER,                                                               \
       .late = (came_late),                                                                    \
       .initial = "auto",                                                                      \
       .minimum = 0,                                                                           \
       .maximum = 1,                                                                           \
       .words = ag_inner_by_attack,                                                            \
       .help = "length of a step; auto or 0: 1.25 epsilon for fgsm from a random start, else " \
               "epsilon; 2.5 epsilon / steps for pgd"},                                        \
      {.name = "restarts",                                                                     \
       .type = AG_OPTION_COUNT,                                                                \
       .late = (came_late),                                                                    \
       .initial = "1",                                                                         \
       .minimum = 1,                                                                           \
       .maximum = 1000,                                                                        \
       .help = "starts, of which the one with the largest loss is learnt, image by image"},    \
  {                                                                                            \
    .name = "random_start", .type = AG_OPTION_FLAG, .late = (came_late), .initial = "true",    \
    .help = "start uniformly in the ball, not at the image"                                    \
  }

/* One more, which other lists have further down. */
#define AG_INNER_WARMUP_OPTION(came_late)                                                          \
  {                                                                                                \
    .name = "warmup", .type = AG_OPTION_NUMBER, .late = (came_late), .initial = "0", .minimum = 0, \
    .maximum = 100000, .help = "epochs over which epsilon and the steps rise from 0"               \
  }

/** Fails with AG_BAD_JOB, naming the option, where they do not fit each other. random: passes draw,
 *  so that restarts from the image itself differ. */
ag_status ag_inner_attack_check(const ag_settings *settings, bool random);
/** What the seven options come to, on all images. */
ag_adversarial ag_inner_attack(const ag_settings *settings);

#endif
