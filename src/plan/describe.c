/* What the parts of a plan are called: models, units, epsilons. */
#include "advgrid/plan.h"

#include <stdio.h>

void ag_model_name(const ag_job *job, size_t defense, size_t seed, char name[2 * AG_NAME_SIZE])
{
  const char *stem = job->defenses[defense].name;
  if (job->seed_count == 1) {
    snprintf(name, (size_t)2 * AG_NAME_SIZE, "%s", stem);
  } else {
    snprintf(name, (size_t)2 * AG_NAME_SIZE, "%s-seed%llu", stem,
             (unsigned long long)job->seeds[seed]);
  }
}

void ag_plan_describe_unit(const ag_plan *plan, size_t index, char text[AG_UNIT_TEXT])
{
  const ag_unit *unit = &plan->units[index];
  const ag_point *point = &plan->points[unit->point];
  char epsilon[AG_NAME_SIZE];
  ag_plan_describe_epsilon(plan, index, " at epsilon ", epsilon);
  snprintf(text, AG_UNIT_TEXT, "%s, %s%s, images %zu to %zu", plan->models[point->model].name,
           plan->job->attacks[point->attack].name, epsilon, unit->first,
           unit->first + unit->count - 1);
}

void ag_plan_describe_epsilon(const ag_plan *plan, size_t index, const char *words,
                              char text[AG_NAME_SIZE])
{
  const ag_point *point = &plan->points[plan->units[index].point];
  text[0] = '\0';
  if (!ag_attack_takes_epsilon(&plan->job->attacks[point->attack])) return;
  snprintf(text, AG_NAME_SIZE, "%s%s", words, plan->job->epsilons[point->epsilon].text);
}
