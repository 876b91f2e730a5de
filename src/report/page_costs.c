/* What the work cost: each attack over all its points. */
#include "report/page.h"

#include <math.h>
#include <string.h>

/* Points that share work share its seconds too: those of one key count once. */
static bool is_first_of_key(const ag_results *results, const ag_read_point *point)
{
  const size_t place = (size_t)(point - results->points);
  const size_t per_model = results->attack_count * results->epsilon_count * results->seed_count;
  for (size_t i = place - place % per_model; i < place; ++i) {
    const ag_read_point *other = &results->points[i];
    if (other->progress == AG_PROGRESS_DONE && strcmp(other->key, point->key) == 0) return false;
  }
  return true;
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
    if (!is_first_of_key(results, point)) continue;
    points += 1;
    images += point->images;
    seconds += point->seconds;
    gradients += point->gradients;
  }
  ag_sheet_put(&page->sheet, "<tr><th scope=\"row\">");
  ag_sheet_name(&page->sheet, results->attacks[attack]);
  ag_sheet_put(&page->sheet, "</th>");
  ag_page_fixed(page, 0, points);
  ag_page_fixed(page, 1, points > 0 ? gradients / images : (double)NAN);
  ag_page_fixed(page, 1, points > 0 ? images / seconds : (double)NAN);
  ag_page_short(page, 3, points > 0 ? ag_page_core_hours(page, seconds) / points : (double)NAN);
  ag_page_short(page, 3, points > 0 ? ag_page_core_hours(page, seconds) : (double)NAN);
  ag_sheet_put(&page->sheet, "</tr>\n");
}

void ag_page_costs(ag_page *page)
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
