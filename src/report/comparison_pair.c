/* Which points of several folders are compared image by image: each with that of the first folder
 * before it that has one, on the same images, at the same epsilon, with the same seed. */
#include "report/comparison.h"

#include <string.h>

bool ag_comparison_same_images(const ag_page *one, const ag_page *other)
{
  const char *digest = ag_results_attribute(&one->results, "dataset_sha256");
  return digest[0] != '\0' &&
         strcmp(digest, ag_results_attribute(&other->results, "dataset_sha256")) == 0;
}

static size_t find_seed(const ag_results *results, uint64_t seed)
{
  for (size_t s = 0; s < results->seed_count; ++s) {
    if (results->seeds[s] == seed) return s;
  }
  return AG_NO_SIDE;
}

bool ag_comparison_same_seeds(const ag_page *one, const ag_page *other)
{
  for (size_t s = 0; s < one->results.seed_count; ++s) {
    if (find_seed(&other->results, one->results.seeds[s]) != AG_NO_SIDE) return true;
  }
  return false;
}

/* That of the same name, or else the one that defends nothing; AG_NO_SIDE where there is neither.
 */
static size_t find_defense(const ag_page *reference, const char *name)
{
  for (size_t d = 0; d < reference->results.defense_count; ++d) {
    if (strcmp(reference->results.defenses[d], name) == 0) return d;
  }
  return ag_page_undefended(reference);
}

/* What is to be paired: an arm under an attack at an epsilon, with one of its folder's seeds. */
typedef struct compared_point {
  const ag_shared_attack *attack;
  const ag_arm *arm;
  double epsilon;
  uint64_t seed;
} compared_point;

/* A folder's point that it could be paired with; NULL where it has none of that kind. */
static const ag_read_point *find_partner(const ag_comparison *all, const compared_point *compared,
                                         size_t folder)
{
  const ag_page *own = &all->sides[compared->arm->folder];
  const ag_page *other = &all->sides[folder];
  const size_t attack = compared->attack->attacks[folder];
  const size_t epsilon = ag_comparison_epsilon(&other->results, compared->epsilon);
  const size_t seed = find_seed(&other->results, compared->seed);
  const size_t defense = find_defense(other, own->results.defenses[compared->arm->defense]);
  if (attack == AG_NO_SIDE || epsilon == AG_NO_SIDE || seed == AG_NO_SIDE ||
      defense == AG_NO_SIDE || !ag_comparison_same_images(own, other))
    return NULL;
  return ag_results_point(&other->results, defense, attack, epsilon, seed);
}

/* The first folder before the arm's that has such a point with its images, or else the first that
 * may have it yet; AG_NO_SIDE where none may. */
static size_t find_reference(const ag_comparison *all, const compared_point *compared)
{
  size_t first = AG_NO_SIDE;
  for (size_t i = compared->arm->folder; i-- > 0;) {
    const ag_read_point *point = find_partner(all, compared, i);
    if (point != NULL) first = i;
  }
  for (size_t i = 0; i < compared->arm->folder; ++i) {
    const ag_read_point *point = find_partner(all, compared, i);
    if (point != NULL && point->progress == AG_PROGRESS_DONE &&
        ag_results_has(&all->sides[i].results, "samples", point->key))
      return i;
  }
  return first;
}

/* One arm under an attack at an epsilon, at each of its seeds. */
static ag_status add_seeds(ag_comparison *all, const ag_shared_attack *attack, const ag_arm *arm,
                           double epsilon)
{
  const ag_page *side = &all->sides[arm->folder];
  const size_t e = ag_comparison_epsilon(&side->results, epsilon);
  ag_status status = AG_OK;
  if (e == AG_NO_SIDE) return AG_OK;
  for (size_t s = 0; s < side->results.seed_count && status == AG_OK; ++s) {
    const compared_point compared = {attack, arm, epsilon, side->results.seeds[s]};
    const size_t other = find_reference(all, &compared);
    if (other == AG_NO_SIDE) continue;
    const ag_read_point *const points[2] = {
        find_partner(all, &compared, other),
        ag_results_point(&side->results, arm->defense, attack->attacks[arm->folder], e, s)};
    status = ag_differences_add(&all->differences,
                                (const ag_page *const[2]){&all->sides[other], side}, points);
  }
  return status;
}

ag_status ag_comparison_pair(ag_comparison *all)
{
  ag_status status = AG_OK;
  for (size_t a = 0; a < all->attack_count; ++a) {
    const ag_shared_attack *attack = &all->attacks[a];
    for (size_t e = 0; e < all->epsilon_count && attack->shared; ++e) {
      for (size_t i = 0; i < all->arm_count; ++i) {
        const ag_arm *arm = &all->arms[i];
        if (attack->attacks[arm->folder] != AG_NO_SIDE)
          AG_TRY(add_seeds(all, attack, arm, all->epsilons[e]));
      }
    }
  }
  AG_TRY(ag_differences_conclude(&all->differences));
cleanup:
  return status;
}
