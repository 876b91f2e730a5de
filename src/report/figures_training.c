/* Training curves, a figure a quantity with a curve a model; and what the ranks' time went to. */
#include "report/page.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* ---- training ---------------------------------------------------------------------------------
 */

typedef struct quantity {
  const char *name, *title, *axis, *words; /* plain */
  size_t offset;                           /* in ag_read_epoch */
  double scale;
  const char *range;
} quantity;

static const quantity quantities[] = {
    {"loss", "Training loss", "loss", "The mean training loss of each epoch",
     offsetof(ag_read_epoch, loss), 1, "[0:*]"},
    {"accuracy", "Validation accuracy", "accuracy, % of validation images",
     "The accuracy on clean validation images behind each epoch",
     offsetof(ag_read_epoch, validation_accuracy), 100, "[0:100]"},
    {"robust", "Robust validation accuracy", "accuracy, % of validation images",
     "The accuracy on attacked validation images behind each epoch",
     offsetof(ag_read_epoch, robust_validation_accuracy), 100, "[0:100]"},
    {"rate", "Learning rate", "learning rate", "The learning rate at the end of each epoch",
     offsetof(ag_read_epoch, learning_rate), 1, "[0:*]"}};

static double value_of(const ag_read_epoch *epoch, const quantity *what)
{
  double value = 0;
  memcpy(&value, (const char *)epoch + what->offset, sizeof value);
  return what->scale * value;
}

static bool has_value(const ag_read_training *training, const quantity *what)
{
  for (size_t i = 0; i < training->epoch_count; ++i) {
    if (isfinite(value_of(&training->epochs[i], what))) return true;
  }
  return false;
}

static void put_model(const ag_read_training *training, const quantity *what, size_t place,
                      ag_figure *figure)
{
  ag_sheet_put(&figure->data, "%s# model %zu: epoch, %s\n", place > 0 ? "\n\n" : "", place + 1,
               what->axis);
  for (size_t i = 0; i < training->epoch_count; ++i) {
    const double value = value_of(&training->epochs[i], what);
    if (!isfinite(value) || !isfinite(training->epochs[i].epoch)) continue;
    ag_sheet_put(&figure->data, "%.0f %.9g\n", training->epochs[i].epoch, value);
  }
}

/* A curve has the colour of its defense, as in the other figures, and of its seed the dashes. */
static void put_curve(const ag_read_training *training, size_t index, size_t place,
                      ag_figure *figure)
{
  const bool known = training->defense != AG_NO_SIDE;
  const size_t look = known ? training->defense : index;
  ag_sheet_put(&figure->script,
               "%s'%s.dat' index %zu using 1:2 with %s pointtype %u pointsize 0.5 linewidth 2"
               " dashtype %zu linecolor rgb '%s' title ",
               place == 0 ? "plot " : ", \\\n  ", figure->name, place,
               training->epoch_count > 60 ? "lines" : "linespoints", ag_figure_point(look),
               known && training->seed < 5 ? training->seed + 1 : 1, ag_figure_color(look));
  ag_sheet_gnuplot(&figure->script, training->name, AG_FIGURE_LABEL);
}

/* The trainings first .. end - 1 that have the quantity; nothing where none has. */
static ag_status draw_group(ag_page *page, const quantity *what, size_t first, size_t end)
{
  const ag_read_training *trainings = page->results.trainings;
  ag_figure figure;
  size_t count = 0;
  size_t longest = 0;
  size_t epochs = 0;
  for (size_t i = first; i < end; ++i) {
    if (!has_value(&trainings[i], what)) continue;
    longest = ag_maximum(longest, strlen(trainings[i].name));
    epochs = ag_maximum(epochs, trainings[i].epoch_count);
    ++count;
  }
  if (count == 0) return AG_OK;
  ag_figure_start(&figure, AG_FIGURE_TRAINING, count, longest, "training-%s-%zu", what->name,
                  first / ag_figure_curves(page->results.training_count) + 1);
  ag_sheet_put(&figure.script,
               "set title '%s'\nset xlabel 'epoch' offset 0,0.3\nset ylabel '%s'\n"
               "set xrange [0:*]\nset xtics %zu\nset yrange %s\n",
               what->title, what->axis, ag_divide_up(epochs, 10), what->range);
  count = 0;
  for (size_t i = first; i < end; ++i) {
    if (!has_value(&trainings[i], what)) continue;
    put_model(&trainings[i], what, count, &figure);
    put_curve(&trainings[i], i, count, &figure);
    ++count;
  }
  ag_sheet_put(&figure.script, "\n");
  ag_sheet_put(&figure.words, "%s, a curve a model.", what->words);
  return ag_figure_finish(&page->figures, &figure, page->folder);
}

ag_status ag_page_draw_training(ag_page *page)
{
  ag_status status = AG_OK;
  const size_t count = page->results.training_count;
  const size_t together = ag_figure_curves(count);
  for (size_t first = 0; first < count; first += together) {
    const size_t end = ag_minimum(count, first + together);
    for (size_t i = 0; i < sizeof quantities / sizeof *quantities; ++i)
      AG_TRY(draw_group(page, &quantities[i], first, end));
  }
cleanup:
  return status;
}

/* ---- ranks -------------------------------------------------------------------------------------
 */

double ag_page_time_unit(double seconds, const char **unit)
{
  const double minute = 60;
  const double hour = 3600;
  *unit = seconds >= 2 * hour ? "hours" : seconds >= 2 * minute ? "minutes" : "seconds";
  return seconds >= 2 * hour ? hour : seconds >= 2 * minute ? minute : 1;
}

ag_status ag_page_draw_ranks(ag_page *page)
{
  enum { OUTLINED = 128 }; /* more bars than this are too thin for a gap between them */
  static const char words[] = "The time of each rank in the last run, with and without work.";
  const ag_read_rank *ranks = page->results.ranks;
  ag_figure figure;
  const char *unit = NULL;
  double longest = 0;
  if (page->results.rank_count < 2) return AG_OK; /* one rank's time is a sentence of the page */
  for (size_t i = 0; i < page->results.rank_count; ++i)
    longest = fmax(longest, ranks[i].seconds);
  if (!(longest > 0)) return AG_OK;
  const double scale = ag_page_time_unit(longest, &unit);
  ag_figure_start(&figure, AG_FIGURE_RANKS, 2, sizeof "without work", "ranks");
  ag_sheet_put(&figure.data, "# rank, %s in all, %s with work\n", unit, unit);
  for (size_t i = 0; i < page->results.rank_count; ++i) {
    if (!isfinite(ranks[i].seconds) || !isfinite(ranks[i].idle_seconds)) continue;
    ag_sheet_put(&figure.data, "%zu %.6g %.6g\n", i, ranks[i].seconds / scale,
                 (ranks[i].seconds - ranks[i].idle_seconds) / scale);
  }
  ag_sheet_put(
      &figure.script,
      "set title 'Time of the ranks'\nset xlabel 'rank' offset 0,0.3\nset ylabel '%s'\n"
      "set yrange [0:*]\nset xrange [-0.6:%zu.6]\nset xtics 0,%zu\nset boxwidth %s\n"
      "set style fill solid 1 noborder\n"
      "plot 'ranks.dat' using 1:2 with boxes linecolor rgb '#E69F00' title 'without work',"
      " \\\n  'ranks.dat' using 1:3 with boxes linecolor rgb '#0072B2' title 'with work'\n",
      unit, page->results.rank_count - 1, ag_divide_up(page->results.rank_count, 12),
      page->results.rank_count > OUTLINED ? "1" : "0.75");
  ag_sheet_put(&figure.words, "%s", words);
  return ag_figure_finish(&page->figures, &figure, page->folder);
}
