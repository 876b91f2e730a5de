/* The tables of accuracies: of the paper's kind, in pairs, of draws, and of every point. */
#include "report/page.h"

#include <math.h>
#include <stdio.h>

/* ---- the paper's kind: a defense under an attack a row, an epsilon a column
 * ----------------------- */

/* Which images count. */
typedef enum images_counted { ALL_IMAGES, CORRECT_IMAGES } images_counted;

void ag_page_accuracy_head(ag_page *page, const double *epsilons, size_t count)
{
  ag_sheet_put(
      &page->sheet,
      "<thead><tr class=\"group\"><th colspan=\"3\"></th><th colspan=\"%zu\">accuracy in %%"
      " at epsilon</th></tr><tr>\n",
      count);
  ag_page_heading(page, "defense", NULL, false);
  ag_page_heading(page, "attack", NULL, false);
  ag_page_heading(page, "clean", NULL, true);
  for (size_t e = 0; e < count; ++e) {
    char epsilon[AG_NUMBER_SIZE];
    char copied[2 * AG_NUMBER_SIZE];
    ag_epsilon_text(epsilons[e], epsilon);
    snprintf(copied, sizeof copied, "epsilon %s", epsilon);
    ag_page_heading(page, epsilon, copied, true);
  }
  ag_sheet_put(&page->sheet, "</tr></thead><tbody>\n");
}

static void pivot_cell(ag_page *page, const ag_cell *cell, images_counted counted)
{
  ag_sheet *sheet = &page->sheet;
  const double value = counted == ALL_IMAGES ? cell->robust : cell->correct;
  const double low = counted == ALL_IMAGES ? cell->low : cell->c_low;
  const double high = counted == ALL_IMAGES ? cell->high : cell->c_high;
  const size_t seeds = cell->done + cell->failed + cell->missing;
  if (cell->done > 0 && cell->clean == 0 && counted == CORRECT_IMAGES) {
    ag_sheet_put(sheet, "<td class=\"number missing\" data-value=\"\">none is</td>");
    return;
  }
  if (isnan(value)) {
    ag_page_no_cell(page, cell->failed > 0);
    return;
  }
  ag_sheet_put(sheet, "<td class=\"number\" data-value=\"%.2f\"", 100 * value);
  if (isnan(low) || isnan(high)) {
    ag_sheet_put(sheet, ">%.2f", 100 * value);
  } else {
    ag_sheet_put(sheet, " data-copy=\"%.2f [%.2f, %.2f]\">%.2f<small>%.2f to %.2f</small>",
                 100 * value, 100 * low, 100 * high, 100 * value, 100 * low, 100 * high);
  }
  if (cell->done < seeds) ag_sheet_put(sheet, "<small>%zu of %zu seeds</small>", cell->done, seeds);
  ag_sheet_put(sheet, "</td>");
}

void ag_page_accuracy(ag_page *page, const ag_cell *cell)
{
  pivot_cell(page, cell, ALL_IMAGES);
}

double ag_page_clean_accuracy(const ag_page *page, size_t defense, size_t attack)
{
  for (size_t e = 0; e < page->results.epsilon_count; ++e) {
    const ag_cell cell = ag_page_cell(page, defense, attack, e);
    if (cell.done > 0) return 100 * cell.clean;
  }
  return (double)NAN;
}

static void pivot(ag_page *page, const char *title, const char *name, images_counted counted)
{
  ag_sheet *sheet = &page->sheet;
  const ag_results *results = &page->results;
  ag_page_table_open(page, title, name);
  ag_page_accuracy_head(page, results->epsilons, results->epsilon_count);
  for (size_t row = 0; row < results->defense_count * results->attack_count; ++row) {
    const size_t defense = row / results->attack_count;
    const size_t attack = row % results->attack_count;
    ag_sheet_put(sheet, "<tr><th scope=\"row\">");
    ag_sheet_name(sheet, results->defenses[defense]);
    ag_sheet_put(sheet, "</th><td>");
    ag_page_attack_name(page, attack);
    ag_sheet_put(sheet, "</td>");
    ag_page_fixed(page, 2, ag_page_clean_accuracy(page, defense, attack));
    for (size_t e = 0; e < results->epsilon_count; ++e) {
      const ag_cell cell = ag_page_cell(page, defense, attack, e);
      pivot_cell(page, &cell, counted);
    }
    ag_sheet_put(sheet, "</tr>\n");
  }
  ag_sheet_put(sheet, "</tbody>");
  ag_page_table_close(page);
}

void ag_page_tables(ag_page *page)
{
  ag_sheet_put(&page->sheet, "<section id=\"tables\"><h2>Tables</h2>\n");
  pivot(page, "Of all images", "all-images", ALL_IMAGES);
  pivot(page, "Of the images that are classified correctly without an attack", "correct-images",
        CORRECT_IMAGES);
  ag_sheet_put(&page->sheet,
               "<p class=\"note\">Below each accuracy stands its 95 %% Wilson interval%s. A dash is"
               " what is not there yet.",
               page->results.seed_count > 1 ? ", from the lowest end of the seeds' to the highest"
                                            : "");
  ag_page_note_certified(page);
  ag_sheet_put(&page->sheet, "</p>\n");
  ag_page_paired(page);
  ag_page_draws(page);
  ag_page_points(page);
  ag_sheet_put(&page->sheet, "</section>\n");
}
