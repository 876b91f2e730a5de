/* The latent space before and after an attack, on its two main components (figure 8 of the paper).
 */
#include "report/page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { POINTS_MAXIMUM = 24, CLASSES = 256, LEGEND_MAXIMUM = 20, NAME = 18, TALLER = 80 };

/* One of the figures of a defense, which share their scales. */
typedef struct latent_view {
  const ag_read_point *point;
  const ag_read_latent *latent;
  const float *places; /* [count, 2] */
  size_t number;       /* of the point, from 1 */
  bool attacked;
  size_t classes;
  double low[2], high[2];
} latent_view;

/* ---- which points
 * -------------------------------------------------------------------------------- */

/* Of a defense under an attack, and of the first seed, the point with the smallest epsilon that
 * takes half of the images that were right, or that with the largest; NULL where none has a latent
 * space. */
static const ag_read_point *choose(const ag_page *page, size_t defense, size_t attack)
{
  const ag_results *results = &page->results;
  const ag_read_point *largest = NULL;
  const ag_read_point *halving = NULL;
  for (size_t e = 0; e < results->epsilon_count; ++e) {
    const ag_read_point *point = ag_results_point(results, defense, attack, e, 0);
    const double epsilon = results->epsilons[point->epsilon];
    if (point->progress != AG_PROGRESS_DONE || !ag_results_has(results, "latent", point->key))
      continue;
    if (largest == NULL || epsilon > results->epsilons[largest->epsilon]) largest = point;
    if (!(point->robust_accuracy_of_correct <= 0.5)) continue;
    if (halving == NULL || epsilon < results->epsilons[halving->epsilon]) halving = point;
  }
  return halving == NULL ? largest : halving;
}

/* ---- a figure
 * --------------------------------------------------------------------------------------- */

static size_t count_classes(const ag_read_latent *latent)
{
  float most = 0;
  for (size_t i = 0; i < latent->count; ++i)
    most = fmaxf(most, latent->label[i]);
  return most < CLASSES ? (size_t)most + 1 : CLASSES;
}

static void find_range(const float *places, size_t count, latent_view *view)
{
  for (size_t i = 0; i < count; ++i) {
    for (size_t side = 0; side < 2; ++side) {
      const double value = (double)places[2 * i + side];
      if (!isfinite(value)) continue;
      view->low[side] = fmin(view->low[side], value);
      view->high[side] = fmax(view->high[side], value);
    }
  }
}

static void put_points(const latent_view *view, ag_figure *figure)
{
  for (size_t class = 0; class < view->classes; ++class) {
    ag_sheet_put(&figure->data, "%s# class %zu: components 1 and 2\nNaN NaN\n",
                 class > 0 ? "\n\n" : "", class);
    for (size_t i = 0; i < view->latent->count; ++i) {
      if (view->latent->label[i] != (float)class) continue;
      ag_sheet_put(&figure->data, "%.6g %.6g\n", (double)view->places[2 * i],
                   (double)view->places[2 * i + 1]);
    }
  }
}

static void put_axis(const latent_view *view, const char *axis, size_t side, ag_sheet *script)
{
  static const char *const names[] = {"first", "second"};
  const double margin = 0.05 * (view->high[side] - view->low[side]) + 1e-9;
  ag_sheet_put(script, "set %slabel '%s component", axis, names[side]);
  if (isfinite(view->latent->variance[side]))
    ag_sheet_put(script, ", %.1f %% of variance", 100 * view->latent->variance[side]);
  ag_sheet_put(script, "'\nset %srange [%.9g:%.9g]\n", axis, view->low[side] - margin,
               view->high[side] + margin);
}

static void put_title(const ag_page *page, const latent_view *view, ag_sheet *script)
{
  char epsilon[AG_NUMBER_SIZE];
  ag_epsilon_text(page->results.epsilons[view->point->epsilon], epsilon);
  ag_sheet_put(script, "set title ");
  ag_sheet_gnuplot(script, page->results.defenses[view->point->defense], NAME);
  ag_sheet_put(script, " . ', ' . ");
  ag_sheet_gnuplot(script, view->latent->layer, NAME);
  if (view->attacked) {
    ag_sheet_put(script, " . ': under ' . ");
    ag_sheet_gnuplot(script, page->results.attacks[view->point->attack], NAME);
    ag_sheet_put(script, " . ' at %s'\n", epsilon);
  } else {
    ag_sheet_put(script, " . ': clean images'\n");
  }
}

static void put_plot(const ag_page *page, const latent_view *view, ag_figure *figure)
{
  for (size_t class = 0; class < view->classes; ++class) {
    char name[AG_NUMBER_SIZE];
    ag_page_class(page, class, 0, name);
    ag_sheet_put(
        &figure->script,
        "%s'%s.dat' index %zu using 1:2 with points pointtype %u pointsize 0.6 linewidth 1.5"
        " linecolor rgb '%s' title '%s'",
        class == 0 ? "plot " : ", \\\n  ", figure->name, class, ag_figure_point(class),
        ag_figure_color(class), name);
  }
  ag_sheet_put(&figure->script, "\n");
}

static void put_words(const ag_page *page, const latent_view *view, ag_figure *figure)
{
  enum { WORD = 64 };
  const char *defense = page->results.defenses[view->point->defense];
  const char *attack = page->results.attacks[view->point->attack];
  const char *layer = view->latent->layer;
  char epsilon[AG_NUMBER_SIZE];
  ag_epsilon_text(page->results.epsilons[view->point->epsilon], epsilon);
  ag_sheet_put(&figure->words, "%.*s: %zu images", (int)ag_utf8_clip(defense, WORD), defense,
               view->latent->count);
  if (view->attacked) {
    ag_sheet_put(&figure->words, " under %.*s at epsilon %s", (int)ag_utf8_clip(attack, WORD),
                 attack, epsilon);
  }
  ag_sheet_put(&figure->words,
               " in the plane of the two main components of the outputs of %.*s, marked by their"
               " classes.",
               (int)ag_utf8_clip(layer, WORD), layer);
}

static ag_status draw_view(ag_page *page, const latent_view *view)
{
  ag_figure figure;
  const size_t labels = view->classes > LEGEND_MAXIMUM ? 0 : view->classes;
  ag_figure_start(&figure, AG_FIGURE_LATENT, labels, sizeof "automobile", "latent-%zu-%s",
                  view->number, view->attacked ? "attacked" : "clean");
  figure.height += TALLER;
  figure.begins_row = !view->attacked;
  put_points(view, &figure);
  put_title(page, view, &figure.script);
  put_axis(view, "x", 0, &figure.script);
  put_axis(view, "y", 1, &figure.script);
  put_plot(page, view, &figure);
  put_words(page, view, &figure);
  return ag_figure_finish(&page->figures, &figure, page->folder);
}

/* ---- of a defense -----------------------------------------------------------------------------
 */

/* Takes the places of a point into the range that all figures of its defense share. */
static ag_status widen(ag_page *page, const ag_read_point *point, latent_view *view)
{
  ag_read_latent latent;
  const ag_status status = ag_results_latent(&page->results, point->key, &latent);
  if (status == AG_OK) {
    find_range(latent.clean, latent.count, view);
    find_range(latent.attacked, latent.count, view);
  }
  ag_read_latent_clear(&latent);
  return status;
}

/* A point's attacked images, and before those of the first point the clean ones, which are the same
 * whatever the attack is. */
static ag_status draw_point(ag_page *page, const ag_read_point *point, bool first,
                            const latent_view *range)
{
  ag_status status = AG_OK;
  ag_read_latent latent;
  latent_view view = *range;
  AG_TRY(ag_results_latent(&page->results, point->key, &latent));
  if (latent.count == 0) goto cleanup;
  view.point = point;
  view.latent = &latent;
  view.classes = count_classes(&latent);
  for (size_t attacked = first ? 0 : 1; attacked < 2; ++attacked) {
    view.attacked = attacked == 1;
    view.places = view.attacked ? latent.attacked : latent.clean;
    AG_TRY(draw_view(page, &view));
  }
cleanup:
  ag_read_latent_clear(&latent);
  return status;
}

ag_status ag_page_draw_latent(ag_page *page)
{
  ag_status status = AG_OK;
  size_t number = 0;
  for (size_t d = 0; d < page->results.defense_count; ++d) {
    latent_view view = {.low = {INFINITY, INFINITY}, .high = {-INFINITY, -INFINITY}};
    bool first = true;
    for (size_t a = 0; a < page->results.attack_count; ++a) {
      const ag_read_point *point = choose(page, d, a);
      if (point != NULL) AG_TRY(widen(page, point, &view));
    }
    if (!(view.low[0] <= view.high[0]) || !(view.low[1] <= view.high[1])) continue;
    for (size_t a = 0; a < page->results.attack_count; ++a) {
      const ag_read_point *point = choose(page, d, a);
      if (point == NULL) continue;
      page->latent_left += number >= POINTS_MAXIMUM;
      if (number >= POINTS_MAXIMUM) continue;
      view.number = ++number;
      AG_TRY(draw_point(page, point, first, &view));
      first = false;
    }
  }
cleanup:
  return status;
}
