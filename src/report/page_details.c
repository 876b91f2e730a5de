/* Sections that a result file may have: the latent space, distances to neighbours, draws of noise.
 */
#include "report/page.h"

#include <math.h>

enum { NUMBERS = 5 };

/* A table with a row for each point that has a group in a part of the file. */
typedef struct detail_table {
  const char *part, *title, *note; /* plain HTML */
  size_t count;
  const char *names[NUMBERS], *headings[NUMBERS];
  double scales[NUMBERS];
} detail_table;

static const detail_table neighbours = {
    .part = "neighbours",
    .title = "Distances to neighbours",
    .note = "In the latent space: how far an image is from the nearest of the references of its"
            " class, mean over images, before and after the attack.",
    .count = 2,
    .names = {"mean_clean_distance", "mean_attacked_distance"},
    .headings = {"clean", "attacked"},
    .scales = {1, 1}};

static const detail_table draws = {
    .part = "draws",
    .title = "Draws of the noise",
    .note = "Robust accuracy in % of all images where each verdict is one draw of the noise: the"
            " mean over draws, and their interval.",
    .count = 4,
    .names = {"images", "mean", "low", "high"},
    .headings = {"images", "mean, %", "low, %", "high, %"},
    .scales = {1, 100, 100, 100}};

static size_t count_points(const ag_page *page, const detail_table *table)
{
  size_t count = 0;
  for (size_t i = 0; i < page->results.point_count; ++i) {
    const ag_read_point *point = &page->results.points[i];
    count += point->progress == AG_PROGRESS_DONE &&
             ag_results_has(&page->results, table->part, point->key);
  }
  return count;
}

static void put_row(ag_page *page, const detail_table *table, const ag_read_point *point)
{
  ag_sheet *sheet = &page->sheet;
  const ag_results *results = &page->results;
  double numbers[NUMBERS];
  char epsilon[AG_NUMBER_SIZE];
  const ag_status status =
      ag_results_numbers(results, table->part, point->key, table->names, table->count, numbers);
  if (sheet->status == AG_OK) sheet->status = status;
  ag_epsilon_text(results->epsilons[point->epsilon], epsilon);
  ag_sheet_put(sheet, "<tr><th scope=\"row\">");
  ag_sheet_name(sheet, results->defenses[point->defense]);
  ag_sheet_put(sheet, "</th><td>");
  ag_sheet_name(sheet, results->attacks[point->attack]);
  ag_sheet_put(sheet, "</td><td class=\"number\" data-value=\"%.9g\">%s</td>",
               results->epsilons[point->epsilon], epsilon);
  ag_sheet_put(sheet, "<td class=\"number\">%llu</td>",
               (unsigned long long)results->seeds[point->seed]);
  for (size_t i = 0; i < table->count; ++i)
    ag_page_short(page, 6, table->scales[i] * numbers[i]);
  ag_sheet_put(sheet, "</tr>\n");
}

static void put_table(ag_page *page, const detail_table *table)
{
  static const char *const places[] = {"defense", "attack", "epsilon", "seed"};
  if (count_points(page, table) == 0) return;
  ag_page_table_open(page, table->title, table->part);
  ag_sheet_put(&page->sheet, "<thead><tr>\n");
  for (size_t i = 0; i < sizeof places / sizeof *places; ++i)
    ag_page_heading(page, places[i], NULL, i > 1);
  for (size_t i = 0; i < table->count; ++i)
    ag_page_heading(page, table->headings[i], NULL, true);
  ag_sheet_put(&page->sheet, "</tr></thead><tbody>\n");
  for (size_t i = 0; i < page->results.point_count; ++i) {
    const ag_read_point *point = &page->results.points[i];
    if (point->progress == AG_PROGRESS_DONE &&
        ag_results_has(&page->results, table->part, point->key)) {
      put_row(page, table, point);
    }
  }
  ag_sheet_put(&page->sheet, "</tbody>");
  ag_page_table_close(page);
  ag_sheet_put(&page->sheet, "<p class=\"note\">%s</p>\n", table->note);
}

void ag_page_draws(ag_page *page)
{
  put_table(page, &draws);
}

bool ag_page_has_latent(const ag_page *page)
{
  return ag_figures_count(&page->figures, AG_FIGURE_LATENT) > 0 ||
         count_points(page, &neighbours) > 0;
}

void ag_page_latent(ag_page *page)
{
  ag_sheet *sheet = &page->sheet;
  if (!ag_page_has_latent(page)) return;
  ag_sheet_put(sheet, "<section id=\"latent\"><h2>Latent space</h2>\n");
  ag_page_figures(page, AG_FIGURE_LATENT);
  if (ag_figures_count(&page->figures, AG_FIGURE_LATENT) > 0) {
    ag_sheet_put(
        sheet,
        "<p class=\"note\">Images before and after an attack, both on the components of the"
        " clean ones, marked by their true class: of each defense and attack the smallest"
        " epsilon at which half of the images fall, or the largest%s.",
        page->results.seed_count > 1 ? "; of the first seed" : "");
    if (page->latent_left > 0) {
      ag_sheet_put(sheet, " Of %zu more there is the latent space in /latent of results.h5.",
                   page->latent_left);
    }
    ag_sheet_put(sheet, "</p>\n");
  }
  put_table(page, &neighbours);
  ag_sheet_put(sheet, "</section>\n");
}
