/* The head of the page: how far the job is, and which defense stands best against what. */
#include "report/page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- tiles ---------------------------------------------------------------------------------- */

void ag_page_tile(ag_page *page, const char *label, const char *value, const char *more)
{
  ag_sheet_put(&page->sheet, "<div class=\"tile\"><span class=\"label\">%s</span>", label);
  ag_sheet_put(&page->sheet,
               "<span class=\"value\">%s</span><span class=\"more\">%s</span></div>\n", value,
               more);
}

static void points_tile(ag_page *page)
{
  size_t counts[3];
  char value[64];
  char more[160];
  ag_page_count(page, counts);
  const size_t all = page->results.point_count;
  snprintf(value, sizeof value, "%zu of %zu", counts[0], all);
  if (counts[0] == all) {
    snprintf(more, sizeof more, "the job is complete");
  } else if (counts[1] == 0) {
    snprintf(more, sizeof more, "%zu missing", counts[2]);
  } else {
    snprintf(more, sizeof more, "%zu failed, %zu missing", counts[1], counts[2]);
  }
  ag_page_tile(page, "Points done", value, more);
}

/* Of all models that have a point that is done. */
static void clean_tile(ag_page *page)
{
  double least = INFINITY;
  double most = -INFINITY;
  double images = (double)NAN;
  char value[64] = "&ndash;";
  char more[64] = "no point is done";
  for (size_t i = 0; i < page->results.point_count; ++i) {
    const ag_read_point *point = &page->results.points[i];
    if (point->progress != AG_PROGRESS_DONE || isnan(point->clean_accuracy)) continue;
    least = fmin(least, 100 * point->clean_accuracy);
    most = fmax(most, 100 * point->clean_accuracy);
    images = point->images;
  }
  if (least <= most) {
    snprintf(value, sizeof value, "%.2f %%", most);
    if (most - least >= 0.005) snprintf(value, sizeof value, "%.2f&ndash;%.2f %%", least, most);
    snprintf(more, sizeof more, "of %.0f test images", images);
  }
  ag_page_tile(page, "Clean accuracy", value, more);
}

static void gates_tile(ag_page *page)
{
  size_t failed = 0;
  size_t passed = 0;
  char value[64] = "&ndash;";
  char more[64] = "not in this file";
  for (size_t i = 0; i < page->results.gate_count; ++i) {
    failed += strcmp(page->results.gates[i].verdict, "failed") == 0;
    passed += strcmp(page->results.gates[i].verdict, "passed") == 0;
  }
  if (page->results.gate_count > 0) {
    snprintf(value, sizeof value, "%zu failed", failed);
    snprintf(more, sizeof more, "%zu passed, %zu not applicable", passed,
             page->results.gate_count - failed - passed);
  }
  ag_page_tile(page, "Sanity gates", value, more);
}

static void grid_tile(ag_page *page)
{
  const ag_results *results = &page->results;
  char value[128];
  char more[160];
  snprintf(value, sizeof value, "%zu &times; %zu &times; %zu", results->defense_count,
           results->attack_count, results->epsilon_count);
  snprintf(more, sizeof more, "defense%s &times; attack%s &times; epsilon%s, %zu seed%s",
           ag_plural(results->defense_count, "", "s"), ag_plural(results->attack_count, "", "s"),
           ag_plural(results->epsilon_count, "", "s"), results->seed_count,
           ag_plural(results->seed_count, "", "s"));
  ag_page_tile(page, "Grid", value, more);
}

/* ---- the best defense --------------------------------------------------------------------------
 */

/* Of the defenses that are done at a place. */
typedef struct ranking {
  size_t best;         /* AG_NO_SIDE where none is done */
  size_t done, failed; /* defenses */
  size_t close;        /* others whose intervals reach the best one's */
  size_t alike;        /* others that stand as well as it to the image */
  ag_cell cell;        /* of the best */
} ranking;

static ranking rank_defenses(const ag_page *page, size_t attack, size_t epsilon)
{
  ranking found = {.best = AG_NO_SIDE};
  for (size_t d = 0; d < page->results.defense_count; ++d) {
    const ag_cell cell = ag_page_cell(page, d, attack, epsilon);
    found.failed += cell.done == 0 && cell.failed > 0;
    if (isnan(cell.robust)) continue;
    ++found.done;
    if (found.best != AG_NO_SIDE && !(cell.robust > found.cell.robust)) continue;
    found.best = d;
    found.cell = cell;
  }
  for (size_t d = 0; d < page->results.defense_count && found.best != AG_NO_SIDE; ++d) {
    const ag_cell cell = ag_page_cell(page, d, attack, epsilon);
    found.close += d != found.best && cell.high >= found.cell.low;
    found.alike += d != found.best && cell.robust == found.cell.robust;
  }
  return found;
}

/* Which defense it is; `copied`: what stands for that in a copied table. */
static void best_name(ag_page *page, const ranking *found, bool copied)
{
  ag_sheet *sheet = &page->sheet;
  if (page->results.defense_count < 2) return;
  if (!copied) ag_sheet_put(sheet, "<b>");
  if (found->alike > 0 && found->alike + 1 == found->done) {
    ag_sheet_put(sheet, "all %zu alike", found->done);
  } else if (copied) {
    ag_sheet_html(sheet, page->results.defenses[found->best]);
  } else {
    ag_sheet_name(sheet, page->results.defenses[found->best]);
  }
  ag_sheet_put(sheet, "%s ", copied ? "" : "</b>");
}

static void best_cell(ag_page *page, size_t attack, size_t epsilon)
{
  ag_sheet *sheet = &page->sheet;
  const size_t defenses = page->results.defense_count;
  const ranking found = rank_defenses(page, attack, epsilon);
  if (found.best == AG_NO_SIDE) {
    ag_page_no_cell(page, found.failed > 0);
    return;
  }
  const double robust = 100 * found.cell.robust;
  const double low = 100 * found.cell.low;
  const double high = 100 * found.cell.high;
  ag_sheet_put(sheet, "<td data-value=\"%.2f\" data-copy=\"", robust);
  best_name(page, &found, true);
  ag_sheet_put(sheet, "%.2f [%.2f, %.2f]\">", robust, low, high);
  best_name(page, &found, false);
  ag_sheet_put(sheet, "<span class=\"figures\">%.2f</span> <small>%.2f to %.2f</small>", robust,
               low, high);
  if (found.close > 0 && found.alike + 1 < found.done) {
    ag_sheet_put(sheet, "<small>not told apart from %zu other%s</small>", found.close,
                 ag_plural(found.close, "", "s"));
  }
  if (found.done < defenses)
    ag_sheet_put(sheet, "<small>%zu of %zu defenses done</small>", found.done, defenses);
  if (found.failed > 0) ag_sheet_put(sheet, "<small>%zu failed</small>", found.failed);
  ag_sheet_put(sheet, "</td>\n");
}

static void explain_best(ag_page *page)
{
  const bool several = page->results.defense_count > 1;
  ag_sheet_put(&page->sheet, "<p class=\"note\">Accuracy in %% of all evaluated images");
  if (page->results.seed_count > 1) {
    ag_sheet_put(&page->sheet,
                 ", the mean over seeds, and from the lowest end of the seeds' 95 %% Wilson"
                 " intervals to the highest.");
  } else {
    ag_sheet_put(&page->sheet, ", with its 95 %% Wilson interval.");
  }
  if (several) {
    ag_sheet_put(&page->sheet, " Defenses whose intervals reach the best one's are not told apart"
                               " from it.");
  }
  ag_page_note_certified(page);
  ag_sheet_put(&page->sheet, "</p>\n");
}

static void best_table(ag_page *page)
{
  ag_sheet *sheet = &page->sheet;
  const ag_results *results = &page->results;
  const char *title = results->defense_count > 1 ? "Best defense by attack and epsilon"
                                                 : "Accuracy by attack and epsilon";
  ag_page_table_open(page, title, "best");
  ag_sheet_put(sheet, "<thead><tr>\n");
  ag_page_heading(page, "attack", NULL, false);
  for (size_t e = 0; e < results->epsilon_count; ++e) {
    char epsilon[AG_NUMBER_SIZE];
    char heading[2 * AG_NUMBER_SIZE];
    ag_epsilon_text(results->epsilons[e], epsilon);
    snprintf(heading, sizeof heading, "epsilon %s", epsilon);
    ag_page_heading(page, heading, NULL, false);
  }
  ag_sheet_put(sheet, "</tr></thead><tbody>\n");
  for (size_t a = 0; a < results->attack_count; ++a) {
    ag_sheet_put(sheet, "<tr><th scope=\"row\">");
    ag_page_attack_name(page, a);
    ag_sheet_put(sheet, "</th>");
    for (size_t e = 0; e < results->epsilon_count; ++e)
      best_cell(page, a, e);
    ag_sheet_put(sheet, "</tr>\n");
  }
  ag_sheet_put(sheet, "</tbody>");
  ag_page_table_close(page);
  explain_best(page);
}

void ag_page_summary(ag_page *page)
{
  ag_sheet_put(&page->sheet, "<div class=\"tiles\">\n");
  points_tile(page);
  clean_tile(page);
  gates_tile(page);
  grid_tile(page);
  ag_sheet_put(&page->sheet, "</div>\n<section id=\"short\"><h2>In short</h2>\n");
  ag_page_gates(page);
  best_table(page);
  ag_sheet_put(&page->sheet, "</section>\n");
}
