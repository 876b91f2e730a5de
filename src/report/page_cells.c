/* What the page says of a defense under an attack at an epsilon. */
#include "report/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void add_seed(const ag_read_point *point, ag_cell *cell)
{
  const double correct = point->robust_accuracy_of_correct;
  const bool whole = point->robust_correct >= 0 && point->clean_correct >= point->robust_correct;
  const ag_interval interval =
      whole ? ag_wilson_interval((size_t)point->robust_correct, (size_t)point->clean_correct)
            : (ag_interval){(double)NAN, (double)NAN};
  const bool first = cell->done++ == 0;
  cell->images = first ? point->images : cell->images;
  cell->clean = (first ? 0 : cell->clean) + point->clean_accuracy;
  cell->robust = (first ? 0 : cell->robust) + point->robust_accuracy;
  cell->correct = (first ? 0 : cell->correct) + correct;
  cell->low = first ? point->ci_low : fmin(cell->low, point->ci_low);
  cell->high = first ? point->ci_high : fmax(cell->high, point->ci_high);
  cell->c_low = first ? interval.low : fmin(cell->c_low, interval.low);
  cell->c_high = first ? interval.high : fmax(cell->c_high, interval.high);
}

ag_cell ag_page_cell(const ag_page *page, size_t defense, size_t attack, size_t epsilon)
{
  const double none = (double)NAN;
  ag_cell cell = {0, 0, 0, none, none, none, none, none, none, none, none};
  for (size_t s = 0; s < page->results.seed_count; ++s) {
    const ag_read_point *point = ag_results_point(&page->results, defense, attack, epsilon, s);
    if (point->progress == AG_PROGRESS_DONE) add_seed(point, &cell);
    cell.failed += point->progress == AG_PROGRESS_FAILED;
    cell.missing += point->progress == AG_PROGRESS_MISSING;
  }
  if (cell.done > 1) {
    cell.clean /= (double)cell.done;
    cell.robust /= (double)cell.done;
    cell.correct /= (double)cell.done;
  }
  return cell;
}

void ag_page_count(const ag_page *page, size_t counts[3])
{
  memset(counts, 0, 3 * sizeof *counts);
  for (size_t i = 0; i < page->results.point_count; ++i) {
    const ag_progress progress = page->results.points[i].progress;
    ++counts[progress == AG_PROGRESS_DONE ? 0 : progress == AG_PROGRESS_FAILED ? 1 : 2];
  }
}

static const ag_entry *find_entry(const ag_entry *entries, size_t count, const char *name)
{
  for (size_t i = 0; i < count; ++i) {
    if (strcmp(entries[i].name, name) == 0) return &entries[i];
  }
  return NULL;
}

const ag_entry *ag_page_attack(const ag_page *page, size_t attack)
{
  const ag_job *job = page->job;
  if (job == NULL) return NULL;
  return find_entry(job->attacks, job->attack_count, page->results.attacks[attack]);
}

const ag_entry *ag_page_defense(const ag_page *page, size_t defense)
{
  const ag_job *job = page->job;
  if (job == NULL) return NULL;
  return find_entry(job->defenses, job->defense_count, page->results.defenses[defense]);
}

size_t ag_page_undefended(const ag_page *page)
{
  for (size_t d = 0; d < page->results.defense_count; ++d) {
    const ag_entry *entry = ag_page_defense(page, d);
    const char *kind = entry == NULL ? page->results.defenses[d] : entry->kind->name;
    if (strcmp(kind, "none") == 0) return d;
  }
  return AG_NO_SIDE;
}

const char *ag_page_norm(const ag_page *page, size_t attack)
{
  const ag_entry *entry = ag_page_attack(page, attack);
  if (entry == NULL) return "";
  return ag_attack_norm(entry) == AG_NORM_L2 ? "L2" : "Linf";
}

bool ag_page_takes_epsilon(const ag_page *page, size_t attack)
{
  const ag_entry *entry = ag_page_attack(page, attack);
  return entry == NULL || ag_attack_takes_epsilon(entry);
}

bool ag_page_certifies(const ag_page *page, size_t attack)
{
  const ag_entry *entry = ag_page_attack(page, attack);
  return entry != NULL && ag_attack_of(entry)->finds == AG_FINDS_RADIUS;
}

double ag_page_core_hours(const ag_page *page, double seconds)
{
  const double threads = strtod(ag_results_attribute(&page->results, "threads"), NULL);
  return threads > 0 ? seconds * threads / 3600 : (double)NAN;
}
