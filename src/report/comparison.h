/* comparison.html: several result folders beside each other. */
#ifndef ADVGRID_REPORT_COMPARISON_H
#define ADVGRID_REPORT_COMPARISON_H

#include "plan/contrast.h"
#include "report/differences.h"

/* An attack that several folders have, by its name and its settings. */
typedef struct ag_shared_attack {
  size_t *attacks; /* [folders]: its place in each; AG_NO_SIDE where a folder does not share it */
  size_t first;    /* folder that does */
  bool shared;     /* with another, at an epsilon at least */
} ag_shared_attack;

/* A defense of a folder, and what a legend calls it. */
typedef struct ag_arm {
  size_t folder, defense;
  char label[256];
} ag_arm;

typedef struct ag_comparison {
  ag_page out;    /* what is written: no results */
  size_t count;   /* folders */
  ag_page *sides; /* [count] */
  size_t attack_count, arm_count, epsilon_count;
  ag_shared_attack *attacks; /* also those that only one has: other settings of the same name */
  ag_arm *arms;              /* those of one name one behind the other */
  double *epsilons;          /* ascending: those of which a shared attack is at two folders' */
  ag_contrast contrast;
  ag_differences differences;
} ag_comparison;

/** Finds what the folders share; fails with AG_INVALID_ARGUMENT where that is no attack at any
 *  epsilon. Then pairs what can be paired. */
ag_status ag_comparison_match(ag_comparison *all);
ag_status ag_comparison_pair(ag_comparison *all);
/** Appends how two attacks of one name differ, "attack 'pgd': steps is 5 in 1 first and 6 in 2
 *  second"; nothing where they have two names, or a job cannot be read. */
ag_status ag_comparison_difference(const ag_comparison *all, const ag_shared_attack *one,
                                   const ag_shared_attack *other, ag_text *text);
/** Whether two folders were run on the same test images, as far as their files say. */
bool ag_comparison_same_images(const ag_page *one, const ag_page *other);
/** Whether they have a seed in common. */
bool ag_comparison_same_seeds(const ag_page *one, const ag_page *other);
/** The place of an epsilon, AG_NO_SIDE where the results do not have it. */
size_t ag_comparison_epsilon(const ag_results *results, double epsilon);

/** Appends a folder's number and its job's name. */
void ag_comparison_name(ag_comparison *all, const ag_page *side);
/** Appends the section on folders and settings. */
void ag_comparison_jobs(ag_comparison *all);
/** Appends all between the page's begin and its end. */
void ag_comparison_sections(ag_comparison *all);

#endif
