/* How far a folder's job is, from its journal. */
#include "advgrid/report.h"

typedef struct tally {
  size_t all, done, failed;
} tally;

static void count(tally *sum, ag_progress progress)
{
  ++sum->all;
  sum->done += progress == AG_PROGRESS_DONE;
  sum->failed += progress == AG_PROGRESS_FAILED;
}

static ag_status append_tally(ag_text *text, const char *what, const tally *sum)
{
  const ag_status status = ag_text_append(text, "%-8s %6zu of %zu done", what, sum->done, sum->all);
  if (status != AG_OK || sum->failed == 0) {
    return status != AG_OK ? status : ag_text_append(text, "\n");
  }
  return ag_text_append(text, ", %zu failed\n", sum->failed);
}

static ag_status append_failures(const ag_ledger *ledger, ag_text *text)
{
  ag_status status = AG_OK;
  const ag_plan *plan = ledger->plan;
  for (size_t i = 0; i < plan->model_count; ++i) {
    if (ledger->models[i].progress != AG_PROGRESS_FAILED) continue;
    AG_TRY(
        ag_text_append(text, "failed   %s: %s\n", plan->models[i].name, ledger->models[i].failure));
  }
  for (size_t i = 0; i < plan->unit_count; ++i) {
    if (ledger->units[i].progress != AG_PROGRESS_FAILED) continue;
    const ag_point *point = &plan->points[plan->units[i].point];
    char epsilon[AG_NAME_SIZE];
    ag_plan_describe_epsilon(plan, i, " at ", epsilon);
    AG_TRY(ag_text_append(text, "failed   %s, %s%s: %s\n", plan->models[point->model].name,
                          plan->job->attacks[point->attack].name, epsilon,
                          ledger->units[i].failure));
  }
cleanup:
  return status;
}

ag_status ag_report_status(const ag_ledger *ledger, ag_text *text)
{
  ag_status status = AG_OK;
  const ag_plan *plan = ledger->plan;
  tally models = {0};
  tally units = {0};
  double flops = 0;
  for (size_t i = 0; i < plan->model_count; ++i) {
    const ag_progress progress = plan->models[i].from_file ? AG_PROGRESS_DONE
                                                           : ledger->models[i].progress;
    count(&models, progress);
    if (progress == AG_PROGRESS_DONE) flops += plan->models[i].flops;
  }
  for (size_t i = 0; i < plan->unit_count; ++i) {
    count(&units, ledger->units[i].progress);
    if (ledger->units[i].progress == AG_PROGRESS_DONE) flops += plan->units[i].flops;
  }
  AG_TRY(ag_text_append(text, "%s  %.1f %% of the estimated work done\n", plan->job->name,
                        100 * flops / (plan->training_flops + plan->attack_flops)));
  AG_TRY(append_tally(text, "models", &models));
  AG_TRY(append_tally(text, "units", &units));
  if (ledger->runs > 0) {
    const ag_provenance *last = &ledger->provenance;
    AG_TRY(ag_text_append(text, "run %zu   started %s on %s, %u rank%s of %u thread%s\n",
                          ledger->runs, last->started, last->hosts, last->ranks,
                          ag_plural(last->ranks, "", "s"), last->threads,
                          ag_plural(last->threads, "", "s")));
  }
  AG_TRY(append_failures(ledger, text));
cleanup:
  return status;
}
