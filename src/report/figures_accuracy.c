/* Accuracy against epsilon: a panel an attack, a curve a defense with the band of its interval, on
 * a logarithmic and on a linear scale (figures 4 to 7 of the paper). */
#include "report/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A panel: an attack, and the defenses first .. first + count - 1. */
typedef struct accuracy_panel {
  size_t attack, first, count;
  bool logarithmic;
  double least, most; /* epsilons over 0, of the whole grid */
} accuracy_panel;

/* ---- order ------------------------------------------------------------------------------------
 */

typedef struct placed {
  double epsilon;
  size_t place;
} placed;

static int compare_placed(const void *a, const void *b)
{
  const placed *x = a;
  const placed *y = b;
  return (x->epsilon > y->epsilon) - (x->epsilon < y->epsilon);
}

/* The grid's epsilons from the least to the most; those that are no numbers are left out. */
static ag_status sort_epsilons(const ag_results *results, placed **sorted, size_t *count)
{
  const ag_status status = ag_allocate(results->epsilon_count, sizeof **sorted, sorted);
  *count = 0;
  if (status != AG_OK) return status;
  for (size_t e = 0; e < results->epsilon_count; ++e) {
    if (!isfinite(results->epsilons[e]) || results->epsilons[e] < 0) continue;
    (*sorted)[(*count)++] = (placed){results->epsilons[e], e};
  }
  qsort(*sorted, *count, sizeof **sorted, compare_placed);
  return AG_OK;
}

/* ---- data
 * ---------------------------------------------------------------------------------------- */

/* A row; `alone`: no neighbour is there to draw a line to, so that its interval is drawn as a bar.
 */
static void put_row(ag_figure *figure, double epsilon, const ag_cell *cell, bool alone)
{
  ag_sheet_put(&figure->data, "%.9g %.4f %.4f %.4f %d\n", epsilon, 100 * cell->robust,
               100 * (isnan(cell->low) ? cell->robust : cell->low),
               100 * (isnan(cell->high) ? cell->robust : cell->high), alone);
}

/* A curve: a block of rows; an empty line where a point is missing parts it. */
static ag_status put_curve(const ag_page *page, const accuracy_panel *panel, size_t defense,
                           ag_figure *figure)
{
  ag_status status = AG_OK;
  placed *sorted = NULL;
  ag_cell *cells = NULL;
  size_t count = 0;
  bool any = false;
  AG_TRY(sort_epsilons(&page->results, &sorted, &count));
  AG_TRY(ag_allocate(count, sizeof *cells, &cells));
  for (size_t i = 0; i < count; ++i) {
    cells[i] = ag_page_cell(page, defense, panel->attack, sorted[i].place);
    if (panel->logarithmic && !(sorted[i].epsilon > 0)) cells[i].robust = (double)NAN;
  }
  for (size_t i = 0; i < count; ++i) {
    const bool before = i > 0 && !isnan(cells[i - 1].robust);
    const bool after = i + 1 < count && !isnan(cells[i + 1].robust);
    if (isnan(cells[i].robust)) continue;
    if (!before && any) ag_sheet_put(&figure->data, "\n");
    any = true;
    put_row(figure, sorted[i].epsilon, &cells[i], !before && !after);
  }
cleanup:
  ag_release(&cells);
  ag_release(&sorted);
  return status;
}

/* ---- script
 * ---------------------------------------------------------------------------------------- */

/* Epsilons as the job writes them, as far as they have room. */
static ag_status put_ticks(const ag_page *page, const accuracy_panel *panel, ag_sheet *script)
{
  ag_status status = AG_OK;
  placed *sorted = NULL;
  size_t count = 0;
  double last = 0;
  size_t last_length = 0;
  const double width = log(1.5625 * panel->most / panel->least);
  AG_TRY(sort_epsilons(&page->results, &sorted, &count));
  ag_sheet_put(script, "set logscale x\nset xtics (");
  for (size_t i = 0; i < count; ++i) {
    char text[AG_NUMBER_SIZE];
    if (!(sorted[i].epsilon > 0)) continue;
    ag_epsilon_text(sorted[i].epsilon, text);
    /* A character takes one part in fifty of the axis, half of it on this side of the tick. */
    const size_t length = strlen(text);
    const double room = width * (0.02 + 0.01 * (double)(last_length + length));
    if (last > 0 && log(sorted[i].epsilon / last) < room) continue;
    ag_sheet_put(script, "%s'%s' %.9g", last > 0 ? ", " : "", text, sorted[i].epsilon);
    last = sorted[i].epsilon;
    last_length = length;
  }
  ag_sheet_put(script, ")\nset xrange [%.9g:%.9g]\n", panel->least / 1.25, panel->most * 1.25);
cleanup:
  ag_release(&sorted);
  return status;
}

static void put_labels(const ag_page *page, const accuracy_panel *panel, ag_sheet *script)
{
  enum { TITLE = 40 };
  const char *norm = ag_page_norm(page, panel->attack);
  const bool certified = ag_page_certifies(page, panel->attack);
  ag_sheet_put(script, "set title '%s ' . ", certified ? "Certified by" : "Under");
  ag_sheet_gnuplot(script, page->results.attacks[panel->attack], TITLE);
  ag_sheet_put(script, "\nset xlabel '%s%s%s, pixels in [0, 1]%s' offset 0,0.3\n",
               certified ? "radius" : "epsilon", norm[0] == '\0' ? "" : " in ", norm,
               panel->logarithmic ? ", logarithmic" : "");
  ag_sheet_put(script, "set ylabel '%s, %% of all images'\nset yrange [0:100]\n",
               certified ? "certified accuracy" : "accuracy");
}

/* "" of a curve that has a point; else why it has none. */
static const char *why_missing(const ag_page *page, const accuracy_panel *panel, size_t curve)
{
  const char *why = "missing";
  for (size_t e = 0; e < page->results.epsilon_count; ++e) {
    const ag_cell cell = ag_page_cell(page, panel->first + curve, panel->attack, e);
    if (panel->logarithmic && !(page->results.epsilons[e] > 0)) continue;
    if (cell.done > 0) return "";
    if (cell.failed > 0) why = "failed";
  }
  return why;
}

static void put_plot(const ag_page *page, const accuracy_panel *panel, const ag_figure *figure,
                     ag_sheet *script)
{
  const char *name = figure->name;
  for (size_t i = 0; i < panel->count; ++i) {
    const char *color = ag_figure_color(panel->first + i);
    ag_sheet_put(script,
                 "%s'%s.dat' index %zu using 1:3:4 with filledcurves fillstyle transparent solid"
                 " 0.15 noborder linecolor rgb '%s' notitle, \\\n",
                 i == 0 ? "plot " : "  ", name, i, color);
    ag_sheet_put(script,
                 "  '%s.dat' index %zu using 1:($5==1?$2:1/0):3:4 with yerrorbars pointtype %u"
                 " pointsize 0.7 linewidth 1.5 linecolor rgb '%s' notitle, \\\n",
                 name, i, ag_figure_point(panel->first + i), color);
    ag_sheet_put(script,
                 "  '%s.dat' index %zu using 1:2 with linespoints pointtype %u pointsize 0.7"
                 " linewidth 2 linecolor rgb '%s' title ",
                 name, i, ag_figure_point(panel->first + i), color);
    ag_sheet_gnuplot(script, page->results.defenses[panel->first + i], AG_FIGURE_LABEL);
    const char *why = why_missing(page, panel, i);
    if (why[0] != '\0') ag_sheet_put(script, " . ' (%s)'", why);
    ag_sheet_put(script, "%s\n", i + 1 < panel->count ? ", \\" : "");
  }
}

/* ---- panels
 * --------------------------------------------------------------------------------------- */

static size_t longest_name(const ag_results *results)
{
  size_t longest = 0;
  for (size_t d = 0; d < results->defense_count; ++d) {
    const size_t length = strlen(results->defenses[d]);
    if (length > longest) longest = length;
  }
  return longest;
}

static void put_words(const ag_page *page, const accuracy_panel *panel, ag_figure *figure)
{
  enum { NAME = 64 };
  const char *name = page->results.attacks[panel->attack];
  const bool certified = ag_page_certifies(page, panel->attack);
  ag_sheet_put(
      &figure->words,
      "%s in percent of all images %s %.*s against %s on a %s scale, a curve a defense with"
      " the band of its 95 %% interval. The tables have its numbers.",
      certified ? "Accuracy that is certified," : "Accuracy", certified ? "by" : "under",
      (int)ag_utf8_clip(name, NAME), name, certified ? "the radius" : "epsilon",
      panel->logarithmic ? "logarithmic" : "linear");
}

static ag_status write_panel(ag_page *page, const accuracy_panel *panel)
{
  ag_status status = AG_OK;
  ag_figure figure;
  char slug[AG_SLUG_SIZE];
  char part[AG_NUMBER_SIZE] = "";
  ag_slug(page->results.attacks[panel->attack], slug);
  if (page->results.defense_count > AG_CURVES_MAXIMUM) {
    snprintf(part, sizeof part, "-part%zu",
             panel->first / ag_figure_curves(page->results.defense_count) + 1);
  }
  ag_figure_start(&figure, panel->logarithmic ? AG_FIGURE_LOGARITHMIC : AG_FIGURE_LINEAR,
                  panel->count, longest_name(&page->results), "accuracy-%zu%s%s%s-%s",
                  panel->attack + 1, slug[0] == '\0' ? "" : "-", slug, part,
                  panel->logarithmic ? "logarithmic" : "linear");
  for (size_t i = 0; i < panel->count; ++i) {
    /* A block without a row would shift those behind it: one that is never drawn keeps its place.
     */
    ag_sheet_put(&figure.data,
                 "%s# defense %zu: epsilon, accuracy %%, low %%, high %%, alone\n"
                 "NaN NaN NaN NaN 0\n\n",
                 i > 0 ? "\n\n" : "", panel->first + i + 1);
    AG_TRY(put_curve(page, panel, panel->first + i, &figure));
  }
  put_labels(page, panel, &figure.script);
  if (panel->logarithmic) {
    AG_TRY(put_ticks(page, panel, &figure.script));
  } else {
    ag_sheet_put(&figure.script, "set xrange [0:%.9g]\n", 1.04 * panel->most);
  }
  put_plot(page, panel, &figure, &figure.script);
  put_words(page, panel, &figure);
cleanup:
  return status == AG_OK ? ag_figure_finish(&page->figures, &figure, page->folder) : status;
}

/* Whether a panel has anything to show. */
static bool has_points(const ag_page *page, const accuracy_panel *panel)
{
  for (size_t i = 0; i < panel->count; ++i) {
    if (why_missing(page, panel, i)[0] == '\0') return true;
  }
  return false;
}

ag_status ag_page_draw_accuracy(ag_page *page)
{
  ag_status status = AG_OK;
  const ag_results *results = &page->results;
  const size_t together = ag_figure_curves(results->defense_count);
  accuracy_panel panel = {.least = INFINITY};
  for (size_t e = 0; e < results->epsilon_count; ++e) {
    if (!isfinite(results->epsilons[e]) || !(results->epsilons[e] > 0)) continue;
    panel.least = fmin(panel.least, results->epsilons[e]);
    panel.most = fmax(panel.most, results->epsilons[e]);
  }
  if (panel.most == 0) return AG_OK; /* nothing but epsilon 0: the tables say it */
  for (panel.attack = 0; panel.attack < results->attack_count; ++panel.attack) {
    for (panel.first = 0; panel.first < results->defense_count; panel.first += together) {
      panel.count = ag_minimum(together, results->defense_count - panel.first);
      for (int linear = 0; linear < 2; ++linear) {
        panel.logarithmic = linear == 0;
        if (has_points(page, &panel)) AG_TRY(write_panel(page, &panel));
      }
    }
  }
cleanup:
  return status;
}
