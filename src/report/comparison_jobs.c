/* The folders that are compared, and the settings in which their jobs differ. */
#include "report/comparison.h"

#include <math.h>
#include <string.h>

enum { PATH = 200, VALUE = 400 };

void ag_comparison_name(ag_comparison *all, const ag_page *side)
{
  ag_sheet_put(&all->out.sheet, "%zu ", side->number);
  ag_sheet_name(&all->out.sheet, ag_page_job_name(side));
}

/* ---- folders ---------------------------------------------------------------------------------
 */

static void put_folder(ag_comparison *all, const ag_page *side)
{
  ag_page *out = &all->out;
  ag_sheet *sheet = &out->sheet;
  size_t counts[3];
  size_t failed = 0;
  ag_page_count(side, counts);
  for (size_t i = 0; i < side->results.gate_count; ++i)
    failed += strcmp(side->results.gates[i].verdict, "failed") == 0;
  ag_sheet_put(sheet, "<tr><th scope=\"row\">");
  ag_comparison_name(all, side);
  ag_sheet_put(sheet, "</th><td><bdi>");
  ag_sheet_clipped(sheet, side->folder, PATH);
  ag_sheet_put(sheet, "</bdi></td><td>");
  ag_sheet_name(sheet, side->job == NULL ? "" : side->job->model.kind->name);
  ag_sheet_put(sheet, "</td><td class=\"number\">%zu</td><td class=\"number\">%zu</td>",
               side->results.defense_count, side->results.point_count);
  ag_sheet_put(sheet, "<td class=\"number\">%zu</td>", counts[0]);
  ag_page_fixed(out, 0, side->results.gate_count > 0 ? (double)failed : (double)NAN);
  ag_sheet_put(sheet, "</tr>\n");
}

static void put_folders(ag_comparison *all)
{
  static const char *const headings[] = {"job",    "folder", "model",       "defenses",
                                         "points", "done",   "gates failed"};
  enum { TEXTS = 3 };
  ag_page_table_open(&all->out, "The folders", "folders");
  ag_sheet_put(&all->out.sheet, "<thead><tr>\n");
  for (size_t i = 0; i < sizeof headings / sizeof *headings; ++i)
    ag_page_heading(&all->out, headings[i], NULL, i >= TEXTS);
  ag_sheet_put(&all->out.sheet, "</tr></thead><tbody>\n");
  for (size_t i = 0; i < all->count; ++i)
    put_folder(all, &all->sides[i]);
  ag_sheet_put(&all->out.sheet, "</tbody>");
  ag_page_table_close(&all->out);
}

/* ---- settings --------------------------------------------------------------------------------
 */

static void put_value(ag_comparison *all, const char *text)
{
  if (text == NULL || text[0] == '\0') {
    ag_sheet_put(&all->out.sheet, "<td class=\"missing\" data-value=\"\">&ndash;</td>");
    return;
  }
  ag_sheet_put(&all->out.sheet, "<td><bdi>");
  ag_sheet_clipped(&all->out.sheet, text, VALUE);
  ag_sheet_put(&all->out.sheet, "</bdi></td>");
}

/* What a run says of itself, where not all say the same. Returns how many rows these are. */
static size_t put_attributes(ag_comparison *all, bool write)
{
  static const struct {
    const char *name, *label;
  } attributes[] = {{"dataset", "dataset"},         {"dataset_sha256", "SHA-256 of the dataset"},
                    {"advgrid_version", "advgrid"}, {"git_commit", "commit"},
                    {"cpu", "processor"},           {"kernels", "kernels"}};
  size_t count = 0;
  for (size_t i = 0; i < sizeof attributes / sizeof *attributes; ++i) {
    const char *first = ag_results_attribute(&all->sides[0].results, attributes[i].name);
    bool same = true;
    for (size_t k = 1; k < all->count; ++k)
      same = same &&
             strcmp(first, ag_results_attribute(&all->sides[k].results, attributes[i].name)) == 0;
    if (same) continue;
    ++count;
    if (!write) continue;
    ag_sheet_put(&all->out.sheet, "<tr><th scope=\"row\">%s of the last run</th>",
                 attributes[i].label);
    for (size_t k = 0; k < all->count; ++k)
      put_value(all, ag_results_attribute(&all->sides[k].results, attributes[i].name));
    ag_sheet_put(&all->out.sheet, "</tr>\n");
  }
  return count;
}

static void put_settings(ag_comparison *all)
{
  ag_page *out = &all->out;
  ag_page_table_open(out, "Settings that differ", "settings");
  ag_sheet_put(&out->sheet, "<thead><tr>\n");
  ag_page_heading(out, "setting", NULL, false);
  for (size_t i = 0; i < all->count; ++i) {
    ag_sheet_put(&out->sheet, "<th scope=\"col\">");
    ag_comparison_name(all, &all->sides[i]);
    ag_sheet_put(&out->sheet, "</th>\n");
  }
  ag_sheet_put(&out->sheet, "</tr></thead><tbody>\n");
  for (size_t i = 0; i < all->contrast.row_count; ++i) {
    const ag_contrast_row *row = &all->contrast.rows[i];
    ag_sheet_put(&out->sheet, "<tr><th scope=\"row\"><bdi>");
    ag_sheet_html(&out->sheet, row->place);
    ag_sheet_put(&out->sheet, "</bdi></th>");
    for (size_t k = 0; k < all->count; ++k)
      put_value(all, row->texts[k].bytes);
    ag_sheet_put(&out->sheet, "</tr>\n");
  }
  put_attributes(all, true);
  ag_sheet_put(&out->sheet, "</tbody>");
  ag_page_table_close(out);
}

void ag_comparison_jobs(ag_comparison *all)
{
  ag_sheet *sheet = &all->out.sheet;
  ag_sheet_put(sheet, "<section id=\"jobs\"><h2>The jobs</h2>\n");
  put_folders(all);
  if (all->contrast.row_count + put_attributes(all, false) > 0) {
    put_settings(all);
    ag_sheet_put(sheet, "<p class=\"note\">But for names, <code>run:</code> and where the dataset"
                        " lies. A defense or an attack that not all have is in the lists"
                        " alone.</p>\n");
  } else {
    ag_sheet_put(sheet, "<p>As far as their jobs can be read they agree in all settings.</p>\n");
  }
  ag_sheet_put(sheet, "</section>\n");
}
