/* The run itself: what attacks cost, and how long ranks were without work; and where everything
 * comes from. */
#include "report/page.h"

#include <math.h>
#include <string.h>

/* ---- the run --------------------------------------------------------------------------------- */

/* Points that share work share its seconds too: those of one key count once. */
static bool is_first_of_key(const ag_results *results, const ag_read_point *point)
{
  const size_t place = (size_t)(point - results->points);
  const size_t per_model = results->attack_count * results->epsilon_count * results->seed_count;
  for (size_t i = place - place % per_model; i < place; ++i) {
    const ag_read_point *other = &results->points[i];
    if (other->progress == AG_PROGRESS_DONE && strcmp(other->key, point->key) == 0) return false;
  }
  return true;
}

static void cost_row(ag_page *page, size_t attack)
{
  const ag_results *results = &page->results;
  double points = 0;
  double images = 0;
  double seconds = 0;
  double gradients = 0;
  for (size_t i = 0; i < results->point_count; ++i) {
    const ag_read_point *point = &results->points[i];
    if (point->attack != attack || point->progress != AG_PROGRESS_DONE) continue;
    if (!is_first_of_key(results, point)) continue;
    points += 1;
    images += point->images;
    seconds += point->seconds;
    gradients += point->gradients;
  }
  ag_sheet_put(&page->sheet, "<tr><th scope=\"row\">");
  ag_sheet_name(&page->sheet, results->attacks[attack]);
  ag_sheet_put(&page->sheet, "</th>");
  ag_page_fixed(page, 0, points);
  ag_page_fixed(page, 1, points > 0 ? gradients / images : (double)NAN);
  ag_page_fixed(page, 1, points > 0 ? images / seconds : (double)NAN);
  ag_page_short(page, 3, points > 0 ? ag_page_core_hours(page, seconds) / points : (double)NAN);
  ag_page_short(page, 3, points > 0 ? ag_page_core_hours(page, seconds) : (double)NAN);
  ag_sheet_put(&page->sheet, "</tr>\n");
}

static void cost_table(ag_page *page)
{
  static const char *const headings[] = {"points done", "gradients an image", "images/s of a rank",
                                         "core-hours a point", "core-hours"};
  ag_page_table_open(page, "What the attacks cost", "attacks");
  ag_sheet_put(&page->sheet, "<thead><tr>\n");
  ag_page_heading(page, "attack", NULL, false);
  for (size_t i = 0; i < sizeof headings / sizeof *headings; ++i)
    ag_page_heading(page, headings[i], NULL, true);
  ag_sheet_put(&page->sheet, "</tr></thead><tbody>\n");
  for (size_t a = 0; a < page->results.attack_count; ++a)
    cost_row(page, a);
  ag_sheet_put(&page->sheet, "</tbody>");
  ag_page_table_close(page);
}

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
  cost_table(page);
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
