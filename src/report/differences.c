/* Two points at a time: their images are read and paired, and the pairs tested. */
#include "report/differences.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static ag_status grow(ag_differences *all)
{
  ag_difference *grown = NULL;
  const size_t capacity = 2 * all->capacity + 64;
  const ag_status status = ag_allocate(capacity, sizeof *grown, &grown);
  if (status != AG_OK) return status;
  if (all->count > 0) memcpy(grown, all->list, all->count * sizeof *grown);
  ag_release(&all->list);
  all->list = grown;
  all->capacity = capacity;
  return AG_OK;
}

static ag_status keep_images(ag_differences *all, const ag_page *page, const ag_read_point *point)
{
  if (all->kept == point) return AG_OK;
  ag_release(&all->outcomes);
  all->kept = NULL;
  const ag_status status =
      ag_results_samples(&page->results, point->key, &all->outcomes, &all->outcome_count);
  if (status == AG_OK) all->kept = point;
  return status;
}

static ag_status compare(ag_differences *all, ag_difference *one)
{
  ag_outcome *outcomes = NULL;
  size_t count = 0;
  ag_status status = AG_OK;
  AG_TRY(keep_images(all, one->pages[0], one->points[0]));
  AG_TRY(ag_results_samples(&one->pages[1]->results, one->points[1]->key, &outcomes, &count));
  if (!ag_pair_outcomes(all->outcomes, all->outcome_count, outcomes, count, &one->pairs))
    goto cleanup;
  one->images = one->pairs.both + one->pairs.first + one->pairs.second + one->pairs.neither;
  if (one->images == 0) goto cleanup;
  one->probability = ag_mcnemar_test(&one->pairs);
  ++all->tests;
cleanup:
  ag_release(&outcomes);
  return status;
}

ag_status ag_differences_add(ag_differences *all, const ag_page *const pages[2],
                             const ag_read_point *const points[2])
{
  const double none = (double)NAN;
  ag_status status = all->count == all->capacity ? grow(all) : AG_OK;
  if (status != AG_OK) return status;
  ag_difference *one = &all->list[all->count++];
  *one = (ag_difference){.pages = {pages[0], pages[1]},
                         .points = {points[0], points[1]},
                         .probability = none,
                         .adjusted = none};
  const bool done = points[0]->progress == AG_PROGRESS_DONE &&
                    points[1]->progress == AG_PROGRESS_DONE;
  return done ? compare(all, one) : AG_OK;
}

ag_status ag_differences_conclude(ag_differences *all)
{
  ag_status status = AG_OK;
  double *probabilities = NULL;
  double *adjusted = NULL;
  size_t place = 0;
  AG_TRY(ag_allocate(all->tests, sizeof *probabilities, &probabilities));
  AG_TRY(ag_allocate(all->tests, sizeof *adjusted, &adjusted));
  for (size_t i = 0; i < all->count; ++i) {
    if (all->list[i].images > 0) probabilities[place++] = all->list[i].probability;
  }
  AG_TRY(ag_holm_adjust(place, probabilities, adjusted));
  place = 0;
  for (size_t i = 0; i < all->count; ++i) {
    if (all->list[i].images > 0) all->list[i].adjusted = adjusted[place++];
  }
cleanup:
  ag_release(&adjusted);
  ag_release(&probabilities);
  return status;
}

void ag_differences_clear(ag_differences *all)
{
  ag_release(&all->outcomes);
  ag_release(&all->list);
  *all = (ag_differences){0};
}

int ag_difference_sign(const ag_difference *one)
{
  if (!(one->adjusted < AG_DIFFERENCE_LEVEL)) return 0;
  return one->pairs.second > one->pairs.first ? 1 : -1;
}

size_t ag_differences_count(const ag_differences *all, int sign)
{
  size_t count = 0;
  for (size_t i = 0; i < all->count; ++i)
    count += all->list[i].images > 0 && ag_difference_sign(&all->list[i]) == sign;
  return count;
}

/* ---- the table --------------------------------------------------------------------------------
 */

/* Columns that not every table has. */
typedef struct shown_columns {
  bool against; /* not all are compared with the same */
  bool seed;
} shown_columns;

static uint64_t seed_of(const ag_difference *one)
{
  return one->pages[1]->results.seeds[one->points[1]->seed];
}

static shown_columns columns_of(const ag_differences *all)
{
  shown_columns shown = {false, false};
  for (size_t i = 0; i < all->count; ++i) {
    const ag_difference *one = &all->list[i];
    shown.seed = shown.seed || one->pages[1]->results.seed_count > 1 ||
                 seed_of(one) != seed_of(&all->list[0]);
    shown.against = shown.against || one->pages[0] != all->list[0].pages[0] ||
                    one->points[0]->defense != all->list[0].points[0]->defense;
  }
  return shown;
}

static void head(ag_page *page, const ag_differences *all, const shown_columns *shown)
{
  static const char *const numbers[] = {"images", "accuracy, %", "against, %", "difference",
                                        "lost",   "gained",      "p"};
  enum { NUMBERS = sizeof numbers / sizeof *numbers, OTHERS = 3 };
  ag_sheet_put(&page->sheet, "<thead>");
  if (!shown->against) {
    ag_sheet_put(&page->sheet, "<tr class=\"group\"><th colspan=\"%d\">against ",
                 OTHERS + shown->seed + NUMBERS);
    ag_page_defense_name(page, all->list[0].pages[0], all->list[0].points[0]->defense);
    ag_sheet_put(&page->sheet, "</th></tr>");
  }
  ag_sheet_put(&page->sheet, "<tr>\n");
  ag_page_heading(page, "defense", NULL, false);
  if (shown->against) ag_page_heading(page, "against", NULL, false);
  ag_page_heading(page, "attack", NULL, false);
  ag_page_heading(page, "epsilon", NULL, true);
  if (shown->seed) ag_page_heading(page, "seed", NULL, true);
  for (size_t i = 0; i < NUMBERS; ++i)
    ag_page_heading(page, numbers[i], NULL, true);
  ag_sheet_put(&page->sheet, "</tr></thead><tbody>\n");
}

/* Coloured where it is more than chance. */
static void put_difference(ag_page *page, const ag_difference *one)
{
  static const char *const classes[] = {" wrong", "", " right"};
  const ag_interval interval = ag_paired_interval(&one->pairs);
  const double value = ((double)one->pairs.second - (double)one->pairs.first) / (double)one->images;
  if (one->images == 0) {
    ag_page_no_cell(page, one->points[0]->progress == AG_PROGRESS_FAILED ||
                              one->points[1]->progress == AG_PROGRESS_FAILED);
    return;
  }
  ag_sheet_put(&page->sheet,
               "<td class=\"number%s\" data-value=\"%.2f\" data-copy=\"%+.2f [%+.2f, %+.2f]\">%+.2f"
               "<small>%+.2f to %+.2f</small></td>",
               classes[ag_difference_sign(one) + 1], 100 * value, 100 * value, 100 * interval.low,
               100 * interval.high, 100 * value, 100 * interval.low, 100 * interval.high);
}

/* What is less than a double holds is not zero. */
static void probability_text(double value, char text[AG_NUMBER_SIZE])
{
  snprintf(text, AG_NUMBER_SIZE, value < 1e-300 ? "&lt;1e-300" : "%.3g", value);
}

static void put_probability(ag_page *page, const ag_difference *one)
{
  char adjusted[AG_NUMBER_SIZE];
  char alone[AG_NUMBER_SIZE];
  if (one->images == 0) {
    ag_page_no_cell(page, false);
    return;
  }
  probability_text(one->adjusted, adjusted);
  probability_text(one->probability, alone);
  ag_sheet_put(&page->sheet,
               "<td class=\"number\" data-value=\"%.3g\" data-copy=\"%s (%s)\">%s"
               "<small>alone %s</small></td>",
               one->adjusted, adjusted, alone, adjusted, alone);
}

static void put_row(ag_page *page, const ag_difference *one, const shown_columns *shown)
{
  ag_sheet *sheet = &page->sheet;
  const ag_page *from = one->pages[1];
  const ag_read_point *point = one->points[1];
  const double images = one->images > 0 ? (double)one->images : (double)NAN;
  const double both = (double)one->pairs.both;
  char epsilon[AG_NUMBER_SIZE];
  ag_epsilon_text(from->results.epsilons[point->epsilon], epsilon);
  ag_sheet_put(sheet, "<tr><th scope=\"row\">");
  ag_page_defense_name(page, from, point->defense);
  ag_sheet_put(sheet, "</th><td>");
  if (shown->against) {
    ag_page_defense_name(page, one->pages[0], one->points[0]->defense);
    ag_sheet_put(sheet, "</td><td>");
  }
  ag_page_attack_name_of(page, from, point->attack);
  ag_sheet_put(sheet, "</td><td class=\"number\" data-value=\"%.9g\">%s</td>",
               from->results.epsilons[point->epsilon], epsilon);
  if (shown->seed) {
    ag_sheet_put(sheet, "<td class=\"number\">%llu</td>", (unsigned long long)seed_of(one));
  }
  ag_page_fixed(page, 0, images);
  ag_page_fixed(page, 2, 100 * (both + (double)one->pairs.second) / images);
  ag_page_fixed(page, 2, 100 * (both + (double)one->pairs.first) / images);
  put_difference(page, one);
  ag_page_fixed(page, 0, one->images > 0 ? (double)one->pairs.first : (double)NAN);
  ag_page_fixed(page, 0, one->images > 0 ? (double)one->pairs.second : (double)NAN);
  put_probability(page, one);
  ag_sheet_put(sheet, "</tr>\n");
}

static void explain(ag_page *page, const ag_differences *all)
{
  ag_sheet_put(
      &page->sheet,
      "<p class=\"note\">Accuracy under attack on the images that both have. The difference, in"
      " percentage points, stands above its 95 %% interval for paired proportions (Newcombe 1998,"
      " Statistics in Medicine 17, 2635, method 10). Lost are images that only the one compared"
      " against has right, gained those that only the defense has right. p is McNemar's exact"
      " two-sided test of these two counts, corrected for the %zu test%s of this page (Holm 1979);"
      " below it the test alone. Coloured is what stays under %.0f %%. A dash is what is not done, "
      "or"
      " has no images in its file. It is a test over images:"
      " how much another training would differ, only several seeds can show.</p>\n",
      all->tests, ag_plural(all->tests, "", "s"), 100 * AG_DIFFERENCE_LEVEL);
}

void ag_page_differences(ag_page *page, const ag_differences *all, size_t shown_rows)
{
  const shown_columns shown = columns_of(all);
  const bool folded = all->count > shown_rows;
  if (all->tests == 0) return;
  if (folded) {
    ag_sheet_put(&page->sheet, "<details class=\"points\"><summary>Differences on the same images,"
                               " tested in pairs</summary>\n");
  }
  ag_page_table_open(page, "Differences on the same images", "differences");
  head(page, all, &shown);
  for (size_t i = 0; i < all->count; ++i)
    put_row(page, &all->list[i], &shown);
  ag_sheet_put(&page->sheet, "</tbody>");
  ag_page_table_close(page);
  explain(page, all);
  if (folded) ag_sheet_put(&page->sheet, "</details>\n");
}
