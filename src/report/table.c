/* The table of accuracies that ends a run: attack x epsilon for each model. */
#include "advgrid/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS = 8, CELL_SIZE = 16 }; /* epsilons side by side; more go into rows below */

/* The widest half of an interval of all points, by images and by draws. */
typedef struct widths {
  double images, draws;
  bool is_random; /* there are draws to go by */
} widths;

static double half_width(double middle, ag_interval interval)
{
  return fmax(interval.high - middle, middle - interval.low);
}

/* Of a random network judged by single draws. */
static ag_status widen_by_draws(const ag_ledger *ledger, size_t point, const ag_outcome *outcomes,
                                size_t count, widths *widest)
{
  ag_status status = AG_OK;
  ag_point_details details = {0};
  ag_point_draws draws = {0};
  AG_TRY(ag_ledger_details(ledger, point, outcomes, count, &details));
  AG_TRY(ag_point_draws_take(&details, outcomes, &draws));
  if (draws.draws > 1) {
    widest->is_random = true;
    widest->draws = fmax(widest->draws, half_width(draws.summary.mean, draws.summary.interval));
  }
cleanup:
  ag_point_draws_clear(&draws);
  ag_point_details_clear(&details);
  return status;
}

/* widest: may be NULL. */
static ag_status summarise_point(const ag_ledger *ledger, size_t point, ag_summary *summary,
                                 widths *widest)
{
  ag_status status = AG_OK;
  ag_outcome *outcomes = NULL;
  size_t count = 0;
  ag_attack_cost cost;
  double seconds = 0;
  AG_TRY(ag_ledger_outcomes(ledger, point, &outcomes, &count, &cost, &seconds));
  *summary = ag_summarise(outcomes, count);
  if (widest == NULL) goto cleanup;
  widest->images = fmax(widest->images, half_width(summary->robust_accuracy, summary->interval));
  AG_TRY(widen_by_draws(ledger, point, outcomes, count, widest));
cleanup:
  ag_release(&outcomes);
  return status;
}

static ag_status format_cell(const ag_ledger *ledger, size_t point, char cell[CELL_SIZE],
                             widths *widest)
{
  ag_summary summary = {0};
  const ag_progress progress = ag_ledger_point(ledger, point);
  if (progress != AG_PROGRESS_DONE) {
    snprintf(cell, CELL_SIZE, "%s", progress == AG_PROGRESS_FAILED ? "failed" : "-");
    return AG_OK;
  }
  const ag_status status = summarise_point(ledger, point, &summary, widest);
  snprintf(cell, CELL_SIZE, "%.2f", 100 * summary.robust_accuracy);
  return status;
}

/* The first of a model's points: they lie by attack, then epsilon. */
static size_t first_point(const ag_plan *plan, size_t model)
{
  return model * plan->job->attack_count * plan->job->epsilon_count;
}

static ag_status append_rows(const ag_ledger *ledger, size_t model, size_t from, size_t to,
                             widths *widest, ag_text *text)
{
  ag_status status = AG_OK;
  const ag_job *job = ledger->plan->job;
  AG_TRY(ag_text_append(text, "  %-20s", "attack \\ epsilon"));
  for (size_t e = from; e < to; ++e) {
    AG_TRY(ag_text_append(text, " %9s", job->epsilons[e].text));
  }
  for (size_t a = 0; a < job->attack_count; ++a) {
    AG_TRY(ag_text_append(text, "\n  %-20s", job->attacks[a].name));
    for (size_t e = from; e < to; ++e) {
      char cell[CELL_SIZE];
      const size_t point = first_point(ledger->plan, model) + a * job->epsilon_count + e;
      AG_TRY(format_cell(ledger, point, cell, widest));
      AG_TRY(ag_text_append(text, " %9s", cell));
    }
  }
  AG_TRY(ag_text_append(text, "\n"));
cleanup:
  return status;
}

/* Says of rows that no attack made what they are. An abstention is the same at all epsilons. */
static ag_status append_radii(const ag_ledger *ledger, size_t model, size_t attack, ag_text *text)
{
  ag_status status = AG_OK;
  ag_outcome *outcomes = NULL;
  size_t count = 0;
  size_t abstained = 0;
  ag_attack_cost cost;
  double seconds = 0;
  const ag_job *job = ledger->plan->job;
  const size_t point = first_point(ledger->plan, model) + attack * job->epsilon_count;
  if (ag_attack_of(&job->attacks[attack])->finds != AG_FINDS_RADIUS) return AG_OK;
  if (ag_ledger_point(ledger, point) != AG_PROGRESS_DONE) return AG_OK;
  AG_TRY(ag_ledger_outcomes(ledger, point, &outcomes, &count, &cost, &seconds));
  for (size_t i = 0; i < count; ++i)
    abstained += outcomes[i].l2 <= 0;
  AG_TRY(ag_text_append(text,
                        "  %s: certified accuracy at L2 radius epsilon; no class for %zu of %zu "
                        "images (abstentions)\n",
                        job->attacks[attack].name, abstained, count));
cleanup:
  ag_release(&outcomes);
  return status;
}

/* "none: clean 97.20 % of 500 images", from the first point that is done. */
static ag_status append_heading(const ag_ledger *ledger, size_t model, ag_text *text)
{
  const ag_job *job = ledger->plan->job;
  const ag_model_unit *unit = &ledger->plan->models[model];
  const size_t first = first_point(ledger->plan, model);
  for (size_t i = 0; i < job->attack_count * job->epsilon_count; ++i) {
    ag_summary summary = {0};
    if (ag_ledger_point(ledger, first + i) != AG_PROGRESS_DONE) continue;
    const ag_status status = summarise_point(ledger, first + i, &summary, NULL);
    if (status != AG_OK) return status;
    return ag_text_append(text, "%s: clean %.2f %% of %zu images\n", unit->name,
                          100 * summary.clean_accuracy, summary.images);
  }
  const char *failure = ledger->models[model].failure;
  if (failure != NULL) return ag_text_append(text, "%s: %s\n", unit->name, failure);
  return ag_text_append(text, "%s\n", unit->name);
}

ag_status ag_report_table(const ag_ledger *ledger, ag_text *text)
{
  ag_status status = AG_OK;
  const ag_plan *plan = ledger->plan;
  const size_t epsilons = plan->job->epsilon_count;
  widths widest = {0};
  AG_TRY(ag_text_append(text, "%s: accuracy under attack, %% of all evaluated images\n",
                        plan->job->name));
  for (size_t model = 0; model < plan->model_count; ++model) {
    AG_TRY(ag_text_append(text, "\n"));
    AG_TRY(append_heading(ledger, model, text));
    for (size_t from = 0; from < epsilons; from += COLUMNS) {
      const size_t to = from + COLUMNS < epsilons ? from + COLUMNS : epsilons;
      AG_TRY(append_rows(ledger, model, from, to, &widest, text));
    }
    for (size_t attack = 0; attack < plan->job->attack_count; ++attack)
      AG_TRY(append_radii(ledger, model, attack, text));
  }
  if (widest.images > 0) {
    AG_TRY(ag_text_append(text, "\n95 %% Wilson intervals reach at most %.1f points away.\n",
                          100 * widest.images));
  }
  if (widest.is_random) {
    AG_TRY(ag_text_append(text,
                          "95 %% intervals over single draws of the noise reach at most %.1f "
                          "points from their means.\n",
                          100 * widest.draws));
  }
cleanup:
  return status;
}
