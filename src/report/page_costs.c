/* What the work cost: each attack over all its points; each model, in training and under attack. */
#include "report/page.h"

#include <math.h>
#include <string.h>

/* Whether the seconds of the point are another's too: points of one key are the same work, and so
 * are all epsilons of an attack that takes none. */
static bool is_counted(const ag_page *page, const ag_read_point *point)
{
  const ag_results *results = &page->results;
  const size_t place = (size_t)(point - results->points);
  const size_t per_model = results->attack_count * results->epsilon_count * results->seed_count;
  const bool once = !ag_page_takes_epsilon(page, point->attack);
  for (size_t i = place - place % per_model; i < place; ++i) {
    const ag_read_point *other = &results->points[i];
    if (other->progress != AG_PROGRESS_DONE) continue;
    if (strcmp(other->key, point->key) == 0) return true;
    if (once && other->attack == point->attack && other->seed == point->seed) return true;
  }
  return false;
}

static void cost_row(ag_page *page, size_t attack)
{
  const ag_results *results = &page->results;
  double points = 0;
  double images = 0;
  double seconds = 0;
  double gradients = 0;
  for (size_t i = 0; i < results->point_count; ++i) {
    const ag_read_point *point = &results->points[i];
    if (point->attack != attack || point->progress != AG_PROGRESS_DONE) continue;
    points += 1;
    if (is_counted(page, point)) continue;
    images += point->images;
    seconds += point->seconds;
    gradients += point->gradients;
  }
  const double none = (double)NAN;
  const double hours = images > 0 ? ag_page_core_hours(page, seconds) : none;
  ag_sheet_put(&page->sheet, "<tr><th scope=\"row\">");
  ag_sheet_name(&page->sheet, results->attacks[attack]);
  ag_sheet_put(&page->sheet, "</th>");
  ag_page_fixed(page, 0, points);
  ag_page_fixed(page, 1, images > 0 ? gradients / images : none);
  ag_page_fixed(page, 1, images > 0 ? images / seconds : none);
  ag_page_short(page, 3, hours / points);
  ag_page_short(page, 3, hours);
  ag_sheet_put(&page->sheet, "</tr>\n");
}

static void attacks_table(ag_page *page)
{
  static const char *const headings[] = {"points done", "gradients an image", "images/s of a rank",
                                         "core-hours a point", "core-hours"};
  ag_page_table_open(page, "What the attacks cost", "attacks");
  ag_sheet_put(&page->sheet, "<thead><tr>\n");
  ag_page_heading(page, "attack", NULL, false);
  for (size_t i = 0; i < sizeof headings / sizeof *headings; ++i)
    ag_page_heading(page, headings[i], NULL, true);
  ag_sheet_put(&page->sheet, "</tr></thead><tbody>\n");
  for (size_t a = 0; a < page->results.attack_count; ++a)
    cost_row(page, a);
  ag_sheet_put(&page->sheet, "</tbody>");
  ag_page_table_close(page);
}

/* ---- by model ------------------------------------------------------------------------------ */

/* Of all ranks of its teams; NaN where the timeline does not say. */
static double training_seconds(const ag_results *results, size_t defense, size_t seed)
{
  bool any = false;
  double seconds = 0;
  for (size_t i = 0; i < results->span_count; ++i) {
    const ag_read_span *span = &results->spans[i];
    if (!span->trains || span->defense != defense || span->seed != seed) continue;
    any = true;
    seconds += span->seconds;
  }
  return any ? seconds : (double)NAN;
}

/* Of the points that are done; NaN where none is. */
static double attack_seconds(const ag_page *page, size_t defense, size_t attack, size_t seed)
{
  const ag_results *results = &page->results;
  bool any = false;
  double seconds = 0;
  for (size_t e = 0; e < results->epsilon_count; ++e) {
    const ag_read_point *point = ag_results_point(results, defense, attack, e, seed);
    if (point->progress != AG_PROGRESS_DONE) continue;
    any = true;
    if (!is_counted(page, point)) seconds += point->seconds;
  }
  return any ? seconds : (double)NAN;
}

static void model_row(ag_page *page, size_t defense, size_t seed)
{
  const ag_results *results = &page->results;
  ag_sheet *sheet = &page->sheet;
  ag_sheet_put(sheet, "<tr><th scope=\"row\">");
  ag_sheet_name(sheet, results->defenses[defense]);
  ag_sheet_put(sheet, "</th>");
  if (results->seed_count > 1) {
    ag_sheet_put(sheet, "<td class=\"number\">%llu</td>", (unsigned long long)results->seeds[seed]);
  }
  ag_page_short(page, 3, ag_page_core_hours(page, training_seconds(results, defense, seed)));
  for (size_t a = 0; a < results->attack_count; ++a)
    ag_page_short(page, 3, ag_page_core_hours(page, attack_seconds(page, defense, a, seed)));
  ag_sheet_put(sheet, "</tr>\n");
}

static void models_table(ag_page *page)
{
  const ag_results *results = &page->results;
  ag_sheet *sheet = &page->sheet;
  ag_page_table_open(page, "Core-hours by model and attack", "core-hours");
  ag_sheet_put(sheet, "<thead><tr>\n");
  ag_page_heading(page, "defense", NULL, false);
  if (results->seed_count > 1) ag_page_heading(page, "seed", NULL, true);
  ag_page_heading(page, "its training", NULL, true);
  for (size_t a = 0; a < results->attack_count; ++a) {
    ag_sheet_put(sheet, "<th scope=\"col\" class=\"number\">");
    ag_sheet_name(sheet, results->attacks[a]);
    ag_sheet_put(sheet, "</th>\n");
  }
  ag_sheet_put(sheet, "</tr></thead><tbody>\n");
  for (size_t d = 0; d < results->defense_count; ++d) {
    for (size_t s = 0; s < results->seed_count; ++s)
      model_row(page, d, s);
  }
  ag_sheet_put(sheet, "</tbody>");
  ag_page_table_close(page);
}

void ag_page_costs(ag_page *page)
{
  attacks_table(page);
  models_table(page);
}
