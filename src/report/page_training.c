/* How the models were trained: where each ended, and what it took. */
#include "report/page.h"

#include <math.h>
#include <string.h>

/* Over all epochs. */
typedef struct totals {
  double best, robust_best; /* validation accuracies */
  double seconds, exposed, hidden;
} totals;

static totals sum_epochs(const ag_read_training *training)
{
  totals all = {(double)NAN, (double)NAN, 0, 0, 0};
  for (size_t i = 0; i < training->epoch_count; ++i) {
    const ag_read_epoch *epoch = &training->epochs[i];
    all.best = fmax(all.best, epoch->validation_accuracy);
    all.robust_best = fmax(all.robust_best, epoch->robust_validation_accuracy);
    all.seconds += epoch->seconds;
    all.exposed += epoch->exposed_seconds;
    all.hidden += epoch->hidden_seconds;
  }
  return all;
}

double ag_page_trained_images(const ag_page *page, const ag_read_training *training)
{
  ag_dataset dataset;
  size_t bytes = 0;
  if (page->job == NULL) return (double)NAN;
  if (ag_dataset_describe(&page->job->dataset, &dataset, &bytes) != AG_OK) return (double)NAN;
  return (double)dataset.training.count * (double)training->epoch_count;
}

/* Only adversarial training judges that. */
static bool is_robustness_known(const ag_results *results)
{
  for (size_t i = 0; i < results->training_count; ++i) {
    if (isfinite(sum_epochs(&results->trainings[i]).robust_best)) return true;
  }
  return false;
}

static void row(ag_page *page, const ag_read_training *training, bool robust)
{
  const ag_read_epoch *last = &training->epochs[training->epoch_count - 1];
  const totals all = sum_epochs(training);
  ag_sheet_put(&page->sheet, "<tr><th scope=\"row\">");
  ag_sheet_name(&page->sheet, training->name);
  ag_sheet_put(&page->sheet, "</th>");
  ag_page_fixed(page, 0, last->epoch);
  ag_page_fixed(page, 4, last->loss);
  ag_page_fixed(page, 2, 100 * last->train_accuracy);
  ag_page_fixed(page, 2, 100 * last->validation_accuracy);
  ag_page_fixed(page, 2, 100 * all.best);
  if (robust) {
    ag_page_fixed(page, 2, 100 * last->robust_validation_accuracy);
    ag_page_fixed(page, 2, 100 * all.robust_best);
  }
  ag_page_fixed(page, 1, all.seconds);
  ag_page_fixed(page, 1, ag_page_trained_images(page, training) / all.seconds);
  ag_page_fixed(page, 1, 100 * all.exposed / all.seconds);
  ag_page_fixed(page, 1, 100 * all.hidden / all.seconds);
  ag_sheet_put(&page->sheet, "</tr>\n");
}

static void table(ag_page *page)
{
  static const struct {
    const char *text;
    bool robust; /* of networks that are judged under attack */
  } headings[] = {{"epochs", false},        {"loss", false},     {"training, %", false},
                  {"validation, %", false}, {"best, %", false},  {"robust validation, %", true},
                  {"best robust, %", true}, {"seconds", false},  {"images/s", false},
                  {"exposed, %", false},    {"hidden, %", false}};
  const bool robust = is_robustness_known(&page->results);
  ag_sheet *sheet = &page->sheet;
  ag_page_table_open(page, "Models", "training");
  ag_sheet_put(sheet, "<thead><tr>\n");
  ag_page_heading(page, "model", NULL, false);
  for (size_t i = 0; i < sizeof headings / sizeof *headings; ++i) {
    if (robust || !headings[i].robust) ag_page_heading(page, headings[i].text, NULL, true);
  }
  ag_sheet_put(sheet, "</tr></thead><tbody>\n");
  for (size_t i = 0; i < page->results.training_count; ++i)
    row(page, &page->results.trainings[i], robust);
  ag_sheet_put(sheet, "</tbody>");
  ag_page_table_close(page);
}

/* The first with bounds says what the columns are: the layers of it that can stretch something. */
static const ag_read_training *first_with_bounds(const ag_results *results)
{
  for (size_t i = 0; i < results->training_count; ++i) {
    if (results->trainings[i].bound_count > 0) return &results->trainings[i];
  }
  return NULL;
}

static void bounds_row(ag_page *page, const ag_read_training *training,
                       const ag_read_training *first)
{
  ag_sheet_put(&page->sheet, "<tr><th scope=\"row\">");
  ag_sheet_name(&page->sheet, training->name);
  ag_sheet_put(&page->sheet, "</th>");
  for (size_t i = 0; i < first->bound_count; ++i) {
    double bound = (double)NAN;
    if (first->bounds[i].bound == 1) continue;
    for (size_t k = 0; k < training->bound_count; ++k) {
      if (strcmp(training->bounds[k].layer, first->bounds[i].layer) == 0)
        bound = training->bounds[k].bound;
    }
    ag_page_short(page, 4, bound);
  }
  ag_sheet_put(&page->sheet, "</tr>\n");
}

static void bounds_table(ag_page *page)
{
  const ag_results *results = &page->results;
  const ag_read_training *first = first_with_bounds(results);
  if (first == NULL) return;
  ag_page_table_open(page, "Lipschitz bounds in L2", "lipschitz");
  ag_sheet_put(&page->sheet, "<thead><tr>\n");
  ag_page_heading(page, "model", NULL, false);
  for (size_t i = 0; i < first->bound_count; ++i) {
    if (first->bounds[i].bound == 1) continue;
    ag_sheet_put(&page->sheet, "<th scope=\"col\" class=\"number\">");
    ag_sheet_name(&page->sheet, first->bounds[i].layer);
    ag_sheet_put(&page->sheet, "</th>\n");
  }
  ag_sheet_put(&page->sheet, "</tr></thead><tbody>\n");
  for (size_t i = 0; i < results->training_count; ++i) {
    if (results->trainings[i].bound_count > 0) bounds_row(page, &results->trainings[i], first);
  }
  ag_sheet_put(&page->sheet, "</tbody>");
  ag_page_table_close(page);
  ag_sheet_put(&page->sheet,
               "<p class=\"note\">The logits of two images are no further apart than the network's"
               " bound, the product of all, times the images' distance. Layers that stretch nothing"
               " are left out.</p>\n");
}

void ag_page_training(ag_page *page)
{
  ag_sheet *sheet = &page->sheet;
  ag_sheet_put(sheet, "<section id=\"training\"><h2>Training</h2>\n");
  if (page->results.training_count == 0) {
    ag_sheet_put(sheet, "<p class=\"note\">No epoch of any model is in this file.</p></section>\n");
    return;
  }
  ag_page_figures(page, AG_FIGURE_TRAINING);
  table(page);
  ag_sheet_put(sheet,
               "<p class=\"note\">Of the last epoch, and the best of all. Seconds are the clock's,"
               " images/s those of a team; exposed is the share of them in which ranks waited for "
               "each other's gradients and"
               " weights, hidden that in which these travelled behind computing.</p>\n");
  bounds_table(page);
  ag_sheet_put(sheet, "</section>\n");
}
