/* What an edited job changes about finished work. Both jobs are expanded, and the work of the old
 * one is followed into the new one: what is kept, what is done again and why, what is new. */
#include "plan/difference.h"
#include "store/match.h"

#include "advgrid/store.h"

#include <string.h>

enum { NAMES_SHOWN = 6 };

/* What becomes of points that are not as they were. */
typedef enum fate_kind { FATE_AGAIN, FATE_WITH_MODEL, FATE_COMPLETED } fate_kind;

/* Points and models with the same fate for the same reason. */
typedef struct group {
  ag_text reason;
  ag_text names;    /* of models, "'a', 'b'", without the last */
  const char *last; /* borrowed from the new plan */
  fate_kind fate;
  size_t models, points;
} group;

typedef struct comparison {
  const ag_ledger *was, *now;
  ag_match match;
  bool other_images;
  bool *asked; /* [points of the new plan]: the old job had them */
  group *groups;
  size_t group_count, group_capacity;
  size_t dropped;
} comparison;

static void finish(comparison *all)
{
  for (size_t i = 0; i < all->group_count; ++i) {
    ag_text_clear(&all->groups[i].reason);
    ag_text_clear(&all->groups[i].names);
  }
  ag_release(&all->groups);
  ag_release(&all->asked);
  ag_match_clear(&all->match);
}

/* ---- groups ------------------------------------------------------------------------------ */

/* The group of that fate and reason, a new one where there is none. reason: taken. */
static ag_status find_group(comparison *all, fate_kind fate, ag_text *reason, group **out)
{
  ag_status status = AG_OK;
  group *grown = NULL;
  for (size_t i = 0; i < all->group_count; ++i) {
    *out = &all->groups[i];
    if ((*out)->fate == fate && strcmp((*out)->reason.bytes, reason->bytes) == 0) goto cleanup;
  }
  if (all->group_count == all->group_capacity) {
    const size_t capacity = 2 * all->group_capacity + 8;
    AG_TRY(ag_allocate(capacity, sizeof *grown, &grown));
    if (all->group_count > 0) memcpy(grown, all->groups, all->group_count * sizeof *grown);
    ag_release(&all->groups);
    all->groups = grown;
    all->group_capacity = capacity;
  }
  *out = &all->groups[all->group_count++];
  **out = (group){.reason = *reason, .fate = fate};
  *reason = (ag_text){0};
cleanup:
  ag_text_clear(reason);
  return status;
}

/* same_model: what differs, differs in the attack or the evaluation. */
static ag_status group_of(comparison *all, fate_kind fate, const ag_job_pair *pair, bool same_model,
                          group **out)
{
  ag_text reason = {0};
  ag_status status = same_model ? ag_difference_of_points(pair, &reason)
                                : ag_difference_of_models(pair, &reason);
  if (status == AG_OK && reason.length == 0) {
    status = ag_text_append(&reason, "what they depend on has changed");
  }
  if (status == AG_OK) return find_group(all, fate, &reason, out);
  ag_text_clear(&reason);
  return status;
}

static ag_job_pair pair_of(const comparison *all, size_t was_model, size_t now_model)
{
  return (ag_job_pair){.was = all->was->plan->job,
                       .now = all->now->plan->job,
                       .was_defense = all->was->plan->models[was_model].defense,
                       .now_defense = all->now->plan->models[now_model].defense,
                       .other_images = all->other_images};
}

/* True where the new plan's model has to be trained. */
static bool is_to_train(const comparison *all, size_t model)
{
  return !all->now->plan->models[model].from_file &&
         all->now->models[model].progress != AG_PROGRESS_DONE;
}

static ag_status compare_model(comparison *all, size_t index)
{
  ag_status status = AG_OK;
  const ag_model_unit *was = &all->was->plan->models[index];
  const size_t target = ag_match_model(&all->match, index);
  if (was->from_file || all->was->models[index].progress != AG_PROGRESS_DONE) return AG_OK;
  if (target == SIZE_MAX || !is_to_train(all, target)) return AG_OK;
  const ag_model_unit *now = &all->now->plan->models[target];
  if (ag_is_same_key(&was->key, &now->key)) return AG_OK;
  const ag_job_pair pair = pair_of(all, index, target);
  group *found = NULL;
  AG_TRY(group_of(all, FATE_WITH_MODEL, &pair, false, &found));
  if (found->models++ >= NAMES_SHOWN) return AG_OK;
  if (found->last != NULL) {
    const char *comma = found->names.length > 0 ? ", " : "";
    AG_TRY(ag_text_append(&found->names, "%s'%s'", comma, found->last));
  }
  found->last = now->name;
cleanup:
  return status;
}

static bool is_begun(const ag_ledger *ledger, size_t index)
{
  const ag_point *point = &ledger->plan->points[index];
  for (size_t i = 0; i < point->unit_count; ++i) {
    if (ledger->units[point->first_unit + i].progress == AG_PROGRESS_DONE) return true;
  }
  return false;
}

static ag_status compare_point(comparison *all, size_t index)
{
  const ag_point *was = &all->was->plan->points[index];
  const bool done = ag_ledger_point(all->was, index) == AG_PROGRESS_DONE;
  const size_t target = ag_match_point(&all->match, index);
  if (target != SIZE_MAX) all->asked[target] = true;
  if (done && target == SIZE_MAX) ++all->dropped;
  if (!done || target == SIZE_MAX) return AG_OK;
  if (ag_ledger_point(all->now, target) == AG_PROGRESS_DONE) return AG_OK;
  const ag_point *now = &all->now->plan->points[target];
  const bool same_model = ag_is_same_key(&all->was->plan->models[was->model].key,
                                         &all->now->plan->models[now->model].key);
  ag_job_pair pair = pair_of(all, was->model, now->model);
  pair.was_attack = was->attack;
  pair.now_attack = now->attack;
  fate_kind fate = is_begun(all->now, target) ? FATE_COMPLETED : FATE_AGAIN;
  if (fate == FATE_AGAIN && !same_model && is_to_train(all, now->model)) fate = FATE_WITH_MODEL;
  group *found = NULL;
  const ag_status status = group_of(all, fate, &pair, same_model, &found);
  if (status == AG_OK) ++found->points;
  return status;
}

/* ---- in words ---------------------------------------------------------------------------- */

/* "'a' is trained again", "'a', 'b' and 3 more are trained again" */
static ag_status append_models(ag_text *text, const group *of)
{
  ag_status status = ag_text_append(text, " ");
  const bool more = of->models > NAMES_SHOWN;
  if (status == AG_OK && of->names.length > 0) {
    status = ag_text_append(text, "%s%s", of->names.bytes, more ? ", " : " and ");
  }
  if (status == AG_OK) status = ag_text_append(text, "'%s'", of->last);
  if (status == AG_OK && more) {
    status = ag_text_append(text, " and %zu more", of->models - NAMES_SHOWN);
  }
  if (status != AG_OK) return status;
  return ag_text_append(text, " %s trained again%s", ag_plural(of->models, "is", "are"),
                        of->points > 0 ? ";" : "");
}

static ag_status append_group(ag_text *text, const group *of)
{
  ag_status status = AG_OK;
  AG_TRY(ag_text_append(text, "%s:", of->reason.bytes));
  if (of->models > 0) AG_TRY(append_models(text, of));
  if (of->points > 0) {
    AG_TRY(ag_text_append(text, " %zu finished %s", of->points,
                          ag_plural(of->points, "point", "points")));
    if (of->models > 0) AG_TRY(ag_text_append(text, " of %s", ag_plural(of->models, "it", "them")));
    AG_TRY(ag_text_append(text, " %s", ag_plural(of->points, "is", "are")));
    AG_TRY(ag_text_append(text, "%s",
                          of->fate == FATE_COMPLETED
                              ? " completed, and what is done of that is kept"
                              : " done again"));
  }
  AG_TRY(ag_text_append(text, "\n"));
cleanup:
  return status;
}

static ag_status append_lines(ag_text *text, const comparison *all)
{
  ag_status status = AG_OK;
  size_t added = 0;
  for (size_t i = 0; i < all->now->plan->point_count; ++i)
    added += !all->asked[i] && ag_ledger_point(all->now, i) != AG_PROGRESS_DONE;
  for (size_t i = 0; i < all->group_count; ++i)
    AG_TRY(append_group(text, &all->groups[i]));
  if (added > 0) {
    AG_TRY(ag_text_append(text, "%zu %s new\n", added, ag_plural(added, "point is", "points are")));
  }
  if (all->dropped > 0) {
    AG_TRY(ag_text_append(text, "%zu finished %s no longer asked for; %s\n", all->dropped,
                          ag_plural(all->dropped, "point is", "points are"),
                          ag_plural(all->dropped, "its records stay", "their records stay")));
  }
cleanup:
  return status;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static ag_status compare(const ag_ledger *was, const ag_ledger *now, bool other_images,
                         ag_text *lines)
{
  ag_status status = AG_OK;
  comparison all = {.was = was, .now = now, .other_images = other_images};
  AG_TRY(ag_match_start(&all.match, was->plan, now->plan));
  AG_TRY(ag_allocate(now->plan->point_count, sizeof *all.asked, &all.asked));
  for (size_t i = 0; i < was->plan->model_count; ++i)
    AG_TRY(compare_model(&all, i));
  for (size_t i = 0; i < was->plan->point_count; ++i)
    AG_TRY(compare_point(&all, i));
  AG_TRY(append_lines(lines, &all));
cleanup:
  finish(&all);
  return status;
}

/* Whether the job is, to the letter, the one that was run last, on the same images. */
static ag_status is_unchanged(const char *path, const ag_ledger *ledger, bool same_images,
                              bool *unchanged)
{
  ag_text text = {0};
  char *bytes = NULL;
  size_t size = 0;
  ag_status status = ag_job_print(ledger->plan->job, &text);
  if (status == AG_OK) status = ag_file_read(path, &bytes, &size);
  *unchanged = status == AG_OK && same_images && size == text.length &&
               memcmp(bytes, text.bytes, size) == 0;
  ag_release(&bytes);
  ag_text_clear(&text);
  return status;
}

ag_status ag_changes_tell(const char *folder, const ag_ledger *ledger, const ag_digest *dataset,
                          ag_text *lines)
{
  ag_status status = AG_OK;
  char path[AG_PATH_SIZE];
  ag_folder was = {0};
  ag_digest before;
  bool unchanged = false;
  AG_TRY(ag_path_join(path, sizeof path, "%s/job.yaml", folder));
  if (!ag_file_exists(path) || !ag_digest_read(ledger->provenance.dataset_sha256, &before)) {
    return AG_OK; /* nothing has been run here */
  }
  const bool same_images = ag_is_same_key(&before, dataset);
  AG_TRY(is_unchanged(path, ledger, same_images, &unchanged));
  if (unchanged) return AG_OK;
  status = ag_folder_read(folder, &was);
  if (status != AG_OK && status != AG_OUT_OF_MEMORY) {
    /* An old job that this version refuses, or a model file that is gone, is no reason to stop. */
    return ag_text_append(lines, "the job has changed; how cannot be told: %s\n", ag_message());
  }
  if (status == AG_OK) status = compare(was.ledger, ledger, !same_images, lines);
cleanup:
  ag_folder_clear(&was);
  return status;
}
