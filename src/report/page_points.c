/* Every point with all that /results says of it, and what it cost. */
#include "report/page.h"

#include <stddef.h>
#include <string.h>

/* A column of numbers: what the file has, times `scale`. */
typedef struct point_column {
  const char *heading;
  size_t offset;
  double scale;
  int decimals, digits; /* the second where it is over 0 */
} point_column;

static const point_column columns[] = {
    {"images", offsetof(ag_read_point, images), 1, 0, 0},
    {"clean correct", offsetof(ag_read_point, clean_correct), 1, 0, 0},
    {"robust correct", offsetof(ag_read_point, robust_correct), 1, 0, 0},
    {"clean, %", offsetof(ag_read_point, clean_accuracy), 100, 2, 0},
    {"robust, %", offsetof(ag_read_point, robust_accuracy), 100, 2, 0},
    {"low, %", offsetof(ag_read_point, ci_low), 100, 2, 0},
    {"high, %", offsetof(ag_read_point, ci_high), 100, 2, 0},
    {"of correct, %", offsetof(ag_read_point, robust_accuracy_of_correct), 100, 2, 0},
    {"mean Linf", offsetof(ag_read_point, mean_linf), 1, 0, 4},
    {"max Linf", offsetof(ag_read_point, max_linf), 1, 0, 4},
    {"mean L2", offsetof(ag_read_point, mean_l2), 1, 0, 4},
    {"gradients", offsetof(ag_read_point, gradients), 1, 0, 0},
    {"forwards", offsetof(ag_read_point, forwards), 1, 0, 0},
    {"rank seconds", offsetof(ag_read_point, seconds), 1, 2, 0},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static double number_of(const ag_read_point *point, const point_column *column)
{
  double value = 0;
  const char *place = (const char *)point + column->offset;
  memcpy(&value, place, sizeof value);
  return column->scale * value;
}

static const char *state_of(const ag_read_point *point)
{
  if (point->progress == AG_PROGRESS_DONE) return "done";
  return point->progress == AG_PROGRESS_FAILED ? "failed" : "missing";
}

static void row(ag_page *page, const ag_read_point *point)
{
  ag_sheet *sheet = &page->sheet;
  const ag_results *results = &page->results;
  const char *state = state_of(point);
  char epsilon[AG_NUMBER_SIZE];
  ag_epsilon_text(results->epsilons[point->epsilon], epsilon);
  ag_sheet_put(sheet, "<tr data-key=\"");
  ag_sheet_clipped(sheet, point->key, AG_DIGEST_TEXT_SIZE - 1);
  ag_sheet_put(sheet, "\"><th scope=\"row\">");
  ag_sheet_name(sheet, results->defenses[point->defense]);
  ag_sheet_put(sheet, "</th><td>");
  ag_page_attack_name(page, point->attack);
  ag_sheet_put(sheet, "</td><td class=\"number\" data-value=\"%.9g\">%s</td>",
               results->epsilons[point->epsilon], epsilon);
  ag_sheet_put(sheet, "<td class=\"number\">%llu</td><td class=\"%s\">%s</td>",
               (unsigned long long)results->seeds[point->seed], state, state);
  for (size_t i = 0; i < COLUMNS; ++i) {
    const double value = number_of(point, &columns[i]);
    if (columns[i].digits > 0) {
      ag_page_short(page, columns[i].digits, value);
    } else {
      ag_page_fixed(page, columns[i].decimals, value);
    }
  }
  ag_page_fixed(page, 1, point->images / point->seconds);
  ag_page_short(page, 3, ag_page_core_hours(page, point->seconds));
  ag_sheet_put(sheet, "</tr>\n");
}

void ag_page_points(ag_page *page)
{
  ag_sheet *sheet = &page->sheet;
  ag_sheet_put(sheet, "<details class=\"points\"><summary>Every point: counts, distances, what it"
                      " cost</summary>\n");
  ag_page_table_open(page, "Points", "points");
  ag_sheet_put(sheet, "<thead><tr>\n");
  ag_page_heading(page, "defense", NULL, false);
  ag_page_heading(page, "attack", NULL, false);
  ag_page_heading(page, "epsilon", NULL, true);
  ag_page_heading(page, "seed", NULL, true);
  ag_page_heading(page, "state", NULL, false);
  for (size_t i = 0; i < COLUMNS; ++i)
    ag_page_heading(page, columns[i].heading, NULL, true);
  ag_page_heading(page, "images/s of a rank", NULL, true);
  ag_page_heading(page, "core-hours", NULL, true);
  ag_sheet_put(sheet, "</tr></thead><tbody>\n");
  for (size_t i = 0; i < page->results.point_count; ++i)
    row(page, &page->results.points[i]);
  ag_sheet_put(sheet, "</tbody>");
  ag_page_table_close(page);
  ag_sheet_put(
      sheet, "<p class=\"note\">Distances are means and the maximum over the images that were"
             " attacked; gradients and forwards are passes over one image; rank seconds are summed"
             " over the ranks that took part, core-hours count the threads of a rank in the last"
             " run.</p></details>\n");
}
