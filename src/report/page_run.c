/* The run itself: how long ranks were without work; and where everything comes from. */
#include "report/page.h"

#include <math.h>

/* ---- the run --------------------------------------------------------------------------------- */

static void idle_line(ag_page *page)
{
  double seconds = 0;
  double idle = 0;
  double longest = 0;
  for (size_t i = 0; i < page->results.rank_count; ++i) {
    seconds += page->results.ranks[i].seconds;
    idle += page->results.ranks[i].idle_seconds;
    longest = fmax(longest, page->results.ranks[i].seconds);
  }
  if (page->results.rank_count == 0 || !(seconds > 0)) {
    ag_sheet_put(&page->sheet,
                 "<p>How long ranks were without work is not in this file: a run writes it"
                 " at its end.</p>\n");
    return;
  }
  ag_sheet_put(&page->sheet,
               "<p>The last run that came to its end took <b>%.1f s</b> on %zu rank%s, which were"
               " without work for <b>%.2f %%</b> of that time.</p>\n",
               longest, page->results.rank_count, ag_plural(page->results.rank_count, "", "s"),
               100 * idle / seconds);
}

/* Of the trainings whose epochs say it. */
static void communication_line(ag_page *page)
{
  double seconds = 0;
  double exposed = 0;
  for (size_t i = 0; i < page->results.training_count; ++i) {
    const ag_read_training *training = &page->results.trainings[i];
    for (size_t e = 0; e < training->epoch_count; ++e) {
      const ag_read_epoch *epoch = &training->epochs[e];
      if (!isfinite(epoch->seconds) || !isfinite(epoch->exposed_seconds)) continue;
      seconds += epoch->seconds;
      exposed += epoch->exposed_seconds;
    }
  }
  if (!(seconds > 0)) {
    ag_sheet_put(&page->sheet, "<p>How long training waited for messages between ranks is not in"
                               " this file.</p>\n");
    return;
  }
  ag_sheet_put(&page->sheet,
               "<p>Training took <b>%.1f s</b>, all models together; for <b>%.2f %%</b> of that"
               " communication was exposed: ranks waited for each other.</p>\n",
               seconds, 100 * exposed / seconds);
}

static void timeline_note(ag_page *page)
{
  if (page->results.span_count == 0) {
    ag_sheet_put(&page->sheet,
                 "<p class=\"note\">When each rank did what is not in this file.</p>\n");
    return;
  }
  ag_sheet_put(
      &page->sheet,
      "<p class=\"note\">Bars are as fine as the figure can show: of a row each kind of"
      " work has about the share that it had of the time, and what is empty is time without"
      " work that came to its end. Every piece is in /timeline of results.h5.</p>\n");
}

void ag_page_run(ag_page *page)
{
  ag_sheet_put(&page->sheet, "<section id=\"run\"><h2>The run</h2>\n");
  idle_line(page);
  communication_line(page);
  ag_page_figures(page, AG_FIGURE_RANKS);
  timeline_note(page);
  ag_page_costs(page);
  ag_sheet_put(&page->sheet, "</section>\n");
}

/* ---- provenance ------------------------------------------------------------------------------ */

enum { ITEM = 4000 }; /* characters: of hosts there may be many */

static void item(ag_page *page, const char *label, const char *text)
{
  if (text[0] == '\0') return;
  ag_sheet_put(&page->sheet, "<dt>%s</dt><dd>", label);
  ag_sheet_clipped(&page->sheet, text, ITEM);
  ag_sheet_put(&page->sheet, "</dd>\n");
}

static void seeds_item(ag_page *page)
{
  ag_sheet_put(&page->sheet, "<dt>seeds</dt><dd>");
  for (size_t i = 0; i < page->results.seed_count; ++i) {
    ag_sheet_put(&page->sheet, "%s%llu", i > 0 ? ", " : "",
                 (unsigned long long)page->results.seeds[i]);
  }
  ag_sheet_put(&page->sheet, "</dd>\n");
}

void ag_page_provenance(ag_page *page)
{
  static const struct {
    const char *name, *label;
  } items[] = {{"advgrid_version", "advgrid"},
               {"git_commit", "commit"},
               {"dataset", "dataset"},
               {"dataset_sha256", "its SHA-256"},
               {"hosts", "hosts"},
               {"cpu", "processor"},
               {"ranks", "ranks"},
               {"threads", "threads of a rank"},
               {"kernels", "kernels"},
               {"restarts", "restarts"},
               {"mpi", "MPI"},
               {"blas", "BLAS"},
               {"hdf5", "HDF5"},
               {"slurm_job_id", "Slurm job"},
               {"slurm_array_job_id", "array"},
               {"slurm_array_task_id", "array task"},
               {"slurm_nodes", "nodes"},
               {"slurm_restart_count", "requeues"},
               {"job_digest", "SHA-256 of the job"}};
  ag_sheet *sheet = &page->sheet;
  ag_sheet_put(sheet, "<section id=\"provenance\"><h2>Provenance</h2>\n<dl>\n");
  for (size_t i = 0; i < sizeof items / sizeof *items; ++i)
    item(page, items[i].label, ag_results_attribute(&page->results, items[i].name));
  seeds_item(page);
  ag_sheet_put(sheet, "</dl>\n<details class=\"job\" open><summary>The job, with every default"
                      "</summary>\n<pre tabindex=\"0\">");
  ag_sheet_html(sheet, ag_results_attribute(&page->results, "job"));
  ag_sheet_put(sheet, "</pre></details></section>\n");
}
