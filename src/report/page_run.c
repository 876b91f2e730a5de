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

void ag_page_run(ag_page *page)
{
  ag_sheet_put(&page->sheet, "<section id=\"run\"><h2>The run</h2>\n");
  idle_line(page);
  ag_page_figures(page, AG_FIGURE_RANKS);
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
