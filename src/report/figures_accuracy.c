/* Accuracy against epsilon: a panel an attack, a curve a defense with the band of its interval, on
 * a logarithmic and on a linear scale (figures 4 to 7 of the paper). The curves of a panel may be
 * of several result files. */
#include "report/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A part of a panel: the curves first .. first + count - 1 of all. */
typedef struct accuracy_panel {
  const ag_curve *curves; /* [all] */
  size_t number, all, first, count;
  bool logarithmic;
  double least, most; /* epsilons over 0, of the whole grids */
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

/* The epsilons of all grids that the curves are of, from the least to the most; those that are no
 * numbers are left out. */
static ag_status sort_epsilons(const ag_curve *curves, size_t curve_count, placed **sorted,
                               size_t *count)
{
  size_t all = 0;
  for (size_t i = 0; i < curve_count; ++i)
    all += curves[i].from->results.epsilon_count;
  const ag_status status = ag_allocate(all, sizeof **sorted, sorted);
  *count = 0;
  if (status != AG_OK) return status;
  for (size_t i = 0; i < curve_count; ++i) {
    const ag_results *results = &curves[i].from->results;
    for (size_t e = 0; e < results->epsilon_count; ++e) {
      if (!isfinite(results->epsilons[e]) || results->epsilons[e] < 0) continue;
      (*sorted)[(*count)++] = (placed){results->epsilons[e], e};
    }
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
static ag_status put_curve(const ag_curve *curve, bool logarithmic, ag_figure *figure)
{
  ag_status status = AG_OK;
  placed *sorted = NULL;
  ag_cell *cells = NULL;
  size_t count = 0;
  bool any = false;
  AG_TRY(sort_epsilons(curve, 1, &sorted, &count));
  AG_TRY(ag_allocate(count, sizeof *cells, &cells));
  for (size_t i = 0; i < count; ++i) {
    cells[i] = ag_page_cell(curve->from, curve->defense, curve->attack, sorted[i].place);
    if (logarithmic && !(sorted[i].epsilon > 0)) cells[i].robust = (double)NAN;
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
static ag_status put_ticks(const accuracy_panel *panel, ag_sheet *script)
{
  ag_status status = AG_OK;
  placed *sorted = NULL;
  size_t count = 0;
  double last = 0;
  size_t last_length = 0;
  const double width = log(1.5625 * panel->most / panel->least);
  AG_TRY(sort_epsilons(panel->curves, panel->all, &sorted, &count));
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

static const char *attack_name(const accuracy_panel *panel)
{
  return panel->curves->from->results.attacks[panel->curves->attack];
}

static void put_labels(const accuracy_panel *panel, ag_sheet *script)
{
  enum { TITLE = 40 };
  const ag_curve *curve = panel->curves;
  const char *norm = ag_page_norm(curve->from, curve->attack);
  const bool certified = ag_page_certifies(curve->from, curve->attack);
  ag_sheet_put(script, "set title '%s ' . ", certified ? "Certified by" : "Under");
  ag_sheet_gnuplot(script, attack_name(panel), TITLE);
  ag_sheet_put(script, "\nset xlabel '%s%s%s, pixels in [0, 1]%s' offset 0,0.3\n",
               certified ? "radius" : "epsilon", norm[0] == '\0' ? "" : " in ", norm,
               panel->logarithmic ? ", logarithmic" : "");
  ag_sheet_put(script, "set ylabel '%s, %% of all images'\nset yrange [0:100]\n",
               certified ? "certified accuracy" : "accuracy");
}

/* "" of a curve that has a point; else why it has none. */
static const char *why_missing(const ag_curve *curve, bool logarithmic)
{
  const ag_results *results = &curve->from->results;
  const char *why = "missing";
  for (size_t e = 0; e < results->epsilon_count; ++e) {
    const ag_cell cell = ag_page_cell(curve->from, curve->defense, curve->attack, e);
    if (logarithmic && !(results->epsilons[e] > 0)) continue;
    if (cell.done > 0) return "";
    if (cell.failed > 0) why = "failed";
  }
  return why;
}

static void put_plot(const accuracy_panel *panel, const ag_figure *figure, ag_sheet *script)
{
  const char *name = figure->name;
  for (size_t i = 0; i < panel->count; ++i) {
    const ag_curve *curve = &panel->curves[panel->first + i];
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
    ag_sheet_gnuplot(script, curve->label, curve->characters);
    const char *why = why_missing(curve, panel->logarithmic);
    if (why[0] != '\0') ag_sheet_put(script, " . ' (%s)'", why);
    ag_sheet_put(script, "%s\n", i + 1 < panel->count ? ", \\" : "");
  }
}

/* ---- panels
 * --------------------------------------------------------------------------------------- */

static size_t longest_label(const accuracy_panel *panel)
{
  size_t longest = 0;
  for (size_t i = 0; i < panel->all; ++i)
    longest = ag_maximum(longest, strlen(panel->curves[i].label));
  return longest;
}

static void put_words(const accuracy_panel *panel, ag_figure *figure)
{
  enum { NAME = 64 };
  const char *name = attack_name(panel);
  const bool certified = ag_page_certifies(panel->curves->from, panel->curves->attack);
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
  ag_slug(attack_name(panel), slug);
  if (panel->all > AG_CURVES_MAXIMUM)
    snprintf(part, sizeof part, "-part%zu", panel->first / ag_figure_curves(panel->all) + 1);
  ag_figure_start(&figure, panel->logarithmic ? AG_FIGURE_LOGARITHMIC : AG_FIGURE_LINEAR,
                  panel->count, longest_label(panel), "accuracy-%zu%s%s%s-%s", panel->number,
                  slug[0] == '\0' ? "" : "-", slug, part,
                  panel->logarithmic ? "logarithmic" : "linear");
  for (size_t i = 0; i < panel->count; ++i) {
    /* A block without a row would shift those behind it: one that is never drawn keeps its place.
     */
    ag_sheet_put(&figure.data,
                 "%s# defense %zu: epsilon, accuracy %%, low %%, high %%, alone\n"
                 "NaN NaN NaN NaN 0\n\n",
                 i > 0 ? "\n\n" : "", panel->first + i + 1);
    AG_TRY(put_curve(&panel->curves[panel->first + i], panel->logarithmic, &figure));
  }
  put_labels(panel, &figure.script);
  if (panel->logarithmic) {
    AG_TRY(put_ticks(panel, &figure.script));
  } else {
    ag_sheet_put(&figure.script, "set xrange [0:%.9g]\n", 1.04 * panel->most);
  }
  put_plot(panel, &figure, &figure.script);
  put_words(panel, &figure);
cleanup:
  return status == AG_OK ? ag_figure_finish(&page->figures, &figure, page->folder) : status;
}

/* Whether a panel has anything to show. */
static bool has_points(const accuracy_panel *panel)
{
  for (size_t i = 0; i < panel->count; ++i) {
    if (why_missing(&panel->curves[panel->first + i], panel->logarithmic)[0] == '\0') return true;
  }
  return false;
}

static void find_range(accuracy_panel *panel)
{
  panel->least = INFINITY;
  for (size_t i = 0; i < panel->all; ++i) {
    const ag_results *results = &panel->curves[i].from->results;
    for (size_t e = 0; e < results->epsilon_count; ++e) {
      if (!isfinite(results->epsilons[e]) || !(results->epsilons[e] > 0)) continue;
      panel->least = fmin(panel->least, results->epsilons[e]);
      panel->most = fmax(panel->most, results->epsilons[e]);
    }
  }
}

ag_status ag_page_draw_panel(ag_page *page, size_t number, const ag_curve *curves, size_t count)
{
  ag_status status = AG_OK;
  const size_t together = ag_figure_curves(count);
  accuracy_panel panel = {.curves = curves, .number = number, .all = count};
  find_range(&panel);
  if (panel.most == 0) return AG_OK; /* nothing but epsilon 0: the tables say it */
  for (panel.first = 0; panel.first < count; panel.first += together) {
    panel.count = ag_minimum(together, count - panel.first);
    for (int linear = 0; linear < 2; ++linear) {
      panel.logarithmic = linear == 0;
      if (has_points(&panel)) AG_TRY(write_panel(page, &panel));
    }
  }
cleanup:
  return status;
}

ag_status ag_page_draw_accuracy(ag_page *page)
{
  ag_status status = AG_OK;
  const ag_results *results = &page->results;
  ag_curve *curves = NULL;
  AG_TRY(ag_allocate(results->defense_count, sizeof *curves, &curves));
  for (size_t a = 0; a < results->attack_count; ++a) {
    for (size_t d = 0; d < results->defense_count; ++d)
      curves[d] = (ag_curve){page, d, a, results->defenses[d], AG_FIGURE_LABEL};
    AG_TRY(ag_page_draw_panel(page, a + 1, curves, results->defense_count));
  }
cleanup:
  ag_release(&curves);
  return status;
}
