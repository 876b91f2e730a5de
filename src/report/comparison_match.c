/* What result folders share: attacks by name and settings, epsilons, seeds, images. */
#include "plan/difference.h"
#include "plan/keys.h"
#include "report/comparison.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file that has a name twice is damaged: the first is taken. */
static bool is_first(const char *const *names, size_t place)
{
  size_t first = 0;
  while (strcmp(names[first], names[place]) != 0)
    ++first;
  return first == place;
}

/* ---- attacks ----------------------------------------------------------------------------------
 */

size_t ag_comparison_epsilon(const ag_results *results, double epsilon)
{
  for (size_t e = 0; e < results->epsilon_count; ++e) {
    if (results->epsilons[e] == epsilon) return e;
  }
  return AG_NO_SIDE;
}

/* By its name, and its settings where both jobs can be read. */
static bool is_same_attack(const ag_page *one, size_t attack, const ag_page *other,
                           size_t other_attack)
{
  const ag_entry *entry = ag_page_attack(one, attack);
  const ag_entry *other_entry = ag_page_attack(other, other_attack);
  return strcmp(one->results.attacks[attack], other->results.attacks[other_attack]) == 0 &&
         (entry == NULL || other_entry == NULL || ag_entry_is_same(entry, other_entry));
}

/* The same as that of each folder before: one whose job cannot be read agrees with any. */
static bool is_known_attack(const ag_comparison *all, const ag_shared_attack *known, size_t folder,
                            size_t attack)
{
  if (known->first == folder) return false;
  for (size_t i = known->first; i < folder; ++i) {
    if (known->attacks[i] != AG_NO_SIDE &&
        !is_same_attack(&all->sides[i], known->attacks[i], &all->sides[folder], attack))
      return false;
  }
  return true;
}

static ag_status add_attack(ag_comparison *all, size_t folder, size_t attack)
{
  for (size_t i = 0; i < all->attack_count; ++i) {
    ag_shared_attack *known = &all->attacks[i];
    if (!is_known_attack(all, known, folder, attack)) continue;
    known->attacks[folder] = attack;
    return AG_OK;
  }
  ag_shared_attack *added = &all->attacks[all->attack_count];
  const ag_status status = ag_allocate(all->count, sizeof *added->attacks, &added->attacks);
  if (status != AG_OK) return status;
  ++all->attack_count;
  added->first = folder;
  for (size_t i = 0; i < all->count; ++i)
    added->attacks[i] = AG_NO_SIDE;
  added->attacks[folder] = attack;
  return AG_OK;
}

static ag_status find_attacks(ag_comparison *all)
{
  size_t most = 0;
  ag_status status = AG_OK;
  for (size_t i = 0; i < all->count; ++i)
    most += all->sides[i].results.attack_count;
  AG_TRY(ag_allocate(most, sizeof *all->attacks, &all->attacks));
  for (size_t i = 0; i < all->count; ++i) {
    const ag_results *results = &all->sides[i].results;
    for (size_t a = 0; a < results->attack_count; ++a) {
      if (is_first(results->attacks, a)) AG_TRY(add_attack(all, i, a));
    }
  }
cleanup:
  return status;
}

ag_status ag_comparison_difference(const ag_comparison *all, const ag_shared_attack *one,
                                   const ag_shared_attack *other, ag_text *text)
{
  enum { NAME = 20 };
  const ag_shared_attack *attacks[2] = {one, other};
  const ag_entry *entries[2];
  char names[2][AG_NAME_SIZE + AG_NUMBER_SIZE];
  for (size_t i = 0; i < 2; ++i) {
    const ag_page *side = &all->sides[attacks[i]->first];
    const char *name = ag_page_job_name(side);
    entries[i] = ag_page_attack(side, attacks[i]->attacks[attacks[i]->first]);
    snprintf(names[i], sizeof names[i], "%zu %.*s", side->number, (int)ag_utf8_clip(name, NAME),
             name);
  }
  if (entries[0] == NULL || entries[1] == NULL || strcmp(entries[0]->name, entries[1]->name) != 0)
    return AG_OK;
  return ag_difference_of_entries("attack", entries[0], entries[1],
                                  (const char *const[2]){names[0], names[1]}, text);
}

/* ---- epsilons ---------------------------------------------------------------------------------
 */

static int compare_numbers(const void *a, const void *b)
{
  const double x = *(const double *)a;
  const double y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Whether another folder has the attack at that epsilon too. */
static bool has_partner(const ag_comparison *all, const ag_shared_attack *attack, size_t folder,
                        double epsilon)
{
  for (size_t i = 0; i < all->count; ++i) {
    if (i != folder && attack->attacks[i] != AG_NO_SIDE &&
        ag_comparison_epsilon(&all->sides[i].results, epsilon) != AG_NO_SIDE)
      return true;
  }
  return false;
}

static void add_epsilon(ag_comparison *all, double epsilon)
{
  for (size_t i = 0; i < all->epsilon_count; ++i) {
    if (all->epsilons[i] == epsilon) return;
  }
  all->epsilons[all->epsilon_count++] = epsilon;
}

/* Returns whether the folder has any such epsilon. */
static bool add_epsilons(ag_comparison *all, const ag_shared_attack *attack, size_t folder)
{
  const ag_results *results = &all->sides[folder].results;
  bool any = false;
  for (size_t e = 0; e < results->epsilon_count && attack->attacks[folder] != AG_NO_SIDE; ++e) {
    if (!has_partner(all, attack, folder, results->epsilons[e])) continue;
    add_epsilon(all, results->epsilons[e]);
    any = true;
  }
  return any;
}

/* A folder that has a shared attack at no shared epsilon is as good as one that has it not. */
static void leave_alone(ag_shared_attack *attack, const bool *sharing, size_t count)
{
  for (size_t i = count; i-- > 0;) {
    if (!sharing[i]) attack->attacks[i] = AG_NO_SIDE;
    if (sharing[i]) attack->first = i;
  }
}

static ag_status find_shared(ag_comparison *all, ag_shared_attack *attack)
{
  bool *sharing = NULL;
  const ag_status status = ag_allocate(all->count, sizeof *sharing, &sharing);
  if (status != AG_OK) return status;
  for (size_t i = 0; i < all->count; ++i) {
    sharing[i] = add_epsilons(all, attack, i);
    attack->shared = attack->shared || sharing[i];
  }
  if (attack->shared) leave_alone(attack, sharing, all->count);
  ag_release(&sharing);
  return AG_OK;
}

static ag_status append_names(const ag_page *side, ag_text *text)
{
  enum { SHOWN = 4, NAME = 32 };
  const ag_results *results = &side->results;
  ag_status status = ag_text_append(text, "; %s has ", side->folder);
  for (size_t a = 0; a < ag_minimum(results->attack_count, SHOWN) && status == AG_OK; ++a) {
    const char *name = results->attacks[a];
    status = ag_text_append(text, "%s%.*s", a > 0 ? ", " : "", (int)ag_utf8_clip(name, NAME), name);
  }
  if (status == AG_OK)
    status = ag_text_append(text, "%s at ", results->attack_count > SHOWN ? ", ..." : "");
  for (size_t e = 0; e < ag_minimum(results->epsilon_count, SHOWN) && status == AG_OK; ++e) {
    char epsilon[AG_NUMBER_SIZE];
    ag_epsilon_text(results->epsilons[e], epsilon);
    status = ag_text_append(text, "%s%s", e > 0 ? ", " : "", epsilon);
  }
  if (status == AG_OK && results->epsilon_count > SHOWN) status = ag_text_append(text, ", ...");
  return status;
}

/* How the first two attacks of one name differ, if there are two. */
static ag_status append_difference(const ag_comparison *all, ag_text *text)
{
  ag_text found = {0};
  ag_status status = AG_OK;
  for (size_t i = 0; i < all->attack_count && found.length == 0; ++i) {
    for (size_t k = i + 1; k < all->attack_count && found.length == 0; ++k)
      AG_TRY(ag_comparison_difference(all, &all->attacks[i], &all->attacks[k], &found));
  }
  if (found.length > 0) AG_TRY(ag_text_append(text, "; %s", found.bytes));
cleanup:
  ag_text_clear(&found);
  return status;
}

static ag_status fail_nothing_shared(const ag_comparison *all)
{
  enum { SHOWN = 3 };
  ag_text text = {0};
  ag_status status = AG_OK;
  for (size_t i = 0; i < ag_minimum(all->count, SHOWN); ++i)
    AG_TRY(append_names(&all->sides[i], &text));
  AG_TRY(append_difference(all, &text));
  status = ag_fail(AG_INVALID_ARGUMENT,
                   "no two of these folders share an attack of the same name and settings at an"
                   " epsilon, so there is nothing to compare%s",
                   text.bytes);
cleanup:
  ag_text_clear(&text);
  return status;
}

static ag_status find_epsilons(ag_comparison *all)
{
  size_t most = 0;
  for (size_t i = 0; i < all->count; ++i)
    most += all->sides[i].results.epsilon_count;
  ag_status status = ag_allocate(most, sizeof *all->epsilons, &all->epsilons);
  for (size_t i = 0; i < all->attack_count && status == AG_OK; ++i)
    status = find_shared(all, &all->attacks[i]);
  if (status == AG_OK && all->epsilon_count == 0) status = fail_nothing_shared(all);
  if (status == AG_OK)
    qsort(all->epsilons, all->epsilon_count, sizeof *all->epsilons, compare_numbers);
  return status;
}

/* ---- defenses ---------------------------------------------------------------------------------
 */

static size_t find_defense(const ag_results *results, const char *name)
{
  for (size_t d = 0; d < results->defense_count; ++d) {
    if (strcmp(results->defenses[d], name) == 0) return d;
  }
  return AG_NO_SIDE;
}

static void add_arm(ag_comparison *all, size_t folder, size_t defense)
{
  enum { JOB = 20 };
  const ag_page *side = &all->sides[folder];
  const char *job = ag_page_job_name(side);
  const char *name = side->results.defenses[defense];
  ag_arm *arm = &all->arms[all->arm_count++];
  *arm = (ag_arm){.folder = folder, .defense = defense};
  snprintf(arm->label, sizeof arm->label, "%zu %.*s: %.*s", side->number,
           (int)ag_utf8_clip(job, JOB), job, (int)ag_utf8_clip(name, AG_NAME_SIZE), name);
}

/* A defense and those of the same name in later folders, unless an earlier one has it. */
static void add_arms(ag_comparison *all, size_t folder, size_t defense)
{
  const char *name = all->sides[folder].results.defenses[defense];
  for (size_t i = 0; i < folder; ++i) {
    if (find_defense(&all->sides[i].results, name) != AG_NO_SIDE) return;
  }
  for (size_t i = folder; i < all->count; ++i) {
    const size_t found = find_defense(&all->sides[i].results, name);
    if (found != AG_NO_SIDE) add_arm(all, i, found);
  }
}

static ag_status find_arms(ag_comparison *all)
{
  size_t most = 0;
  for (size_t i = 0; i < all->count; ++i)
    most += all->sides[i].results.defense_count;
  const ag_status status = ag_allocate(most, sizeof *all->arms, &all->arms);
  for (size_t i = 0; i < all->count && status == AG_OK; ++i) {
    const ag_results *results = &all->sides[i].results;
    for (size_t d = 0; d < results->defense_count; ++d) {
      if (is_first(results->defenses, d)) add_arms(all, i, d);
    }
  }
  return status;
}

static ag_status contrast_jobs(ag_comparison *all)
{
  const ag_job **jobs = NULL;
  ag_status status = ag_allocate(all->count, sizeof(const ag_job *), &jobs);
  for (size_t i = 0; i < all->count && status == AG_OK; ++i)
    jobs[i] = all->sides[i].job;
  if (status == AG_OK) status = ag_contrast_jobs(jobs, all->count, &all->contrast);
  ag_release(&jobs);
  return status;
}

ag_status ag_comparison_match(ag_comparison *all)
{
  ag_status status = AG_OK;
  AG_TRY(find_attacks(all));
  AG_TRY(find_epsilons(all));
  AG_TRY(find_arms(all));
  AG_TRY(contrast_jobs(all));
cleanup:
  return status;
}
