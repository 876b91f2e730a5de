/* Example images: clean, what was added, and the sum, with the class and probability that the model
 * gives each (figures 2 and 3 of the paper). */
#include "report/page.h"
#include "report/picture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Rows of three pictures on a page: about 12 KiB each, so that it opens at once. */
enum { ROWS_MAXIMUM = 600 };

/* What is left to show, and of each point. */
typedef struct examples_plan {
  size_t points, of_each, left;
  bool more; /* than are shown */
} examples_plan;

/* ---- words
 * --------------------------------------------------------------------------------------- */

void ag_page_class(const ag_page *page, size_t class, size_t classes, char text[AG_NUMBER_SIZE])
{
  static const char *const cifar10[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                        "dog",      "frog",       "horse", "ship", "truck"};
  enum { CLASSES = sizeof cifar10 / sizeof *cifar10 };
  const bool named = strcmp(ag_results_attribute(&page->results, "dataset"), "cifar10") == 0 &&
                     class < CLASSES && (classes == 0 || classes == CLASSES);
  if (named) {
    snprintf(text, AG_NUMBER_SIZE, "%s", cifar10[class]);
  } else {
    snprintf(text, AG_NUMBER_SIZE, "class %zu", class);
  }
}

static size_t largest(const float *probabilities, size_t classes)
{
  size_t best = 0;
  for (size_t i = 1; i < classes; ++i)
    best = probabilities[i] > probabilities[best] ? i : best;
  return best;
}

/* "cat, 98.3 %", and in the colour of what is wrong where it is not the label. */
static void verdict(ag_page *page, const ag_read_examples *examples, const float *probabilities,
                    size_t i)
{
  char name[AG_NUMBER_SIZE];
  if (probabilities == NULL) return;
  const float *own = probabilities + i * examples->classes;
  const size_t class = largest(own, examples->classes);
  const bool right = (float)class == examples->label[i];
  ag_page_class(page, class, examples->classes, name);
  ag_sheet_put(&page->sheet, "<span class=\"%s\">%s</span> %.1f %%", right ? "right" : "wrong",
               name, 100 * (double)own[class]);
}

/* ---- pictures
 * -------------------------------------------------------------------------------------- */

static void put_picture(ag_page *page, const ag_picture *picture, const char *words)
{
  ag_sheet_put(&page->sheet, "<div>");
  const ag_status status = ag_picture_put(&page->sheet, picture, words);
  if (page->sheet.status == AG_OK) page->sheet.status = status;
}

static ag_status put_example(ag_page *page, const ag_read_point *point,
                             const ag_read_examples *examples, size_t i)
{
  ag_status status = AG_OK;
  ag_sheet *sheet = &page->sheet;
  const size_t pixels = examples->height * examples->width * examples->channels;
  const float *attacked = examples->adversarial + i * pixels;
  ag_picture picture = {examples->height, examples->width, examples->channels,
                        examples->clean + i * pixels};
  char epsilon[AG_NUMBER_SIZE];
  char name[AG_NUMBER_SIZE];
  float *difference = NULL;
  double factor = 0;
  AG_TRY(ag_allocate(pixels, sizeof *difference, &difference));
  ag_picture_difference(&picture, attacked, difference, &factor);
  ag_epsilon_text(page->results.epsilons[point->epsilon], epsilon);
  const double label = (double)examples->label[i];
  ag_page_class(page, label >= 0 && label < 1e6 ? (size_t)label : 0, examples->classes, name);
  ag_sheet_put(sheet,
               "<figure class=\"example\"><figcaption>epsilon %s, image %.0f: %s</figcaption>",
               epsilon, (double)examples->index[i], name);
  put_picture(page, &picture, "the clean image");
  ag_sheet_put(sheet, "<small>clean</small>");
  verdict(page, examples, examples->clean_probabilities, i);
  ag_sheet_put(sheet, "</div>\n");
  picture.pixels = difference;
  put_picture(page, &picture, "the perturbation");
  ag_sheet_put(sheet, "<small>perturbation</small>");
  if (factor > 0) {
    ag_sheet_put(sheet, "&times; %g</div>\n", factor);
  } else {
    ag_sheet_put(sheet, "none</div>\n");
  }
  picture.pixels = attacked;
  put_picture(page, &picture, "the attacked image");
  ag_sheet_put(sheet, "<small>attacked</small>");
  verdict(page, examples, examples->probabilities, i);
  ag_sheet_put(sheet, "</div></figure>\n");
cleanup:
  ag_release(&difference);
  return status;
}

/* ---- points
 * ------------------------------------------------------------------------------------------ */

/* The first seed alone: other seeds show the same images under other models. */
static bool is_shown(const ag_page *page, const ag_read_point *point)
{
  return point->progress == AG_PROGRESS_DONE && point->seed == 0 &&
         ag_results_has(&page->results, "examples", point->key);
}

static ag_status put_point(ag_page *page, const ag_read_point *point, examples_plan *plan)
{
  ag_read_examples examples;
  ag_status status = ag_results_examples(&page->results, point->key, &examples);
  const size_t count = ag_minimum(ag_minimum(examples.count, plan->of_each), plan->left);
  for (size_t i = 0; i < count && status == AG_OK; ++i)
    status = put_example(page, point, &examples, i);
  plan->left -= count;
  plan->more = plan->more || count < examples.count;
  ag_read_examples_clear(&examples);
  return status;
}

static ag_status put_pair(ag_page *page, size_t attack, size_t defense, examples_plan *plan)
{
  ag_status status = AG_OK;
  bool any = false;
  for (size_t e = 0; e < page->results.epsilon_count; ++e) {
    const ag_read_point *point = ag_results_point(&page->results, defense, attack, e, 0);
    if (!is_shown(page, point)) continue;
    plan->more = plan->more || plan->left == 0;
    if (plan->left == 0) continue;
    if (!any) {
      ag_sheet_put(&page->sheet, "<h4>");
      ag_sheet_name(&page->sheet, page->results.defenses[defense]);
      ag_sheet_put(&page->sheet, "</h4>\n<div class=\"examples\">\n");
      any = true;
    }
    AG_TRY(put_point(page, point, plan));
  }
cleanup:
  if (any) ag_sheet_put(&page->sheet, "</div>\n");
  return status;
}

static size_t points_of(const ag_page *page, size_t attack)
{
  size_t count = 0;
  for (size_t i = 0; i < page->results.point_count; ++i) {
    const ag_read_point *point = &page->results.points[i];
    count += point->attack == attack && is_shown(page, point);
  }
  return count;
}

bool ag_page_has_examples(const ag_page *page)
{
  for (size_t a = 0; a < page->results.attack_count; ++a) {
    if (points_of(page, a) > 0) return true;
  }
  return false;
}

static ag_status put_attacks(ag_page *page, examples_plan *plan)
{
  ag_status status = AG_OK;
  bool first = true;
  for (size_t a = 0; a < page->results.attack_count; ++a) {
    if (points_of(page, a) == 0) continue;
    ag_sheet_put(&page->sheet, "<details%s><summary>", first ? " open" : "");
    ag_sheet_name(&page->sheet, page->results.attacks[a]);
    ag_sheet_put(&page->sheet, "</summary>\n");
    for (size_t d = 0; d < page->results.defense_count; ++d)
      AG_TRY(put_pair(page, a, d, plan));
    ag_sheet_put(&page->sheet, "</details>\n");
    first = false;
  }
cleanup:
  return status;
}

void ag_page_examples(ag_page *page)
{
  ag_sheet *sheet = &page->sheet;
  examples_plan plan = {.left = ROWS_MAXIMUM};
  for (size_t a = 0; a < page->results.attack_count; ++a)
    plan.points += points_of(page, a);
  if (plan.points == 0) return;
  plan.of_each = ROWS_MAXIMUM / plan.points;
  if (plan.of_each == 0) plan.of_each = 1;
  ag_sheet_put(
      sheet,
      "<section id=\"examples\"><h2>Example images</h2>\n<p class=\"note\">The first images"
      " of the test set, and what the model says of each with its probability. The"
      " perturbation is shown around grey, times the factor below it.%s</p>\n",
      page->results.seed_count > 1 ? " Of the first seed." : "");
  const ag_status status = put_attacks(page, &plan);
  if (sheet->status == AG_OK) sheet->status = status;
  if (plan.more)
    ag_sheet_put(sheet, "<p class=\"note\">There are more in /examples of results.h5.</p>\n");
  ag_sheet_put(sheet, "</section>\n");
}
