/* Jobs that differ in their lists alone, joined: seeds, defenses, attacks and epsilons of all, in
 * the order in which they first appear. */
#include "plan/difference.h"
#include "plan/job.h"
#include "plan/keys.h"

#include <string.h>

/* What a list of entries is joined by: what is in it, and in which job each was found. */
typedef struct entries {
  const char *role; /* "defense" */
  ag_entry *list;
  size_t count;
  const char **places; /* [count] */
} entries;

/* ---- lists -------------------------------------------------------------------------------- */

/* One name may not stand for two things, nor two names for one: the grid goes by names, and what
 * is the same would share its keys. */
static ag_status add_entry(entries *all, const ag_entry *entry, const char *place)
{
  ag_text text = {0};
  for (size_t i = 0; i < all->count; ++i) {
    const ag_entry *known = &all->list[i];
    const char *const places[2] = {all->places[i], place};
    const bool same = ag_entry_is_same(known, entry);
    if (strcmp(known->name, entry->name) == 0 && same) return AG_OK;
    if (strcmp(known->name, entry->name) == 0) {
      ag_status status = ag_difference_of_entries(all->role, known, entry, places, &text);
      if (status == AG_OK) status = ag_fail(AG_INVALID_ARGUMENT, "%s", text.bytes);
      ag_text_clear(&text);
      return status;
    }
    if (same) {
      return ag_fail(AG_INVALID_ARGUMENT, "the same %s is '%s' in %s and '%s' in %s", all->role,
                     known->name, places[0], entry->name, places[1]);
    }
  }
  all->places[all->count] = place;
  all->list[all->count++] = *entry;
  return AG_OK;
}

static void add_seeds(ag_job *joined, const ag_job *job)
{
  for (size_t i = 0; i < job->seed_count; ++i) {
    size_t k = 0;
    while (k < joined->seed_count && joined->seeds[k] != job->seeds[i])
      ++k;
    joined->seeds[k] = job->seeds[i];
    if (k == joined->seed_count) ++joined->seed_count;
  }
}

static void add_epsilons(ag_job *joined, const ag_job *job)
{
  for (size_t i = 0; i < job->epsilon_count; ++i) {
    size_t k = 0;
    while (k < joined->epsilon_count && joined->epsilons[k].value != job->epsilons[i].value)
      ++k;
    if (k == joined->epsilon_count) joined->epsilons[joined->epsilon_count++] = job->epsilons[i];
  }
}

/* Of one kind of entry, those of all jobs. */
static ag_status join_entries(const ag_job_part *parts, size_t count, bool attacks, ag_job *joined)
{
  ag_status status = AG_OK;
  size_t room = 0;
  entries all = {.role = attacks ? "attack" : "defense"};
  for (size_t i = 0; i < count; ++i)
    room += attacks ? parts[i].job->attack_count : parts[i].job->defense_count;
  AG_TRY(ag_allocate(room, sizeof *all.list, &all.list));
  AG_TRY(ag_allocate(room, sizeof *all.places, &all.places));
  for (size_t i = 0; i < count; ++i) {
    const ag_entry *list = attacks ? parts[i].job->attacks : parts[i].job->defenses;
    const size_t entries_of_job = attacks ? parts[i].job->attack_count
                                          : parts[i].job->defense_count;
    for (size_t k = 0; k < entries_of_job; ++k)
      AG_TRY(add_entry(&all, &list[k], parts[i].place));
  }
  *(attacks ? &joined->attack_count : &joined->defense_count) = all.count;
  *(attacks ? &joined->attacks : &joined->defenses) = all.list;
  all.list = NULL;
cleanup:
  ag_release(&all.places);
  ag_release(&all.list);
  return status;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static ag_status check_rest(const ag_job_part *parts, size_t count)
{
  ag_status status = AG_OK;
  ag_text text = {0};
  for (size_t i = 1; i < count; ++i) {
    const char *const pair[2] = {parts[0].place, parts[i].place};
    AG_TRY(ag_difference_of_jobs(parts[0].job, parts[i].job, pair, &text));
    if (text.length == 0) continue;
    status = ag_fail(AG_INVALID_ARGUMENT, "%s", text.bytes);
    goto cleanup;
  }
cleanup:
  ag_text_clear(&text);
  return status;
}

static ag_status join(const ag_job_part *parts, size_t count, ag_job *joined)
{
  ag_status status = AG_OK;
  size_t seeds = 0;
  size_t epsilons = 0;
  for (size_t i = 0; i < count; ++i) {
    seeds += parts[i].job->seed_count;
    epsilons += parts[i].job->epsilon_count;
  }
  AG_TRY(ag_allocate(seeds, sizeof *joined->seeds, &joined->seeds));
  AG_TRY(ag_allocate(epsilons, sizeof *joined->epsilons, &joined->epsilons));
  for (size_t i = 0; i < count; ++i) {
    add_seeds(joined, parts[i].job);
    add_epsilons(joined, parts[i].job);
  }
  AG_TRY(join_entries(parts, count, false, joined));
  AG_TRY(join_entries(parts, count, true, joined));
cleanup:
  return status;
}

/* Whether the joined job is one that can be read again: a list may have become too long. */
static ag_status check_joined(const ag_job *joined)
{
  ag_text text = {0};
  ag_job *again = NULL;
  ag_status status = ag_job_print(joined, &text);
  if (status == AG_OK) {
    status = ag_job_read(text.bytes, text.length, "the joined job.yaml", &again);
  }
  ag_job_destroy(&again);
  ag_text_clear(&text);
  return status;
}

ag_status ag_job_join(const ag_job_part *parts, size_t count, ag_job **out)
{
  ag_status status = AG_OK;
  *out = NULL;
  AG_TRY(check_rest(parts, count));
  AG_TRY(ag_allocate(1, sizeof **out, out));
  **out = *parts[0].job;
  (*out)->seeds = NULL;
  (*out)->defenses = (*out)->attacks = NULL;
  (*out)->epsilons = NULL;
  (*out)->seed_count = (*out)->defense_count = (*out)->attack_count = (*out)->epsilon_count = 0;
  AG_TRY(join(parts, count, *out));
  AG_TRY(check_joined(*out));
cleanup:
  if (status != AG_OK) ag_job_destroy(out);
  return status;
}
