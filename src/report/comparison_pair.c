/* Which points of several folders are compared image by image: those of each folder with those of
 * the first that was run on the same images with the same seed. */
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

/* The first folder that a later one is compared with under an attack; AG_NO_SIDE: there is none. */
static size_t find_reference(const ag_comparison *all, const ag_shared_attack *attack,
                             size_t folder)
{
  for (size_t i = 0; i < folder; ++i) {
    if (attack->attacks[i] != AG_NO_SIDE &&
        ag_comparison_same_images(&all->sides[i], &all->sides[folder]) &&
        ag_comparison_same_seeds(&all->sides[i], &all->sides[folder]))
      return i;
  }
  return AG_NO_SIDE;
}

/* That of the same name, or else the one that defends nothing. */
static size_t find_defense(const ag_page *reference, const char *name)
{
  for (size_t d = 0; d < reference->results.defense_count; ++d) {
    if (strcmp(reference->results.defenses[d], name) == 0) return d;
  }
  return ag_page_undefended(reference);
}

/* One arm under an attack at an epsilon, at each seed that both have. */
static ag_status add_seeds(ag_comparison *all, const ag_shared_attack *attack, const ag_arm *arm,
                           double epsilon)
{
  const ag_page *side = &all->sides[arm->folder];
  const size_t other = find_reference(all, attack, arm->folder);
  if (other == AG_NO_SIDE) return AG_OK;
  const ag_page *reference = &all->sides[other];
  const size_t e = ag_comparison_epsilon(&side->results, epsilon);
  const size_t other_e = ag_comparison_epsilon(&reference->results, epsilon);
  const size_t defense = find_defense(reference, side->results.defenses[arm->defense]);
  ag_status status = AG_OK;
  if (e == AG_NO_SIDE || other_e == AG_NO_SIDE) return AG_OK;
  for (size_t s = 0; s < side->results.seed_count && status == AG_OK; ++s) {
    const size_t seed = find_seed(&reference->results, side->results.seeds[s]);
    if (seed == AG_NO_SIDE) continue;
    const ag_read_point *const points[2] = {
        ag_results_point(&reference->results, defense, attack->attacks[other], other_e, seed),
        ag_results_point(&side->results, arm->defense, attack->attacks[arm->folder], e, s)};
    status =
        ag_differences_add(&all->differences, (const ag_page *const[2]){reference, side}, points);
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
