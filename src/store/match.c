/* Two plans side by side. Names find what an edit has changed, keys what it has renamed. */
#include "store/match.h"

#include <string.h>

static const size_t none = SIZE_MAX;

bool ag_is_same_key(const ag_digest *one, const ag_digest *other)
{
  return memcmp(one, other, sizeof *one) == 0;
}

static ag_status match_entries(const ag_entry *was, size_t was_count, const ag_entry *now,
                               size_t now_count, size_t **out)
{
  const ag_status status = ag_allocate(was_count, sizeof **out, out);
  for (size_t i = 0; i < was_count && status == AG_OK; ++i) {
    size_t j = 0;
    while (j < now_count && strcmp(now[j].name, was[i].name) != 0)
      ++j;
    (*out)[i] = j < now_count ? j : none;
  }
  return status;
}

static ag_status match_seeds(const ag_job *was, const ag_job *now, size_t **out)
{
  const ag_status status = ag_allocate(was->seed_count, sizeof **out, out);
  for (size_t i = 0; i < was->seed_count && status == AG_OK; ++i) {
    size_t j = 0;
    while (j < now->seed_count && now->seeds[j] != was->seeds[i])
      ++j;
    (*out)[i] = j < now->seed_count ? j : none;
  }
  return status;
}

static ag_status match_epsilons(const ag_job *was, const ag_job *now, size_t **out)
{
  const ag_status status = ag_allocate(was->epsilon_count, sizeof **out, out);
  for (size_t i = 0; i < was->epsilon_count && status == AG_OK; ++i) {
    size_t j = 0;
    while (j < now->epsilon_count && now->epsilons[j].value != was->epsilons[i].value)
      ++j;
    (*out)[i] = j < now->epsilon_count ? j : none;
  }
  return status;
}

ag_status ag_match_start(ag_match *match, const ag_plan *was, const ag_plan *now)
{
  ag_status status = AG_OK;
  const ag_job *one = was->job;
  const ag_job *other = now->job;
  *match = (ag_match){.was = was, .now = now};
  AG_TRY(ag_keyed_models(was, &match->was_models));
  AG_TRY(ag_keyed_points(was, &match->was_points));
  AG_TRY(ag_keyed_models(now, &match->now_models));
  AG_TRY(ag_keyed_points(now, &match->now_points));
  AG_TRY(match_entries(one->defenses, one->defense_count, other->defenses, other->defense_count,
                       &match->defenses));
  AG_TRY(match_entries(one->attacks, one->attack_count, other->attacks, other->attack_count,
                       &match->attacks));
  AG_TRY(match_seeds(one, other, &match->seeds));
  AG_TRY(match_epsilons(one, other, &match->epsilons));
cleanup:
  return status;
}

void ag_match_clear(ag_match *match)
{
  ag_release(&match->epsilons);
  ag_release(&match->seeds);
  ag_release(&match->attacks);
  ag_release(&match->defenses);
  ag_release(&match->now_points);
  ag_release(&match->now_models);
  ag_release(&match->was_points);
  ag_release(&match->was_models);
}

/* Of an old key, what the new plan makes of it; `named`: what has its names there, or none. Other
 * work that has the names counts only where the old job did not have it under other names. */
static size_t follow(const ag_keyed *was, size_t was_count, const ag_keyed *now, size_t now_count,
                     const ag_digest *key, size_t named, const ag_digest *named_key)
{
  if (named != none && ag_is_same_key(key, named_key)) return named;
  const size_t same = ag_keyed_find(now, now_count, key);
  if (same != SIZE_MAX || named == none) return same;
  return ag_keyed_find(was, was_count, named_key) == SIZE_MAX ? named : none;
}

static size_t model_of_names(const ag_match *match, size_t index)
{
  const ag_model_unit *model = &match->was->models[index];
  const size_t defense = match->defenses[model->defense];
  const size_t seed = match->seeds[model->seed];
  if (defense == none || seed == none) return none;
  return defense * match->now->job->seed_count + seed;
}

size_t ag_match_model(const ag_match *match, size_t index)
{
  const ag_plan *was = match->was;
  const ag_plan *now = match->now;
  const size_t named = model_of_names(match, index);
  return follow(match->was_models, was->model_count, match->now_models, now->model_count,
                &was->models[index].key, named, named == none ? NULL : &now->models[named].key);
}

size_t ag_match_point(const ag_match *match, size_t index)
{
  const ag_plan *was = match->was;
  const ag_plan *now = match->now;
  const ag_point *point = &was->points[index];
  const size_t model = model_of_names(match, point->model);
  const size_t attack = match->attacks[point->attack];
  const size_t epsilon = match->epsilons[point->epsilon];
  size_t named = none;
  if (model != none && attack != none && epsilon != none) {
    named = (model * now->job->attack_count + attack) * now->job->epsilon_count + epsilon;
  }
  return follow(match->was_points, was->point_count, match->now_points, now->point_count,
                &point->key, named, named == none ? NULL : &now->points[named].key);
}
